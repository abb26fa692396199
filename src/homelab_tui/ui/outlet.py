"""The way to the terminal, made so that neither a terminal that is gone nor one that stands still stops the program.

Textual hands what it draws to a thread with a short queue. When the terminal is gone that thread dies of the error;
when it stands still (a connection that broke without a word) the thread waits. Either way the queue fills up, the event
loop waits for a free place in it, and everything stands: a power-cycle with its port still off, and the exit.
"""

import os
import select
import threading
from collections.abc import Callable
from typing import TextIO

LARGEST_BACKLOG = 1_000_000
"""Characters that wait for a terminal that stands still: a dozen screens. What is drawn after them is left out."""
_CONTROL = 64
"""Characters. Nothing as short as this is left out: it may be what gives the terminal back."""


class Outlet:
    """A file that takes everything at once and never fails; a thread of its own brings it to the terminal.

    `caught_up` is called, in that thread, when a terminal that stood still has taken all and something was left out.
    """

    def __init__(self, stream: TextIO, caught_up: Callable[[], object], largest_backlog: int = LARGEST_BACKLOG) -> None:
        self._descriptor = stream.fileno()
        self._encoding = stream.encoding
        self._caught_up = caught_up
        self._largest_backlog = largest_backlog
        self._changed = threading.Condition()
        self._waiting: list[str] = []
        self._size = 0
        self._writing = False
        self._left_out = False
        self._gone = False
        self._thread: threading.Thread | None = None

    def write(self, text: str) -> int:
        """Take a text. Never waits, never raises."""
        with self._changed:
            if self._size >= self._largest_backlog and len(text) > _CONTROL:
                self._left_out = True
            elif not self._gone:
                self._waiting.append(text)
                self._size += len(text)
                self._changed.notify_all()
                if self._thread is None:
                    self._thread = threading.Thread(target=self._run, name="homelab-terminal", daemon=True)
                    self._thread.start()
        return len(text)

    def flush(self) -> None:
        """Nothing: the thread is on its way already."""

    def fileno(self) -> int:
        """The terminal's."""
        return self._descriptor

    def isatty(self) -> bool:
        """Whether it is a terminal, still."""
        return os.isatty(self._descriptor)

    def settle(self, timeout_s: float) -> bool:
        """Wait until the terminal has taken everything; whether it has, or is gone."""
        with self._changed:
            return self._changed.wait_for(lambda: self._gone or not (self._waiting or self._writing), timeout_s)

    def _run(self) -> None:
        while True:
            try:
                self._bring(self._next().encode(self._encoding, "backslashreplace"))
            except OSError:  # EIO: the terminal was closed. What ends the program is its signal, not its last frame
                break
            if self._is_behind():
                self._caught_up()
        with self._changed:
            self._gone = True
            self._waiting.clear()
            self._changed.notify_all()

    def _next(self) -> str:
        """All that waits, once something does."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting)
            text = "".join(self._waiting)
            self._waiting.clear()
            self._size = 0
            self._writing = True
            return text

    def _is_behind(self) -> bool:
        """The terminal has taken a text. Whether it has all there is now, and something was left out before."""
        with self._changed:
            self._writing = False
            self._changed.notify_all()
            behind = self._left_out and not self._waiting
            self._left_out = self._left_out and not behind
            return behind

    def _bring(self, data: bytes) -> None:
        left = memoryview(data)
        while left:
            try:
                left = left[os.write(self._descriptor, left) :]
            except BlockingIOError:  # another program left the terminal like that
                select.select([], [self._descriptor], [])
