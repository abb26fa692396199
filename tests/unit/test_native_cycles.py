"""Switches with a power-cycle of their own: it is used, journaled, and ends with a port that is seen on."""

from collections.abc import Callable
from pathlib import Path

import pytest

from homelab_tui.config.model import Config, SwitchConfig
from homelab_tui.domain.errors import SourceRefused, SourceTimeout
from homelab_tui.domain.nodes import Node
from homelab_tui.domain.operations import Result
from homelab_tui.domain.poe import PortRef
from homelab_tui.engine.lab import Lab
from homelab_tui.engine.poe import find_port
from homelab_tui.engine.wires import Sources
from tests.fakes import FakeClock, FakeSsh, FakeSwitch

RPI03 = PortRef("sw1", 1, 3)


class CyclingSwitch(FakeSwitch):
    """One that cycles a port at a word, and refuses or hangs as told."""

    def __init__(self) -> None:
        super().__init__()
        self.cycled: list[PortRef] = []
        self.cycles_by_itself = True
        self.fail_cycle: Callable[[], None] = lambda: None

    async def power_cycle(self, ref: PortRef) -> None:
        """Noted, unless told otherwise."""
        self.fail_cycle()
        self.cycled.append(ref)


class World:
    """A lab over one such switch."""

    def __init__(self, state_dir: Path) -> None:
        self.switch, self.clock = CyclingSwitch(), FakeClock()
        config = Config(nodes=(Node("rpi03", "10.0.0.3", poe=RPI03),), switches=(SwitchConfig("sw1", host="s"),))
        sources = Sources(ssh=FakeSsh(), switches=(self.switch,))
        self.lab = Lab(config, sources, state_dir, self.clock, self.clock.sleep)

    async def cycle(self) -> Result:
        """Read, then cycle."""
        return await self.lab.poe.cycle(find_port(await self.lab.read(("switches", "reach")), "rpi03"))


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


async def test_the_switchs_own_command_cycles_and_no_port_is_switched_off(world: World) -> None:
    result = await world.cycle()
    assert (result.ok, result.changed) == (True, True)
    assert world.switch.cycled == [RPI03]
    assert (RPI03, False) not in world.switch.sets
    assert world.lab.journal.unfinished() == ()


async def test_a_switch_that_is_not_configured_for_it_goes_off_and_on(world: World) -> None:
    world.switch.cycles_by_itself = False
    assert (await world.cycle()).ok
    assert world.switch.cycled == []
    assert world.switch.sets == [(RPI03, False), (RPI03, True)]


async def test_a_refused_command_touched_nothing(world: World) -> None:
    def refuse() -> None:
        raise SourceRefused("not allowed")

    world.switch.fail_cycle = refuse
    result = await world.cycle()
    assert (result.ok, result.changed) == (False, False)
    assert "not allowed" in result.detail
    assert world.switch.sets == []


async def test_a_command_without_an_answer_says_that_it_may_have_happened(world: World) -> None:
    def hang() -> None:
        raise SourceTimeout("no answer")

    world.switch.fail_cycle = hang
    result = await world.cycle()
    assert not result.ok
    assert "not known" in result.detail
    assert world.switch.sets == [(RPI03, True)]
    assert world.lab.journal.unfinished() == ()
