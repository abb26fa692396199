"""LabTable on a screen: what is drawn, what is repainted, keys and mouse."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import pytest
from rich.style import Style
from rich.text import Text
from textual.app import App, ComposeResult
from textual.events import Click, MouseScrollDown
from textual.message import Message
from textual.pilot import Pilot
from textual.strip import Strip
from textual.widgets import Input

from homelab_tui.present.table import Cell, Column, Row
from homelab_tui.ui.table import LabTable

COLUMNS = (
    Column("name", "NAME"),
    Column("state", "STATE"),
    Column("age", "AGE", width=6, align="right"),
    Column("note", "NOTE", priority=1),
)
HOSTILE = "[/boom] [@click=app.quit]x[/] \x1b[31m\x1b]0;owned\x07\u202e"


class WatchedTable(LabTable):
    """Remembers which lines were drawn."""

    def __init__(self, rows: Sequence[Row], columns: Sequence[Column], empty_text: str | Text) -> None:
        super().__init__(columns, rows, empty_text=empty_text)
        self.drawn: list[int] = []

    def render_line(self, y: int) -> Strip:
        self.drawn.append(y)
        return super().render_line(y)


class TableApp(App[None]):
    """A table, something else to focus, and a record of the table's messages."""

    def __init__(self, rows: Sequence[Row], columns: Sequence[Column], empty_text: str | Text) -> None:
        super().__init__()
        self.table = WatchedTable(rows, columns, empty_text)
        self.heard: list[Message] = []

    def compose(self) -> ComposeResult:
        yield self.table
        yield Input()

    def on_mount(self) -> None:
        self.table.focus()

    def on_lab_table_cursor_moved(self, message: LabTable.CursorMoved) -> None:
        self.heard.append(message)

    def on_lab_table_row_activated(self, message: LabTable.RowActivated) -> None:
        self.heard.append(message)

    def on_lab_table_selection_changed(self, message: LabTable.SelectionChanged) -> None:
        self.heard.append(message)

    def moves(self) -> list[str | None]:
        return [message.key for message in self.heard if isinstance(message, LabTable.CursorMoved)]

    def opened(self) -> list[str]:
        return [message.key for message in self.heard if isinstance(message, LabTable.RowActivated)]

    def selections(self) -> list[tuple[str, ...]]:
        return [message.keys for message in self.heard if isinstance(message, LabTable.SelectionChanged)]


def node(number: int, state: str = "Ready", style: str = "ok", note: str = "", dim: bool = False) -> Row:
    cells = (Cell(f"node-{number}"), Cell(state, style), Cell(f"{number}s", sort=number), Cell(note))
    return Row(f"n{number}", cells, dim=dim)


def nodes(*numbers: int) -> list[Row]:
    return [node(number) for number in numbers]


@asynccontextmanager
async def shown(
    rows: Sequence[Row],
    columns: Sequence[Column] = COLUMNS,
    size: tuple[int, int] = (60, 14),
    empty_text: str | Text = "",
) -> AsyncIterator[tuple[TableApp, Pilot[None]]]:
    """The app on a screen: a table of 3 lines less than the screen, its first line the header."""
    app = TableApp(rows, columns, empty_text)
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: app.table.has_focus and bool(app.table.drawn))
        await settled(pilot)
        yield app, pilot


async def until(pilot: Pilot[None], condition: Callable[[], bool]) -> None:
    for _ in range(200):
        if condition():
            return
        await pilot.pause(0.01)
    raise AssertionError("it never came true")


async def settled(pilot: Pilot[None]) -> None:
    """Every pending update is on the screen; nothing was drawn for two rounds."""
    table = pilot.app.query_one(WatchedTable)
    quiet = 0
    while quiet < 2:
        before = len(table.drawn)
        await pilot.pause(0.02)  # longer than one frame of Textual
        quiet = quiet + 1 if len(table.drawn) == before else 0


def lines(table: LabTable) -> list[str]:
    return [table.render_line(y).text for y in range(table.size.height)]


def style_at(table: LabTable, y: int, text: str) -> Style:
    return next(part.style for part in table.render_line(y) if text in part.text and part.style is not None)


# Drawing


