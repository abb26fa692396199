"""Which interface a PoE port is: certain, or not told at all."""

import pytest

from homelab_tui.sources.bridge_tables import (
    BASE_PORT_IF_INDEX,
    BRIDGE_PORT,
    LLDP_LOCAL_PORT_ID,
    LLDP_REMOTE_NAME,
    Q_BRIDGE_PORT,
    mac_ports,
    neighbours,
)
from homelab_tui.sources.snmp_values import PortKey, Value
from homelab_tui.sources.switch_interfaces import (
    ENT_ALIAS_MAPPING,
    IF_ALIAS,
    IF_DESCR,
    IF_ENTRY,
    IF_HIGH_SPEED,
    IF_NAME,
    IF_OPER_STATUS,
    IF_TYPE,
    InterfaceRow,
    by_entity,
    by_vendor_column,
    candidates,
    interface_rows,
    proven,
    zipped,
)
from homelab_tui.sources.switch_profiles import GENERIC, profile_for
from homelab_tui.sources.vendor_tables import Oid, VendorProfile

ETHERNET, VLAN = 6, 53
TP_LINK = profile_for((1, 3, 6, 1, 4, 1, 11863, 5, 190))
RADLAN = profile_for((1, 3, 6, 1, 4, 1, 9, 6, 1, 1006))
EXTREME = profile_for((1, 3, 6, 1, 4, 1, 1916, 2, 141))


def rows(names: dict[int, str], kind: int = ETHERNET) -> dict[int, InterfaceRow]:
    return {index: InterfaceRow(index, kind, name) for index, name in names.items()}


def numbered(count: int, first: int = 1, text: str = "gi{}") -> dict[int, InterfaceRow]:
    return rows({first + place: text.format(place + 1) for place in range(count)})


def keys(count: int, first: int = 1, group: int = 1) -> tuple[PortKey, ...]:
    return tuple((group, first + place) for place in range(count))


def mapped(ports: tuple[PortKey, ...], table: dict[int, InterfaceRow], profile: VendorProfile) -> dict[PortKey, int]:
    return next((found for each in candidates(ports, profile) if (found := proven(each, table))), {})


def test_ports_whose_numbers_are_interfaces_are_those_interfaces() -> None:
    assert mapped(keys(8), numbered(10), GENERIC) == {(1, number): number for number in range(1, 9)}


def test_numbers_that_start_at_49_are_interfaces_too() -> None:
    assert mapped(keys(18, 49), numbered(18, 49), GENERIC) == {(1, number): number for number in range(49, 67)}


def test_one_port_that_is_no_ethernet_interface_makes_all_doubtful() -> None:
    table = numbered(8) | rows({5: "Vlan5"}, VLAN)
    assert mapped(keys(8), table, GENERIC) == {}
    table = numbered(8) | rows({1: "Vlan-interface1"})
    assert mapped(keys(8), table, GENERIC) == {}, "TP-Link gives VLANs the type of an Ethernet port"
    assert mapped(keys(9), numbered(8), GENERIC) == {}


def test_names_that_do_not_count_in_step_with_the_numbers_make_all_doubtful() -> None:
    table = rows({1: "gi8", 2: "gi1", 3: "gi2"})
    assert mapped(keys(3), table, GENERIC) == {}


def test_groups_are_not_assumed_to_share_numbers_with_interfaces() -> None:
    assert mapped((*keys(4), *keys(4, 5, group=2)), numbered(8), GENERIC) == {}


def test_a_vendor_that_numbers_ports_by_interface_does_so_in_every_group() -> None:
    ports = (*keys(2), *keys(2, 53, group=2))
    table = rows({1: "gi1/0/1", 2: "gi1/0/2", 53: "gi2/0/1", 54: "gi2/0/2"})
    assert mapped(ports, table, RADLAN) == {(1, 1): 1, (1, 2): 2, (2, 53): 53, (2, 54): 54}


def test_an_offset_counts_only_when_the_names_agree() -> None:
    table = numbered(16, 49153, "gigabitEthernet 1/0/{}") | rows({1: "Vlan-interface1"})
    assert mapped(keys(16), table, TP_LINK) == {(1, number): 49152 + number for number in range(1, 17)}
    table |= rows({49156: "gigabitEthernet 1/0/9"})
    assert mapped(keys(16), table, TP_LINK) == {}


