"""What all dialogs share that ask for a plan: its text, what is to be chosen below it, and the buttons."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Button, Static

from homelab_tui.domain.operations import Plan
from homelab_tui.present.plans import plan_text
from homelab_tui.present.table import printable
from homelab_tui.ui.notices import copy_lines
from homelab_tui.ui.screens.dialog import Answer, Dialog


class PlanDialog(Dialog[Answer]):
    """A plan that is agreed to or not. A subclass says which plan, what can be chosen, and what the answer is."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("Y", "copy_command", show=False, id="app.copy")]

    @property
    def plan(self) -> Plan:
        """As it is chosen now."""
        raise NotImplementedError

    @property
    def first_focus(self) -> str:
        """What has the focus at first: what does no harm."""
        return "#cancel"

    def choices(self) -> ComposeResult:
        """What stands between the plan and the buttons, where it may be done at all."""
        yield from ()

    def more_buttons(self) -> ComposeResult:
        """Other ways to go on."""
        yield from ()

    def compose(self) -> ComposeResult:
        """Plan, choices, buttons."""
        plan = self.plan
        box = Vertical(classes="box")
        box.border_title = Content(printable(plan.title))
        with box:
            with VerticalScroll(classes="text", can_focus=False):
                yield Static(plan_text(plan), id="plan", markup=False)
            with Vertical(classes="foot"):
                if plan.is_allowed:
                    yield from self.choices()
                with Horizontal(classes="buttons"):
                    yield Button("Cancel" if plan.is_allowed else "Close", id="cancel")
                    if plan.is_allowed:
                        yield Button("Go on", id="go", variant="error" if plan.danger else "primary")
                    yield from self.more_buttons()

    def on_mount(self) -> None:
        """The safe answer is a key away."""
        self.query_one(self.first_focus).focus()

    def show_plan(self) -> None:
        """The plan as it is with what has been chosen."""
        self.query_one("#plan", Static).update(plan_text(self.plan))

    def action_copy_command(self) -> None:
        """The commands that do the same."""
        if self.plan.commands:
            copy_lines(self, self.plan.commands)
