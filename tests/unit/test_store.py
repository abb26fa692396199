"""The store tells every change once, and no change never."""

import asyncio
from collections.abc import Callable
from itertools import pairwise

import pytest

from homelab_tui.domain.nodes import Node
from homelab_tui.domain.reading import Reading
from homelab_tui.domain.state import LabState
from homelab_tui.domain.values import replace
from homelab_tui.engine.store import Store, entry, reading_of, with_entry
from tests.labs import until

NODE = Node("rpi01", "rpi01")


async def settled() -> None:
    """Longer than a store waits before it tells."""
    await asyncio.sleep(0.12)


async def test_a_burst_of_changes_is_told_once_with_the_last_state() -> None:
    store = Store(LabState())
    told: list[LabState] = []
    store.subscribe(told.append)
    for number in range(1_000):
        store.update(unfinished=(str(number),))
    await until(lambda: told)
    await settled()
    assert [state.unfinished for state in told] == [("999",)]


async def test_an_equal_state_is_not_told() -> None:
    store = Store(LabState(nodes=(NODE,)))
    told: list[LabState] = []
    store.subscribe(told.append)
    store.update(nodes=(Node("rpi01", "rpi01"),))
    store.touch()
    await settled()
    assert told == []


async def test_there_and_back_within_one_moment_is_no_change() -> None:
    store = Store(LabState())
    told: list[LabState] = []
    store.subscribe(told.append)
    store.update(unfinished=("x",))
    store.update(unfinished=())
    await settled()
    assert told == []


async def test_who_subscribes_late_hears_of_the_way_back_too() -> None:
    store = Store(LabState())
    store.update(unfinished=("x",))
    told: list[LabState] = []
    store.subscribe(told.append)
    store.update(unfinished=())
    await until(lambda: told)
    assert told[0].unfinished == ()


async def test_a_listener_that_fails_does_not_keep_the_news_from_the_others(caplog: pytest.LogCaptureFixture) -> None:
    store = Store(LabState())
    told: list[LabState] = []

    def fail(state: LabState) -> None:
        raise RuntimeError("a screen's bug")

    store.subscribe(fail)
    store.subscribe(told.append)
    store.update(unfinished=("x",))
    await until(lambda: told)
    assert "a screen's bug" in caplog.text


async def test_who_unsubscribed_hears_nothing_and_may_do_so_twice() -> None:
    store = Store(LabState())
    told: list[LabState] = []
    end = store.subscribe(told.append)
    store.update(unfinished=("x",))
    end()
    end()
    await settled()
    assert told == []


async def test_a_listener_may_unsubscribe_another_one_while_it_is_told() -> None:
    store = Store(LabState())
    told: list[LabState] = []
    ends: list[Callable[[], None]] = []

    def first(state: LabState) -> None:
        ends[0]()

    store.subscribe(first)
    ends.append(store.subscribe(told.append))
    store.update(unfinished=("x",))
    await settled()
    assert told == []


async def test_a_closed_store_tells_nobody() -> None:
    store = Store(LabState())
    told: list[LabState] = []
    store.subscribe(told.append)
    store.update(unfinished=("x",))
    store.close()
    store.update(unfinished=("y",))
    await settled()
    assert told == []


async def test_deriving_waits_until_somebody_looks() -> None:
    derived: list[LabState] = []

    def derive(state: LabState) -> LabState:
        derived.append(state)
        return state

    store = Store(LabState(), derive)
    for number in range(100):
        store.put("probes", "rpi01", Reading(failures=number))
    assert derived == []
    assert reading_of(store.state.probes, "rpi01").failures == 99
    assert store.state is store.state
    assert len(derived) == 1


async def test_a_state_that_cannot_be_derived_is_logged_once_and_stays_readable(
    caplog: pytest.LogCaptureFixture,
) -> None:
    broken = True

    def derive(state: LabState) -> LabState:
        if broken:
            raise ValueError("a schedule nobody can read")
        return replace(state, unfinished=("derived",))

    store = Store(LabState(), derive)
    for number in range(3):
        store.put("probes", "rpi01", Reading(failures=number))
        assert reading_of(store.state.probes, "rpi01").failures == number
    assert caplog.text.count("Traceback") == 1
    broken = False
    store.touch()
    assert store.state.unfinished == ("derived",)


def test_without_listeners_no_loop_is_needed() -> None:
    store = Store(LabState())
    store.update(unfinished=("x",))
    store.touch()
    assert store.state.unfinished == ("x",)


def test_entries_keep_their_places() -> None:
    pairs = (("a", 1), ("b", 2))
    assert with_entry(pairs, "a", 3) == (("a", 3), ("b", 2))
    assert with_entry(pairs, "c", 3) == (("a", 1), ("b", 2), ("c", 3))
    assert entry(pairs, "b") == 2
    assert entry(pairs, "x") is None
    assert reading_of((), "x") == Reading()


async def test_what_is_derived_in_parts_is_told_to_its_end() -> None:
    left = [3]

    def derive(state: LabState) -> LabState:
        left[0] = max(0, left[0] - 1)
        return replace(state, unfinished=(f"{left[0]} left",))

    store = Store(LabState(), derive, lambda: not left[0])
    told: list[LabState] = []
    store.subscribe(told.append)
    store.update(nodes=(NODE,))
    await until(lambda: told and told[-1].unfinished == ("0 left",))
    await settled()
    assert [state.unfinished for state in told] == [("1 left",), ("0 left",)]


def test_who_needs_everything_gets_it_at_once() -> None:
    left = [3]

    def derive(state: LabState) -> LabState:
        left[0] -= 1
        return replace(state, unfinished=(f"{left[0]} left",))

    assert Store(LabState(), derive, lambda: not left[0]).settled().unfinished == ("0 left",)


async def test_in_a_hurry_it_does_not_wait_for_what_else_may_come() -> None:
    store, loop = Store(LabState()), asyncio.get_running_loop()
    told_at: list[float] = []
    store.subscribe(lambda _state: told_at.append(loop.time()))
    for number in range(6):
        store.update(unfinished=(str(number),))
        if number:
            store.hurry()
        await until(lambda wanted=number + 1: len(told_at) == wanted)  # type: ignore[misc]
    pauses = [later - earlier for earlier, later in pairwise(told_at)]
    assert min(pauses) < 0.045, "the least time between two tellings is 50 ms where nobody hurries"
    assert min(pauses) >= 0.019
