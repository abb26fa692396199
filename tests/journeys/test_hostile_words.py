"""Words from outside are shown, never obeyed: markup, escape sequences, direction marks."""

import os
from pathlib import Path

import pytest

from homelab_tui.domain.jobs import Job, JobId, JobState, Witness
from homelab_tui.domain.keys import AccountKeys, CellState, HostKey, HostKeyState, KeyCell, PublicKey
from homelab_tui.domain.operations import Operation, OperationState, Result
from homelab_tui.domain.reading import Reading
from homelab_tui.domain.state import ClusterJobs
from homelab_tui.engine.lab import Lab
from homelab_tui.ui.app import HomelabApp
from scripts.frozen_lab import NOW, FrozenLab
from tests.keygen import ed25519_blob
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


def hostile_keys() -> FrozenLab:
    """A frozen lab whose keys, accounts and servers say nothing but hostile words."""
    lab = FrozenLab()
    node = lab.config.nodes[0].account
    mine = PublicKey("ssh-ed25519", b"mine", HOSTILE, f"/keys/{HOSTILE}.pub", 256, "SHA256:mine", private_path="/k")
    cells = (
        KeyCell("SHA256:mine", CellState.RESTRICTED, 1, HOSTILE, HOSTILE, HOSTILE, HOSTILE),
        KeyCell("SHA256:theirs", CellState.PRESENT, 2, HOSTILE, HOSTILE, HOSTILE, HOSTILE),
    )
    account = AccountKeys(
        HOSTILE,
        HOSTILE,
        cells,
        problems=(HOSTILE,),
        server_version=HOSTILE,
        login_fingerprint="SHA256:mine",
        password_login=True,
        sudo=True,
    )
    host_key = HostKey(HostKeyState.UNKNOWN, HOSTILE, HOSTILE, HOSTILE, HOSTILE, HOSTILE, ed25519_blob(1))
    result = Result(HOSTILE, ok=False, changed=False, detail=HOSTILE)
    operation = Operation("1", "keys.push", f"account:{node}", OperationState.FAILED, HOSTILE, NOW, NOW, result)
    read = Reading(value=account, taken_at=NOW, problem=HOSTILE, failures=1)
    lab.store.update(
        my_keys=(mine,),
        my_keys_problem=HOSTILE,
        operations=(operation,),
        accounts=((node, read), *lab.store.state.accounts[1:]),
        host_keys=((node, host_key), *lab.store.state.host_keys[1:]),
    )
    return lab


@pytest.mark.parametrize("size", [(140, 40), (80, 24)])
async def test_no_word_of_a_server_or_a_key_is_markup_or_an_escape(size: tuple[int, int]) -> None:
    lab: Lab = hostile_keys()
    app = HomelabApp(lab.config, lambda: lab)
    async with app.run_test(size=size, notifications=True) as pilot:
        await until(lambda: app.lab)
        await pilot.press("2")
        await until(lambda: "unknown:SHA256:theirs" in app.main.query_one("#keys-table").shown_keys)  # type: ignore[attr-defined]
        seen: dict[str, str] = {}
        # Each opens what it opens: the row's details, the plan of a push and of a removal, the host key's dialog, …
        for key in ("enter", "p", "x", "r", "u", "t", "h", "n", "Y", "end", "enter", "x"):
            await pilot.press(key)
            await pilot.pause()
            seen[f"{len(seen)} {key} {type(app.screen).__name__}"] = app.export_screenshot()
            if len(app.screen_stack) > 1 and app.screen is not app.main:
                await pilot.press("escape")
        assert app.is_running
        assert any("boom" in svg for svg in seen.values())
        bad = [name for name, svg in seen.items() for char in "\x1b\x07\u202e" if char in svg]
        assert bad == []


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
