"""The detail screens: everything that is known of one row, as label and value lines."""

from collections.abc import Sequence
from datetime import datetime

from rich.text import Text

from homelab_tui.domain.curves import NodeCurves
from homelab_tui.domain.jobs import Job
from homelab_tui.domain.state import LabState, NodeView
from homelab_tui.present.detail_lines import HEADING, Line
from homelab_tui.present.documents import reading_health
from homelab_tui.present.job_details import cronjob_lines, job_lines
from homelab_tui.present.key_details import account_lines
from homelab_tui.present.node_details import node_lines
from homelab_tui.present.port_details import port_lines
from homelab_tui.present.switches import switch_lines
from homelab_tui.present.table import printable
from homelab_tui.present.unknown_keys import unknown_key_lines


def details(
    state: LabState, key: str, now: datetime, curves: NodeCurves | None = None, width: int = 80
) -> tuple[str, Text] | None:
    """Title and text for a row's key; None when the thing is gone.

    `curves`: what can be drawn of a node or a port, `width`: of the screen, in terminal cells.
    """
    kind, _, name = key.partition(":")
    if kind == "node":
        view = next((view for view in state.node_views if view.node.name == name), None)
        return None if view is None else (printable(f"Node {name}"), _text(node_lines(state, view, now, curves, width)))
    if kind in ("port", "switch"):
        return _power(state, kind, name, now, curves, width)
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


def _power(
    state: LabState, kind: str, name: str, now: datetime, curves: NodeCurves | None, width: int
) -> tuple[str, Text] | None:
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
                return printable(f"Port {name}"), _text(port_lines(port, curves, width))
    return None


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


def _text(lines: Sequence[Line]) -> Text:
    """Labels in a column, who tells the values in a narrow one; foreign text is made visible, never markup."""
    text = Text()
    width = min(26, max((len(line[0]) for line in lines if line[1] != HEADING), default=0))
    marks = max(len(_mark(line)) for line in lines) if lines else 0
    for line in lines:
        label, value = line[0], line[1]
        if value == HEADING:
            text.append(f"\n{printable(label)}\n", "bold")
        else:
            mark = f" {_mark(line):<{marks}}" if marks else ""
            text.append(f"{printable(label):<{width}}{mark}  ", "dim")
            text.append(f"{printable(value) if value else '–'}\n")
    return text


def _mark(line: Line) -> str:
    return line[2] if len(line) == 3 else ""


def _number(value: int | None) -> str | None:
    return None if value is None else str(value)


def _kube_name(view: NodeView) -> str | None:
    return view.kubernetes.name if view.kubernetes else None
