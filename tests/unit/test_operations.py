"""Acts on the world: one per target, told on its row, logged, and finished when they must be."""

import asyncio
import contextlib
from pathlib import Path

import pytest

from homelab_tui.domain.errors import ActionRefused, SourceTimeout
from homelab_tui.domain.operations import Operation, OperationState, Result
from homelab_tui.domain.state import LabState
from homelab_tui.engine.activity import ActivityLog
from homelab_tui.engine.operations import FINISH_S, Begun, Operations, Progress
from homelab_tui.engine.store import Store
from tests.fakes import FakeClock
from tests.labs import until

DONE = Result("a", ok=True, changed=True, detail="done")


class Rig:
    """Operations over a store and a log of their own."""

    def __init__(self, directory: Path, finish_s: float = FINISH_S) -> None:
        self.clock = FakeClock()
        self.store = Store(LabState())
        self.log = ActivityLog(directory, self.clock)
        self.operations = Operations(self.store, self.log, self.clock, finish_s=finish_s)
        self.gate = asyncio.Event()
        self.begun = asyncio.Event()
        self.ended = False

    async def work(self, progress: Progress) -> Result:
        """Waits at the gate."""
        progress.stage("waiting")
        self.begun.set()
        await self.gate.wait()
        self.ended = True
        return DONE

    def row(self, target: str = "job:a") -> Operation:
        """The operation of a target."""
        return next(o for o in self.store.state.operations if o.target == target)

    def start(self, *, must_finish: bool = False, target: str = "job:a") -> "asyncio.Task[Result]":
        """Run the work in a task."""
        return asyncio.create_task(
            self.operations.run("jobs.delete", target, "starting", self.work, must_finish=must_finish)
        )


@pytest.fixture
async def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


async def test_an_operation_is_on_its_row_from_its_first_moment_to_its_end(rig: Rig) -> None:
    task = rig.start()
    await asyncio.sleep(0)
    assert (rig.row().state, rig.row().stage) == (OperationState.RUNNING, "starting")
    await rig.begun.wait()
    assert (rig.row().stage, rig.operations.busy) == ("waiting", 1)
    rig.gate.set()
    assert await task == DONE
    assert (rig.row().state, rig.row().result, rig.row().ended_at) == (OperationState.DONE, DONE, rig.clock.at)
    await until(lambda: rig.operations.busy == 0)
    assert [(a.kind, a.target, a.ok, a.changed, a.detail) for a in rig.log.entries()] == [
        ("jobs.delete", "a", True, True, "done")
    ]


@pytest.mark.parametrize(
    ("error", "detail"),
    [
        (SourceTimeout("no answer within 3 s"), "no answer within 3 s"),
        (ActionRefused("a safeguard says no"), "a safeguard says no"),
        (ZeroDivisionError("secret"), "internal error, see the log"),
    ],
)
async def test_no_error_of_the_work_reaches_the_caller(rig: Rig, error: Exception, detail: str) -> None:
    async def work(progress: Progress) -> Result:
        raise error

    result = await rig.operations.run("keys.push", "account:pi@rpi01", "…", work)
    assert result == Result("pi@rpi01", ok=False, changed=False, detail=detail)
    assert rig.row("account:pi@rpi01").state is OperationState.FAILED


async def test_one_at_a_time_per_target_and_others_side_by_side(rig: Rig) -> None:
    first = rig.start()
    await rig.begun.wait()
    second = await rig.operations.run("jobs.delete", "job:a", "…", rig.work)
    assert (second.ok, second.changed, second.target) == (False, False, "a")
    assert "jobs.delete" in second.detail
    other = rig.start(target="job:b")
    rig.gate.set()
    assert (await first).ok
    assert (await other).ok
    rig.gate.set()
    assert (await rig.operations.run("jobs.delete", "job:a", "…", rig.work)).ok


async def test_two_starts_in_the_same_moment_are_one(rig: Rig) -> None:
    rig.gate.set()
    results = await asyncio.gather(*(rig.operations.run("k", "job:a", "…", rig.work) for _ in range(5)))
    assert sum(result.ok for result in results) == 1


async def test_a_cancelled_caller_stops_ordinary_work(rig: Rig) -> None:
    task = rig.start()
    await rig.begun.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await until(lambda: not rig.row().is_busy)
    assert not rig.ended
    assert rig.row().result == Result("a", ok=False, changed=False, detail="stopped before its end")
    assert [a.ok for a in rig.log.entries()] == [False]
    assert rig.operations.busy == 0


async def test_work_that_is_cancelled_before_its_first_step_does_not_block_its_target(rig: Rig) -> None:
    task = rig.start()
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await until(lambda: rig.operations.busy == 0)
    assert not rig.row().is_busy
    rig.gate.set()
    assert (await rig.operations.run("k", "job:a", "…", rig.work)).ok


async def test_a_cancelled_caller_does_not_stop_what_must_finish(rig: Rig) -> None:
    task = rig.start(must_finish=True)
    await rig.begun.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert task.cancelled()
    assert rig.row().is_busy
    rig.gate.set()
    await until(lambda: not rig.row().is_busy)
    assert (rig.ended, rig.row().result) == (True, DONE)


