"""Accounts that run no commands: SFTP where the server has it, else a refusal that says so. Debian's sshd."""

import contextlib
import hashlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from homelab_tui.domain.errors import SourceConflict, SourceRefused
from homelab_tui.domain.keys import PublicKey
from tests.keygen import key_text
from tests.real.sshd import Account, Sshd, make_key, needs_root, running_sshd, throw_away_account
from tests.servers import require_binary

pytestmark = needs_root
INTERNAL = ("Subsystem sftp internal-sftp", "Match User hl*", "ForceCommand internal-sftp")


@pytest.fixture
def place() -> Iterator[tuple[Sshd, Account]]:
    """internal-sftp for everybody, whatever shell the account has: here none."""
    with running_sshd(*INTERNAL) as server, throw_away_account(server, shell="/usr/sbin/nologin") as account:
        yield server, account


@pytest.fixture
def key(tmp_path: Path) -> PublicKey:
    return make_key(tmp_path, "mine")


@contextlib.contextmanager
def immutable(path: Path) -> Iterator[None]:
    """Nobody, root neither, replaces the file meanwhile."""
    program = str(require_binary("chattr"))
    if subprocess.run([program, "+i", str(path)], check=False, capture_output=True).returncode != 0:
        pytest.skip("this file system has no immutable files")
    try:
        yield
    finally:
        subprocess.run([program, "-i", str(path)], check=True)


def left_over(account: Account) -> list[str]:
    return [path.name for path in (account.home / ".ssh").iterdir() if ".hl." in path.name]


async def test_a_key_is_pushed_over_sftp_proven_seen_taken_off_and_brought_back(
    place: tuple[Sshd, Account], key: PublicKey
) -> None:
    server, account = place
    source, node = server.source(), server.node(account)
    write = await source.add_key(node, key)
    assert "added to .ssh/authorized_keys (line 1) over SFTP, without a lock" in write.detail
    assert account.keys_file.read_bytes() == f"{key_text(key.blob)} mine@test\n".encode()
    assert (account.keys_file.stat().st_mode & 0o777, account.keys_file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert account.keys_file.stat().st_uid == account.uid
    proof = await source.prove(node, key)
    assert proof.proven
    assert "SFTP only" in proof.detail
    read = await source.read_account(node)
    assert [cell.state.value for cell in read.cells] == ["present"]
    assert read.sudo is None
    assert any("runs no commands (SFTP only)" in problem for problem in read.problems)
    assert (await source.add_key(node, key)).changed is False
    other = make_key(server.base, "other")
    assert (await source.add_key(node, other)).changed
    before = account.keys_file.read_bytes()
    removal = await source.remove_key(node, other.fingerprint)
    assert b"other@test" not in account.keys_file.read_bytes()
    left = removal.writes[0].after or b""
    assert (await source.restore_file(node, ".ssh/authorized_keys", hashlib.sha256(left).hexdigest(), before)).changed
    assert account.keys_file.read_bytes() == before
    assert left_over(account) == []


async def test_every_other_byte_and_the_mode_stay(place: tuple[Sshd, Account], key: PublicKey) -> None:
    server, account = place
    before = b"# caf\xe9\r\nssh-ed25519 broken"
    account.write(".ssh/authorized_keys", before, 0o640)
    await server.source().add_key(server.node(account), key)
    assert account.keys_file.read_bytes() == before + f"\n{key_text(key.blob)} mine@test\n".encode()
    assert account.keys_file.stat().st_mode & 0o777 == 0o640


async def test_a_link_and_a_file_of_somebody_else_are_left_alone(place: tuple[Sshd, Account], key: PublicKey) -> None:
    server, account = place
    source, node = server.source(), server.node(account)
    real = account.write(".ssh/real", b"# mine\n")
    account.keys_file.symlink_to("real")
    with pytest.raises(SourceRefused, match="is a link; over SFTP homelab follows none"):
        await source.add_key(node, key)
    assert real.read_bytes() == b"# mine\n"
    account.keys_file.unlink()
    account.write(".ssh/authorized_keys", b"# administered\n", 0o644)
    os.chown(account.keys_file, 0, 0)
    with pytest.raises(SourceRefused, match="belongs to somebody else"):
        await source.add_key(node, key)
    assert account.keys_file.read_bytes() == b"# administered\n"
    assert left_over(account) == []


async def test_an_immutable_file_is_said_to_be_as_it_was(place: tuple[Sshd, Account], key: PublicKey) -> None:
    server, account = place
    account.write(".ssh/authorized_keys", b"# mine\n")
    with (
        immutable(account.keys_file),
        pytest.raises(SourceRefused, match=r"cannot be written over SFTP .*the file is as it was"),
    ):
        await server.source().add_key(server.node(account), key)
    assert account.keys_file.read_bytes() == b"# mine\n"
    assert left_over(account) == []


async def test_an_account_with_neither_commands_nor_sftp_is_named_as_restricted(key: PublicKey) -> None:
    lines = ("Subsystem sftp /bin/false", "Match User hl*", "ForceCommand /bin/echo go away")
    with running_sshd(*lines) as server, throw_away_account(server) as account:
        with pytest.raises(SourceRefused, match=r"runs no commands: is it restricted\? .*go away"):
            await server.source().add_key(server.node(account), key)
        assert not account.keys_file.exists()


async def test_what_somebody_else_wrote_meanwhile_is_kept(place: tuple[Sshd, Account], key: PublicKey) -> None:
    server, account = place
    account.write(".ssh/authorized_keys", b"# one\n")
    source, node = server.source(), server.node(account)
    write = await source.add_key(node, key)
    account.keys_file.write_bytes(b"# somebody else\n")
    left = hashlib.sha256(write.after or b"").hexdigest()
    with pytest.raises(SourceConflict, match="changed since by somebody else"):
        await source.restore_file(node, ".ssh/authorized_keys", left, write.before)
    assert account.keys_file.read_bytes() == b"# somebody else\n"
