"""Rows that need not be made again."""

from homelab_tui.present.kept_rows import KeptRows
from homelab_tui.present.table import Cell, Row


class Table:
    """Draws one row, and counts how often it had to be made."""

    def __init__(self) -> None:
        self.rows = KeptRows()
        self.made = 0

    def draw(self, thing: object, *, context: object = None, busy: tuple[str, ...] = ()) -> Row:
        self.rows.begin(context, busy)
        row = self.rows.row("port:a", thing)
        if row is None:
            self.made += 1
            row = self.rows.keep("port:a", thing, Row("port:a", (Cell(str(self.made)),)))
        self.rows.end()
        return row


def test_what_says_the_same_is_not_made_anew_and_what_does_not_is() -> None:
    """A switch is read whole each time: its ports are other objects, and hardly one of them is different."""
    table = Table()
    assert table.draw(["port"]) is table.draw(["port"])
    assert table.made == 1
    table.draw(["another"])
    assert table.made == 2


def test_another_context_makes_every_row_anew() -> None:
    table = Table()
    table.draw(["port"])
    table.draw(["port"], context="tomorrow")
    assert table.made == 2


def test_a_row_that_is_acted_on_is_made_every_time_and_once_more_afterwards() -> None:
    table = Table()
    for _ in range(3):
        table.draw(["port"], busy=("port:a",))
    assert table.made == 3
    table.draw(["port"])
    assert table.made == 4
    table.draw(["port"])
    assert table.made == 4


def test_a_row_that_left_the_table_is_forgotten() -> None:
    table = Table()
    table.draw(["port"])
    table.rows.begin(None, ())
    table.rows.end()
    table.draw(["port"])
    assert table.made == 2
