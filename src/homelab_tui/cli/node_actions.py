"""`homelab nodes wake|reboot|cordon|uncordon|drain|rolling`."""

import argparse
import asyncio
from collections.abc import Awaitable, Callable

from homelab_tui.cli.confirming import confirm, declined
from homelab_tui.cli.jobs import source_status
from homelab_tui.cli.output import print_results
from homelab_tui.cli.session import run_with_lab
from homelab_tui.domain.operations import Plan, Result
from homelab_tui.domain.state import LabState, NodeView
from homelab_tui.domain.values import replace
from homelab_tui.engine.lab import Lab
from homelab_tui.engine.nodes import find_node
from homelab_tui.engine.restarts import CYCLE, REBOOT
from homelab_tui.present.documents import reading_health, together

_NEEDS_CLUSTER = ("cordon", "uncordon", "drain", "rolling")


def act(options: argparse.Namespace) -> int:
    """Read, plan, confirm, do, follow. One result per node."""

    async def command(lab: Lab) -> int:
        nodes = tuple(dict.fromkeys(find_node(lab.config.nodes, name) for name in options.nodes))
        # Whether a node is a control plane decides how a plan is confirmed, so the clusters are read for a reboot too.
        asked = ("reach" if options.verb == "wake" else "nodes", "clusters", *(("switches",) if options.cycle else ()))
        state = await lab.read(asked)
        views = tuple(replace(_view(state, node.name), node=node) for node in nodes)
        status = 0
        if options.verb in _NEEDS_CLUSTER or options.drain:
            status = source_status([together([reading_health(r, lab.clock.now()) for _, r in state.clusters])])
        plan = await _plan(lab, options, views)
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
    if options.verb == "rolling" or options.drain:
        return await lab.restarts.run(views, by=_way(options), force=options.force)
    acts: dict[str, Callable[[NodeView], Awaitable[Result]]] = {
        "wake": nodes.wake,
        "reboot": nodes.reboot,
        "cordon": lambda view: nodes.cordon(view, on=True),
        "uncordon": lambda view: nodes.cordon(view, on=False),
        "drain": lambda view: nodes.drain(view, force=options.force),
    }
    return tuple(await asyncio.gather(*(acts[options.verb](view) for view in views)))


async def _plan(lab: Lab, options: argparse.Namespace, views: tuple[NodeView, ...]) -> Plan:
    if options.verb == "rolling" or options.drain:
        return await lab.restarts.plan(views, by=_way(options), force=options.force)
    plan = lab.nodes.plan(options.verb, views, force=options.force)
    return await lab.nodes.with_drains(plan, views, force=options.force) if options.verb == "drain" else plan


def _way(options: argparse.Namespace) -> str:
    return CYCLE if options.cycle else REBOOT


def _view(state: LabState, name: str) -> NodeView:
    return next(view for view in state.node_views if view.node.name == name)
