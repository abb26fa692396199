"""A PoE port under every fault we could think of: it must end with the power on, or say loudly that it did not."""

import asyncio
import json
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from homelab_tui.config.model import ClusterConfig, Config, SafetyConfig, SwitchConfig
from homelab_tui.domain.errors import SourceRefused, SourceTimeout, UsageError
from homelab_tui.domain.nodes import Interface, KubeNode, Node, NodeFacts
from homelab_tui.domain.operations import Result
from homelab_tui.domain.poe import Detection, PortRef
from homelab_tui.domain.reading import Reading
from homelab_tui.domain.state import ClusterJobs, LabState
from homelab_tui.engine.journal import Journal
from homelab_tui.engine.lab import Lab, Sources
from homelab_tui.engine.poe import PortTarget, find_port, parse_port
from tests.fakes import START, FakeClock, FakeCluster, FakeSsh, FakeSwitch, disk_space, lost
from tests.labs import until

RPI03 = PortRef("sw1", 1, 3)


class World:
    """A lab with one switch and three nodes, all of it fake, in a state directory of its own."""

    def __init__(
        self, state_dir: Path, *, safety: SafetyConfig | None = None, own: frozenset[str] = frozenset()
    ) -> None:
        self.clock = FakeClock()
        self.switch = FakeSwitch()
        self.ssh = FakeSsh()
        self.cluster = FakeCluster()
        self.state_dir = state_dir
        nodes = (
            Node("rpi03", "10.0.0.3", poe=RPI03, mac="dc:a6:32:00:00:03"),
            Node("rpi04", "10.0.0.4", poe=PortRef("sw1", 1, 4), mac="dc:a6:32:00:00:04"),
            Node("nuc01", "10.0.0.11"),
        )
        self.config = Config(
            nodes=nodes,
            switches=(SwitchConfig("sw1", host="10.0.0.2", protected_ports=(PortRef("sw1", 1, 8),)),),
            clusters=(ClusterConfig("nuc"),),
            safety=safety or SafetyConfig(),
        )
        self.own = own
        self.lab = self.new_lab()

    def new_lab(self) -> Lab:
        """Another lab over the same world and state directory: the next start."""
        sources = Sources(
            ssh=self.ssh,
            switches=(self.switch,),
            clusters=(self.cluster,),
            own_macs=frozenset(name for name in self.own if ":" in name),
            own_addresses=frozenset(name for name in self.own if ":" not in name),
        )
        return Lab(self.config, sources, self.state_dir, self.clock, self.clock.sleep)

    async def target(self, name: str = "rpi03") -> PortTarget:
        """A port, from a fresh reading."""
        return find_port(await self.lab.read(("switches", "reach", "clusters")), name)

    async def cycle(self, name: str = "rpi03") -> Result:
        """Read, then cycle."""
        return await self.lab.poe.cycle(await self.target(name))

    async def refusals(self, verb: str, name: str) -> str:
        """What a plan says against it."""
        return "; ".join(self.lab.poe.plan(verb, [await self.target(name)]).refusals)

    @property
    def is_on(self) -> bool | None:
        """Whether rpi03's port is on."""
        return self.switch.ports[3].admin_on

    @property
    def offs(self) -> int:
        """How many SETs wanted it off."""
        return sum(not on for _, on in self.switch.sets)

    def journal(self) -> list[str]:
        """Events of the journal, in order."""
        path = self.state_dir / "journal.jsonl"
        return [json.loads(line)["event"] for line in path.read_text().splitlines()] if path.exists() else []


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "state")


def failing(times: int, error: Callable[[], None] = lost) -> Callable[[], None]:
    """A fault that goes away after so many calls."""
    left = iter(range(times))

    def fault() -> None:
        if next(left, None) is not None:
            error()

    return fault


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
    assert (result.ok, result.changed) == (False, False)
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


# Being stopped


async def cycling(world: World, *, off_s: float = 3600.0) -> "asyncio.Task[Result]":
    """A cycle that is in its off phase, with real pauses."""
    world.config = replace(world.config, safety=replace(world.config.safety, cycle_off_s=off_s))
    clock = world.clock
    world.clock.sleep = asyncio.sleep  # type: ignore[method-assign,assignment]
    world.lab = world.new_lab()
    world.clock = clock
    task = asyncio.create_task(world.cycle())
    await until(lambda: world.is_on is False)
    return task


async def test_a_cancelled_caller_does_not_leave_the_port_off(world: World) -> None:
    task = await cycling(world, off_s=0.2)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert task.cancelled()
    assert world.is_on is False, "it is still going"
    await until(lambda: world.lab.busy == 0)
    assert bool(world.is_on)
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


