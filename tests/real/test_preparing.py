"""Passwordless sudo and /etc/hosts, against Debian's own sudo, visudo and sshd."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from homelab_tui.domain.errors import CredentialsNeeded, SourceRefused
from homelab_tui.domain.secrets import Secret
from tests.real.administered_sshd import AdministeredSshd, administered
from tests.real.sshd import Account, needs_root

pytestmark = needs_root
PASSWORD = Secret("correct horse")
HOSTS = (("nuc01", "192.168.10.121"), ("rpi01", "192.168.10.131"))


@pytest.fixture
def place() -> Iterator[tuple[AdministeredSshd, Account]]:
    with administered(password=PASSWORD.reveal()) as there:
        yield there


def ours(server: AdministeredSshd) -> list[str]:
    return [path.name for path in server.sudoers.iterdir() if not path.name.startswith("50-")]


def this_machines_hosts() -> bytes:
    return Path("/etc/hosts").read_bytes()


async def test_sudo_asks_no_more_after_one_password_and_asks_again_after_undo(
    place: tuple[AdministeredSshd, Account],
) -> None:
    server, account = place
    server.let_become_root(account, asking=True)
    source, node = server.source(), server.node(account)
    with pytest.raises(CredentialsNeeded, match="needs a password for sudo"):
        await source.allow_sudo(node, None)
    with pytest.raises(CredentialsNeeded, match="sudo refused the password; nothing was changed"):
        await source.allow_sudo(node, Secret("wrong"))
    assert ours(server) == []
    change = await source.allow_sudo(node, PASSWORD)
    assert (change.changed, change.proven) == (True, True)
    file = server.sudoers / f"99-homelab-{account.user}"
    assert ours(server) == [file.name]
    assert (file.stat().st_mode & 0o777, file.stat().st_uid) == (0o440, 0)
    assert f"{account.user} ALL=(ALL:ALL) NOPASSWD: ALL\n" in file.read_text()
    assert (await source.read_account(node)).sudo is True
    assert (await source.allow_sudo(node, None)).changed is False
    undone = await source.allow_sudo(node, None, undo=True)
    assert undone.changed
    assert ours(server) == []
    assert (await source.read_account(node)).sudo is False


async def test_a_later_line_that_asks_for_a_password_again_makes_ours_go(
    place: tuple[AdministeredSshd, Account],
) -> None:
    server, account = place
    server.let_become_root(account, asking=True)
    last = server.sudoers / "99-z"
    last.write_text(f"{account.user} ALL=(ALL) PASSWD: ALL\n")
    last.chmod(0o440)
    with pytest.raises(SourceRefused, match=r"still asks for a password .* was taken away again"):
        await server.source().allow_sudo(server.node(account), PASSWORD)
    assert ours(server) == ["99-z"]


async def test_an_account_that_may_not_use_sudo_gets_nothing(place: tuple[AdministeredSshd, Account]) -> None:
    server, account = place
    with pytest.raises(SourceRefused, match="may not use sudo for this; nothing was changed"):
        await server.source().allow_sudo(server.node(account), PASSWORD)
    assert ours(server) == []


async def test_names_are_kept_in_etc_hosts_and_taken_out_again_byte_for_byte() -> None:
    before = this_machines_hosts()
    with administered(own_etc=True, password=PASSWORD.reveal()) as (server, account):
        hosts = server.base / "upper" / "hosts"
        hosts.write_bytes(b"127.0.0.1\tlocalhost\r\n# caf\xe9\n")
        hosts.chmod(0o644)
        server.stop()
        server.start()  # the overlay is mounted anew, and sees the file
        server.let_become_root(account, asking=True)
        source = server.source()
        node = server.node(account)
        with pytest.raises(CredentialsNeeded):
            await source.write_hosts(node, HOSTS, None)
        assert (await source.write_hosts(node, HOSTS, PASSWORD)).changed
        text = hosts.read_bytes()
        assert text.startswith(b"127.0.0.1\tlocalhost\r\n# caf\xe9\n# BEGIN homelab")
        assert b"\n192.168.10.121\tnuc01\n192.168.10.131\trpi01\n# END homelab\n" in text
        assert hosts.stat().st_mode & 0o777 == 0o644
        assert (await source.write_hosts(node, HOSTS, PASSWORD)).changed is False
        assert (await source.write_hosts(node, HOSTS[:1], PASSWORD)).changed is True
        assert b"rpi01" not in hosts.read_bytes()
        assert (await source.write_hosts(node, (), PASSWORD)).changed is True
        assert hosts.read_bytes() == b"127.0.0.1\tlocalhost\r\n# caf\xe9\n"
        assert [path.name for path in hosts.parent.iterdir() if "hl" in path.name] == []
    assert this_machines_hosts() == before


async def test_a_damaged_block_is_left_to_a_person() -> None:
    with administered(own_etc=True) as (server, account):
        hosts = server.base / "upper" / "hosts"
        hosts.write_bytes(b"# BEGIN homelab\n192.168.10.1 gate\n")
        hosts.chmod(0o644)
        server.stop()
        server.start()
        server.let_become_root(account)
        with pytest.raises(SourceRefused, match="markers of homelab's block are damaged"):
            await server.source().write_hosts(server.node(account), HOSTS, None)
        assert hosts.read_bytes() == b"# BEGIN homelab\n192.168.10.1 gate\n"
