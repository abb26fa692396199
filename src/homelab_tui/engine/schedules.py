"""When a CronJob runs next: the schedule grammar of Kubernetes (robfig/cron v3 ParseStandard), stepped by `cronsim`.

The two differ in the grammar and at daylight saving, so that the fields are read here by robfig's rules and handed to
cronsim as plain number lists, on a clock without a zone; the zone is put back here, too. Where they would not agree:

- `?` means `*` in every field, 7 is no day of the week, `L`, `W` and `#` do not exist;
- the days are "either" when both day fields are restricted, and `*/2` is a restriction while `*` and `*/1` are none;
- an hour that daylight saving leaves out is left out, one that it repeats runs twice (cronsim would move or drop it);
- nothing is looked for beyond five years.
"""

import re
from collections.abc import Callable, Iterator
from copy import copy
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from homelab_tui.domain.values import Frozen

Offset = Callable[[datetime], timedelta]
"""What a zone's clocks show at an instant, less UTC."""

_MACROS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_MONTH_NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAY_NAMES = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_MONTHS = {name: number for number, name in enumerate(_MONTH_NAMES, 1)}
_DAYS = {name: number for number, name in enumerate(_DAY_NAMES)}
_BOUNDS: tuple[tuple[int, int, dict[str, int]], ...] = (
    (0, 59, {}),
    (0, 23, {}),
    (1, 31, {}),
    (1, 12, _MONTHS),
    (0, 6, _DAYS),
)
_DURATION_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_DURATION_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)")
_HORIZON_YEARS = 5
_SECOND = timedelta(seconds=1)
_NEAR = timedelta(hours=3)


class _Every(Frozen):
    """`@every 1h30m`: ticks at a fixed distance from whatever tick came before."""

    period: timedelta


class _Fields(Frozen):
    """Five fields. `simulator` is a parsed template; each search steps a copy of it."""

    simulator: CronSim


@lru_cache(maxsize=8192)
def next_run(
    schedule: str, time_zone: str | None, after: datetime, known_tick: datetime | None = None
) -> datetime | None:
    """The first tick later than `after`, in UTC; None when there is none, or none can be told.

    `time_zone` None means the zone of the cluster's controller, which the API does not tell: UTC on most clusters, the
    host's on k3s. `known_tick`, a tick that has happened (lastScheduleTime), settles it: the zone is the one of UTC and
    this machine's in which the schedule has that tick; when it is neither, None. With nothing to go by, the later of
    both: rather late than a false alarm. `@every` counts from `known_tick`, else from `after`.
    """
    parsed = _parsed(schedule)
    if parsed is None:
        return None
    after = after.astimezone(UTC)
    if isinstance(parsed, _Every):
        return _next_of_period(parsed.period, after, known_tick)
    if time_zone is not None:
        offset = _offset_of(time_zone)
        return None if offset is None else _next_tick(parsed, offset, after)
    if known_tick is not None:
        told = next((o for o in (_utc_offset, _local_offset) if _is_tick(parsed, o, known_tick)), None)
        return None if told is None else _next_tick(parsed, told, after)
    found = [tick for offset in (_utc_offset, _local_offset) if (tick := _next_tick(parsed, offset, after))]
    return max(found, default=None)


def ticks_between(
    schedule: str, time_zone: str | None, start: datetime, end: datetime, *, limit: int = 100
) -> tuple[datetime, ...]:
    """Ticks after `start` and not after `end`, oldest first, at most `limit` of them."""
    found: list[datetime] = []
    for tick in _ticks(schedule, time_zone, start):
        if tick > end or len(found) >= limit:
            break
        found.append(tick)
    return tuple(found)


def is_valid(schedule: str) -> bool:
    """Whether Kubernetes would take this schedule."""
    return _parsed(schedule) is not None


def _ticks(schedule: str, time_zone: str | None, start: datetime) -> Iterator[datetime]:
    tick = next_run(schedule, time_zone, start)
    while tick is not None:
        yield tick
        tick = next_run(schedule, time_zone, tick)


# -- the grammar ------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=8192)
def _parsed(schedule: str) -> _Fields | _Every | None:
    if schedule.startswith(("TZ=", "CRON_TZ=")):
        return None  # the API refuses a zone inside the schedule: spec.timeZone is its place
    if schedule.startswith("@every "):
        period = _go_duration(schedule.removeprefix("@every "))
        return None if period is None else _Every(period)
    words = _MACROS.get(schedule, schedule).split()
    if len(words) != len(_BOUNDS):
        return None
    try:
        fields = [_field(word, *bounds) for word, bounds in zip(words, _BOUNDS, strict=True)]
        return _Fields(CronSim(" ".join(fields), datetime(2000, 1, 1)))  # noqa: DTZ001  zoneless on purpose, see _next_tick
    except (ValueError, CronSimError):
        return None


