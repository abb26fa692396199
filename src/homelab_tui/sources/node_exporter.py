"""node_exporter's series, as one record per machine: a second witness beside our own probe."""

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from homelab_tui.domain.nodes import NodeMetrics
from homelab_tui.sources.prometheus_answers import Labels, Sample, moment

_UNAME = "node_uname_info"
_BOOT_TIME = "node_boot_time_seconds"
_LOAD = "node_load1"
_MEMORY = "node_memory_MemTotal_bytes"
_AVAILABLE = "node_memory_MemAvailable_bytes"
_SYNC = "node_timex_sync_status"
_DMI = "node_dmi_info"
_OS = "node_os_info"
_ZONE = "node_thermal_zone_temp"
_SENSOR = "node_hwmon_temp_celsius"
_SIZE = "node_filesystem_size_bytes"
_FREE = "node_filesystem_free_bytes"
_VOLTS = "node_hwmon_in_lcrit_alarm_volts"
_AMPERES = "node_power_supply_current_ampere"
_ALONE = (_UNAME, _BOOT_TIME, _LOAD, _MEMORY, _AVAILABLE, _SYNC, _DMI, _OS)
_TOLD_OFTEN = (_ZONE, _SENSOR, _VOLTS, _AMPERES)
"""Series of which a machine has several."""
_ROOT = f'{{__name__=~"{_SIZE}|{_FREE}", mountpoint="/"}}'
QUERY = f'{{__name__=~"up|{"|".join((*_ALONE, *_TOLD_OFTEN))}"}} or {_ROOT}'

# The sensor that is the CPU's, best first: by thermal zone type, else by hwmon chip.
_CPU_ZONES = ("x86_pkg_temp", "cpu-thermal", "cpu_thermal", "soc-thermal", "soc_thermal")
_CPU_CHIPS = ("coretemp", "k10temp", "cpu", "thermal")
_RPI_VOLT = re.compile(r"raspberrypi_hwmon|rpi_volt")
"""The chip of a Raspberry Pi's under-voltage sensor."""
_HAT = "rpi-poe"
_JUNK = frozenset(
    {"to be filled by o.e.m.", "default string", "system product name", "not specified", "none", "unknown", "n/a"}
)
"""What board makers leave in DMI (in lower case)."""
Key = tuple[str, str]
"""(scrape job, instance)."""


@dataclass(slots=True)
class _Machine:
    """The series of one target, as they come."""

    numbers: dict[str, float] = field(default_factory=dict)
    labels: dict[str, Labels] = field(default_factory=dict)
    """Of the series that tell by their labels; of two the greater, so that the answer's order means nothing."""
    temperatures: dict[str, float] = field(default_factory=dict)
    under_voltage: bool | None = None
    hat_ma: int | None = None

    def take(self, labels: Labels, value: float) -> None:
        """One sample."""
        if labels.name in (_ZONE, _SENSOR):
            sensor = sensor_of(labels)
            self.temperatures[sensor] = max(value, self.temperatures.get(sensor, value))
        elif labels.name == _VOLTS:
            if _RPI_VOLT.search(labels.chip):
                # The element is no alarm to node_exporter but volts: 1 comes as 0.001.
                self.under_voltage = value > 0
        elif labels.name == _AMPERES:
            if labels.power_supply == _HAT and 0 <= value < 1000:
                self.hat_ma = round(value * 1000)
        else:
            self.numbers[labels.name] = value
            before = self.labels.get(labels.name)
            if before is None or _told(labels) > _told(before):
                self.labels[labels.name] = labels


def machines(samples: Iterable[Sample]) -> tuple[NodeMetrics, ...]:
    """Every machine that a node_exporter speaks of, or should: sorted by instance.

    A target that is down has no series but `up`; it counts as a machine when other targets of its scrape job are
    node_exporters, or when none of that job answers and its name says so.
    """
    up: dict[Key, bool] = {}
    found: defaultdict[Key, _Machine] = defaultdict(_Machine)
    for sample in samples:
        labels, value = sample.metric, sample.number()
        if value is None:
            continue
        key = (labels.job, labels.instance)
        if labels.name == "up":
            up[key] = value == 1
        else:
            found[key].take(labels, value)
    answering = {job for (job, _), machine in found.items() if machine.numbers}
    silent = {key for key, is_up in up.items() if not is_up and (key[0] in answering or "node" in key[0].lower())}
    known = {key for key, machine in found.items() if machine.numbers} | silent
    return tuple(
        _metrics(key[1], up.get(key), found.get(key, _Machine()))
        for key in sorted(known, key=lambda key: (key[1], key[0]))
    )


def _metrics(instance: str, is_up: bool | None, machine: _Machine) -> NodeMetrics:
    numbers, nothing = machine.numbers, Labels()
    uname, dmi, system = (machine.labels.get(name, nothing) for name in (_UNAME, _DMI, _OS))
    size, free = _bytes(numbers.get(_SIZE)), _bytes(numbers.get(_FREE))
    sync = numbers.get(_SYNC)
    return NodeMetrics(
        instance=instance,
        hostname=uname.nodename or None,
        machine_up=is_up,
        boot_time=moment(numbers.get(_BOOT_TIME)),
        load1=numbers.get(_LOAD),
        memory_bytes=_bytes(numbers.get(_MEMORY)),
        memory_available_bytes=_bytes(numbers.get(_AVAILABLE)),
        temperature_c=cpu_temperature(machine.temperatures),
        model=_made(dmi.product_name),
        bios=_made(dmi.bios_version),
        os=system.pretty_name or None,
        kernel=uname.release or None,
        arch=uname.machine or None,
        root_size_bytes=size,
        root_used_bytes=size - free if size is not None and free is not None and free <= size else None,
        clock_synchronised=None if sync is None else sync > 0,
        under_voltage=machine.under_voltage,
        hat_ma=machine.hat_ma,
    )


def sensor_of(labels: Labels) -> str:
    """What tells one temperature of a machine from the others."""
    return labels.type if labels.name == _ZONE else f"chip:{labels.chip}"


def cpu_temperature(temperatures: dict[str, float]) -> float | None:
    """The processor's of several temperatures."""
    sensor = cpu_sensor(temperatures)
    return None if sensor is None else temperatures[sensor]


def cpu_sensor(sensors: Iterable[str]) -> str | None:
    """The processor's sensor among several; None when there is none. A board's or a disk's is none."""
    known = sorted(sensors)
    for zone in _CPU_ZONES:
        if zone in known:
            return zone
    for word in _CPU_CHIPS:
        for sensor in known:
            if sensor.startswith("chip:") and word in sensor:
                return sensor
    return None


def _told(labels: Labels) -> tuple[str, ...]:
    return (labels.nodename, labels.product_name, labels.pretty_name)


def _made(text: str) -> str | None:
    return None if not text.strip() or text.strip().casefold() in _JUNK else text.strip()


def _bytes(number: float | None) -> int | None:
    return int(number) if number is not None and 0 <= number < 2**63 else None
