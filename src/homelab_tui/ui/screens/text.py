"""A long text to read: logs, events, YAML, details."""

from collections.abc import Callable
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from homelab_tui.present.table import printable

_AGAIN_S = 1.0


class TextScreen(ModalScreen[None]):
    """Shows a text, scrollable. A plain str is foreign: every line is made printable. Rich Text is ours."""

    DEFAULT_CSS = """
    TextScreen { align: center middle; }
    TextScreen > VerticalScroll {
        width: 96%; height: 92%; border: round $accent; background: $surface; padding: 0 1;
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,enter", "leave", "Close", show=False),
        Binding("home", "top", show=False),
        Binding("end", "bottom", show=False),
    ]

    def __init__(self, title: str, text: str | Text, again: Callable[[], Text | None] | None = None) -> None:
        """`again`: the text as it is by now, asked every second while the screen is open; None keeps the old one."""
        super().__init__()
        self._title = title
        self._text = text
        self._again = again

    def compose(self) -> ComposeResult:
        """The text in a box."""
        box = VerticalScroll()
        box.border_title = Content(printable(self._title))
        box.border_subtitle = Content("esc closes")
        with box:
            yield Static(self._shown(), markup=False)

    def on_mount(self) -> None:
        """Keys scroll at once."""
        self.query_one(VerticalScroll).focus()
        if self._again is not None:
            self.set_interval(_AGAIN_S, self.look_again)

    def look_again(self) -> None:
        """Show the text as it is by now, at the place that is being read."""
        text = self._again() if self._again is not None else None
        if text is not None and text != self._text:
            self._text = text
            self.query_one(Static).update(self._shown())

    def _shown(self) -> Text:
        if isinstance(self._text, Text):
            return self._text
        return Text("\n".join(printable(line, 2_000) for line in self._text.splitlines()))

    def action_leave(self) -> None:
        """Back to the panes."""
        self.dismiss(None)

    def action_top(self) -> None:
        """The beginning."""
        self.query_one(VerticalScroll).scroll_home(animate=False)

    def action_bottom(self) -> None:
        """The end."""
        self.query_one(VerticalScroll).scroll_end(animate=False)
