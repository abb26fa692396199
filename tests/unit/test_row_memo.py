"""Rows are kept while they hold, and never longer."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from homelab_tui.present.row_memo import Block, RowMemo
from homelab_tui.present.table import Cell, Row

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


class Thing:
    """One thing of the table; equal to nothing but itself."""

    def __init__(self, name: str = "a", order: int = 0, at: datetime | None = None) -> None:
        self.name = name
        self.order = order
        self.at = at


class Table:
    """A table, and how often rows of it were made."""

    def __init__(self) -> None:
        self.memo: RowMemo[Thing] = RowMemo()
        self.made = 0
        self.says_how_often = True

    def draw(
        self,
        *things: Thing,
        now: datetime = NOW,
        context: object = None,
        busy: Sequence[str] = (),
    ) -> tuple[Row, ...]:
        """One drawing."""

        def make(thing: Thing) -> list[Block]:
            self.made += 1
            rows = (Row(thing.name, (Cell(str(self.made) if self.says_how_often else ""),)), Row(thing.name + "/x", ()))
            return [Block((thing.order, thing.name), rows, thing.at)]

        return self.memo.rows(things, now, make, context=context, busy=busy)


def test_the_same_things_are_not_made_twice() -> None:
    table, thing = Table(), Thing()
    assert table.draw(thing) is table.draw(thing)
    assert table.made == 1


def test_another_object_or_another_context_is_made_anew() -> None:
    table, thing, other = Table(), Thing(), Thing("b")
    table.draw(thing, other)
    table.draw(Thing(), other)
    assert table.made == 3, "what did not change is kept"
    table.draw(thing, other, context="dim")
    assert table.made == 5


def test_blocks_stand_in_their_order_whenever_they_come() -> None:
    table = Table()
    first, second, third = Thing("a", 3), Thing("b", 1), Thing("c", 2)
    assert _keys(table.draw(first, second)) == ["b", "b/x", "a", "a/x"]
    assert _keys(table.draw(first, second, third)) == ["b", "b/x", "c", "c/x", "a", "a/x"]
    assert _keys(table.draw(third, first)) == ["c", "c/x", "a", "a/x"]


def test_what_is_acted_on_is_made_every_time_and_once_more_afterwards() -> None:
    table, thing, other = Table(), Thing(), Thing("b")
    table.draw(thing, other)
    for _ in range(3):
        table.draw(thing, other, busy=["a/x"])
    assert table.made == 5
    table.draw(thing, other)
    assert table.made == 6, "what it looked like meanwhile is not what it looks like after"
    table.draw(thing, other)
    assert table.made == 6


def test_a_young_age_is_told_anew_within_five_seconds_and_an_old_one_within_a_minute() -> None:
    for age_s, words_hold_s in ((30, 5), (86_400, 60)):
        table, thing = Table(), Thing(at=NOW - timedelta(seconds=age_s))
        table.draw(thing)
        for second in range(1, words_hold_s + 1):
            table.draw(thing, now=NOW + timedelta(seconds=second))
        assert table.made == 2


def test_rows_that_are_made_anew_and_equal_stay_the_same_objects() -> None:
    table, thing = Table(), Thing(at=NOW)
    table.says_how_often = False
    before = table.draw(thing)
    assert table.draw(thing, now=NOW + timedelta(seconds=6)) is before
    assert table.made == 2


def test_a_clock_that_was_set_back_makes_everything_anew() -> None:
    table, thing = Table(), Thing(at=NOW - timedelta(hours=1))
    table.draw(thing)
    table.draw(thing, now=NOW - timedelta(minutes=50))
    assert table.made == 2


def test_what_left_the_table_is_forgotten() -> None:
    table, thing = Table(), Thing()
    table.draw(thing)
    assert table.draw() == ()
    table.draw(thing)
    assert table.made == 2


def test_after_an_error_everything_is_made_anew() -> None:
    table, thing, other = Table(), Thing(), Thing("b")
    before = table.draw(thing, other)

    def broken(thing: Thing) -> list[Block]:
        raise ArithmeticError(thing.name)

    with pytest.raises(ArithmeticError):
        table.memo.rows([Thing("c"), other], NOW, broken)
    assert _keys(table.draw(thing, other)) == _keys(before)
    assert _keys(table.draw(other)) == ["b", "b/x"]


def _keys(rows: Sequence[Row]) -> list[str]:
    return [row.key for row in rows]
