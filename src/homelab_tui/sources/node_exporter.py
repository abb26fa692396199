"""node_exporter's series, as one record per machine: a second witness beside our own probe."""

from collections import defaultdict
from collections.abc import Iterable

from homelab_tui.domain.nodes import NodeMetrics
from homelab_tui.sources.prometheus_answers import Labels, Sample, moment

_UNAME = "node_uname_info"
_BOOT_TIME = "node_boot_time_seconds"
_LOAD = "node_load1"
_MEMORY = "node_memory_MemTotal_bytes"
_AVAILABLE = "node_memory_MemAvailable_bytes"
_ZONE = "node_thermal_zone_temp"
_SENSOR = "node_hwmon_temp_celsius"
QUERY = f'{{__name__=~"up|{"|".join((_UNAME, _BOOT_TIME, _LOAD, _MEMORY, _AVAILABLE, _ZONE, _SENSOR))}"}}'

# The sensor that is the CPU's, best first: by thermal zone type, else by hwmon chip.
_CPU_ZONES = ("x86_pkg_temp", "cpu-thermal", "cpu_thermal", "soc-thermal", "soc_thermal")
_CPU_CHIPS = ("coretemp", "k10temp", "cpu", "thermal")
Key = tuple[str, str]
"""(scrape job, instance)."""


def machines(samples: Iterable[Sample]) -> tuple[NodeMetrics, ...]:
    """Every machine that a node_exporter speaks of, or should: sorted by instance.

    A target that is down has no series but `up`; it counts as a machine when other targets of its scrape job are
    node_exporters, or when none of that job answers and its name says so.
    """
    up: dict[Key, bool] = {}
    numbers: defaultdict[Key, dict[str, float]] = defaultdict(dict)
    names: dict[Key, str] = {}
    temperatures: defaultdict[Key, dict[str, float]] = defaultdict(dict)
    for sample in samples:
        labels, value = sample.metric, sample.number()
        if value is None:
            continue
        key = (labels.job, labels.instance)
        if labels.name == "up":
            up[key] = value == 1
        elif labels.name in (_ZONE, _SENSOR):
            sensor = _sensor(labels)
            temperatures[key][sensor] = max(value, temperatures[key].get(sensor, value))
        else:
            numbers[key][labels.name] = value
            if labels.name == _UNAME and labels.nodename:
                names[key] = max(labels.nodename, names.get(key, ""))
    answering = {job for job, _ in numbers}
    silent = {key for key, is_up in up.items() if not is_up and (key[0] in answering or "node" in key[0].lower())}
    return tuple(
        _machine(key, names.get(key), up.get(key), numbers.get(key, {}), temperatures.get(key, {}))
        for key in sorted(numbers.keys() | silent, key=lambda key: (key[1], key[0]))
    )


def _machine(
    key: Key, hostname: str | None, is_up: bool | None, numbers: dict[str, float], temperatures: dict[str, float]
) -> NodeMetrics:
    return NodeMetrics(
        instance=key[1],
        hostname=hostname,
        machine_up=is_up,
        boot_time=moment(numbers.get(_BOOT_TIME)),
        load1=numbers.get(_LOAD),
        memory_bytes=_bytes(numbers.get(_MEMORY)),
        memory_available_bytes=_bytes(numbers.get(_AVAILABLE)),
        temperature_c=_cpu_temperature(temperatures),
    )


def _sensor(labels: Labels) -> str:
    return labels.type if labels.name == _ZONE else f"chip:{labels.chip}"


def _cpu_temperature(temperatures: dict[str, float]) -> float | None:
    for zone in _CPU_ZONES:
        if zone in temperatures:
            return temperatures[zone]
    for word in _CPU_CHIPS:
        for sensor in sorted(temperatures):
            if sensor.startswith("chip:") and word in sensor:
                return temperatures[sensor]
    return None


def _bytes(number: float | None) -> int | None:
    return int(number) if number is not None and 0 <= number < 2**63 else None
