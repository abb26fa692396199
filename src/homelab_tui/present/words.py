"""Glyph, word and style for every state, in one place: colour is never the only signal."""

from functools import lru_cache

from homelab_tui.domain.jobs import AlertState, JobState, RunResult, Verdict, Witness
from homelab_tui.domain.keys import CellState, HostKeyState
from homelab_tui.domain.nodes import NodeState
from homelab_tui.domain.poe import Detection
from homelab_tui.domain.reading import HealthState
from homelab_tui.present.table import Cell

Look = tuple[str, str]
"""Glyph and style name."""

NODE_STATES: dict[NodeState, Look] = {
    NodeState.UP: ("●", "ok"),
    NodeState.DOWN: ("✖", "error"),
    NodeState.HUNG: ("‼", "error"),
    NodeState.REBOOTING: ("◐", "busy"),
    NodeState.UNKNOWN: ("?", "dim"),
}
DETECTIONS: dict[Detection, Look] = {
    Detection.DELIVERING: ("●", "ok"),
    Detection.SEARCHING: ("○", "dim"),
    Detection.DISABLED: ("–", "warning"),
    Detection.FAULT: ("✖", "error"),
    Detection.OTHER_FAULT: ("✖", "error"),
    Detection.TEST: ("?", "dim"),
}
JOB_STATES: dict[JobState, Look] = {
    JobState.FAILED: ("✖", "error"),
    JobState.FAILING: ("▼", "error"),
    JobState.RUNNING: ("▶", "busy"),
    JobState.COMPLETE: ("✔", "ok"),
    JobState.SUSPENDED: ("‖", "dim"),
    JobState.PENDING: ("…", "dim"),
    JobState.DELETING: ("⌫", "busy"),
}
VERDICTS: dict[Verdict, Look] = {
    Verdict.FAILING: ("✖", "error"),
    Verdict.NEVER_SUCCEEDED: ("✖", "error"),
    Verdict.MISSED: ("!", "warning"),
    Verdict.RECOVERED: ("↻", "warning"),
    Verdict.FLAKY: ("~", "warning"),
    Verdict.RUNNING: ("▶", "busy"),
    Verdict.UNKNOWN: ("?", "dim"),
    Verdict.SUSPENDED: ("‖", "dim"),
    Verdict.OK: ("✔", "ok"),
    Verdict.NEW: ("○", "dim"),
}
"""In the order of their urgency."""
RUNS: dict[RunResult, Look] = {
    RunResult.OK: ("✔", "ok"),
    RunResult.FAILED: ("✖", "error"),
    RunResult.RUNNING: ("▶", "busy"),
    RunResult.UNKNOWN: ("·", "dim"),
}
ALERTS: dict[AlertState, Look] = {
    AlertState.FIRING: ("▲", "error"),
    AlertState.PENDING: ("△", "warning"),
    AlertState.SILENCED: ("○", "dim"),
    AlertState.INHIBITED: ("○", "dim"),
}
HOST_KEYS: dict[HostKeyState, Look] = {
    HostKeyState.TRUSTED: ("✔", "ok"),
    HostKeyState.NEW_TYPE: ("?", "warning"),
    HostKeyState.UNKNOWN: ("?", "warning"),
    HostKeyState.CHANGED: ("✖", "error"),
    HostKeyState.REVOKED: ("✖", "error"),
}
CELLS: dict[CellState, Look] = {
    CellState.PRESENT: ("✔", "ok"),
    CellState.RESTRICTED: ("◐", "accent"),
    CellState.DUPLICATE: ("‖", "warning"),
    CellState.EXPIRED: ("✖", "warning"),
    CellState.CA: ("★", "accent"),
    CellState.IGNORED: ("!", "error"),
}
HEALTHS: dict[HealthState, Look] = {
    HealthState.OK: ("●", "ok"),
    HealthState.STARTING: ("◌", "dim"),
    HealthState.STALE: ("◐", "warning"),
    HealthState.DOWN: ("✖", "error"),
    HealthState.NO_DATA: ("!", "warning"),
    HealthState.OFF: ("–", "dim"),
}

NOTHING = Cell("–", "dim", sort="")
"""A value that nobody told. It is not 0."""


@lru_cache(maxsize=4096)
def common_cell(text: str, style: str = "", sort: float | None = None) -> Cell:
    """A cell of which many rows have one just like it: they share it."""
    return Cell(text, style, sort)


@lru_cache(maxsize=512)  # thousands of rows say the same few words
def state_cell(look: Look, word: str, sort: float | None = None) -> Cell:
    """`✖ failed` in its style."""
    glyph, style = look
    return Cell(f"{glyph} {word}", style, sort)


def alert_cell(alert: AlertState | None) -> Cell:
    """Where the alert stands."""
    return Cell("–", "dim", sort="") if alert is None else state_cell(ALERTS[alert], alert.value)


@lru_cache(maxsize=16)
def seen_cell(seen_by: tuple[Witness, ...]) -> Cell:
    """Which worlds know it: `P+K`, `P`, `K`."""
    letters = {Witness.PROMETHEUS: "P", Witness.KUBERNETES: "K"}
    text = "+".join(letters[witness] for witness in (Witness.PROMETHEUS, Witness.KUBERNETES) if witness in seen_by)
    return Cell(text or "–", "dim")


LEGEND: tuple[tuple[str, str], ...] = (
    ("Nodes", "  ".join(f"{NODE_STATES[s][0]} {s.value}" for s in NodeState)),
    ("Jobs", "  ".join(f"{JOB_STATES[s][0]} {s.value}" for s in JobState)),
    ("CronJobs", "  ".join(f"{look[0]} {verdict.value}" for verdict, look in VERDICTS.items())),
    ("Alerts", "  ".join(f"{ALERTS[s][0]} {s.value}" for s in AlertState)),
    ("Keys", "  ".join(f"{CELLS[s][0]} {s.value}" for s in CellState)),
    ("Sources", "  ".join(f"{HEALTHS[s][0]} {s.value}" for s in HealthState)),
)
"""What the glyphs mean, for the help screen."""
