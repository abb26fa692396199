"""What must finish is on the disk before its first step, and is found again whatever happens after it."""

import json
import os
import stat
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homelab_tui.engine.journal import REFUSED, Journal
from homelab_tui.engine.records import RecordFile
from tests.fakes import START, FakeClock, disk_space

PLACE = {"switch": "sw1", "group": "1", "port": "3"}
ROOT = Path(__file__).parents[2]
OTHER = """
import sys
from pathlib import Path
from homelab_tui.engine.journal import Journal
from tests.fakes import FakeClock
journal = Journal(Path(sys.argv[1]), FakeClock())
for number in range(int(sys.argv[2])):
    print(journal.begin("poe.cycle", f"sw1/{number}", {"switch": "sw1", "group": "1", "port": str(number)}))
"""


def begun_by_another(directory: Path, count: int = 1) -> list[str]:
    """Entries of a process that is gone."""
    command = [sys.executable, "-c", OTHER, str(directory), str(count)]
    return subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT).stdout.split()


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_an_entry_of_a_living_process_is_not_offered(tmp_path: Path) -> None:
    journal = Journal(tmp_path, FakeClock())
    journal.begin("poe.cycle", "sw1/3", PLACE)
    assert Journal(tmp_path, FakeClock()).unfinished() == ()
    assert journal.read().under_way("sw1/3")
    assert not journal.read().under_way("sw1/4")


def test_an_entry_of_a_process_that_is_gone_is_found_with_what_a_repair_needs(tmp_path: Path) -> None:
    begun_by_another(tmp_path)
    (entry,) = Journal(tmp_path, FakeClock()).unfinished()
    assert (entry.kind, entry.target, entry.begun_at) == ("poe.cycle", "sw1/0", START)
    assert (entry.detail("switch"), entry.detail("port"), entry.detail("nothing")) == ("sw1", "0", None)
    assert not Journal(tmp_path, FakeClock()).read().under_way("sw1/0")


def test_an_ended_entry_is_done_with(tmp_path: Path) -> None:
    journal = Journal(tmp_path, FakeClock())
    (entry_id,) = begun_by_another(tmp_path)
    journal.end(entry_id, "restored")
    assert journal.unfinished() == ()


def test_an_entry_that_was_given_up_is_offered_although_its_process_lives(tmp_path: Path) -> None:
    journal = Journal(tmp_path, FakeClock())
    entry_id = journal.begin("poe.cycle", "sw1/3", PLACE)
    journal.leave(entry_id, "could not be switched on")
    assert [entry.id for entry in journal.unfinished()] == [entry_id]
    assert not journal.read().under_way("sw1/3")
    journal.end(entry_id, "restored")
    assert journal.unfinished() == ()


def test_a_pid_that_is_used_again_is_another_process(tmp_path: Path) -> None:
    (entry_id,) = begun_by_another(tmp_path)
    path = tmp_path / "journal.jsonl"
    record = json.loads(path.read_text())
    path.write_text(json.dumps({**record, "pid": os.getpid()}) + "\n")
    assert [entry.id for entry in Journal(tmp_path, FakeClock()).unfinished()] == [entry_id]


