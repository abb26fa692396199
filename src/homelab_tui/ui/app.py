"""The Textual application: paints a frame, opens the lab behind it, hands its state to the screen, leaves cleanly."""

import asyncio
import contextlib
import select
import signal
import sys
import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.app import App, SystemCommand
from textual.binding import BindingType
from textual.driver import Driver
from textual.drivers.linux_driver import LinuxDriver
from textual.screen import Screen

from homelab_tui.commands import COMMANDS
from homelab_tui.config.model import Config
from homelab_tui.ui.messages import StateChanged
from homelab_tui.ui.start_screen import StartScreen
from homelab_tui.ui.terminal_driver import TerminalDriver

if TYPE_CHECKING:
    # At run time these come after the first paint: see _load.
    from homelab_tui.domain.state import LabState
    from homelab_tui.engine.lab import Lab
    from homelab_tui.ui.main_screen import MainScreen

_SIGNALS = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
_TERMINAL_S = 1.0
"""How often it is looked whether the terminal is still there."""


class HomelabApp(App[int]):
    """The dashboard. `open_lab` is called once, after the first paint and in a thread: it may import, read and wait.

    What it raises is kept in `failure`, and the app ends.
    """

    TITLE = "homelab"
    ENABLE_COMMAND_PALETTE = True
    BINDINGS: ClassVar[list[BindingType]] = []

    def __init__(
        self, config: Config, open_lab: "Callable[[], Lab]", leaving: Callable[[], None] = lambda: None
    ) -> None:
        """`leaving` is called once it is decided to end, unless operations are still going."""
        super().__init__()
        self._on_leaving = leaving
        self.leaving = False
        """The decision to end has been made: the terminal is given back as fast as it can be (TerminalDriver)."""
        self.config = config
        self._open_lab = open_lab
        self._main: MainScreen | None = None
        self.lab: Lab | None = None
        """None until everything is on the screen."""
        self.started: Lab | None = None
        """The same as soon as its loops run: who ends the app closes it."""
        self.failure: Exception | None = None

    @property
    def main(self) -> "MainScreen":
        """The dashboard's screen. Raises: RuntimeError while the lab is being opened (`lab` is None until then)."""
        if self._main is None:
            raise RuntimeError("the lab is still being opened")
        return self._main

    def get_driver_class(self) -> type[Driver]:
        """Textual's choice for this terminal, but ours where that is its Linux driver (macOS too)."""
        chosen = super().get_driver_class()
        return TerminalDriver if chosen is LinuxDriver else chosen

    def on_mount(self) -> None:
        """Show the frame; the lab follows when it is painted."""
        if self.config.ui.theme in self.available_themes:
            self.theme = str(self.config.ui.theme)
        self.set_keymap(dict(self.config.ui.keymap))
        self._listen_to_signals()
        if not self.is_headless:
            self._watch_terminal()
        self.push_screen(StartScreen(self.config.ui.keymap))
        self.call_after_refresh(self._begin)

    def _begin(self) -> None:
        # Not a thread worker of Textual's: those hold the exit.
        threading.Thread(target=self._load, name="homelab-open", daemon=True).start()

    def _load(self) -> None:
        """Import what the first frame did not need, and build the lab. In a thread, while keys and clicks work."""
        try:
            from homelab_tui.ui.main_screen import MainScreen  # half of all imports: engine, present, panes

            lab, main = self._open_lab(), MainScreen
        except Exception as error:  # whatever it is, it is told when the terminal is back
            self._from_thread(self._fail, error)
        else:
            self._from_thread(self._show, lab, main)

    def _from_thread(self, call: Callable[..., object], *arguments: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: the person has left
            self.call_later(call, *arguments)

    def _fail(self, error: Exception) -> None:
        self.failure = error
        self._leave(1)

    async def _show(self, lab: "Lab", screen: "type[MainScreen]") -> None:
        """The dashboard in place of its frame, and the lab's loops."""
        while not isinstance(start := self.screen, StartScreen):  # somebody opened the palette
            await self.pop_screen()
        self._main = screen(self.config.ui.keymap)
        self.started = lab
        lab.start()  # the clusters are connected to while the screen is made
        await self.switch_screen(self._main)
        self.lab = lab
        lab.store.subscribe(self._post_state)
        lab.store.touch()  # what was told before somebody listened may not be derived to its end
        self._main.show_state(lab.store.state)
        if self.config.ui.theme is not None and self.config.ui.theme not in self.available_themes:
            known = ", ".join(sorted(self.available_themes))
            self.notify(f"[ui] theme is unknown; themes: {known}", severity="warning", markup=False)
        for key in start.typed:
            self.post_message(events.Key(key.key, key.character))

    def _post_state(self, state: "LabState") -> None:
        self.main.post_message(StateChanged(state))

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """The palette: every command of the table."""
        for command in COMMANDS:
            if command.id == "app.palette" or command.pane == "log" or screen is not self._main:
                continue
            keys = f" ({', '.join(command.keys)})" if command.keys else ""

            def run(chosen: str = command.id) -> None:
                wanted = next(c for c in COMMANDS if c.id == chosen)
                self.main.call_later(self.main.run_command, wanted)

            yield SystemCommand(f"{(command.pane or '').capitalize()} {command.label}{keys}".strip(), command.help, run)

    async def action_quit(self) -> None:
        """Leave at once; what must finish is finished after the terminal is back."""
        self._leave(0)

    def _fatal_error(self) -> None:
        """Leaves with a traceback after a bug, but without the values in it, among which Textual's own shows what was
        just typed into a password's field."""
        from rich.segment import Segments
        from rich.traceback import Traceback

        self.bell()
        trace = Traceback(show_locals=False, width=None)
        self._exit_renderables.append(Segments(self.console.render(trace, self.console.options)))
        self._close_messages_no_wait()

    def _leave(self, status: int) -> None:
        if self.lab is None or not self.lab.busy:
            self._on_leaving()
        self.leaving = True
        self.exit(status)

    def _listen_to_signals(self) -> None:
        """A signal ends the program in order. Textual itself would die on SIGTERM with the screen left on."""
        loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            loop.add_signal_handler(number, self._leave_on, number)

    def _watch_terminal(self) -> None:
        """A terminal that is gone ends the program as SIGHUP does. The kernel sends that to the session's leader alone,
        and `make` or a script keeps it to itself: Textual would then read from nothing, for ever, as fast as it can."""
        if sys.__stdin__ is None or not sys.__stdin__.isatty():
            return
        terminal = select.poll()
        terminal.register(sys.__stdin__.fileno(), 0)

        def look() -> None:
            if not self.leaving and any(mask & select.POLLHUP for _, mask in terminal.poll(0)):
                self._leave_on(signal.SIGHUP)

        self.set_interval(_TERMINAL_S, look)

    def _leave_on(self, number: signal.Signals) -> None:
        self._leave(128 + number)
