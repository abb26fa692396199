"""Blocking SSH work in daemon threads of our own, awaited from asyncio.

Not asyncio's default pool and not a Textual worker: those are joined at exit, so that one frozen server would hold
the program, and they are the threads that name look-ups need.
"""

import asyncio
import contextlib
import os
import sys
import threading
from collections.abc import Callable
from typing import TypeVar

from homelab_tui.domain.errors import SourceTimeout, SourceUnreachable
from homelab_tui.sources.threads import start_daemon

T = TypeVar("T")
_NICER_BY = 5
"""A third of the processor's time where it is short: the event loop's thread, which draws, comes first."""
_polite = threading.local()


class Scope:
    """What one piece of work holds open. Ending it from outside makes its blocking calls return."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._closers: list[Callable[[], None]] = []
        self._ended = threading.Event()

    def add(self, close: Callable[[], None]) -> None:
        """Remembers how to end something. `close` must not block: it may run on the event loop's thread.

        Raises SourceUnreachable when the work was given up already.
        """
        with self._lock:
            if not self._ended.is_set():
                self._closers.append(close)
                return
        close()
        self.check()

    def check(self) -> None:
        """Raises SourceUnreachable when the work was given up."""
        if self._ended.is_set():
            raise SourceUnreachable("given up: the work was cancelled")

    def wait(self, seconds: float) -> None:
        """Sleeps, but not longer than the work is wanted."""
        self._ended.wait(seconds)
        self.check()

    def let_go(self) -> bool:
        """Forgets what was added: somebody else will end it. False when it was ended already."""
        with self._lock:
            self._closers.clear()
            return not self._ended.is_set()

    def end(self) -> None:
        """Ends everything that was added. Harmless when called twice, or after the work is done."""
        with self._lock:
            self._ended.set()
            closers, self._closers = self._closers, []
        for close in reversed(closers):
            close()


class WireThreads:
    """Runs at most `max_parallel` pieces of blocking work at a time."""

    def __init__(self, max_parallel: int, name: str) -> None:
        self._slots = asyncio.Semaphore(max_parallel)
        self._name = name
        self._scopes: set[Scope] = set()
        self._closed = False

    async def run(self, work: Callable[[Scope], T], *, deadline_s: float, late: str) -> T:
        """Runs `work` in a thread of its own and gives what it returns or raises.

        After `deadline_s` (waiting for a free slot not counted), or when the caller is cancelled, what the work holds
        open is closed under it and the caller goes on at once: SourceTimeout(`late`), or the cancellation.
        """
        async with self._slots:
            if self._closed:
                raise SourceUnreachable("homelab is closing")
            scope = Scope()
            self._scopes.add(scope)
            outcome: asyncio.Future[T] = asyncio.get_running_loop().create_future()
            try:
                start_daemon(lambda: _run(work, scope, outcome), self._name)
                async with asyncio.timeout(deadline_s):
                    return await outcome
            except TimeoutError as error:
                raise SourceTimeout(late) from error
            finally:
                scope.end()
                self._scopes.discard(scope)

    async def close(self) -> None:
        """Ends all work; whoever waits for it gets an error."""
        self._closed = True
        for scope in tuple(self._scopes):
            scope.end()


def _run(work: Callable[[Scope], T], scope: Scope, outcome: "asyncio.Future[T]") -> None:
    """The thread's body. The loop may be gone by the time the work ends; then nobody waits for it."""
    loop = outcome.get_loop()
    _be_polite()
    try:
        try:
            result = work(scope)
        finally:
            scope.end()  # here, and not on the event loop's thread
    except BaseException as error:  # whatever it is, it belongs to the caller, not to this thread
        _deliver(loop, outcome, lambda caught=error: outcome.set_exception(caught))  # type: ignore[misc]
    else:
        _deliver(loop, outcome, lambda: outcome.set_result(result))


def _be_polite() -> None:
    """Let this thread, and those that it starts, step back behind the one that draws. Once: it cannot be undone."""
    if sys.platform == "linux" and not getattr(_polite, "done", False):  # elsewhere it would be the whole process
        _polite.done = True
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, 0, min(19, os.getpriority(os.PRIO_PROCESS, 0) + _NICER_BY))


def _deliver(loop: asyncio.AbstractEventLoop, outcome: "asyncio.Future[T]", settle: Callable[[], None]) -> None:
    def settle_once() -> None:
        if not outcome.done():
            settle()

    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(settle_once)
