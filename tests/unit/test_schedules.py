"""The schedule grammar of Kubernetes: robfig/cron v3 ParseStandard, with time zones."""

import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homelab_tui.engine.schedules import is_valid, next_run, ticks_between


def at(text: str) -> datetime:
    """A UTC time from `2026-11-23 07:03`."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


MONDAY = at("2026-11-23 07:03:20")


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("0 2 * * *", "2026-11-24 02:00"),
        ("*/15 * * * *", "2026-11-23 07:15"),
        ("3 7 * * *", "2026-11-24 07:03"),  # this minute has begun: its tick is gone
        ("4 7 * * *", "2026-11-23 07:04"),
        ("@hourly", "2026-11-23 08:00"),
        ("@daily", "2026-11-24 00:00"),
        ("@midnight", "2026-11-24 00:00"),
        ("@weekly", "2026-11-29 00:00"),
        ("@monthly", "2026-12-01 00:00"),
        ("@yearly", "2027-01-01 00:00"),
        ("@annually", "2027-01-01 00:00"),
        ("@every 90m", "2026-11-23 08:33:20"),
        ("@every 1h0m10.9s", "2026-11-23 08:03:30"),
        ("@every 10ms", "2026-11-23 07:03:21"),
        ("0 0 * * sun", "2026-11-29 00:00"),
        ("0 0 * * SUN", "2026-11-29 00:00"),
        ("0 0 * * 0", "2026-11-29 00:00"),
        ("0 0 * * Mon-wed", "2026-11-24 00:00"),
        ("0 0 1 JAN,jul *", "2027-01-01 00:00"),
        ("0 0 ? * ?", "2026-11-24 00:00"),
        ("? ? * * *", "2026-11-23 07:04"),
        ("5/20 * * * *", "2026-11-23 07:05"),
        ("10-20/5 8 * * *", "2026-11-23 08:10"),
        ("0 0 29 2 *", "2028-02-29 00:00"),
        # Either of both day fields, when both are restricted; `*/2` restricts, `*/1` does not.
        ("0 0 13 * 5", "2026-11-27 00:00"),
        ("0 0 13 * *", "2026-12-13 00:00"),
        ("0 0 */2 * 1", "2026-11-25 00:00"),
        ("0 0 */1 * 1", "2026-11-30 00:00"),
        ("0 0 13 * */2", "2026-11-24 00:00"),
        ("0 0 1-31 * 0", "2026-11-24 00:00"),
        ("0 0 * * 1,*", "2026-11-24 00:00"),
        ("0 0 ,13, * *", "2026-12-13 00:00"),
    ],
)
def test_the_next_run_is_what_robfig_says(schedule: str, expected: str) -> None:
    assert next_run(schedule, "Etc/UTC", MONDAY) == at(expected)


@pytest.mark.parametrize(
    "schedule",
    [
        "",
        "soon",
        "* * * *",
        "* * * * * *",
        "60 * * * *",
        "* 24 * * *",
        "* * 0 * *",
        "* * 32 * *",
        "* * * 13 *",
        "* * * 0 *",
        "0 0 * * 7",  # Sunday is 0 and nothing else
        "0 0 * * sunday",
        "0 0 L * *",
        "0 0 15W * *",
        "0 0 * * 5#3",
        "20-10 * * * *",
        "1-2-3 * * * *",
        "*/0 * * * *",
        "*/5/2 * * * *",
        "-5 * * * *",
        ", * * * *",
        "١ * * * *",
        "TZ=Asia/Tokyo 0 2 * * *",
        "CRON_TZ=Asia/Tokyo 0 2 * * *",
        "@reboot",
        "@Hourly",
        "@every",
        "@every 5",
        "@every 5 m",
        "@every -5m",
        "@every 1e9h",
    ],
)
def test_what_kubernetes_refuses_has_no_next_run(schedule: str) -> None:
    assert next_run(schedule, "Etc/UTC", MONDAY) is None
    assert not is_valid(schedule)


def test_a_day_that_never_comes_has_no_next_run() -> None:
    assert next_run("0 0 30 2 *", "Etc/UTC", MONDAY) is None
    assert next_run("0 0 31 4,6,9,11 *", "Etc/UTC", MONDAY) is None


def test_robfig_looks_no_further_than_five_years() -> None:
    assert next_run("0 0 29 2 *", "Etc/UTC", at("2096-03-01 00:00")) is None
    assert next_run("0 0 29 2 *", "Etc/UTC", at("2027-03-01 00:00")) == at("2028-02-29 00:00")


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "../etc/passwd", "/etc/localtime", "Local", "a\0b"])
def test_an_unknown_time_zone_has_no_next_run(zone: str) -> None:
    assert next_run("0 2 * * *", zone, MONDAY) is None


def test_the_time_zone_of_the_cronjob_counts() -> None:
    assert next_run("0 2 * * *", "Asia/Tokyo", MONDAY) == at("2026-11-23 17:00")
    assert next_run("30 0 * * *", "Asia/Kathmandu", MONDAY) == at("2026-11-23 18:45")


def test_an_hour_that_daylight_saving_leaves_out_is_left_out() -> None:
    before = at("2026-03-08 06:00")  # 01:00 in New York; 02:00 becomes 03:00 an hour later
    assert next_run("30 2 * * *", "America/New_York", before) == at("2026-03-09 06:30")
    assert next_run("0 3 * * *", "America/New_York", before) == at("2026-03-08 07:00")


def test_an_hour_that_daylight_saving_repeats_runs_twice() -> None:
    ticks = ticks_between("30 1 * * *", "America/New_York", at("2026-11-01 00:00"), at("2026-11-02 07:00"))
    assert ticks == (at("2026-11-01 05:30"), at("2026-11-01 06:30"), at("2026-11-02 06:30"))


def test_a_yearly_run_in_the_repeated_hour_runs_twice_too() -> None:
    assert next_run("30 1 1 11 *", "America/New_York", at("2026-11-01 05:40")) == at("2026-11-01 06:30")


def test_every_counts_from_a_known_tick() -> None:
    tick = at("2026-11-23 06:00:05")
    assert next_run("@every 40m", None, MONDAY, tick) == at("2026-11-23 07:20:05")
    assert next_run("@every 40m", None, tick, tick) == at("2026-11-23 06:40:05")


@pytest.fixture
def tokyo() -> Iterator[None]:
    """This machine's clock is in Tokyo."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = "Asia/Tokyo"
    time.tzset()
    next_run.cache_clear()
    yield
    if before is None:
        del os.environ["TZ"]
    else:
        os.environ["TZ"] = before
    time.tzset()
    next_run.cache_clear()


