"""Deleting Jobs: the plan, and what becomes of their Pods."""

from collections.abc import Callable
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Button, RadioButton, RadioSet, Static

from homelab_tui.domain.operations import Plan
from homelab_tui.present.plans import plan_text
from homelab_tui.present.table import printable
from homelab_tui.ui.notices import copy_lines
from homelab_tui.ui.screens.dialog import Dialog

PROPAGATIONS = (
    ("background", "Background: the Job at once, its Pods after it"),
    ("foreground", "Foreground: its Pods first; the Job stays until they are gone"),
    ("orphan", "Orphan: the Job alone; its Pods and logs stay, without an owner"),
)


class DeleteScreen(Dialog[str]):
    """The propagation that was confirmed; None when nothing was. Background, unless another is chosen."""

    DEFAULT_CSS = """
    DeleteScreen RadioSet { width: 1fr; height: auto; margin-top: 1; border: none; padding: 0; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("Y", "copy_command", show=False, id="app.copy"),
        Binding("b", "choose(0)", show=False),
        Binding("f", "choose(1)", show=False),
        Binding("o", "choose(2)", show=False),
    ]

    def __init__(self, plan_for: Callable[[str], Plan]) -> None:
        """`plan_for`: the plan with one propagation."""
        super().__init__()
        self._plan_for = plan_for
        self._propagation = PROPAGATIONS[0][0]

    @property
    def plan(self) -> Plan:
        """As it is chosen now."""
        return self._plan_for(self._propagation)

    def compose(self) -> ComposeResult:
        """Plan, choice, buttons."""
        plan = self.plan
        box = Vertical(classes="box")
        box.border_title = Content(printable(plan.title))
        with box:
            with VerticalScroll(classes="text", can_focus=False):
                yield Static(plan_text(plan), id="plan", markup=False)
            with Vertical(classes="foot"):
                if plan.is_allowed:
                    with RadioSet():
                        for word, text in PROPAGATIONS:
                            chosen = word == self._propagation
                            yield RadioButton(_label(word, text, chosen=chosen), value=chosen)
                with Horizontal(classes="buttons"):
                    yield Button("Cancel" if plan.is_allowed else "Close", id="cancel")
                    if plan.is_allowed:
                        yield Button("Go on", id="go", variant="error")

    def on_mount(self) -> None:
        """The focus is on what does no harm."""
        self.query_one("#cancel").focus()

    @on(RadioSet.Changed)
    def _chosen(self, event: RadioSet.Changed) -> None:
        self._propagation = PROPAGATIONS[event.index][0]
        for (word, text), button in zip(PROPAGATIONS, self.query(RadioButton), strict=True):
            button.label = _label(word, text, chosen=word == self._propagation)
        self.query_one("#plan", Static).update(plan_text(self.plan))

    def action_choose(self, place: int) -> None:
        """By its letter, wherever the focus is."""
        buttons = list(self.query(RadioButton))
        if buttons:
            buttons[place].value = True

    def action_copy_command(self) -> None:
        """The commands that do the same."""
        if self.plan.commands:
            copy_lines(self, self.plan.commands)

    @on(Button.Pressed)
    def _answer(self, event: Button.Pressed) -> None:
        self.dismiss(self._propagation if event.button.id == "go" else None)


def _label(word: str, text: str, *, chosen: bool) -> Content:
    """Textual's own mark differs in colour only."""
    return Content(f"{'▸' if chosen else ' '} {text} ({word[0]})")
