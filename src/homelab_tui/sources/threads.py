"""Blocking work beside the event loop, in threads that never hold the exit."""

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
IDLE_S = 5.0
"""How long a thread waits for more work. 64 logins are 200 pieces of it, and a start costs as much as a packet."""

_Work = tuple[Callable[[], None], str]
_Inbox = queue.SimpleQueue[_Work]
_lock = threading.Lock()
_starters: list[_Inbox] = []
_idle: list[_Inbox] = []
"""Of threads that have nothing to do; the one that worked last comes last, and is taken first."""


def start_daemon(run: Callable[[], None], name: str) -> None:
    """Run this in a daemon thread that does nothing else meanwhile, without waiting for it to begin.

    `Thread.start()` waits, and where a dozen threads compute that is many milliseconds: too long for an event loop.
    So one thread does nothing but start the others.
    """
    with _lock:
        if _idle:
            _idle.pop().put((run, name))
            return
        if not _starters:
            _starters.append(queue.SimpleQueue())
            threading.Thread(target=_start_all, args=_starters, name="homelab-starter", daemon=True).start()
        _starters[0].put((run, name))


def _start_all(asked_for: _Inbox) -> None:
    while True:
        work = asked_for.get()
        try:
            threading.Thread(target=_serve, args=([work],), daemon=True).start()
        except RuntimeError:  # the system has no thread left: one after the other, then
            work[0]()
        del work  # and with it what the work holds: the next may be long in coming


def _serve(first: list[_Work]) -> None:
    """One piece of work after the other. `first` is emptied: the thread remembers its arguments."""
    inbox: _Inbox = queue.SimpleQueue()
    run, threading.current_thread().name = first.pop()
    while True:
        run()
        del run
        with _lock:
            _idle.append(inbox)
        try:
            run, threading.current_thread().name = inbox.get(timeout=IDLE_S)
        except queue.Empty:
            with _lock:
                if inbox in _idle:
                    _idle.remove(inbox)
                    return
            run, threading.current_thread().name = inbox.get()  # somebody has taken it out a moment ago


async def in_daemon_thread(function: Callable[[], T], *, name: str) -> T:
    """The result of a blocking function, or its exception. Cancelled, the thread is left to end by itself.

    asyncio's own pool would hold the exit of the program, and name look-ups wait in it too.
    """
    loop = asyncio.get_running_loop()
    result: asyncio.Future[T] = loop.create_future()

    def succeed(value: T) -> None:
        if not result.done():
            result.set_result(value)

    def fail(error: BaseException) -> None:
        if not result.done():
            result.set_exception(error)

    def run() -> None:
        with contextlib.suppress(RuntimeError):  # of the call: the loop has been closed meanwhile
            try:
                value = function()
            except BaseException as error:  # whatever it is, it belongs to the one who waits
                loop.call_soon_threadsafe(fail, error)
            else:
                loop.call_soon_threadsafe(succeed, value)

    start_daemon(run, name)
    return await result
