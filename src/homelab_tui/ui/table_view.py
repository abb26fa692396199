"""The drawing half of LabTable: fits the columns, keeps the scroll position, repaints only the lines that changed."""

from collections.abc import Callable, Sequence
from itertools import compress
from operator import is_not

from rich.style import Style
from rich.text import Text
from textual import events
from textual.cache import LRUCache
from textual.dom import DOMNode
from textual.geometry import Region, Size
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.timer import Timer

from homelab_tui.domain.ordered import difference
from homelab_tui.domain.values import Frozen
from homelab_tui.present.table import Column, FittedColumn, Row, fit_columns
from homelab_tui.ui.table_lines import (
    MARK_WIDTH,
    HeaderState,
    LineState,
    content_width,
    header_strip,
    is_busy,
    note_strip,
    placeholder_strips,
    row_strip,
    row_width,
    widest,
)
from homelab_tui.ui.table_rows import TableRows

_BARS_S = 0.5
"""How long the scroll bar may lag behind a few rows among hundreds: to draw it is to draw every line beside it."""
_LINES_KEPT = 128
"""Drawn lines that are remembered, at least; with all that Textual keeps beside each, one is 6 kB."""
_SAMPLE = 500
"""Rows that are measured at most when columns are fitted; a wider one grows its column when it is first drawn."""


class _Picture(Frozen):
    """What is on the screen; two of them tell which lines a change touched."""

    top: int
    columns: tuple[FittedColumn, ...]
    lines: tuple[HeaderState | LineState | None, ...]


