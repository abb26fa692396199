"""Rows are kept while they hold, and never longer."""

from datetime import UTC, datetime, timedelta

from homelab_tui.present.row_memo import RowMemo
from homelab_tui.present.table import Cell, Row

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


class Table:
    """A table of one row, and how often it was made."""

    def __init__(self) -> None:
        self.memo = RowMemo()
        self.made = 0

    def draw(
        self,
        thing: object,
        *,
        now: datetime = NOW,
        at: datetime | None = None,
        level: int = 0,
        context: object = None,
        busy: tuple[str, ...] = (),
    ) -> Row:
        """One drawing."""

        def make() -> Row:
            self.made += 1
            return Row("job:a", (Cell(str(self.made)),))

        self.memo.begin(context, busy)
        row = self.memo.row("job:a", thing, level, now, at, make)
        self.memo.end()
        return row


def test_the_same_thing_is_not_made_twice() -> None:
    table, thing = Table(), ["job"]
    assert table.draw(thing) is table.draw(thing)
    assert table.made == 1


def test_another_object_another_level_or_another_context_is_made_anew() -> None:
    table, thing = Table(), ["job"]
    table.draw(thing)
    table.draw(["job"])
    assert table.made == 2
    table.draw(thing, level=1)
    table.draw(thing, level=1, context="dim")
    assert table.made == 4


def test_a_row_that_is_acted_on_is_made_every_time() -> None:
    table, thing = Table(), ["job"]
    for _ in range(3):
        table.draw(thing, busy=("job:a",))
    assert table.made == 3
    table.draw(thing)
    assert table.made == 4, "what it looked like before or meanwhile is not what it looks like after"


def test_a_young_age_is_told_anew_within_five_seconds_and_an_old_one_within_a_minute() -> None:
    for age_s, words_hold_s in ((30, 5), (86_400, 60)):
        table, thing, at = Table(), ["job"], NOW - timedelta(seconds=age_s)
        table.draw(thing, at=at)
        for second in range(1, words_hold_s + 1):
            table.draw(thing, now=NOW + timedelta(seconds=second), at=at)
        assert table.made == 2


def test_a_row_that_left_the_table_is_forgotten() -> None:
    table, thing = Table(), ["job"]
    table.draw(thing)
    table.memo.begin(None, ())
    table.memo.end()
    table.draw(thing)
    assert table.made == 2
