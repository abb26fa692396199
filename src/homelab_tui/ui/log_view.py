"""Lines that come and come: a view that follows its end, stays where a person scrolled, and finds words."""

from collections.abc import Sequence
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from homelab_tui.present.table import printable

MAX_LINES = 20_000
"""The oldest lines go when there are more."""
_MAX_LINE = 4_000


class LogView(ScrollView, can_focus=True):
    """A text by lines, drawn line by line: a log of ten thousand lines costs what is seen of it."""

    DEFAULT_CSS = """
    LogView { height: 1fr; width: 1fr; background: $surface; scrollbar-size: 1 1; }
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
        self._shown: list[str] = []
        """The same, printable."""
        self._width = 0
        self.needle = ""
        self.here: int | None = None
        """The line of the match that was gone to last."""

    # Lines

    def add(self, lines: Sequence[str]) -> None:
        """More of it; the end stays in view where it was in view."""
        at_end = self.is_at_end
        self.lines += lines
        fresh = [printable(line.expandtabs(), _MAX_LINE) for line in lines]
        self._shown += fresh
        gone = len(self.lines) - MAX_LINES
        if gone > 0:
            del self.lines[:gone], self._shown[:gone]
            self.here = None if self.here is None or self.here < gone else self.here - gone
        self._width = max([self._width, *map(cell_len, fresh)])
        self._measure()
        if at_end:
            self.scroll_end(animate=False, immediate=True)
        elif gone > 0:
            self.scroll_relative(y=-gone, animate=False)
        self.refresh()

    def clear(self) -> None:
        """Nothing of it."""
        self.lines, self._shown, self._width, self.here = [], [], 0, None
        self._measure()
        self.scroll_home(animate=False, immediate=True)

    @property
    def is_at_end(self) -> bool:
        """Whether the last line is in view."""
        return self.scroll_offset.y >= self.max_scroll_y

    def _measure(self) -> None:
        self.virtual_size = Size(self._width, len(self._shown))

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
        return [number for number, line in enumerate(self._shown) if self.needle in line.casefold()]

    def _go(self, line: int) -> None:
        self.here = line
        self.scroll_to_region(Region(self.scroll_offset.x, line, 1, 1), animate=False, immediate=True, center=True)
        self.refresh()

    # Drawing

    def render_line(self, y: int) -> Strip:
        """One line of the screen."""
        number = self.scroll_offset.y + y
        style = self.rich_style
        width = self.size.width
        if number >= len(self._shown):
            return Strip.blank(width, style)
        strip = Strip(self._segments(number))
        return strip.crop_extend(self.scroll_offset.x, self.scroll_offset.x + width, style)

    def _segments(self, number: int) -> list[Segment]:
        line = self._shown[number]
        plain = self.rich_style
        if line.startswith("── "):
            plain += self.get_component_rich_style("logview--note", partial=True)
        folded = line.casefold()
        # Where folding changes the length (ß, İ) places would be wrong: the line is then marked as a whole.
        if not self.needle or self.needle not in folded:
            return [Segment(line, plain)]
        name = "logview--here" if number == self.here else "logview--match"
        marked = self.rich_style + self.get_component_rich_style(name, partial=True)
        if len(folded) != len(line):
            return [Segment(line, marked)]
        found, start = [], 0
        while (at := folded.find(self.needle, start)) >= 0:
            end = at + len(self.needle)
            found += [Segment(line[start:at], plain), Segment(line[at:end], marked)]
            start = end
        return [*found, Segment(line[start:], plain)]

    def action_top(self) -> None:
        """The beginning."""
        self.scroll_home(animate=False, immediate=True)

    def action_bottom(self) -> None:
        """The end, and what comes."""
        self.scroll_end(animate=False, immediate=True)
