"""The activity log: who did what to which target, when, with what result. JSON lines, rotated, no secrets."""

import getpass
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from homelab_tui.domain.operations import Result
from homelab_tui.domain.values import Frozen
from homelab_tui.engine.ports import Clock
from homelab_tui.engine.records import RecordFile

_MAX_DETAIL = 2_000
"""Characters; a sentence from outside may be longer than any log is worth."""


class Activity(Frozen):
    """One line of the activity log."""

    at: datetime
    who: str
    kind: str
    target: str
    ok: bool
    changed: bool
    detail: str


class ActivityLog:
    """`activity.jsonl` in the state directory: 1 MB, and three older files."""

    def __init__(self, directory: Path, clock: Clock) -> None:
        self._file = RecordFile(directory / "activity.jsonl")
        self._clock = clock

    def record(self, kind: str, result: Result) -> None:
        """Write down how an action ended, soon: `flush` waits for it. A full disk is logged and stops nothing."""
        self._file.append_soon(
            {
                "at": self._clock.now().isoformat(timespec="seconds").replace("+00:00", "Z"),
                "who": _user(),
                "kind": kind,
                "target": result.target,
                "ok": result.ok,
                "changed": result.changed,
                "detail": result.detail[:_MAX_DETAIL],
            }
        )

    def flush(self) -> None:
        """Wait until every action is written down."""
        self._file.flush()

    def entries(self) -> Iterator[Activity]:
        """Everything that is still in the log, oldest first. Raises OSError when it cannot be read."""
        for record in self._file.records():
            try:
                at = datetime.fromisoformat(str(record["at"]).replace("Z", "+00:00"))
                yield Activity(
                    at=at.astimezone(UTC),
                    who=str(record["who"]),
                    kind=str(record["kind"]),
                    target=str(record["target"]),
                    ok=bool(record["ok"]),
                    changed=bool(record["changed"]),
                    detail=str(record["detail"]),
                )
            except (KeyError, ValueError):
                continue


@cache
def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())
