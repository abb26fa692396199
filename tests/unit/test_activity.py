"""The activity log: who did what to which target, when, with what result."""

import json
from pathlib import Path

from homelab_tui.domain.operations import Result
from homelab_tui.engine.activity import Activity, ActivityLog
from tests.fakes import START, FakeClock, disk_space


def test_an_action_is_written_as_one_line_that_a_script_can_read(tmp_path: Path) -> None:
    log = ActivityLog(tmp_path, FakeClock())
    log.record("jobs.delete", Result("nuc/backup/x", ok=True, changed=True, detail="deleted (background)"))
    log.flush()
    (line,) = (tmp_path / "activity.jsonl").read_text().splitlines()
    record = json.loads(line)
    assert record.pop("who")
    assert record == {
        "at": "2026-11-23T06:30:00Z",
        "kind": "jobs.delete",
        "target": "nuc/backup/x",
        "ok": True,
        "changed": True,
        "detail": "deleted (background)",
    }


def test_it_is_read_back_in_order_and_odd_lines_are_passed_over(tmp_path: Path) -> None:
    clock = FakeClock()
    log = ActivityLog(tmp_path, clock)
    log.record("a.b", Result("one", ok=True, changed=True, detail=""))
    log.flush()
    with (tmp_path / "activity.jsonl").open("a") as file:
        file.write('{"at": "never"}\n{"torn')
    clock.advance(1)
    log.record("a.b", Result("two", ok=False, changed=False, detail="x"))
    entries = list(log.entries())
    assert [entry.target for entry in entries] == ["one", "two"]
    assert isinstance(entries[0], Activity)
    assert entries[0].at == START


def test_a_detail_with_control_characters_stays_one_line(tmp_path: Path) -> None:
    log = ActivityLog(tmp_path, FakeClock())
    hostile = 'x\n{"at":"2026-11-23T06:30:00Z","who":"root"}\x1b[31m\udc80'
    log.record("a.b", Result("t", ok=False, changed=False, detail=hostile))
    log.flush()
    assert len((tmp_path / "activity.jsonl").read_bytes().splitlines()) == 1
    assert [entry.detail for entry in log.entries()] == [hostile]


def test_an_endless_detail_is_cut(tmp_path: Path) -> None:
    log = ActivityLog(tmp_path, FakeClock())
    log.record("a.b", Result("t", ok=False, changed=False, detail="x" * 1_000_000))
    log.flush()
    assert (tmp_path / "activity.jsonl").stat().st_size < 4_000


def test_a_full_disk_is_survived(tmp_path: Path) -> None:
    log = ActivityLog(tmp_path, FakeClock())
    with disk_space(10):
        log.record("a.b", Result("t", ok=True, changed=True, detail="x"))
        log.flush()
    assert list(log.entries()) == []
    log.record("a.b", Result("t", ok=True, changed=True, detail="x"))
    assert len(list(log.entries())) == 1


def test_it_is_bounded(tmp_path: Path) -> None:
    log = ActivityLog(tmp_path, FakeClock())
    for _ in range(2_500):
        log.record("a.b", Result("t", ok=True, changed=True, detail="x" * 2_000))
    log.flush()
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 4_100_000
