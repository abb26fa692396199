"""Loops that never return, whatever their source does."""

import asyncio
from datetime import timedelta

import pytest

from homelab_tui.domain.errors import SourceRefused, SourceTimeout
from homelab_tui.domain.reading import HealthState, Reading, health
from homelab_tui.engine.poller import Poller, backoff_s
from tests.fakes import START, FakeClock
from tests.labs import until


class Source:
    """Answers what it is told to: a value, or an error."""

    def __init__(self) -> None:
        self.says: int | Exception = 1
        self.asked = 0
        self.hold: asyncio.Event | None = None

    async def read(self) -> int:
        """The value."""
        self.asked += 1
        says = self.says
        if self.hold is not None:
            await self.hold.wait()
        if isinstance(says, Exception):
            raise says
        return says


class Rig:
    """A poller and what it published."""

    def __init__(self, interval_s: float = 5.0, ceiling_s: float = 30.0) -> None:
        self.clock = FakeClock()
        self.source = Source()
        self.published: list[Reading[int]] = []
        self.poller = Poller(
            "prometheus:main",
            self.source.read,
            self.published.append,
            self.clock,
            interval_s=interval_s,
            ceiling_s=ceiling_s,
            missing=lambda value: "nothing is scraped" if value == 0 else None,
        )


async def test_a_good_answer_is_published_with_its_time() -> None:
    rig = Rig()
    await rig.poller.poll()
    assert rig.published == [Reading(1, START)]


async def test_a_failure_keeps_the_value_and_names_the_next_try() -> None:
    rig = Rig()
    await rig.poller.poll()
    rig.source.says = SourceTimeout("no answer within 3 s")
    rig.clock.advance(5)
    reading = await rig.poller.poll()
    assert (reading.value, reading.taken_at, reading.failures, reading.timed_out) == (1, START, 1, True)
    assert reading.next_try_at == rig.clock.at + timedelta(seconds=rig.poller.pause_s())
    word = health(reading, rig.clock.at, 60)
    assert (word.state, word.problem, word.next_try_s) == (HealthState.STALE, "no answer within 3 s", 5.0)


async def test_back_off_doubles_to_its_ceiling_and_a_good_answer_ends_it() -> None:
    rig = Rig()
    rig.source.says = SourceRefused("no")
    pauses = []
    for _ in range(6):
        await rig.poller.poll()
        pauses.append(rig.poller.pause_s())
    assert pauses == [5, 10, 20, 30, 30, 30]
    assert rig.published[-1].failures == 6
    assert not rig.published[-1].timed_out
    rig.source.says = 2
    await rig.poller.poll()
    assert (rig.poller.pause_s(), rig.poller.reading) == (5, Reading(2, START))


def test_back_off_never_overflows_and_never_undercuts_the_interval() -> None:
    assert backoff_s(10_000, 5, 30) == 30
    assert backoff_s(0, 5, 30) == 5
    assert Rig(interval_s=120).poller.pause_s() == 120


async def test_one_log_line_on_loss_and_one_on_return(caplog: pytest.LogCaptureFixture) -> None:
    rig = Rig()
    await rig.poller.poll()
    rig.source.says = SourceTimeout("no answer")
    for _ in range(5):
        await rig.poller.poll()
    rig.source.says = 3
    await rig.poller.poll()
    await rig.poller.poll()
    assert [record.getMessage() for record in caplog.records] == [
        "prometheus:main lost: no answer",
        "prometheus:main is back after 5 failed tries",
    ]


async def test_a_bug_becomes_state_and_one_traceback(caplog: pytest.LogCaptureFixture) -> None:
    rig = Rig()
    rig.source.says = ZeroDivisionError("bug")
    for _ in range(3):
        await rig.poller.poll()
    assert rig.published[-1].problem == "internal error, see the log"
    assert rig.published[-1].failures == 3
    assert caplog.text.count("Traceback") == 1


async def test_a_judge_of_answers_that_fails_is_a_bug_too_and_the_loop_goes_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    rig = Rig()

    def judge(value: int) -> str | None:
        raise IndexError("bug")

    rig.poller = Poller("x", rig.source.read, rig.published.append, rig.clock, interval_s=5, missing=judge)
    await rig.poller.poll()
    assert rig.published[-1].problem is not None
    assert "IndexError" in caplog.text


async def test_a_publisher_that_fails_does_not_end_the_loop(caplog: pytest.LogCaptureFixture) -> None:
    rig = Rig()

    def publish(reading: Reading[int]) -> None:
        raise RuntimeError("store bug")

    poller = Poller("x", rig.source.read, publish, rig.clock, interval_s=0.001)
    task = asyncio.create_task(poller.run())
    await until(lambda: rig.source.asked >= 3)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert caplog.text.count("Traceback") == 1


async def test_an_answer_without_what_we_need_is_no_data_not_a_failure() -> None:
    rig = Rig()
    rig.source.says = 0
    reading = await rig.poller.poll()
    assert (reading.missing, reading.failures) == ("nothing is scraped", 0)
    assert health(reading, START, 60).state is HealthState.NO_DATA
    rig.source.says = 1
    assert (await rig.poller.poll()).missing is None


async def test_waking_asks_again_at_once() -> None:
    rig = Rig(interval_s=3600)
    task = asyncio.create_task(rig.poller.run())
    await until(lambda: rig.source.asked == 1)
    rig.poller.wake()
    await until(lambda: rig.source.asked == 2)
    task.cancel()


async def test_a_wake_during_a_round_is_one_more_round() -> None:
    rig = Rig(interval_s=3600)
    rig.source.hold = asyncio.Event()
    task = asyncio.create_task(rig.poller.run())
    await until(lambda: rig.source.asked == 1)
    rig.poller.wake()
    rig.poller.wake()
    rig.source.hold.set()
    await until(lambda: rig.source.asked == 2)
    await asyncio.sleep(0.05)
    assert rig.source.asked == 2
    task.cancel()


async def test_rounds_never_overlap_so_that_an_old_answer_cannot_hide_a_newer_one() -> None:
    rig = Rig()
    rig.source.hold = asyncio.Event()
    old = asyncio.create_task(rig.poller.poll())
    await until(lambda: rig.source.asked == 1)
    rig.source.says = 2
    new = asyncio.create_task(rig.poller.poll())
    await asyncio.sleep(0)
    rig.source.hold.set()
    assert (await new).value == 2
    assert (await old).value == 1
    assert rig.poller.reading.value == 2


async def test_a_loop_that_is_woken_and_cancelled_at_once_ends() -> None:
    """asyncio.wait_for loses the cancellation in that moment, and then closing the lab never ends."""
    for _ in range(50):
        rig = Rig(interval_s=3600)
        task = asyncio.create_task(rig.poller.run())
        await until(lambda rig=rig: rig.published)  # type: ignore[misc]
        await asyncio.sleep(0)
        rig.poller.wake()
        await asyncio.sleep(0)
        task.cancel()
        done, _ = await asyncio.wait((task,), timeout=0.5)
        assert done
