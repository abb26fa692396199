"""Lines that come and come: a view that follows its end, stays where a person scrolled, and finds words."""

from bisect import bisect_left
from collections.abc import Sequence
from typing import ClassVar

from rich.cells import cell_len, chop_cells
from rich.segment import Segment
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from homelab_tui.present.table import printable

MAX_LINES = 20_000
"""The oldest lines go when there are more."""
_MAX_LINE = 4_000
_LEAST_WIDTH = 20


class LogView(ScrollView, can_focus=True):
    """A text by lines, drawn line by line: a log of ten thousand lines costs what is seen of it."""

    DEFAULT_CSS = """
    LogView { height: 1fr; width: 1fr; background: $surface; scrollbar-size: 1 1;
        overflow-x: hidden; scrollbar-gutter: stable; }
    LogView > .logview--match { background: $warning 40%; text-style: bold; }
    LogView > .logview--here { background: $accent; color: $text; text-style: bold; }
    LogView > .logview--note { color: $text-accent; }
    LogView:nocolor > .logview--match { text-style: underline; }
    LogView:nocolor > .logview--here { text-style: reverse; }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {"logview--match", "logview--here", "logview--note"}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "scroll_down", show=False),
        Binding("up,k", "scroll_up", show=False),
        Binding("home,g", "top", show=False),
        Binding("end,G", "bottom", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        """As they came, unchanged."""
        self._printed: list[str] = []
        """The same, printable."""
        self._rows: list[tuple[int, str]] = []
        """What is drawn: a line that is too long takes several rows. (line, part of it)."""
        self._wrapped_at = 0
        self.is_at_end = True
        """Whether what comes is to be in view."""
        self.needle = ""
        self.here: int | None = None
        """The line of the match that was gone to last."""

    # Lines

    def add(self, lines: Sequence[str]) -> None:
        """More of it; the end stays in view where it was in view."""
        at_end = self.is_at_end
        fresh = [printable(line.expandtabs(), _MAX_LINE) for line in lines]
        for number, line in enumerate(fresh, len(self.lines)):
            self._rows += self._parts(number, line)
        self.lines += lines
        self._printed += fresh
        gone = len(self.lines) - MAX_LINES
        if gone > 0:
            self._forget(gone, at_end=at_end)
        self._measure()
        if at_end:
            self.scroll_end(animate=False)  # once the new size is known
        self.refresh()

    def _forget(self, gone: int, *, at_end: bool) -> None:
        """Let go of the oldest lines; what is looked at stays where it is."""
        rows = self._first_row(gone)
        del self.lines[:gone], self._printed[:gone]
        self._rows = [(line - gone, part) for line, part in self._rows[rows:]]
        self.here = None if self.here is None or self.here < gone else self.here - gone
        if not at_end:
            self.scroll_relative(y=-rows, animate=False, immediate=True)

    def _parts(self, number: int, line: str) -> list[tuple[int, str]]:
        width = self.text_width
        return [(number, part) for part in (chop_cells(line, width) if cell_len(line) > width else [line])]

    @property
    def text_width(self) -> int:
        """Cells beside the scroll bar."""
        return max(_LEAST_WIDTH, self.scrollable_content_region.width)

    def _first_row(self, line: int) -> int:
        return bisect_left(self._rows, line, key=lambda row: row[0])

    def on_resize(self) -> None:
        """Another width: long lines break elsewhere."""
        if self.text_width == self._wrapped_at:
            return
        at_end, self._wrapped_at = self.is_at_end, self.text_width
        first = self._rows[self.scroll_offset.y][0] if self.scroll_offset.y < len(self._rows) else 0
        self._rows = [row for number, line in enumerate(self._printed) for row in self._parts(number, line)]
        self._measure()
        if at_end:
            self.scroll_end(animate=False)  # once the new size is known
        else:
            self.scroll_to(y=self._first_row(first), animate=False, immediate=True)

    def clear(self) -> None:
        """Nothing of it."""
        self.lines, self._printed, self._rows, self.here = [], [], [], None
        self._measure()
        self.scroll_home(animate=False, immediate=True)
        self.is_at_end = True

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """A person scrolled, or we did: the end is followed as long as it is in view."""
        super().watch_scroll_y(old_value, new_value)
        self.is_at_end = round(new_value) >= self.max_scroll_y

    def _measure(self) -> None:
        self.virtual_size = Size(1, len(self._rows))

    # Search

    def search(self, needle: str) -> int:
        """Mark every occurrence, whatever its case; how many lines have one. Goes to the last one."""
        self.needle, self.here = needle.casefold(), None
        found = self._matches()
        if found:
            self._go(found[-1])
        self.refresh()
        return len(found)

    def go(self, step: int) -> tuple[int, int] | None:
        """To the next (1) or the previous (-1) match, round the end; which of how many it is."""
        found = self._matches()
        if not found:
            return None
        here = self.here
        if here is None:
            place = 0 if step > 0 else -1
        elif step > 0:
            place = next((number for number, line in enumerate(found) if line > here), 0)
        else:
            place = next((number for number in range(len(found) - 1, -1, -1) if found[number] < here), -1)
        self._go(found[place])
        return place % len(found) + 1, len(found)

    def _matches(self) -> list[int]:
        if not self.needle:
            return []
        return [number for number, line in enumerate(self._printed) if self.needle in line.casefold()]

    def _go(self, line: int) -> None:
        self.here = line
        self.scroll_to_region(Region(0, self._first_row(line), 1, 1), animate=False, immediate=True, center=True)
        self.refresh()

    # Drawing

    def render_line(self, y: int) -> Strip:
        """One line of the screen."""
        number = self.scroll_offset.y + y
        style, width = self.rich_style, self.size.width
        if number >= len(self._rows):
            return Strip.blank(width, style)
        return Strip(self._segments(*self._rows[number])).crop_extend(0, width, style)

    def _segments(self, number: int, part: str) -> list[Segment]:
        """A row; what was searched is marked, in whole rows where its line has it across a break."""
        line, plain = self._printed[number], self.rich_style
        if line.startswith("── "):
            plain += self.get_component_rich_style("logview--note", partial=True)
        if not self.needle or self.needle not in line.casefold():
            return [Segment(part, plain)]
        name = "logview--here" if number == self.here else "logview--match"
        marked = self.rich_style + self.get_component_rich_style(name, partial=True)
        folded = part.casefold()
        # Where folding changes the length (ß, İ) places would be wrong.
        if len(folded) != len(part) or (len(part) != len(line) and self.needle not in folded):
            return [Segment(part, marked)]
        found, start = [], 0
        while (at := folded.find(self.needle, start)) >= 0:
            end = at + len(self.needle)
            found += [Segment(part[start:at], plain), Segment(part[at:end], marked)]
            start = end
        return [*found, Segment(part[start:], plain)]

    def action_top(self) -> None:
        """The beginning."""
        self.scroll_home(animate=False, immediate=True)

    def action_bottom(self) -> None:
        """The end, and what comes."""
        self.scroll_end(animate=False, immediate=True)
