"""LabTable: the one table of the product, drawn line by line; DataTable costs 40 times as much per refresh."""

from collections.abc import Iterable, Sequence
from typing import ClassVar

from rich.text import Text
from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message

from homelab_tui.present.table import Column, Row
from homelab_tui.ui.table_lines import MARK_WIDTH, TABLE_CSS, column_at
from homelab_tui.ui.table_view import TableView

_SIDEWAYS = 8
"""Terminal cells that left and right scroll."""


class TableMessage(Message):
    """Something that happened in a table."""

    def __init__(self, table: "LabTable") -> None:
        super().__init__()
        self.table = table

    @property
    def control(self) -> "LabTable":
        """The table it happened in, so that `@on` can select by it."""
        return self.table


class LabTable(TableView):
    """Rows keyed by identity: cursor and selection stay with their things, and only lines that changed are repainted.

    The owner hands over all rows with `set_rows` as often as it likes. No text in them is ever markup.
    """

    ALLOW_SELECT = False  # dragging would mark text instead of rows
    DEFAULT_CSS = TABLE_CSS

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "cursor_up", "Up", show=False, id="table.up"),
        Binding("down", "cursor_down", "Down", show=False, id="table.down"),
        Binding("pageup", "page_up", "Page up", show=False, id="table.page-up"),
        Binding("pagedown", "page_down", "Page down", show=False, id="table.page-down"),
        Binding("home", "first_row", "First row", show=False, id="table.first"),
        Binding("end", "last_row", "Last row", show=False, id="table.last"),
        Binding("left", "scroll_left", "Scroll left", show=False, id="table.left"),
        Binding("right", "scroll_right", "Scroll right", show=False, id="table.right"),
        Binding("space", "toggle_select", "Select", show=False, id="table.select"),
        Binding("a", "select_all", "Select all", show=False, id="table.select-all"),
        Binding("o", "cycle_sort", "Sort", show=False, id="table.sort"),
        Binding("enter", "activate", "Open", show=False, id="table.open"),
    ]

    class CursorMoved(TableMessage):
        """Another row is under the cursor than before; `key` is None when no row is shown."""

        def __init__(self, table: "LabTable", key: str | None) -> None:
            super().__init__(table)
            self.key = key

    class RowActivated(TableMessage):
        """The user opened the row with this key (enter, second click)."""

        def __init__(self, table: "LabTable", key: str) -> None:
            super().__init__(table)
            self.key = key

    class SelectionChanged(TableMessage):
        """Other rows are selected than before; `keys` in display order."""

        def __init__(self, table: "LabTable", keys: tuple[str, ...]) -> None:
            super().__init__(table)
            self.keys = keys

    def __init__(
        self,
        columns: Sequence[Column],
        rows: Sequence[Row] = (),
        *,
        empty_text: str | Text = "",
        name: str | None = None,
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        super().__init__(columns, empty_text, name, id, classes)
        self._clicked_key: str | None = None
        self._pressed_key: str | None = None
        self._told_cursor: str | None = None
        self._told_selection: tuple[str, ...] = ()
        self._model.replace(rows)
        self.measure(())

    # What the owner reads and sets

    @property
    def cursor_key(self) -> str | None:
        """Identity of the row under the cursor now; None when no row is shown. Take it when the key is pressed."""
        return self._model.cursor_key

    @property
    def selected_keys(self) -> tuple[str, ...]:
        """Identities of the selected rows that are shown, in display order. A filter hides a mark, but keeps it."""
        return self._model.selected_keys

    @property
    def shown_keys(self) -> tuple[str, ...]:
        """Identities of the rows that pass the filter, in display order."""
        return tuple([row.key for row in self._model.shown])

    @property
    def rows(self) -> tuple[Row, ...]:
        """Every row, shown or not, in the owner's order."""
        return tuple(self._model.rows)

    @property
    def filter_text(self) -> str:
        """The filter as it was set; "" for none."""
        return self._model.filter

    @property
    def sort(self) -> tuple[str, bool] | None:
        """Key of the sorted column and whether it descends; None: the owner's order."""
        index = self._model.sorted_by
        return None if index is None else (self._all_columns[index].key, self._model.descending)

    @property
    def empty_text(self) -> str | Text:
        """What stands in place of rows when there are none; a str is plain text, never markup."""
        return self._empty_text

    @empty_text.setter
    def empty_text(self, text: str | Text) -> None:
        if text != self._empty_text:
            self._empty_text = text
            if not self._model.shown:
                self.refresh()

    def set_rows(self, rows: Sequence[Row], *, from_top: bool = False) -> None:
        """Takes over new rows. Equal ones repaint nothing; changed ones repaint their own lines.

        `from_top`: a cursor that stands on the first row goes to the one that is first now, instead of with its row.
        """
        before = self._model.rows
        stays_on_top = from_top and self._model.cursor == self.scroll_offset.y == 0

        def replace() -> bool:
            changed = self._model.replace(rows)
            if changed:
                self.measure(before)
            if stays_on_top:
                self._model.move_to(0)
            return changed

        self.change(replace, to_cursor=stays_on_top)

    def set_columns(self, columns: Sequence[Column]) -> None:
        """Other columns; their widths are fitted afresh, a sort stays only if its column does."""
        sort = self.sort
        self._all_columns = tuple(columns)
        self._wanted = [0] * len(self._all_columns)
        self._line_cache.clear()
        index = next((i for i, column in enumerate(self._all_columns) if sort and column.key == sort[0]), None)
        self.measure(())
        self.change(lambda: self._model.set_sort(index, self._model.descending))

    def set_filter(self, text: str) -> None:
        """Shows only rows that have every word of the text somewhere, in any case; "" shows all."""
        if text != self._model.filter:
            self.change(lambda: self._model.set_filter(text), to_cursor=True)

    def sort_by(self, key: str | None, descending: bool = False) -> None:
        """Sorts by a column, stable; None gives the owner's order. An unknown key is ignored."""
        index = next((i for i, column in enumerate(self._all_columns) if column.key == key), None)
        if key is None or index is not None:
            self.change(lambda: self._model.set_sort(index, descending), to_cursor=True)

    def move_cursor(self, key: str) -> bool:
        """Puts the cursor on a row; False when that row is not shown."""
        index = self._model.index_of(key)
        if index is None:
            return False
        self.change(lambda: self._model.move_to(index), to_cursor=True)
        return True

    def select(self, keys: Iterable[str]) -> None:
        """Selects exactly these rows, so far as they exist and are selectable."""
        self.change(lambda: self._model.select(keys))

    # Actions

    def action_cursor_up(self) -> None:
        """One row up."""
        self._move_to(self._model.cursor - 1)

    def action_cursor_down(self) -> None:
        """One row down."""
        self._move_to(self._model.cursor + 1)

    def action_page_up(self) -> None:
        """A screenful of rows up."""
        self._move_to(self._model.cursor - max(1, self.visible_rows - 1))

    def action_page_down(self) -> None:
        """A screenful of rows down."""
        self._move_to(self._model.cursor + max(1, self.visible_rows - 1))

    def action_first_row(self) -> None:
        """To the first row."""
        self._move_to(0)

    def action_last_row(self) -> None:
        """To the last row."""
        self._move_to(len(self._model.shown) - 1)

    def action_scroll_left(self) -> None:
        """Shows what is left of the columns in sight."""
        self.scroll_to(x=max(0, self.scroll_offset.x - _SIDEWAYS), animate=False)

    def action_scroll_right(self) -> None:
        """Shows what is right of the columns in sight."""
        self.scroll_to(x=min(self.max_scroll_x, self.scroll_offset.x + _SIDEWAYS), animate=False)

    def action_toggle_select(self) -> None:
        """Turns the mark of the cursor's row on or off and moves down, so that a run of rows is a run of presses."""

        def toggle() -> None:
            self._model.toggle(self._model.cursor)
            self._model.move_to(self._model.cursor + 1)

        self.change(toggle, to_cursor=True)

    def action_select_all(self) -> None:
        """Selects every shown row; none when all of them are selected already."""
        self.change(self._model.toggle_all)

    def action_cycle_sort(self) -> None:
        """Sorts by the next shown column; after the last one comes the owner's order."""
        shown = [column.index for column in self._columns]
        last = self._model.sorted_by
        following = shown if last is None else [index for index in shown if index > last]
        self.sort_by(self._all_columns[following[0]].key if following else None)

    def action_activate(self) -> None:
        """Opens the row under the cursor."""
        if self.cursor_key is not None:
            self.post_message(self.RowActivated(self, self.cursor_key))

    # Mouse

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Remembers whose row was pressed: an update may come between the press and the click."""
        offset = event.get_content_offset(self)
        index = None if offset is None else self.row_index_at(offset.y)
        self._pressed_key = None if index is None else self._model.shown[index].key

    def on_click(self, event: events.Click) -> None:
        """On a row: the cursor comes, the second click opens; on its mark: selects; on a label: sorts."""
        offset = event.get_content_offset(self)
        if offset is None:
            return
        event.stop()
        if offset.y == 0:
            self._sort_at(offset.x)
            return
        key, self._pressed_key = self._pressed_key, None
        index = None if key is None else self._model.index_of(key)
        if key is None or index is None:
            return
        if offset.x < MARK_WIDTH:
            self._clicked_key = None
            self.change(lambda: self._model.toggle(index))
        elif self._clicked_key == key == self.cursor_key:
            self._clicked_key = None
            self.action_activate()
        else:
            self._move_to(index)
            self._clicked_key = key

    def _sort_at(self, x: int) -> None:
        """A label is clicked: ascending, descending, the owner's order."""
        column = column_at(self._columns, x if x < MARK_WIDTH else x + self.scroll_offset.x)
        if column is None:
            return
        key = column.column.key
        if self.sort == (key, True):
            self.sort_by(None)
        else:
            self.sort_by(key, descending=self.sort == (key, False))

    # Cursor and messages

    def _move_to(self, index: int) -> None:
        self._clicked_key = None
        self.change(lambda: self._model.move_to(index), to_cursor=True)

    def on_mount(self) -> None:
        """Announces the first row as the one under the cursor."""
        self.announce()

    def announce(self) -> None:
        """Posts what an owner must hear of, once each."""
        if not self.is_mounted:
            return
        cursor, selection = self.cursor_key, self.selected_keys
        if cursor != self._told_cursor:
            self._told_cursor = cursor
            self.post_message(self.CursorMoved(self, cursor))
        if selection != self._told_selection:
            self._told_selection = selection
            self.post_message(self.SelectionChanged(self, selection))
