"""Switches lie: one synthetic recording per known oddity, and what is made of it."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homelab_tui.domain.poe import (
    Detection,
    PoePort,
    SwitchReading,
    budget_mw,
    drawn_mw,
    has_room,
    is_allocated,
    reserved_mw,
)
from homelab_tui.sources.power_ethernet import PORT_ENTRY, read_switch
from homelab_tui.sources.power_supplies import MAIN_ENTRY
from homelab_tui.sources.snmp_values import Value
from homelab_tui.sources.switch_profiles import GENERIC, profile_for
from homelab_tui.sources.vendor_tables import Oid, PortTable, VendorProfile

Cells = dict[Oid, Value]


def ports(columns: dict[int, Iterable[int]], *, group: int = 1, first: int = 1) -> Cells:
    """pethPsePortTable: column → values of consecutive ports."""
    return {
        (*PORT_ENTRY, column, group, first + place): value
        for column, values in columns.items()
        for place, value in enumerate(values)
    }


def supply(power: int | None, drawn: int | None, *, group: int = 1, status: int = 1, threshold: int = 80) -> Cells:
    row = {2: power, 3: status, 4: drawn, 5: threshold}
    return {(*MAIN_ENTRY, column, group): value for column, value in row.items() if value is not None}


def vendor(table: PortTable, columns: dict[int, dict[Oid, Value]]) -> Cells:
    return {(*table.entry, column, *index): value for column, rows in columns.items() for index, value in rows.items()}


def read(*parts: Cells, profile: VendorProfile = GENERIC, table: PortTable | None = None) -> SwitchReading:
    cells: Cells = {}
    for part in parts:
        cells |= part
    return read_switch("sw1", cells, profile, table=table)


def port(reading: SwitchReading, number: int, group: int = 1) -> PoePort:
    return next(one for one in reading.ports if (one.ref.group, one.ref.port) == (group, number))


def finding(reading: SwitchReading, word: str) -> str:
    matches = [sentence for sentence in reading.findings if word in sentence]
    assert matches, f"{word!r} is in none of {reading.findings}"
    return matches[0]


TP_LINK = profile_for((1, 3, 6, 1, 4, 1, 11863, 5, 190))
MIKROTIK = profile_for((1, 3, 6, 1, 4, 1, 14988, 2))
CISCO = profile_for((1, 3, 6, 1, 4, 1, 9, 1, 1208))
RADLAN = profile_for((1, 3, 6, 1, 4, 1, 9, 6, 1, 1006, 24, 5))
NETGEAR = profile_for((1, 3, 6, 1, 4, 1, 4526, 100, 4, 22))
HP = profile_for((1, 3, 6, 1, 4, 1, 11, 2, 3, 7, 8, 5, 2))
EXTREME = profile_for((1, 3, 6, 1, 4, 1, 1916, 2, 141))


def test_an_honest_switch_has_no_findings() -> None:
    cells = ports(
        {3: [1, 1, 2], 6: [3, 2, 1], 8: [7, 0, 0], 10: [5, 1, 1], 12: [1, 0, 0], 13: [2, 0, 0], 14: [3, 0, 0]}
    )
    reading = read(cells, supply(60, 19))
    assert reading.findings == ()
    first = port(reading, 1)
    assert (first.admin_on, first.detection, first.power_class) == (True, Detection.DELIVERING, 4)
    counts = (first.mps_absent_count, first.denied_count, first.overload_count, first.short_count)
    assert counts == (7, 1, 2, 3)
    assert (first.power_mw, first.voltage_mv, first.label) == (None, None, None), "RFC 3621 knows no watts"
    assert (port(reading, 3).admin_on, port(reading, 3).detection) == (False, Detection.DISABLED)
    assert (budget_mw(reading), drawn_mw(reading), reserved_mw(reading)) == (60_000, 19_000, 30_000)


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        (1, Detection.DISABLED),
        (2, Detection.SEARCHING),
        (3, Detection.DELIVERING),
        (4, Detection.FAULT),
        (5, Detection.TEST),
        (6, Detection.OTHER_FAULT),
    ],
)
def test_detection_follows_the_mib(said: int, meant: Detection) -> None:
    assert port(read(ports({3: [1], 6: [said]})), 1).detection is meant


@pytest.mark.parametrize("said", [0, 7, 255, -1])
def test_a_detection_outside_the_enumeration_is_unknown_and_named(said: int) -> None:
    reading = read(ports({3: [1, 1], 6: [said, 3]}))
    assert port(reading, 1).detection is None
    assert port(reading, 1).delivers_power is None
    assert f"DetectionStatus {said}" in finding(reading, "port 1/1")
    assert port(reading, 2).detection is Detection.DELIVERING


def test_a_vendor_that_documents_its_zero_is_believed() -> None:
    reading = read(ports({3: [1], 6: [0]}), profile=EXTREME)
    assert port(reading, 1).detection is Detection.DISABLED
    assert reading.findings == ()


@pytest.mark.parametrize("said", [0, 3, 255])
def test_an_admin_state_that_is_no_truth_value_is_unknown_and_named(said: int) -> None:
    reading = read(ports({3: [said], 6: [3]}))
    assert port(reading, 1).admin_on is None
    assert f"AdminEnable {said}" in finding(reading, "port 1/1")


def test_many_ports_with_one_oddity_share_one_sentence() -> None:
    reading = read(ports({3: [1] * 24, 6: [0] * 24}))
    assert len(reading.findings) == 1
    assert finding(reading, "DetectionStatus").startswith("ports 1/1, 1/2, 1/3, 1/4 and 20 more")


@pytest.mark.parametrize(
    ("status", "said", "meant"),
    [(3, 1, 0), (3, 5, 4), (3, 9, 8), (3, 0, None), (3, 10, None), (2, 5, None), (1, 1, None)],
)
def test_a_class_counts_from_one_and_only_while_power_flows(status: int, said: int, meant: int | None) -> None:
    reading = read(ports({3: [1], 6: [status], 10: [said]}))
    assert port(reading, 1).power_class == meant
    named = any("PowerClassifications" in sentence for sentence in reading.findings)
    assert named is (status == 3 and meant is None)


@pytest.mark.parametrize(
    ("power", "drawn", "budget", "consumption", "word"),
    [
        (60, 19, 60_000, 19_000, None),
        (370, 0, 370_000, 0, None),
        (180, 1447362561, 180_000, None, "1447362561 cannot be"),  # Netgear
        (180, 4200, 180_000, 4200, "counts milliwatts"),
        (780000, 4200, 780_000, 4200, "counts milliwatts"),  # Edgecore: both columns
        (740, 1200, 740_000, 1200, "counts milliwatts"),
        (180, 500_000, 180_000, None, "far beyond"),
        (0, 0, None, 0, "names no budget"),  # ISR 4321
        (0, 4200, None, None, "watts or milliwatts"),
        (None, 69, None, 69_000, None),  # Microsemi midspan
        (None, 4200, None, None, "watts or milliwatts"),
        (-5, 10, None, 10_000, "names no budget"),
        (60, -1, 60_000, None, "cannot be"),
        (60, None, 60_000, None, None),
        (None, None, None, None, None),  # GSM7252PS: status and threshold alone
    ],
)
def test_watts_of_the_supply_are_put_right_or_left_out(
    power: int | None, drawn: int | None, budget: int | None, consumption: int | None, word: str | None
) -> None:
    reading = read(ports({3: [1], 6: [2]}), supply(power, drawn))
    (group,) = reading.groups
    assert (group.budget_mw, group.drawn_mw) == (budget, consumption)
    if word is None:
        assert reading.findings == ()
    else:
        assert "group 1" in finding(reading, word)


@pytest.mark.parametrize(("said", "meant"), [(1, 1), (80, 80), (99, 99), (0, None), (100, None), (-3, None)])
def test_a_threshold_is_a_percentage_or_unknown(said: int, meant: int | None) -> None:
    reading = read(ports({3: [1], 6: [2]}), supply(60, 5, threshold=said))
    assert reading.groups[0].threshold_percent == meant
    assert any("UsageThreshold" in sentence for sentence in reading.findings) is (meant is None)


@pytest.mark.parametrize(("said", "meant"), [(1, True), (2, False), (3, False), (0, None), (9, None)])
def test_a_supply_works_only_when_it_says_so(said: int, meant: bool | None) -> None:
    assert read(ports({3: [1], 6: [2]}), supply(60, 5, status=said)).groups[0].operates is meant


def test_groups_with_gaps_are_kept_and_named() -> None:
    reading = read(*(supply(2425, 4, group=group) for group in (1, 5, 6, 12, 15, 16)))
    assert [group.group for group in reading.groups] == [1, 5, 6, 12, 15, 16]
    assert budget_mw(reading) == 6 * 2_425_000
    assert "1, 5, 6, 12, 15, 16" in finding(reading, "gaps")
    assert finding(reading, "none of its ports")


def test_ports_of_groups_without_a_supply_are_named() -> None:
    cells = [ports({3: [1, 1], 6: [3, 2]}, group=group) for group in (1, 2, 3)]
    reading = read(*cells, supply(370, 115))
    assert len(reading.ports) == 6
    assert "group 2, 3" in finding(reading, "budget is incomplete")


def test_indexes_that_start_at_49_are_kept_and_named() -> None:
    reading = read(ports({3: [2, 2, 1], 6: [1, 1, 3]}, first=49))
    assert [one.ref.port for one in reading.ports] == [49, 50, 51]
    assert finding(reading, "start at 49")


def test_a_switch_that_tells_one_column_only_has_ports_and_no_status() -> None:
    reading = read(ports({3: [1, 2, 1]}, first=49))
    assert [one.admin_on for one in reading.ports] == [True, False, True]
    assert {one.detection for one in reading.ports} == {None}
    assert finding(reading, "DetectionStatus of its ports")
    reading = read(ports({6: [3, 2]}))
    assert {one.admin_on for one in reading.ports} == {None}
    assert finding(reading, "AdminEnable of its ports")


def test_a_switch_without_any_poe_says_so() -> None:
    reading = read({})
    assert (reading.ports, reading.groups) == ((), ())
    assert finding(reading, "no PoE table")


def test_watts_of_netgear_are_milliwatts_and_absurd_ones_are_unknown() -> None:
    (table, _) = NETGEAR.tables
    rows: dict[int, dict[Oid, Value]] = {
        2: {(1, 1): 8600, (1, 2): 0, (1, 3): 4294967295, (1, 4): -20},
        3: {(1, 1): 160},
        4: {(1, 1): 53},
    }
    cells = vendor(table, rows)
    reading = read(ports({3: [1] * 4, 6: [3, 2, 3, 3]}), cells, profile=NETGEAR, table=table)
    first = port(reading, 1)
    assert (first.power_mw, first.current_ma, first.voltage_mv) == (8600, 160, 53_000)
    assert [port(reading, number).power_mw for number in (2, 3, 4)] == [0, None, None]
    assert "4294967295" in finding(reading, "port 1/3")
    assert drawn_mw(reading) == 8600


def test_ports_of_cisco_without_rfc_rows_come_from_its_own_table() -> None:
    (table,) = CISCO.tables
    rows: dict[int, dict[Oid, Value]] = {
        1: {(1, 1): 1, (1, 2): 4, (3, 1): 2},
        9: {(1, 1): 2509, (1, 2): 0, (3, 1): 6952},
    }
    reading = read(vendor(table, rows), supply(370, 115), profile=CISCO, table=table)
    assert [(str(one.ref), one.power_mw, one.admin_on) for one in reading.ports] == [
        ("sw1/1", 2509, True),
        ("sw1/2", 0, False),
        ("sw1/3/1", 6952, True),
    ]
    assert {one.detection for one in reading.ports} == {None}, "watts alone do not say what the port does"
    assert finding(reading, "no RFC 3621 port rows")


def test_what_cisco_keeps_for_a_device_is_reserved_and_not_what_its_class_may_take() -> None:
    (table,) = CISCO.tables
    rows: dict[int, dict[Oid, Value]] = {
        7: {(1, 1): 10_250, (1, 2): 0, (1, 3): 0},
        9: {(1, 1): 2_509, (1, 2): 3_000, (1, 3): 0},
    }
    status = ports({3: [1, 1, 1], 6: [3, 3, 2], 10: [5, 4, 1]})
    reading = read(status, vendor(table, rows), supply(60, 6), profile=CISCO, table=table)
    assert [one.allocated_mw for one in reading.ports] == [10_250, 0, 0]
    assert reserved_mw(reading) == 10_250 + 15_400, "an allocation of 0 for a port that delivers is none"
    assert is_allocated(reading)
    assert has_room(reading) is True, "by the classes alone, 45.4 W of 60, there would be none"
    beyond = read(status, vendor(table, {7: {(1, 1): 1_447_362_561}, 9: rows[9]}), profile=CISCO, table=table)
    assert port(beyond, 1).allocated_mw is None
    assert finding(beyond, "an allocation of 1447362561 cannot be")


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        (b"Port is on. Valid resistor detected", Detection.DELIVERING),
        (b"Port is on. Valid capacitor detected", Detection.DELIVERING),
        (b"Port is off. User setting", Detection.DISABLED),
        (b"Port is off. Detection is in process", Detection.SEARCHING),
        (b"Port is off. Overload state", Detection.FAULT),
        (b"Port is off. Something else", None),
        (b"\xff\xfe", None),
        (b"", None),
    ],
)
def test_radlan_tells_its_status_as_text(text: bytes, meant: Detection | None) -> None:
    (table,) = RADLAN.tables
    rows: dict[int, dict[Oid, Value]] = {5: {(2, 53): 6852}, 3: {(2, 53): 53000}, 4: {(2, 53): 127}, 8: {(2, 53): text}}
    reading = read(vendor(table, rows), profile=RADLAN, table=table)
    only = port(reading, 53, 2)
    assert only.detection is meant
    assert (only.power_mw, only.voltage_mv, only.current_ma) == (6852, 53_000, 127)
    assert any("is not known" in sentence for sentence in reading.findings) is (meant is None and text != b"")


def test_tp_link_counts_in_tenths_and_has_no_rfc_table() -> None:
    (table,) = TP_LINK.tables
    rows: dict[int, dict[Oid, Value]] = {
        2: {(1,): 1, (2,): 1, (3,): 0, (4,): 1},
        7: {(1,): 64, (2,): 0, (3,): 0, (4,): 0},
        8: {(1,): 125, (2,): 0, (3,): 0, (4,): 0},
        9: {(1,): 527, (2,): 0, (3,): 0, (4,): 0},
        10: {(1,): 4, (2,): 7, (3,): 7, (4,): 7},
        11: {(1,): 2, (2,): 0, (3,): 0, (4,): 77},
    }
    assert TP_LINK.supplies is not None
    scalars: Cells = {(*TP_LINK.supplies.entry, 1, 0): 1500, (*TP_LINK.supplies.entry, 3, 0): 404}
    reading = read(vendor(table, rows), scalars, profile=TP_LINK, table=table)
    first = port(reading, 1)
    assert (first.power_mw, first.current_ma, first.voltage_mv, first.power_class) == (6400, 125, 52_700, 4)
    assert [one.detection for one in reading.ports] == [
        Detection.DELIVERING,
        Detection.SEARCHING,
        Detection.DISABLED,
        None,
    ]
    assert [one.admin_on for one in reading.ports] == [True, True, False, True]
    assert (budget_mw(reading), drawn_mw(reading)) == (150_000, 40_400)
    assert "77" in finding(reading, "port 1/4")


def test_a_mikrotik_status_of_zero_is_unknown_and_named() -> None:
    (table,) = MIKROTIK.tables
    rows: dict[int, dict[Oid, Value]] = {
        3: {(2,): 0, (3,): 1, (4,): 2, (5,): 3},
        6: {(2,): 0, (3,): 0, (4,): 0, (5,): 47},
    }
    reading = read(vendor(table, rows), profile=MIKROTIK, table=table)
    states = [one.detection for one in reading.ports]
    assert states == [None, Detection.DISABLED, Detection.SEARCHING, Detection.DELIVERING]
    assert [one.admin_on for one in reading.ports] == [None, False, True, True]
    assert port(reading, 5).power_mw == 4700
    assert finding(reading, "port status 0")


def test_a_procurve_chassis_tells_its_supply_only() -> None:
    assert HP.supplies is not None
    cells: Cells = {(*HP.supplies.entry, column, 1001): value for column, value in {4: 1440, 5: 96, 8: 94}.items()}
    reading = read(cells, profile=HP)
    assert (budget_mw(reading), drawn_mw(reading)) == (1_440_000, 94_000)


def test_a_vendor_row_with_one_number_never_invents_a_port_beside_rfc_rows() -> None:
    zyxel = profile_for((1, 3, 6, 1, 4, 1, 890, 1, 15))
    (table,) = zyxel.tables
    watts = vendor(table, {1: {(1,): 4100, (2,): 0, (99,): 7000}})
    reading = read(ports({3: [1, 1], 6: [3, 2]}), watts, profile=zyxel, table=table)
    assert [(one.ref.port, one.power_mw) for one in reading.ports] == [(1, 4100), (2, 0)]


@pytest.mark.parametrize(
    ("object_id", "vendor_name"),
    [
        ((1, 3, 6, 1, 4, 1, 9, 1, 2694), "Cisco"),
        ((1, 3, 6, 1, 4, 1, 9, 6, 1, 1005, 24, 5), "Cisco Small Business"),
        ((1, 3, 6, 1, 4, 1, 3955, 1000, 3, 18, 2), "Linksys"),
        ((1, 3, 6, 1, 4, 1, 35265, 1, 92), "Eltex"),
        ((1, 3, 6, 1, 4, 1, 89, 1, 1, 62, 27), "Radlan"),
        ((1, 3, 6, 1, 4, 1, 5624, 2, 2, 534), "Enterasys"),
        ((1, 3, 6, 1, 4, 1, 45, 3, 78, 2), "Avaya"),
        ((1, 3, 6, 1, 4, 1, 4413), "Ubiquiti EdgeSwitch"),
        ((1, 3, 6, 1, 4, 1, 47196, 4, 1), "Aruba CX"),
        ((1, 3, 6, 1, 4, 1, 8072, 3, 2, 10), "generic"),
        ((1, 3, 6, 1, 4, 1, 99999), "generic"),
        ((1, 3, 6), "generic"),
        (None, "generic"),
    ],
)
def test_the_profile_is_chosen_by_the_longest_matching_object_id(object_id: Oid | None, vendor_name: str) -> None:
    assert profile_for(object_id).vendor == vendor_name


_OIDS = st.builds(
    lambda root, rest: (*root, *rest),
    st.sampled_from([PORT_ENTRY, MAIN_ENTRY, TP_LINK.tables[0].entry, MIKROTIK.tables[0].entry]),
    st.lists(st.integers(0, 12), min_size=1, max_size=4).map(tuple),
)
_VALUES = st.one_of(st.integers(-(2**31), 2**64), st.binary(max_size=20), st.lists(st.integers(0, 9)).map(tuple))


@given(st.dictionaries(_OIDS, _VALUES, max_size=60), st.sampled_from([GENERIC, TP_LINK, MIKROTIK]))
def test_no_answer_makes_the_reader_raise_or_invent_watts(cells: Cells, profile: VendorProfile) -> None:
    reading = read(cells, profile=profile, table=profile.tables[0] if profile.tables else None)
    for one in reading.ports:
        assert one.power_mw is None or 0 <= one.power_mw <= 120_000
        assert one.power_class is None or (0 <= one.power_class <= 8 and one.delivers_power)
    for group in reading.groups:
        assert group.budget_mw is None or group.budget_mw > 0
        assert group.drawn_mw is None or group.drawn_mw >= 0
    assert len({one.ref for one in reading.ports}) == len(reading.ports)
