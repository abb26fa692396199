"""Rows by key that need not be made again as long as what they are made of says the same."""

from collections.abc import Collection

from homelab_tui.present.table import Row


class KeptRows:
    """The rows made last, for a table whose things are found anew each time (the ports of a switch that is read whole).

    Their order is the caller's, and their words do not age: for those there is `RowMemo`.
    """

    def __init__(self) -> None:
        self._context: object = None
        self._busy: Collection[str] = ()
        self._kept: dict[str, tuple[object, Row]] = {}
        self._used: dict[str, tuple[object, Row]] = {}

    def begin(self, context: object, busy: Collection[str]) -> None:
        """A new table. `context`: what every row is made of beside its thing; `busy`: keys of rows not to keep."""
        if context != self._context:
            self._kept = {}
        self._context, self._busy, self._used = context, busy, {}

    def row(self, key: str, thing: object) -> Row | None:
        """The row that was made of the same thing; None when it has to be made."""
        known = self._kept.get(key)
        if known is None or key in self._busy or (known[0] is not thing and known[0] != thing):
            return None
        self._used[key] = known
        return known[1]

    def keep(self, key: str, thing: object, row: Row) -> Row:
        """The row just made, kept unless something is being done to it."""
        if key not in self._busy:
            self._used[key] = (thing, row)
        return row

    def end(self) -> None:
        """The table is whole: rows that were not in it are forgotten."""
        self._kept, self._used = self._used, {}
