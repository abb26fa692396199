"""What RouterOS says of its PoE ports over REST, understood: pure, no network. Numbers may be strings."""

import re
from collections.abc import Sequence

from homelab_tui.domain.poe import Detection, PoePort, PortRef, SwitchReading
from homelab_tui.domain.values import Frozen
from homelab_tui.sources.json_values import Object, decoded, number, objects, scaled, text, truth

_STATUS = {
    "disabled": Detection.DISABLED,
    "off": Detection.DISABLED,
    "waiting-for-load": Detection.SEARCHING,
    "powered-on": Detection.DELIVERING,
    "overload": Detection.FAULT,
    "short-circuit": Detection.FAULT,
    "voltage-too-low": Detection.FAULT,
    "voltage-too-high": Detection.FAULT,
    "low-voltage-too-low": Detection.FAULT,
    "current-too-low": Detection.FAULT,
    "power-reset": Detection.SEARCHING,
    "controller-init": Detection.OTHER_FAULT,
    "controller-error": Detection.OTHER_FAULT,
    "controller-upgrade": Detection.OTHER_FAULT,
    "poe-in-detected": Detection.OTHER_FAULT,
    "no-valid-psu": Detection.OTHER_FAULT,
}
MODES = {"auto-on", "off"}
"""What this program switches between; `forced-on` is a person's choice for a device without negotiation."""


class PoeInterface(Frozen):
    """One row of `/interface/ethernet/poe`."""

    id: str
    """RouterOS' own, as `*5`."""
    name: str
    mode: str | None
    """`poe-out`: auto-on, forced-on or off."""
    port: int
    """The number in its default name (ether5): a person may rename an interface."""


def interfaces(poe: bytes, ethernet: bytes) -> tuple[tuple[PoeInterface, ...], dict[str, Object]]:
    """The PoE interfaces, and the Ethernet rows by name. Raises: SourceGarbled."""
    rows = {str(row.get("name")): row for row in objects(decoded(ethernet, "the list of Ethernet interfaces"))}
    found = []
    for place, entry in enumerate(objects(decoded(poe, "the list of PoE interfaces")), start=1):
        name = text(entry.get("name"))
        if name is None:
            continue
        default = text(rows.get(name, {}).get("default-name")) or name
        digits = re.search(r"([0-9]{1,4})$", default) or re.search(r"([0-9]{1,4})", default)
        port = int(digits[1]) if digits else place
        found.append(PoeInterface(text(entry.get(".id")) or name, name, text(entry.get("poe-out")), port))
    return tuple(found), rows


def reading(
    switch: str,
    found: Sequence[PoeInterface],
    rows: dict[str, Object],
    monitor: bytes | None,
    model: str | None,
    findings: Sequence[str] = (),
) -> SwitchReading:
    """The ports now. `monitor`: the answer of the live values, None when it did not come."""
    noted = list(findings)
    live = _live(found, monitor, noted)
    ports = []
    taken: set[int] = set()
    for one in found:
        if one.port in taken:
            noted.append(f"{one.name}: another interface has number {one.port} already; this one is left out")
            continue
        taken.add(one.port)
        ports.append(_port(switch, one, rows.get(one.name, {}), live.get(one.name, {}), noted))
    return SwitchReading(
        name=switch,
        source="routeros",
        ports=tuple(sorted(ports, key=lambda port: port.ref)),
        model=model,
        findings=tuple(dict.fromkeys(noted)),
    )


def mac_ports(hosts: bytes, found: Sequence[PoeInterface]) -> tuple[tuple[str, int], ...]:
    """(MAC, port) pairs of the bridge's host table. Raises: SourceGarbled."""
    numbers = {one.name: one.port for one in found}
    pairs = []
    for row in objects(decoded(hosts, "the bridge's host table")):
        mac, port = text(row.get("mac-address")), numbers.get(str(row.get("on-interface", row.get("interface"))))
        if mac and port is not None and truth(row.get("local")) is not True:
            pairs.append((mac.lower(), port))
    return tuple(dict.fromkeys(pairs))


def _live(found: Sequence[PoeInterface], monitor: bytes | None, findings: list[str]) -> dict[str, Object]:
    """The live values by interface: by the name they carry, else by their order."""
    if monitor is None:
        return {}
    rows = list(objects(decoded(monitor, "the PoE monitor")))
    by_name = {str(row["name"]): row for row in rows if "name" in row}
    if by_name:
        return by_name
    if len(rows) == len(found):
        return {one.name: row for one, row in zip(found, rows, strict=True)}
    findings.append(f"the monitor told of {len(rows)} ports without their names, and there are {len(found)}")
    return {}


def _port(switch: str, one: PoeInterface, row: Object, live: Object, findings: list[str]) -> PoePort:
    status = text(live.get("poe-out-status"))
    detection = _STATUS.get(status) if status else None
    if status is not None and detection is None:
        findings.append(f"{one.name}: a PoE status that is not known: {status!r}")
    if detection is None and one.mode == "off":
        detection = Detection.DISABLED
    speed = re.match(r"([0-9.]+)\s*([MG])", str(row.get("speed", row.get("rate", ""))))
    mbps = number(speed[1]) if speed else None
    return PoePort(
        ref=PortRef(switch, 1, one.port),
        label=text(row.get("comment")) or one.name,
        if_name=one.name,
        admin_on=None if one.mode is None else one.mode != "off",
        detection=detection,
        power_mw=scaled(live.get("poe-out-power"), 1000),
        voltage_mv=scaled(live.get("poe-out-voltage"), 1000),
        current_ma=scaled(live.get("poe-out-current"), 1),
        if_index=one.port,
        link_up=truth(row.get("running")),
        speed_mbps=None if mbps is None or speed is None else round(mbps * (1000 if speed[2] == "G" else 1)),
    )
