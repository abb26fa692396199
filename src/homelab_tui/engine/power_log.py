"""What every node draws, minute by minute: energy per day and the usual draw, kept over restarts in a bounded place."""

import contextlib
import fcntl
import json
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from homelab_tui.domain.power import BIN_MW, NodePower, PowerDay, added, median_mw
from homelab_tui.engine.ports import Clock

log = logging.getLogger(__name__)
KEPT_DAYS = 62
LEARNT_DAYS = 7
"""Over how many days the usual draw is learnt."""
_MAX_FILE_BYTES = 8_000_000


@dataclass(slots=True)
class _Minute:
    """The samples of the minute that is running."""

    minute: int
    total_mw: int = 0
    count: int = 0
    is_up: bool = True
    witness: str = "switch"


@dataclass(slots=True)
class _NodeDay:
    """One node's day, as it lies in the file."""

    seen: int = 0
    """One bit for each minute since midnight that was sampled: two processes that sample the same one count it once."""
    energy_mwh: float = 0.0
    bins: dict[int, int] = field(default_factory=dict)
    """Hundreds of milliwatts → minutes, of those in which the node was up."""
    witness: str = "switch"

    def add(self, minute: int, mean_mw: float, witness: str, *, is_up: bool) -> None:
        """One minute's mean, unless somebody has counted it already."""
        if self.seen >> minute & 1:
            return
        self.seen |= 1 << minute
        self.energy_mwh += mean_mw / 60
        self.witness = witness
        if is_up:
            step = round(mean_mw / BIN_MW)
            self.bins[step] = self.bins.get(step, 0) + 1


