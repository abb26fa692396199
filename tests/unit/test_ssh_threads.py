"""Blocking work that never holds up the loop, the exit or a cancellation."""

import asyncio
import os
import sys
import threading
import time

import pytest

from homelab_tui.domain.errors import SourceMissing, SourceTimeout, SourceUnreachable
from homelab_tui.sources.ssh_threads import Scope, WireThreads


def threads(at_most: int = 4) -> WireThreads:
    return WireThreads(at_most, "test")


async def test_results_and_errors_come_back_to_the_caller() -> None:
    pool = threads()
    assert await pool.run(lambda _: 7, deadline_s=5, late="late") == 7

    def fail(_: Scope) -> None:
        raise SourceMissing("gone")

    with pytest.raises(SourceMissing, match="gone"):
        await pool.run(fail, deadline_s=5, late="late")


async def test_no_more_run_at_a_time_than_there_are_places() -> None:
    pool, lock, now, most = threads(3), threading.Lock(), 0, 0

    def body(_: Scope) -> None:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        time.sleep(0.01)
        with lock:
            now -= 1

    await asyncio.gather(*(pool.run(body, deadline_s=5, late="late") for _ in range(20)))
    assert most == 3


async def test_a_deadline_ends_what_the_work_holds_open() -> None:
    closed = threading.Event()

    def body(scope: Scope) -> None:
        scope.add(closed.set)
        closed.wait(10)

    started = time.monotonic()
    with pytest.raises(SourceTimeout, match="too late"):
        await threads().run(body, deadline_s=0.05, late="too late")
    assert closed.is_set()
    assert time.monotonic() - started < 1


async def test_a_cancelled_caller_goes_on_at_once_and_leaves_its_place_free() -> None:
    pool, running, closed = threads(1), threading.Event(), threading.Event()

    def body(scope: Scope) -> None:
        scope.add(closed.set)
        running.set()
        closed.wait(10)

    task = asyncio.create_task(pool.run(body, deadline_s=60, late="late"))
    assert await asyncio.to_thread(running.wait, 5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert closed.is_set()
    assert await pool.run(lambda _: "next", deadline_s=5, late="late") == "next"


def test_what_is_opened_after_the_end_is_closed_at_once() -> None:
    scope, closed = Scope(), threading.Event()
    scope.end()
    with pytest.raises(SourceUnreachable):
        scope.add(closed.set)
    assert closed.is_set()
    with pytest.raises(SourceUnreachable):
        scope.wait(60)


async def test_closing_ends_everything_and_takes_nothing_new() -> None:
    pool, opened = threads(), threading.Event()

    def body(scope: Scope) -> None:
        opened.set()
        scope.wait(60)

    task = asyncio.create_task(pool.run(body, deadline_s=60, late="late"))
    assert await asyncio.to_thread(opened.wait, 5)
    await pool.close()
    with pytest.raises(SourceUnreachable):
        await task
    with pytest.raises(SourceUnreachable, match="closing"):
        await pool.run(lambda _: 1, deadline_s=5, late="late")


def test_a_thread_that_outlives_its_loop_disturbs_nobody() -> None:
    release, ended = threading.Event(), threading.Event()

    def body(_: Scope) -> None:
        release.wait(10)
        ended.set()

    async def main() -> None:
        with pytest.raises(SourceTimeout):
            await threads().run(body, deadline_s=0.01, late="late")

    asyncio.run(main())
    release.set()
    assert ended.wait(5)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a priority for each thread")
async def test_the_work_steps_back_behind_the_thread_that_draws_once_and_not_further() -> None:
    before = os.getpriority(os.PRIO_PROCESS, 0)

    def priority(_scope: Scope) -> int:
        return os.getpriority(os.PRIO_PROCESS, 0)

    pool = threads(1)
    found = [await pool.run(priority, deadline_s=5, late="late") for _ in range(5)]
    assert set(found) == {min(19, before + 5)}
    assert os.getpriority(os.PRIO_PROCESS, 0) == before
