"""A fresh Ubuntu's first login: the password has expired (`chage -d 0`). Debian's sshd, PAM and passwd."""

import asyncio
import json
import os
import subprocess
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from textual.screen import Screen

from homelab_tui.config.model import Config, KeysConfig, SshConfig
from homelab_tui.domain.errors import CredentialsNeeded, PasswordExpired, SourceRefused
from homelab_tui.domain.keys import PublicKey
from homelab_tui.domain.secrets import Secret
from homelab_tui.ui.app import HomelabApp
from homelab_tui.ui.screens.confirm import ConfirmScreen
from homelab_tui.ui.screens.password import NewPasswordScreen, PasswordScreen
from homelab_tui.ui.screens.trust import TrustScreen
from homelab_tui.wiring import build_lab
from tests.keygen import key_text
from tests.labs import until
from tests.real.sshd import Account, Sshd, make_key, needs_root, running_sshd, throw_away_account
from tests.servers import require_binary

pytestmark = needs_root
OLD, NEW = Secret("ubuntu-at-first"), Secret("correct-horse-77-battery")
PASSWORD = ("UsePAM yes", "PasswordAuthentication yes", "KbdInteractiveAuthentication no")
KEYBOARD = ("UsePAM yes", "PasswordAuthentication no", "KbdInteractiveAuthentication yes")


def expire(account: Account) -> None:
    """What cloud-init does: the account must change its password at the first login."""
    subprocess.run([str(require_binary("chage")), "-d", "0", account.user], check=True)


@pytest.fixture(params=[PASSWORD, KEYBOARD], ids=["passwd-on-a-terminal", "keyboard-interactive"])
def fresh(request: pytest.FixtureRequest) -> Iterator[tuple[Sshd, Account]]:
    """A server, and an account on it whose password has expired."""
    with running_sshd(*request.param) as server, throw_away_account(server, password=OLD.reveal()) as account:
        (server.base / "admin" / account.user).write_text("")  # no key opens it
        expire(account)
        yield server, account


@pytest.fixture
def key(tmp_path: Path) -> PublicKey:
    return make_key(tmp_path, "mine")


async def test_a_push_says_that_the_password_has_expired_and_writes_nothing(
    fresh: tuple[Sshd, Account], key: PublicKey
) -> None:
    server, account = fresh
    with pytest.raises(PasswordExpired, match="has expired: the account wants a new one first"):
        await server.source(admin=False).add_key(server.node(account), key, password=OLD)
    assert not account.keys_file.exists()


async def test_the_new_password_is_in_force_and_then_the_key_goes_in(
    fresh: tuple[Sshd, Account], key: PublicKey
) -> None:
    server, account = fresh
    source, node = server.source(admin=False), server.node(account)
    await source.change_password(node, OLD, NEW)
    write = await source.add_key(node, key, password=NEW)
    assert write.changed
    assert account.keys_file.read_bytes() == f"{key_text(key.blob)} mine@test\n".encode()
    assert (await source.prove(node, key)).proven
    with pytest.raises(CredentialsNeeded, match="was refused"):
        await works(server, account, OLD)


async def test_a_wrong_old_password_changes_nothing(fresh: tuple[Sshd, Account]) -> None:
    server, account = fresh
    source, node = server.source(admin=False), server.node(account)
    with pytest.raises(CredentialsNeeded, match="refused") as caught:
        await source.change_password(node, Secret("not-it"), NEW)
    assert NEW.reveal() not in str(caught.value)
    await source.change_password(node, OLD, NEW)


async def test_a_new_password_that_the_node_does_not_like_is_said_in_its_words_and_no_secret_is(
    fresh: tuple[Sshd, Account],
) -> None:
    server, account = fresh
    source, node = server.source(admin=False), server.node(account)
    short = Secret("ab1")
    with pytest.raises(
        SourceRefused, match=r"the new password was not taken .*; the old one is still in force"
    ) as caught:
        await source.change_password(node, OLD, short)
    for secret in (OLD, short):
        assert secret.reveal() not in str(caught.value)
    await source.change_password(node, OLD, NEW)


async def test_an_account_that_a_key_opens_is_taken_through_it_too(key: PublicKey) -> None:
    with running_sshd(*PASSWORD) as server, throw_away_account(server, password=OLD.reveal()) as account:
        expire(account)
        source, node = server.source(), server.node(account)
        with pytest.raises(PasswordExpired):
            await source.add_key(node, key)
        await source.change_password(node, OLD, NEW)
        assert (await source.add_key(node, key)).changed
        assert (await source.prove(node, key)).proven


async def test_an_account_whose_password_is_in_force_is_not_asked_for_another() -> None:
    with running_sshd(*PASSWORD) as server, throw_away_account(server, password=OLD.reveal()) as account:
        (server.base / "admin" / account.user).write_text("")
        with pytest.raises(SourceRefused, match="has not expired; nothing was changed"):
            await server.source(admin=False).change_password(server.node(account), OLD, NEW)
        assert await works(server, account, OLD)


