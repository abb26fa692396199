"""What a UniFi Network controller says of a switch's ports (`stat/device`, `stat/sta`), understood: pure."""

import re
from collections.abc import Iterable, Sequence

from homelab_tui.domain.errors import SourceGarbled
from homelab_tui.domain.poe import Detection, PoePort, PortRef, PseGroup, SwitchReading
from homelab_tui.domain.values import Frozen
from homelab_tui.sources.json_values import Object, decoded, number, objects, scaled, text, truth, whole

_MAC = re.compile(r"[0-9a-f]{2}(?::[0-9a-f]{2}){5}")
_MODES = {"auto", "off"}
"""What this program switches between; `pasv24` and `passthrough` are a person's choice, and are left alone."""


class UnifiDevice(Frozen):
    """One device of a site, as far as it is of use here."""

    id: str
    mac: str
    name: str
    address: str | None
    model: str | None
    ports: tuple[Object, ...]
    """`port_table`, the PoE ports of it alone."""
    overrides: tuple[Object, ...]
    """`port_overrides` as they are: writing one port means sending all of them back."""
    budget_w: float | None
    neighbours: tuple[tuple[str, int], ...]
    """(MAC, port) of its LLDP table."""

    def mode(self, port: int) -> str | None:
        """`poe_mode` of a port: auto, off, pasv24, passthrough; None when it is not told.

        As it is configured: what the switch itself reports follows seconds later, when it has been provisioned.
        """
        for entry in (*self.overrides, *self.ports):
            mode = text(entry.get("poe_mode"))
            if whole(entry.get("port_idx")) == port and mode is not None:
                return mode
        return None


def devices(body: bytes) -> tuple[UnifiDevice, ...]:
    """Every device of the answer to `stat/device`. Raises: SourceGarbled."""
    found = []
    for entry in _data(body, "the controller's list of devices"):
        mac = _mac(entry.get("mac"))
        if mac is None:
            continue
        ports = tuple(p for p in objects(entry.get("port_table") or []) if _is_poe(p))
        found.append(
            UnifiDevice(
                id=text(entry.get("_id")) or text(entry.get("device_id")) or "",
                mac=mac,
                name=text(entry.get("name")) or mac,
                address=text(entry.get("ip")),
                model=text(entry.get("model")),
                ports=ports,
                overrides=tuple(objects(entry.get("port_overrides") or [])),
                budget_w=number(entry.get("total_max_power")),
                neighbours=tuple(_lldp(entry)),
            )
        )
    return tuple(found)


def clients(body: bytes, switch_mac: str) -> tuple[tuple[str, int], ...]:
    """(MAC, port) of every wired client behind one switch, from the answer to `stat/sta`. Raises: SourceGarbled."""
    found = []
    for entry in _data(body, "the controller's list of clients"):
        mac, port = _mac(entry.get("mac")), whole(entry.get("sw_port"))
        if mac and port and truth(entry.get("is_wired")) is not False and _mac(entry.get("sw_mac")) == switch_mac:
            found.append((mac, port))
    return tuple(found)


def chosen(found: Sequence[UnifiDevice], name: str, device: str | None) -> UnifiDevice:
    """The switch that is meant. Raises: SourceGarbled naming those that there are."""
    wanted = device or name
    key = wanted.casefold().replace("-", ":")
    for one in found:
        if wanted in (one.name, one.address) or key == one.mac:
            return one
    switches = [one for one in found if one.ports]
    if device is None and len(switches) == 1:
        return switches[0]
    known = ", ".join(f"{one.name} ({one.mac})" for one in switches) or "none"
    raise SourceGarbled(f"the site has no device {wanted!r}; with PoE ports: {known}; say `device = …`")


