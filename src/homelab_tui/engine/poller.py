"""Loops that never return: ask a source again and again, and turn what happens into state."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Generic, TypeVar

from homelab_tui.domain.errors import HomelabError, SourceTimeout
from homelab_tui.domain.reading import Reading
from homelab_tui.engine.ports import Clock

T = TypeVar("T")
log = logging.getLogger(__name__)
INTERNAL_ERROR = "internal error, see the log"


class Poller(Generic[T]):
    """Reads one thing every `interval_s`; after a failure it backs off up to `ceiling_s`.

    Expected errors become state. Any other is a bug: its traceback goes to the log, "internal error" to the state,
    and the loop goes on.
    """

    def __init__(
        self,
        name: str,
        read: Callable[[], Awaitable[T]],
        publish: Callable[[Reading[T]], None],
        clock: Clock,
        *,
        interval_s: float,
        ceiling_s: float = 30.0,
        missing: Callable[[T], str | None] = lambda _value: None,
    ) -> None:
        self.name = name
        self._read = read
        self._publish = publish
        self._clock = clock
        self._interval_s = interval_s
        self._ceiling_s = max(ceiling_s, interval_s)
        self._missing = missing
        self._reading: Reading[T] = Reading()
        self._bug: str | None = None
        self._wake = asyncio.Event()
        self._turn = asyncio.Lock()

    @property
    def reading(self) -> Reading[T]:
        """What the last round left."""
        return self._reading

    def wake(self) -> None:
        """Ask again now, not at the end of the pause."""
        self._wake.set()

    async def run(self) -> None:
        """The loop; ends only by cancellation."""
        while True:
            await self.poll()
            await pause(self._wake, self.pause_s())

    async def poll(self) -> Reading[T]:
        """One round: ask, publish, return the reading. Rounds never overlap: an old answer would hide a newer one."""
        async with self._turn:
            before = self._reading
            try:
                value = await self._read()
                after = before.renewed(value, self._clock.now(), self._missing(value))
            except HomelabError as error:
                after = self._failed(before, str(error), timed_out=isinstance(error, SourceTimeout))
            except Exception as error:
                self._log_bug(error)
                after = self._failed(before, INTERNAL_ERROR)
            self._reading = after
            if after.problem and not before.problem:
                log.warning("%s lost: %s", self.name, after.problem)
            elif before.problem and not after.problem:
                self._bug = None
                log.warning("%s is back after %d failed tries", self.name, before.failures)
            try:
                self._publish(after)
            except Exception as error:
                self._log_bug(error)
            return after

    def pause_s(self) -> float:
        """Seconds until the next round, as the last one ended."""
        failures = self._reading.failures
        return self._interval_s if failures == 0 else backoff_s(failures, self._interval_s, self._ceiling_s)

    def _failed(self, before: Reading[T], problem: str, *, timed_out: bool = False) -> Reading[T]:
        pause_s = backoff_s(before.failures + 1, self._interval_s, self._ceiling_s)
        return before.failed(problem, self._clock.now() + timedelta(seconds=pause_s), timed_out=timed_out)

    def _log_bug(self, error: Exception) -> None:
        """One traceback per bug, not one per round. Called from its `except` block."""
        if repr(error) != self._bug:
            self._bug = repr(error)
            log.exception("%s: internal error", self.name)


async def pause(wake: asyncio.Event, seconds: float) -> None:
    """Until `wake` is set or the time is over; clears it."""
    with contextlib.suppress(TimeoutError):
        # Not wait_for(): before Python 3.12 it swallows a cancellation that comes together with the event
        # (python/cpython#86296), and then the loop around it would never end.
        async with asyncio.timeout(seconds):
            await wake.wait()
    wake.clear()


def backoff_s(failures: int, first_s: float, ceiling_s: float) -> float:
    """Seconds to wait after that many failures in a row: doubling from `first_s`, never above `ceiling_s`."""
    return min(ceiling_s, first_s * (1 << min(max(failures - 1, 0), 16)))
