"""Reads over SNMP who is behind a switch's ports."""

from collections.abc import Callable

from homelab_tui.domain.values import Frozen
from homelab_tui.sources import bridge_tables as tables
from homelab_tui.sources.snmp_sessions import SnmpSession
from homelab_tui.sources.snmp_values import text
from homelab_tui.sources.switch_interfaces import IF_NAME


class Topology(Frozen):
    """What a switch learnt about who is where. Empty when it tells nothing."""

    mac_ports: tuple[tuple[str, int], ...] = ()
    """(MAC, ifIndex)"""
    neighbours: tuple[tuple[int, str], ...] = ()
    """(ifIndex, LLDP system name)"""


async def read_topology(
    session: SnmpSession, note: Callable[[str], object], *, if_index_offset: int | None = None
) -> Topology:
    """The MAC table (Q-BRIDGE-MIB, else BRIDGE-MIB) and the LLDP neighbours."""
    learnt = await session.walk(tables.Q_BRIDGE_PORT, note) or await session.walk(tables.BRIDGE_PORT, note)
    if learnt:
        learnt |= await session.walk(tables.BASE_PORT_IF_INDEX, note)
    told = await session.walk(tables.LLDP_REMOTE_NAME, note)
    names: dict[int, str] = {}
    if told:
        local = await session.walk(tables.LLDP_LOCAL_PORT_ID, note)
        if local:
            told |= local
            cells = await session.walk(IF_NAME, note)
            names = {oid[-1]: name for oid, cell in cells.items() if (name := text(cell))}
        else:
            told |= learnt or await session.walk(tables.BASE_PORT_IF_INDEX, note)
    return Topology(mac_ports=tables.mac_ports(learnt, if_index_offset), neighbours=tables.neighbours(told, names))
