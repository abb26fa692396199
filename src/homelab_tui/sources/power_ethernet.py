"""POWER-ETHERNET-MIB (RFC 3621) and the vendors' tables, from the values of a walk to `domain.poe`. Pure.

Switches lie in known ways: milliwatts where the MIB says watts, counters that overflowed into the watts, thresholds of
0, statuses outside the enumeration, classes of ports that power nothing. Each is survived (the value becomes None or is
put right) and named in the reading's findings.
"""

from collections.abc import Iterable

from homelab_tui.domain.poe import Detection, PoePort, PortRef, SwitchReading
from homelab_tui.sources.power_supplies import compare_groups, groups
from homelab_tui.sources.snmp_values import Cells, Findings, PortKey, Value, number, text
from homelab_tui.sources.vendor_tables import ClassColumn, Column, Oid, PortIndex, PortTable, VendorProfile

POWER_ETHERNET: Oid = (1, 3, 6, 1, 2, 1, 105)
PORT_ENTRY: Oid = (*POWER_ETHERNET, 1, 1, 1)
"""pethPsePortEntry: .column.group.port. It hangs one arc higher than the main table's entry."""
ADMIN, DETECTION, CLASS = 3, 6, 10
MPS_ABSENT, DENIED, OVERLOAD, SHORT = 8, 12, 13, 14
PORT_COLUMNS = (ADMIN, DETECTION, CLASS, MPS_ABSENT, DENIED, OVERLOAD, SHORT)
"""The columns of pethPsePortTable that are read."""
_DETECTIONS = dict(enumerate(Detection, start=1))
_MAX_PORT_MW = 120_000
"""No PSE gives more than 90 W (802.3bt) plus losses on one port; beyond this a value is noise."""


def read_switch(
    name: str, cells: Cells, profile: VendorProfile, *, table: PortTable | None = None, model: str | None = None
) -> SwitchReading:
    """One switch's ports and supplies, in port order, with every oddity named.

    `table` is the vendor's table that this switch has, None for RFC 3621 alone.
    """
    findings = Findings()
    ports = _Ports(name, cells, profile, table, findings).read()
    supplies = groups(cells, profile, findings)
    compare_groups(ports, supplies, findings)
    if not ports and not supplies:
        findings.add("this switch has no PoE table over SNMP (POWER-ETHERNET-MIB or its vendor's own)")
    elif not ports:
        findings.add("the switch tells its PoE supply, but none of its ports")
    return SwitchReading(
        name=name, source="snmp", ports=ports, groups=supplies, model=model, findings=findings.sentences()
    )