async def test_nothing_new_begins_once_the_program_closes(world: World) -> None:
    target = await world.target()
    await world.lab.operations.close()
    result = await world.lab.poe.cycle(target)
    assert (result.ok, result.changed) == (False, False)
    assert world.switch.sets == []


# Safeguards


async def test_two_cycles_within_a_minute_are_refused_and_later_ones_not(world: World) -> None:
    assert (await world.cycle()).ok
    assert "wait" in await world.refusals("cycle", "rpi03")
    result = await world.cycle()
    assert (result.ok, result.changed, world.offs) == (False, False, 1)
    world.clock.advance(60)
    assert (await world.cycle()).ok


async def test_two_processes_share_the_minute_through_the_journal(world: World, tmp_path: Path) -> None:
    target = await world.target()
    other = World(world.state_dir)
    other.clock = world.clock
    assert (await world.lab.poe.cycle(target)).ok
    other_lab = other.new_lab()
    stale_plan = find_port(await other_lab.read(("switches",)), "rpi03")
    result = await other_lab.poe.cycle(stale_plan)
    assert (result.ok, other.switch.sets) == (False, [])
    assert "cycled" in result.detail


async def test_another_process_that_is_just_cycling_it_keeps_us_out(world: World) -> None:
    target = await world.target()
    Journal(world.state_dir, FakeClock(START - timedelta(hours=1))).begin("poe.cycle", "sw1/3", {})
    result = await world.lab.poe.cycle(target)
    assert not result.ok
    assert "another homelab" in result.detail
    assert world.switch.sets == []


async def test_a_clock_that_was_set_back_does_not_lock_a_port_for_days(world: World) -> None:
    assert (await world.cycle()).ok
    world.clock.advance(-86_400)
    assert (await world.cycle()).ok


async def test_the_same_port_twice_at_once_is_one_cycle(world: World) -> None:
    target = await world.target()
    first, second = await asyncio.gather(world.lab.poe.cycle(target), world.lab.poe.cycle(target))
    assert sorted((first.ok, second.ok)) == [False, True]
    assert world.offs == 1


REFUSED: list[tuple[str, str, str]] = [
    ("cycle", "sw1/8", "protected"),
    ("off", "sw1/8", "protected"),
    ("cycle", "sw1/9", "no such PoE port"),
]


@pytest.mark.parametrize(("verb", "name", "why"), REFUSED)
async def test_a_plan_refuses(world: World, verb: str, name: str, why: str) -> None:
    assert why in await world.refusals(verb, name)


async def test_a_protected_port_may_be_switched_on(world: World) -> None:
    world.switch.ports[8] = replace(world.switch.ports[8], admin_on=False)
    assert await world.refusals("on", "sw1/8") == ""


@pytest.mark.parametrize("own", ["dc:a6:32:00:00:03", "10.0.0.3"])
async def test_the_port_that_feeds_this_machine_is_refused(tmp_path: Path, own: str) -> None:
    world = World(tmp_path, own=frozenset({own}))
    for verb in ("cycle", "off"):
        assert "feeds this machine" in await world.refusals(verb, "rpi03")
    assert await world.refusals("cycle", "rpi04") == ""


async def test_the_port_this_machine_was_learnt_on_is_refused(tmp_path: Path) -> None:
    world = World(tmp_path, own=frozenset({"aa:bb:cc:dd:ee:ff"}))
    world.switch.mac_ports = (("aa:bb:cc:dd:ee:ff", 107),)
    assert "feeds this machine, or is the way to it" in await world.refusals("cycle", "sw1/7")


async def test_an_address_of_this_machine_on_the_nodes_own_interfaces_is_refused(tmp_path: Path) -> None:
    world = World(tmp_path, own=frozenset({"192.168.7.7"}))
    world.ssh.facts["rpi03"] = NodeFacts(interfaces=(Interface("eth0", addresses=("192.168.7.7/24",)),))
    state = await world.lab.read(("switches", "nodes"))
    plan = world.lab.poe.plan("cycle", [find_port(state, "rpi03")])
    assert "feeds this machine" in "; ".join(plan.refusals)


async def test_a_port_behind_which_another_node_was_learnt_is_refused(world: World) -> None:
    world.switch.mac_ports = (("dc:a6:32:00:00:03", 103), ("dc:a6:32:00:00:04", 103))
    assert "rpi04" in await world.refusals("cycle", "rpi03")


async def test_a_switched_off_port_is_not_cycled(world: World) -> None:
    world.switch.ports[3] = replace(world.switch.ports[3], admin_on=False)
    assert "switched off" in await world.refusals("cycle", "rpi03")


async def test_an_unknown_mapping_wants_the_ports_name_typed(world: World) -> None:
    plan = world.lab.poe.plan("cycle", [await world.target("sw1/7")])
    assert (plan.confirm_name, plan.is_allowed, plan.danger) == ("sw1/7", True, True)


