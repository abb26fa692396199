"""What all panes share: a table, its rows from the state, the things under the cursor, reasons why not."""

import time
from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar

from textual.app import ComposeResult
from textual.content import Content
from textual.reactive import reactive

from homelab_tui.domain.operations import Operation
from homelab_tui.domain.state import LabState
from homelab_tui.engine.lab import Lab
from homelab_tui.present.table import Column, Row, printable
from homelab_tui.ui.frame import PaneFrame
from homelab_tui.ui.table import LabTable


class Pane(PaneFrame):
    """One noun of the lab. `noun` is its id everywhere."""

    noun: ClassVar[str] = ""
    title: ClassVar[str] = ""
    columns: ClassVar[tuple[Column, ...]] = ()
    targets: ClassVar[tuple[str, ...]] = ()
    """What the keys of its rows begin with, as far as operations are about them."""
    state: reactive[LabState | None] = reactive(None, layout=False, repaint=False)
    """Nothing of it is drawn by the pane itself: its table repaints the lines that changed."""

    def __init__(self) -> None:
        super().__init__(id=self.noun)
        self.border_title = Content(self.title)
        self._shown: LabState | None = None
        self._built_at = 0.0
        self._was_loading = False

    def compose(self) -> ComposeResult:
        """The table."""
        yield LabTable(self.columns, id=f"{self.noun}-table", empty_text="asking…")

    @property
    def table(self) -> LabTable:
        """The pane's table."""
        return self.query_one(LabTable)

    @property
    def lab(self) -> Lab | None:
        """The engine; None during the first moments."""
        lab: Lab | None = getattr(self.app, "lab", None)
        return lab

    def watch_state(self, state: LabState | None) -> None:
        """Another state: build the rows anew, if what this pane shows is different."""
        if state is None:
            return
        if self._shown is not None and not self.is_affected(self._shown, state):
            self._shown = state
            return
        self.rebuild()

    def rebuild(self) -> None:
        """Rows from the newest state and the time now; equal rows repaint nothing."""
        if self.state is None or self.lab is None or not self.is_mounted:
            return
        self._shown = self.state
        self._built_at = time.monotonic()
        now = self.lab.clock.now()
        table = self.table
        columns = self.columns_of(self.state)
        if columns != getattr(self, "_columns_shown", self.columns):
            table.set_columns(columns)
        self._columns_shown = columns
        is_loading = self.is_loading(self.state)
        table.set_rows(self.rows_of(self.state, now), from_top=is_loading or self._was_loading)
        self._was_loading = is_loading
        table.empty_text = self.empty_of(self.state, now)
        title = printable(f"{self.title}{self.summary_of(self.state)}")
        if title != str(self.border_title):  # even an equal one would have the whole pane drawn again
            self.border_title = Content(title)

    def other_acts(self, before: LabState, after: LabState) -> bool:
        """Whether something else is done to the things of this pane than before."""
        return before.operations is not after.operations and self._acts(before) != self._acts(after)

    def _acts(self, state: LabState) -> list[Operation]:
        return [operation for operation in state.operations if operation.target.startswith(self.targets)]

    # What each pane says

    def is_affected(self, before: LabState, after: LabState) -> bool:
        """Whether this pane would look different."""
        return before != after

    def columns_of(self, state: LabState) -> tuple[Column, ...]:
        """The columns; they depend on the state where the state has columns."""
        return self.columns

    def rows_of(self, state: LabState, now: datetime) -> Sequence[Row]:
        """The rows."""
        raise NotImplementedError

    def is_loading(self, state: LabState) -> bool:
        """Whether more rows are known to come at once, and a cursor on the first one does not mean that very row."""
        return False

    def empty_of(self, state: LabState, now: datetime) -> str:
        """What stands in an empty table."""
        return "nothing is configured"

    def summary_of(self, state: LabState) -> str:
        """What the title adds to the name."""
        return ""

    def why_not(self, command_id: str) -> str | None:
        """Why a command cannot be done now; None when it can."""
        return None

    def command_line(self) -> str | None:
        """The command that does the same as this pane's listing or the row under the cursor."""
        return None

    # What is meant

    def chosen_keys(self) -> tuple[str, ...]:
        """Keys of the selected rows, else of the row under the cursor: taken at the press."""
        selected = self.table.selected_keys
        if selected:
            return selected
        cursor = self.table.cursor_key
        return () if cursor is None else (cursor,)
