"""Who is behind the ports of the demo's switch: the MAC table of Q-BRIDGE-MIB and the neighbours of LLDP-MIB."""

from collections.abc import Callable, Iterable

from pysnmp.proto.rfc1902 import Integer32, OctetString

from homelab_tui.demo.hardware import UPLINK_PORT
from homelab_tui.demo.snmp_vendors import Oid, Read, Vendor
from homelab_tui.demo.world import World

BASE_PORT_ENTRY: Oid = (1, 3, 6, 1, 2, 1, 17, 1, 4, 1)
AGEING_TIME: Oid = (1, 3, 6, 1, 2, 1, 17, 4, 2, 0)
Q_FDB_ENTRY: Oid = (1, 3, 6, 1, 2, 1, 17, 7, 1, 2, 2, 1)
LLDP_LOCAL_ENTRY: Oid = (1, 0, 8802, 1, 1, 2, 1, 3, 7, 1)
LLDP_REMOTE_ENTRY: Oid = (1, 0, 8802, 1, 1, 2, 1, 4, 1, 1)
VLAN = 1
LEARNED, MAC_ADDRESS, INTERFACE_NAME = 3, 4, 5
_SEEN_AT = 1200
"""lldpRemTimeMark: sysUpTime when the neighbours were first heard."""
MAC_AGEING_S = 20.0
"""dot1dTpAgingTime; a switch waits 300 s."""
LLDP_TTL_S = 8.0
"""How long what a neighbour said is kept; usually 120 s."""
_STRANGERS = {5: ("ap-livingroom", "74:ac:b9:00:00:05"), UPLINK_PORT: ("gw", "e4:5f:01:00:00:01")}
"""Port -> (name, MAC) of what hangs there and is no node."""


def bridge_rows(world: World, vendor: Vendor) -> Iterable[tuple[Oid, Read]]:
    """dot1dBasePortIfIndex, and dot1qTpFdbPort and -Status of every machine that talks: the NUCs by the uplink."""
    yield AGEING_TIME, lambda: Integer32(int(MAC_AGEING_S))
    for number in world.switch.ports:
        yield (*BASE_PORT_ENTRY, 2, number), lambda number=number: Integer32(number + vendor.if_index_offset)  # type: ignore[misc]
    for mac, port, talks in _talkers(world):
        index = (VLAN, *bytes.fromhex(mac.replace(":", "")))
        yield (*Q_FDB_ENTRY, 2, *index), lambda port=port, talks=talks: Integer32(port) if talks() else None  # type: ignore[misc]
        yield (*Q_FDB_ENTRY, 3, *index), lambda talks=talks: Integer32(LEARNED) if talks() else None  # type: ignore[misc]


def lldp_rows(world: World, vendor: Vendor) -> Iterable[tuple[Oid, Read]]:
    """The ports' own ids, and what the Pis (`emit-lldp: true`), the access point and the router say of themselves."""
    for number in world.switch.ports:
        name = vendor.if_name(number)
        yield (*LLDP_LOCAL_ENTRY, 2, number), lambda: Integer32(INTERFACE_NAME)
        yield (*LLDP_LOCAL_ENTRY, 3, number), lambda name=name: _text(name)  # type: ignore[misc]
        yield (*LLDP_LOCAL_ENTRY, 4, number), lambda name=name: _text(name)  # type: ignore[misc]
    fed = {node.port: (node.name, node.mac) for node in world.nodes.values() if node.port is not None}
    for number, (system, mac) in (_STRANGERS | fed).items():
        index = (_SEEN_AT, number, 1)
        talks = _ages_out(world, system, number, LLDP_TTL_S)
        chassis = OctetString(bytes.fromhex(mac.replace(":", "")))
        for column, value in {
            4: Integer32(MAC_ADDRESS),
            5: chassis,
            6: Integer32(3),
            7: chassis,
            8: _text("eth0"),
            9: _text(system),
            10: _text(f"{system} of the demo"),
        }.items():
            yield (*LLDP_REMOTE_ENTRY, column, *index), lambda value=value, talks=talks: value if talks() else None  # type: ignore[misc]


def _ages_out(world: World, name: str, number: int, after_s: float) -> Callable[[], bool]:
    """Whether the switch still knows a machine: one that hangs is forgotten a while after its last frame, one whose
    link went down at once."""
    port, node = world.switch.ports[number], world.nodes.get(name)

    def known() -> bool:
        if not port.has_link:
            return False
        since = node.silent_since if node is not None else None
        return since is None or world.clock.monotonic() - since < after_s

    return known


def _talkers(world: World) -> Iterable[tuple[str, int, Callable[[], bool]]]:
    """(MAC, bridge port, whether it is in the table now)."""
    for number, (name, mac) in _STRANGERS.items():
        yield mac, number, _ages_out(world, name, number, MAC_AGEING_S)
    for node in (*world.nodes.values(), world.bastion):
        number = node.port or UPLINK_PORT
        yield node.mac, number, _ages_out(world, node.name, number, MAC_AGEING_S)


def _text(text: str) -> OctetString:
    return OctetString(text.encode())
