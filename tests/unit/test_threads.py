"""Work beside the loop leaves nothing behind."""

import asyncio
import gc
import threading
import weakref

import pytest

from homelab_tui.sources import threads
from homelab_tui.sources.threads import in_daemon_thread
from tests.labs import until


class _Held:
    """What a piece of work holds: an answer of 16 MB, a password."""


async def test_what_the_work_held_is_free_when_it_is_done_without_the_next_work() -> None:
    held = _Held()
    alive = weakref.ref(held)

    def work(held: _Held = held) -> str:
        return type(held).__name__

    assert await in_daemon_thread(work, name="test") == "_Held"
    del held, work

    def is_free() -> bool:
        gc.collect()
        return alive() is None

    await until(is_free)


async def test_a_thread_that_is_done_does_the_next_work_under_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    idle: list[object] = []
    monkeypatch.setattr(threads, "_idle", idle)

    def work() -> tuple[int, str]:
        return threading.get_ident(), threading.current_thread().name

    first, name = await in_daemon_thread(work, name="one")
    assert name == "one"
    await until(lambda: bool(idle))
    assert await in_daemon_thread(work, name="two") == (first, "two")


async def test_work_at_the_same_time_has_a_thread_each() -> None:
    together = threading.Barrier(5)

    def work() -> int:
        together.wait(10)
        return threading.get_ident()

    idents = await asyncio.gather(*(in_daemon_thread(work, name="test") for _ in range(5)))
    assert len(set(idents)) == 5


async def test_an_idle_thread_ends_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "IDLE_S", 0.01)
    monkeypatch.setattr(threads, "_idle", [])  # those of other tests wait longer
    mine = await in_daemon_thread(threading.current_thread, name="test")
    await until(lambda: not mine.is_alive())
    assert await in_daemon_thread(lambda: "the next", name="test") == "the next"
