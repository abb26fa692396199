"""How long to silence, and why."""

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from homelab_tui.present.table import printable
from homelab_tui.ui.screens.dialog import Dialog

DURATIONS = (
    (3600.0, "1 hour"),
    (2 * 3600.0, "2 hours"),
    (8 * 3600.0, "8 hours"),
    (86400.0, "24 hours"),
    (7 * 86400.0, "7 days"),
)


class SilenceScreen(Dialog[tuple[float, str]]):
    """Seconds and a comment; None when it was left."""

    def __init__(self, what: str) -> None:
        super().__init__()
        self._what = what

    def compose(self) -> ComposeResult:
        """The durations, and the comment's field."""
        box = Vertical(classes="box")
        box.border_title = Content(f"Silence {printable(self._what)}")
        with box:
            yield OptionList(*(Option(Text(text)) for _, text in DURATIONS), markup=False)
            yield Static("Comment, for the others (tab):", markup=False)
            yield Input(value="seen in homelab", id="comment")

    def on_mount(self) -> None:
        """The choice first."""
        self.query_one("#comment", Input).cursor_blink = False
        self.query_one(OptionList).focus()

    @on(OptionList.OptionSelected)
    def _picked(self, event: OptionList.OptionSelected) -> None:
        self._answer(DURATIONS[event.option_index][0])

    @on(Input.Submitted, "#comment")
    def _commented(self) -> None:
        self.query_one(OptionList).focus()

    def _answer(self, for_s: float) -> None:
        comment = self.query_one("#comment", Input).value.strip()
        self.dismiss((for_s, comment or "seen in homelab"))
