"""Rows that need not be made again: of ten thousand, a change alters one, and the passing of a second hardly any."""

from collections.abc import Callable, Collection
from datetime import datetime

from homelab_tui.present.table import Row

_NEWS_S = 600.0
"""Up to this age, words show seconds (`times.age`)."""
_YOUNG_S, _OLD_S = 5, 60
"""How long the words of a row may stand, in seconds: ages are redrawn every five."""


class RowMemo:
    """The rows made last, by key; each as long as its thing is the same object and its words still hold.

    A row's turn comes by its key, so that thousands do not all grow old in the same moment.
    """

    def __init__(self) -> None:
        self._context: object = None
        self._busy: Collection[str] = ()
        self._kept: dict[str, tuple[object, int, int, Row]] = {}
        self._used: dict[str, tuple[object, int, int, Row]] = {}

    def begin(self, context: object, busy: Collection[str]) -> None:
        """A new table. `context`: what a row is made of beside its thing and the time; `busy`: rows not to keep."""
        if context != self._context:
            self._kept = {}
        self._context, self._busy, self._used = context, busy, {}

    def row(
        self, key: str, thing: object, level: int, now: datetime, at: datetime | None, make: Callable[[], Row]
    ) -> Row:
        """The row of a thing; `at`: the moment whose age it shows."""
        if key in self._busy:
            return make()
        age_s = _NEWS_S if at is None else abs((now - at).total_seconds())
        period_s = _YOUNG_S if age_s < _NEWS_S else _OLD_S
        turn = int(now.timestamp() + hash(key) % period_s) // period_s
        known = self._kept.get(key)
        if known is None or known[0] is not thing or known[1] != level or known[2] != turn:
            known = (thing, level, turn, make())
        self._used[key] = known
        return known[3]

    def end(self) -> None:
        """The table is whole: rows that were not in it are forgotten."""
        self._kept, self._used = self._used, {}