async def test_a_control_plane_wants_its_name_typed(world: World) -> None:
    world.cluster.nodes = (KubeNode("nuc", "rpi03", "n3", True, roles=("control-plane",)),)
    assert world.lab.poe.plan("cycle", [await world.target()]).confirm_name == "rpi03"
    assert world.lab.poe.plan("on", [await world.target()]).confirm_name is None


async def test_a_worker_needs_a_yes_only(world: World) -> None:
    world.cluster.nodes = (KubeNode("nuc", "rpi03", "n3", True),)
    plan = world.lab.poe.plan("cycle", [await world.target()])
    assert (plan.confirm_name, plan.warnings) == (None, ())


async def test_with_the_cluster_away_nobody_knows_whether_it_is_a_control_plane(world: World) -> None:
    world.cluster.down = SourceTimeout("nuc: no answer")
    plan = world.lab.poe.plan("cycle", [await world.target()])
    assert plan.confirm_name == "rpi03"
    assert "cannot be read" in plan.warnings[0]


@pytest.mark.parametrize("group", ["control-plane", "kube_control_plane", "etcd"])
async def test_a_declared_control_plane_wants_its_name_typed(tmp_path: Path, group: str) -> None:
    world = World(tmp_path)
    world.config = replace(world.config, nodes=(replace(world.config.nodes[0], groups=(group,)),))
    world.lab = world.new_lab()
    assert world.lab.poe.plan("off", [await world.target()]).confirm_name == "rpi03"


async def test_two_names_to_type_are_refused_together(world: World) -> None:
    plan = world.lab.poe.plan("off", [await world.target("sw1/6"), await world.target("sw1/7")])
    assert not plan.is_allowed


async def test_a_stale_reading_is_refused(world: World) -> None:
    target = await world.target()
    world.clock.advance(61)
    assert "stale" in "; ".join(world.lab.poe.plan("cycle", [target]).refusals)
    world.switch.fail_read = lost
    assert "down" in await world.refusals("cycle", "rpi03")


async def test_an_unread_switch_is_refused(world: World) -> None:
    state = LabState(
        nodes=world.config.nodes,
        node_views=world.lab.store.state.node_views,
        switches=(("sw1", Reading()),),
        clusters=(("nuc", Reading(ClusterJobs("nuc"), START)),),
    )
    assert "not been read yet" in "; ".join(world.lab.poe.plan("cycle", [find_port(state, "rpi03")]).refusals)


async def test_acting_asks_the_safeguards_again_not_the_plan(world: World) -> None:
    target = await world.target()
    world.clock.advance(3600)
    assert (await world.lab.poe.cycle(target)).ok, "the switch is read again, so the old reading does not matter"
    world.clock.advance(3600)
    world.switch.ports[3] = replace(world.switch.ports[3], admin_on=False)
    result = await world.lab.poe.cycle(target)
    assert "switched off" in result.detail
    world.switch.fail_read = lost
    result = await world.lab.poe.switch(target, on=False)
    assert (result.ok, world.offs) == (False, 1)


async def test_read_only_refuses_every_act(tmp_path: Path) -> None:
    world = World(tmp_path, safety=SafetyConfig(read_only=True))
    entry_id = world.lab.journal.begin("poe.cycle", "sw1/3", {"switch": "sw1", "group": "1", "port": "3"})
    world.lab.journal.leave(entry_id, "test")
    entry = world.lab.find_unfinished()[0]
    target = await world.target()
    results = [
        await world.lab.poe.cycle(target),
        await world.lab.poe.switch(target, on=True),
        await world.lab.poe.switch(target, on=False),
        await world.lab.poe.restore(entry),
    ]
    assert all(not result.ok and "read_only" in result.detail for result in results)
    assert world.switch.sets == []


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


# A crash, and the next start

CRASH = """
import asyncio, sys
from pathlib import Path
from tests.unit.test_poe_actions import World, cycling

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


# Names

PORTS: list[tuple[str, PortRef | None]] = [
    ("sw1/3", PortRef("sw1", 1, 3)),
    ("sw1/2/3", PortRef("sw1", 2, 3)),
    ("sw1", None),
    ("/3", None),
    ("sw1/", None),
    ("sw1/x", None),
    ("sw1/-3", None),
    ("sw1/1/2/3", None),
]


@pytest.mark.parametrize(("text", "ref"), PORTS)
def test_a_port_is_named_switch_port_or_switch_group_port(text: str, ref: PortRef | None) -> None:
    assert parse_port(text) == ref


@pytest.mark.parametrize("name", ["nuc01", "sw2/3", "rpi99", "", "sw1/x"])
async def test_a_target_that_means_no_port_is_refused_by_name(world: World, name: str) -> None:
    state = await world.lab.read(("switches",))
    with pytest.raises(UsageError):
        find_port(state, name)
