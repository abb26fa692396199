"""The row model of every table: columns, rows keyed by identity, and what sorting, filtering and fitting do to them.

Pure: no Textual here. `homelab_tui.ui.table.LabTable` draws it.
"""

import re
import unicodedata
from collections.abc import Callable, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Literal, TypeVar

from rich.cells import cell_len

from homelab_tui.domain.values import Frozen

GAP = 2
"""Blank cells between two columns; the first of them takes the sort arrow."""

T = TypeVar("T")

_SQUEEZED_MIN = 8
_COMBINING_MAX = 4
_NUMBER = re.compile(r"0*([0-9]{1,15})")
# Letters and marks that draw nothing, although Python calls them printable.
_INVISIBLE = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0")


class Column(Frozen):
    """One column of a table. Its place in the tuple of columns is the place of its cell in `Row.cells`."""

    key: str
    """Stable name, for sorting; never shown."""
    label: str
    """The header's text."""
    width: int | None = None
    """Width in terminal cells; None fits the content, within `min_width` and `max_width`."""
    min_width: int = 3
    max_width: int = 60
    align: Literal["left", "right"] = "left"
    priority: int = 0
    """In a table that is too narrow the highest number is dropped first; 0 is never dropped (it scrolls instead)."""


class Cell(Frozen):
    """One value as it is shown. The text may be foreign: it is made printable when it is drawn."""

    text: str
    style: str = ""
    """Semantic name: "ok", "warning", "error", "dim", "accent", "busy" or "" (plain)."""
    sort: float | str | None = None
    """What the column sorts by; None means the text, in natural order (rpi2 before rpi10)."""


class Row(Frozen):
    """One thing in a table. Equal rows with the same key are never drawn twice."""

    key: str
    """Identity of the thing; it stays the same while the thing lives. Cursor and selection hold on to it."""
    cells: tuple[Cell, ...]
    dim: bool = False
    """The reading behind it is stale."""
    selectable: bool = True
    """False for headings and the like: they take the cursor, but never the selection mark."""
    level: int = 0
    """Indent of the first column. A row of level > 0 belongs to the nearest row above it of a lower level."""


class FittedColumn(Frozen):
    """A column that is shown, with the width that it got."""

    column: Column
    index: int
    """Place of its cell in `Row.cells`."""
    width: int
    """Terminal cells, without the gap."""


def printable(text: str, limit: int = 1000) -> str:
    r"""The text with nothing in it that a terminal would obey or hide, at most `limit` characters long.

    Control characters become their pictures (`␛`, `␊`), everything else that is invisible or reorders text (C1,
    bidi controls, zero-width and filler characters, odd spaces, lone surrogates) becomes an escape such as `\\u202e`.
    Combining marks stay, but only a few in a row and never without a base. What is cut off ends in `…`.
    """
    if len(text) > limit:
        text = text[: limit - 1] + "…"
    if text.isascii() and text.isprintable():
        return text
    shown = _made_visible(text)
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def cell_width(text: str) -> int:
    """Terminal cells that the text takes once it is printable."""
    if text.isascii() and text.isprintable() and len(text) <= 1000:
        return len(text)
    return cell_len(printable(text))


def fitted(text: str, width: int, align: Literal["left", "right"] = "left") -> str:
    """Printable text in exactly `width` terminal cells: padded, or cut with `…`; a wide character is never halved."""
    shown = printable(text)
    taken = cell_width(shown)
    if taken > width:
        shown = _cut(shown, width)
        taken = cell_len(shown)
    padding = " " * (width - taken)
    return padding + shown if align == "right" else shown + padding


def fit_columns(columns: Sequence[Column], content: Sequence[int], available: int) -> tuple[FittedColumn, ...]:
    """The columns that are shown in `available` terminal cells, and how wide.

    `content` has the widest text of each column. Columns with a priority are squeezed, then dropped, the highest number
    first, until the rest fits. The first column always stays. The result may be wider than `available`: it scrolls.
    """
    widths = [
        column.width if column.width is not None else _content_width(column, wanted)
        for column, wanted in zip(columns, content, strict=True)
    ]
    excess = sum(widths) + GAP * (len(widths) - 1) - available
    droppable = sorted(
        (index for index, column in enumerate(columns) if index and column.priority > 0),
        key=lambda index: (-columns[index].priority, -index),
    )
    dropped: set[int] = set()
    for index in droppable:
        if excess <= 0:
            break
        column = columns[index]
        squeezed = widths[index] - excess
        if column.width is None and squeezed >= max(column.min_width, cell_width(column.label), _SQUEEZED_MIN):
            widths[index] = squeezed
            break
        dropped.add(index)
        excess -= widths[index] + GAP
    return tuple(
        FittedColumn(column, index, widths[index]) for index, column in enumerate(columns) if index not in dropped
    )


