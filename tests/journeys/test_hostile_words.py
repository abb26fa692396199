"""Words from outside are shown, never obeyed: markup, escape sequences, direction marks."""

import os
from pathlib import Path

import pytest

from homelab_tui.domain.jobs import Job, JobId, JobState, Witness
from homelab_tui.domain.reading import Reading
from homelab_tui.domain.state import ClusterJobs
from homelab_tui.engine.lab import Lab
from homelab_tui.ui.app import HomelabApp
from scripts.frozen_lab import NOW, FrozenLab
from tests.labs import until

HOSTILE = "[/boom] [@click=app.quit]x[/] \x1b[31m\x1b]0;owned\x07\u202e"


def hostile_lab() -> FrozenLab:
    """A frozen lab whose one Job has nothing but hostile words."""
    lab = FrozenLab()
    job = Job(
        JobId("nuc", HOSTILE, HOSTILE),
        JobState.FAILED,
        uid="uid",
        resource_version="1",
        reason=HOSTILE,
        message=HOSTILE,
        node=HOSTILE,
        failed_at=NOW,
        seen_by=(Witness.KUBERNETES,),
    )
    cluster = ClusterJobs("nuc", (job,), (), (), (), (HOSTILE,))
    down = Reading(value=cluster, taken_at=NOW, problem=HOSTILE, failures=1)
    lab.store.update(clusters=(("nuc", down),), unfinished=(HOSTILE,))
    return lab


@pytest.mark.parametrize("size", [(140, 40), (80, 24), (20, 5)])
async def test_nothing_from_outside_is_markup_or_an_escape(size: tuple[int, int], tmp_path: Path) -> None:
    lab: Lab = hostile_lab()
    app = HomelabApp(lab.config, lambda: lab)
    async with app.run_test(size=size, notifications=True) as pilot:
        await until(lambda: app.lab)
        await pilot.press("3")
        key = f"job:{JobId('nuc', HOSTILE, HOSTILE)}"
        await until(lambda: key in app.main.query_one("#jobs-table").shown_keys)  # type: ignore[attr-defined]
        await pilot.press("enter", "escape", "d", "escape", "Y", "slash", "[", "/", "escape")
        await pilot.pause()
        svg = app.export_screenshot()
        assert app.is_running
        assert "\x1b" not in svg
        assert "\u202e" not in svg


async def test_a_terminal_that_is_too_small_says_so(tmp_path: Path) -> None:
    lab = FrozenLab()
    app = HomelabApp(lab.config, lambda: lab)
    async with app.run_test(size=(30, 8)) as pilot:
        await until(lambda: app.lab)
        await pilot.pause()
        assert app.main.query_one("#too-small").display
        assert not app.main.query_one("#panes").display
        await pilot.resize_terminal(100, 30)
        await until(lambda: app.main.query_one("#panes").display)
        assert not app.main.query_one("#too-small").display


async def test_no_color_is_respected_and_states_are_still_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "NO_COLOR", "1")
    lab = FrozenLab()
    app = HomelabApp(lab.config, lambda: lab)
    async with app.run_test(size=(140, 40)) as pilot:
        await until(lambda: app.lab and app.main.pane.table.rows)
        await pilot.pause()
        svg = app.export_screenshot().replace("&#160;", " ")
        assert "up, under-voltage" in svg
        assert "failed" in svg
