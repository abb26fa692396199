"""When a key was first seen: remembered over the runs, by several programs at once."""

import stat
from datetime import timedelta
from pathlib import Path

from homelab_tui.domain.keys import AccountKeys, CellState, FoundAccount, KeyCell, Sighting
from homelab_tui.engine.sightings import Sightings
from tests.fakes import START, FakeClock


def account(*fingerprints: str, others: tuple[FoundAccount, ...] = ()) -> AccountKeys:
    cells = tuple(KeyCell(mark, CellState.PRESENT, 1) for mark in fingerprints)
    return AccountKeys("me", "/home/me", cells, others=others)


def test_a_key_is_first_seen_once_per_account_whoever_asks_again(tmp_path: Path) -> None:
    clock = FakeClock()
    root = FoundAccount("root", "/root", (KeyCell("SHA256:b", CellState.PRESENT, 1),))
    first = Sightings(tmp_path, clock)
    assert first.saw("rpi01", account("SHA256:a", others=(root,))) == (
        Sighting("rpi01", "SHA256:a", START),
        Sighting("root@rpi01", "SHA256:b", START),
    )
    first.flush()
    clock.advance(3600)
    again = Sightings(tmp_path, clock)
    assert Sighting("rpi01", "SHA256:a", START) in again.saw("rpi01", account("SHA256:a"))
    assert Sighting("rpi02", "SHA256:a", START + timedelta(hours=1)) in again.saw("rpi02", account("SHA256:a"))
    assert Sighting("rpi01", "SHA256:a", START) in first.saw("rpi01", account("SHA256:a"))
    again.flush()
    assert len((tmp_path / "sightings.jsonl").read_text().splitlines()) == 3
    assert stat.S_IMODE((tmp_path / "sightings.jsonl").stat().st_mode) == 0o600


def test_a_torn_line_and_a_full_disk_forget_nothing_that_this_run_knows(tmp_path: Path) -> None:
    (tmp_path / "sightings.jsonl").write_text('{"at":"nonsense","account":"x","fingerprint":"y"}\n{"at":')
    (tmp_path / "blocked").write_text("a file where the directory should be")
    assert Sightings(tmp_path, FakeClock()).saw("rpi01", account("SHA256:a")) == (Sighting("rpi01", "SHA256:a", START),)
    nowhere = Sightings(tmp_path / "blocked", FakeClock())
    assert nowhere.saw("rpi01", account("SHA256:a")) == (Sighting("rpi01", "SHA256:a", START),)
    assert nowhere.saw("rpi01", account()) == (Sighting("rpi01", "SHA256:a", START),)
