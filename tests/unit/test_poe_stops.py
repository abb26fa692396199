"""A power-cycle that somebody or something stops half-way: the port ends on, or the next start finds it."""

import asyncio
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from homelab_tui.domain.poe import Detection
from homelab_tui.domain.values import replace
from tests.fakes import lost
from tests.labs import until
from tests.poe_world import World, cycling


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "state")


async def test_a_cancelled_caller_does_not_leave_the_port_off(world: World) -> None:
    task = await cycling(world, off_s=0.2)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert task.cancelled()
    assert not world.is_on, "it is still going"
    await until(lambda: world.lab.busy == 0)
    assert [on for _, on in world.switch.sets] == [False, True]
    assert world.lab.journal.unfinished() == ()


async def test_closing_while_the_port_is_off_switches_it_on_at_once(world: World) -> None:
    task = await cycling(world)
    await asyncio.wait_for(world.lab.close(), 2)
    assert world.is_on
    assert (await task).changed
    assert world.journal() == ["begin", "end"]


async def test_closing_is_quick_even_if_the_switch_does_not_answer_and_the_entry_stays(world: World) -> None:
    task = await cycling(world)
    world.switch.fail_set = lambda on: lost()
    await asyncio.wait_for(world.lab.close(), 5)
    assert not (await task).ok
    assert world.is_on is False
    assert [entry.target for entry in world.lab.journal.unfinished()] == ["sw1/3"]


async def test_a_close_that_is_itself_cancelled_does_not_cut_the_switching_on(world: World) -> None:
    task = await cycling(world)
    closing = asyncio.create_task(world.lab.close())
    await asyncio.sleep(0)
    closing.cancel()
    await asyncio.gather(closing, return_exceptions=True)
    await until(lambda: world.lab.busy == 0)
    assert world.is_on
    assert (await task).changed


def test_a_loop_that_shuts_down_under_it_still_switches_on(world: World) -> None:
    """What asyncio.run does at its end: it cancels every task, the operation's own too."""

    async def main() -> None:
        await cycling(world)

    asyncio.run(main())
    assert world.is_on
    assert world.journal() == ["begin", "end"]


def test_a_loop_that_shuts_down_while_it_switches_on_tries_on(world: World) -> None:
    left = iter(range(3))

    def fail(on: bool) -> None:
        if on and next(left, None) is not None:
            lost()

    async def main() -> None:
        await cycling(world, off_s=0.05)
        await until(lambda: any(on for _, on in world.switch.sets))

    world.switch.fail_set = fail
    asyncio.run(main())
    assert world.is_on
    assert world.journal() == ["begin", "end"]


async def test_closing_while_the_switch_is_still_being_asked_cuts_nothing(world: World) -> None:
    target = await world.target()

    def close() -> None:
        world.lab.operations.closing.set()

    world.switch.fail_read = close
    result = await world.lab.poe.cycle(target)
    assert (result.ok, result.changed) == (False, False)
    assert world.switch.sets == []
    assert world.journal() == []


async def test_nothing_new_begins_once_the_program_closes(world: World) -> None:
    target = await world.target()
    await world.lab.operations.close()
    result = await world.lab.poe.cycle(target)
    assert (result.ok, result.changed) == (False, False)
    assert world.switch.sets == []


# A crash, and the next start

CRASH = """
import asyncio, sys
from pathlib import Path
from tests.poe_world import World, cycling

async def main():
    world = World(Path(sys.argv[1]))
    await cycling(world)
    print("off", flush=True)
    await asyncio.sleep(3600)

asyncio.run(main())
"""


@pytest.fixture
def crashed(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that is in the off phase of a cycle."""
    command = [sys.executable, "-c", textwrap.dedent(CRASH), str(tmp_path / "state")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "off\n"
        yield process
        process.kill()


async def test_a_kill_in_the_off_phase_is_found_and_restored_by_the_next_start(
    world: World, crashed: "subprocess.Popen[str]"
) -> None:
    lab = world.new_lab()
    assert lab.find_unfinished() == (), "its process lives: it is not ours to repair"
    crashed.send_signal(signal.SIGKILL)
    await until(lambda: lab.find_unfinished() != ())
    assert "sw1/3" in lab.store.state.unfinished[0]
    world.switch.ports[3] = replace(world.switch.ports[3], admin_on=False, detection=Detection.DISABLED)
    entry = lab.find_unfinished()[0]
    result = await lab.poe.restore(entry)
    assert (result.ok, world.is_on) == (True, True)
    assert lab.find_unfinished() == ()
    assert lab.store.state.unfinished == ()


async def test_a_restore_that_fails_keeps_the_entry(world: World) -> None:
    entry_id = world.lab.journal.begin("poe.cycle", "sw1/3", {"switch": "sw1", "group": "1", "port": "3"})
    world.lab.journal.leave(entry_id, "test")
    world.switch.fail_set = lambda on: lost()
    result = await world.lab.poe.restore(world.lab.find_unfinished()[0])
    assert (result.ok, result.changed) == (False, False)
    assert len(world.lab.find_unfinished()) == 1


async def test_an_entry_of_a_switch_that_is_not_configured_any_more_is_told(world: World) -> None:
    entry_id = world.lab.journal.begin("poe.cycle", "old/3", {"switch": "old", "group": "1", "port": "3"})
    world.lab.journal.leave(entry_id, "test")
    result = await world.lab.poe.restore(world.lab.find_unfinished()[0])
    assert not result.ok
    assert "old/1/3" in result.detail
