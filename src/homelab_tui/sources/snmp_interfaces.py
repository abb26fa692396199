"""Finds the IF-MIB row of every PoE port over SNMP, with as few questions as will make it certain."""

from collections.abc import Mapping, Sequence

from homelab_tui.domain.values import Frozen, field
from homelab_tui.sources import switch_interfaces as ifs
from homelab_tui.sources.snmp_sessions import SnmpSession
from homelab_tui.sources.snmp_values import Cells, PortKey, Value, number, text
from homelab_tui.sources.switch_interfaces import InterfaceRow
from homelab_tui.sources.vendor_tables import Oid, PortIndex, PortTable, VendorProfile

_MAX_INTERFACES = 2_000

Links = Mapping[int, tuple[bool | None, int | None]]
"""ifIndex → (link is up, speed in Mb/s)"""


class PortInterfaces(Frozen):
    """The ports of a switch and their interfaces."""

    keys: tuple[PortKey, ...]
    """The ports this was read for."""
    if_index: dict[PortKey, int] = field(default_factory=dict)
    """Ports whose interface is certain."""
    labels: dict[int, str] = field(default_factory=dict)
    """ifIndex → ifAlias, else ifName."""
    contradicted: frozenset[PortKey] = frozenset()
    """Ports whose own name and index contradict each other."""
    findings: tuple[str, ...] = ()


async def read_interfaces(
    session: SnmpSession, keys: tuple[PortKey, ...], profile: VendorProfile, table: PortTable | None
) -> PortInterfaces:
    """Maps the ports and reads their names. An empty mapping is an answer: nothing was certain."""
    if not keys:
        return PortInterfaces(keys)
    contradicted: tuple[PortKey, ...] = ()
    mapping: dict[PortKey, int] = {}
    if table is not None and table.physical_entity is not None:
        mapping = await _by_entity(session, keys, table, table.physical_entity)
    elif table is not None and table.if_index is not None:
        mapping, contradicted = await _by_vendor_column(session, keys, table, table.if_index)
    if not mapping and not contradicted:
        mapping = await _by_number(session, keys, profile) or await _by_count(session, keys)
    findings = []
    if contradicted:
        findings.append(
            f"{len(contradicted)} ports name another interface than their row does: they are mapped to none"
        )
    elif not mapping:
        findings.append("which interface a port is cannot be told for certain: names and links of ports are not shown")
    labels = await _labels(session, sorted(set(mapping.values())))
    return PortInterfaces(keys, mapping, labels, frozenset(contradicted), tuple(findings))


async def refresh_links(session: SnmpSession, known: PortInterfaces) -> Links:
    """ifIndex → (link is up, speed in Mb/s) of the mapped ports, now."""
    indexes = sorted(set(known.if_index.values()))
    if not indexes:
        return {}
    rows = ifs.interface_rows(await _columns(session, (ifs.IF_OPER_STATUS, ifs.IF_HIGH_SPEED), indexes))
    return {index: (row.link_up, row.speed_mbps) for index, row in rows.items()}


async def _labels(session: SnmpSession, indexes: Sequence[int]) -> dict[int, str]:
    if not indexes:
        return {}
    rows = ifs.interface_rows(await _columns(session, (ifs.IF_NAME, ifs.IF_ALIAS), indexes))
    return {index: label for index, row in rows.items() if (label := row.alias or row.name)}


async def _rows_of(session: SnmpSession, indexes: Sequence[int]) -> dict[int, InterfaceRow]:
    cells = await session.get_column(ifs.IF_TYPE, indexes)
    # All, or none at all: there are agents that tell no types, and then the names alone must prove it.
    if len(cells) in (0, len(indexes)):
        cells |= await _names(session, indexes)
    return ifs.interface_rows(cells)


async def _names(session: SnmpSession, indexes: Sequence[int]) -> dict[Oid, Value]:
    return await session.get_column(ifs.IF_NAME, indexes) or await session.get_column(ifs.IF_DESCR, indexes)


async def _columns(session: SnmpSession, columns: Sequence[Oid], indexes: Sequence[int]) -> dict[Oid, Value]:
    cells: dict[Oid, Value] = {}
    for column in columns:
        cells |= await session.get_column(column, indexes)
    return cells


async def _by_number(session: SnmpSession, keys: tuple[PortKey, ...], profile: VendorProfile) -> dict[PortKey, int]:
    for wanted in ifs.candidates(keys, profile):
        found = ifs.proven(wanted, await _rows_of(session, sorted(set(wanted.if_index.values()))))
        if found:
            return found
    return {}


async def _by_count(session: SnmpSession, keys: tuple[PortKey, ...]) -> dict[PortKey, int]:
    types = await session.walk(ifs.IF_TYPE, _ignore)
    rows = ifs.interface_rows(types)
    ethernet = sorted(index for index, row in rows.items() if row.is_ethernet_port)
    # Names can only take rows away (VLANs, trunks), so with fewer rows than ports there is nothing to ask.
    if not len(keys) <= len(ethernet) <= _MAX_INTERFACES:
        return {}
    return ifs.zipped(keys, ifs.interface_rows({**types, **await _names(session, ethernet)}))


async def _by_entity(
    session: SnmpSession, keys: tuple[PortKey, ...], table: PortTable, column: int
) -> dict[PortKey, int]:
    told = await session.walk((*table.entry, column), _ignore, expected=len(keys))
    entities = {key: value for key, cell in _by_key(told, table).items() if (value := number(cell))}
    aliases = await session.get([(*ifs.ENT_ALIAS_MAPPING, entity, 0) for entity in entities.values()])
    return ifs.by_entity(entities, aliases)


async def _by_vendor_column(
    session: SnmpSession, keys: tuple[PortKey, ...], table: PortTable, column: int
) -> tuple[dict[PortKey, int], tuple[PortKey, ...]]:
    told = await session.walk((*table.entry, column), _ignore, expected=len(keys))
    indexes = {key: value for key, cell in _by_key(told, table).items() if (value := number(cell)) is not None}
    names: dict[PortKey, str] = {}
    if table.name is not None:
        said = await session.walk((*table.entry, table.name), _ignore, expected=len(keys))
        names = {key: name for key, cell in _by_key(said, table).items() if (name := text(cell))}
    rows = ifs.interface_rows(await _names(session, sorted(set(indexes.values()))))
    return ifs.by_vendor_column(indexes, names, rows)


def _by_key(cells: Cells, table: PortTable) -> dict[PortKey, Value]:
    if table.index is PortIndex.PORT:
        return {(1, oid[-1]): value for oid, value in cells.items()}
    return {(oid[-2], oid[-1]): value for oid, value in cells.items()}


def _ignore(_: str) -> None:
    """Oddities of these walks are named where the ports are read."""
