"""SnmpSwitch against the demo lab's switch, with each fault that the lab has."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest

from homelab_tui.config.model import SecretRef, SwitchConfig
from homelab_tui.demo.faults import FAULTS, Faults
from homelab_tui.demo.snmp import DemoSnmpAgent
from homelab_tui.demo.world import World
from homelab_tui.domain.errors import (
    SourceError,
    SourceGarbled,
    SourceRefused,
    SourceTimeout,
)
from homelab_tui.domain.poe import Detection, PoePort, PortRef, budget_mw, drawn_mw, reserved_mw
from homelab_tui.domain.values import replace
from homelab_tui.sources.snmp import SnmpSwitch
from tests.labs import until

EXPECTED: dict[str, type[SourceError]] = {
    "refuse": SourceTimeout,
    "hang": SourceTimeout,
    "slow": SourceTimeout,
    "reset": SourceTimeout,
    "garbage": SourceGarbled,
    "401": SourceTimeout,
    "429": SourceGarbled,
    "500": SourceGarbled,
    "503": SourceGarbled,
    "partial": SourceGarbled,
}
"""What a fault of the switch is to a reader. `403` concerns writing alone."""


@dataclass(frozen=True, slots=True)
class Lab:
    """The lab's agent, its world and its faults."""

    world: World
    faults: Faults
    config: SwitchConfig
    switch: SnmpSwitch

    def set_fault(self, fault: str | None) -> None:
        self.faults.set("snmp", self.world.switch.name, fault)

    async def port(self, number: int) -> PoePort:
        return (await self.switch.read()).ports[number - 1]


@pytest.fixture
async def lab() -> AsyncIterator[Lab]:
    world = World(search_s=0.2, boot_s=0.2)
    faults = Faults({"snmp": (world.switch.name,)})
    agent = DemoSnmpAgent(world, faults, "reads", "writes")
    port = await agent.start()
    given = SwitchConfig(
        name="sw1",
        host="127.0.0.1",
        port=port,
        community=SecretRef(inline="reads"),
        write_community=SecretRef(inline="writes"),
        timeout_s=0.6,
        retries=0,
    )
    switch = SnmpSwitch(given)
    yield Lab(world, faults, given, switch)
    await switch.close()
    await agent.stop()


async def test_the_labs_switch_is_read_in_full(lab: Lab) -> None:
    reading = await lab.switch.read()
    assert reading.findings == ()
    assert [port.ref.port for port in reading.ports] == list(range(1, 9))
    assert [port.label for port in reading.ports[:5]] == ["rpi01", "rpi02", "rpi03", "rpi04", "ap-livingroom"]
    assert [port.if_index for port in reading.ports] == list(range(1, 9))
    fed = [port for port in reading.ports if port.detection is Detection.DELIVERING]
    assert [port.ref.port for port in fed] == [1, 2, 3, 4, 5]
    assert [port.power_class for port in reading.ports] == [4, 4, 4, 4, 3, None, None, None]
    for port in reading.ports:
        truth = lab.world.switch.ports[port.ref.port]
        assert port.admin_on is (truth.admin == 1)
        if port.delivers_power:
            assert port.power_mw == pytest.approx(truth.base_power_mw, rel=0.1)
        else:
            assert port.power_mw in (None, 0)
    assert budget_mw(reading) == 60_000
    assert drawn_mw(reading) == pytest.approx(sum(port.power_mw or 0 for port in fed), abs=1000)
    assert reserved_mw(reading) == 4 * 30_000 + 15_400


async def test_a_port_is_cycled_through_all_its_states(lab: Lab) -> None:
    ref = PortRef("sw1", 1, 3)
    assert (await lab.port(3)).detection is Detection.DELIVERING
    await lab.switch.set_admin(ref, on=False)
    off = await lab.port(3)
    assert (off.admin_on, off.detection, off.power_class) == (False, Detection.DISABLED, None)
    await lab.switch.set_admin(ref, on=True)
    on = await lab.port(3)
    assert on.admin_on is True

    async def delivers() -> bool:
        return (await lab.port(3)).delivers_power is True

    await until(delivers)


def test_every_fault_of_the_labs_switch_is_expected_here() -> None:
    assert set(FAULTS["snmp"]) == {*EXPECTED, "403"}


@pytest.mark.parametrize("fault", EXPECTED)
async def test_a_fault_is_a_sentence_and_goes_away_with_its_cause(lab: Lab, fault: str) -> None:
    assert len((await lab.switch.read()).ports) == 8
    lab.set_fault(fault)
    with pytest.raises(EXPECTED[fault], match="sw1: ") as caught:
        await lab.switch.read()
    assert "reads" not in str(caught.value).split()
    assert "\x1b" not in str(caught.value)
    lab.set_fault(None)

    async def answers() -> bool:
        try:
            return len((await lab.switch.read()).ports) == 8
        except SourceError:
            return False

    await until(answers)


async def test_a_switch_that_lets_nobody_write_is_refused(lab: Lab) -> None:
    lab.set_fault("403")
    assert len((await lab.switch.read()).ports) == 8
    with pytest.raises(SourceRefused, match="write access"):
        await lab.switch.set_admin(PortRef("sw1", 1, 3), on=False)
    assert lab.world.switch.ports[3].admin == 1


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"write_community": SecretRef(inline="reads")}, SourceRefused),
        ({"write_community": SecretRef(inline="guess")}, SourceTimeout),
        ({"write_community": None}, SourceRefused),
    ],
)
async def test_only_the_write_community_switches(lab: Lab, changes: dict[str, Any], error: type[SourceError]) -> None:
    switch = SnmpSwitch(replace(lab.config, **changes))
    with pytest.raises(error):
        await switch.set_admin(PortRef("sw1", 1, 3), on=False)
    assert lab.world.switch.ports[3].admin == 1
    await switch.close()


async def test_the_probe_of_the_labs_nodes_is_understood_elsewhere_and_the_mac_table_here(lab: Lab) -> None:
    topology = await lab.switch.read_topology()
    macs = {node.mac: node.port for node in lab.world.nodes.values() if node.port is not None}
    learnt = {mac: index for mac, index in topology.mac_ports if mac in macs}
    assert learnt in ({}, macs), "a lab without a bridge table tells nothing; one with it tells the truth"