def test_a_slot_factor_counts_only_when_the_names_agree() -> None:
    table = rows({1001: "1:1", 1002: "1:2", 2001: "2:1"})
    assert mapped(((1, 1), (1, 2), (2, 1)), table, EXTREME) == {(1, 1): 1001, (1, 2): 1002, (2, 1): 2001}


def test_ports_that_are_numbered_as_their_interfaces_count_where_the_slot_factor_does_not() -> None:
    table = rows({1039: "1:39", 1040: "1:40"})
    assert mapped(((1, 1039), (1, 1040)), table, EXTREME) == {(1, 1039): 1039, (1, 1040): 1040}
    assert mapped(((1, 1039), (1, 1040)), rows({1039: "1:40", 1040: "1:39"}), EXTREME) == {}


def untyped(names: dict[int, str]) -> dict[int, InterfaceRow]:
    return {index: InterfaceRow(index, None, name) for index, name in names.items()}


def test_an_agent_without_types_is_believed_by_its_names_alone() -> None:
    names = {number: f"1/0/{number}" for number in range(1, 5)}
    assert mapped(keys(4), untyped(names), GENERIC) == {(1, number): number for number in range(1, 5)}
    assert mapped(keys(4), untyped(names | {4: "lag 4"}), GENERIC) == {}, "a trunk is no port"
    assert mapped(keys(4), untyped(names | {4: "uplink"}), GENERIC) == {}, "a name without a number proves nothing"
    assert mapped(keys(4), untyped(dict.fromkeys(range(1, 5), "")), GENERIC) == {}


def test_as_many_sockets_as_ports_are_taken_side_by_side() -> None:
    table = numbered(4, 10101) | rows({1: "Vlan1"}, VLAN) | rows({5001: "Port-channel1", 14: "CPU", 15: "Trk1"})
    assert zipped(keys(4), table) == {(1, 1): 10101, (1, 2): 10102, (1, 3): 10103, (1, 4): 10104}


@pytest.mark.parametrize("count", [0, 3, 5])
def test_another_number_of_sockets_than_ports_maps_nothing(count: int) -> None:
    assert zipped(keys(4), numbered(count)) == {}


def test_cisco_maps_by_physical_entity() -> None:
    cells: dict[Oid, Value] = {
        (*ENT_ALIAS_MAPPING, 1010, 0): (*IF_ENTRY, 1, 10101),
        (*ENT_ALIAS_MAPPING, 1011, 0): (*IF_ENTRY, 1, 10102),
        (*ENT_ALIAS_MAPPING, 1012, 0): (1, 3, 6),
    }
    entities = {(1, 1): 1010, (1, 2): 1011, (1, 3): 1012, (1, 4): 1013}
    assert by_entity(entities, cells) == {(1, 1): 10101, (1, 2): 10102}


def test_two_ports_on_one_interface_are_none() -> None:
    cells: dict[Oid, Value] = {(*ENT_ALIAS_MAPPING, number, 0): (*IF_ENTRY, 1, 10101) for number in (1010, 1011)}
    assert by_entity({(1, 1): 1010, (1, 2): 1011}, cells) == {}


def test_a_row_that_names_another_interface_is_mapped_to_none() -> None:
    table = numbered(6, text="Port{}")
    told, names = {(1, 2): 1, (1, 5): 5}, {(1, 2): "Port1", (1, 5): "Port5"}
    assert by_vendor_column(told, names, table) == ({(1, 5): 5}, ((1, 2),))
    assert by_vendor_column({(1, 5): 5}, {(1, 5): "ether9"}, table) == ({}, ((1, 5),))


def test_interfaces_are_read_from_cells() -> None:
    cells: dict[Oid, Value] = {
        (*IF_TYPE, 3): 6,
        (*IF_DESCR, 3): b"Slot: 0 Port: 3",
        (*IF_NAME, 3): b"g3",
        (*IF_ALIAS, 3): b" rpi03 ",
        (*IF_OPER_STATUS, 3): 1,
        (*IF_HIGH_SPEED, 3): 1000,
        (*IF_DESCR, 4): b"Slot: 0 Port: 4",
        (*IF_OPER_STATUS, 4): 2,
        (*IF_HIGH_SPEED, 4): 0,
        (*IF_OPER_STATUS, 5): 4,
        (1, 3, 6, 1, 4): b"something else",
    }
    assert interface_rows(cells) == {
        3: InterfaceRow(3, 6, "g3", "rpi03", link_up=True, speed_mbps=1000),
        4: InterfaceRow(4, None, "Slot: 0 Port: 4", link_up=False),
        5: InterfaceRow(5),
    }