@pytest.mark.usefixtures("tokyo")
def test_a_tick_that_happened_tells_the_controllers_zone() -> None:
    utc_tick, tokyo_tick, foreign_tick = at("2026-11-23 02:00"), at("2026-11-22 17:00"), at("2026-11-23 01:00")
    assert next_run("0 2 * * *", None, MONDAY, utc_tick) == at("2026-11-24 02:00")
    assert next_run("0 2 * * *", None, MONDAY, tokyo_tick) == at("2026-11-23 17:00")
    assert next_run("0 2 * * *", None, MONDAY, foreign_tick) is None


@pytest.mark.usefixtures("tokyo")
def test_without_any_tick_the_later_zone_is_taken() -> None:
    assert next_run("0 2 * * *", None, MONDAY) == at("2026-11-24 02:00")
    assert next_run("0 8 * * *", None, MONDAY) == at("2026-11-23 23:00")


def test_ticks_between_stops_at_its_limit() -> None:
    ticks = ticks_between("* * * * *", "Etc/UTC", MONDAY, MONDAY + timedelta(days=3), limit=5)
    assert [tick.minute for tick in ticks] == [4, 5, 6, 7, 8]
    assert ticks_between("* * * * *", "Etc/UTC", MONDAY, MONDAY) == ()


# -- against a second reading of robfig, one minute at a time ---------------------------------------------------------

