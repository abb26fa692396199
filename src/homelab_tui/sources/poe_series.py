"""PoE as it lies in a Prometheus: snmp_exporter's POWER-ETHERNET-MIB and MikroTik series, unpoller's. Pure.

snmp_exporter keeps the MIB's names and numbers; its stock configuration scrapes `mtxrPOE*` alone, `pethPsePort*` and
`pethMainPse*` need a module of the user's (generator: walk 1.3.6.1.2.1.105). unpoller's `…_amperes` are milliamperes.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from homelab_tui.domain.errors import SourceGarbled
from homelab_tui.domain.poe import Detection, PoePort, PortRef, PseGroup, SwitchReading
from homelab_tui.sources.json_values import whole

_NAMES = r"pethPsePort.+|pethMainPse.+|mtxrPOE.+|unpoller_device_port_poe_.+"
_DETECTION = dict(enumerate(Detection, start=1))
_MIKROTIK = {
    1: Detection.DISABLED,
    2: Detection.SEARCHING,
    3: Detection.DELIVERING,
    8: Detection.SEARCHING,
} | dict.fromkeys((4, 5, 6, 7, 9), Detection.FAULT)
_COUNTERS = {
    "pethPsePortPowerDeniedCounter": "denied_count",
    "pethPsePortOverLoadCounter": "overload_count",
    "pethPsePortShortCounter": "short_count",
    "pethPsePortMPSAbsentCounter": "mps_absent_count",
}
_NO_INT = 2**31


@dataclass(frozen=True, slots=True)
class Series:
    """One sample with all its labels."""

    name: str
    labels: Mapping[str, str]
    value: float


def query(match: Sequence[tuple[str, str]]) -> str:
    """The instant query for one switch's series."""
    labels = "".join(f", {name}={json.dumps(value, ensure_ascii=False)}" for name, value in match)
    return f'{{__name__=~"{_NAMES}"{labels}}}'


def series(body: bytes) -> tuple[Series, ...]:
    """The samples of an answer. Raises: SourceGarbled."""
    try:
        document = json.loads(body)
        if document["status"] != "success" or document["data"]["resultType"] != "vector":
            raise SourceGarbled("the answer is no vector")
        found = []
        for sample in document["data"]["result"]:
            labels = {str(name): str(value) for name, value in sample["metric"].items()}
            value = float(sample["value"][1])
            if math.isfinite(value):
                found.append(Series(labels.pop("__name__", ""), labels, value))
        return tuple(found)
    except (ValueError, TypeError, KeyError, AttributeError, IndexError, RecursionError) as error:
        raise SourceGarbled("the answer is not one of a Prometheus") from error


def reading(switch: str, samples: Sequence[Series]) -> SwitchReading:
    """The ports these samples speak of; two series for one thing of one port are a finding, and the first counts."""
    ports: dict[PortRef, PoePort] = {}
    groups: dict[int, PseGroup] = {}
    seen: set[tuple[str, int, int]] = set()
    findings: dict[str, None] = {}
    for one in samples:
        place = _place(one)
        if place is None:
            continue
        if (one.name, *place) in seen:
            findings["several switches match these labels, or one is scraped twice: make `match` narrower"] = None
            continue
        seen.add((one.name, *place))
        group, index = place
        if one.name.startswith("pethMainPse"):
            groups[group] = _with_supply(groups.get(group, PseGroup(group)), one)
        else:
            ref = PortRef(switch, group, index)
            ports[ref] = _with_value(ports.get(ref, PoePort(ref)), one)
    found = tuple(_judged(port) for _, port in sorted(ports.items()))
    return SwitchReading(
        switch, "prometheus", ports=found, groups=tuple(groups[n] for n in sorted(groups)), findings=tuple(findings)
    )


def _place(one: Series) -> tuple[int, int] | None:
    """(group, port) of a series; None when it names none."""
    labels = one.labels
    group = whole(labels.get("pethMainPseGroupIndex", labels.get("pethPsePortGroupIndex", "1")))
    if one.name.startswith("pethMainPse"):
        return None if group is None else (group, 0)
    for name in ("pethPsePortIndex", "mtxrPOEInterfaceIndex", "port_num"):
        index = whole(labels.get(name))
        if index is not None and group is not None:
            return group, index
    return None


def _with_supply(group: PseGroup, one: Series) -> PseGroup:
    value = round(one.value) if 0 <= one.value < _NO_INT else None
    if one.name == "pethMainPsePower" and value:
        return replace(group, budget_mw=value * 1000)
    if one.name == "pethMainPseConsumptionPower" and value is not None:
        # The liars of the MIB: milliwatts for watts, and numbers that are no power at all.
        budget_w = (group.budget_mw or 0) // 1000
        watts = value / 1000 if value > 1000 and value > budget_w else value
        return group if value > 1_000_000_000 else replace(group, drawn_mw=round(watts * 1000))
    if one.name == "pethMainPseOperStatus":
        return replace(group, operates=value == 1)
    if one.name == "pethMainPseUsageThreshold" and value in range(1, 100):
        return replace(group, threshold_percent=value)
    return group


def _with_value(port: PoePort, one: Series) -> PoePort:
    value, name = one.value, one.name
    label = next((one.labels[key] for key in ("ifAlias", "port_name", "mtxrPOEName") if one.labels.get(key)), None)
    if label is not None and port.label is None:
        port = replace(port, label=label)
    if name in _COUNTERS:
        count = int(value)
        field = _COUNTERS[name]
        return replace(
            port,
            denied_count=count if field == "denied_count" else port.denied_count,
            overload_count=count if field == "overload_count" else port.overload_count,
            short_count=count if field == "short_count" else port.short_count,
            mps_absent_count=count if field == "mps_absent_count" else port.mps_absent_count,
        )
    if name == "pethPsePortAdminEnable":
        return replace(port, admin_on={1: True, 2: False}.get(int(value)))
    if name == "pethPsePortDetectionStatus":
        return replace(port, detection=_DETECTION.get(int(value)))
    if name == "pethPsePortPowerClassifications" and 1 <= value <= 9:
        return replace(port, power_class=int(value) - 1)
    return _with_power(port, name, value)


def _with_power(port: PoePort, name: str, value: float) -> PoePort:
    """Watts, volts and amperes, each in its exporter's own unit."""
    if value < 0 or value >= _NO_INT:
        return port
    if name == "mtxrPOEStatus":
        return replace(port, detection=_MIKROTIK.get(int(value), Detection.OTHER_FAULT), admin_on=int(value) != 1)
    if name in ("mtxrPOEPower", "mtxrPOEVoltage"):
        milli = round(value * 100)  # tenths of a watt, tenths of a volt
        return replace(port, power_mw=milli) if name == "mtxrPOEPower" else replace(port, voltage_mv=milli)
    if name in ("mtxrPOECurrent", "unpoller_device_port_poe_amperes"):
        return replace(port, current_ma=round(value))
    if name == "unpoller_device_port_poe_watts":
        return replace(port, power_mw=round(value * 1000))
    if name == "unpoller_device_port_poe_volts":
        return replace(port, voltage_mv=round(value * 1000))
    return port


def _judged(port: PoePort) -> PoePort:
    """A class is valid only while power is delivered. unpoller tells no status: a voltage on the port is one."""
    if port.detection is None and port.admin_on is None and port.voltage_mv is not None:
        port = replace(port, detection=Detection.DELIVERING if port.voltage_mv > 0 else None)
    return port if port.detection is Detection.DELIVERING else replace(port, power_class=None)
