"""Running one coroutine to its end: signals cancel it in order, and no stuck library thread holds the exit."""

import asyncio
import contextlib
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Coroutine
from typing import Any, NoReturn

_ENDING = (signal.SIGTERM, signal.SIGHUP)


class _Loop(asyncio.SelectorEventLoop):
    """A loop that does not wait for its default executor: a name look-up that hangs must not hold the exit."""

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:  # noqa: ASYNC109  asyncio's own
        """Leave its threads behind."""


def run_to_end(work: Coroutine[Any, Any, int]) -> int:
    """The result of `work`. SIGINT, SIGTERM and SIGHUP cancel it: what must finish is finished before this returns.

    A signal that is ignored stays ignored: `nohup homelab nodes rolling …` goes on when its terminal is closed.
    Raises: KeyboardInterrupt after SIGINT. After the others the status is 128 + the signal's number.
    """
    ended_by: list[int] = []

    async def listening() -> int:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()

        def end(number: int) -> None:
            ended_by.append(number)
            if task is not None:
                task.cancel()

        if threading.current_thread() is threading.main_thread():
            for number in (number for number in _ENDING if signal.getsignal(number) is not signal.SIG_IGN):
                loop.add_signal_handler(number, end, number)
        return await work

    with asyncio.Runner(loop_factory=_Loop) as runner:
        try:
            return runner.run(listening())
        except asyncio.CancelledError:
            return 128 + ended_by[0] if ended_by else 1


def on_signals(tell: Callable[[], None]) -> None:
    """From now on a signal only calls `tell`: the end is on its way, and must not be cut short."""
    loop = asyncio.get_running_loop()
    if threading.current_thread() is threading.main_thread():
        for number in (*_ENDING, signal.SIGINT):
            loop.add_signal_handler(number, tell)


def leave(status: int) -> NoReturn:
    """End the process with that status, whatever threads of libraries are still stuck in a call."""
    # Not sys.exit(): taking an interpreter with all its modules apart takes longer than leaving a dashboard may.
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):  # a pipe whose reader has gone; main() has closed it
            stream.flush()
    logging.shutdown()
    os._exit(status)
