"""Blocking work beside the event loop, in threads that never hold the exit."""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


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

    threading.Thread(target=run, name=name, daemon=True).start()
    return await result
