"""What must finish is written down before its first step, so that a `kill -9` in between is found at the next start."""

import os
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from homelab_tui.domain.values import Frozen
from homelab_tui.engine.ports import Clock
from homelab_tui.engine.records import Record, RecordFile

REFUSED = "refused"
"""Outcome of an operation whose very first step was refused: nothing happened."""
_KEPT_RECORDS = 200
_CLOCK_JUMP_S = 5.0


class JournalEntry(Frozen):
    """One must-finish operation that was begun and never ended."""

    id: str
    kind: str
    target: str
    begun_at: datetime
    details: tuple[tuple[str, str], ...]
    """What a repair needs to know: for a port its switch, group and number."""

    def detail(self, name: str) -> str | None:
        """One of the details."""
        return next((value for key, value in self.details if key == name), None)


class Journal:
    """`journal.jsonl` in the state directory; shared by every homelab process of this user."""

    def __init__(self, directory: Path, clock: Clock) -> None:
        self._file = RecordFile(directory / "journal.jsonl", max_bytes=200_000, compact=_compacted)
        self._clock = clock

    def begin(
        self,
        kind: str,
        target: str,
        details: Mapping[str, str],
        *,
        check: Callable[["JournalView"], None] = lambda _view: None,
    ) -> str:
        """Write the intent to the disk; returns its id. Raises OSError: then do not begin.

        `check` sees the journal while no other process can write to it; what it raises prevents the entry.
        """
        entry_id = uuid.uuid4().hex
        self._file.append(
            {
                "id": entry_id,
                "event": "begin",
                "kind": kind,
                "target": target,
                "at": self._clock.now().isoformat(),
                "pid": os.getpid(),
                "process": _process_identity(os.getpid()),
                "details": dict(details),
            },
            sync=True,
            check=lambda records: check(JournalView(records, self._clock.now())),
        )
        return entry_id

    def end(self, entry_id: str, outcome: str) -> None:
        """The operation reached its end, whatever it was; nothing is left to repair. Raises OSError."""
        self._note(entry_id, "end", outcome)

    def leave(self, entry_id: str, why: str) -> None:
        """The operation was given up: it is to be repaired, although its process goes on. Raises OSError."""
        self._note(entry_id, "left", why)

    def read(self) -> "JournalView":
        """The journal as it is now. Raises OSError."""
        return JournalView([*self._file.records()], self._clock.now())

    def unfinished(self) -> tuple[JournalEntry, ...]:
        """Entries that were given up, or begun by a process that is gone, and never ended. Raises OSError."""
        return self.read().unfinished()

    def last(self, kind: str, target: str) -> datetime | None:
        """When an operation of that kind last began on that target, by any process. Raises OSError."""
        return self.read().last(kind, target)

    def _note(self, entry_id: str, event: str, outcome: str) -> None:
        record = {"id": entry_id, "event": event, "at": self._clock.now().isoformat(), "outcome": outcome}
        self._file.append(record, sync=True)


class JournalView:
    """The records of a journal at one moment."""

    def __init__(self, records: Sequence[Record], now: datetime) -> None:
        self._records = records
        self._now = now

    def unfinished(self) -> tuple[JournalEntry, ...]:
        """Entries that were given up, or begun by a process that is gone, and never ended."""
        left = {str(record.get("id")) for record in self._records if record.get("event") == "left"}
        return tuple(_entries(r for key, r in _open(self._records).items() if key in left or not _is_alive(r)))

    def under_way(self, target: str) -> bool:
        """Whether a living process is doing something to that target right now."""
        left = {str(record.get("id")) for record in self._records if record.get("event") == "left"}
        begun = _open(self._records).items()
        return any(key not in left and r.get("target") == target and _is_alive(r) for key, r in begun)

    def last(self, kind: str, target: str) -> datetime | None:
        """When an operation of that kind last began on that target; one that was refused at once does not count.

        A time in the future is not believed: the clock was set back since.
        """
        refused = {str(r.get("id")) for r in self._records if r.get("outcome") == REFUSED}
        times = [
            at
            for record in self._records
            if record.get("event") == "begin"
            and (record.get("kind"), record.get("target")) == (kind, target)
            and str(record.get("id")) not in refused
            and (at := _time(record.get("at"))) is not None
            and (at - self._now).total_seconds() <= _CLOCK_JUMP_S
        ]
        return max(times, default=None)


def _open(records: Iterable[Record]) -> dict[str, Record]:
    """The beginnings without an end, by id."""
    begun: dict[str, Record] = {}
    for record in records:
        key = str(record.get("id"))
        if record.get("event") == "begin":
            begun[key] = record
        elif record.get("event") == "end":
            begun.pop(key, None)
    return begun


def _compacted(records: list[Record]) -> list[Record]:
    """Everything of what is unfinished, however old, and the newest of the rest."""
    unfinished = _open(records).keys()
    newest = len(records) - _KEPT_RECORDS
    return [record for place, record in enumerate(records) if place >= newest or str(record.get("id")) in unfinished]


def _entries(records: Iterable[Record]) -> Iterator[JournalEntry]:
    for record in records:
        details = record.get("details")
        yield JournalEntry(
            id=str(record.get("id")),
            kind=str(record.get("kind")),
            target=str(record.get("target")),
            begun_at=_time(record.get("at")) or datetime.fromtimestamp(0, UTC),
            details=tuple((str(k), str(v)) for k, v in details.items()) if isinstance(details, dict) else (),
        )


def _is_alive(record: Mapping[str, object]) -> bool:
    """Whether the process that began it still runs: same pid and same start, because pids are used again."""
    pid = record.get("pid")
    if not isinstance(pid, int) or pid <= 0:
        return False
    identity = _process_identity(pid)
    return identity is not None and identity == record.get("process")


def _process_identity(pid: int) -> str | None:
    """Boot id and start time of a process: unique over pid re-use and reboots. None when there is no such process."""
    stat = Path(f"/proc/{pid}/stat")
    try:
        fields = stat.read_text(errors="replace").rpartition(")")[2].split()
        # A zombie has ended; only its parent has not looked yet.
        return None if fields[0] in ("Z", "X") else f"{_boot_id()}:{fields[19]}"
    except (OSError, IndexError):
        if Path("/proc/self/stat").exists():
            return None
    try:
        os.kill(pid, 0)  # no /proc (not Linux): the pid alone has to do
    except PermissionError:
        return str(pid)
    except (OSError, OverflowError):
        return None
    return str(pid)


def _boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def _time(text: object) -> datetime | None:
    try:
        return datetime.fromisoformat(str(text)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
