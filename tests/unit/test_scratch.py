"""The demo's scratch directory while other labs sweep."""

import shutil
import tempfile
import threading
from pathlib import Path

import pytest

from homelab_tui.demo.secrets_on_disk import Scratch, sweep


def test_a_directory_that_is_just_being_made_is_not_swept_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    done = threading.Event()

    def go_on_sweeping() -> None:
        while not done.is_set():
            sweep()

    sweepers = [threading.Thread(target=go_on_sweeping) for _ in range(2)]
    for sweeper in sweepers:
        sweeper.start()
    try:
        for _ in range(300):
            scratch = Scratch()
            assert scratch.directory("home").is_dir()
            scratch.remove()
    finally:
        done.set()
        for sweeper in sweepers:
            sweeper.join()
    assert not list(tmp_path.iterdir())


def test_what_somebody_still_writes_to_is_left_with_its_lock_for_the_next_sweep(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    scratch = Scratch()
    late = scratch.directory("home") / "late"
    really = shutil.rmtree

    def written_meanwhile(path: Path, ignore_errors: bool) -> None:
        really(path, ignore_errors=ignore_errors)
        late.parent.mkdir()
        late.touch()

    with monkeypatch.context() as patched:
        patched.setattr(shutil, "rmtree", written_meanwhile)
        scratch.remove()
    assert late.exists()
    sweep()
    assert not list(tmp_path.iterdir())
