"""The lab's machines and ports, on a clock that the test moves."""

import pytest

from homelab_tui.demo.world import Clock, World


@pytest.fixture
def clock() -> Clock:
    """A clock that stands still."""
    clock = Clock()
    clock.freeze()
    return clock


def port_and_power(world: World) -> tuple[int, int, str]:
    """(admin, detection) of port 3 and the power of what hangs on it."""
    world.tick()
    port = world.switch.ports[3]
    return port.admin, port.detection, world.nodes["rpi03"].power


def test_a_port_goes_off_at_once_and_on_through_searching_and_booting(clock: Clock) -> None:
    world = World(clock)
    before = world.nodes["rpi03"].boot_id
    assert port_and_power(world) == (1, 3, "on")
    world.set_port_admin(3, False)
    assert port_and_power(world) == (2, 1, "off")
    assert world.switch.ports[3].power_mw(clock.now()) == 0
    world.set_port_admin(3, True)
    assert port_and_power(world) == (1, 2, "off")
    clock.advance(2.1)
    assert port_and_power(world) == (1, 3, "booting")
    assert not world.is_up("rpi03")
    clock.advance(4.1)
    assert port_and_power(world) == (1, 3, "on")
    assert world.nodes["rpi03"].boot_id != before


def test_switching_on_what_is_on_does_not_touch_the_machine(clock: Clock) -> None:
    world = World(clock)
    before = world.nodes["rpi03"].boot_id
    world.set_port_admin(3, True)
    clock.advance(10)
    assert (port_and_power(world), world.nodes["rpi03"].boot_id) == ((1, 3, "on"), before)


def test_off_during_the_search_stays_off(clock: Clock) -> None:
    world = World(clock)
    world.set_port_admin(3, False)
    world.set_port_admin(3, True)
    clock.advance(1)
    world.set_port_admin(3, False)
    clock.advance(60)
    assert port_and_power(world) == (2, 1, "off")


def test_a_spent_budget_denies_and_counts_until_there_is_room(clock: Clock) -> None:
    world = World(clock)
    world.set_port_admin(3, False)
    world.switch.budget_w = 30
    world.set_port_admin(3, True)
    clock.advance(2.1)
    assert port_and_power(world) == (1, 2, "off")
    assert world.switch.ports[3].power_denied == 1
    world.set_port_admin(5, False)
    clock.advance(2.1)
    assert port_and_power(world) == (1, 3, "booting")


def test_a_hung_machine_draws_power_answers_nothing_and_a_cycle_cures_it(clock: Clock) -> None:
    world = World(clock)
    world.hang("rpi03")
    assert port_and_power(world) == (1, 3, "hung")
    clock.advance(600)
    assert not world.is_up("rpi03")
    world.set_port_admin(3, False)
    world.set_port_admin(3, True)
    clock.advance(2.1)
    world.tick()
    clock.advance(4.1)
    assert world.is_up("rpi03")


def test_under_voltage_latches_and_a_power_cycle_clears_it(clock: Clock) -> None:
    world = World(clock)
    world.set_throttled("rpi03", 0x1)
    world.set_throttled("rpi03", 0x0)
    assert world.nodes["rpi03"].throttled == 0x10000
    world.reboot("rpi03")
    assert world.nodes["rpi03"].throttled == 0


def test_changes_are_told_and_a_nuc_has_no_port(clock: Clock) -> None:
    heard: list[str] = []
    world = World(clock)
    unsubscribe = world.subscribe(heard.append)
    world.set_port_admin(3, False)
    assert heard == ["sw1/3", "rpi03"]
    unsubscribe()
    world.set_port_admin(3, True)
    assert heard == ["sw1/3", "rpi03"]
    assert [node.port for node in world.nodes.values()] == [None] * 4 + [1, 2, 3, 4]


def test_the_same_seed_makes_the_same_machines(clock: Clock) -> None:
    first, second, other = World(clock, 7), World(clock, 7), World(clock, 8)
    ids = [[node.machine_id for node in world.nodes.values()] for world in (first, second, other)]
    assert ids[0] == ids[1] != ids[2]


def test_a_thousand_machines_have_their_own_names_addresses_and_macs(clock: Clock) -> None:
    nodes = World(clock, nodes=1000).nodes.values()
    for field in ("name", "address", "mac", "machine_id"):
        assert len({getattr(node, field) for node in nodes}) == 1000


def test_the_clock_never_goes_back(clock: Clock) -> None:
    with pytest.raises(ValueError, match="never goes back"):
        clock.advance(-1)
