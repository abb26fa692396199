"""The plan, and the question. The safe answer has the focus."""

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Button, Input, Static

from homelab_tui.domain.operations import Plan
from homelab_tui.present.plans import plan_text
from homelab_tui.present.table import printable
from homelab_tui.ui.notices import copy_lines
from homelab_tui.ui.screens.dialog import Dialog


class ConfirmScreen(Dialog[bool]):
    """Shows a plan. True only for an explicit yes, and where a name must be typed only for that name."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("Y", "copy_command", show=False, id="app.copy")]

    def __init__(self, plan: Plan, other: str | None = None) -> None:
        """`other`: label of another way to do it. Where it is chosen the answer is True, and `chose_other` too."""
        super().__init__()
        self._plan = plan
        self._other = other
        self.chose_other = False

    def compose(self) -> ComposeResult:
        """Title, plan, the name to type, buttons."""
        plan = self._plan
        box = Vertical(classes="box")
        box.border_title = Content(printable(plan.title))
        with box:
            with VerticalScroll(classes="text", can_focus=False):
                yield Static(plan_text(plan), markup=False)
            with Vertical(classes="foot"):
                if plan.is_allowed and plan.confirm_name is not None:
                    yield Static(f"Type {printable(plan.confirm_name)} to go on:", markup=False)
                    yield Input(id="name")
                with Horizontal(classes="buttons"):
                    yield Button("Cancel" if plan.is_allowed else "Close", id="cancel")
                    if plan.is_allowed:
                        yield Button("Go on", id="go", variant="error" if plan.danger else "primary")
                    if self._other is not None:
                        yield Button(self._other, id="other")

    def on_mount(self) -> None:
        """The focus is on what does no harm."""
        name_needed = self._plan.is_allowed and self._plan.confirm_name is not None
        if name_needed:
            self.query_one("#go", Button).disabled = True
        self.query_one("#name" if name_needed else "#cancel").focus()

    @on(Input.Changed, "#name")
    def _check_name(self, event: Input.Changed) -> None:
        self.query_one("#go", Button).disabled = event.value != self._plan.confirm_name

    @on(Input.Submitted, "#name")
    def _name_typed(self, event: Input.Submitted) -> None:
        if event.value == self._plan.confirm_name:
            self.query_one("#go", Button).focus()

    def action_copy_command(self) -> None:
        """The commands that do the same."""
        if self._plan.commands:
            copy_lines(self, self._plan.commands)

    @on(Button.Pressed)
    def _answer(self, event: Button.Pressed) -> None:
        self.chose_other = event.button.id == "other"
        self.dismiss(event.button.id in ("go", "other"))
