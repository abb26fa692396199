"""A switch's PoE supplies: pethMainPseTable (RFC 3621), else the vendor's own. Pure."""

from collections.abc import Mapping

from homelab_tui.domain.poe import PoePort, PseGroup
from homelab_tui.sources.snmp_values import Cells, Findings
from homelab_tui.sources.vendor_tables import Oid, VendorProfile

MAIN_ENTRY: Oid = (1, 3, 6, 1, 2, 1, 105, 1, 3, 1, 1)
"""pethMainPseEntry: .column.group; one arc lower than the ports' entry."""
MAIN_POWER, MAIN_STATUS, MAIN_CONSUMPTION, MAIN_THRESHOLD = 2, 3, 4, 5

_MAX_MIB_WATTS = 65_535
"""The MIB's own upper bound for pethMainPsePower."""


def groups(cells: Cells, profile: VendorProfile, findings: Findings) -> tuple[PseGroup, ...]:
    """The supplies in group order. Watts, budgets and thresholds that cannot be are None and noted."""
    rows: dict[int, dict[int, int]] = {}
    depth = len(MAIN_ENTRY)
    for oid, value in cells.items():
        if len(oid) == depth + 2 and oid[:depth] == MAIN_ENTRY and isinstance(value, int):
            rows.setdefault(oid[-1], {})[oid[depth]] = value
    if rows:
        return tuple(_group(group, rows[group], findings) for group in sorted(rows))
    return _vendor_groups(cells, profile)


def _group(group: int, row: Mapping[int, int], findings: Findings) -> PseGroup:
    budget, drawn = _watts(group, row.get(MAIN_POWER), row.get(MAIN_CONSUMPTION), findings)
    status, threshold = row.get(MAIN_STATUS), row.get(MAIN_THRESHOLD)
    if threshold is not None and not 1 <= threshold <= 99:
        findings.add(f"group {group}: UsageThreshold {threshold} is outside 1–99; shown as unknown")
        threshold = None
    if status is not None and status not in (1, 2, 3):
        findings.add(f"group {group}: OperStatus {status} is outside the enumeration; shown as unknown")
        status = None
    return PseGroup(
        group=group,
        budget_mw=budget,
        drawn_mw=drawn,
        operates=None if status is None else status == 1,
        threshold_percent=threshold,
    )


def _watts(group: int, power: int | None, drawn: int | None, findings: Findings) -> tuple[int | None, int | None]:
    """Budget and consumption of a group in mW, after the known liars were recognised."""
    if power is not None and power <= 0:
        findings.add(f"group {group}: Power {power}: the switch names no budget")
        power = None
    factor = 1000
    if power is not None and power > _MAX_MIB_WATTS:
        findings.add(f"group {group}: Power {power} is beyond the MIB's range: it counts milliwatts")
        factor = 1
    budget = None if power is None else power * factor
    if drawn is None:
        return budget, None
    if not 0 <= drawn < 1_000_000_000:
        findings.add(f"group {group}: ConsumptionPower {drawn} cannot be; shown as unknown")
        return budget, None
    if budget is None and drawn > 1000:
        findings.add(f"group {group}: ConsumptionPower {drawn} without a budget: watts or milliwatts, shown as unknown")
        return budget, None
    if factor == 1000 and power is not None and drawn > max(power, 1000):
        findings.add(f"group {group}: ConsumptionPower {drawn} exceeds the budget of {power} W: it counts milliwatts")
        factor = 1
    drawn_mw = drawn * factor
    if budget is not None and drawn_mw > 2 * budget:
        findings.add(f"group {group}: ConsumptionPower {drawn} is far beyond the budget; shown as unknown")
        return budget, None
    return budget, drawn_mw


def _vendor_groups(cells: Cells, profile: VendorProfile) -> tuple[PseGroup, ...]:
    supplies = profile.supplies
    if supplies is None:
        return ()
    depth = len(supplies.entry)
    rows: dict[int, dict[int, int]] = {}
    for oid, value in cells.items():
        if len(oid) == depth + 2 and oid[:depth] == supplies.entry and isinstance(value, int):
            rows.setdefault(1 if supplies.scalar else oid[-1], {})[oid[depth]] = value
    found = []
    for group, row in sorted(rows.items()):
        budget, drawn = row.get(supplies.budget.number), row.get(supplies.drawn.number)
        found.append(
            PseGroup(
                group=group,
                budget_mw=budget * supplies.budget.factor if budget is not None and budget > 0 else None,
                drawn_mw=drawn * supplies.drawn.factor if drawn is not None and drawn >= 0 else None,
            )
        )
    return tuple(found)


def compare_groups(ports: tuple[PoePort, ...], groups: tuple[PseGroup, ...], findings: Findings) -> None:
    """Note ports whose group has no supply, and gaps in the groups' numbers."""
    known = {group.group for group in groups}
    used = {port.ref.group for port in ports}
    if known and (without := sorted(used - known)):
        names = ", ".join(map(str, without))
        findings.add(f"the switch names no power supply for group {names} of its ports: the budget is incomplete")
    if len(known) > 1 and sorted(known) != list(range(1, len(known) + 1)):
        findings.add(f"group numbers have gaps: {', '.join(map(str, sorted(known)))}")
