"""A sequence that stays in order is what sorting anew would give."""

from hypothesis import given
from hypothesis import strategies as st

from homelab_tui.domain.ordered import Ordered


class Thing:
    """Equal to nothing but itself; several may share a key."""

    def __init__(self, key: int) -> None:
        self.key = key


steps = st.lists(st.tuples(st.lists(st.integers(0, 30), max_size=6), st.lists(st.integers(0, 40), max_size=6)))


@given(st.lists(st.integers(0, 40), max_size=60), steps)
def test_changing_gives_what_sorting_gives(first: list[int], changes: list[tuple[list[int], list[int]]]) -> None:
    ordered: Ordered[int, Thing] = Ordered(lambda thing: thing.key)
    held = [Thing(key) for key in first]
    ordered.change([], held)
    for places, keys in changes:
        gone = [held[place] for place in set(places) if place < len(held)]
        came = [Thing(key) for key in keys]
        ordered.change(gone, came)
        held = [thing for thing in held if thing not in gone] + came
        found = ordered.freeze()
        assert [thing.key for thing in found] == sorted(thing.key for thing in held)
        assert set(found) == set(held)


def test_without_a_change_it_is_the_same_tuple() -> None:
    ordered: Ordered[int, int] = Ordered(lambda number: number)
    ordered.change((), (3, 1, 2))
    before = ordered.freeze()
    ordered.change((), ())
    assert before == (1, 2, 3)
    assert ordered.freeze() is before
