"""Range queries of a Prometheus: what a switch's port gave. Pure.

One port is asked for, not its switch: 48 ports over two hours are 300 KB. What is told is drawn only where it can be
nobody else's: two series that say different things of one moment (two switches, or one that is scraped twice and in
between gave another answer) are no curve.
"""

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence

import msgspec

from homelab_tui.domain.curves import Curve, PortSeries
from homelab_tui.domain.poe import PoePort, PortRef
from homelab_tui.sources.poe_series import GROUP_LABELS, NAME_LABELS, PORT_LABELS, POWER_MW, Series, place
from homelab_tui.sources.prometheus_ranges import Answer, Slots, matrix

_MOST_W = 1_000.0
"""IEEE 802.3bt ends at 90 W: what is far beyond is one of the liars, and no reading."""


_answers = msgspec.json.Decoder(Answer[Mapping[str, str]])


def query(ref: PortRef, series: PortSeries) -> str:
    """Every series that may be the power of this port. A label that a series does not have is an empty one."""
    wanted = [*_labels(series), ("__name__", "=~", "|".join(POWER_MW))]
    if not series.by_name:
        wanted += [(name, "=~", f"|{ref.port}") for name in PORT_LABELS]
        wanted += [(name, "=~", f"|{ref.group}") for name in GROUP_LABELS]
    return "{" + ", ".join(f"{name}{how}{json.dumps(text, ensure_ascii=False)}" for name, how, text in wanted) + "}"


def _labels(series: PortSeries) -> list[tuple[str, str, str]]:
    if series.labels:
        return [(name, "=", value) for name, value in series.labels]
    return [("instance", "=~", "|".join(map(re.escape, series.instances)))]


def curve(body: bytes, port: PoePort, series: PortSeries, slots: Slots, witness: str) -> Curve | None:
    """What the port gave; None when that is not told, or not told for certain. Raises: SourceGarbled."""
    named: dict[str, list[list[float | None]]] = {}
    for told in matrix(_answers, body):
        name = told.metric.get("__name__", "")
        if name in POWER_MW and _is_of(port, Series(name, told.metric, 0.0), series):
            named.setdefault(name, []).append(slots.values(told.values, _watts(name)))
    for name in POWER_MW:
        if name in named:
            joined = _joined(named[name])
            return slots.curve(joined, witness) if joined else None
    return None


def _is_of(port: PoePort, one: Series, series: PortSeries) -> bool:
    if series.by_name:
        return port.if_name is not None and port.if_name in {one.labels.get(name) for name in NAME_LABELS}
    return place(one) == (port.ref.group, port.ref.port)


def _watts(name: str) -> Callable[[float], float]:
    factor = POWER_MW[name]

    def made(value: float) -> float:
        watts = round(value * factor / 1000, 3)
        return watts if 0 <= watts <= _MOST_W else math.nan

    return made


def _joined(told: Sequence[Sequence[float | None]]) -> list[float | None] | None:
    """One series after the other (a label changed, an exporter moved); None where two contradict each other."""
    joined: list[float | None] = []
    for slot in zip(*told, strict=True):
        values = {value for value in slot if value is not None}
        if len(values) > 1:
            return None
        joined.append(values.pop() if values else None)
    return joined