def test_a_zombie_is_gone(tmp_path: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", OTHER, str(tmp_path), "1"], cwd=ROOT, stdout=subprocess.PIPE)
    assert child.stdout is not None
    child.stdout.read()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    try:
        assert len(Journal(tmp_path, FakeClock()).unfinished()) == 1
    finally:
        child.wait()
        child.stdout.close()


def test_an_unfinished_entry_is_never_rotated_away(tmp_path: Path) -> None:
    (entry_id,) = begun_by_another(tmp_path)
    journal = Journal(tmp_path, FakeClock())
    path = tmp_path / "journal.jsonl"
    with path.open("a") as file:
        for number in range(1_500):
            file.write(json.dumps({"id": f"old{number}", "event": "begin", "kind": "poe.cycle", "at": "x" * 40}) + "\n")
            file.write(json.dumps({"id": f"old{number}", "event": "end"}) + "\n")
    assert path.stat().st_size > 200_000
    journal.end(journal.begin("poe.cycle", "sw1/7", PLACE), "on")
    assert path.stat().st_size < 100_000
    assert [entry.id for entry in journal.unfinished()] == [entry_id]
    assert journal.last("poe.cycle", "sw1/7") == START


def test_the_last_begin_counts_by_any_process_and_a_refused_one_does_not(tmp_path: Path) -> None:
    clock = FakeClock()
    journal = Journal(tmp_path, clock)
    assert journal.last("poe.cycle", "sw1/3") is None
    first = journal.begin("poe.cycle", "sw1/3", PLACE)
    journal.end(first, "on")
    clock.advance(30)
    journal.end(journal.begin("poe.cycle", "sw1/3", PLACE), REFUSED)
    assert Journal(tmp_path, clock).last("poe.cycle", "sw1/3") == START
    assert journal.last("poe.cycle", "sw1/4") is None
    assert journal.last("poe.off", "sw1/3") is None


def test_a_begin_in_the_future_is_not_believed(tmp_path: Path) -> None:
    Journal(tmp_path, FakeClock(START + timedelta(days=1))).begin("poe.cycle", "sw1/3", PLACE)
    assert Journal(tmp_path, FakeClock()).last("poe.cycle", "sw1/3") is None


def test_what_the_check_raises_keeps_the_entry_out(tmp_path: Path) -> None:
    journal = Journal(tmp_path, FakeClock())

    def check(view: object) -> None:
        raise LookupError

    with pytest.raises(LookupError):
        journal.begin("poe.cycle", "sw1/3", PLACE, check=check)
    assert journal.read().last("poe.cycle", "sw1/3") is None


def test_a_full_disk_adds_nothing_and_tears_nothing(tmp_path: Path) -> None:
    journal = Journal(tmp_path, FakeClock())
    journal.begin("poe.cycle", "sw1/1", PLACE)
    before = (tmp_path / "journal.jsonl").read_bytes()
    with disk_space(len(before) + 10), pytest.raises(OSError, match=r"No space|too large"):
        journal.begin("poe.cycle", "sw1/2", PLACE)
    assert (tmp_path / "journal.jsonl").read_bytes() == before
    journal.begin("poe.cycle", "sw1/3", PLACE)
    assert journal.last("poe.cycle", "sw1/3") == START


def test_a_full_disk_while_it_is_made_smaller_loses_nothing(tmp_path: Path) -> None:
    file = RecordFile(tmp_path / "r.jsonl", max_bytes=100, compact=lambda records: records)
    file.append({"n": 1, "text": "x" * 80})
    with disk_space(50), pytest.raises(OSError, match=r"No space|too large"):
        file.append({"n": 2})
    assert [record["n"] for record in file.records()] == [1]
    file.append({"n": 3})
    assert [record["n"] for record in file.records()] == [1, 3]


def test_files_are_private_whatever_the_umask_says(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        journal = Journal(tmp_path / "state", FakeClock())
        journal.begin("poe.cycle", "sw1/3", PLACE)
    finally:
        os.umask(before)
    assert mode(tmp_path / "state") == 0o700
    assert {mode(path) for path in (tmp_path / "state").iterdir()} == {0o600}


@pytest.mark.parametrize(
    "torn", [b'{"id":"x","event":"beg', b'{"id":"x"}garbage', b"\x00\xff\xfe", b"[1,2]\n", b"\n\n"]
)
def test_a_torn_line_costs_itself_and_neither_neighbour(tmp_path: Path, torn: bytes) -> None:
    (entry_id,) = begun_by_another(tmp_path)
    with (tmp_path / "journal.jsonl").open("ab") as file:
        file.write(torn)
    journal = Journal(tmp_path, FakeClock())
    mine = journal.begin("poe.cycle", "sw1/9", PLACE)
    assert [entry.id for entry in journal.unfinished()] == [entry_id]
    journal.leave(mine, "test")
    assert {entry.id for entry in journal.unfinished()} == {entry_id, mine}


@pytest.mark.parametrize(
    "record",
    [
        {"event": "begin"},
        {"event": "begin", "id": 5, "at": "yesterday", "pid": "x", "details": []},
        {"event": "begin", "id": None, "at": None, "pid": -1, "details": None},
        {"event": "begin", "id": "a", "at": "0001-01-01T00:00:00+23:00", "pid": 2**70},
        {},
    ],
)
def test_records_of_another_shape_are_survived(tmp_path: Path, record: dict[str, object]) -> None:
    (tmp_path / "journal.jsonl").write_text(json.dumps(record) + "\n")
    journal = Journal(tmp_path, FakeClock())
    assert len(journal.unfinished()) <= 1
    assert journal.last("poe.cycle", "x") is None


def test_many_writers_at_once_lose_no_line(tmp_path: Path) -> None:
    journal = Journal(tmp_path, FakeClock())

    def write() -> None:
        for number in range(40):
            journal.end(journal.begin("poe.cycle", f"sw1/{number}", PLACE), "on")

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    assert len(begun_by_another(tmp_path, 40)) == 40
    for thread in threads:
        thread.join()
    lines = (tmp_path / "journal.jsonl").read_text().splitlines()
    assert len(lines) == 4 * 40 * 2 + 40
    assert all(json.loads(line) for line in lines)


def test_rotation_keeps_the_newest_files_and_their_order(tmp_path: Path) -> None:
    file = RecordFile(tmp_path / "a.jsonl", max_bytes=100, keep=2)
    for number in range(40):
        file.append({"n": number})
    numbers = [record["n"] for record in file.records()]
    assert numbers == list(range(40 - len(numbers), 40))
    assert sorted(path.name for path in tmp_path.iterdir()) == [".a.jsonl.lock", "a.jsonl", "a.jsonl.1", "a.jsonl.2"]
    assert {mode(path) for path in tmp_path.iterdir()} == {0o600}


@given(text=st.text(st.characters(), max_size=50), number=st.integers())
def test_any_text_comes_back_as_it_was(tmp_path_factory: pytest.TempPathFactory, text: str, number: int) -> None:
    file = RecordFile(tmp_path_factory.mktemp("r") / "r.jsonl")
    record: dict[str, object] = {"text": text, "odd": "\udc80\u2028\n", "number": number}
    file.append(record)
    assert list(file.records()) == [record]
