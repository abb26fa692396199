"""Twins side by side."""

from collections.abc import Callable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen

from homelab_tui.domain.twins import Comparison
from homelab_tui.present import twins as present
from homelab_tui.present.table import printable
from homelab_tui.ui.table import LabTable

_LOOK_AGAIN_S = 2.0


class CompareScreen(ModalScreen[None]):
    """A table with a row for each field and a column for each node; it follows the state while it is open."""

    DEFAULT_CSS = """
    CompareScreen { align: center middle; }
    CompareScreen > Vertical {
        width: 98%; height: 94%; border: round $accent; background: $surface; padding: 0 1;
    }
    CompareScreen LabTable { height: 1fr; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "leave", "Close", show=False),
        Binding("d", "only_differing", "Only what differs", show=False),
    ]

    def __init__(self, look: Callable[[], Comparison]) -> None:
        """`look`: the comparison as it is now; always of the same nodes."""
        super().__init__()
        self._look = look
        self._first = look()
        self._only_differing = False

    def compose(self) -> ComposeResult:
        """The table in a box."""
        box = Vertical()
        box.border_title = Content(printable(self._first.title))
        with box:
            yield LabTable(present.columns(self._first, self.app.size.width), id="twins")

    def on_mount(self) -> None:
        """Arrows scroll at once."""
        self._show()
        self.query_one(LabTable).focus()
        self.set_interval(_LOOK_AGAIN_S, self._show)

    def _show(self) -> None:
        comparison = self._look()
        self.query_one(LabTable).set_rows(present.rows(comparison, only_differing=self._only_differing))
        box = self.query_one(Vertical)
        count = len(comparison.differing)
        what = f"{present.ODD} {count} of {len(comparison.fields)} fields differ" if count else "all alike"
        box.border_subtitle = Content(f"{what} · d {'all' if self._only_differing else 'only these'} · esc closes")

    def action_only_differing(self) -> None:
        """Hide what is alike, or show it again."""
        self._only_differing = not self._only_differing
        self._show()

    def action_leave(self) -> None:
        """Back to the panes."""
        self.dismiss(None)
