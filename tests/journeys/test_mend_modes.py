"""sshd ignores the keys because others may write there: the account says so, and M takes that right from them."""

from pathlib import Path

import pytest

from homelab_tui.demo.lab import DemoLab
from tests.journeys.dashboards import Dashboard, dashboard
from tests.journeys.test_push_a_key import authorized_keys, laptop_key
from tests.labs import start_lab, until


def loosen(lab: DemoLab, node: str) -> tuple[Path, Path]:
    """Let everybody write to a node's .ssh and its file; both."""
    file = authorized_keys(lab, node)
    file.chmod(0o666)
    file.parent.chmod(0o777)
    return file.parent, file


def modes(*paths: Path) -> list[int]:
    return [path.stat().st_mode & 0o777 for path in paths]


async def give_password(screen: Dashboard, node: str) -> None:
    await screen.until_dialog("PasswordScreen")
    await screen.press(*screen.demo.passwords[node], "enter")


async def test_an_account_that_no_key_opens_is_looked_at_by_password_mended_and_proven(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with start_lab() as lab:
        node = next(iter(lab.passwords))
        paths = loosen(lab, node)
        async with dashboard(lab, tmp_path, monkeypatch) as screen:
            await screen.go_to("keys", f"account:{node}")
            await until(lambda: screen.app.main.pane.why_not("keys.modes") is None)
            await screen.press("M")
            await give_password(screen, node)
            await screen.until_dialog("ConfirmScreen")
            assert f"{paths[0]} 777 → 755" in screen.words
            assert f"{paths[1]} 666 → 644" in screen.words
            assert modes(*paths) == [0o777, 0o666]
            await screen.press("right", "enter")
            await until(lambda: "proven by a fresh login" in screen.toasts)
            assert f"undo: chmod go+w {paths[0]}; chmod go+w {paths[1]}" in screen.toasts
            assert modes(*paths) == [0o755, 0o644]
            await until(lambda: screen.app.main.pane.why_not("keys.modes") is not None)
            await screen.press("M")
            await until(lambda: "nobody else may write to home, .ssh or authorized_keys there" in screen.toasts)


async def test_a_push_that_is_ignored_names_the_key_that_offers_the_cure_and_so_does_the_account(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with start_lab() as lab:
        node = next(iter(lab.passwords))
        directory, file = loosen(lab, node)
        async with dashboard(lab, tmp_path, monkeypatch) as screen:
            await screen.go_to("keys", f"account:{node}")
            await until(lambda: len(screen.lab.store.state.my_keys) == 2)
            await screen.press("p")
            await screen.until_dialog("PickScreen")
            await screen.press("down", "enter")
            await screen.until_dialog("ConfirmScreen")
            await screen.press("right", "enter")
            await give_password(screen, node)
            offer = f"M, or homelab keys modes --node {node}, offers chmod go-w"
            await until(lambda: offer in screen.toasts)
            assert laptop_key(lab) in file.read_text()
            await screen.press("enter")
            await until(lambda: offer in " ".join(screen.words.split()))
            assert modes(directory, file) == [0o777, 0o666]
