"""Deleting Jobs: the plan, and what becomes of their Pods."""

from collections.abc import Callable
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import Button, RadioButton, RadioSet

from homelab_tui.domain.operations import Plan
from homelab_tui.ui.screens.plan_dialog import PlanDialog

PROPAGATIONS = (
    ("background", "Background: the Job at once, its Pods after it"),
    ("foreground", "Foreground: its Pods first; the Job stays until they are gone"),
    ("orphan", "Orphan: the Job alone; its Pods and logs stay, without an owner"),
)


class DeleteScreen(PlanDialog[str]):
    """The propagation that was confirmed; None when nothing was. Background, unless another is chosen."""

    DEFAULT_CSS = """
    DeleteScreen RadioSet { width: 1fr; height: auto; margin-top: 1; border: none; padding: 0; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
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

    def choices(self) -> ComposeResult:
        """What becomes of the Pods."""
        with RadioSet():
            for word, text in PROPAGATIONS:
                chosen = word == self._propagation
                yield RadioButton(_label(word, text, chosen=chosen), value=chosen)

    @on(RadioSet.Changed)
    def _chosen(self, event: RadioSet.Changed) -> None:
        self._propagation = PROPAGATIONS[event.index][0]
        for (word, text), button in zip(PROPAGATIONS, self.query(RadioButton), strict=True):
            button.label = _label(word, text, chosen=word == self._propagation)
        self.show_plan()

    def action_choose(self, place: int) -> None:
        """By its letter, wherever the focus is."""
        buttons = list(self.query(RadioButton))
        if buttons:
            buttons[place].value = True

    @on(Button.Pressed)
    def _answer(self, event: Button.Pressed) -> None:
        self.dismiss(self._propagation if event.button.id == "go" else None)


def _label(word: str, text: str, *, chosen: bool) -> Content:
    """Textual's own mark differs in colour only."""
    return Content(f"{'▸' if chosen else ' '} {text} ({word[0]})")
