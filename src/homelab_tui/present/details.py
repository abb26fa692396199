"""The detail screens: everything that is known of one row, as label and value lines."""

from datetime import datetime

from rich.text import Text

from homelab_tui.domain.jobs import Job
from homelab_tui.domain.node_findings import fleet, node_findings
from homelab_tui.domain.nodes import NodeFacts, drift
from homelab_tui.domain.poe import PoePort
from homelab_tui.domain.state import LabState, NodeView
from homelab_tui.present.detail_lines import HEADING, Line
from homelab_tui.present.documents import reading_health
from homelab_tui.present.job_details import cronjob_lines, job_lines
from homelab_tui.present.jobs import reason
from homelab_tui.present.key_details import account_lines
from homelab_tui.present.switches import switch_lines
from homelab_tui.present.table import printable
from homelab_tui.present.times import age, since, size, watts
from homelab_tui.present.unknown_keys import unknown_key_lines


def details(state: LabState, key: str, now: datetime) -> tuple[str, Text] | None:
    """Title and text for a row's key; None when the thing is gone."""
    kind, _, name = key.partition(":")
    if kind == "node":
        view = next((view for view in state.node_views if view.node.name == name), None)
        return None if view is None else (printable(f"Node {name}"), _text(node_lines(state, view, now)))
    if kind in ("port", "switch"):
        return _power(state, kind, name, now)
    if kind == "account":
        return printable(f"Account {name}"), _text(account_lines(state, name, now))
    if kind == "found":
        name = name.partition(":")[0]
        return printable(f"Account {name}"), _text(account_lines(state, name, now))
    if kind == "unknown":
        lines = unknown_key_lines(state, name, now)
        return (printable(f"Key {name}"), _text(lines)) if lines else None
    if kind == "job":
        job = next((job for job in state.jobs.jobs if str(job.id) == name), None)
        if job is None:
            return None
        return printable(f"Job {name}"), _text([*job_lines(state, job, now), *_node_of_job_lines(state, job)])
    cronjob = next((cronjob for cronjob in state.jobs.cronjobs if cronjob.key == name), None)
    return None if cronjob is None else (printable(f"CronJob {name}"), _text(cronjob_lines(state, cronjob, now)))


def _power(state: LabState, kind: str, name: str, now: datetime) -> tuple[str, Text] | None:
    for switch, reading in state.switches:
        if kind == "switch" and switch == name:
            word = reading_health(reading, now)
            value = reading.value
            lines: list[Line] = [("model", value.model if value else None), ("health", word.state.value)]
            lines += [("problem", word.problem)] if word.problem else []
            lines += switch_lines(value) if value else []
            return printable(f"Switch {name}"), _text(lines)
        for port in reading.value.ports if reading.value else ():
            if kind == "port" and str(port.ref) == name:
                return printable(f"Port {name}"), _text(port_lines(port))
    return None


def node_lines(state: LabState, view: NodeView, now: datetime) -> list[Line]:
    """One node: identity, health, declared beside measured, power, cluster, and its Jobs that failed."""
    node, facts, spec = view.node, view.facts, view.node.spec
    reading = next((reading for name, reading in state.probes if name == node.name), None)
    lines: list[Line] = [
        ("state", view.state.value + (f": {view.why}" if view.why else "")),
        ("address", f"{node.host}{f' port {node.port}' if node.port else ''}{f' as {node.user}' if node.user else ''}"),
        ("measured", since(reading.taken_at, now) + " ago" if reading and reading.taken_at else "never"),
    ]
    if reading and reading.problem:
        lines.append(("problem", reading.problem))
    lines.append(("Declared and measured", HEADING))
    for label, declared, measured in (
        ("model", spec.model, facts.model if facts else None),
        ("cores", _number(spec.cores), _cores(facts)),
        ("memory", _size(spec.memory_bytes), _memory(facts)),
        ("disk", _size(spec.disk_bytes), _size(facts.disk_bytes) if facts else None),
        ("os", spec.os, facts.os if facts else None),
    ):
        lines.append((label, f"{declared or '–'}  |  {measured or '–'}"))
    if facts:
        lines += [(f"drift in {d.field}", f"declared {d.declared}, found {d.found}") for d in drift(spec, facts)]
        lines += _fact_lines(facts)
    found = node_findings(view, fleet(state.node_views), now.date())
    lines += [("finding", finding) for finding in found.all]
    lines += [("Power", HEADING)]
    lines += (
        port_lines(view.port) if view.port else [("port", str(node.poe) if node.poe else "not fed by a known port")]
    )
    if view.port_note:
        lines.append(("mapping", view.port_note))
    kube = view.kubernetes
    lines.append(("Kubernetes", HEADING))
    if kube is None:
        lines.append(("node", "in no cluster that is known here"))
    else:
        ready = {True: "Ready", False: "NotReady", None: "unknown"}[kube.ready]
        lines += [
            ("node", f"{kube.cluster}/{kube.name} {ready}"),
            ("roles", ", ".join(kube.roles) or "worker"),
            ("kubelet", kube.kubelet),
            ("conditions", ", ".join(kube.conditions) or "none"),
            ("schedulable", "no, cordoned" if kube.unschedulable else "yes"),
        ]
    names = {node.name, *([kube.name] if kube else [])}
    failed = [job for job in state.jobs.jobs if job.node in names and job.state.value in ("failed", "failing")]
    lines.append(("Failed Jobs that ran here", HEADING))
    lines += [(str(job.id), reason(job)) for job in failed] or [("", "none")]
    return lines


