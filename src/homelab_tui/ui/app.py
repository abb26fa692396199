"""The Textual application: opens the lab after the first paint, hands its state to the screen, leaves cleanly."""

import asyncio
import signal
from collections.abc import Callable, Iterable
from typing import ClassVar

from textual.app import App, SystemCommand
from textual.binding import BindingType
from textual.screen import Screen

from homelab_tui.commands import COMMANDS
from homelab_tui.config.model import Config
from homelab_tui.domain.state import LabState
from homelab_tui.engine.lab import Lab
from homelab_tui.ui.main_screen import MainScreen
from homelab_tui.ui.messages import StateChanged

_SIGNALS = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)


class HomelabApp(App[int]):
    """The dashboard. `open_lab` is called once, after the first paint: it may import what is heavy."""

    TITLE = "homelab"
    ENABLE_COMMAND_PALETTE = True
    BINDINGS: ClassVar[list[BindingType]] = []

    def __init__(self, config: Config, open_lab: Callable[[], Lab]) -> None:
        super().__init__()
        self.config = config
        self._open_lab = open_lab
        self.lab: Lab | None = None
        self.main = MainScreen(config.ui.keymap)

    def on_mount(self) -> None:
        """Show the screen; the lab follows when it is painted."""
        if self.config.ui.theme in self.available_themes:
            self.theme = str(self.config.ui.theme)
        self.set_keymap(dict(self.config.ui.keymap))
        self._listen_to_signals()
        self.push_screen(self.main)
        self.call_after_refresh(self._open)

    def _open(self) -> None:
        """Build the lab and start its loops."""
        self.lab = self._open_lab()
        self.lab.store.subscribe(self._post_state)
        self.lab.start()
        self.main.show_state(self.lab.store.state)
        if self.config.ui.theme is not None and self.config.ui.theme not in self.available_themes:
            known = ", ".join(sorted(self.available_themes))
            self.notify(f"[ui] theme is unknown; themes: {known}", severity="warning", markup=False)

    def _post_state(self, state: LabState) -> None:
        self.main.post_message(StateChanged(state))

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """The palette: every command of the table."""
        for command in COMMANDS:
            if command.id == "app.palette" or screen is not self.main:
                continue
            keys = f" ({', '.join(command.keys)})" if command.keys else ""

            def run(chosen: str = command.id) -> None:
                wanted = next(c for c in COMMANDS if c.id == chosen)
                self.main.call_later(self.main.run_command, wanted)

            yield SystemCommand(f"{(command.pane or '').capitalize()} {command.label}{keys}".strip(), command.help, run)

    async def action_quit(self) -> None:
        """Leave at once; what must finish is finished after the terminal is back."""
        self.exit(0)

    def _listen_to_signals(self) -> None:
        """A signal ends the program in order. Textual itself would die on SIGTERM with the screen left on."""
        loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            loop.add_signal_handler(number, self._leave_on, number)

    def _leave_on(self, number: signal.Signals) -> None:
        self.exit(128 + number)
