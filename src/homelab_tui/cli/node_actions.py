"""`homelab nodes wake|reboot|cordon|uncordon|drain|rolling`."""

import argparse
import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

from homelab_tui.cli.confirming import confirm, declined
from homelab_tui.cli.jobs import source_status
from homelab_tui.cli.output import print_results
from homelab_tui.cli.session import run_with_lab
from homelab_tui.domain.errors import UsageError
from homelab_tui.domain.operations import Result
from homelab_tui.domain.state import LabState, NodeView
from homelab_tui.engine.lab import Lab
from homelab_tui.engine.nodes import find_node
from homelab_tui.engine.poe import find_port
from homelab_tui.engine.rolling import Restart, RollingRestart
from homelab_tui.present.documents import reading_health, together

_NEEDS_CLUSTER = ("cordon", "uncordon", "drain", "rolling")


def act(options: argparse.Namespace) -> int:
    """Read, plan, confirm, do, follow. One result per node."""

    async def command(lab: Lab) -> int:
        nodes = tuple(dict.fromkeys(find_node(lab.config.nodes, name) for name in options.nodes))
        # Whether a node is a control plane decides how a plan is confirmed, so the clusters are read for a reboot too.
        state = await lab.read(("reach", "clusters") if options.verb == "wake" else ("nodes", "clusters"))
        views = tuple(replace(_view(state, node.name), node=node) for node in nodes)
        status = 0
        if options.verb in _NEEDS_CLUSTER:
            status = source_status([together([reading_health(r, lab.clock.now()) for _, r in state.clusters])])
        plan = lab.nodes.plan(options.verb, views, force=options.force)
        if plan.refusals:
            why = "; ".join(plan.refusals)
            refused = [Result(node.account, ok=False, changed=False, detail=why) for node in nodes]
            printed = print_results(refused, as_json=options.json, dry_run=options.dry_run)
            return status or printed
        if options.dry_run:
            steps = zip(nodes, plan.steps, strict=True)
            would = [Result(n.account, ok=True, changed=True, detail=f"{options.verb}: {s.text}") for n, s in steps]
            return print_results(would, as_json=options.json, dry_run=True)
        if not confirm(plan, options):
            return declined()
        return print_results(await _carry_out(lab, options, views), as_json=options.json)

    return run_with_lab(options.config, command)


async def _carry_out(lab: Lab, options: argparse.Namespace, views: tuple[NodeView, ...]) -> tuple[Result, ...]:
    nodes = lab.nodes
    if options.verb == "rolling":
        return await RollingRestart(nodes, _cycling(lab) if options.cycle else None).run(views, force=options.force)
    acts: dict[str, Callable[[NodeView], Awaitable[Result]]] = {
        "wake": nodes.wake,
        "reboot": nodes.reboot,
        "cordon": lambda view: nodes.cordon(view, on=True),
        "uncordon": lambda view: nodes.cordon(view, on=False),
        "drain": lambda view: nodes.drain(view, force=options.force),
    }
    return tuple(await asyncio.gather(*(acts[options.verb](view) for view in views)))


def _cycling(lab: Lab) -> Restart:
    """A restart by the PoE port that feeds the node, with every safeguard of `poe cycle`."""

    async def restart(view: NodeView) -> Result:
        state = await lab.read(("switches",))
        try:
            target = find_port(state, view.node.name)
        except UsageError as error:
            return Result(view.node.name, ok=False, changed=False, detail=str(error))
        return await lab.poe.cycle(target)

    return restart


def _view(state: LabState, name: str) -> NodeView:
    return next(view for view in state.node_views if view.node.name == name)
