"""Who is behind a port: the bridge's MAC table (Q-BRIDGE-MIB, else BRIDGE-MIB) and the LLDP neighbours. Pure."""

from collections.abc import Mapping

from homelab_tui.sources.snmp_values import Cells, Value, number, text
from homelab_tui.sources.vendor_tables import Oid

Q_BRIDGE_PORT: Oid = (1, 3, 6, 1, 2, 1, 17, 7, 1, 2, 2, 1, 2)
"""dot1qTpFdbPort.vlan.mac(6) → bridge port"""
BRIDGE_PORT: Oid = (1, 3, 6, 1, 2, 1, 17, 4, 3, 1, 2)
"""dot1dTpFdbPort.mac(6) → bridge port"""
BASE_PORT_IF_INDEX: Oid = (1, 3, 6, 1, 2, 1, 17, 1, 4, 1, 2)
"""dot1dBasePortIfIndex.bridge-port → ifIndex"""
LLDP_LOCAL_PORT_ID: Oid = (1, 0, 8802, 1, 1, 2, 1, 3, 7, 1, 3)
"""lldpLocPortId.local-port"""
LLDP_REMOTE_NAME: Oid = (1, 0, 8802, 1, 1, 2, 1, 4, 1, 1, 9)
"""lldpRemSysName.time.local-port.index"""


def mac_ports(cells: Cells, if_index_offset: int | None = None) -> tuple[tuple[str, int], ...]:
    """(MAC, ifIndex) pairs, sorted, each once however many VLANs carry it.

    Bridge port 0 ("not learnt on a port"), multicast addresses and bridge ports without an ifIndex are left out.
    With a vendor's `if_index_offset` (TP-Link), a bridge port that the table does not have is a printed number.
    """
    if_indexes = {oid[-1]: index for oid, index in _numbers(cells, BASE_PORT_IF_INDEX, 1)}
    if if_index_offset is not None:
        printed = {index - if_index_offset: index for index in if_indexes.values() if index > if_index_offset}
        if_indexes = printed | if_indexes
    learnt = _numbers(cells, Q_BRIDGE_PORT, 7) or _numbers(cells, BRIDGE_PORT, 6)
    pairs = set()
    for oid, port in learnt:
        octets = oid[-6:]
        is_address = all(0 <= octet <= 255 for octet in octets) and not octets[0] & 1
        if is_address and port in if_indexes:
            pairs.add((":".join(f"{octet:02x}" for octet in octets), if_indexes[port]))
    return tuple(sorted(pairs))


def neighbours(cells: Cells, if_names: Mapping[int, str]) -> tuple[tuple[int, str], ...]:
    """(ifIndex, LLDP system name) pairs, sorted. A local port counts where its id is an interface's name.

    lldpLocPortNum is said to be the bridge port's number or the ifIndex, and often is neither. An agent that tells no
    ids at all is believed where both would be the same.
    """
    indexes: dict[str, int | None] = {}
    for index, name in if_names.items():
        indexes[name] = None if name in indexes else index
    local = {oid[-1]: indexes.get(text(value) or "") for oid, value in _under(cells, LLDP_LOCAL_PORT_ID, 1)}
    if not local:
        local = {oid[-1]: index for oid, index in _numbers(cells, BASE_PORT_IF_INDEX, 1) if oid[-1] == index}
    pairs = set()
    for oid, value in _under(cells, LLDP_REMOTE_NAME, 3):
        if_index, system = local.get(oid[-2]), text(value)
        if if_index is not None and system is not None:
            pairs.add((if_index, system))
    return tuple(sorted(pairs))


def _under(cells: Cells, root: Oid, arcs: int) -> list[tuple[Oid, Value]]:
    depth = len(root)
    return [(oid, value) for oid, value in cells.items() if len(oid) == depth + arcs and oid[:depth] == root]


def _numbers(cells: Cells, root: Oid, arcs: int) -> list[tuple[Oid, int]]:
    return [(oid, count) for oid, value in _under(cells, root, arcs) if (count := number(value)) is not None]
