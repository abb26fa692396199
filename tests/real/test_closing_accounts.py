"""Taking a key off a node where another account has no other: it is left there, until somebody says that it may go.

By the dashboard's own dialog, against real sudo and sshd.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Static

from homelab_tui.config.model import Config, KeysConfig
from homelab_tui.domain.keys import PublicKey
from homelab_tui.ui.app import HomelabApp
from homelab_tui.ui.screens.confirm import ConfirmScreen
from homelab_tui.ui.screens.revoke import RevokeScreen
from homelab_tui.wiring import build_lab
from tests.keygen import key_text
from tests.labs import until
from tests.real.administered_sshd import AdministeredSshd
from tests.real.sshd import Account, make_key, needs_root
from tests.real.test_other_accounts import line_of, two_accounts

pytestmark = needs_root


@pytest.fixture
def stranger(tmp_path: Path) -> PublicKey:
    return make_key(tmp_path, "stranger")


@asynccontextmanager
async def keys_pane(
    server: AdministeredSshd, account: Account, size: tuple[int, int]
) -> AsyncIterator[tuple[HomelabApp, Pilot[int]]]:
    """The dashboard on this one node, its Keys pane shown and read."""
    keys = KeysConfig(paths=(Path(server.admin.path or ""),), agent=False)
    config = Config(nodes=(server.node(account),), ssh=server.config(), keys=keys)
    app = HomelabApp(config, lambda: build_lab(config))
    async with app.run_test(size=size, notifications=True) as pilot:
        try:
            await until(lambda: app.lab and any(r.value for _, r in app.lab.store.state.accounts), 20)
            await pilot.press("2")
            yield app, pilot
        finally:
            if app.lab is not None:
                await app.lab.close()


def words(app: HomelabApp) -> str:
    return " ".join("\n".join(str(one.render()) for one in app.screen.query(Static)).split())


@pytest.mark.parametrize("size", [(80, 24), (140, 40)])
async def test_the_last_usable_line_of_another_account_goes_only_where_it_was_chosen(
    stranger: PublicKey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    with two_accounts() as (server, account, other):
        own = account.write(".ssh/authorized_keys", line_of(stranger) + line_of(server.admin))
        theirs = other.write(".ssh/authorized_keys", line_of(stranger))
        async with keys_pane(server, account, size) as (app, pilot):
            row = f"unknown:{stranger.fingerprint}"

            async def ask() -> None:
                await until(lambda: app.lab and not app.lab.busy and app.main.pane.table.move_cursor(row))
                await pilot.press("x")
                await until(lambda: isinstance(app.screen, RevokeScreen))
                await pilot.pause()

            await ask()
            assert f"{other.user} on nuc01 keeps the key: it is the last usable line" in words(app)
            await pilot.press("enter")  # the focus is on Cancel
            await until(lambda: app.screen is app.main)
            assert theirs.read_bytes() == line_of(stranger)
            await ask()
            await pilot.press("right", "enter")  # without a choice: where it is the last one, it stays
            await until(lambda: own.read_bytes() == line_of(server.admin))
            assert theirs.read_bytes() == line_of(stranger)
            await ask()
            await pilot.press("1")
            await until(lambda: f"{other.user} on nuc01 loses its last usable line" in words(app))
            await pilot.press("1")
            await until(lambda: "keeps the key" in words(app))
            await pilot.press("shift+tab", "space")  # the same without the number
            await until(lambda: "loses its last usable line" in words(app))
            await pilot.press("right", "right", "enter")
            await until(lambda: theirs.read_bytes() == b"")
            await until(lambda: row not in [one.key for one in app.main.pane.table.rows])
            assert app.lab is not None
            assert [entry.ok for entry in app.lab.activity.entries()] == [False, True]


async def test_an_account_with_another_way_in_is_no_question(
    stranger: PublicKey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    with two_accounts() as (server, account, other):
        account.write(".ssh/authorized_keys", line_of(server.admin))
        theirs = other.write(".ssh/authorized_keys", line_of(stranger) + line_of(server.admin))
        async with keys_pane(server, account, (80, 24)) as (app, pilot):
            await until(lambda: app.main.pane.table.move_cursor(f"unknown:{stranger.fingerprint}"))
            await pilot.press("x")
            await until(lambda: isinstance(app.screen, ConfirmScreen))
            await pilot.press("escape")
            await until(lambda: app.screen is app.main)
            assert key_text(stranger.blob).encode() in theirs.read_bytes()
