"""A user of its own for kubespray: useradd, sudo, visudo and sshd are Debian's; /etc is the server's own copy."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from homelab_tui.domain.errors import CredentialsNeeded, SourceRefused
from homelab_tui.domain.keys import AdminUser, ProofState, PublicKey
from homelab_tui.domain.nodes import Node
from homelab_tui.domain.secrets import Secret
from tests.keygen import key_text
from tests.labs import until
from tests.real.administered_sshd import AdministeredSshd, administered
from tests.real.sshd import Account, make_key, needs_root, retried
from tests.servers import require_binary

pytestmark = needs_root
PASSWORD = Secret("correct horse")


@pytest.fixture
def place() -> Iterator[tuple[AdministeredSshd, Account]]:
    """New accounts get their homes in the server's directory: useradd's own setting says so."""
    with administered(password=PASSWORD.reveal(), own_etc=True) as (server, account):
        homes = server.base / "homes"
        homes.mkdir(mode=0o755)
        default = server.base / "upper" / "default"
        default.mkdir(mode=0o755)
        (default / "useradd").write_text(f"SHELL=/bin/sh\nHOME={homes}\n")
        server.stop()
        server.start()  # the overlay is mounted anew, and sees the file
        (server.base / "admin" / "kubespray").write_text("")
        yield server, account


@pytest.fixture
def key(tmp_path: Path) -> PublicKey:
    return make_key(tmp_path, "mine")


def passwd(server: AdministeredSshd) -> str:
    """The server's own /etc/passwd."""
    file = server.base / "upper" / "passwd"
    return file.read_text() if file.exists() else ""


def drop_in(server: AdministeredSshd) -> Path:
    return server.sudoers / "99-homelab-kubespray"


async def test_a_user_is_made_opened_by_the_key_made_root_proven_and_taken_away_again(
    place: tuple[AdministeredSshd, Account], key: PublicKey
) -> None:
    server, account = place
    server.let_become_root(account, asking=True)
    source, node = server.source(keys=(key,)), server.node(account)
    request = AdminUser("kubespray", create=True, key=key)
    with pytest.raises(CredentialsNeeded, match="needs a password for sudo"):
        await source.make_user(node, request, None)
    with pytest.raises(CredentialsNeeded, match="sudo refused the password"):
        await source.make_user(node, request, Secret("wrong"))
    assert "kubespray" not in passwd(server)
    change = await source.make_user(node, request, PASSWORD)
    assert (change.changed, change.proven) == (True, True)
    assert "kubespray was made" in change.detail
    home = server.base / "homes" / "kubespray"
    keys = home / ".ssh" / "authorized_keys"
    assert keys.read_text() == f"{key_text(key.blob)} mine@test\n"
    assert (keys.stat().st_mode & 0o777, (home / ".ssh").stat().st_mode & 0o777) == (0o600, 0o700)
    assert keys.stat().st_uid == home.stat().st_uid != 0
    assert drop_in(server).stat().st_mode & 0o777 == 0o440
    theirs = Node("nuc01", "127.0.0.1", user="kubespray", port=server.port, other_account=True)
    assert (await source.prove(theirs, key)).state is ProofState.PROVEN
    again = await source.make_user(node, request, PASSWORD)
    assert (again.changed, again.proven) == (False, True)
    undone = await source.remove_user(node, "kubespray", PASSWORD)
    assert "the account kubespray are gone" in undone.detail
    assert "kubespray" not in passwd(server)
    assert not drop_in(server).exists()
    assert not home.exists()
    assert (await source.remove_user(node, "kubespray", PASSWORD)).changed is False


async def test_an_account_that_is_not_there_is_made_only_if_asked(
    place: tuple[AdministeredSshd, Account], key: PublicKey
) -> None:
    server, account = place
    server.let_become_root(account)
    source = server.source(keys=(key,))
    with pytest.raises(SourceRefused, match=r"made only if asked \(--create\); nothing was changed"):
        await source.make_user(server.node(account), AdminUser("kubespray", key=key), None)
    assert "kubespray" not in passwd(server)
    for name in ("root", "Bob", "a b", "-x", "x;reboot"):
        with pytest.raises(SourceRefused, match="is no name for a new account"):
            await source.make_user(server.node(account), AdminUser(name, create=True, key=key), None)


