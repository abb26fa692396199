"""Incidents as rows, as a text to read, and as the document of `homelab incidents --json`."""

from collections.abc import Sequence
from datetime import datetime

from rich.text import Text

from homelab_tui.domain.incident_changes import ChangeKind, IncidentChange
from homelab_tui.domain.incident_values import Incident, Severity
from homelab_tui.present.documents import Document
from homelab_tui.present.table import Cell, Column, Row, printable
from homelab_tui.present.times import local, rfc3339, since

COLUMNS = (
    Column("severity", "SEVERITY"),
    Column("since", "SINCE", align="right"),
    Column("title", "WHAT", max_width=90),
    Column("alert", "ALERT", priority=2),
    Column("node", "NODE", priority=1),
    Column("port", "PORT", priority=3),
)
_SEVERITIES = {
    Severity.CRITICAL: ("✖ critical", "error"),
    Severity.WARNING: ("! warning", "warning"),
    Severity.NOTICE: ("· notice", "dim"),
}


def rows(found: Sequence[Incident], now: datetime) -> tuple[Row, ...]:
    """One row an incident, in their own order."""
    return tuple(_row(incident, now) for incident in found)


def _row(incident: Incident, now: datetime) -> Row:
    word, style = _SEVERITIES[incident.severity]
    age_s = (now - incident.since).total_seconds() if incident.since is not None else None
    cells = (
        Cell(word, style, sort=incident.severity.rank),
        Cell(since(incident.since, now), sort=age_s),
        Cell(incident.title),
        Cell(incident.alert.value if incident.alert is not None else "–"),
        Cell(incident.node or "–"),
        Cell(str(incident.port) if incident.port is not None else "–"),
    )
    return Row(key=incident.key, cells=cells, selectable=False)


def text(incident: Incident, now: datetime) -> Text:
    """Everything that belongs to one incident."""
    word, _ = _SEVERITIES[incident.severity]
    shown = Text()
    shown.append(f"{word}  {printable(incident.title)}\n\n", "bold")
    for evidence in incident.evidence:
        when = f"{local(evidence.at)}  {since(evidence.at, now)} ago" if evidence.at is not None else "now"
        shown.append(f"{when:<28}  ", "dim")
        shown.append(f"{evidence.kind:<8}  {printable(evidence.text)}\n")
    if incident.cures:
        shown.append("\nWhat to do\n", "bold")
    for cure in incident.cures:
        shown.append(f"{printable(cure)}\n")
    return shown


def change_line(change: IncidentChange, now: datetime) -> str:
    """One line of `homelab watch`, with what to do about it."""
    incident = change.incident
    word = "over" if change.kind is ChangeKind.OVER else incident.severity.value
    cure = f"  ({incident.cures[0]})" if incident.cures and change.kind is not ChangeKind.OVER else ""
    lasted = f", since {since(incident.since, now)}" if incident.since is not None else ""
    return printable(f"{local(change.at)}  {word:<8}  {incident.title}{lasted}{cure}")


def change_document(change: IncidentChange) -> Document:
    """One line of `homelab watch --json`, and what `--notify` sends."""
    return {"at": rfc3339(change.at), "change": change.kind.value, "incident": _document(change.incident)}


def document(found: Sequence[Incident], now: datetime) -> Document:
    """`homelab incidents --json`."""
    return {"taken_at": rfc3339(now), "incidents": [_document(incident) for incident in found]}


def _document(incident: Incident) -> Document:
    return {
        "key": incident.key,
        "severity": incident.severity.value,
        "title": incident.title,
        "since": rfc3339(incident.since),
        "node": incident.node,
        "port": str(incident.port) if incident.port is not None else None,
        "jobs": [str(job) for job in incident.jobs],
        "alert": incident.alert.value if incident.alert is not None else None,
        "evidence": [{"at": rfc3339(e.at), "kind": e.kind, "text": e.text} for e in incident.evidence],
        "cures": list(incident.cures),
    }
