"""PoE as it lies in a Prometheus: snmp_exporter's POWER-ETHERNET-MIB and MikroTik series, unpoller's. Pure.

snmp_exporter keeps the MIB's names and numbers; its stock configuration scrapes `mtxrPOE*` alone, `pethPsePort*`,
`pethMainPse*` and a vendor's watts need a module of the user's (generator: walk 1.3.6.1.2.1.105 and the vendor's
table). A row's index becomes labels, named like the MIB's index objects; where a vendor's table augments the one of
RFC 3621, like those of that. unpoller's `…_amperes` are milliamperes.
"""

import json
import math
from collections.abc import Mapping, Sequence

from homelab_tui.domain.errors import SourceGarbled
from homelab_tui.domain.poe import Detection, PoePort, PortRef, PseGroup, SwitchReading
from homelab_tui.domain.values import Frozen, replace
from homelab_tui.sources.json_values import whole

POWER_MW = {
    "unpoller_device_port_poe_watts": 1000,
    "mtxrPOEPower": 100,
    "cpeExtPsePortPwrConsumption": 1,
    "agentPethOutputPower": 1,
    "rlPethPsePortOutputPower": 1,
    "hpicfPoePethPsePortActualPower": 1,
    "hpicfPoePethPsePortPower": 1,
    "arubaWiredPoePethPsePortPowerDrawn": 1,
    "zyPoePsePortInfoPowerConsumption": 1,
    "tpPoePower": 100,
}
"""Metric of a port's power → milliwatts in one of its units. Of two that one port has the first counts."""
_ALLOCATED = "cpeExtPsePortPwrAllocated"
"""What a Cisco keeps for a device, in mW."""
_RANK = {name: rank for rank, name in enumerate(POWER_MW)}
PORT_LABELS = (
    "pethPsePortIndex",
    "rlPethPsePortIndex",
    "dot1dBasePort",
    "tpPoePortIndex",
    "mtxrPOEInterfaceIndex",
    "port_num",
)
GROUP_LABELS = ("pethPsePortGroupIndex", "rlPethPsePortGroupIndex")
NAME_LABELS = ("mtxrPOEName", "ifName")
_NAMES = "|".join(
    (
        r"pethPsePort.+|pethMainPse.+|mtxrPOE.+|unpoller_device_port_poe_.+",
        *(n for n in POWER_MW if "_" not in n),
        _ALLOCATED,
    )
)
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


class Series(Frozen):
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
    for one in sorted(samples, key=lambda sample: -_RANK.get(sample.name, 0)):  # what counts more is taken in later
        found_at = place(one)
        if found_at is None:
            continue
        if (one.name, *found_at) in seen:
            findings["several switches match these labels, or one is scraped twice: make `match` narrower"] = None
            continue
        seen.add((one.name, *found_at))
        group, index = found_at
        if one.name.startswith("pethMainPse"):
            groups[group] = _with_supply(groups.get(group, PseGroup(group)), one)
        else:
            ref = PortRef(switch, group, index)
            ports[ref] = _with_value(ports.get(ref, PoePort(ref)), one)
    found = tuple(_judged(port) for _, port in sorted(ports.items()))
    return SwitchReading(
        switch, "prometheus", ports=found, groups=tuple(groups[n] for n in sorted(groups)), findings=tuple(findings)
    )


def place(one: Series) -> tuple[int, int] | None:
    """(group, port) of a series; None when it names none."""
    labels = one.labels
    named = (labels[name] for name in ("pethMainPseGroupIndex", *GROUP_LABELS) if labels.get(name))
    group = whole(next(named, "1"))
    if one.name.startswith("pethMainPse"):
        return None if group is None else (group, 0)
    for name in PORT_LABELS:
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
    if name in POWER_MW:
        return replace(port, power_mw=round(value * POWER_MW[name]))
    if name == _ALLOCATED:
        return replace(port, allocated_mw=round(value))
    if name == "mtxrPOEVoltage":
        return replace(port, voltage_mv=round(value * 100))
    if name in ("mtxrPOECurrent", "unpoller_device_port_poe_amperes"):
        return replace(port, current_ma=round(value))
    if name == "unpoller_device_port_poe_volts":
        return replace(port, voltage_mv=round(value * 1000))
    return port


def _judged(port: PoePort) -> PoePort:
    """A class is valid only while power is delivered. unpoller tells no status: a voltage on the port is one."""
    if port.detection is None and port.admin_on is None and port.voltage_mv is not None:
        port = replace(port, detection=Detection.DELIVERING if port.voltage_mv > 0 else None)
    return port if port.detection is Detection.DELIVERING else replace(port, power_class=None)