async def test_close_waits_for_what_must_finish_and_stops_the_rest(rig: Rig) -> None:
    must = rig.start(must_finish=True)
    await rig.begun.wait()
    may = rig.start(target="job:b")
    await until(lambda: any(o.target == "job:b" and o.stage == "waiting" for o in rig.store.state.operations))
    closing = asyncio.create_task(rig.operations.close())
    await until(lambda: not rig.row("job:b").is_busy)
    assert not closing.done()
    assert "closing" in (await may).detail, "its caller was not cancelled, so it gets a result"
    rig.gate.set()
    await closing
    assert await must == DONE
    assert rig.operations.busy == 0


async def test_work_that_need_not_finish_and_loses_a_cancellation_does_not_hold_close(rig: Rig) -> None:
    async def work(progress: Progress) -> Result:
        rig.begun.set()
        try:
            await rig.gate.wait()
        except asyncio.CancelledError:
            await rig.gate.wait()
        return DONE

    acting = asyncio.create_task(rig.operations.run("nodes.ready", "node:a", "…", work))
    await rig.begun.wait()
    await asyncio.wait_for(asyncio.shield(asyncio.create_task(rig.operations.close())), 30)
    assert not (await acting).ok
    assert rig.operations.busy == 0


async def test_what_must_finish_is_named_and_does_not_hold_close_for_ever(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rig = Rig(tmp_path, finish_s=0.1)

    async def work(progress: Progress) -> Result:
        progress.stage("switching on…")
        rig.begun.set()
        while not rig.gate.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await rig.gate.wait()
        return DONE

    acting = asyncio.create_task(rig.operations.run("poe.cycle", "port:sw1/3", "…", work, must_finish=True))
    await rig.begun.wait()
    assert rig.operations.going == ("poe.cycle sw1/3: switching on…",)
    await asyncio.wait_for(asyncio.shield(asyncio.create_task(rig.operations.close())), 30)
    assert "poe.cycle port:sw1/3" in caplog.text
    rig.gate.set()
    assert await acting == DONE
    assert not rig.operations.going


async def test_nothing_begins_after_close(rig: Rig) -> None:
    await rig.operations.close()
    result = await rig.operations.run("k", "job:a", "…", rig.work)
    assert (result.ok, result.changed) == (False, False)
    assert not rig.begun.is_set()
    assert rig.store.state.operations == ()


async def test_running_operations_are_never_dropped_from_the_state_and_ended_ones_are_bounded(rig: Rig) -> None:
    tasks = [rig.start(target=f"job:{number}") for number in range(120)]
    await until(lambda: len(rig.store.state.operations) == 120)
    assert all(o.is_busy for o in rig.store.state.operations)
    rig.gate.set()
    await asyncio.gather(*tasks)
    assert len(rig.store.state.operations) == 50
    assert rig.row("job:119").state is OperationState.DONE


async def test_a_log_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    rig = Rig(tmp_path / "file" / "state")
    rig.gate.set()
    assert (await rig.start()).ok


async def test_a_rest_ends_when_the_program_begins_to_close(rig: Rig) -> None:
    resting = asyncio.create_task(rig.operations.rest(3600))
    await asyncio.sleep(0)
    rig.operations.closing.set()
    await asyncio.wait_for(resting, 1)
    await asyncio.wait_for(rig.operations.rest(3600), 1)


async def test_a_stage_that_need_not_finish_is_missed_when_the_program_closes(rig: Rig) -> None:
    async def slow() -> str:
        await rig.gate.wait()
        return "there"

    waiting = asyncio.create_task(rig.operations.unless_closing(slow(), missed="missed"))
    await asyncio.sleep(0)
    rig.operations.closing.set()
    assert await waiting == "missed"
    assert await rig.operations.unless_closing(slow(), missed="missed") == "missed"


@pytest.mark.parametrize("begins", ["before it closes", "after it has closed", "never"])
async def test_what_must_finish_once_it_has_begun_begins_or_is_stopped_and_never_both(rig: Rig, begins: str) -> None:
    begun = Begun()

    async def write() -> str:
        if begins == "before it closes":
            await asyncio.to_thread(begun.now)
        rig.begun.set()
        await rig.gate.wait()
        return "written"

    waiting = asyncio.create_task(rig.operations.unless_closing(write(), missed="missed", begun=begun))
    await rig.begun.wait()
    rig.operations.closing.set()
    rig.operations.closing.set()  # as whoever is asked twice to close does
    if begins == "after it has closed":
        with pytest.raises(ActionRefused, match="closing"):
            await asyncio.to_thread(begun.now)
    rig.gate.set()
    assert await waiting == ("written" if begins == "before it closes" else "missed")


async def test_a_stage_that_need_not_finish_gives_its_result_and_its_errors(rig: Rig) -> None:
    async def fail() -> str:
        raise SourceTimeout("no answer")

    rig.gate.set()

    async def quick() -> str:
        return "there"

    assert await rig.operations.unless_closing(quick(), missed="missed") == "there"
    with pytest.raises(SourceTimeout):
        await rig.operations.unless_closing(fail(), missed="missed")
