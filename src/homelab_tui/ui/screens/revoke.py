"""Taking a key off nodes where other accounts would be left without one: the plan, and which of them that may be."""

from collections.abc import Callable, Collection, Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Button, Checkbox

from homelab_tui.domain.operations import Plan
from homelab_tui.present.table import printable
from homelab_tui.ui.screens.choices import Choice
from homelab_tui.ui.screens.plan_dialog import PlanDialog

_BY_NUMBER = 9


class RevokeScreen(PlanDialog[tuple[str, ...]]):
    """The accounts that may lose their last usable line, once it is agreed to; None when it is not. At first none."""

    DEFAULT_CSS = """
    RevokeScreen .choices { height: auto; max-height: 6; margin-top: 1; }
    RevokeScreen Checkbox { width: 1fr; border: none; padding: 0; background: transparent; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(str(number), f"choose({number - 1})", show=False) for number in range(1, _BY_NUMBER + 1)
    ]

    def __init__(self, plan_for: Callable[[Collection[str]], Plan], users: Sequence[str]) -> None:
        """`plan_for`: the plan with some accounts chosen. `users`: whom it would leave without a usable line."""
        super().__init__()
        self._plan_for = plan_for
        self._users = tuple(users)
        self._chosen: set[str] = set()

    @property
    def plan(self) -> Plan:
        """As it is chosen now."""
        return self._plan_for(self._chosen)

    def choices(self) -> ComposeResult:
        """The accounts."""
        with VerticalScroll(classes="choices", can_focus=False):
            for place, user in enumerate(self._users):
                yield Choice(_label(place, user))

    @on(Checkbox.Changed)
    def _changed(self, event: Checkbox.Changed) -> None:
        place = list(self.query(Checkbox)).index(event.checkbox)
        user = self._users[place]
        (self._chosen.add if event.value else self._chosen.discard)(user)
        self.show_plan()

    def action_choose(self, place: int) -> None:
        """By its number, wherever the focus is."""
        boxes = list(self.query(Checkbox))
        if place < len(boxes):
            boxes[place].toggle()

    @on(Button.Pressed)
    def _answer(self, event: Button.Pressed) -> None:
        chosen = tuple(user for user in self._users if user in self._chosen)
        self.dismiss(chosen if event.button.id == "go" else None)


def _label(place: int, user: str) -> Content:
    number = f" ({place + 1})" if place < _BY_NUMBER else ""
    return Content(f"Take the last usable line of {printable(user)}, too{number}")
