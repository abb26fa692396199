"""Textual's Linux driver, but neither its input thread nor the terminal holds the program up."""

import contextlib
import signal
import sys
import termios
from io import TextIOWrapper
from typing import TextIO, cast

from textual.app import App
from textual.drivers.linux_driver import LinuxDriver
from textual.message import Message

from homelab_tui.ui.outlet import Outlet

_CATCH_UP_S = 0.5
"""How long a terminal may take for the last words of the program."""


class TerminalDriver(LinuxDriver):
    """Gives the terminal back at once when the app says that it is `leaving`.

    Textual joins the thread that reads the keys, on the event loop: up to 0.2 s (two waits of 0.1 s each), which is
    most of what quitting costs. Here that thread is told to end and left to it: the process is about to go.
    Where the screen comes back (a shell, ctrl+z) it is joined as ever. What is drawn goes through an `Outlet`.
    """

    def __init__(
        self, app: App[object], *, debug: bool = False, mouse: bool = True, size: tuple[int, int] | None = None
    ) -> None:
        super().__init__(app, debug=debug, mouse=mouse, size=size)
        self._outlet = Outlet(cast("TextIO", sys.__stderr__), self._draw_anew)
        self._file = cast("TextIOWrapper", self._outlet)  # of a file Textual wants write() and flush()

    def close(self) -> None:
        """Wait for the terminal to take the last words, but not for ever. The screen comes back after a shell."""
        super().close()
        self._outlet.settle(_CATCH_UP_S)

    def disable_input(self) -> None:
        """Stop listening to mouse and keys."""
        if not self._leaving:
            super().disable_input()
        elif not self.exit_event.is_set():
            signal.signal(signal.SIGWINCH, signal.SIG_DFL)
            self._disable_mouse_support()
            self.exit_event.set()
            try:
                termios.tcflush(self.fileno, termios.TCIFLUSH)
            except termios.error:  # the terminal has been closed
                pass

    def process_message(self, message: Message) -> None:
        """Hand a key to the app, unless it is leaving: its loop may have ended already."""
        if not self._leaving:
            super().process_message(message)

    def _draw_anew(self) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: the program is about to end
            self._app.call_later(self._app.refresh)

    @property
    def _leaving(self) -> bool:
        return bool(getattr(self._app, "leaving", False))
