"""Synthetic recordings of switches, one per oddity, walked over the wire. Their shapes are those of real recordings."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from homelab_tui.config.model import SecretRef, SwitchConfig
from homelab_tui.domain.errors import SourceMissing, SourceRefused
from homelab_tui.domain.poe import (
    Detection,
    PoePort,
    PortRef,
    SwitchReading,
    budget_mw,
    drawn_mw,
    has_room,
    reserved_mw,
)
from homelab_tui.sources.snmp import SnmpSwitch
from tests.snmp_agent import Agent, oid, read_recording, running

RECORDINGS = Path(__file__).parents[1] / "recordings"
NAMES = sorted(path.name for path in RECORDINGS.iterdir())
WITHOUT_WATTS = {"odd_index49", "odd_mw_main", "odd_no_power_col", "odd_status0"}
DELIVERING, SEARCHING, DISABLED = Detection.DELIVERING, Detection.SEARCHING, Detection.DISABLED


@asynccontextmanager
async def switch_of(name: str) -> AsyncIterator[tuple[SnmpSwitch, Agent]]:
    path = next(path for path in RECORDINGS.iterdir() if path.name.partition(".")[0] == name.partition(".")[0])
    public = SecretRef(inline="public")
    async with running(Agent(read_recording(path))) as agent:
        switch = SnmpSwitch(
            SwitchConfig(
                name="sw1",
                host="127.0.0.1",
                port=agent.port,
                community=public,
                write_community=public,
                timeout_s=2,
                retries=1,
            )
        )
        try:
            yield switch, agent
        finally:
            await switch.close()


async def read(name: str) -> SwitchReading:
    async with switch_of(name) as (switch, _):
        return await switch.read()


def totals(reading: SwitchReading) -> tuple[int | None, int | None, int | None]:
    """Budget, drawn and reserved, in mW."""
    return budget_mw(reading), drawn_mw(reading), reserved_mw(reading)


def port(reading: SwitchReading, number: int, group: int = 1) -> PoePort:
    found = reading.port(PortRef("sw1", group, number))
    assert found is not None
    return found


def assert_named(reading: SwitchReading, *words: str) -> None:
    """Every word is in a finding of its own, and there are no other findings."""
    assert len(reading.findings) == len(words), reading.findings
    for word in words:
        assert any(word in finding for finding in reading.findings), (word, reading.findings)


@pytest.mark.parametrize("name", NAMES)
async def test_every_recording_is_read_twice_alike_and_absent_watts_are_absent(name: str) -> None:
    async with switch_of(name) as (switch, _):
        reading = await switch.read()
        assert await switch.read() == reading
    assert reading.model
    for each in reading.ports:
        assert each.power_mw is None or 0 <= each.power_mw <= 120_000
        assert each.power_class is None or each.delivers_power
    if name.partition(".")[0] in WITHOUT_WATTS:
        assert {each.power_mw for each in reading.ports} == {None}


async def test_a_stack_whose_main_table_knows_one_box_only() -> None:
    reading = await read("odd_threshold0")
    assert [(str(p.ref), p.power_mw, p.if_index) for p in reading.ports if p.power_mw] == [
        ("sw1/1", 2509, 10101),
        ("sw1/3", 2509, 10103),
        ("sw1/2/1", 2509, 10601),
        ("sw1/3/1", 2509, 11101),
    ]
    assert (port(reading, 1).label, port(reading, 2).label) == ("rpi01", "GigabitEthernet1/0/2")
    assert totals(reading) == (370_000, 115_000, None)
    assert has_room(reading) is None, "no class is told: nothing is promised"
    assert reading.groups[0].threshold_percent is None
    assert_named(reading, "UsageThreshold 0", "no power supply for group 2, 3", "no RFC 3621 port rows")


async def test_sparse_groups_of_a_chassis_add_up() -> None:
    reading = await read("odd_group_sparse")
    assert [group.group for group in reading.groups] == [1, 5, 6, 12, 15, 16]
    assert totals(reading) == (3 * 2_425_000 + 3 * 4_090_000, 4_000, None)
    assert_named(reading, "gaps: 1, 5, 6, 12, 15, 16", "none of its ports")


async def test_column_3_alone_and_indexes_from_49() -> None:
    reading = await read("odd_index49")
    assert [(p.ref.port, p.admin_on, p.detection, p.power_mw, p.if_index) for p in reading.ports] == [
        (number, number > 53, None, None, number) for number in range(49, 57)
    ]
    assert port(reading, 54).label == "rpi01"
    assert totals(reading) == (None, None, None)
    assert_named(reading, "start at 49", "DetectionStatus of its ports")


async def test_milliwatts_in_the_main_table() -> None:
    reading = await read("odd_mw_main")
    assert totals(reading) == (780_000, 4_200, 30_000 + 15_400)
    assert {p.power_mw for p in reading.ports} == {None}
    assert_named(reading, "beyond the MIB's range")


async def test_a_consumption_of_a_billion_watts_is_unknown_and_the_ports_are_added_up() -> None:
    reading = await read("odd_netgear_garbage")
    assert totals(reading) == (180_000, 12_800, 30_000 + 4_000 + 11_400)
    assert (port(reading, 1).current_ma, port(reading, 1).voltage_mv) == (120, 53_000)
    assert_named(reading, "1447362561")


async def test_a_status_outside_the_enumeration_is_unknown() -> None:
    reading = await read("odd_status0")
    states = [p.detection for p in reading.ports]
    assert states[:4] == [None, DELIVERING, SEARCHING, DISABLED]
    assert states[5:] == [None, Detection.FAULT, Detection.OTHER_FAULT]
    assert port(reading, 2).power_class == 5
    assert_named(reading, "DetectionStatus 0", "DetectionStatus 7")


async def test_a_midspan_with_one_port_and_no_budget() -> None:
    reading = await read("odd_no_power_col")
    assert [(p.admin_on, p.detection, p.power_mw) for p in reading.ports] == [(True, None, None)]
    assert totals(reading) == (None, 69_000, None)
    assert_named(reading, "DetectionStatus of its ports")


async def test_a_router_whose_power_is_0_divides_nothing() -> None:
    reading = await read("odd_power0")
    assert totals(reading) == (None, 0, None)
    assert reading.groups[0].operates is False
    assert_named(reading, "names no budget", "UsageThreshold 0", "none of its ports")


async def test_tp_link_is_asked_its_own_table_only() -> None:
    async with switch_of("odd_tplink") as (switch, agent):
        reading = await switch.read()
        asked = {name[:7] for _, name in agent.asked}
        assert oid("1.3.6.1.2.1.105") not in asked
        assert {root for root in asked if root[:6] == oid("1.3.6.1.4.1")} == {oid("1.3.6.1.4.1.11863")}
    assert [(p.power_mw, p.detection, p.power_class, p.if_index) for p in reading.ports] == [
        (6_400, DELIVERING, 4, 49153),
        (4_300, DELIVERING, 3, 49154),
        (0, SEARCHING, None, 49155),
        (0, DISABLED, None, 49156),
    ]
    assert totals(reading) == (62_000, 10_700, 45_400)
    assert reading.mac_ports == (("dc:a6:32:00:00:01", 49153), ("dc:a6:32:00:00:02", 49154))
    assert reading.findings == ()


async def test_zyxel_counts_its_watts_by_one_index() -> None:
    reading = await read("odd_zyxel_one_index")
    assert [p.power_mw for p in reading.ports] == [4_100, 0, 0, 0, 0, 0, 0, 9_300]
    assert totals(reading) == (130_000, 14_000, 15_400 + 30_000)
    assert reading.findings == ()


async def test_radlan_tells_what_a_port_does_in_words() -> None:
    reading = await read("odd_text_status")
    states = [p.detection for p in reading.ports]
    assert states == [DELIVERING, DISABLED, Detection.FAULT, SEARCHING, None, None, None, None]
    first = port(reading, 1)
    assert (first.power_mw, first.voltage_mv, first.current_ma, first.if_index) == (6_852, 53_000, 127, 1)
    assert_named(reading, "no RFC 3621 port rows", "Something nobody knows")


async def test_classes_of_802_3bt_go_on_counting() -> None:
    reading = await read("odd_class5_is_6")
    assert [p.power_class for p in reading.ports] == [4, 5, 6, 8, None, None, None, None]
    assert [p.power_mw for p in reading.ports[:5]] == [9_200] * 4 + [0]
    assert totals(reading) == (139_000, 38_000, 30_000 + 45_000 + 60_000 + 90_000)


async def test_swos_rows_that_name_another_interface_belong_to_none() -> None:
    reading = await read("odd_swos_rows")
    assert [(p.ref.port, p.detection, p.if_index, p.label) for p in reading.ports] == [
        (2, None, None, None),
        (3, DISABLED, None, None),
        (4, SEARCHING, None, None),
        (5, DELIVERING, None, None),
    ]
    assert port(reading, 5).power_mw == 2_100
    assert_named(reading, "start at 2", "status 0", "4 ports name another interface")


@pytest.mark.parametrize("name", ["odd_only_notification", "odd_no_poe"])
async def test_a_switch_without_poe_says_so(name: str) -> None:
    reading = await read(name)
    assert (reading.ports, reading.groups) == ((), ())
    assert_named(reading, "no PoE table")
    async with switch_of(name) as (switch, _):
        with pytest.raises(SourceMissing, match="no such PoE port"):
            await switch.set_admin(PortRef("sw1", 1, 1), on=False)


async def test_a_procurve_chassis_and_a_stack_tell_supplies_alone() -> None:
    reading = await read("odd_procurve_chassis")
    assert totals(reading) == (1_440_000, 94_000, None)
    assert_named(reading, "none of its ports")
    reading = await read("odd_supplies_without_ports")
    assert totals(reading) == (2_531_000, 385_000, None)
    assert_named(reading, "none of its ports")


@pytest.mark.parametrize(("name", "place", "power_mw"), [("odd_enterasys", 1, 9_200), ("odd_avaya", 2, 8_007)])
async def test_watts_of_the_older_vendors(name: str, place: int, power_mw: int) -> None:
    reading = await read(name)
    assert {p.ref.port: p.power_mw for p in reading.ports if p.power_mw} == {place: power_mw}
    assert port(reading, place).if_index == place
    assert reading.findings == ()


async def test_a_fastpath_switch_without_types_with_holes_and_with_a_trunk_of_100_addresses() -> None:
    reading = await read("odd_gsm7252ps")
    assert [(p.power_mw, p.detection, p.if_index) for p in reading.ports[:4]] == [
        (8_600, DELIVERING, 1),
        (9_800, DELIVERING, 2),
        (10_200, DELIVERING, 3),
        (0, SEARCHING, 4),
    ]
    assert [p.label for p in reading.ports[:3]] == ["eth0.rpi01", "eth0.rpi02", "1/0/3"]
    assert totals(reading) == (None, 28_600, None)
    assert (reading.groups[0].operates, reading.groups[0].threshold_percent) == (True, 90)
    edge = [(mac, index) for mac, index in reading.mac_ports if index < 9]
    assert edge == [(f"b8:27:eb:00:00:0{number}", number) for number in (1, 2, 3)]
    assert sum(1 for _, index in reading.mac_ports if index == 418) == 101, "a MAC in two VLANs counts once"
    assert reading.neighbours == ((3, "rpi03"),)
    assert reading.findings == ()


async def test_a_row_that_answers_a_set_with_no_such_instance_was_not_switched() -> None:
    async with switch_of("odd_mw_main") as (switch, agent):
        agent.ignores_writes = True
        with pytest.raises(SourceRefused, match="nothing was switched"):
            await switch.set_admin(PortRef("sw1", 1, 1), on=False)
        assert port(await switch.read(), 1).admin_on is True
