"""What must not be done to a port, and what needs more than a yes."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from homelab_tui.config.model import SafetyConfig
from homelab_tui.domain.errors import SourceTimeout, UsageError
from homelab_tui.domain.nodes import Interface, KubeNode, NodeFacts
from homelab_tui.domain.poe import Detection, PortRef
from homelab_tui.domain.reading import Reading
from homelab_tui.domain.state import ClusterJobs, LabState
from homelab_tui.domain.values import replace
from homelab_tui.engine.journal import Journal
from homelab_tui.engine.poe import find_port, parse_port
from tests.fakes import START, FakeClock, lost
from tests.poe_world import World


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "state")


async def test_two_cycles_within_a_minute_are_refused_and_later_ones_not(world: World) -> None:
    assert (await world.cycle()).ok
    assert "wait" in await world.refusals("cycle", "rpi03")
    result = await world.cycle()
    assert (result.ok, result.changed, world.offs) == (False, False, 1)
    world.clock.advance(60)
    assert (await world.cycle()).ok


async def test_a_node_that_may_still_be_booting_is_not_cut_again(world: World) -> None:
    assert (await world.cycle()).ok
    world.clock.advance(90)
    world.ssh.reachable["rpi03"] = False
    assert "may still be booting" in await world.refusals("cycle", "rpi03")
    world.switch.ports[3] = replace(world.switch.ports[3], detection=Detection.SEARCHING)
    assert await world.refusals("cycle", "rpi03") == "", "what gets no power does not boot"
    world.switch.ports[3] = replace(world.switch.ports[3], detection=Detection.DELIVERING)
    world.ssh.reachable["rpi03"] = True
    assert await world.refusals("cycle", "rpi03") == "", "it has booted"
    world.ssh.reachable["rpi03"] = False
    world.clock.advance(100)
    assert await world.refusals("cycle", "rpi03") == "", "the boot grace is over"


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


async def test_a_node_whose_address_was_learnt_elsewhere_wants_the_ports_name_typed(world: World) -> None:
    world.switch.mac_ports = (("dc:a6:32:00:00:03", 107),)
    plan = world.lab.poe.plan("cycle", [await world.target("rpi03")])
    assert (plan.confirm_name, plan.is_allowed) == ("sw1/3", True)
    assert "its address was learnt on sw1/7" in "; ".join(plan.warnings)


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
