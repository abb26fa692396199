"""The view of a log: long lines are broken, its end is followed, what is searched is found wherever it is."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from textual.app import App, ComposeResult
from textual.pilot import Pilot

from homelab_tui.ui import log_view
from homelab_tui.ui.log_view import LogView


class Shown(App[None]):
    """Nothing but the view."""

    def compose(self) -> ComposeResult:
        yield LogView()


@asynccontextmanager
async def shown(width: int = 30, height: int = 6) -> AsyncIterator[tuple[LogView, Pilot[None]]]:
    app = Shown()
    async with app.run_test(size=(width, height)) as pilot:
        await pilot.pause()
        yield app.query_one(LogView), pilot


def drawn(view: LogView) -> list[str]:
    return ["".join(segment.text for segment in view.render_line(y)).rstrip() for y in range(view.size.height)]


async def test_a_line_that_is_too_long_is_broken_and_none_of_it_is_lost() -> None:
    async with shown() as (view, pilot):
        line = "Fatal: unable to create lock in backend: repository is already locked by PID 1"
        view.add(["short", line])
        await pilot.pause()
        assert drawn(view)[0] == "short"
        assert "".join(part.ljust(view.text_width) for part in drawn(view)[1:]).rstrip() == line
        assert view.lines == ["short", line]


async def test_its_end_is_followed_unless_a_person_scrolled_away() -> None:
    async with shown() as (view, pilot):
        view.add([f"line {number}" for number in range(100)])
        await pilot.pause()
        assert drawn(view)[-1] == "line 99"
        view.add(["line 100"])
        await pilot.pause()
        assert drawn(view)[-1] == "line 100"
        view.action_top()
        await pilot.pause()
        assert not view.is_at_end
        view.add(["line 101"])
        await pilot.pause()
        assert drawn(view)[0] == "line 0"
        view.action_bottom()
        await pilot.pause()
        assert drawn(view)[-1] == "line 101"


async def test_a_word_across_a_break_is_found_and_its_line_gone_to() -> None:
    async with shown() as (view, pilot):
        view.add(["x" * (view.text_width - 3) + "needle", *(f"line {number}" for number in range(50)), "a Needle too"])
        await pilot.pause()
        assert view.search("NEEDLE") == 2
        assert view.here == 51
        assert view.go(1) == (1, 2)
        await pilot.pause()
        assert view.here == 0
        assert "nee" in drawn(view)[0]
        assert view.go(-1) == (2, 2)
        assert view.search("nowhere") == 0
        assert view.go(1) is None


async def test_the_oldest_lines_go_and_what_is_looked_at_stays() -> None:
    async with shown() as (view, pilot):
        first = [f"line {number} {'x' * 40}" for number in range(log_view.MAX_LINES)]
        view.add(first)
        await pilot.pause()
        view.search("line 19990 ")
        await pilot.pause()
        assert view.here == 19_990
        view.add(["more"] * 10)
        await pilot.pause()
        assert len(view.lines) == log_view.MAX_LINES
        assert view.lines[0] == first[10]
        assert view.here == 19_980
        assert view.lines[view.here] == first[19_990]
        assert any("line 19990" in row for row in drawn(view))


async def test_another_width_breaks_the_lines_elsewhere() -> None:
    async with shown() as (view, pilot):
        view.add(["y" * 50])
        await pilot.pause()
        assert len([row for row in drawn(view) if row]) == 2
        await pilot.resize_terminal(60, 6)
        await pilot.pause()
        assert drawn(view)[0] == "y" * 50
