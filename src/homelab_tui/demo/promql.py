"""Answers the demo lab's part of PromQL from a Prometheus' storage."""

import math
import operator
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean

from homelab_tui.demo.promql_errors import QueryError, unspoken
from homelab_tui.demo.promql_syntax import OVER_TIME
from homelab_tui.demo.promql_tree import Aggregate, Binary, Call, Expr, Number, Selector
from homelab_tui.demo.timeseries import Labels, Run, Series, TimeSeries

LOOKBACK_S = 300.0
_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
    ">=": operator.ge,
    "<=": operator.le,
}
_ARITHMETIC: dict[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": lambda a, b: a / b if b else (math.nan if a == 0 or math.isnan(a) else math.copysign(math.inf, a)),
    "%": lambda a, b: math.fmod(a, b) if b else math.nan,
}
_ROUNDING: dict[str, Callable[[float], float]] = {
    "abs": abs,
    "ceil": math.ceil,
    "floor": math.floor,
    "round": lambda value: math.floor(value + 0.5),
}


@dataclass(frozen=True, slots=True)
class Point:
    """One element of an instant vector."""

    labels: Labels
    value: float
    taken: float
    """Unix second of the sample itself."""


Value = float | list[Point]


class Evaluator:
    """Evaluates trees at one moment."""

    def __init__(self, storage: TimeSeries, moment: float) -> None:
        self.storage = storage
        self.moment = moment

    def value(self, expr: Expr) -> Value:
        """A scalar or an instant vector. Raises: QueryError."""
        if isinstance(expr, Number):
            return expr.value
        if isinstance(expr, Selector):
            if expr.range_s is not None:
                raise unspoken("a range vector outside a function")
            return self._select(expr)
        if isinstance(expr, Call):
            return self._call(expr)
        if isinstance(expr, Aggregate):
            return self._aggregate(expr)
        return self._binary(expr)

    def _vector(self, expr: Expr) -> list[Point]:
        found = self.value(expr)
        if isinstance(found, float):
            raise QueryError(
                400, "bad_data", 'invalid parameter "query": parse error: expected type instant vector, got scalar'
            )
        return found

    # -- selecting -----------------------------------------------------------------------------------------------------

    def _series(self, selector: Selector) -> Iterator[tuple[Series, Labels]]:
        named = selector.name or next(
            (m.value for m in selector.matchers if m.label == "__name__" and m.op == "="), None
        )
        for series in self.storage.named(named):
            labels = series.labels
            if all(test.matches(labels.get(test.label, "")) for test in selector.matchers):
                yield series, labels

    def _select(self, selector: Selector) -> list[Point]:
        latest = self.storage.sample_time(self.moment)
        found: list[Point] = []
        for series, labels in self._series(selector):
            run = series.at(self.moment)
            if run is None:
                continue
            taken = max(run.start, min(latest, self.moment))
            if self.moment - taken <= LOOKBACK_S:
                found.append(Point(labels, run.value, taken))
        return found

    def _ranges(self, expr: Expr) -> list[tuple[Series, list[Run], float]]:
        if not isinstance(expr, Selector) or expr.range_s is None:
            raise QueryError(
                400,
                "bad_data",
                'invalid parameter "query": parse error: expected type range vector in call to function',
            )
        start = self.moment - expr.range_s
        found = [(series, series.between(start, self.moment), start) for series, _ in self._series(expr)]
        return [(series, runs, start) for series, runs, start in found if runs]

    # -- functions -----------------------------------------------------------------------------------------------------

    def _call(self, call: Call) -> Value:
        if call.function == "time":
            return self.moment
        if len(call.arguments) != 1:
            why = f'expected 1 argument(s) in call to "{call.function}", got {len(call.arguments)}'
            raise QueryError(400, "bad_data", f'invalid parameter "query": parse error: {why}')
        argument = call.arguments[0]
        if call.function in OVER_TIME or call.function in ("rate", "increase", "changes"):
            return self._over_time(call.function, argument)
        if call.function == "vector":
            scalar = self.value(argument)
            return [Point({}, scalar, self.moment)] if isinstance(scalar, float) else scalar
        points = self._vector(argument)
        if call.function == "timestamp":
            return [Point(_unnamed(point.labels), point.taken, self.moment) for point in points]
        if call.function == "absent":
            known = argument.matchers if isinstance(argument, Selector) else ()
            labels = {m.label: m.value for m in known if m.op == "=" and m.label != "__name__"}
            return [] if points else [Point(labels, 1.0, self.moment)]
        if call.function == "scalar":
            return points[0].value if len(points) == 1 else math.nan
        act = _ROUNDING[call.function]
        return [Point(_unnamed(point.labels), float(act(point.value)), point.taken) for point in points]

    def _over_time(self, function: str, argument: Expr) -> list[Point]:
        found: list[Point] = []
        for series, runs, start in self._ranges(argument):
            labels = series.labels if function == "last_over_time" else _unnamed(series.labels)
            value = self._reduce(function, runs, start)
            if value is not None:
                found.append(Point(labels, value, self.moment))
        return found

    def _reduce(self, function: str, runs: list[Run], start: float) -> float | None:
        values = [run.value for run in runs]
        if function in ("rate", "increase"):
            grown = sum(max(0.0, b - a) if b >= a else b for a, b in pairwise(values))
            return grown if function == "increase" else grown / (self.moment - start)
        if function == "changes":
            return float(sum(a != b for a, b in pairwise(values)))
        if function == "last_over_time":
            return values[-1]
        if function in ("max_over_time", "min_over_time"):
            return (max if function == "max_over_time" else min)(values)
        counts = [self._samples(run, start) for run in runs]
        if function == "count_over_time":
            return float(sum(counts)) or None
        total = sum(count * value for count, value in zip(counts, values, strict=True))
        return total if function == "sum_over_time" else (total / sum(counts) if sum(counts) else fmean(values))

    def _samples(self, run: Run, start: float) -> int:
        end = min(self.moment, run.end if run.end is not None else self.moment)
        return sum(max(start, run.start - 0.001) < at <= end for at in self.storage.scrapes)

    # -- aggregation ---------------------------------------------------------------------------------------------------

    def _aggregate(self, node: Aggregate) -> list[Point]:
        groups: dict[tuple[tuple[str, str], ...], list[Point]] = {}
        for point in self._vector(node.expr):
            if node.without:
                kept = {k: v for k, v in point.labels.items() if k not in node.labels and k != "__name__"}
            else:
                kept = {k: point.labels[k] for k in node.labels if k in point.labels}
            groups.setdefault(tuple(sorted(kept.items())), []).append(point)
        if node.op in ("topk", "bottomk"):
            size = self.value(node.parameter) if node.parameter is not None else math.nan
            if not isinstance(size, float) or math.isnan(size):
                raise unspoken(f"{node.op} without a number")
            best = node.op == "topk"
            ordered = (sorted(points, key=lambda point: point.value, reverse=best) for points in groups.values())
            return [point for points in ordered for point in points[: int(size)]]
        reduce: dict[str, Callable[[list[float]], float]] = {
            "count": lambda values: float(len(values)),
            "sum": math.fsum,
            "max": max,
            "min": min,
            "avg": fmean,
            "group": lambda values: 1.0,
        }
        return [
            Point(dict(key), reduce[node.op]([point.value for point in points]), self.moment)
            for key, points in groups.items()
        ]

    # -- operators -----------------------------------------------------------------------------------------------------

    def _binary(self, node: Binary) -> Value:
        left, right = self.value(node.left), self.value(node.right)
        if node.op in ("and", "or", "unless"):
            return self._set_operation(node, left, right)
        if isinstance(left, float) and isinstance(right, float):
            return self._scalars(node, left, right)
        if isinstance(left, float) or isinstance(right, float):
            return self._with_scalar(node, left, right)
        return self._joined(node, left, right)

    def _scalars(self, node: Binary, left: float, right: float) -> float:
        if node.op in _COMPARE:
            if not node.as_bool:
                why = "comparisons between scalars must use BOOL modifier"
                raise QueryError(400, "bad_data", f'invalid parameter "query": parse error: {why}')
            return float(_COMPARE[node.op](left, right))
        return float(_ARITHMETIC[node.op](left, right))

    def _with_scalar(self, node: Binary, left: Value, right: Value) -> list[Point]:
        found: list[Point] = []
        for point in left if isinstance(left, list) else right if isinstance(right, list) else []:
            a = left if isinstance(left, float) else point.value
            b = right if isinstance(right, float) else point.value
            if node.op in _ARITHMETIC:
                found.append(Point(_unnamed(point.labels), float(_ARITHMETIC[node.op](a, b)), point.taken))
            elif node.as_bool:
                found.append(Point(_unnamed(point.labels), float(_COMPARE[node.op](a, b)), point.taken))
            elif _COMPARE[node.op](a, b):
                found.append(point)
        return found

    def _set_operation(self, node: Binary, left: Value, right: Value) -> list[Point]:
        if isinstance(left, float) or isinstance(right, float):
            why = f'set operator "{node.op}" not allowed in binary scalar expression'
            raise QueryError(400, "bad_data", f'invalid parameter "query": parse error: {why}')
        there = {_match_key(node, point.labels) for point in right}
        if node.op == "and":
            return [point for point in left if _match_key(node, point.labels) in there]
        if node.op == "unless":
            return [point for point in left if _match_key(node, point.labels) not in there]
        here = {_match_key(node, point.labels) for point in left}
        return [*left, *(point for point in right if _match_key(node, point.labels) not in here)]

    def _joined(self, node: Binary, left: list[Point], right: list[Point]) -> list[Point]:
        many, one, flipped = (right, left, True) if node.group == "right" else (left, right, False)
        partners: dict[tuple[tuple[str, str], ...], Point] = {}
        for point in one:
            key = _match_key(node, point.labels)
            if key in partners:
                side = "left" if flipped else "right"
                shown = _shown(dict(key))
                both = ", ".join(_shown(item.labels) for item in (point, partners[key]))
                group = f"found duplicate series for the match group {shown}"
                why = f"{group} on the {side} hand-side of the operation: [{both}]"
                raise QueryError(
                    422,
                    "execution",
                    f"{why};many-to-many matching not allowed: matching labels must be unique on one side",
                )
            partners[key] = point
        used: set[tuple[tuple[str, str], ...]] = set()
        found: list[Point] = []
        for point in many:
            key = _match_key(node, point.labels)
            partner = partners.get(key)
            if partner is None:
                continue
            if node.group is None and key in used:
                raise QueryError(
                    422,
                    "execution",
                    "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)",
                )
            used.add(key)
            a, b = (partner.value, point.value) if flipped else (point.value, partner.value)
            labels = self._joined_labels(node, point, partner)
            if node.op in _ARITHMETIC:
                found.append(Point(labels, float(_ARITHMETIC[node.op](a, b)), point.taken))
            elif node.as_bool:
                found.append(Point(labels, float(_COMPARE[node.op](a, b)), point.taken))
            elif _COMPARE[node.op](a, b):
                found.append(
                    Point(labels | {k: v for k, v in point.labels.items() if k == "__name__"}, point.value, point.taken)
                )
        return found

    def _joined_labels(self, node: Binary, point: Point, partner: Point) -> Labels:
        labels = _unnamed(point.labels)
        if node.group is None and node.on is not None:
            return {key: value for key, value in labels.items() if key in node.on}
        if node.group is None:
            return {key: value for key, value in labels.items() if key not in node.ignoring}
        return labels | {key: partner.labels[key] for key in node.include if key in partner.labels}


def _match_key(node: Binary, labels: Labels) -> tuple[tuple[str, str], ...]:
    if node.on is not None:
        return tuple(sorted((key, labels[key]) for key in node.on if key in labels))
    return tuple(
        sorted((key, value) for key, value in labels.items() if key != "__name__" and key not in node.ignoring)
    )


def _shown(labels: Labels) -> str:
    return "{" + ", ".join(f'{name}="{value}"' for name, value in sorted(labels.items())) + "}"


def _unnamed(labels: Labels) -> Labels:
    return {key: value for key, value in labels.items() if key != "__name__"}
