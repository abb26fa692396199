"""Rows that need not be made again: of ten thousand, a change alters one, and the passing of a second hardly any."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from heapq import heappop, heappush
from itertools import chain
from typing import Generic, TypeVar

from homelab_tui.domain.ordered import Ordered, difference
from homelab_tui.domain.values import Frozen
from homelab_tui.present.table import Row

T = TypeVar("T")
Order = tuple[float, str]

_NEWS_S = 600.0
"""Up to this age, words show seconds (`times.age`)."""
_YOUNG_S, _OLD_S = 5, 60
"""How long the words of a row may stand, in seconds: ages are redrawn every five."""


class Block(Frozen):
    """Rows that stand together: a thing, and what belongs to it below."""

    order: Order
    """Its place among the others. The text is its own alone."""
    rows: tuple[Row, ...]
    news_at: datetime | None = None
    """The moment nearest to now whose age it shows; None when it shows none."""


@dataclass(slots=True)
class _Kept(Generic[T]):
    thing: T
    """Held, so that its id is not used again."""
    blocks: tuple[Block, ...]
    until: int
    """Unix seconds; 0 for one that is made anew every time."""


class RowMemo(Generic[T]):
    """The blocks made last; each as long as its thing is the same object and its words still hold.

    Blocks get old at different seconds, so that thousands of them do not in the same moment.
    """

    def __init__(self) -> None:
        self._forget()

    def _forget(self) -> None:
        self._context: object = None
        self._kept: dict[int, _Kept[T]] = {}
        self._blocks: Ordered[Order, Block] = Ordered(_order)
        self._turns: list[tuple[int, int]] = []
        """A heap of (until, id of a thing); of those that were made anew meanwhile some are left over."""
        self._busy: frozenset[str] = frozenset()
        self._rows: tuple[Row, ...] = ()
        self._things: Sequence[T] = ()
        self._at = 0

    def rows(
        self,
        things: Sequence[T],
        now: datetime,
        make: Callable[[T], Iterable[Block]],
        *,
        context: object = None,
        busy: Collection[str] = (),
    ) -> tuple[Row, ...]:
        """All rows in the order of their blocks; the same tuple when none of them changed.

        `make`: the blocks of one thing. `context`: what they are made of beside the thing and the time. `busy`: keys
        of rows that look different each time.
        """
        try:
            return self._drawn(things, int(now.timestamp()), make, context, frozenset(busy))
        except BaseException:
            self._forget()  # what was half made is not what the next time builds on
            raise

    def _drawn(
        self,
        things: Sequence[T],
        at: int,
        make: Callable[[T], Iterable[Block]],
        context: object,
        busy: frozenset[str],
    ) -> tuple[Row, ...]:
        gone, came = self._changed(things)
        self._things = things
        if context != self._context or at < self._at:
            gone, came = list(self._kept), list(things)
        else:
            came += self._due(at, self._busy_ids(busy), set(gone))
        self._context, self._busy, self._at = context, busy, at
        out: list[Block] = []
        new: list[Block] = []
        for place in gone:
            out += self._kept.pop(place).blocks
        for thing in came:
            before = self._kept.get(id(thing))
            old = before.blocks if before is not None else ()
            made = _with_old_rows(tuple(make(thing)), old)
            self._keep(thing, made, at)
            if made != old:
                out += old
                new += made
        if out or new:
            self._blocks.change(out, new)
            self._rows = tuple(chain.from_iterable([block.rows for block in self._blocks.freeze()]))
        return self._rows

    def _changed(self, things: Sequence[T]) -> tuple[list[int], list[T]]:
        """Ids of things that are there no more, and the things that are new."""
        found = difference(self._things, things)
        if found is not None:
            return [id(thing) for thing in found[0]], found[1]
        there = {id(thing): thing for thing in things}
        return list(self._kept.keys() - there.keys()), [there[place] for place in there.keys() - self._kept.keys()]

    def _busy_ids(self, busy: frozenset[str]) -> list[int]:
        """What is acted on, or was when its rows were made."""
        keys = busy | self._busy
        if not keys:
            return []
        return [
            place
            for place, kept in self._kept.items()
            if any(row.key in keys for block in kept.blocks for row in block.rows)
        ]

    def _due(self, at: int, busy: Iterable[int], gone: Collection[int]) -> list[T]:
        due = dict.fromkeys(busy)
        while self._turns and self._turns[0][0] <= at:
            until, place = heappop(self._turns)
            kept = self._kept.get(place)
            if kept is not None and kept.until == until:
                due[place] = None
        return [self._kept[place].thing for place in due if place not in gone]

    def _keep(self, thing: T, blocks: tuple[Block, ...], at: int) -> None:
        until = min((_holds_until(block, at) for block in blocks), default=at + _OLD_S)
        self._kept[id(thing)] = _Kept(thing, blocks, until)
        heappush(self._turns, (until, id(thing)))


def _order(block: Block) -> Order:
    return block.order


def _holds_until(block: Block, at: int) -> int:
    age_s = _NEWS_S if block.news_at is None else abs(at - block.news_at.timestamp())
    period_s = _YOUNG_S if age_s < _NEWS_S else _OLD_S
    own = hash(block.order[1]) % period_s
    return ((at + own) // period_s + 1) * period_s - own


def _with_old_rows(made: tuple[Block, ...], old: tuple[Block, ...]) -> tuple[Block, ...]:
    """The blocks, with the very rows of before where those are equal: the table compares by identity first."""
    if not old:
        return made
    if made == old:
        return old
    known = {row.key: row for block in old for row in block.rows}
    return tuple(
        Block(block.order, tuple([_same(known.get(row.key), row) for row in block.rows]), block.news_at)
        for block in made
    )


def _same(old: Row | None, new: Row) -> Row:
    return old if old is not None and old == new else new
