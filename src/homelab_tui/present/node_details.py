"""The detail screen of a node: its three worlds (box, port, Jobs) in sections, what is wrong first."""

from collections.abc import Mapping
from datetime import datetime

from homelab_tui.domain.curves import NodeCurves
from homelab_tui.domain.drifts import drift
from homelab_tui.domain.node_findings import fleet, node_findings
from homelab_tui.domain.nodes import NodeFacts
from homelab_tui.domain.poe import SwitchReading
from homelab_tui.domain.power import NodePower, power_loss
from homelab_tui.domain.reading import Reading
from homelab_tui.domain.state import LabState, NodeView
from homelab_tui.domain.witnesses import EXPORTER, KUBERNETES, PROBE
from homelab_tui.present.detail_lines import HEADING, Line
from homelab_tui.present.jobs import reason
from homelab_tui.present.node_system import hardware_lines, system_lines
from homelab_tui.present.port_details import curve_width, port_lines
from homelab_tui.present.sparklines import curve_words
from homelab_tui.present.times import age, local, since, size, watts
from homelab_tui.present.told_by import MARKS, REMEMBERED, marks_of, read_at

_DAYS_SHOWN = 7


def node_lines(
    state: LabState, view: NodeView, now: datetime, curves: NodeCurves | None = None, width: int = 80
) -> list[Line]:
    """Everything that is known of one node. `width`: terminal cells of the screen, which the curves make use of."""
    marks = marks_of(state, view)
    lines = [*_head(state, view, now, marks), *_findings(view, state, now)]
    lines += [("Declared, and measured", HEADING), *_declared(view, marks)]
    lines += [
        ("Temperature and power", HEADING),
        *_power(view, now, curves or NodeCurves(), curve_width(width), marks),
    ]
    lines += [("The port that feeds it", HEADING), *_port(view)]
    if view.facts:
        lines += [("System", HEADING), *system_lines(view, view.facts, now, marks)]
        lines += [("Disks and network", HEADING), *hardware_lines(view.facts, marks)]
    lines += [("Kubernetes", HEADING), *_kubernetes(view)]
    lines += [("Failed Jobs that ran here", HEADING), *_jobs(state, view)]
    return lines


def _head(state: LabState, view: NodeView, now: datetime, marks: Mapping[str, str]) -> list[Line]:
    node = view.node
    reading = next((reading for name, reading in state.probes if name == node.name), None)
    used = "".join(marks.values())
    spoken = [
        f"{MARKS[witness]} {words}{'' if at is None else f' {since(at, now)} ago'}"
        for witness, words in (
            (PROBE, "probe"),
            (EXPORTER, f"node_exporter (Prometheus {view.metrics_from})"),
            (KUBERNETES, "Kubernetes"),
            (REMEMBERED, "remembered"),
        )
        if (at := read_at(state, view, witness)) is not None or MARKS[witness] in used
        if witness == PROBE or MARKS[witness] in used
    ]
    switch = _switch_reading(state, view)
    if switch and switch.value and switch.taken_at:
        spoken.append(f"s {switch.value.name} ({switch.value.source}) {since(switch.taken_at, now)} ago")
    lines: list[Line] = [
        ("state", view.state.value + (f": {view.why}" if view.why else "")),
        ("address", f"{node.host}{f' port {node.port}' if node.port else ''}{f' as {node.user}' if node.user else ''}"),
        ("measured", ", ".join(spoken) or "never"),
    ]
    if reading and reading.problem:
        lines.append(("problem", reading.problem))
    return lines


def _findings(view: NodeView, state: LabState, now: datetime) -> list[Line]:
    found = node_findings(view, fleet(state.node_views), now.date())
    said = [f"! {warning}" for warning in found.warnings] + [f"· {note}" for note in found.notes]
    return [("Findings", HEADING), *(("", one) for one in said)] if said else []


def _declared(view: NodeView, marks: Mapping[str, str]) -> list[Line]:
    facts, spec = view.facts, view.node.spec
    away = {one.field for one in drift(spec, facts)} if facts else set()
    lines: list[Line] = []
    for label, field, declared, measured in (
        ("model", "model", spec.model, facts.model if facts else None),
        ("cores", "cores", _number(spec.cores), _cores(facts)),
        ("memory", "memory_bytes", _size(spec.memory_bytes), _memory(facts)),
        ("disk", "disk_bytes", _size(spec.disk_bytes), _size(facts.disk_bytes) if facts else None),
        ("os", "os", spec.os, facts.os if facts else None),
    ):
        mark = "≠" if field in away else "|"
        told = marks.get("disks" if field == "disk_bytes" else field, "")
        lines.append((label, f"{declared or '–'}  {mark}  {measured or '–'}", told))
    return lines