class TableView(ScrollView, can_focus=True):
    """Draws `TableRows` line by line. Every change of theirs goes through `change`, which repaints and announces it."""

    def __init__(
        self, columns: Sequence[Column], empty_text: str | Text, name: str | None, id: str | None, classes: str | None
    ) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self._model = TableRows()
        self._all_columns = tuple(columns)
        self._columns: tuple[FittedColumn, ...] = ()
        self._wanted = [0] * len(self._all_columns)
        self._empty_text = empty_text
        self._refit_due = False
        self._bars_timer: Timer | None = None
        self._busy: set[str] = set()  # keys of rows that say what is being done to them
        self._known_rows = 0  # visible ones, before the size changed
        self._style_cache: dict[str, Style] = {}
        self._line_cache: LRUCache[tuple[str, bool, bool, bool], tuple[Row, Strip]] = LRUCache(_LINES_KEPT)

    def announce(self) -> None:
        """Called after every change; LabTable posts its messages here."""

    def change(self, change: Callable[[], object], *, to_cursor: bool = False) -> None:
        """Carries out a change of the rows, the cursor or the selection, and repaints what looks different after it.

        The screen stays where it is: on the cursor if that is in sight, else on the first row in sight. With
        `to_cursor` it scrolls to the cursor instead. A change that returns False changed nothing.
        """
        before = self._picture()
        anchors = [] if to_cursor else self._anchors()
        if change() is False:
            return
        self._fit()
        self._update_virtual_size()
        top = self._top_for_cursor(self.scroll_offset.y) if to_cursor else self._anchored_top(anchors)
        if top != self.scroll_offset.y:
            self.scroll_to(y=top, animate=False, force=True)
        self._repaint(before)
        self.announce()

    def measure(self, before: Sequence[Row]) -> None:
        """Takes the widths of rows that differ from those before it; columns only grow while there are rows.

        But for the words of what was being done to a row: where that has ended, all columns are fitted afresh.
        """
        rows = self._model.rows
        if not before:
            self._wanted = [0] * len(self._all_columns)
        elif len(before) == len(rows):
            rows = [*compress(rows, map(is_not, before, rows))]
        else:
            found = difference(before, rows)
            rows = rows if found is None else found[1]
        if self._has_act_ended(_sample(rows)):
            self._wanted = [0] * len(self._all_columns)
            rows = self._model.rows
        sample = _sample(rows)
        for index, column in enumerate(self._all_columns):
            if column.width is None and sample:
                self._wanted[index] = max(self._wanted[index], widest(sample, index))

    def _has_act_ended(self, rows: Sequence[Row]) -> bool:
        """Whether one of these rows said the last time what was being done to it, and does so no more."""
        busy = {row.key for row in rows if is_busy(row)}
        ended = {row.key for row in rows if row.key in self._busy} - busy
        self._busy = (self._busy | busy) - ended
        return bool(ended)

    # Textual

    def render_line(self, y: int) -> Strip:
        """One line of the viewport: the header, a row, a line of the placeholder, or nothing."""
        width = self.size.width
        if y == 0:
            return self._header(width)
        state = self._line_state(y)
        if state is not None:
            return self._scrolled(self._row_strip(state), width)
        plain = self.style_of("")
        if not self._model.shown:
            lines = placeholder_strips(self._placeholder(), width, self.app.console, self.style_of("empty"))
            if y <= len(lines):
                return lines[y - 1].crop_extend(0, width, plain)
        return Strip.blank(width, plain)

    def notify_style_update(self) -> None:
        """The theme or the focus changed: everything that was drawn in the old styles is dropped."""
        super().notify_style_update()
        self._forget_styles()

    def on_focus(self) -> None:
        """The cursor looks different."""
        self._forget_styles()
        self.refresh()

    on_blur = on_focus

    def _forget_styles(self) -> None:
        self._style_cache.clear()
        self._line_cache.clear()

    def on_resize(self, event: events.Resize) -> None:
        """Fits the columns to the new width, and keeps the cursor in sight if it was."""
        in_sight = self.scroll_offset.y <= self._model.cursor < self.scroll_offset.y + self._known_rows
        self._known_rows = self.visible_rows
        self._line_cache.grow(3 * self.visible_rows)  # each with the cursor, selected, and neither
        self.change(lambda: None, to_cursor=in_sight)

    def style_of(self, name: str) -> Style:
        """The style of a part by its short name; "" is the table's own. Cell styles carry no background."""
        style = self._style_cache.get(name)
        if style is None:
            if not name:
                style = self.rich_style
            else:
                style = self._part_style(name)
                if name not in ("header", "note", "cursor", "selected"):
                    style = Style(color=style.color, bold=style.bold or None, italic=style.italic or None)
            self._style_cache[name] = style
        return style

    def _part_style(self, name: str) -> Style:
        """What the style sheet says of a part of the table.

        The same as a component class of Textual's. But those are looked up anew, all of them, for each table and each
        time a style may have changed: a tenth of what the screen costs at the start.
        """
        part = DOMNode(classes=f"labtable--{name}")
        part._attach(self)
        self.app.stylesheet.apply(part, animate=False)
        return part.rich_style

    # Geometry

    @property
    def visible_rows(self) -> int:
        """How many rows fit below the header."""
        return max(0, self.scrollable_content_region.height - 1)

    def row_index_at(self, y: int) -> int | None:
        """Place of the row on a line of the viewport; None for the header and below the last row."""
        index = self.scroll_offset.y + y - 1
        return index if y >= 1 and index < len(self._model.shown) else None

    def _available_width(self) -> int:
        """Width for the columns. Foresees the scroll bar, so that its arrival does not fit them twice."""
        size = self.container_size
        bar = self.styles.scrollbar_size_vertical if len(self._model.shown) + 1 > size.height else 0
        return size.width - bar - MARK_WIDTH

    def _fit(self) -> None:
        if not self.container_size.width:
            return
        columns = fit_columns(self._all_columns, self._wanted, self._available_width())
        if columns != self._columns:
            self._columns = columns
            self._line_cache.clear()

    def _update_virtual_size(self) -> None:
        size = Size(content_width(self._columns), len(self._model.shown) + 1)
        if size == self.virtual_size:
            return
        # Set as usual, the reactive would lay out and repaint the whole screen for every row that comes or goes.
        # The scroll bars' own reactives do that, when a bar appears or vanishes.
        before = self.virtual_size
        self.set_reactive(TableView.virtual_size, size)
        if not _looks_the_same(before, size):
            self._update_bars()
        elif self._bars_timer is None:
            self._bars_timer = self.set_timer(_BARS_S, self._update_bars)
        if self.styles.auto_dimensions:
            self.refresh(layout=True)

    def _update_bars(self) -> None:
        if self._bars_timer is not None:
            self._bars_timer.stop()
            self._bars_timer = None
        self._scroll_update(self.virtual_size)

    def _anchors(self) -> list[tuple[str, int]]:
        """Rows in sight with their lines, the cursor's first: one that is still there holds the screen in place."""
        top, cursor = self.scroll_offset.y, self._model.cursor
        in_sight = [(row.key, line) for line, row in enumerate(self._model.shown[top : top + self.visible_rows])]
        line = cursor - top
        return in_sight[line : line + 1] + in_sight if 0 <= line < len(in_sight) else in_sight

    def _anchored_top(self, anchors: Sequence[tuple[str, int]]) -> int:
        top, model = self.scroll_offset.y, self._model
        cursor_was_in_sight = len(anchors) > 1 and anchors[0] in anchors[1:]
        if top == 0 or not anchors:
            # At the very top new rows push the others down, or nobody would see them come.
            return self._top_for_cursor(top) if cursor_was_in_sight else top
        in_place = [row.key for row in model.shown[top : top + self.visible_rows]]
        if all(line < len(in_place) and in_place[line] == key for key, line in anchors):
            return top
        places = {row.key: index for index, row in enumerate(model.shown)}
        key, line = next((anchor for anchor in anchors if anchor[0] in places), ("", 0))
        wanted = places[key] - line if key in places else top
        wanted = max(0, min(wanted, self.max_scroll_y))
        return self._top_for_cursor(wanted) if cursor_was_in_sight else wanted

    def _top_for_cursor(self, top: int) -> int:
        """The scroll position nearest to `top` that has the cursor in sight."""
        if not self.visible_rows:
            return top
        cursor = self._model.cursor
        return max(0, min(cursor, max(top, cursor - self.visible_rows + 1)))

    # Painting

    def _line_state(self, y: int) -> LineState | None:
        index = self.row_index_at(y)
        return None if index is None else self._state_of(index, self._model.shown[index])

    def _state_of(self, index: int, row: Row) -> LineState:
        is_cursor = index == self._model.cursor
        return LineState(row, is_cursor, self._model.is_selected(row.key), is_cursor and self.has_focus)

    def _header_state(self) -> HeaderState:
        model = self._model
        notes = []
        if selected := len(model.selected_keys):
            notes.append(f"✓ {selected}")
        if model.filter.strip():
            notes.append(f"{len(model.shown)} of {len(model.rows)}")
        return HeaderState(self._columns, model.sorted_by, model.descending, "  ".join(notes))

    def _picture(self) -> _Picture:
        top, height = self.scroll_offset.y, self.visible_rows
        lines = [self._state_of(index, row) for index, row in enumerate(self._model.shown[top : top + height], top)]
        blank = [None] * (height - len(lines))
        return _Picture(top, self._columns, (self._header_state(), *lines, *blank))

    def _repaint(self, before: _Picture) -> None:
        after = self._picture()
        if after == before and self._model.shown:
            return
        changed = [y for y, (old, new) in enumerate(zip(before.lines, after.lines, strict=False)) if old != new]
        moved = (after.top, after.columns, len(after.lines)) != (before.top, before.columns, len(before.lines))
        if moved or not self._model.shown or len(changed) > len(after.lines) // 2:
            self.refresh()
            return
        for y in changed:
            self.refresh(Region(0, y, self.size.width, 1))

    def _row_strip(self, state: LineState) -> Strip:
        key = (state.row.key, state.is_cursor, state.is_selected, state.has_focus)
        cached = self._line_cache.get(key)
        if cached is not None and (cached[0] is state.row or cached[0] == state.row):
            return cached[1]
        strip = row_strip(state, self._columns, self.style_of)
        self._line_cache[key] = (state.row, strip)
        self._grow(state.row)
        return strip

    def _grow(self, row: Row) -> None:
        """Notes a row that is wider than the sample was; the columns grow after this frame."""
        for fitted in self._columns:
            wanted = 0 if fitted.column.width is not None else row_width(row, fitted.index)
            if wanted > self._wanted[fitted.index]:
                self._wanted[fitted.index] = wanted
                if not self._refit_due and fitted.width < fitted.column.max_width:
                    self._refit_due = True
                    self.call_after_refresh(self._refit)

    def _refit(self) -> None:
        self._refit_due = False
        self.change(lambda: None)

    def _header(self, width: int) -> Strip:
        state, style = self._header_state(), self.style_of("header")
        strip = self._scrolled(header_strip(state, style), width)
        if not state.note:
            return strip
        note = note_strip(state.note, self.style_of("note"))
        visible = self.scrollable_content_region.width
        cut = max(0, visible - note.cell_length)
        return Strip.join([strip.crop(0, cut), note.crop(0, visible - cut)]).crop_extend(0, width, style)

    def _scrolled(self, strip: Strip, width: int) -> Strip:
        """The part of a full line that is in sight; the marks at its left stay, the last style fills the rest."""
        segments = list(strip)
        fill = segments[-1].style if segments else None
        x = self.scroll_offset.x
        if not x:
            return strip.crop_extend(0, width, fill)
        rest = strip.crop_extend(MARK_WIDTH + x, x + max(width, MARK_WIDTH), fill)
        return Strip.join([strip.crop(0, MARK_WIDTH), rest]).crop(0, width)

    def _placeholder(self) -> str | Text:
        model = self._model
        if model.rows:
            return f"No row matches “{model.filter.strip()}” (0 of {len(model.rows)})."
        return self._empty_text


def _looks_the_same(before: Size, after: Size) -> bool:
    """Whether a scroll bar that shows the one is hardly another than one that shows the other."""
    return before.width == after.width and abs(before.height - after.height) * 100 < min(before.height, after.height)


def _sample(rows: Sequence[Row]) -> Sequence[Row]:
    return rows[:: len(rows) // _SAMPLE + 1]
