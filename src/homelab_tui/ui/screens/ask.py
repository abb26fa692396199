"""One line of text."""

from collections.abc import Callable

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input, Static

from homelab_tui.present.table import printable
from homelab_tui.ui.screens.dialog import Dialog


class AskScreen(Dialog[str]):
    """Asks for a word. `why_not` says what is wrong with one; None: nobody gave one."""

    def __init__(
        self, title: str, question: str, proposal: str = "", why_not: Callable[[str], str | None] = lambda _: None
    ) -> None:
        super().__init__()
        self._title = title
        self._question = question
        self._proposal = proposal
        self._why_not = why_not

    def compose(self) -> ComposeResult:
        """The question and the field."""
        box = Vertical(classes="box")
        box.border_title = Content(printable(self._title))
        with box:
            yield Static(printable(self._question, 300), markup=False)
            yield Input(self._proposal, id="answer")
            yield Static("Enter goes on, esc leaves.", id="why", markup=False)

    @on(Input.Submitted)
    def _given(self, event: Input.Submitted) -> None:
        answer = event.value.strip()
        why = self._why_not(answer)
        if why is None and answer:
            self.dismiss(answer)
        else:
            self.query_one("#why", Static).update(printable(why or "An empty one will not do.", 200))
