"""`homelab poe`: the ports, and switching them."""

import argparse

from homelab_tui.cli.confirming import confirm, declined
from homelab_tui.cli.jobs import source_status
from homelab_tui.cli.output import print_json, print_results, print_table, tell
from homelab_tui.cli.session import run_with_lab
from homelab_tui.domain.errors import UsageError
from homelab_tui.domain.operations import Result
from homelab_tui.domain.poe import PoePort, budget_mw, drawn_mw, has_room, reserved_mw
from homelab_tui.domain.state import LabState
from homelab_tui.engine.lab import Lab
from homelab_tui.engine.poe import PortTarget, find_port
from homelab_tui.engine.restarts import CYCLE
from homelab_tui.present.documents import poe_document, reading_health, together
from homelab_tui.present.switches import reserved_by, room_words
from homelab_tui.present.times import watts


def listing(options: argparse.Namespace) -> int:
    """`homelab poe`."""

    async def command(lab: Lab) -> int:
        state = await lab.read(("switches",))
        now = lab.clock.now()
        if options.json:
            print_json(poe_document(state, lab.config, now))
        else:
            _print(state)
        return source_status([together([reading_health(reading, now) for _, reading in state.switches])])

    return run_with_lab(options.config, command)


def _print(state: LabState) -> None:
    for name, reading in state.switches:
        if reading.value is None:
            tell(f"{name}: {reading.problem or 'not read'}")
            continue
        value = reading.value
        drawn, reserved, budget = drawn_mw(value), reserved_mw(value), budget_mw(value)
        words = [f"{watts(drawn)} drawn", f"{watts(reserved)} reserved by {reserved_by(value)}", f"of {watts(budget)}"]
        words += [room for room in (room_words(has_room(value)),) if room]
        if (drawn, reserved, budget) != (None, None, None):
            tell(f"{name}: {', '.join(words)}")
        for finding in value.findings:
            tell(f"{name}: {finding}")
    feeds = {(v.port.ref if v.port else v.node.poe): v.node.name for v in state.node_views}
    ports = [port for _, reading in state.switches if reading.value for port in reading.value.ports]
    headers = ["port", "node", "label", "admin", "detection", "class", "power", "denied", "overload", "short"]
    print_table(headers, [_row(port, feeds.get(port.ref)) for port in ports], right=frozenset({5, 6, 7, 8, 9}))


def _row(port: PoePort, node: str | None) -> list[str]:
    return [
        str(port.ref),
        node or "–",
        port.label or "–",
        "–" if port.admin_on is None else ("on" if port.admin_on else "off"),
        port.detection.value if port.detection else "–",
        "–" if port.power_class is None else str(port.power_class),
        watts(port.power_mw),
        *("–" if n is None else str(n) for n in (port.denied_count, port.overload_count, port.short_count)),
    ]


async def _drained(lab: Lab, options: argparse.Namespace, target: PortTarget) -> int:
    """`poe cycle --drain`: what `nodes rolling --cycle` does, to one node."""
    if target.node is None:
        raise UsageError(f"--drain: nobody knows which node {target.ref} feeds")
    if not lab.nodes.is_followable(target.node):
        raise UsageError(f"--drain: {target.node.node.name} is in no cluster of the configuration")
    plan = await lab.restarts.plan([target.node], by=CYCLE, force=options.force)
    name = target.node.node.name
    if plan.refusals:
        refused = [Result(name, ok=False, changed=False, detail="; ".join(plan.refusals))]
        return print_results(refused, as_json=options.json, dry_run=options.dry_run)
    if options.dry_run:
        would = [Result(name, ok=True, changed=True, detail=f"{plan.title}: {plan.steps[0].text}")]
        return print_results(would, as_json=options.json, dry_run=True)
    if not confirm(plan, options):
        return declined()
    results = await lab.restarts.run([target.node], by=CYCLE, force=options.force)
    return print_results(results, as_json=options.json)


def act(options: argparse.Namespace) -> int:
    """`homelab poe on|off|cycle TARGET`."""

    async def command(lab: Lab) -> int:
        state = await lab.read(("switches", "reach", "clusters") if options.verb != "on" else ("switches",))
        target = find_port(state, options.target)
        status = source_status([together([reading_health(target.reading, lab.clock.now())])])
        if options.drain:
            return await _drained(lab, options, target)
        plan = lab.poe.plan(options.verb, [target])
        if plan.refusals:
            refused = [Result(options.target, ok=False, changed=False, detail="; ".join(plan.refusals))]
            return status or print_results(refused, as_json=options.json, dry_run=options.dry_run)
        if options.dry_run:
            would = [Result(options.target, ok=True, changed=True, detail=f"{plan.title}: {plan.steps[0].text}")]
            return print_results(would, as_json=options.json, dry_run=True)
        if not confirm(plan, options):
            return declined()
        if options.verb == "cycle":
            result = await lab.poe.cycle(target)
        else:
            result = await lab.poe.switch(target, on=options.verb == "on")
        return print_results([result], as_json=options.json)

    return run_with_lab(options.config, command)