async def test_header_rows_marks_and_alignment_are_where_they_belong() -> None:
    async with shown([node(1), node(20, "日本語"), node(3, "🚀")]) as (app, _):
        assert [line.rstrip() for line in lines(app.table)[:5]] == [
            "   NAME     STATE      AGE  NOTE",
            "❯  node-1   Ready       1s",
            "   node-20  日本語     20s",
            "   node-3   🚀          3s",
            "",
        ]
        assert {strip.cell_length for strip in map(app.table.render_line, range(8))} == {60}


async def test_hostile_text_is_shown_as_text_and_a_click_on_it_does_nothing() -> None:
    columns = (Column("name", HOSTILE), Column("state", "STATE", width=60))
    row = Row("k\x1b[0m", (Cell("n", "no such style"), Cell(HOSTILE)))
    async with shown([row], columns, (120, 12), empty_text=HOSTILE) as (app, pilot):
        drawn = "".join(lines(app.table))
        assert "[/boom] [@click=app.quit]x[/] ␛[31m␛]0;owned␇\\u202e" in drawn
        assert drawn.isprintable()
        for x in range(3, 110, 4):
            await pilot.click(WatchedTable, offset=(x, 1))
        assert app.is_running
        assert app.table.cursor_key == "k\x1b[0m"
        app.table.set_filter(HOSTILE)
        app.table.set_filter("[/nothing]")
        await settled(pilot)
        assert "No row matches “[/nothing]” (0 of 1)." in lines(app.table)[1]
        app.table.set_rows([])
        await settled(pilot)
        assert "[/boom] [@click=app.quit]x[/] ␛[31m" in lines(app.table)[1]
        assert app.is_running


async def test_an_empty_table_says_what_its_owner_says() -> None:
    async with shown([], empty_text=Text("NO DATA: the metric is not there\nIs kube-state-metrics up?")) as (
        app,
        pilot,
    ):
        assert [line.strip() for line in lines(app.table)[1:4]] == [
            "NO DATA: the metric is not there",
            "Is kube-state-metrics up?",
            "",
        ]
        app.table.drawn.clear()
        app.table.empty_text = "[bold]No failed Jobs"
        await until(pilot, lambda: bool(app.table.drawn))
        assert lines(app.table)[1].strip() == "[bold]No failed Jobs"
        assert app.table.cursor_key is None
        await pilot.press("down", "space", "a", "o", "enter", "end", "pageup", "left")
        assert app.opened() == []


async def test_at_80_columns_the_least_important_columns_go() -> None:
    columns = (
        Column("name", "NAME", width=30),
        Column("state", "STATE", width=20),
        Column("cluster", "CLUSTER", width=20, priority=2),
        Column("node", "NODE", width=20, priority=1),
    )
    rows = [Row("a", (Cell("a-job"), Cell("Failed"), Cell("home"), Cell("rpi01")))]
    async with shown(rows, columns, (100, 24)) as (app, pilot):
        assert lines(app.table)[0].split() == ["NAME", "STATE", "CLUSTER", "NODE"]
        await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: app.table.size.width == 80)
        await settled(pilot)
        assert lines(app.table)[0].split() == ["NAME", "STATE", "NODE"]
        assert lines(app.table)[1].split() == ["❯", "a-job", "Failed", "rpi01"]
        assert app.table.max_scroll_x == 0
        await pilot.resize_terminal(100, 24)
        await until(pilot, lambda: "CLUSTER" in lines(app.table)[0])


async def test_what_cannot_be_dropped_scrolls_sideways_and_the_marks_stay() -> None:
    columns = (Column("name", "NAME", width=30), Column("state", "STATE", width=40))
    rows = [Row("a", (Cell("a-job"), Cell("Failed 日本語 because")))]
    async with shown(rows, columns, (60, 14)) as (app, pilot):
        assert app.table.max_scroll_x == 3 + 30 + 2 + 40 - 60
        await pilot.press("space", "right")
        await settled(pilot)
        assert lines(app.table)[1].startswith("❯✓ " + " " * 24 + "Failed 日本語")
        await pilot.press("right", "right", "right")
        assert app.table.scroll_x == app.table.max_scroll_x
        await pilot.press("left", "left", "left")
        await settled(pilot)
        assert app.table.scroll_x == 0
        assert lines(app.table)[1].startswith("❯✓ a-job")


