"""The plan, and the question. The safe answer has the focus."""

from textual import on
from textual.app import ComposeResult
from textual.widgets import Button, Input, Static

from homelab_tui.domain.operations import Plan
from homelab_tui.present.table import printable
from homelab_tui.ui.screens.plan_dialog import PlanDialog


class ConfirmScreen(PlanDialog[bool]):
    """Shows a plan. True only for an explicit yes, and where a name must be typed only for that name."""

    def __init__(self, plan: Plan, other: str | None = None) -> None:
        """`other`: label of another way to do it. Where it is chosen the answer is True, and `chose_other` too."""
        super().__init__()
        self._plan = plan
        self._other = other
        self.chose_other = False

    @property
    def plan(self) -> Plan:
        """The one that is asked for."""
        return self._plan

    @property
    def first_focus(self) -> str:
        """Where a name is wanted, its field."""
        return "#name" if self._wants_name else "#cancel"

    @property
    def _wants_name(self) -> bool:
        return self._plan.is_allowed and self._plan.confirm_name is not None

    def choices(self) -> ComposeResult:
        """The name to type."""
        if self._plan.confirm_name is not None:
            yield Static(f"Type {printable(self._plan.confirm_name)} to go on:", markup=False)
            yield Input(id="name")

    def more_buttons(self) -> ComposeResult:
        """The other way."""
        if self._other is not None:
            yield Button(self._other, id="other")

    def on_mount(self) -> None:
        """Nothing goes on before the name is there."""
        if self._wants_name:
            self.query_one("#go", Button).disabled = True

    @on(Input.Changed, "#name")
    def _check_name(self, event: Input.Changed) -> None:
        self.query_one("#go", Button).disabled = event.value != self._plan.confirm_name

    @on(Input.Submitted, "#name")
    def _name_typed(self, event: Input.Submitted) -> None:
        if event.value == self._plan.confirm_name:
            self.query_one("#go", Button).focus()

    @on(Button.Pressed)
    def _answer(self, event: Button.Pressed) -> None:
        self.chose_other = event.button.id == "other"
        self.dismiss(event.button.id in ("go", "other"))