async def works(server: Sshd, account: Account, password: Secret) -> bool:
    """Whether a password opens the account."""
    key = make_key(server.base, "any")
    return (await server.source(admin=False).add_key(server.node(account), key, password=password)).changed


async def test_a_fresh_machine_is_met_opened_and_given_a_key_by_the_dialogs_alone(
    fresh: tuple[Sshd, Account], key: PublicKey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, account = fresh
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    known_hosts = tmp_path / "known_hosts"
    ssh = SshConfig(config=server.ssh_config(admin=False), known_hosts=known_hosts)
    keys = KeysConfig(paths=(Path(key.path or ""),), agent=False)
    config = Config(nodes=(server.node(account),), ssh=ssh, keys=keys)
    app = HomelabApp(config, lambda: build_lab(config))
    async with app.run_test(size=(80, 24), notifications=True) as pilot:

        async def dialog(kind: type[Screen[Any]]) -> None:
            await until(lambda: isinstance(app.screen, kind), 20)
            await pilot.pause()

        await until(lambda: app.lab and app.lab.store.state.host_keys and app.lab.store.state.my_keys, 20)
        try:
            await pilot.press("2")
            await until(lambda: app.main.pane.table.move_cursor("account:nuc01"))
            await pilot.press("p")
            await dialog(TrustScreen)
            assert not known_hosts.exists()
            await pilot.press("right", "enter")
            await dialog(ConfirmScreen)
            await pilot.press("right", "enter")
            await dialog(PasswordScreen)
            await pilot.press(*"wrong", "enter")
            await until(lambda: app.screen is app.main, 20)
            await dialog(PasswordScreen)  # refused: asked again
            await pilot.press(*OLD.reveal(), "enter")
            await dialog(NewPasswordScreen)  # the old one is known by now: the new one, twice
            await pilot.press(*NEW.reveal(), "enter", *NEW.reveal(), "enter", "tab", "enter")
            # At once, or never: a toast is gone after some seconds.
            told = await until(lambda: "\n".join(str(notification.message) for notification in app._notifications))
            assert "the expired password was changed" in told
            assert "proven by a fresh login" in told
            await until(lambda: account.keys_file.exists() and not (app.lab and app.lab.busy), 30)
            await until(lambda: "✔ present" in [c.text for row in app.main.pane.table.rows for c in row.cells], 20)
        finally:
            if app.lab is not None:
                await app.lab.close()
    assert key_text(key.blob).encode() in account.keys_file.read_bytes()
    for text in (told, *written_below(tmp_path)):
        assert OLD.reveal() not in text
        assert NEW.reveal() not in text


async def test_a_script_takes_a_fresh_machine_through_it_without_a_terminal(
    fresh: tuple[Sshd, Account], key: PublicKey, tmp_path: Path
) -> None:
    server, account = fresh
    config = tmp_path / "config.toml"
    config.write_text(
        f'[[nodes]]\nname = "nuc01"\nhost = "127.0.0.1"\nuser = "{account.user}"\nport = {server.port}\n'
        f'[ssh]\nconfig = "{server.ssh_config(admin=False)}"\nknown_hosts = "{tmp_path}/known_hosts"\n'
        f'[keys]\npaths = ["{key.path}"]\nagent = false\n'
    )
    command = [sys.executable, "-m", "homelab_tui", "--config", str(config), "keys", "push", key.path or ""]
    command += ["--node", "nuc01", "--fingerprint", server.host_keys[0].fingerprint, "--yes", "--json"]
    environment = {**os.environ, "XDG_STATE_HOME": str(tmp_path / "state"), "OLD": OLD.reveal(), "NEW": NEW.reveal()}

    async def push(*more: str) -> tuple[int, dict[str, Any], str]:
        process = await asyncio.create_subprocess_exec(
            *command, *more, env=environment, stdin=DEVNULL, stdout=PIPE, stderr=PIPE
        )
        out, err = await asyncio.wait_for(process.communicate(), 60)
        return process.returncode or 0, json.loads(out)["results"][0], err.decode()

    status, result, _ = await push("--password-env", "OLD")
    assert (status, result["changed"]) == (1, False)
    assert "the account wants a new one first" in result["detail"]
    status, result, err = await push("--password-env", "OLD", "--new-password-env", "NEW")
    assert (status, result["changed"], result["proven"]) == (0, True, True)
    assert "the expired password was changed" in result["detail"]
    for text in (json.dumps(result), err, *written_below(tmp_path)):
        assert OLD.reveal() not in text
        assert NEW.reveal() not in text


def written_below(directory: Path) -> list[str]:
    """Everything that was written: log, journal, known_hosts, what is kept for undo."""
    return [path.read_text(errors="replace") for path in directory.rglob("*") if path.is_file()]
