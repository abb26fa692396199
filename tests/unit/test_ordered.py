"""A sequence that stays in order is what sorting anew would give."""

from hypothesis import given
from hypothesis import strategies as st

from homelab_tui.domain.ordered import Ordered, difference


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


@given(
    st.lists(st.integers(0, 4), max_size=40), st.lists(st.tuples(st.integers(0, 2), st.integers(0, 45)), max_size=12)
)
def test_a_difference_takes_one_to_the_other(first: list[int], changes: list[tuple[int, int]]) -> None:
    old = [Thing(key) for key in first]
    new = list(old)
    for kind, place in changes:
        if kind == 0:
            new.insert(place, Thing(9))
        elif place < len(new):
            new[place : place + 1] = [Thing(8)] if kind == 1 else []
    found = difference(old, new)
    if found is not None:
        gone, came = found
        assert sorted(map(id, [*old, *came])) == sorted(map(id, [*new, *gone]))


def test_a_few_changes_among_many_are_found_and_no_more() -> None:
    old = [Thing(number) for number in range(10_000)]
    new = list(old)
    replaced, added = Thing(-1), Thing(-2)
    new[7_000] = replaced
    del new[3_000:3_003]
    new.append(added)
    assert difference(old, new) == ([*old[3_000:3_003], old[7_000]], [replaced, added])
    assert difference(old, old) == ([], [])


def test_two_worlds_are_not_compared_step_by_step() -> None:
    assert difference([Thing(1) for _ in range(500)], [Thing(1) for _ in range(500)]) is None