class _Ports:
    """Reads the port rows of one switch."""

    def __init__(
        self, name: str, cells: Cells, profile: VendorProfile, table: PortTable | None, findings: Findings
    ) -> None:
        self._name = name
        self._profile = profile
        self._table = table
        self._findings = findings
        self._rfc = _by_column(cells, PORT_ENTRY, PORT_COLUMNS, PortIndex.GROUP_AND_PORT)
        self._vendor: dict[int, dict[PortKey, Value]] = {}
        if table is not None:
            self._vendor = _by_column(cells, table.entry, vendor_columns(table), table.index)

    def read(self) -> tuple[PoePort, ...]:
        rfc_keys = {key for column in self._rfc.values() for key in column}
        vendor_keys = {key for column in self._vendor.values() for key in column}
        if rfc_keys and self._table is not None and self._table.index is PortIndex.PORT:
            # One number cannot name a port of another group: such rows may only add to a known port.
            vendor_keys &= rfc_keys
        keys = sorted(rfc_keys | vendor_keys)
        self._note_columns(rfc_keys)
        if keys and min(port for _, port in keys) > 1:
            first = min(port for _, port in keys)
            self._findings.add(f"port indexes start at {first}, not at 1: they need not be the printed numbers")
        return tuple(self._port(key) for key in keys)

    def _note_columns(self, rfc_keys: set[PortKey]) -> None:
        if rfc_keys and not self._rfc.get(DETECTION):
            self._findings.add("the switch does not tell the DetectionStatus of its ports")
        if rfc_keys and not self._rfc.get(ADMIN):
            self._findings.add("the switch does not tell the AdminEnable of its ports")
        if self._vendor and not rfc_keys and self._profile.has_rfc3621:
            self._findings.add(f"no RFC 3621 port rows; the ports are those of the {self._profile.vendor} table")

    def _port(self, key: PortKey) -> PoePort:
        admin = self._admin(key)
        detection = self._detection(key, admin)
        delivers = detection is Detection.DELIVERING
        table = self._table
        return PoePort(
            ref=PortRef(self._name, *key),
            label=self._label(key),
            admin_on=admin,
            detection=detection,
            power_class=self._class(key) if delivers else None,
            power_mw=self._power(key),
            voltage_mv=self._measure(key, table.voltage if table else None, 100_000, "voltage"),
            current_ma=self._measure(key, table.current if table else None, 5_000, "current"),
            allocated_mw=self._measure(key, table.allocated if table else None, _MAX_PORT_MW, "allocation"),
            denied_count=self._counter(key, DENIED),
            overload_count=self._counter(key, OVERLOAD),
            short_count=self._counter(key, SHORT),
            mps_absent_count=self._counter(key, MPS_ABSENT),
        )

    def _rfc_number(self, key: PortKey, column: int) -> int | None:
        return number(self._rfc.get(column, {}).get(key))

    def _vendor_cell(self, key: PortKey, column: int | None) -> Value | None:
        return None if column is None else self._vendor.get(column, {}).get(key)

    def _label(self, key: PortKey) -> str | None:
        return text(self._vendor_cell(key, self._table.name)) if self._table else None

    def _admin(self, key: PortKey) -> bool | None:
        said = self._rfc_number(key, ADMIN)
        if said in (1, 2):
            return said == 1
        if said is not None:
            self._findings.port(key, f"AdminEnable {said} is neither 1 nor 2; shown as unknown")
        column = self._table.admin if self._table else None
        value = number(self._vendor_cell(key, column.number)) if column else None
        if column is None or value is None:
            return None
        return True if value in column.on else False if value in column.off else None

    def _detection(self, key: PortKey, admin: bool | None) -> Detection | None:
        said = self._rfc_number(key, DETECTION)
        if said is not None:
            known = _DETECTIONS.get(said) or dict(self._profile.extra_detections).get(said)
            if known is None:
                self._findings.port(key, f"DetectionStatus {said} is outside the enumeration; shown as unknown")
            return known
        detection = self._vendor_detection(key)
        # Vendors have one word for "off, nothing there" and "switched off"; the switch's own setting tells them apart.
        return Detection.DISABLED if detection is Detection.SEARCHING and admin is False else detection

    def _vendor_detection(self, key: PortKey) -> Detection | None:
        status = self._table.status if self._table else None
        value = self._vendor_cell(key, status.number) if status else None
        if status is None or value is None:
            return None
        if isinstance(value, int):
            known = dict(status.codes).get(value)
            if known is None:
                self._findings.port(key, f"port status {value} is outside the enumeration; shown as unknown")
            return known
        said = text(value) or ""
        known = next((meaning for begin, meaning in status.texts if said.casefold().startswith(begin)), None)
        if known is None and said:
            self._findings.port(key, f"port status {said[:60]!r} is not known; shown as unknown")
        return known

    def _class(self, key: PortKey) -> int | None:
        said = self._rfc_number(key, CLASS)
        if said is not None:
            # The MIB counts class 0 as 1; classes 5-8 (802.3bt) go on in the same way where a vendor has them.
            if 1 <= said <= 9:
                return said - 1
            self._findings.port(key, f"PowerClassifications {said} is no class; shown as unknown")
            return None
        column: ClassColumn | None = self._table.power_class if self._table else None
        value = number(self._vendor_cell(key, column.number)) if column else None
        if column is None or value is None or value in column.undefined:
            return None
        return value if 0 <= value <= 8 else None

    def _power(self, key: PortKey) -> int | None:
        return self._measure(key, self._table.power if self._table else None, _MAX_PORT_MW, "power")

    def _measure(self, key: PortKey, column: Column | None, limit: int, what: str) -> int | None:
        value = number(self._vendor_cell(key, column.number)) if column else None
        if column is None or value is None:
            return None
        measured = value * column.factor
        if 0 <= measured <= limit:
            return measured
        article = "an" if what.startswith("a") else "a"
        self._findings.port(key, f"{article} {what} of {value} cannot be; shown as unknown")
        return None

    def _counter(self, key: PortKey, column: int) -> int | None:
        count = self._rfc_number(key, column)
        return count if count is not None and count >= 0 else None


def vendor_columns(table: PortTable) -> tuple[int, ...]:
    """Every column of a vendor's table that means something here, each once."""
    measures = (table.power, table.voltage, table.current, table.allocated)
    numbered = (*measures, table.admin, table.status, table.power_class)
    columns = [column.number for column in numbered if column is not None]
    columns += [column for column in (table.if_index, table.name, table.physical_entity) if column is not None]
    return tuple(dict.fromkeys(columns))


def _by_column(cells: Cells, entry: Oid, columns: Iterable[int], index: PortIndex) -> dict[int, dict[PortKey, Value]]:
    """The rows of a table as column → (group, port) → value. Columns without rows are left out."""
    wanted = set(columns)
    depth = len(entry)
    length = depth + 1 + index.value
    found: dict[int, dict[PortKey, Value]] = {}
    for oid, value in cells.items():
        if len(oid) == length and oid[:depth] == entry and oid[depth] in wanted:
            key = (oid[-2], oid[-1]) if index is PortIndex.GROUP_AND_PORT else (1, oid[-1])
            found.setdefault(oid[depth], {})[key] = value
    return found