PI, OTHER = (0xDC, 0xA6, 0x32, 0, 0, 1), (0xDC, 0xA6, 0x32, 0, 0, 2)


def test_a_mac_counts_once_however_many_vlans_carry_it() -> None:
    cells: dict[Oid, Value] = {
        (*BASE_PORT_IF_INDEX, 3): 10103,
        (*Q_BRIDGE_PORT, 1, *PI): 3,
        (*Q_BRIDGE_PORT, 20, *PI): 3,
        (*Q_BRIDGE_PORT, 1, *OTHER): 9,
        (*Q_BRIDGE_PORT, 1, 0x01, 0, 0x5E, 0, 0, 1): 3,
        (*Q_BRIDGE_PORT, 1, 0xDC, 0xA6, 0x32, 0, 0, 999): 3,
        (*BRIDGE_PORT, *OTHER): 3,
    }
    assert mac_ports(cells) == (("dc:a6:32:00:00:01", 10103),)


def test_a_mac_on_two_ports_is_told_twice_and_not_decided() -> None:
    cells: dict[Oid, Value] = {
        (*BASE_PORT_IF_INDEX, 3): 3,
        (*BASE_PORT_IF_INDEX, 8): 8,
        (*Q_BRIDGE_PORT, 1, *PI): 3,
        (*Q_BRIDGE_PORT, 20, *PI): 8,
    }
    assert mac_ports(cells) == (("dc:a6:32:00:00:01", 3), ("dc:a6:32:00:00:01", 8))


def test_the_old_bridge_table_serves_where_there_is_no_other() -> None:
    cells: dict[Oid, Value] = {(*BASE_PORT_IF_INDEX, 1): 1, (*BRIDGE_PORT, *PI): 1, (*BRIDGE_PORT, *OTHER): 0}
    assert mac_ports(cells) == (("dc:a6:32:00:00:01", 1),)


def test_tp_link_counts_printed_ports_in_its_mac_table() -> None:
    cells: dict[Oid, Value] = {(*BASE_PORT_IF_INDEX, 49155): 49155, (*Q_BRIDGE_PORT, 1, *PI): 3}
    assert mac_ports(cells) == ()
    assert mac_ports(cells, 49152) == (("dc:a6:32:00:00:01", 49155),)


def test_a_neighbour_counts_where_its_local_port_is_an_interfaces_name() -> None:
    cells: dict[Oid, Value] = {
        (*LLDP_LOCAL_PORT_ID, 1): b"gi1",
        (*LLDP_LOCAL_PORT_ID, 2): b"2",
        (*LLDP_LOCAL_PORT_ID, 3): b"twice",
        (*LLDP_REMOTE_NAME, 0, 1, 7): b"rpi01",
        (*LLDP_REMOTE_NAME, 0, 2, 8): b"rpi02",
        (*LLDP_REMOTE_NAME, 0, 3, 9): b"rpi03",
        (*LLDP_REMOTE_NAME, 5, 1, 9): b"",
    }
    assert neighbours(cells, {101: "gi1", 102: "gi2", 103: "twice", 104: "twice"}) == ((101, "rpi01"),)


def test_without_any_local_names_a_neighbour_counts_where_bridge_port_and_interface_are_one_number() -> None:
    cells: dict[Oid, Value] = {
        (*BASE_PORT_IF_INDEX, 12): 12,
        (*BASE_PORT_IF_INDEX, 13): 10113,
        (*LLDP_REMOTE_NAME, 6665720, 12, 323): b"rpi12",
        (*LLDP_REMOTE_NAME, 6665721, 13, 324): b"rpi13",
        (*LLDP_REMOTE_NAME, 6665722, 14, 325): b"rpi14",
    }
    assert neighbours(cells, {}) == ((12, "rpi12"),)
    assert neighbours({**cells, (*LLDP_LOCAL_PORT_ID, 1): b"gi1"}, {}) == (), "an agent that tells ids is held to them"
