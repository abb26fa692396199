"""Range queries of a Prometheus: what a node's temperature and power were. Pure."""

import itertools
import json
import math
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Generic, TypeVar

import msgspec

from homelab_tui.domain.curves import Curve, NodeCurves
from homelab_tui.domain.errors import SourceGarbled
from homelab_tui.domain.values import Frozen
from homelab_tui.sources.node_exporter import cpu_sensor, sensor_of
from homelab_tui.sources.prometheus_answers import UNREADABLE, Labels

_NAMES = ("node_thermal_zone_temp", "node_hwmon_temp_celsius", "node_power_supply_current_ampere")
_HAT_V = 5.0
MOST_POINTS = 11_000
"""More than any Prometheus answers at once."""


class Slots(Frozen):
    """The moments that are asked about: evenly spaced, on the step's own grid, so that one look asks for the same ones
    as the next."""

    start: datetime
    step_s: float
    points: int

    @classmethod
    def until(cls, end: datetime, seconds: float, points: int) -> "Slots":
        """So many of them over the time that ends at `end`."""
        step_s = seconds / points
        return cls(datetime.fromtimestamp((end.timestamp() // step_s - points + 1) * step_s, UTC), step_s, points)

    def form(self, query: str) -> dict[str, str]:
        """What is sent to `/api/v1/query_range`."""
        start = self.start.timestamp()
        end = start + self.step_s * (self.points - 1)
        return {"query": query, "start": f"{start:.3f}", "end": f"{end:.3f}", "step": f"{self.step_s:g}s"}

    def values(self, told: Iterable[tuple[float, str]], made: Callable[[float], float]) -> list[float | None]:
        """One series in its slots; None where it has nothing, or nothing that is a number."""
        values: list[float | None] = [None] * min(self.points, MOST_POINTS)
        start = self.start.timestamp()
        for at, text in itertools.islice(told, MOST_POINTS):
            slot = round((at - start) / self.step_s) if math.isfinite(at) else -1
            try:
                number = made(float(text))
            except ValueError:
                continue
            if 0 <= slot < len(values) and math.isfinite(number):
                values[slot] = number
        return values

    def curve(self, values: Sequence[float | None], witness: str) -> Curve | None:
        """None without a single value."""
        if all(value is None for value in values):
            return None
        ends_at = datetime.fromtimestamp(self.start.timestamp() + self.step_s * (self.points - 1), UTC)
        return Curve(tuple(values), self.step_s, witness, ends_at)


M = TypeVar("M")
"""What the labels of a series are decoded to."""


class Told(msgspec.Struct, Generic[M], gc=False):
    """One series of an answer, and its samples: (Unix seconds, number as text)."""

    metric: M
    values: list[tuple[float, str]] = []


class _Matrix(msgspec.Struct, Generic[M], rename={"result_type": "resultType"}):
    result_type: str
    result: list[Told[M]]


class Answer(msgspec.Struct, Generic[M]):
    """The answer to a range query, to be decoded with `matrix`."""

    status: str
    data: _Matrix[M] | None = None


def matrix(decoder: msgspec.json.Decoder[Answer[M]], body: bytes) -> list[Told[M]]:
    """The series of an answer. Raises: SourceGarbled when it is no matrix."""
    try:
        answer = decoder.decode(body)
    except UNREADABLE as error:
        raise SourceGarbled("no answer to a range query") from error
    if answer.status != "success" or answer.data is None or answer.data.result_type != "matrix":
        raise SourceGarbled("an answer to a range query that is no matrix")
    return answer.data.result


_answers = msgspec.json.Decoder(Answer[Labels])


def query(instance: str) -> str:
    """Everything that is drawn of one machine, in one question."""
    return f'{{__name__=~"{"|".join(_NAMES)}", instance={json.dumps(instance, ensure_ascii=False)}}}'


def curves(body: bytes, slots: Slots, witness: str) -> NodeCurves:
    """The processor's temperature and the HAT's power. Raises: SourceGarbled when it is no matrix."""
    series = matrix(_answers, body)
    hot = cpu_sensor({sensor_of(one.metric) for one in series if one.metric.name != _NAMES[2]})
    heat = [one for one in series if one.metric.name != _NAMES[2] and sensor_of(one.metric) == hot]
    hats = [one for one in series if one.metric.name == _NAMES[2] and one.metric.power_supply == "rpi-poe"]

    def drawn(found: Sequence[Told[Labels]], factor: float) -> Curve | None:
        """The highest of several series in each slot: a processor's cores."""
        told = [slots.values(one.values, lambda value: round(value * factor, 3)) for one in found]
        highest = [
            max((value for value in slot if value is not None), default=None) for slot in zip(*told, strict=True)
        ]
        return slots.curve(highest, witness)

    return NodeCurves(temperature_c=drawn(heat, 1.0) if hot else None, hat_w=drawn(hats, _HAT_V))
