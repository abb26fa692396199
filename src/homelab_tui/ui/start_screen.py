"""The first frame: the dashboard's boxes, painted before anything is imported that could fill them."""

from collections.abc import Sequence
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container
from textual.content import Content
from textual.widgets import Static

from homelab_tui.commands import by_id
from homelab_tui.ui.bindings import bindings_of
from homelab_tui.ui.frame import TITLES, TOO_SMALL, FrameScreen, PaneFrame
from homelab_tui.ui.key_bar import KeyBar
from homelab_tui.ui.pane_tabs import PaneTabs


class StartScreen(FrameScreen):
    """Stands for a quarter of a second where the main screen is going to be. Keys typed meanwhile are kept for it."""

    DEFAULT_CSS = """
    #starting { height: 1; background: $panel; padding: 0 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [binding for binding in bindings_of(None) if binding.id == "app.quit"]

    def __init__(self, keymap: Sequence[tuple[str, str]]) -> None:
        super().__init__()
        self._keymap = tuple(keymap)
        self.typed: list[events.Key] = []

    def compose(self) -> ComposeResult:
        """The places of everything."""
        yield Static("homelab  starting…", id="starting", markup=False)
        yield PaneTabs(id="tabs")
        with Container(id="panes"):
            for name, title in TITLES.items():
                pane = PaneFrame(
                    Static("asking…", markup=False), id=name, classes="-current" if name == "nodes" else ""
                )
                pane.border_title = Content(title)
                yield pane
        yield KeyBar(self._keymap)
        yield Static(TOO_SMALL, id="too-small", markup=False)

    def on_mount(self) -> None:
        """What can be done already."""
        self.query_one(PaneTabs).show(TITLES, "nodes")
        self.query_one(KeyBar).show([by_id("app.quit")], lambda _command_id: None)

    @on(KeyBar.CommandClicked)
    async def _clicked(self) -> None:
        await self.app.action_quit()

    def on_key(self, event: events.Key) -> None:
        """Whoever knows the dashboard by heart types ahead."""
        self.typed.append(event)
