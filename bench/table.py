"""The table beside Textual's DataTable, in one run: CPU milliseconds of the event loop until the screen is quiet again.

Run: python -m bench.table [ROWS ...]. Read the ratios, not the absolutes.
"""

import asyncio
import statistics
import sys
from collections.abc import Sequence
from typing import Protocol

from textual.app import App, ComposeResult
from textual.widget import Widget
from textual.widgets import DataTable

from bench._cpu import cpu_ms
from homelab_tui.domain.values import replace
from homelab_tui.present.table import Cell, Column, Row
from homelab_tui.ui.table import LabTable

COLUMNS = 8
SIZE = (120, 40)
STEPS = ("load", "change 1 cell", "change 1 %", "change all", "sort")


class Contender(Protocol):
    """A table under test."""

    name: str
    widget: Widget

    def load(self, rows: Sequence[Row]) -> None:
        """From empty to full."""

    def clear(self) -> None:
        """Back to empty; not measured."""

    def update(self, rows: Sequence[Row], changed: Sequence[int]) -> None:
        """Shows `rows`, of which these places differ in their second cell from what is shown."""

    def sort(self, turn: int) -> None:
        """Sorts by a column, on odd turns by another one."""


class OurTable:
    """LabTable: gets all rows each time and finds out by itself what changed."""

    name = "LabTable"

    def __init__(self) -> None:
        self.table = LabTable([Column(f"c{i}", f"Column {i}") for i in range(COLUMNS)])
        self.widget: Widget = self.table

    def load(self, rows: Sequence[Row]) -> None:
        self.table.set_rows(rows)

    def clear(self) -> None:
        self.table.set_rows(())
        self.table.sort_by(None)

    def update(self, rows: Sequence[Row], changed: Sequence[int]) -> None:
        self.table.set_rows(rows)

    def sort(self, turn: int) -> None:
        self.table.sort_by(f"c{turn % 2}")


class TextualTable:
    """DataTable, used as its manual says: update_cell by key, told exactly what changed."""

    name = "DataTable"

    def __init__(self) -> None:
        self.table: DataTable[str] = DataTable(cursor_type="row")
        self.widget: Widget = self.table

    def load(self, rows: Sequence[Row]) -> None:
        if not self.table.columns:
            for i in range(COLUMNS):
                self.table.add_column(f"Column {i}", key=f"c{i}")
        for row in rows:
            self.table.add_row(*[cell.text for cell in row.cells], key=row.key)

    def clear(self) -> None:
        self.table.clear()

    def update(self, rows: Sequence[Row], changed: Sequence[int]) -> None:
        for index in changed:
            self.table.update_cell(rows[index].key, "c1", rows[index].cells[1].text)

    def sort(self, turn: int) -> None:
        self.table.sort(f"c{turn % 2}")


class BenchApp(App[None]):
    """Nothing but the table."""

    def __init__(self, widget: Widget) -> None:
        super().__init__()
        self.widget = widget

    def compose(self) -> ComposeResult:
        """The table."""
        yield self.widget


def made_rows(count: int) -> list[Row]:
    """Rows of eight cells like a node's or a Job's."""
    return [
        Row(f"row-{i}", tuple(Cell(f"value {i * (c + 7) % 9973} of {c}") for c in range(COLUMNS))) for i in range(count)
    ]


def changed_rows(rows: Sequence[Row], places: Sequence[int], turn: int) -> list[Row]:
    """The same rows, another second cell at these places."""
    out = list(rows)
    for index in places:
        cells = out[index].cells
        out[index] = replace(out[index], cells=(cells[0], Cell(f"turn {turn} {index}"), *cells[2:]))
    return out


async def measured(contender: Contender, count: int, turns: int) -> dict[str, float]:
    """Median per step for one contender, in CPU milliseconds."""
    rows = made_rows(count)
    one_percent = range(3, count, 100)
    times: dict[str, list[float]] = {step: [] for step in STEPS}
    async with BenchApp(contender.widget).run_test(size=SIZE) as pilot:
        await pilot.pause()
        for turn in range(turns):
            current = list(rows)
            await cpu_ms(contender.clear)
            times["load"].append(await cpu_ms(lambda shown=current: contender.load(shown)))  # type: ignore[misc]
            for step, places in (("change 1 cell", [3]), ("change 1 %", one_percent), ("change all", range(count))):
                current = changed_rows(current, places, turn)

                def update(shown: list[Row] = current, places: Sequence[int] = places) -> None:
                    contender.update(shown, places)

                times[step].append(await cpu_ms(update))
            times["sort"].append(await cpu_ms(lambda turn=turn: contender.sort(turn)))  # type: ignore[misc]
    return {step: statistics.median(values) for step, values in times.items()}


async def load_alone_ms(count: int) -> float:
    """Median CPU milliseconds of our load at a size where DataTable takes a quarter of a minute."""
    ours, rows = OurTable(), made_rows(count)
    times = []
    async with BenchApp(ours.widget).run_test(size=SIZE) as pilot:
        await pilot.pause()
        for _ in range(3):
            await cpu_ms(ours.clear)
            times.append(await cpu_ms(lambda: ours.load(rows)))
    return statistics.median(times)


async def compare(counts: Sequence[int]) -> None:
    """Prints one table of medians and ratios per number of rows."""
    for count in counts:
        turns = 5 if count <= 1_000 else 3
        ours = await measured(OurTable(), count, turns)
        theirs = await measured(TextualTable(), count, turns)
        print(f"\n{count:,} rows x {COLUMNS}, median of {turns}, CPU ms until quiet")
        print(f"{'':16}{'LabTable':>10}{'DataTable':>11}{'ratio':>9}")
        for step in STEPS:
            ratio = theirs[step] / max(ours[step], 0.01)
            print(f"{step:16}{ours[step]:10.1f}{theirs[step]:11.1f}{ratio:8.1f}x")
    print(f"\n100,000 rows, LabTable alone: load {await load_alone_ms(100_000):.1f} CPU ms")


def main(counts: Sequence[int] = (1_000, 10_000)) -> None:
    """What `make bench` runs."""
    asyncio.run(compare(counts))


if __name__ == "__main__":
    main([int(argument) for argument in sys.argv[1:]] or (1_000, 10_000))
