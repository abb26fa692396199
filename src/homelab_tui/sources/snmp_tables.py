"""Reads a switch's PoE tables over SNMP: which kind of switch it is, then the columns that are shown."""

from collections.abc import Callable
from dataclasses import dataclass

from homelab_tui.sources import power_ethernet as peth
from homelab_tui.sources.power_supplies import MAIN_ENTRY
from homelab_tui.sources.snmp_sessions import SnmpSession, StatusError
from homelab_tui.sources.snmp_values import Value, text
from homelab_tui.sources.switch_profiles import profile_for
from homelab_tui.sources.vendor_tables import Oid, PortTable, VendorProfile

SYS_DESCR: Oid = (1, 3, 6, 1, 2, 1, 1, 1, 0)
SYS_OBJECT_ID: Oid = (1, 3, 6, 1, 2, 1, 1, 2, 0)


@dataclass(slots=True)
class SwitchIdentity:
    """What kind of switch answers."""

    profile: VendorProfile
    model: str | None
    table: PortTable | None = None
    """The vendor table that this switch has."""
    table_known: bool = False
    """Whether that was found out."""


async def identify(session: SnmpSession) -> SwitchIdentity:
    """Asks for sysObjectID and sysDescr, and sets the session's pace to what the vendor's agents stand."""
    told = await session.get([SYS_OBJECT_ID, SYS_DESCR])
    object_id, description = told.get(SYS_OBJECT_ID), text(told.get(SYS_DESCR))
    profile = profile_for(object_id if isinstance(object_id, tuple) else None)
    session.max_repetitions = min(session.max_repetitions, profile.max_repetitions)
    return SwitchIdentity(profile, description.splitlines()[0].strip() if description else None)


async def read_states(
    session: SnmpSession, identity: SwitchIdentity, cells: dict[Oid, Value], note: Callable[[str], object]
) -> None:
    """What a reading cannot do without: whether the ports are on, and whether they deliver."""
    if not identity.profile.has_rfc3621:
        return
    error: StatusError | None = None
    for column in (peth.ADMIN, peth.DETECTION):
        known = _rows(cells, peth.PORT_ENTRY)
        try:
            cells.update(await session.walk((*peth.PORT_ENTRY, column), note, expected=known or None, needed=True))
        except StatusError as status:
            note(f"the switch does not tell column {column} of its ports: {status}")
            error = status
    # An agent that answers every question with an error is no switch without ports.
    if error is not None and not cells:
        raise error


async def read_figures(
    session: SnmpSession, identity: SwitchIdentity, cells: dict[Oid, Value], note: Callable[[str], object]
) -> None:
    """Class, counters, supplies, and the vendor's table."""
    rows = {column: _rows(cells, (*peth.PORT_ENTRY, column)) for column in (peth.ADMIN, peth.DETECTION)}
    expected = max(rows.values())
    if identity.profile.has_rfc3621:
        if expected:
            for column in (c for c in peth.PORT_COLUMNS if c not in rows):
                cells.update(await session.walk((*peth.PORT_ENTRY, column), note, expected=expected))
        cells.update(await session.walk(MAIN_ENTRY, note))
    await _read_vendor(session, identity, cells, note, rows)
    supplies = identity.profile.supplies
    if supplies is not None and not _rows(cells, MAIN_ENTRY):
        for column in (supplies.budget.number, supplies.drawn.number):
            cells.update(await session.walk((*supplies.entry, column), note, expected=1))


async def _read_vendor(
    session: SnmpSession,
    identity: SwitchIdentity,
    cells: dict[Oid, Value],
    note: Callable[[str], object],
    rfc_rows: dict[int, int],
) -> None:
    expected = max(rfc_rows.values()) or None
    tables = (identity.table,) if identity.table_known else identity.profile.tables
    for table in tables:
        if table is None:
            continue
        power = await session.walk(
            _column(table, table.power.number if table.power else 1),
            note,
            expected=expected,
            needed=not identity.profile.has_rfc3621,
        )
        if not power:
            continue
        cells.update(power)
        identity.table = table
        measures = (table.voltage, table.current, table.allocated)
        wanted = [column.number for column in measures if column is not None]
        if not rfc_rows[peth.ADMIN] and table.admin is not None:
            wanted.append(table.admin.number)
        if not rfc_rows[peth.DETECTION]:
            wanted += [column.number for column in (table.status, table.power_class) if column is not None]
        if table.name is not None:
            wanted.append(table.name)
        for column in dict.fromkeys(wanted):
            cells.update(await session.walk(_column(table, column), note, expected=len(power)))
        break
    identity.table_known = True


def _column(table: PortTable, column: int) -> Oid:
    return (*table.entry, column)


def _rows(cells: dict[Oid, Value], root: Oid) -> int:
    return sum(1 for oid in cells if oid[: len(root)] == root)
