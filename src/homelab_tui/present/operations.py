"""Operations on their rows: what is being done to a thing replaces its state for as long as it takes."""

from collections.abc import Collection, Iterable
from datetime import datetime
from operator import itemgetter

from homelab_tui.domain.operations import Operation
from homelab_tui.present.table import Cell

SHOWN_S = 20.0
"""How long the end of an operation stays on its row."""


class Acts:
    """The operations of one state, for rows that ask whether one of them is about their things."""

    def __init__(self, operations: Iterable[Operation], now: datetime) -> None:
        self._newest = {operation.target: (place, operation) for place, operation in enumerate(operations)}
        self._now = now

    @property
    def targets(self) -> Collection[str]:
        """Keys of everything that one of them is about."""
        return self._newest.keys()

    def cell(self, *targets: str) -> Cell | None:
        """The state cell of a row whose target is being acted on, or just was and failed; None otherwise."""
        for operation in self._about(targets):
            if operation.is_busy:
                return Cell(f"◐ {operation.stage}", "busy")
            if _is_fresh_failure(operation, self._now):
                return Cell("✖ not done", "error")
        return None

    def note(self, *targets: str) -> Cell | None:
        """How the last operation on a row ended, for as long as that is news."""
        for operation in self._about(targets):
            if operation.result is None or operation.ended_at is None:
                continue
            if (self._now - operation.ended_at).total_seconds() > SHOWN_S:
                return None
            return Cell(operation.result.detail, "ok" if operation.result.ok else "error")
        return None

    def _about(self, targets: Iterable[str]) -> list[Operation]:
        """The newest first."""
        found = [self._newest[target] for target in targets if target in self._newest]
        return [operation for _, operation in sorted(found, key=itemgetter(0), reverse=True)]


def _is_fresh_failure(operation: Operation, now: datetime) -> bool:
    if operation.result is None or operation.result.ok or operation.ended_at is None:
        return False
    return (now - operation.ended_at).total_seconds() <= SHOWN_S
