"""A PoE port under every fault we could think of: it ends with the power on, or says loudly that it did not."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from homelab_tui.config.model import SafetyConfig
from homelab_tui.domain.errors import SourceRefused, SourceTimeout
from homelab_tui.domain.poe import Detection
from homelab_tui.domain.values import replace
from tests.fakes import START, disk_space, lost
from tests.poe_world import RPI03, World, failing


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "state")


# The good way


async def test_a_cycle_ends_with_the_power_on_and_the_node_answering(world: World) -> None:
    result = await world.cycle()
    assert (result.ok, result.changed, result.target) == (True, True, "rpi03")
    assert "rpi03 answers SSH after" in result.detail
    assert world.switch.sets == [(RPI03, False), (RPI03, True)]
    assert world.journal() == ["begin", "end"]
    assert world.clock.at - START >= timedelta(seconds=5)


async def test_the_journal_has_the_entry_before_the_first_step(world: World) -> None:
    seen: list[list[str]] = []

    def look(on: bool) -> None:
        seen.append(world.journal())

    world.switch.fail_set = look
    await world.cycle()
    assert seen[0] == ["begin"]


async def test_a_fraction_of_a_second_off_is_waited_for(tmp_path: Path) -> None:
    world = World(tmp_path, safety=SafetyConfig(cycle_off_s=0.5))
    stages: list[str] = []
    world.lab.store.subscribe(lambda state: stages.extend(o.stage for o in state.operations))
    before = world.clock.at
    await world.cycle()
    assert (world.clock.at - before).total_seconds() >= 0.5


async def test_a_port_without_a_node_is_followed_until_it_delivers(world: World) -> None:
    result = await world.cycle("sw1/7")
    assert (result.ok, result.target) == (True, "sw1/7")
    assert not world.ssh.called("answers")[3:]


async def test_every_operation_is_in_the_activity_log_and_ended(world: World) -> None:
    await world.cycle()
    assert [(a.kind, a.target, a.ok) for a in world.lab.activity.entries()] == [
        ("poe.cycle", "rpi03", True),
        ("poe.follow", "rpi03", True),
    ]
    assert not any(o.is_busy for o in world.lab.store.state.operations)
    assert world.lab.busy == 0


# Faults


async def test_a_read_only_credential_changes_nothing_and_is_not_tried_again(world: World) -> None:
    def refuse(on: bool) -> None:
        raise SourceRefused(f"{RPI03}: the switch refused (noAccess)")

    world.switch.fail_set = refuse
    result = await world.cycle()
    assert (result.ok, result.changed) == (False, False)
    assert "noAccess" in result.detail
    assert world.switch.sets == [(RPI03, False)]
    assert world.journal() == ["begin", "end"]
    assert world.is_on
    world.switch.fail_set = lambda on: None
    assert (await world.cycle()).ok, "a refused try does not count as a cycle"


async def test_a_wrong_write_community_looks_like_silence_and_changes_nothing(world: World) -> None:
    def silence(on: bool) -> None:
        raise SourceTimeout(f"{RPI03}: no answer to the command")

    world.switch.fail_set = silence
    result = await world.cycle()
    assert (result.ok, result.changed) == (False, False)
    assert world.switch.sets == [(RPI03, False)], "the port still reads on: there is nothing to repair"
    assert world.lab.journal.unfinished() == ()


async def test_the_network_is_lost_after_off_and_the_port_is_switched_on_when_it_is_back(world: World) -> None:
    target = await world.target()

    def cut(on: bool) -> None:
        if not on:
            world.switch.fail_read = failing(10)
        elif world.clock.at - START < timedelta(seconds=40):
            lost()

    world.switch.fail_set = cut
    result = await world.lab.poe.cycle(target)
    assert world.is_on
    assert (result.ok, result.changed) == (False, True)
    assert "switched off, but" in result.detail
    assert "no answer" in result.detail
    assert "on again" in result.detail
    assert world.journal() == ["begin", "end"]


async def test_an_answer_lost_to_a_set_that_arrived_is_repaired(world: World) -> None:
    def lose_the_answer(on: bool) -> None:
        if not on:
            world.switch.ports[3] = replace(world.switch.ports[3], admin_on=False, detection=Detection.DISABLED)
            lost()

    world.switch.fail_set = lose_the_answer
    result = await world.cycle()
    assert world.is_on
    assert not result.ok
    assert world.lab.journal.unfinished() == ()


async def test_refusal_while_reading_back_is_not_taken_for_a_refused_switching_off(world: World) -> None:
    target = await world.target()

    def forbid() -> None:
        raise SourceRefused("sw1: the read community is wrong")

    def off(on: bool) -> None:
        world.switch.fail_read = (lambda: None) if on else forbid

    world.switch.fail_set = off
    result = await world.lab.poe.cycle(target)
    assert world.is_on, "SET off had been accepted: it must be taken back"
    assert not result.ok


async def test_a_bug_in_a_source_does_not_leave_the_port_off(world: World, caplog: pytest.LogCaptureFixture) -> None:
    target = await world.target()

    def bug() -> None:
        raise KeyError("oops")

    def off(on: bool) -> None:
        world.switch.fail_read = (lambda: None) if on else bug

    world.switch.fail_set = off
    result = await world.lab.poe.cycle(target)
    assert world.is_on
    assert "internal error" in result.detail
    assert "KeyError" in caplog.text


async def test_a_switch_that_accepts_off_and_does_not_obey(world: World) -> None:
    world.switch.deaf_to = {False}
    result = await world.cycle()
    assert (result.ok, result.changed) == (False, False)
    assert "still reads the other way" in result.detail
    assert world.is_on


async def test_a_switch_that_says_off_but_goes_on_delivering(world: World) -> None:
    def lie(on: bool) -> None:
        if not on:
            world.switch.ports[3] = replace(world.switch.ports[3], admin_on=False)
            world.switch.deaf_to = {False}

    world.switch.fail_set = lie
    result = await world.cycle()
    assert not result.ok
    assert "went on delivering" in result.detail
    assert world.is_on


async def test_a_port_that_answers_off_for_ever_is_told_loudly_and_kept_for_repair(world: World) -> None:
    world.switch.deaf_to = {True}
    result = await world.cycle()
    assert (result.ok, result.changed) == (False, True)
    assert "COULD NOT BE SWITCHED ON" in result.detail
    assert sum(on for _, on in world.switch.sets) == 60
    assert world.journal() == ["begin", "left"]
    assert world.lab.store.state.unfinished, "offered now, not only at the next start"
    world.switch.deaf_to = set()
    entry = world.lab.find_unfinished()[0]
    assert (await world.lab.poe.restore(entry)).ok
    assert world.is_on
    assert world.lab.store.state.unfinished == ()


async def test_power_denied_after_on_fails_within_a_minute_and_says_so(world: World) -> None:
    world.switch.delivers_after_on = False

    def deny(on: bool) -> None:
        if on:
            world.switch.ports[3] = replace(world.switch.ports[3], denied_count=4)

    world.switch.fail_set = deny
    result = await world.cycle()
    assert (result.ok, result.changed) == (False, True)
    assert "gives no power" in result.detail
    assert "denied 4 times more" in result.detail
    assert world.clock.at - START < timedelta(seconds=90)


async def test_a_node_that_does_not_come_back_within_the_boot_grace_is_a_failure(world: World) -> None:
    target = await world.target()
    world.ssh.reachable["rpi03"] = SourceTimeout("rpi03: no answer within 3 s (port 22)")
    result = await world.lab.poe.cycle(target)
    assert (result.ok, result.changed) == (False, True)
    assert "rpi03 does not answer after 18" in result.detail
    assert world.is_on


async def test_following_does_not_need_a_switch_that_went_away(world: World) -> None:
    target = await world.target()

    def gone_once_on(on: bool) -> None:
        if on:
            asyncio.get_running_loop().call_soon(lambda: None)

    world.switch.fail_set = gone_once_on
    reads = iter(range(100))

    def fail() -> None:
        if next(reads) >= 4:
            lost()

    world.switch.fail_read = fail
    result = await world.lab.poe.cycle(target)
    assert result.ok
    assert "rpi03 answers SSH" in result.detail


async def test_a_full_disk_keeps_the_cycle_from_beginning(world: World) -> None:
    target = await world.target()
    with disk_space(100):
        result = await world.lab.poe.cycle(target)
    assert (result.ok, result.changed) == (False, False)
    assert "journal cannot be written" in result.detail
    assert world.switch.sets == []
    assert (await world.lab.poe.cycle(target)).ok


# Switching


async def test_switching_off_reads_back_and_says_whether_it_changed_something(world: World) -> None:
    target = await world.target()
    first = await world.lab.poe.switch(target, on=False)
    again = await world.lab.poe.switch(target, on=False)
    assert ((first.ok, first.changed), (again.ok, again.changed)) == ((True, True), (True, False))
    assert world.is_on is False
    assert (await world.lab.poe.switch(target, on=True)).changed


async def test_a_set_that_cannot_be_read_back_counts_as_changed(world: World) -> None:
    target = await world.target()

    def deaf(on: bool) -> None:
        world.switch.fail_read = lost

    world.switch.fail_set = deaf
    result = await world.lab.poe.switch(target, on=False)
    assert (result.ok, result.changed) == (False, True)
    assert "not confirmed" in result.detail
