"""Operations on their rows: what is being done to a thing replaces its state for as long as it takes."""

from collections.abc import Iterable
from datetime import datetime

from homelab_tui.domain.operations import Operation
from homelab_tui.present.table import Cell

SHOWN_S = 20.0
"""How long the end of an operation stays on its row."""


def operation_cell(operations: Iterable[Operation], targets: Iterable[str], now: datetime) -> Cell | None:
    """The state cell of a row whose target is being acted on, or just was and failed; None otherwise."""
    wanted = set(targets)
    for operation in reversed(tuple(operations)):
        if operation.target not in wanted:
            continue
        if operation.is_busy:
            return Cell(f"◐ {operation.stage}", "busy")
        if _is_fresh_failure(operation, now):
            return Cell("✖ not done", "error")
    return None


def operation_note(operations: Iterable[Operation], targets: Iterable[str], now: datetime) -> Cell | None:
    """How the last operation on a row ended, for as long as that is news."""
    wanted = set(targets)
    for operation in reversed(tuple(operations)):
        if operation.target not in wanted or operation.result is None or operation.ended_at is None:
            continue
        if (now - operation.ended_at).total_seconds() > SHOWN_S:
            return None
        return Cell(operation.result.detail, "ok" if operation.result.ok else "error")
    return None


def _is_fresh_failure(operation: Operation, now: datetime) -> bool:
    if operation.result is None or operation.result.ok or operation.ended_at is None:
        return False
    return (now - operation.ended_at).total_seconds() <= SHOWN_S