def _fact_lines(facts: NodeFacts) -> list[Line]:
    hat = facts.hat
    lines: list[Line] = [
        ("kernel", f"{facts.kernel or '–'} {facts.arch or ''}".strip()),
        ("cpu", facts.cpu_model),
        ("bios", facts.bios),
        ("uptime", age(facts.uptime_s)),
        ("load", None if facts.load1 is None else f"{facts.load1:.2f}"),
        ("memory used", f"{size(facts.memory_used_bytes)} of {size(facts.memory_bytes)}"),
        ("root filesystem", f"{size(facts.root_used_bytes)} of {size(facts.root_size_bytes)}"),
        ("temperature", None if facts.temperature_c is None else f"{facts.temperature_c:.1f} °C"),
        ("throttled", None if facts.throttled is None else ", ".join(facts.throttled) or "no"),
        ("clock", _clock(facts)),
    ]
    if hat is not None:
        current = "–" if hat.current_ma is None else f"{hat.current_ma} mA, {watts(hat.power_mw)} at 5 V"
        lines += [("PoE HAT", hat.product), ("HAT current", current), ("HAT health", hat.health)]
    for disk in facts.disks:
        lines.append((disk.name, f"{size(disk.size_bytes)} {disk.kind} {disk.model or ''}".strip()))
    for interface in facts.interfaces:
        speed = f"{interface.speed_mbps} Mb/s" if interface.speed_mbps else "no link"
        lines.append((interface.name, f"{interface.mac or '–'}  {speed}  {' '.join(interface.addresses)}".strip()))
    if facts.failed_units:
        lines.append(("failed units", ", ".join(facts.failed_units)))
    if facts.reboot_required:
        lines.append(("reboot", "required"))
    return lines


def port_lines(port: PoePort) -> list[Line]:
    """One PoE port."""
    return [
        ("port", f"{port.ref}{f' ({port.label})' if port.label else ''}"),
        ("admin", {True: "on", False: "off", None: None}[port.admin_on]),
        ("detection", port.detection.value if port.detection else None),
        ("class", _number(port.power_class)),
        ("power", None if port.power_mw is None else watts(port.power_mw)),
        ("voltage", None if port.voltage_mv is None else f"{port.voltage_mv / 1000:.1f} V"),
        ("current", None if port.current_ma is None else f"{port.current_ma} mA"),
        (
            "denied / overload / short",
            " / ".join(map(_or_dash, (port.denied_count, port.overload_count, port.short_count))),
        ),
        ("link", _link(port)),
    ]


def _node_of_job_lines(state: LabState, job: Job) -> list[Line]:
    """What is known of the machine that a Job ran on: the Pi browned out, the port is off."""
    view = next((v for v in state.node_views if job.node and job.node in (v.node.name, _kube_name(v))), None)
    if view is None:
        return []
    lines: list[Line] = [
        ("The node it ran on", HEADING),
        (view.node.name, view.state.value + (f": {view.why}" if view.why else "")),
    ]
    lines += [("throttled", ", ".join(view.facts.throttled))] if view.facts and view.facts.throttled else []
    return lines + (port_lines(view.port)[:5] if view.port else [])


def _text(lines: list[Line]) -> Text:
    """Labels in a column; foreign text is made visible, never markup."""
    text = Text()
    width = min(26, max((len(label) for label, value in lines if value != HEADING), default=0))
    for label, value in lines:
        if value == HEADING:
            text.append(f"\n{printable(label)}\n", "bold")
        else:
            text.append(f"{printable(label):<{width}}  ", "dim")
            text.append(f"{printable(value) if value else '–'}\n")
    return text


def _number(value: int | None) -> str | None:
    return None if value is None else str(value)


def _or_dash(value: int | None) -> str:
    return "–" if value is None else str(value)


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


def _clock(facts: NodeFacts) -> str | None:
    if facts.clock_skew_s is None:
        return None
    synchronised = {True: "synchronised", False: "NOT synchronised", None: "unknown"}[facts.clock_synchronised]
    return f"{facts.clock_skew_s:+.0f} s from here, {synchronised}"


def _link(port: PoePort) -> str | None:
    if port.link_up is None:
        return None
    return f"up, {port.speed_mbps} Mb/s" if port.link_up and port.speed_mbps else ("up" if port.link_up else "down")


def _kube_name(view: NodeView) -> str | None:
    return view.kubernetes.name if view.kubernetes else None
