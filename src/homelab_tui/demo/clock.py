"""The one clock of the demo lab."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from threading import Lock


class Clock:
    """Real time by default; a test freezes it and moves it by hand. Safe to read from any thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._offset_s = 0.0
        self._frozen: tuple[datetime, float] | None = None

    def now(self) -> datetime:
        """The lab's wall clock, aware, in UTC."""
        with self._lock:
            base = self._frozen[0] if self._frozen else datetime.now(UTC)
            return base + timedelta(seconds=self._offset_s)

    def monotonic(self) -> float:
        """Seconds on a clock that never goes back; differences only."""
        with self._lock:
            base = self._frozen[1] if self._frozen else time.monotonic()
            return base + self._offset_s

    def freeze(self, at: datetime | None = None) -> None:
        """Stop the clock, at `at` or at this very moment."""
        now, ticks = self.now(), self.monotonic()
        with self._lock:
            self._frozen, self._offset_s = (at or now, ticks), 0.0

    def advance(self, seconds: float) -> None:
        """Move the clock forward, frozen or not.

        Raises: ValueError for a negative number of seconds.
        """
        if seconds < 0:
            raise ValueError("the lab's clock never goes back")
        with self._lock:
            self._offset_s += seconds


class SkewedClock(Clock):
    """What a server's own clock says: the lab's, but as far ahead as it runs wrong at this moment."""

    def __init__(self, base: Clock, skew_s: Callable[[], float]) -> None:
        super().__init__()
        self._base, self._skew_s = base, skew_s

    def now(self) -> datetime:
        """The server's wall clock, aware, in UTC."""
        return self._base.now() + timedelta(seconds=self._skew_s())

    def monotonic(self) -> float:
        """The lab's: a wrong wall clock does not make time pass faster."""
        return self._base.monotonic()

    def freeze(self, at: datetime | None = None) -> None:
        """Stop the lab's clock."""
        self._base.freeze(at)

    def advance(self, seconds: float) -> None:
        """Move the lab's clock."""
        self._base.advance(seconds)
