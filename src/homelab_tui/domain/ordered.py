"""Sequences of many things of which few change: kept in order, and compared."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Sequence
from itertools import compress, count, islice
from operator import is_not
from typing import Any, Generic, TypeVar

T = TypeVar("T")
K = TypeVar("K", bound=Any)

_SORT_ANEW = 8
"""With more than every eighth thing changed, sorting is cheaper than finding each place."""

_NEAR = 8
"""How far is looked for where two sequences meet again."""


class Ordered(Generic[K, T]):
    """Things by their key. A change costs what it touches; things are told apart by identity.

    Keys are not kept: those of 10,000 Jobs are a megabyte, and a search makes fourteen of them.
    """

    def __init__(self, key: Callable[[T], K]) -> None:
        self._key = key
        self._things: list[T] = []
        self._frozen: tuple[T, ...] | None = ()

    def freeze(self) -> tuple[T, ...]:
        """Everything in order; the same tuple as long as nothing changed."""
        if self._frozen is None:
            self._frozen = tuple(self._things)
        return self._frozen

    def count_before(self, key: K) -> int:
        """How many things have a smaller key."""
        return bisect_left(self._things, key, key=self._key)

    def change(self, gone: Sequence[T], came: Sequence[T]) -> None:
        """Take out what is gone, which must be there, and put in what came."""
        if not gone and not came:
            return
        self._frozen = None
        if (len(gone) + len(came)) * _SORT_ANEW > len(self._things):
            self._sort_anew({id(thing) for thing in gone}, came)
            return
        for thing in gone:
            del self._things[self._place(thing)]
        for thing in came:
            self._things.insert(bisect_right(self._things, self._key(thing), key=self._key), thing)

    def _place(self, thing: T) -> int:
        place = bisect_left(self._things, self._key(thing), key=self._key)
        while self._things[place] is not thing:
            place += 1
        return place

    def _sort_anew(self, gone: set[int], came: Iterable[T]) -> None:
        things = [thing for thing in self._things if id(thing) not in gone]
        self._things = sorted([*things, *came], key=self._key)


def difference(old: Sequence[T], new: Sequence[T], most: int = 40) -> tuple[list[T], list[T]] | None:
    """What is gone of one sequence and what came in the other, by identity; what stays must stand in the same order.

    It is made to find a few changes among ten thousand things. None: they differ in more than `most` places.
    """
    gone: list[T] = []
    came: list[T] = []
    here, there = 0, 0
    for _ in range(most):
        apart = map(is_not, islice(old, here, None), islice(new, there, None))
        equal = next(compress(count(), apart), None)
        if equal is None:
            equal = min(len(old) - here, len(new) - there)
            return gone + list(old[here + equal :]), came + list(new[there + equal :])
        here, there = here + equal, there + equal
        skipped = _until(new[there], old, here)
        if skipped:
            gone += old[here : here + skipped]
            here += skipped
            continue
        skipped = _until(old[here], new, there)
        if not skipped:  # one in the place of the other
            gone.append(old[here])
            here, skipped = here + 1, 1
        came += new[there : there + skipped]
        there += skipped
    return None


def _until(thing: T, things: Sequence[T], place: int) -> int:
    """How many others stand between that place and the thing; 0 when it is not near."""
    for step in range(1, _NEAR + 1):
        if place + step >= len(things):
            return 0
        if things[place + step] is thing:
            return step
    return 0
