"""Twins side by side: a table with a column for each node, and the documents and lines of the command line."""

from collections.abc import Sequence

from homelab_tui.domain.twins import Comparison, Difference
from homelab_tui.present.documents import Document
from homelab_tui.present.table import GAP, Cell, Column, Row
from homelab_tui.present.times import size

ODD = "≠"
"""Stands before a field in which twins differ, and before the values that stand apart: colour is not the only sign."""

_FIELD_CELLS = 34
"""Frame, marks and the field's own column."""
_NARROWEST, _WIDEST = 9, 60


def columns(comparison: Comparison, available: int = 140) -> tuple[Column, ...]:
    """The field, then every node. `available`: terminal cells of the screen.

    All nodes are on it at once, as long as what differs can be read; if not, the table scrolls sideways.
    """
    share = (available - _FIELD_CELLS) // max(1, len(comparison.nodes)) - GAP
    found = [Column("field", "FIELD", min_width=10, max_width=20)]
    for place, name in enumerate(comparison.nodes):
        telling = (len(shown(one, one.values[place])) + 2 for one in comparison.differing)
        widest = max(share, len(name), *telling, _NARROWEST)
        found.append(Column(f"node:{name}", name, min_width=_NARROWEST, max_width=min(_WIDEST, widest)))
    return tuple(found)


def rows(comparison: Comparison, *, only_differing: bool = False) -> tuple[Row, ...]:
    """One row for each field, those that differ first."""
    fields = sorted(comparison.fields, key=lambda field: not field.differs)
    return tuple(_row(field) for field in fields if field.differs or not only_differing)


def _row(field: Difference) -> Row:
    mark = f"{ODD} " if field.differs else "  "
    cells = [Cell(f"{mark}{field.field}", "warning" if field.differs else "dim")]
    for value, odd in zip(field.values, field.odd, strict=True):
        text = shown(field, value)
        cells.append(Cell(f"{ODD} {text}" if odd else text, "warning" if odd else "" if value is not None else "dim"))
    return Row(key=f"field:{field.field}", cells=tuple(cells), selectable=False)


def shown(field: Difference, value: str | int | bool | None) -> str:
    """A value as a person reads it."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return size(value) if field.kind == "size" and isinstance(value, int) else str(value)


def summary(comparison: Comparison) -> str:
    """`4 x NUC11PAHi5: kernel and BIOS differ`."""
    names = [field.field for field in comparison.differing]
    if not names:
        return f"{comparison.title}: alike in all that is known"
    head = f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]
    return f"{comparison.title}: {head} {'differ' if len(names) > 1 else 'differs'}"


def comparisons_document(comparisons: Sequence[Comparison], taken_at: str | None) -> Document:
    """`homelab nodes compare --json`."""
    return {
        "taken_at": taken_at,
        "comparisons": [
            {
                "title": one.title,
                "nodes": list(one.nodes),
                "fields": [
                    {
                        "field": field.field,
                        "differs": field.differs,
                        "values": dict(zip(one.nodes, field.values, strict=True)),
                        "odd": [name for name, odd in zip(one.nodes, field.odd, strict=True) if odd],
                    }
                    for field in one.fields
                ],
            }
            for one in comparisons
        ],
    }