async def test_a_row_wider_than_the_sample_widens_its_column_when_it_is_drawn() -> None:
    many = nodes(*range(5000))
    many[4999] = node(4999, "a much longer state than any other")
    async with shown(many) as (app, pilot):
        assert lines(app.table)[1].split() == ["❯", "node-0", "Ready", "0s"]
        await pilot.press("end")
        await until(pilot, lambda: "a much longer state than any other" in "".join(lines(app.table)))


async def test_of_sixty_rows_that_changed_at_once_every_one_is_measured() -> None:
    many = nodes(*range(2000))
    async with shown(many) as (app, pilot):
        assert "STATE  " in lines(app.table)[0]
        for number in range(0, 1980, 33):
            many[number] = node(number, "Pending")
        many[1981] = node(1981, "a much longer state")  # far below the screen, and in no sample
        app.table.set_rows(many)
        await settled(pilot)
        assert lines(app.table)[0].index("AGE") > len("   node-1999  a much longer state")


async def test_the_words_of_an_act_widen_a_column_only_until_it_ends() -> None:
    def rows(*states: Cell) -> list[Row]:
        return [Row(f"r{n}", (Cell(f"r{n}"), state, Cell("1"), Cell("z"))) for n, state in enumerate(states)]

    def width() -> int:
        return next(column.width for column in app.table._columns if column.column.key == "state")

    ok, busy = Cell("ok"), Cell("◐ proving by a fresh login…", "busy")
    async with shown(rows(ok, ok)) as (app, pilot):
        narrow = width()
        for states, wide in (
            ((busy, busy), True),
            ((ok, busy), True),
            ((ok, Cell("◐ off…", "busy")), True),  # the words changed: nothing jumps
            ((ok, ok), False),
            ((ok, busy), True),
            ((ok, ok, ok), False),  # in one step with a row that comes
            ((ok, ok), False),
            ((ok, Cell("a state that is long by itself")), True),
            ((ok, ok), True),
        ):
            app.table.set_rows(rows(*states))
            await pilot.pause()
            assert (width() > narrow) is wide, states


async def test_theme_colours_are_used_and_dropped_with_the_theme() -> None:
    rows = [node(1), node(2, "Down", "error"), node(3, "Old", "warning", dim=True)]
    async with shown(rows) as (app, pilot):
        dark = style_at(app.table, 2, "Down")
        assert dark.color != style_at(app.table, 2, "node-2").color
        assert style_at(app.table, 3, "node-3").dim
        app.table.drawn.clear()
        app.theme = "textual-light"
        await until(pilot, lambda: bool(app.table.drawn))
        await settled(pilot)
        light = style_at(app.table, 2, "Down")
        assert (light.color, light.bgcolor) != (dark.color, dark.bgcolor)
        assert light.bgcolor == style_at(app.table, 3, "node-3").bgcolor


async def test_without_colour_cursor_and_marks_are_still_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with shown(nodes(1, 2, 3)) as (app, pilot):
        await pilot.press("space")
        await settled(pilot)
        assert [line[:3] for line in lines(app.table)[1:4]] == [" ✓ ", "❯  ", "   "]
        assert style_at(app.table, 2, "node-2").reverse
        app.query_one(Input).focus()
        await until(pilot, lambda: not app.table.has_focus)
        await settled(pilot)
        assert lines(app.table)[2].startswith("›")
        assert not style_at(app.table, 2, "node-2").reverse


async def test_the_cursor_is_dimmer_without_focus_but_there() -> None:
    async with shown(nodes(1, 2)) as (app, pilot):
        focused, other = style_at(app.table, 1, "node-1").bgcolor, style_at(app.table, 2, "node-2").bgcolor
        app.query_one(Input).focus()
        await until(pilot, lambda: not app.table.has_focus)
        await settled(pilot)
        assert style_at(app.table, 1, "node-1").bgcolor not in (focused, other)


# Repainting


