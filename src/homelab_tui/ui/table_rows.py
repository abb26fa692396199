"""What a table holds: its rows, which of them are shown in which order, the cursor and the selection. Draws nothing."""

from collections.abc import Iterable, Sequence
from operator import attrgetter

from homelab_tui.present.table import Row, filter_words, matching_rows, sorted_rows

_key_of = attrgetter("key")


class TableRows:
    """Rows keyed by identity. Cursor and selection hold keys, so no update moves them to another thing."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        """Every row, in the owner's order."""
        self.shown: list[Row] = []
        """The rows that pass the filter, in the order of the screen."""
        self.filter = ""
        self.sorted_by: int | None = None
        """Place of the sorted column in `Row.cells`; None: the owner's order."""
        self.descending = False
        self.cursor = 0
        """Place of the cursor in `shown`; 0 also when nothing is shown."""
        self._given: Sequence[Row] | None = None
        """What `replace` was given last; it is a tuple that the owner keeps as long as nothing changes."""
        self._selected: set[str] = set()
        self._last_key = ""  # under the cursor when something was last shown

    @property
    def cursor_key(self) -> str | None:
        """Key of the row under the cursor; None when nothing is shown."""
        return self.shown[self.cursor].key if self.shown else None

    @property
    def selected_keys(self) -> tuple[str, ...]:
        """Selected rows *that are shown*, in display order: nobody acts on what a filter hides."""
        selected = self._selected
        return tuple([row.key for row in self.shown if row.key in selected]) if selected else ()

    def is_selected(self, key: str) -> bool:
        """Whether the row with this key carries the mark."""
        return key in self._selected

    def index_of(self, key: str) -> int | None:
        """Place of a key in `shown`; None when it is not shown."""
        return next((index for index, row in enumerate(self.shown) if row.key == key), None)

    def replace(self, rows: Sequence[Row]) -> bool:
        """Takes over new rows; False when they equal the old ones. Of two rows with one key the first wins."""
        if rows is self._given and isinstance(rows, tuple):
            return False
        self._given = rows
        rows = list(rows)
        if rows == self.rows:
            return False
        if len({*map(_key_of, rows)}) < len(rows):
            unique: dict[str, Row] = {}
            for row in rows:
                unique.setdefault(row.key, row)
            rows = list(unique.values())
        self.rows = rows
        if self._selected:
            self._selected &= {row.key for row in rows if row.selectable}
        self._reorder()
        return True

    def set_filter(self, text: str) -> None:
        """Shows only rows in which every word of the text occurs."""
        self.filter = text
        self._reorder()

    def set_sort(self, index: int | None, descending: bool) -> None:
        """Sorts by one cell; None gives the owner's order back."""
        self.sorted_by, self.descending = index, descending
        self._reorder()

    def move_to(self, index: int) -> None:
        """Puts the cursor on a place in `shown`, or the nearest there is."""
        self.cursor = max(0, min(index, len(self.shown) - 1))

    def toggle(self, index: int) -> None:
        """Turns the mark of a shown row on or off, if it can carry one."""
        if 0 <= index < len(self.shown) and self.shown[index].selectable:
            self._selected ^= {self.shown[index].key}

    def toggle_all(self) -> None:
        """Marks every shown row; when all of them are marked already, none."""
        keys = {row.key for row in self.shown if row.selectable}
        self._selected = self._selected - keys if keys <= self._selected else self._selected | keys

    def select(self, keys: Iterable[str]) -> None:
        """Exactly these rows carry the mark, as far as they exist and can carry one."""
        self._selected = {row.key for row in self.rows if row.selectable} & set(keys)

    def _reorder(self) -> None:
        before, cursor = self.shown, self.cursor
        words = filter_words(self.filter)
        shown = matching_rows(self.rows, words) if words else self.rows
        if self.sorted_by is not None:
            shown = sorted_rows(shown, self.sorted_by, self.descending)
        self.shown = shown
        if before:
            self._last_key = before[cursor].key
            self.cursor = _kept_place(before, cursor, shown)
        else:
            # A filter on its way to its last letter, or a source that was away, must not cost the cursor its row.
            self.cursor = self.index_of(self._last_key) or 0


def _kept_place(before: Sequence[Row], cursor: int, after: Sequence[Row]) -> int:
    """Where the cursor goes: with its row, else to the next row that is still there, else to the one before it."""
    key = before[cursor].key
    if cursor < len(after) and after[cursor].key == key:
        return cursor
    places = {row.key: index for index, row in enumerate(after)}
    if key in places:
        return places[key]
    for row in before[cursor + 1 :]:
        if row.key in places:
            return places[row.key]
    return next((places[row.key] for row in reversed(before[:cursor]) if row.key in places), 0)
