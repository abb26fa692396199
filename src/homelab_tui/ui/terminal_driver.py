"""Textual's Linux driver, but leaving does not wait for its input thread."""

import signal
import termios

from textual.drivers.linux_driver import LinuxDriver
from textual.message import Message


class TerminalDriver(LinuxDriver):
    """Gives the terminal back at once when the app says that it is `leaving`.

    Textual joins the thread that reads the keys, on the event loop: up to 0.2 s (two waits of 0.1 s each), which is
    most of what quitting costs. Here that thread is told to end and left to it: the process is about to go.
    Where the screen comes back (a shell, ctrl+z) it is joined as ever.
    """

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

    @property
    def _leaving(self) -> bool:
        return bool(getattr(self._app, "leaving", False))