async def test_equal_rows_repaint_nothing_and_changed_rows_their_own_lines() -> None:
    async with shown(nodes(*range(1000))) as (app, pilot):
        table = app.table
        table.drawn.clear()
        table.set_rows(nodes(*range(1000)))
        await settled(pilot)
        assert table.drawn == []
        changed = nodes(*range(1000))
        changed[4], changed[900] = node(4, "Down", "error"), node(900, "Down", "error")
        table.set_rows(changed)
        await until(pilot, lambda: bool(table.drawn))
        await settled(pilot)
        assert set(table.drawn) == {5}
        assert "Down" in lines(table)[5]


async def test_rows_that_come_below_the_screen_repaint_nothing() -> None:
    async with shown(nodes(*range(10, 90))) as (app, pilot):
        app.table.drawn.clear()
        app.table.set_rows(nodes(*range(10, 90), 98, 99))
        await settled(pilot)
        assert app.table.drawn == []
        await pilot.press("end")
        await until(pilot, lambda: "node-99" in "".join(lines(app.table)))


async def test_a_cursor_step_repaints_two_lines() -> None:
    async with shown(nodes(*range(9))) as (app, pilot):
        app.table.drawn.clear()
        await pilot.press("down")
        await settled(pilot)
        assert set(app.table.drawn) == {1, 2}


async def test_vanished_rows_leave_nothing_behind() -> None:
    async with shown(nodes(1, 2, 3, 4, 5)) as (app, pilot):
        app.table.set_rows(nodes(1))
        await settled(pilot)
        assert [line.strip() for line in lines(app.table)[1:4]] == ["❯  node-1  Ready      1s", "", ""]
        app.table.set_rows([])
        await settled(pilot)
        assert "node" not in "".join(lines(app.table))


# The cursor's identity, and the screen's place


async def test_the_cursor_and_its_line_stay_when_rows_come_above() -> None:
    async with shown(nodes(*range(100))) as (app, pilot):
        await pilot.press(*["down"] * 30)
        await settled(pilot)
        line = next(y for y, text in enumerate(lines(app.table)) if "❯" in text)
        app.table.set_rows(nodes(*range(200, 260), *range(100)))
        await settled(pilot)
        assert app.table.cursor_key == "n30"
        assert "❯  node-30 " in lines(app.table)[line]
        app.table.set_rows(nodes(*range(25, 100)))
        await settled(pilot)
        assert "❯  node-30 " in lines(app.table)[next(y for y, text in enumerate(lines(app.table)) if "❯" in text)]
        assert app.moves() == [f"n{i}" for i in range(31)]  # no update moved it


async def test_a_screen_scrolled_away_from_the_cursor_stays_when_rows_come_above() -> None:
    async with shown(nodes(*range(100))) as (app, pilot):
        app.table.scroll_to(y=50, animate=False)
        await settled(pilot)
        before = lines(app.table)
        app.table.set_rows(nodes(*range(200, 260), *range(100)))
        await settled(pilot)
        assert [line.split()[0] for line in lines(app.table)[1:]] == [line.split()[0] for line in before[1:]]


async def test_at_the_top_new_rows_are_seen_to_come() -> None:
    async with shown(nodes(*range(100))) as (app, pilot):
        app.table.set_rows([node(500, "Failed", "error"), *nodes(*range(100))])
        await settled(pilot)
        assert "node-500" in lines(app.table)[1]
        assert lines(app.table)[2].startswith("❯  node-0")


async def test_while_a_list_is_read_a_cursor_on_the_first_row_stays_on_the_first() -> None:
    async with shown(nodes(*range(50, 100))) as (app, pilot):
        app.table.set_rows(nodes(*range(100)), from_top=True)
        assert (app.table.cursor_key, app.table.scroll_offset.y) == ("n0", 0)
        app.table.move_cursor("n3")
        app.table.set_rows([node(-1), *nodes(*range(100))], from_top=True)
        assert app.table.cursor_key == "n3", "somebody went there"
        app.table.move_cursor("n-1")
        app.table.set_rows(nodes(*range(1, 100), -1))
        assert app.table.cursor_key == "n-1", "read: from now on a row is meant"
        app.table.move_cursor("n1")
        app.table.scroll_to(y=50, animate=False)
        await settled(pilot)
        app.table.set_rows(nodes(*range(100)), from_top=True)
        assert app.table.scroll_offset.y > 0, "somebody looks there"