def sorted_rows(rows: Sequence[Row], index: int, descending: bool = False) -> list[Row]:
    """Rows by one cell, stable: numbers, then text in natural order; empty ones last in both directions.

    Rows of level > 0 stay, in their order, under the row they belong to.
    """
    if not any(row.level for row in rows):
        return _sorted_by(rows, lambda row: row, index, descending)
    groups: list[list[Row]] = []
    for row in rows:
        if row.level and groups:
            groups[-1].append(row)
        else:
            groups.append([row])
    return [row for group in _sorted_by(groups, lambda group: group[0], index, descending) for row in group]


def filter_words(query: str) -> tuple[str, ...]:
    """The words of a filter, as `matching_rows` wants them; empty means: no filter."""
    return tuple(query.casefold().split())


def matching_rows(rows: Sequence[Row], words: tuple[str, ...]) -> list[Row]:
    """Rows whose cells have every word somewhere, and the rows that these belong to (see `Row.level`)."""
    kept: list[Row] = []
    wanted_below = 0
    for row in reversed(rows):
        if row.level < wanted_below or _matches(row, words):
            kept.append(row)
            wanted_below = row.level
    kept.reverse()
    return kept


def _content_width(column: Column, wanted: int) -> int:
    return min(max(wanted, cell_width(column.label), column.min_width), column.max_width)


def _cut(text: str, width: int) -> str:
    """As many characters as fit in `width` cells together with the `…`; of printable text that is too wide."""
    if width <= 0:
        return ""
    taken = 0
    for position, character in enumerate(text):
        taken += cell_len(character)
        if taken > width - 1:
            return text[:position] + "…"
    return text


def _matches(row: Row, words: tuple[str, ...]) -> bool:
    # Words hold no white space, so none can match across the border of two cells.
    hay = "\n".join([cell.text for cell in row.cells]).casefold()
    return all(word in hay for word in words)


def _sorted_by(items: Sequence[T], head: Callable[[T], Row], index: int, descending: bool) -> list[T]:
    numbers: list[tuple[float, T]] = []
    texts: list[tuple[str, T]] = []
    empty: list[T] = []
    for item in items:
        cells = head(item).cells
        cell = cells[index] if index < len(cells) else Cell("")
        value = cell.text if cell.sort is None else cell.sort
        if isinstance(value, str):
            if value:
                texts.append((_natural(value), item))
            else:
                empty.append(item)
        elif value == value:
            numbers.append((value, item))
        else:  # NaN has no place in an order
            empty.append(item)
    numbers.sort(key=itemgetter(0), reverse=descending)
    texts.sort(key=itemgetter(0), reverse=descending)
    first: list[T] = [item for _, item in numbers]
    second: list[T] = [item for _, item in texts]
    return (second + first if descending else first + second) + empty


@lru_cache(maxsize=32_768)  # a live table sorts the same texts again with every update
def _natural(text: str) -> str:
    """The text with the length of each number put before it, so that plain comparison orders 2 before 10."""
    return _NUMBER.sub(_with_length, text.casefold())


def _with_length(number: re.Match[str]) -> str:
    digits = number[1]
    return chr(0x30 + len(digits)) + digits


@lru_cache(maxsize=4096)
def _made_visible(text: str) -> str:
    shown: list[str] = []
    combining = 0
    for character in text:
        if unicodedata.combining(character) or unicodedata.category(character) in ("Mn", "Me"):
            combining += 1
            if character in "\ufe0e\ufe0f" and shown and unicodedata.category(shown[-1][-1]) == "So":
                continue  # asks for another drawing of the symbol before it; terminals disagree on the width of that
            if character in _INVISIBLE or "\ufe00" <= character <= "\ufe0f" or combining > _COMBINING_MAX:
                shown.append(_escaped(character))
            else:
                shown.append(character if shown else "◌" + character)
            continue
        combining = 0
        if character.isprintable() and character not in _INVISIBLE:
            shown.append(character)
        else:
            shown.append(_escaped(character))
    return "".join(shown)


def _escaped(character: str) -> str:
    code = ord(character)
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "␡"
    return f"\\x{code:02x}" if code <= 0xFF else f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
