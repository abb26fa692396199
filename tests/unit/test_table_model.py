"""The row model: what is printable, how columns fit, what sorting, filtering, cursor and selection do."""

import math
import unicodedata
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from homelab_tui.present.table import (
    GAP,
    Cell,
    Column,
    Row,
    cell_width,
    filter_words,
    fit_columns,
    fitted,
    matching_rows,
    printable,
    sorted_rows,
)
from homelab_tui.ui.table_rows import TableRows

HOSTILE = (
    "[/boom] [@click=app.quit]x[/] \x1b[31m\x1b]0;owned\x07 \u202eevil\u202c \u200b\u2066 \x9b2J \x00\x7f\r\n\t \ud800"
)


def row(key: str, *texts: str, level: int = 0, selectable: bool = True) -> Row:
    return Row(key, tuple(Cell(text) for text in texts or (key,)), level=level, selectable=selectable)


def keys(rows: Sequence[Row]) -> list[str]:
    return [each.key for each in rows]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("nuc01", "nuc01"),
        ("[red]x[/red] [/boom]", "[red]x[/red] [/boom]"),
        ("\x1b[31m", "␛[31m"),
        ("a\nb\tc\rd", "a␊b␉c␍d"),
        ("\x7f\x00", "␡␀"),
        ("\x9b2J", "\\x9b2J"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("a\u200bb\ufeff", "a\\u200bb\\ufeff"),
        ("a\u2028b\u2029", "a\\u2028b\\u2029"),
        ("\ud800", "\\ud800"),
        ("non\xa0breaking", "non\\xa0breaking"),
        ("fill\u3164er", "fill\\u3164er"),
        ("\U000e0041tag", "\\U000e0041tag"),
        ("e\u0301", "e\u0301"),
        ("\u0301x", "◌\u0301x"),
        ("⚠\ufe0f", "⚠"),
        ("a\ufe0f", "a\\ufe0f"),
        ("日本語 23 °C", "日本語 23 °C"),
    ],
)
def test_what_a_terminal_would_obey_or_hide_is_made_visible(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_a_tower_of_combining_marks_is_cut_down() -> None:
    assert sum(unicodedata.combining(character) > 0 for character in printable("x" + "\u0301" * 500)) == 4


@given(st.text(st.characters(exclude_categories=()), max_size=80), st.integers(1, 60))
def test_printable_text_is_short_and_has_nothing_invisible(text: str, limit: int) -> None:
    shown = printable(text, limit)
    assert len(shown) <= limit
    assert shown.isprintable()
    shown.encode()  # no lone surrogates
    assert printable(shown, limit) == shown


@given(st.text(st.characters(exclude_categories=()), max_size=40), st.integers(0, 30), st.booleans())
def test_a_cell_always_takes_exactly_its_width(text: str, width: int, right: bool) -> None:
    assert cell_len(fitted(text, width, "right" if right else "left")) == width


@pytest.mark.parametrize(
    ("text", "width", "align", "shown"),
    [
        ("abc", 5, "left", "abc  "),
        ("abc", 5, "right", "  abc"),
        ("abcdef", 4, "left", "abc…"),
        ("日本語", 6, "left", "日本語"),
        ("日本語", 5, "left", "日本…"),
        ("日本語", 4, "left", "日… "),
        ("🚀 up", 6, "right", " 🚀 up"),
        ("ab", 1, "left", "…"),
        ("ab", 0, "left", ""),
    ],
)
def test_wide_characters_are_padded_by_cells_and_never_halved(text: str, width: int, align: str, shown: str) -> None:
    assert fitted(text, width, "right" if align == "right" else "left") == shown


def test_a_hostile_text_is_as_wide_as_it_is_shown() -> None:
    assert cell_width(HOSTILE) == cell_len(printable(HOSTILE))


# Columns


def test_a_column_fits_its_content_within_its_limits() -> None:
    columns = (Column("a", "A"), Column("b", "LABEL"), Column("c", "C", max_width=10), Column("d", "D", width=4))
    assert [each.width for each in fit_columns(columns, (7, 2, 50, 99), 200)] == [7, 5, 10, 4]


def test_the_highest_priority_number_goes_first_when_80_cells_are_not_enough() -> None:
    columns = (
        Column("name", "NAME", width=30),
        Column("status", "STATUS", width=20),
        Column("reason", "REASON", width=20, priority=1),
        Column("cluster", "CLUSTER", width=20, priority=2),
    )
    shown = {
        width: [each.column.key for each in fit_columns(columns, (0,) * 4, width)] for width in (96, 95, 74, 73, 9)
    }
    assert shown[96] == ["name", "status", "reason", "cluster"]
    assert shown[95] == shown[74] == ["name", "status", "reason"]
    assert shown[73] == shown[9] == ["name", "status"]  # from here on it scrolls


def test_a_fitted_column_is_squeezed_before_it_is_dropped() -> None:
    columns = (Column("name", "NAME", width=20), Column("message", "MESSAGE", priority=1, min_width=12))
    squeezed = fit_columns(columns, (0, 60), 20 + GAP + 15)
    assert [each.width for each in squeezed] == [20, 15]
    assert [each.column.key for each in fit_columns(columns, (0, 60), 20 + GAP + 11)] == ["name"]


@given(
    st.lists(st.tuples(st.integers(0, 70), st.integers(0, 3), st.booleans()), min_size=1, max_size=8),
    st.integers(1, 150),
)
def test_only_columns_that_must_stay_can_be_too_wide(parts: list[tuple[int, int, bool]], available: int) -> None:
    columns = [
        Column(str(i), "L" * 5, priority=priority, width=10 if fixed else None)
        for i, (_, priority, fixed) in enumerate(parts)
    ]
    shown = fit_columns(columns, [wanted for wanted, _, _ in parts], available)
    assert shown[0].index == 0
    total = sum(each.width for each in shown) + GAP * (len(shown) - 1)
    assert total <= available or all(each.index == 0 or each.column.priority == 0 for each in shown)


# Order


def test_text_sorts_in_natural_order_and_numbers_before_text() -> None:
    rows = [row("rpi10"), row("rpi2"), row("RPI1"), Row("n", (Cell("many", sort=3.0),)), row("", ""), row("nuc")]
    assert keys(sorted_rows(rows, 0)) == ["n", "nuc", "RPI1", "rpi2", "rpi10", ""]
    assert keys(sorted_rows(rows, 0, descending=True)) == ["rpi10", "rpi2", "RPI1", "nuc", "n", ""]


def test_sorting_is_stable_in_both_directions() -> None:
    rows = [row("b", "x"), row("a", "x"), row("c", "w")]
    assert keys(sorted_rows(rows, 0)) == ["c", "b", "a"]
    assert keys(sorted_rows(rows, 0, descending=True)) == ["b", "a", "c"]


def test_no_value_can_break_a_sort() -> None:
    odd = [
        Row("nan", (Cell("nan", sort=math.nan),)),
        Row("short", ()),
        row("digits", "9" * 9999),
        row("arabic", "٣"),
        Row("inf", (Cell("∞", sort=math.inf),)),
        Row("one", (Cell("1", sort=1),)),
    ]
    assert keys(sorted_rows(odd, 0)) == ["one", "inf", "digits", "arabic", "nan", "short"]


@given(st.lists(st.integers(0, 10**14)))
def test_numbers_in_names_sort_as_numbers(numbers: list[int]) -> None:
    rows = [row(f"{place}", f"node-{number}") for place, number in enumerate(numbers)]
    assert [each.cells[0].text for each in sorted_rows(rows, 0)] == [f"node-{number}" for number in sorted(numbers)]


def test_rows_stay_under_the_row_they_belong_to() -> None:
    rows = [row("b"), row("z", level=1), row("y", level=1), row("a"), row("x", level=1)]
    assert keys(sorted_rows(rows, 0)) == ["a", "x", "b", "z", "y"]


def test_every_word_of_a_filter_must_be_somewhere_in_the_row() -> None:
    rows = [row("1", "nuc01", "Ready"), row("2", "rpi01", "NotReady"), row("3", "rpi02", "Ready")]
    assert keys(matching_rows(rows, filter_words("RPI  ready"))) == ["2", "3"]
    assert keys(matching_rows(rows, filter_words("rpi notr"))) == ["2"]
    assert keys(matching_rows(rows, filter_words("01ready"))) == []  # not across cells


def test_a_match_brings_the_row_that_it_belongs_to() -> None:
    rows = [row("job"), row("pod-a", level=1), row("log", level=2), row("pod-b", level=1), row("other")]
    assert keys(matching_rows(rows, filter_words("log"))) == ["job", "pod-a", "log"]
    assert keys(matching_rows(rows, filter_words("pod-b"))) == ["job", "pod-b"]


# Cursor and selection


def table(*names: str) -> TableRows:
    model = TableRows()
    model.replace([row(name) for name in names])
    return model


def cursor(model: TableRows) -> str | None:
    return model.cursor_key


def selected(model: TableRows) -> list[str]:
    return list(model.selected_keys)


def test_equal_rows_are_no_change() -> None:
    model = table("a", "b")
    assert not model.replace([row("a"), row("b")])
    assert model.replace([row("a"), row("b", "other")])


def test_the_cursor_goes_with_its_row_when_rows_come_and_go() -> None:
    model = table("b", "c", "d")
    model.move_to(1)
    for names in (["a", "b", "c", "d"], ["c", "a"], ["x", "y", "z", "c"]):
        model.replace([row(name) for name in names])
        assert cursor(model) == "c"


def test_a_vanished_row_leaves_the_cursor_to_its_neighbour() -> None:
    model = table("a", "b", "c", "d")
    model.move_to(1)
    model.replace([row("a"), row("d")])
    assert cursor(model) == "d"
    model.replace([row("a")])
    assert cursor(model) == "a"
    model.replace([])
    assert cursor(model) is None


def test_the_cursor_comes_back_when_a_source_was_away_or_a_filter_matched_nothing() -> None:
    model = table("a", "b", "c")
    model.move_to(2)
    model.replace([])
    model.replace([row("a"), row("b"), row("c")])
    assert cursor(model) == "c"
    model.set_filter("nothing like it")
    assert cursor(model) is None
    model.set_filter("")
    assert cursor(model) == "c"


def test_the_cursor_goes_with_its_row_when_the_order_changes() -> None:
    model = table("c", "a", "b")
    model.set_sort(0, descending=False)
    assert (cursor(model), model.cursor) == ("c", 2)
    model.set_sort(None, descending=False)
    assert (cursor(model), model.cursor) == ("c", 0)


def test_a_selection_survives_updates_but_not_the_end_of_its_row() -> None:
    model = table("a", "b", "c")
    model.select(["c", "a", "no such"])
    model.replace([row("c", "changed"), row("b"), row("a")])
    assert selected(model) == ["c", "a"]
    model.replace([row("b"), row("a")])
    model.replace([row("a"), row("b"), row("c")])  # a new c is not the c that was chosen
    assert selected(model) == ["a"]


def test_what_a_filter_hides_is_not_acted_on_but_stays_marked() -> None:
    model = table("nuc01", "rpi01")
    model.toggle_all()
    model.set_filter("rpi")
    assert selected(model) == ["rpi01"]
    model.set_filter("")
    assert selected(model) == ["nuc01", "rpi01"]


def test_select_all_takes_the_shown_rows_and_a_second_time_none() -> None:
    model = table("nuc01", "rpi01", "rpi02")
    model.set_filter("rpi")
    model.toggle_all()
    assert selected(model) == ["rpi01", "rpi02"]
    model.toggle_all()
    assert selected(model) == []


def test_a_heading_cannot_be_selected() -> None:
    model = TableRows()
    model.replace([row("heading", selectable=False), row("a", level=1)])
    model.toggle(0)
    model.toggle_all()
    model.select(["heading", "a"])
    assert selected(model) == ["a"]


def test_two_rows_with_one_key_are_shown_once() -> None:
    model = TableRows()
    model.replace([row("a", "first"), row("b"), row("a", "second")])
    assert [(each.key, each.cells[0].text) for each in model.shown] == [("a", "first"), ("b", "b")]


@given(
    st.lists(st.lists(st.sampled_from("abcdefgh"), unique=True), min_size=1, max_size=6),
    st.integers(0, 7),
    st.sampled_from([None, 0]),
    st.booleans(),
)
def test_no_series_of_updates_moves_the_cursor_off_a_row_that_lives(
    updates: list[list[str]], start: int, sorted_by: int | None, descending: bool
) -> None:
    model = table(*"abcdefgh")
    model.set_sort(sorted_by, descending)
    model.move_to(start)
    model.toggle(model.cursor)
    alive = True
    for names in updates:
        before = cursor(model)
        marked = selected(model)
        model.replace([row(name) for name in names])
        assert cursor(model) == before or before not in names
        assert (cursor(model) is None) == (not names)
        alive = alive and all(key in names for key in marked)
        assert bool(selected(model)) == alive