class PowerLog:
    """`power/YYYY-MM-DD.json` in the state directory, one file a day, at most 62 of them; shared by all processes."""

    def __init__(self, directory: Path, clock: Clock) -> None:
        self._directory = directory / "power"
        self._clock = clock
        self._running: dict[str, _Minute] = {}
        self._pending: list[tuple[date, str, _Minute]] = []
        """Minutes that are over and not in the file yet."""
        self._days: dict[date, dict[str, _NodeDay]] = {}
        """The files, as they were last read."""
        self._today: date | None = None
        self._powers: dict[str, NodePower | None] = {}
        self._from = self._until = datetime.max.replace(tzinfo=UTC)
        """Between these moments what was read holds: a clock that is set back, or midnight, ends it."""
        self._is_old = True

    def sample(self, node: str, power_mw: int, witness: str, *, is_up: bool) -> None:
        """One reading. `witness`: switch or hat; `is_up`: it may be learnt from."""
        day, minute = _place(self._clock.now())
        if day != self._today:
            self._end_day(day)
        running = self._running.get(node)
        if running is None or running.minute != minute:
            if running is not None:
                self._pending.append((day, node, running))
            running = self._running[node] = _Minute(minute)
        running.total_mw += max(0, power_mw)
        running.count += 1
        running.is_up &= is_up
        running.witness = witness

    def flush(self, *, everything: bool = False) -> None:
        """Write down the minutes that are over; with `everything` the running ones too. A full disk is logged."""
        day, minute = _place(self._clock.now())
        if day != self._today:
            self._end_day(day)
        for node, running in list(self._running.items()):
            if everything or running.minute != minute:
                self._pending.append((day, node, running))
                del self._running[node]
        if not self._pending:
            return
        try:
            for each in sorted({day for day, _, _ in self._pending}):
                self._write(each, [(node, one) for at, node, one in self._pending if at == each])
        except OSError as error:
            log.warning("the energy log %s cannot be written: %s", self._directory, error.strerror)
            del self._pending[: max(0, len(self._pending) - 100_000)]
            return
        self._pending.clear()
        self._is_old = True

    def of(self, node: str) -> NodePower | None:
        """What is known of a node, as of the last flush; None when it was never sampled."""
        now = self._clock.now()
        if self._is_old or not self._from <= now < self._until:
            # Calendars are slow, and this is asked of a thousand nodes at every change.
            day, _ = _place(now)
            if day != self._today:
                self._end_day(day)
            self._load(day)
            self._powers, self._is_old = {}, False
            self._from, self._until = now, _midnight(day + timedelta(days=1))
        if node not in self._powers and self._today is not None:
            self._powers[node] = self._power(node, self._today)
        return self._powers.get(node)

    def _power(self, node: str, today: date) -> NodePower | None:
        days = [(day, nodes[node]) for day, nodes in sorted(self._days.items(), reverse=True) if node in nodes]
        if not days:
            return None
        learnt = added(one.bins for day, one in days if (today - day).days < LEARNT_DAYS)
        return NodePower(
            days=tuple(
                PowerDay(day, round(one.energy_mwh, 1), one.seen.bit_count(), self._minutes(day)) for day, one in days
            ),
            witness=days[0][1].witness,
            usual_mw=median_mw(learnt),
            usual_minutes=sum(learnt.values()),
        )

    def _minutes(self, day: date) -> int:
        """How many minutes a day has had until now: 23 or 25 hours of them where clocks change."""
        today, minute = _place(self._clock.now())
        if day == today:
            return minute + 1
        return round((_midnight(day + timedelta(days=1)) - _midnight(day)).total_seconds() / 60)

    def _end_day(self, day: date) -> None:
        """At midnight the running minutes belong to the day before."""
        if self._today is not None:
            self._pending += [(self._today, node, running) for node, running in self._running.items()]
            self._running.clear()
        self._today = day
        self._is_old = True

    # Files

    def _load(self, today: date) -> None:
        """Today's file, and those of the days before that are not known yet."""
        for day in self._listed():
            if (day == today or day not in self._days) and (today - day).days <= KEPT_DAYS:
                self._days[day] = self._read(day)
        for day in [day for day in self._days if (today - day).days > KEPT_DAYS]:
            del self._days[day]

    def _listed(self) -> list[date]:
        found = []
        with contextlib.suppress(OSError):
            for path in self._directory.glob("????-??-??.json"):
                with contextlib.suppress(ValueError):
                    found.append(date.fromisoformat(path.stem))
        return found

    def _read(self, day: date) -> dict[str, _NodeDay]:
        """A day; what is damaged in it is left out."""
        path = self._path(day)
        try:
            if path.stat().st_size > _MAX_FILE_BYTES:
                return {}
            document = json.loads(path.read_bytes())
        except (OSError, ValueError, RecursionError):
            return {}
        found = {}
        for node, told in document.items() if isinstance(document, dict) else ():
            try:
                bins = {int(step): int(count) for step, count in told["up"].items() if int(count) > 0}
                seen, energy_mwh = int(told["seen"], 16), float(told["mwh"])
                if 0 <= energy_mwh < 1e12 and 0 <= seen < 1 << 1560:
                    found[node] = _NodeDay(seen, energy_mwh, bins, str(told["from"]))
            except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
                continue
        return found

    def _write(self, day: date, minutes: list[tuple[str, _Minute]]) -> None:
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._locked():
            nodes = self._read(day)
            for node, one in minutes:
                told = nodes.setdefault(node, _NodeDay())
                told.add(one.minute, one.total_mw / one.count, one.witness, is_up=one.is_up)
            document = {
                node: {"seen": f"{one.seen:x}", "mwh": round(one.energy_mwh, 3), "up": one.bins, "from": one.witness}
                for node, one in nodes.items()
            }
            fresh = self._directory / f".{day}.new"
            descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(json.dumps(document, separators=(",", ":")).encode("utf-8", "backslashreplace"))
            fresh.replace(self._path(day))
            self._days[day] = nodes
            for old in self._listed():
                if (day - old).days > KEPT_DAYS:
                    self._path(old).unlink(missing_ok=True)

    def _path(self, day: date) -> Path:
        return self._directory / f"{day}.json"

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        lock = os.open(self._directory / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)


def _place(now: datetime) -> tuple[date, int]:
    """The day of this machine's calendar, and the minute of it: counted, so that a change of clocks loses none."""
    day = now.astimezone().date()
    return day, max(0, int((now - _midnight(day)).total_seconds() // 60))


def _midnight(day: date) -> datetime:
    """When a day begins here."""
    return datetime(day.year, day.month, day.day).astimezone().astimezone(UTC)