def reading(name: str, device: UnifiDevice, behind: Iterable[tuple[str, int]] = ()) -> SwitchReading:
    """The switch's ports now. `behind`: (MAC, port) of what is known to hang on them."""
    findings: list[str] = []
    ports = tuple(port for entry in device.ports if (port := _port(name, entry, device, findings)) is not None)
    budget = round(device.budget_w * 1000) if device.budget_w and device.budget_w > 0 else None
    tables = [
        (mac, whole(entry.get("port_idx")) or 0)
        for entry in device.ports
        for row in objects(entry.get("mac_table") or [])
        if (mac := _mac(row.get("mac")))
    ]
    return SwitchReading(
        name=name,
        source="unifi",
        ports=tuple(sorted(ports, key=lambda port: port.ref)),
        groups=(PseGroup(1, budget_mw=budget),) if ports else (),
        model=device.model,
        findings=tuple(dict.fromkeys(findings)),
        mac_ports=tuple(dict.fromkeys([*tables, *behind, *device.neighbours])),
    )


def refusal_to_switch(device: UnifiDevice, port: int) -> str | None:
    """Why a port's mode must not be touched; None when it may."""
    mode = device.mode(port)
    if mode is None or mode in _MODES:
        return None
    return f"its mode is {mode}, which a person chose in the controller: homelab switches auto and off only"


def with_mode(device: UnifiDevice, port: int, mode: str) -> list[dict[str, object]]:
    """`port_overrides` with the mode of one port changed and everything else as it is."""
    found = [dict(entry) for entry in device.overrides]
    mine = next((entry for entry in found if whole(entry.get("port_idx")) == port), None)
    if mine is None:
        found.append({"port_idx": port, "poe_mode": mode})
    else:
        mine["poe_mode"] = mode
    return found


def _port(switch: str, entry: Object, device: UnifiDevice, findings: list[str]) -> PoePort | None:
    index = whole(entry.get("port_idx"))
    if not index:
        return None
    mode = device.mode(index)
    powered = truth(entry.get("poe_enable"))
    if mode is not None and mode not in (*_MODES, "pasv24", "passthrough"):
        findings.append(f"port {index}: a PoE mode that is not known: {mode!r}")
    detection = None
    if powered:
        detection = Detection.DELIVERING
    elif mode is not None:
        detection = Detection.DISABLED if mode == "off" else Detection.SEARCHING
    if powered and truth(entry.get("poe_good")) is False:
        findings.append(f"port {index}: the switch says poe_good = false while it gives power")
    class_text = re.fullmatch(r"Class ([0-8])", str(entry.get("poe_class")))
    return PoePort(
        ref=PortRef(switch, 1, index),
        label=text(entry.get("name")),
        admin_on=None if mode is None else mode != "off",
        detection=detection,
        power_class=int(class_text[1]) if class_text and powered else None,
        power_mw=scaled(entry.get("poe_power"), 1000),
        voltage_mv=scaled(entry.get("poe_voltage"), 1000),
        # Milliamperes, although its name and unpoller's metric do not say so: 53.78 V x 60.18 is 3.24 W in mA alone.
        current_ma=scaled(entry.get("poe_current"), 1),
        if_index=index,
        link_up=truth(entry.get("up")),
        speed_mbps=whole(entry.get("speed")) or None,
    )


def _is_poe(entry: Object) -> bool:
    capable = truth(entry.get("port_poe"))
    return capable if capable is not None else "poe_mode" in entry


def _lldp(entry: Object) -> Iterable[tuple[str, int]]:
    for row in objects(entry.get("lldp_table") or []):
        mac, port = _mac(row.get("chassis_id")), whole(row.get("local_port_idx"))
        if mac and port:
            yield mac, port


def _data(body: bytes, what: str) -> Iterable[Object]:
    document = decoded(body, what)
    if not isinstance(document, dict) or not isinstance(document.get("data"), list):
        raise SourceGarbled(f"{what} has no `data` list: is this a UniFi Network controller?")
    return objects(document["data"])


def _mac(value: object) -> str | None:
    lowered = value.lower().replace("-", ":") if isinstance(value, str) else ""
    return lowered if _MAC.fullmatch(lowered) else None
