"""A sequence that stays in order while a few of its many things change."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Generic, TypeVar

T = TypeVar("T")
K = TypeVar("K", bound=Any)

_SORT_ANEW = 8
"""With more than every eighth thing changed, sorting is cheaper than finding each place."""


class Ordered(Generic[K, T]):
    """Things by their key. A change costs what it touches; things are told apart by identity."""

    def __init__(self, key: Callable[[T], K]) -> None:
        self._key = key
        self._keys: list[K] = []
        self._things: list[T] = []
        self._frozen: tuple[T, ...] | None = ()

    def freeze(self) -> tuple[T, ...]:
        """Everything in order; the same tuple as long as nothing changed."""
        if self._frozen is None:
            self._frozen = tuple(self._things)
        return self._frozen

    def change(self, gone: Sequence[T], came: Sequence[T]) -> None:
        """Take out what is gone, which must be there, and put in what came."""
        if not gone and not came:
            return
        self._frozen = None
        if (len(gone) + len(came)) * _SORT_ANEW > len(self._things):
            self._sort_anew({id(thing) for thing in gone}, came)
            return
        for thing in gone:
            place = self._place(thing)
            del self._keys[place], self._things[place]
        for thing in came:
            key = self._key(thing)
            place = bisect_right(self._keys, key)
            self._keys.insert(place, key)
            self._things.insert(place, thing)

    def _place(self, thing: T) -> int:
        place = bisect_left(self._keys, self._key(thing))
        while self._things[place] is not thing:
            place += 1
        return place

    def _sort_anew(self, gone: set[int], came: Iterable[T]) -> None:
        things = [thing for thing in self._things if id(thing) not in gone]
        things += came
        # Sorted by keys that are made once: they are wanted afterwards.
        keys = [self._key(thing) for thing in things]
        order = sorted(range(len(things)), key=keys.__getitem__)
        self._keys = [keys[place] for place in order]
        self._things = [things[place] for place in order]