async def test_a_deleted_row_hands_the_cursor_to_the_next_and_says_so() -> None:
    async with shown(nodes(1, 2, 3)) as (app, pilot):
        await pilot.press("down")
        app.table.set_rows(nodes(1, 3))
        await until(pilot, lambda: app.moves() == ["n1", "n2", "n3"])
        assert app.table.cursor_key == "n3"


async def test_the_key_at_the_press_is_the_one_on_the_screen_after_a_sort() -> None:
    async with shown(nodes(2, 10, 1)) as (app, pilot):
        await pilot.press("down", "o")  # by name, natural order
        assert app.table.shown_keys == ("n1", "n2", "n10")
        await pilot.press("enter")
        await until(pilot, lambda: app.opened() == ["n10"])
        await settled(pilot)
        assert "❯  node-10" in lines(app.table)[3]


# Sort, filter, selection by keyboard


async def test_o_goes_through_the_columns_and_back_to_the_owners_order() -> None:
    rows = [node(1, "b"), node(3, "a"), node(2, "c")]
    async with shown(rows, COLUMNS[:3]) as (app, pilot):
        seen = []
        for _ in range(4):
            await pilot.press("o")
            seen.append((app.table.sort, app.table.shown_keys))
        assert seen == [
            (("name", False), ("n1", "n2", "n3")),
            (("state", False), ("n3", "n1", "n2")),
            (("age", False), ("n1", "n2", "n3")),
            (None, ("n1", "n3", "n2")),
        ]


async def test_a_sort_stays_in_force_for_rows_that_come_later() -> None:
    async with shown(nodes(3, 1)) as (app, _):
        app.table.sort_by("age", descending=True)
        app.table.set_rows(nodes(3, 1, 7, 2))
        assert app.table.shown_keys == ("n7", "n3", "n2", "n1")
        assert "AGE▼" in lines(app.table)[0]


async def test_a_filter_shows_how_many_of_how_many() -> None:
    async with shown([node(1, note="Brownout"), node(2), node(11, note="brownOUT twice")]) as (app, pilot):
        app.table.set_filter("NODE brown")
        await settled(pilot)
        assert app.table.shown_keys == ("n1", "n11")
        assert lines(app.table)[0].rstrip().endswith("2 of 3")
        app.table.set_rows([node(1, note="fine"), node(11, note="brownout")])
        await settled(pilot)
        assert lines(app.table)[0].rstrip().endswith("1 of 2")
        app.table.set_filter("")
        await settled(pilot)
        assert lines(app.table)[0].rstrip().endswith("NOTE")


async def test_space_marks_a_run_of_rows_and_a_marks_all() -> None:
    async with shown(nodes(1, 2, 3, 4)) as (app, pilot):
        await pilot.press("space", "space")
        await until(pilot, lambda: app.selections()[-1:] == [("n1", "n2")])
        assert app.table.cursor_key == "n3"
        await settled(pilot)
        assert [line[:2] for line in lines(app.table)[1:5]] == [" ✓", " ✓", "❯ ", "  "]
        app.table.set_rows(nodes(2, 3, 4))
        await until(pilot, lambda: app.selections()[-1:] == [("n2",)])
        await pilot.press("a")
        await until(pilot, lambda: app.selections()[-1:] == [("n2", "n3", "n4")])
        await pilot.press("a")
        await until(pilot, lambda: app.selections()[-1:] == [()])


async def test_pages_and_ends_are_reached_by_keyboard() -> None:
    async with shown(nodes(*range(100)), size=(60, 14)) as (app, pilot):
        rows_in_sight = app.table.size.height - 1
        await pilot.press("pagedown")
        assert app.table.cursor_key == f"n{rows_in_sight - 1}"
        await pilot.press("pageup")
        assert app.table.cursor_key == "n0"
        await pilot.press("end")
        await settled(pilot)
        assert app.table.cursor_key == "n99"
        assert lines(app.table)[rows_in_sight].startswith("❯  node-99")
        await pilot.press("down", "home", "up")
        assert app.table.cursor_key == "n0"


