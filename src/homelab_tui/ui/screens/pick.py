"""Choosing one of several."""

from collections.abc import Sequence

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from homelab_tui.present.table import printable
from homelab_tui.ui.screens.dialog import Dialog


class PickScreen(Dialog[str]):
    """A list of (id, text); the answer is the id, None when nothing was chosen."""

    def __init__(self, question: str, options: Sequence[tuple[str, str]]) -> None:
        super().__init__()
        self._question = question
        self._options = tuple(options)

    def compose(self) -> ComposeResult:
        """The list."""
        box = Vertical(classes="box")
        box.border_title = Content(printable(self._question))
        with box:
            yield OptionList(*(Option(Text(printable(text))) for _, text in self._options), markup=False)

    @on(OptionList.OptionSelected)
    def _picked(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(self._options[event.option_index][0])
