"""Blocking work beside the event loop, in threads that never hold the exit."""

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
_asked_for: "queue.SimpleQueue[tuple[Callable[[], None], str]]" = queue.SimpleQueue()
_starter_lock = threading.Lock()
_starters: list[threading.Thread] = []


def start_daemon(run: Callable[[], None], name: str) -> None:
    """Run this in a daemon thread of its own, without waiting for it to begin.

    `Thread.start()` waits, and where a dozen threads compute that is many milliseconds: too long for an event loop.
    So one thread does nothing but start the others.
    """
    if not _starters:
        with _starter_lock:
            if not _starters:
                _starters.append(threading.Thread(target=_start_all, name="homelab-starter", daemon=True))
                _starters[0].start()
    _asked_for.put((run, name))


def _start_all() -> None:
    while True:
        run, name = _asked_for.get()
        try:
            threading.Thread(target=run, name=name, daemon=True).start()
        except RuntimeError:  # the system has no thread left: one after the other, then
            run()
        del run  # and with it what the work holds: the next may be long in coming


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
