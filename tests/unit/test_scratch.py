"""The demo's scratch directory while other labs sweep."""

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