def _field(text: str, low: int, high: int, names: dict[str, int]) -> str:
    """One field as cronsim's `*` or a list of numbers. Raises: ValueError when robfig would refuse it."""
    numbers: set[int] = set()
    star = False
    # robfig drops empty list items (",1" is "1"), and a field of nothing but commas matches never.
    for part in filter(None, text.split(",")):
        found, is_star = _range(part, low, high, names)
        numbers |= found
        star = star or is_star
    if not numbers:
        raise ValueError(text)
    return "*" if star else ",".join(map(str, sorted(numbers)))


def _range(text: str, low: int, high: int, names: dict[str, int]) -> tuple[set[int], bool]:
    span, slash, step_text = text.partition("/")
    first, *rest = span.split("-")
    star = first in ("*", "?")
    if star:
        start, end = low, high
    elif len(rest) > 1:
        raise ValueError(text)
    else:
        start = _number(first, names)
        end = _number(rest[0], names) if rest else start
    step = _number(step_text, {}) if slash else 1
    if slash and not rest:
        end = high
    if start < low or end > high or start > end or step == 0:
        raise ValueError(text)
    return set(range(start, end + 1, step)), star and step == 1


def _number(text: str, names: dict[str, int]) -> int:
    named = names.get(text.lower())
    if named is not None:
        return named
    if not re.fullmatch(r"\+?[0-9]{1,9}", text):
        raise ValueError(text)
    return int(text)


def _go_duration(text: str) -> timedelta | None:
    """`1h30m` as Go reads it; robfig makes it whole seconds and at least one."""
    text = text.strip().removeprefix("+")
    seconds, end = 0.0, 0
    while match := _DURATION_PART.match(text, end):
        seconds += float(match[1]) * _DURATION_UNITS[match[2]]
        end = match.end()
    if end == 0 or end != len(text) or seconds > 1e9:
        return None
    return timedelta(seconds=max(1, int(seconds)))


# -- the clock --------------------------------------------------------------------------------------------------------


def _next_of_period(period: timedelta, after: datetime, known_tick: datetime | None) -> datetime:
    start = (known_tick or after).astimezone(UTC).replace(microsecond=0)
    return start + max(1, (after - start) // period + 1) * period


def _next_tick(fields: _Fields, offset: Offset, after: datetime) -> datetime | None:
    """The first tick after an instant. Steps cronsim on the wall clock, one stretch of equal offset at a time."""
    limit = after.year + _HORIZON_YEARS
    start, shift = after, offset(after)
    while True:
        wall = _step(fields, (after + shift).replace(tzinfo=None))
        if wall is None or wall.year > limit:
            return None
        tick = wall.replace(tzinfo=UTC) - shift
        change = _first_change(offset, start, tick)
        if change is None or tick < change:
            return tick
        # The clocks change first: go on from the second before it, by the new offset.
        after, start, shift = change - _SECOND, change, offset(change)


def _step(fields: _Fields, wall: datetime) -> datetime | None:
    """The first match after a wall-clock time without a zone."""
    simulator = copy(fields.simulator)
    simulator.dt = wall.replace(microsecond=0)
    return next(simulator, None)


def _is_tick(fields: _Fields, offset: Offset, at: datetime) -> bool:
    at = at.astimezone(UTC)
    wall, fields_of = at + offset(at), fields.simulator
    return (
        wall.second == 0
        and wall.minute in fields_of.minutes
        and wall.hour in fields_of.hours
        and wall.month in fields_of.months
        and fields_of.match_day(wall.date())
    )


def _first_change(offset: Offset, start: datetime, end: datetime) -> datetime | None:
    """The second at which the offset of `start` ends, when that is not after `end`."""
    shift = offset(start)
    # Where an hour is repeated right after `start`, `end` has the old offset only if it is a year away: look near, too.
    changed = next((at for at in (min(end, start + _NEAR), end) if offset(at) != shift), None)
    if changed is None:
        return None
    low, high = start.replace(microsecond=0), changed.replace(microsecond=0) + _SECOND
    while high - low > _SECOND:
        middle = (low + (high - low) / 2).replace(microsecond=0)
        if offset(middle) == shift:
            low = middle
        else:
            high = middle
    return high


@lru_cache(maxsize=64)
def _offset_of(time_zone: str) -> Offset | None:
    try:
        zone = ZoneInfo(time_zone)
    except (KeyError, OSError, ValueError):  # unknown (ZoneInfoNotFoundError), a directory, a path that leads out
        return None
    return lambda at: at.astimezone(zone).utcoffset() or timedelta()


def _utc_offset(_at: datetime) -> timedelta:
    return timedelta()


def _local_offset(at: datetime) -> timedelta:
    return at.astimezone().utcoffset() or timedelta()
