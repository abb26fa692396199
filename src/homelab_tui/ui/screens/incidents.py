"""`!`: everything that is wrong, joined; enter tells all of it and what to do."""

from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen

from homelab_tui.domain.incident_values import Incident
from homelab_tui.domain.incidents import incidents
from homelab_tui.present.incidents import COLUMNS, rows, text
from homelab_tui.present.table import printable
from homelab_tui.ui.notices import tell
from homelab_tui.ui.screens.text import TextScreen
from homelab_tui.ui.table import LabTable

if TYPE_CHECKING:
    from homelab_tui.engine.lab import Lab

_TICK_S = 1.0


class IncidentsScreen(ModalScreen[None]):
    """The list, kept up to date while it is open."""

    DEFAULT_CSS = """
    IncidentsScreen { align: center middle; }
    IncidentsScreen > Vertical {
        width: 96%; height: 80%; border: round $accent; background: $surface;
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "leave", "Close", show=False),
        Binding("Y", "copy_cure", "Copy", show=False),
    ]

    def __init__(self, lab: "Lab") -> None:
        super().__init__()
        self._lab = lab
        self._found: tuple[Incident, ...] = ()

    def compose(self) -> ComposeResult:
        """The table in a box."""
        box = Vertical()
        box.border_title = Content("Incidents")
        box.border_subtitle = Content("enter tells all · Y copies the first cure · esc closes")
        with box:
            yield LabTable(COLUMNS, id="incidents-table", empty_text="nothing is wrong")

    def on_mount(self) -> None:
        """Fill it, and go on doing so."""
        self.query_one(LabTable).focus()
        self._fill()
        self.set_interval(_TICK_S, self._fill)

    def _fill(self) -> None:
        now = self._lab.clock.now()
        self._found = incidents(self._lab.store.state, now)
        self.query_one(LabTable).set_rows(rows(self._found, now))
        self.query_one(Vertical).border_title = Content(f"Incidents ({len(self._found)})")

    def _under(self, key: str | None) -> Incident | None:
        return next((one for one in self._found if one.key == key), None)

    @on(LabTable.RowActivated)
    def _opened(self, event: LabTable.RowActivated) -> None:
        event.stop()
        incident = self._under(event.key)
        if incident is not None:
            self.app.push_screen(TextScreen(printable(incident.title, 100), text(incident, self._lab.clock.now())))

    def action_copy_cure(self) -> None:
        """Copy the first cure's command line."""
        incident = self._under(self.query_one(LabTable).cursor_key)
        if incident is None or not incident.cures:
            tell(self, "nothing to copy here")
            return
        self.app.copy_to_clipboard(incident.cures[0])
        tell(self, f"copied: {incident.cures[0]}")

    def action_leave(self) -> None:
        """Back to the panes."""
        self.dismiss(None)
