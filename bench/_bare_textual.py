"""The yardstick: a Textual app with one DataTable of 100 rows, and nothing else. Run as a script by `first_paint`."""

from textual.app import App, ComposeResult
from textual.widgets import DataTable


class Bare(App[None]):
    """One table."""

    BINDINGS = [("q", "quit", "Quit")]  # noqa: RUF012  as short as a newcomer writes it

    def compose(self) -> ComposeResult:
        """The table."""
        yield DataTable[str]()

    def on_mount(self) -> None:
        """A hundred rows."""
        table = self.query_one(DataTable)
        table.add_columns("name", "state", "reason", "node")
        for number in range(100):
            table.add_row(f"row-{number}", "failed", "BackoffLimitExceeded", "rpi03")


if __name__ == "__main__":
    Bare().run()
