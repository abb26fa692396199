"""Range queries of a Prometheus: what a node's temperature and power were. Pure."""

import json
import math
from collections.abc import Callable, Iterable
from datetime import UTC, datetime

import msgspec

from homelab_tui.domain.curves import Curve, NodeCurves
from homelab_tui.domain.errors import SourceGarbled
from homelab_tui.sources.node_exporter import cpu_sensor, sensor_of
from homelab_tui.sources.prometheus_answers import UNREADABLE, Labels

_NAMES = ("node_thermal_zone_temp", "node_hwmon_temp_celsius", "node_power_supply_current_ampere")
_HAT_V = 5.0
_MOST_POINTS = 11_000
"""More than any Prometheus answers at once."""


class _Series(msgspec.Struct, gc=False):
    metric: Labels
    values: list[tuple[float, str]] = []


class _Matrix(msgspec.Struct, rename={"result_type": "resultType"}):
    result_type: str
    result: list[_Series]


class _Answer(msgspec.Struct):
    status: str
    data: _Matrix | None = None


_answers = msgspec.json.Decoder(_Answer)


def query(instance: str) -> str:
    """Everything that is drawn of one machine, in one question."""
    return f'{{__name__=~"{"|".join(_NAMES)}", instance={json.dumps(instance, ensure_ascii=False)}}}'


def curves(body: bytes, start: datetime, step_s: float, points: int, witness: str) -> NodeCurves:
    """The processor's temperature and the HAT's power. Raises: SourceGarbled when it is no matrix."""
    try:
        answer = _answers.decode(body)
    except UNREADABLE as error:
        raise SourceGarbled("no answer to a range query") from error
    if answer.status != "success" or answer.data is None or answer.data.result_type != "matrix":
        raise SourceGarbled("an answer to a range query that is no matrix")
    series = answer.data.result
    hot = cpu_sensor({sensor_of(one.metric) for one in series if one.metric.name != _NAMES[2]})
    heat = [one for one in series if one.metric.name != _NAMES[2] and sensor_of(one.metric) == hot]
    hats = [one for one in series if one.metric.name == _NAMES[2] and one.metric.power_supply == "rpi-poe"]

    def drawn(found: Iterable[_Series], factor: float) -> Curve | None:
        return _curve(found, start.timestamp(), step_s, points, witness, lambda value: round(value * factor, 3))

    return NodeCurves(temperature_c=drawn(heat, 1.0) if hot else None, hat_w=drawn(hats, _HAT_V))


def _curve(
    series: Iterable[_Series], start: float, step_s: float, points: int, witness: str, made: Callable[[float], float]
) -> Curve | None:
    """The highest of several series in each slot (a processor's cores); None without a single value."""
    values: list[float | None] = [None] * min(points, _MOST_POINTS)
    for one in series:
        for at, text in one.values[:_MOST_POINTS]:
            slot = round((at - start) / step_s) if math.isfinite(at) else -1
            try:
                number = made(float(text))
            except ValueError:
                continue
            if 0 <= slot < len(values) and math.isfinite(number):
                before = values[slot]
                values[slot] = number if before is None else max(before, number)
    if all(value is None for value in values):
        return None
    return Curve(tuple(values), step_s, witness, datetime.fromtimestamp(start + step_s * (points - 1), UTC))