def _power(view: NodeView, now: datetime, curves: NodeCurves, width: int, marks: Mapping[str, str]) -> list[Line]:
    facts, port, power = view.facts, view.port, view.power
    heat = facts.temperature_c if facts else None
    lines: list[Line] = [
        ("temperature", None if heat is None else f"{heat:.1f} °C", marks.get("temperature_c", "")),
    ]
    if curves.temperature_c:
        lines.append(("", curve_words(curves.temperature_c, "°C", width, digits=0)))
    if port is not None:
        lines.append(("in, at the port", watts(port.power_mw), "s"))
        if curves.port_w:
            lines.append(("", curve_words(curves.port_w, "W", width)))
    hat = facts.hat if facts else None
    if hat is not None:
        current = "–" if hat.current_ma is None else f"{watts(hat.power_mw)}, {hat.current_ma} mA"
        lines.append(("out, at 5 V", current, marks.get("hat", "")))
        if curves.hat_w:
            lines.append(("", curve_words(curves.hat_w, "W", width)))
        loss = power_loss(port.power_mw if port else None, hat.power_mw)
        if loss is not None:
            share = "" if loss.share is None else f", {loss.share:.0%} of what goes in"
            lines.append(("lost between", f"{watts(loss.lost_mw)}{share}"))
    lines += _remembered(power)
    if hat is not None:
        made = " ".join(word for word in (hat.vendor, hat.product, hat.version) if word)
        granted = f", {hat.granted} granted" if hat.granted else ""
        lines.append(
            ("PoE HAT", f"{made or 'unnamed'}{granted}, health {hat.health or 'not told'}", marks.get("hat", ""))
        )
    if facts and facts.fan is not None:
        lines.append(("fan", _fan(facts), marks.get("fan", "")))
    if facts and facts.throttled is not None:
        words = ", ".join(facts.throttled) or "no, and not since it booted"
        lines.append(("throttled", words, marks.get("throttled", "")))
    for one in view.ailments:
        times = f", {one.times} times since {local(one.first_at)}" if one.times > 1 else ""
        lines.append(("", f"{one.flag} last began {local(one.last_at)} ({since(one.last_at, now)} ago){times}"))
    return lines


def _remembered(power: NodePower | None) -> list[Line]:
    """Usual draw and energy per day."""
    if power is None:
        return []
    seen = age(60.0 * power.usual_minutes)
    usual = f"{watts(power.usual_mw)}, learnt from {seen}" if power.usual_mw is not None else f"not learnt yet ({seen})"
    lines: list[Line] = [("usual draw", usual)]
    end = "" if power.witness == "switch" else " at 5 V"
    for number, day in enumerate(power.days[:_DAYS_SHOWN]):
        name = "energy today" if number == 0 else f"energy {day.day}"
        lines.append((name, f"{day.energy_mwh / 1e6:.3f} kWh{end}, {day.share:.0%} of the day sampled"))
    return lines


def _fan(facts: NodeFacts) -> str | None:
    fan = facts.fan
    if fan is None:
        return None
    words = []
    if fan.level is not None:
        words.append(f"step {fan.level} of {fan.levels}" if fan.levels is not None else f"step {fan.level}")
    if fan.duty_percent is not None:
        words.append(f"{fan.duty_percent} %")
    return ", ".join(words)


def _port(view: NodeView) -> list[Line]:
    if view.port is None:
        return [("port", str(view.node.poe) if view.node.poe else "none that is known")]
    lines: list[Line] = [(line[0], line[1], "s" if line[1] else "") for line in port_lines(view.port)]
    return [*lines, ("known", view.port_note)] if view.port_note else lines


def _switch_reading(state: LabState, view: NodeView) -> Reading[SwitchReading] | None:
    """What the switch said last that feeds it."""
    name = view.port.ref.switch if view.port else None
    return next((reading for each, reading in state.switches if each == name), None)


def _kubernetes(view: NodeView) -> list[Line]:
    kube = view.kubernetes
    if kube is None:
        return [("node", "in no cluster that is known here")]
    ready = {True: "Ready", False: "NotReady", None: "unknown"}[kube.ready]
    return [
        ("node", f"{kube.cluster}/{kube.name} {ready}"),
        ("roles", ", ".join(kube.roles) or "worker"),
        ("kubelet", kube.kubelet),
        ("conditions", ", ".join(kube.conditions) or "none"),
        ("schedulable", "no, cordoned" if kube.unschedulable else "yes"),
    ]


def _jobs(state: LabState, view: NodeView) -> list[Line]:
    names = {view.node.name, *([view.kubernetes.name] if view.kubernetes else [])}
    failed = [job for job in state.jobs.jobs if job.node in names and job.state.value in ("failed", "failing")]
    return [("", f"{job.id}  {reason(job)}") for job in failed] or [("", "none")]


def _number(value: int | None) -> str | None:
    return None if value is None else str(value)


def _size(value: int | None) -> str | None:
    return None if value is None else size(value)


def _cores(facts: NodeFacts | None) -> str | None:
    if facts is None or facts.cores is None:
        return None
    return f"{facts.cores} ({facts.threads} threads)" if facts.threads not in (None, facts.cores) else str(facts.cores)


def _memory(facts: NodeFacts | None) -> str | None:
    if facts is None:
        return None
    seen = _size(facts.memory_bytes)
    return f"{size(facts.board_memory_bytes)} on the board, {seen} for the kernel" if facts.board_memory_bytes else seen