async def test_the_keys_can_be_remapped_by_their_ids() -> None:
    async with shown(nodes(1, 2)) as (app, pilot):
        app.set_keymap({"table.select": "x", "table.down": "j"})
        await pilot.press("j", "space", "x")
        assert app.table.selected_keys == ("n2",)


# Mouse


async def test_a_click_moves_the_cursor_and_the_second_one_opens() -> None:
    async with shown(nodes(1, 2, 3)) as (app, pilot):
        await pilot.click(WatchedTable, offset=(8, 3))
        assert app.table.cursor_key == "n3"
        assert app.opened() == []
        await pilot.click(WatchedTable, offset=(8, 3))
        await until(pilot, lambda: app.opened() == ["n3"])
        await pilot.click(WatchedTable, offset=(8, 2), times=2)
        await until(pilot, lambda: app.opened() == ["n3", "n2"])
        await pilot.click(WatchedTable, offset=(8, 7))  # below the last row
        assert app.table.cursor_key == "n2"


async def test_a_click_on_the_mark_selects_without_moving_the_cursor() -> None:
    async with shown(nodes(1, 2, 3)) as (app, pilot):
        await pilot.click(WatchedTable, offset=(1, 2))
        await until(pilot, lambda: app.selections() == [("n2",)])
        assert app.table.cursor_key == "n1"
        await pilot.click(WatchedTable, offset=(1, 2))
        await until(pilot, lambda: app.selections() == [("n2",), ()])


async def test_a_click_on_a_label_sorts_up_down_and_not() -> None:
    async with shown(nodes(2, 3, 1)) as (app, pilot):
        x = lines(app.table)[0].index("AGE")
        for order in (("n1", "n2", "n3"), ("n3", "n2", "n1"), ("n2", "n3", "n1")):
            await pilot.click(WatchedTable, offset=(x, 0))
            assert app.table.shown_keys == order


async def test_a_click_hits_the_row_that_was_pressed_although_an_update_came_between() -> None:
    async with shown(nodes(1, 2, 3)) as (app, pilot):
        await pilot.mouse_down(WatchedTable, offset=(8, 2))
        app.table.set_rows(nodes(7, 8, 1, 2, 3))
        app.table.post_message(Click(app.table, 8, 2, 0, 0, 1, False, False, False, 8, 2))
        await until(pilot, lambda: app.table.cursor_key == "n2")  # not n8, which slid under the mouse


async def test_the_wheel_scrolls_and_leaves_the_cursor() -> None:
    async with shown(nodes(*range(100))) as (app, pilot):
        table = app.table
        table.post_message(MouseScrollDown(table, 5, 5, 0, 1, 0, False, False, False, 5, 5))
        await until(pilot, lambda: table.scroll_offset.y > 0)
        assert table.cursor_key == "n0"
        await pilot.press("down")
        await settled(pilot)
        assert "❯  node-1 " in lines(table)[1]


# Calls from the owner


async def test_rows_may_be_set_before_the_table_is_on_the_screen() -> None:
    app = TableApp([], COLUMNS, "")
    app.table.set_rows(nodes(1, 2))
    app.table.set_filter("node-2")
    app.table.sort_by("name")
    async with app.run_test(size=(60, 14)) as pilot:
        await until(pilot, lambda: app.moves() == ["n2"])
        assert "node-2" in lines(app.table)[1]


async def test_the_owner_can_move_the_cursor_and_select() -> None:
    async with shown(nodes(*range(50))) as (app, pilot):
        assert app.table.move_cursor("n40")
        assert not app.table.move_cursor("no such")
        app.table.select(["n40", "gone"])
        await settled(pilot)
        assert app.table.selected_keys == ("n40",)
        assert any(line.startswith("❯✓ node-40") for line in lines(app.table))


async def test_other_columns_may_come_with_other_rows() -> None:
    async with shown(nodes(1, 2)) as (app, pilot):
        app.table.sort_by("age")
        app.table.set_columns((Column("job", "JOB"), Column("why", "WHY")))
        app.table.set_rows([Row("j", (Cell("backup"), Cell("BackoffLimitExceeded")))])
        await settled(pilot)
        assert lines(app.table)[0].split() == ["JOB", "WHY"]
        assert lines(app.table)[1].split() == ["❯", "backup", "BackoffLimitExceeded"]
        assert app.table.sort is None
