"""How a table's lines look: rows and header as Segments, never as markup, so that no foreign text can be a command."""

from collections.abc import Callable, Sequence

from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual.strip import Strip

from homelab_tui.domain.values import Frozen
from homelab_tui.present.table import GAP, FittedColumn, Row, cell_width, fitted, printable

MARK_WIDTH = 3
"""Cells left of the first column: cursor, selection mark, blank. They do not scroll sideways."""

CELL_STYLES = ("ok", "warning", "error", "dim", "accent", "busy")
"""The semantic names of `Cell.style` that have a look of their own."""

TABLE_CSS = """
LabTable {
    height: 1fr;
    background: $surface;
    color: $foreground;
    scrollbar-size: 1 1;
    & > .labtable--header { background: $panel; color: $foreground; text-style: bold; }
    & > .labtable--note { background: $panel; color: $text-accent; text-style: bold; }
    & > .labtable--cursor { background: $block-cursor-blurred-background; color: $foreground; }
    &:focus > .labtable--cursor {
        background: $block-cursor-background;
        color: $block-cursor-foreground;
        text-style: $block-cursor-text-style;
    }
    & > .labtable--selected { background: $accent 15%; color: $foreground; }
    & > .labtable--mark { color: $text-accent; text-style: bold; }
    & > .labtable--empty { color: $text-muted; }
    & > .labtable--ok { color: $text-success; }
    & > .labtable--warning { color: $text-warning; }
    & > .labtable--error { color: $text-error; text-style: bold; }
    & > .labtable--dim { color: $text-muted; }
    & > .labtable--accent { color: $text-accent; }
    & > .labtable--busy { color: $text-primary; text-style: italic; }
    &:nocolor > .labtable--header { text-style: bold underline; }
    &:nocolor > .labtable--cursor { text-style: bold; }
    &:nocolor:focus > .labtable--cursor { text-style: reverse; }
}
"""
"""Theme variables only, so that light and dark themes work; without colour the text styles and the glyphs carry it."""

_INDENT = 2


class LineState(Frozen):
    """Everything that decides how the line of a row looks. Equal states need no repaint."""

    row: Row
    is_cursor: bool
    is_selected: bool
    has_focus: bool
    """Of the table; looked at on the cursor's line only, so that it is False elsewhere."""


class HeaderState(Frozen):
    """Everything that decides how the header line looks."""

    columns: tuple[FittedColumn, ...]
    sorted_by: int | None
    descending: bool
    note: str
    """How many rows are shown and selected; "" when that says nothing."""


def row_width(row: Row, index: int) -> int:
    """Terminal cells that one cell of a row wants; 0 when the row has no such cell."""
    if index >= len(row.cells):
        return 0
    indent = row.level * _INDENT if index == 0 else 0
    return cell_width(row.cells[index].text) + indent


def widest(rows: Sequence[Row], index: int) -> int:
    """Terminal cells that the widest of these rows' cells wants."""
    if index == 0 and any(row.level for row in rows):
        return max(row_width(row, index) for row in rows)
    texts = [row.cells[index].text for row in rows if index < len(row.cells)]
    together = "".join(texts)
    # One look at all of them instead of one at each: tables are fitted on the event loop.
    plain = together.isascii() and together.isprintable()
    return max(map(len if plain else cell_width, texts), default=0)


def is_busy(row: Row) -> bool:
    """Whether it says what is being done to it (a running Job is busy too, but that is what it is)."""
    return any(cell.style == "busy" and cell.text.startswith("◐") for cell in row.cells)


def content_width(columns: Sequence[FittedColumn]) -> int:
    """Terminal cells that a whole line takes, the marks included."""
    return MARK_WIDTH + sum(column.width for column in columns) + GAP * max(0, len(columns) - 1)


def column_at(columns: Sequence[FittedColumn], x: int) -> FittedColumn | None:
    """The column at a cell of the line; its gap belongs to it. None left of the first and right of the last."""
    left = MARK_WIDTH
    for column in columns:
        if left <= x < left + column.width + GAP:
            return column
        left += column.width + GAP
    return None


def row_strip(state: LineState, columns: Sequence[FittedColumn], style_of: Callable[[str], Style]) -> Strip:
    """The full line of a row, as wide as its columns. `style_of` gives the style of a component's short name."""
    row = state.row
    focused_cursor = state.is_cursor and state.has_focus
    base = style_of("cursor") if state.is_cursor else style_of("selected") if state.is_selected else style_of("")
    if row.dim:
        base += Style(dim=True)
    segments = [
        Segment(("❯" if focused_cursor else "›") if state.is_cursor else " ", base),
        Segment("✓" if state.is_selected else " ", base if focused_cursor else base + style_of("mark")),
        Segment(" ", base),
    ]
    for position, column in enumerate(columns):
        if position:
            segments.append(Segment(" " * GAP, base))
        if column.index >= len(row.cells):
            segments.append(Segment(" " * column.width, base))
            continue
        cell = row.cells[column.index]
        indent = " " * min(row.level * _INDENT, column.width) if column.index == 0 else ""
        text = indent + fitted(cell.text, column.width - len(indent), column.column.align)
        # On the focused cursor its own colours alone are sure to have contrast.
        plain = focused_cursor or cell.style not in CELL_STYLES
        segments.append(Segment(text, base if plain else base + style_of(cell.style)))
    return Strip(segments, content_width(columns))


def header_strip(state: HeaderState, style: Style) -> Strip:
    """The full header line: labels, and the arrow of the sorted column in the gap right of its label."""
    segments = [Segment(" " * MARK_WIDTH, style)]
    for column in state.columns:
        arrow = ("▼" if state.descending else "▲") if column.index == state.sorted_by else ""
        label = fitted(column.column.label, column.width, column.column.align)
        if column.column.align == "left":
            label = fitted(label.rstrip() + arrow, column.width + 1)
        else:
            label += arrow or " "
        segments.append(Segment(label + " " * (GAP - 1), style))
    return Strip(segments)


def note_strip(note: str, style: Style) -> Strip:
    """The counts at the right end of the header."""
    return Strip([Segment(f" {printable(note)} ", style)])


def placeholder_strips(text: str | Text, width: int, console: Console, style: Style) -> list[Strip]:
    """The lines that an empty table shows instead of rows, wrapped to `width`; a str is plain text, never markup."""
    whole = Text("\n").join(Text(printable(line)) for line in text.split("\n")) if isinstance(text, str) else text
    strips = []
    for line in whole.wrap(console, max(1, width - 2 * MARK_WIDTH)):
        line.rstrip()
        segments = [Segment(" " * MARK_WIDTH, style)]
        segments.extend(
            Segment(printable(part.text), style + part.style if part.style else style) for part in line.render(console)
        )
        strips.append(Strip(segments))
    return strips