Part = tuple[str, frozenset[int], bool]
"""Text, numbers, whether it is a star to robfig."""


def parts(low: int, high: int) -> st.SearchStrategy[Part]:
    """Every shape a list item can have."""
    number = st.integers(low, high)

    def stepped(start: int, step: int) -> Part:
        return f"{start}/{step}", frozenset(range(start, high + 1, step)), False

    def ranged(one: int, other: int, step: int) -> Part:
        first, last = min(one, other), max(one, other)
        text = f"{first}-{last}" + (f"/{step}" if step > 1 else "")
        return text, frozenset(range(first, last + 1, step)), False

    def starred(char: str, step: int) -> Part:
        text = char + (f"/{step}" if step else "")
        return text, frozenset(range(low, high + 1, step or 1)), step < 2

    return st.one_of(
        number.map(lambda n: (str(n), frozenset({n}), False)),
        st.builds(stepped, number, st.integers(1, 9)),
        st.builds(ranged, number, number, st.integers(1, 5)),
        st.builds(starred, st.sampled_from("*?"), st.integers(0, 9)),
    )


def fields(low: int, high: int) -> st.SearchStrategy[Part]:
    """A whole field."""

    def joined(items: list[Part]) -> Part:
        numbers: frozenset[int] = frozenset().union(*(item[1] for item in items))
        return ",".join(item[0] for item in items), numbers, any(item[2] for item in items)

    return st.lists(parts(low, high), min_size=1, max_size=3).map(joined)


ZONES = ("Etc/UTC", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "America/Santiago")
STARTS = ("2026-03-07 21:10", "2026-10-31 23:59", "2026-04-04 13:00", "2026-09-05 20:00", "2026-02-27 22:30")


@settings(max_examples=150, deadline=None)
@given(
    minute=fields(0, 59),
    hour=fields(0, 23),
    day=fields(1, 31),
    month=fields(1, 12),
    weekday=fields(0, 6),
    zone=st.sampled_from(ZONES),
    start=st.sampled_from(STARTS),
    shift_s=st.integers(0, 86_400 * 2),
)
def test_every_schedule_agrees_with_a_walk_from_minute_to_minute(
    minute: Part, hour: Part, day: Part, month: Part, weekday: Part, zone: str, start: str, shift_s: int
) -> None:
    schedule = " ".join(field[0] for field in (minute, hour, day, month, weekday))
    after = at(start) + timedelta(seconds=shift_s)
    horizon = after + timedelta(days=4)
    expected = _walk(after, horizon, ZoneInfo(zone), minute, hour, day, month, weekday)
    found = next_run(schedule, zone, after)
    if expected is None:
        assert found is None or found > horizon
    else:
        assert found == expected


def _walk(
    after: datetime, end: datetime, zone: ZoneInfo, minute: Part, hour: Part, day: Part, month: Part, weekday: Part
) -> datetime | None:
    tick = after.replace(second=0, microsecond=0) + timedelta(minutes=1)
    while tick <= end:
        wall = tick.astimezone(zone)
        on_day, on_weekday = wall.day in day[1], wall.isoweekday() % 7 in weekday[1]
        matches = on_day and on_weekday if day[2] or weekday[2] else on_day or on_weekday
        if matches and wall.minute in minute[1] and wall.hour in hour[1] and wall.month in month[1]:
            return tick
        tick += timedelta(minutes=1)
    return None


@given(st.text(max_size=30))
def test_no_text_makes_it_fail(schedule: str) -> None:
    found = next_run(schedule, "Etc/UTC", MONDAY)
    assert found is None or found > MONDAY
