"""A stranger's key is found, taken off, and brought back; a new key takes an old one's place."""

from pathlib import Path

import pytest
from textual.widgets import Button

from homelab_tui.demo.lab import DemoLab
from tests.journeys.dashboards import Dashboard, dashboard
from tests.journeys.test_push_a_key import authorized_keys
from tests.labs import start_lab, until


async def until_row(screen: Dashboard, start: str, *, there: bool = True) -> str:
    """Wait until a row of that kind is, or is no longer, in the table; its key."""

    def found() -> list[str]:
        return [row.key for row in screen.app.main.pane.table.rows if row.key.startswith(start)]

    await until(lambda: bool(found()) is there, 20)
    return found()[0] if there else ""


async def test_who_is_this_is_asked_revoked_and_undone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with start_lab() as lab, dashboard(lab, tmp_path, monkeypatch) as screen:
        before = authorized_keys(lab, "nuc04").read_bytes()
        await screen.press("2")
        stranger = await until_row(screen, "unknown:")
        assert "who is this? on nuc04" in screen.text_of(stranger)
        await screen.go_to("keys", stranger)
        await screen.press("enter")
        await screen.until_dialog("TextScreen")
        await screen.press("escape")
        await until(lambda: not screen.dialog)
        await screen.press("x")
        await screen.until_dialog("ConfirmScreen")
        await screen.press("right", "enter")
        await until_row(screen, "unknown:", there=False)
        assert authorized_keys(lab, "nuc04").read_bytes() != before
        await until(lambda: not screen.lab.busy)
        await screen.go_to("keys", "account:nuc04")
        await screen.press("u")
        await screen.until_dialog("ConfirmScreen")
        await screen.press("right", "enter")
        await until_row(screen, "unknown:")
        assert authorized_keys(lab, "nuc04").read_bytes() == before


async def test_a_new_key_pair_is_made_and_shown_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with start_lab() as lab, dashboard(lab, tmp_path, monkeypatch) as screen:
        await screen.press("2")
        await until(lambda: screen.lab.store.state.my_keys)
        await screen.press("g")
        await screen.until_dialog("NewKeyScreen")
        await screen.press("ctrl+u", *"new2", "enter", "enter", "tab", *"abc", "enter", *"abd")
        await screen.pilot.click("#go")
        assert screen.dialog == "NewKeyScreen"  # the two differ
        await screen.pilot.click("#second")
        await screen.press("end", "backspace", "c")
        await screen.pilot.click("#go")
        await until(lambda: any(key.path and key.path.endswith("new2.pub") for key in screen.lab.store.state.my_keys))
        assert (lab.home / ".ssh" / "new2").stat().st_mode & 0o777 == 0o600
        assert "abc" not in screen.toasts


async def test_a_shell_that_cannot_be_opened_here_says_how_to_open_it(
    lab: DemoLab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with dashboard(lab, tmp_path, monkeypatch) as screen:
        await screen.go_to("keys", "account:nuc01")
        await screen.press("S")
        await until(lambda: "run: ssh" in screen.toasts)
        assert "127.0.0.1" in screen.toasts
        await screen.go_to("nodes", "node:nuc02")
        await screen.press("S")
        await until(lambda: screen.toasts.count("run: ssh") == 2)


async def test_a_user_of_its_own_is_named_and_opened_by_a_chosen_key(
    lab: DemoLab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with dashboard(lab, tmp_path, monkeypatch, size=(80, 24)) as screen:
        await screen.go_to("keys", "account:nuc01")
        await until(lambda: len(screen.lab.store.state.my_keys) == 2)
        await screen.press("n")
        await screen.until_dialog("PickScreen")
        await screen.press("down", "enter")
        await screen.until_dialog("AskScreen")
        await screen.press("ctrl+u", *"Root", "enter")
        assert screen.dialog == "AskScreen"  # no name for a user
        await screen.press("ctrl+u", *"kubespray", "enter")
        await screen.until_dialog("PickScreen")
        await screen.press("enter")
        await screen.until_dialog("ConfirmScreen")
        await screen.press("right", "enter")
        await until(lambda: "nothing was changed" in screen.toasts)  # the lab's sudo makes nobody on this machine


@pytest.mark.parametrize(
    ("pane", "key", "dialogs"),
    [
        ("keys", "x", ("PickScreen", "ConfirmScreen")),
        ("jobs", "d", ("DeleteScreen",)),
    ],
)
async def test_a_plan_that_is_longer_than_the_screen_scrolls_and_its_buttons_stay_in_sight(
    lab: DemoLab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pane: str, key: str, dialogs: tuple[str, ...]
) -> None:
    async with dashboard(lab, tmp_path, monkeypatch, size=(80, 24)) as screen:
        await screen.press({"keys": "2", "jobs": "3"}[pane])
        await until(lambda: len(screen.lab.store.state.my_keys) == 2 and len(screen.app.main.pane.table.rows) >= 8)
        await until(lambda: all(reading.value for _, reading in screen.lab.store.state.accounts))
        await screen.press("a", key)
        for dialog in dialogs:
            await screen.until_dialog(dialog)
            if dialog == "PickScreen":
                await screen.press("enter")
        view = screen.app.screen.region
        for button in screen.app.screen.query(Button):
            assert button.region.height == 3
            assert view.contains_region(button.region)
        text = screen.app.screen.query_one(".text")
        assert text.max_scroll_y > 0
        await screen.press("pagedown", "pagedown", "pagedown", "down", "up")
        assert text.scroll_y == text.max_scroll_y - 1
        await screen.press("escape")
        await until(lambda: not screen.dialog)
