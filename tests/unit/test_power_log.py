"""Energy per day and the usual draw: what is counted, what is not, and what survives."""

import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homelab_tui.domain.power import NodePower, is_unusual, median_mw, power_loss
from homelab_tui.engine.power_log import KEPT_DAYS, PowerLog
from tests.fakes import FakeClock


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> None:
    zone(monkeypatch, "UTC")


def zone(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    import time

    monkeypatch.setenv("TZ", name)
    time.tzset()


def draw(log: PowerLog, clock: FakeClock, minutes: int, mw: int, *, is_up: bool = True, every_s: int = 10) -> None:
    """So many minutes of readings."""
    for _ in range(minutes * 60 // every_s):
        log.sample("rpi01", mw, "switch", is_up=is_up)
        clock.advance(every_s)
    log.flush()


def known(log: PowerLog) -> NodePower:
    power = log.of("rpi01")
    assert power is not None
    return power


NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def test_an_hour_at_six_watts_is_six_watt_hours_and_its_share_of_the_day(tmp_path: Path) -> None:
    clock = FakeClock(NOON)
    log = PowerLog(tmp_path, clock)
    draw(log, clock, 60, 6_000)
    power = log.of("rpi01")
    assert power is not None
    [today] = power.days
    assert (today.day, today.energy_mwh, today.sampled_minutes) == (date(2026, 11, 23), 6_000.0, 60)
    assert today.minutes == 13 * 60 + 1
    assert today.share == pytest.approx(60 / 781)
    assert (power.usual_mw, power.usual_minutes, power.witness) == (6_000, 60, "switch")


def test_what_was_not_sampled_is_not_made_up(tmp_path: Path) -> None:
    clock = FakeClock(NOON)
    log = PowerLog(tmp_path, clock)
    draw(log, clock, 10, 6_000)
    clock.advance(7_200)
    draw(log, clock, 10, 6_000)
    power = log.of("rpi01")
    assert power is not None
    assert (power.days[0].energy_mwh, power.days[0].sampled_minutes) == (2_000.0, 20)
    assert log.of("rpi02") is None


def test_a_restart_and_a_second_process_count_no_minute_twice(tmp_path: Path) -> None:
    clock = FakeClock(NOON)
    one, other = PowerLog(tmp_path, clock), PowerLog(tmp_path, clock)
    for _ in range(60):
        one.sample("rpi01", 6_000, "switch", is_up=True)
        other.sample("rpi01", 6_000, "switch", is_up=True)
        clock.advance(30)
    one.flush(everything=True)
    other.flush(everything=True)
    power = PowerLog(tmp_path, clock).of("rpi01")
    assert power is not None
    assert (power.days[0].energy_mwh, power.days[0].sampled_minutes, power.usual_minutes) == (3_000.0, 30, 30)


def test_midnight_ends_a_day_and_the_old_one_keeps_its_last_minute(tmp_path: Path) -> None:
    clock = FakeClock(datetime(2026, 11, 23, 23, 58, tzinfo=UTC))
    log = PowerLog(tmp_path, clock)
    draw(log, clock, 4, 6_000)
    power = log.of("rpi01")
    assert power is not None
    assert [(day.day.day, day.sampled_minutes) for day in power.days] == [(24, 2), (23, 2)]
    assert power.days[1].minutes == 24 * 60


def test_the_usual_draw_is_learnt_while_the_node_is_up_and_from_enough_minutes(tmp_path: Path) -> None:
    clock = FakeClock(NOON)
    log = PowerLog(tmp_path, clock)
    draw(log, clock, 29, 6_000)
    draw(log, clock, 60, 400, is_up=False)
    assert known(log).usual_mw is None
    draw(log, clock, 5, 6_400)
    assert known(log).usual_mw == 6_000


def test_a_day_on_which_clocks_change_has_its_own_length(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    zone(monkeypatch, "Europe/Berlin")
    clock = FakeClock(datetime(2026, 10, 25, 0, 30, tzinfo=UTC))
    log = PowerLog(tmp_path, clock)
    draw(log, clock, 90, 6_000)
    clock.at = datetime(2026, 10, 26, 12, 0, tzinfo=UTC)
    [day] = known(log).days
    assert (day.day, day.minutes, day.sampled_minutes) == (date(2026, 10, 25), 25 * 60, 90)
    zone(monkeypatch, "UTC")


def test_old_days_go_and_files_are_private(tmp_path: Path) -> None:
    clock = FakeClock(NOON)
    log = PowerLog(tmp_path, clock)
    draw(log, clock, 2, 6_000)
    clock.advance((KEPT_DAYS + 2) * 86_400)
    draw(log, clock, 2, 6_000)
    files = sorted((tmp_path / "power").glob("*.json"))
    assert len(files) == 1
    assert files[0].stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "power").stat().st_mode & 0o777 == 0o700
    assert len(known(log).days) == 1


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"rpi01": 3}', '{"rpi01": {"seen": "zz", "mwh": 1, "up": {}}}', "\x00"]
)
def test_a_damaged_file_costs_that_day_and_nothing_else(tmp_path: Path, text: str) -> None:
    clock = FakeClock(NOON)
    (tmp_path / "power").mkdir()
    (tmp_path / "power" / "2026-11-23.json").write_text(text)
    log = PowerLog(tmp_path, clock)
    assert log.of("rpi01") is None
    draw(log, clock, 1, 6_000)
    assert known(log).days[0].energy_mwh == 100.0


def test_a_place_that_cannot_be_written_stops_nothing_and_is_made_up_for(tmp_path: Path) -> None:
    clock = FakeClock(NOON)
    blocker = tmp_path / "power"
    blocker.write_text("a file where the directory should be")
    log = PowerLog(tmp_path, clock)
    draw(log, clock, 5, 6_000)
    assert log.of("rpi01") is None
    os.unlink(blocker)
    draw(log, clock, 5, 6_000)
    assert known(log).days[0].sampled_minutes == 10


@given(st.dictionaries(st.integers(0, 900), st.integers(1, 500), max_size=20))
def test_the_median_is_one_of_the_minutes_and_halves_them(bins: dict[int, int]) -> None:
    found = median_mw(bins)
    if sum(bins.values()) < 30:
        assert found is None
        return
    minutes = sorted(step for step, count in bins.items() for _ in range(count))
    assert found == minutes[(len(minutes) - 1) // 2] * 100


@pytest.mark.parametrize(
    ("now", "usual", "odd"),
    [
        (400, 8_000, True),
        (6_000, 6_400, False),
        (2_000, 3_000, False),
        (9_000, 6_000, True),
        (None, 6_000, False),
        (400, None, False),
    ],
)
def test_a_draw_is_unusual_by_forty_percent_and_by_a_watt_and_a_half(
    now: int | None, usual: int | None, odd: bool
) -> None:
    assert is_unusual(now, usual) is odd


def test_the_loss_is_what_goes_in_and_does_not_come_out() -> None:
    loss = power_loss(6_400, 3_000)
    assert loss is not None
    assert (loss.lost_mw, loss.share) == (3_400, 0.53125)
    assert power_loss(None, 3_000) is None
    assert power_loss(6_400, None) is None
    nothing = power_loss(0, 0)
    assert nothing is not None
    assert nothing.share is None


def test_a_clock_that_was_set_back_makes_no_minute_twice(tmp_path: Path) -> None:
    clock = FakeClock(NOON)
    log = PowerLog(tmp_path, clock)
    draw(log, clock, 10, 6_000)
    clock.at -= timedelta(minutes=10)
    draw(log, clock, 10, 6_000)
    assert known(log).days[0].sampled_minutes == 10