async def test_what_cannot_be_proven_is_taken_back_as_a_whole(
    place: tuple[AdministeredSshd, Account], key: PublicKey
) -> None:
    server, account = place
    server.let_become_root(account)
    later = server.sudoers / "99-z"
    later.write_text("kubespray ALL=(ALL) PASSWD: ALL\n")
    later.chmod(0o440)
    source, node = server.source(keys=(key,)), server.node(account)
    with pytest.raises(SourceRefused, match="sudo still asks it for a password without a terminal"):
        await source.make_user(node, AdminUser("kubespray", create=True, key=key), None)
    assert "kubespray" not in passwd(server)
    assert not drop_in(server).exists()
    assert list((server.base / "homes").iterdir()) == []
    later.unlink()
    # sudo would do, but sshd lets nobody in but the administrator: only the fresh login shows it.
    config = server.base / "etc-ssh" / "sshd_config"
    config.write_text(f"AllowUsers {account.user}\n{config.read_text()}")
    listened = server.log().count("Server listening on")
    assert server.process is not None
    server.process.send_signal(signal.SIGHUP)
    await until(lambda: server.log().count("Server listening on") > listened)
    with pytest.raises(SourceRefused, match="a fresh login as kubespray is not root without a password") as caught:
        await source.make_user(node, AdminUser("kubespray", create=True, key=key), None)
    assert "the account kubespray are gone" in str(caught.value)
    assert "kubespray" not in passwd(server)
    assert not drop_in(server).exists()


async def test_a_user_that_was_there_keeps_its_files_its_keys_and_its_account(
    place: tuple[AdministeredSshd, Account], key: PublicKey
) -> None:
    server, account = place
    server.let_become_root(account)
    in_namespace(server, "useradd", "-m", "-p", "*", "kubespray")
    source, node = server.source(keys=(key,)), server.node(account)
    change = await source.make_user(node, AdminUser("kubespray", key=key), None)
    assert "kubespray was there" in change.detail
    assert change.proven
    undone = await source.remove_user(node, "kubespray", None)
    assert "the account kubespray was there before, and stays" in undone.detail
    assert "kubespray" in passwd(server)
    assert (server.base / "homes" / "kubespray" / ".ssh" / "authorized_keys").exists()


async def test_a_home_with_files_of_its_own_outlives_the_account(
    place: tuple[AdministeredSshd, Account], key: PublicKey
) -> None:
    server, account = place
    server.let_become_root(account)
    source, node = server.source(keys=(key,)), server.node(account)
    await source.make_user(node, AdminUser("kubespray", create=True, key=key), None)
    inventory = server.base / "homes" / "kubespray" / "inventory.ini"
    inventory.write_text("[all]\n")
    undone = await source.remove_user(node, "kubespray", None)
    assert "holds files of its own, and stays" in undone.detail
    assert "kubespray" not in passwd(server)
    assert inventory.read_text() == "[all]\n"


async def test_without_a_private_half_the_login_is_said_not_to_be_proven(
    place: tuple[AdministeredSshd, Account], key: PublicKey
) -> None:
    server, account = place
    server.let_become_root(account)
    lone = PublicKey(key.type, key.blob, key.comment, fingerprint=key.fingerprint)
    change = await server.source().make_user(server.node(account), AdminUser("kubespray", create=True, key=lone), None)
    assert (change.changed, change.proven) == (True, None)
    assert "a login is not proven: the key's private half is not here" in change.detail


def in_namespace(server: AdministeredSshd, *command: str) -> None:
    """Something that the node's owner does there; the machine's own useradd may hold a lock for a moment."""
    assert server.process is not None
    retried([str(require_binary("nsenter")), "-m", "-t", str(server.process.pid), *command])
