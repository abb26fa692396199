"""The rest of the torture list against Debian's own sshd: what no other file here tries. See torture_list.py."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from homelab_tui.config.model import KeysConfig
from homelab_tui.domain.errors import SourceError, SourceRefused, SourceTimeout
from homelab_tui.domain.keys import CellState, ProofState, PublicKey
from homelab_tui.domain.values import replace
from homelab_tui.sources.ssh import SshSource
from tests.keygen import key_text
from tests.real.command_lines import CommandLine, ended
from tests.real.sshd import Account, Sshd, make_key, needs_root, running_sshd, throw_away_account


async def test_a_byte_order_mark_kills_the_key_behind_it_and_is_reported_and_left(
    server: Sshd, account: Account, key: PublicKey, tmp_path: Path
) -> None:
    dead = make_key(tmp_path, "dead")
    before = b"\xef\xbb\xbf" + f"{key_text(dead.blob)} first\n".encode()
    account.write(".ssh/authorized_keys", before)
    source, node = server.source(), server.node(account)
    write = await source.add_key(node, key)
    assert write.after == before + f"{key_text(key.blob)} mine@test\n".encode()
    read = await source.read_account(node)
    assert any("line 1: it starts with a byte order mark" in problem for problem in read.problems)
    assert [cell.fingerprint for cell in read.cells] == [key.fingerprint]
    assert (await source.prove(node, key)).proven
    assert (await source.prove(node, dead)).state is ProofState.FAILED  # sshd thinks so too


async def test_a_line_with_a_nul_and_a_very_long_file_keep_every_byte(
    server: Sshd, account: Account, key: PublicKey, tmp_path: Path
) -> None:
    old = make_key(tmp_path, "old")
    long_comment = b"# " + b"x" * 100_000 + b"\n"
    before = f"{key_text(old.blob)} a".encode() + b"\0b\xff\n" + long_comment + b"# line\n" * 5_000
    account.write(".ssh/authorized_keys", before)
    source, node = server.source(), server.node(account)
    await source.add_key(node, key)
    assert account.keys_file.read_bytes() == before + f"{key_text(key.blob)} mine@test\n".encode()
    for each in (old, key):
        assert (await source.prove(node, each)).proven


@needs_root
async def test_a_home_of_somebody_else_is_written_to_by_nobody_and_named(
    server: Sshd, account: Account, key: PublicKey
) -> None:
    path = account.write(".ssh/authorized_keys", b"# mine\n", 0o644)
    os.chown(path.parent, 65534, 65534)
    path.parent.chmod(0o755)
    with pytest.raises(SourceRefused, match=r"cannot be written to .*Permission denied"):
        await server.source().add_key(server.node(account), key)
    assert path.read_bytes() == b"# mine\n"
    read = await server.source().read_account(server.node(account))
    assert any(f"{path.parent} belongs to uid 65534" in problem for problem in read.problems)


async def test_a_command_that_the_server_forces_is_a_restricted_account_and_nothing_is_written(key: PublicKey) -> None:
    with running_sshd("ForceCommand echo nothing else") as forced, throw_away_account(forced) as account:
        with pytest.raises(SourceRefused, match=r"runs no commands: is it restricted\?.*nothing else"):
            await forced.source().add_key(forced.node(account), key)
        assert not (account.home / ".ssh").exists()


_LIMITED = """#!/bin/sh
case $2 in ls|pwd|echo) exec $2 ;; esac
echo "lshell: forbidden char/command over SSH: \\"$2\\"" >&2
echo "This incident has been reported." >&2
exit 1
"""


@needs_root
@pytest.mark.parametrize("with_sftp", [False, True])
async def test_a_shell_that_knows_a_few_words_only_is_a_restricted_account_and_written_to_over_sftp_or_not_at_all(
    key: PublicKey, with_sftp: bool
) -> None:
    """In the manner and words of lshell 0.11 (no package in Debian): tried with it by hand, the same came out."""
    options = ("Subsystem sftp internal-sftp",) if with_sftp else ()
    with running_sshd(*options) as limited:
        shell = limited.base / "lshell"
        shell.write_text(_LIMITED)
        shell.chmod(0o755)
        with throw_away_account(limited, shell=str(shell)) as account:
            file = account.write(".ssh/authorized_keys", b"# mine\n")
            source, node = limited.source(), limited.node(account)
            if with_sftp:
                write = await source.add_key(node, key)
                assert "over SFTP, without a lock" in write.detail
                assert (await source.prove(node, key)).proven
            else:
                with pytest.raises(
                    SourceRefused, match=r"runs no commands: is it restricted\?.*forbidden char/command"
                ):
                    await source.add_key(node, key)
                assert file.read_bytes() == b"# mine\n"
            assert os.listdir(file.parent) == ["authorized_keys"]


@pytest.fixture
def with_password(server: Sshd) -> Iterator[Account]:
    with throw_away_account(server, password="correct horse") as account:
        yield account


def age(account: Account, *options: str) -> None:
    subprocess.run(["chage", *options, account.user], check=True)


@needs_root
async def test_an_expired_account_says_so_and_is_not_tried_again(
    server: Sshd, with_password: Account, key: PublicKey
) -> None:
    age(with_password, "-E", "2020-01-01")
    logged = len(server.log())
    with pytest.raises(SourceError):
        await server.source().add_key(server.node(with_password), key)
    assert "expired" in server.log()[logged:]
    assert server.log()[logged:].count("Connection from") == 1
    assert not (with_password.home / ".ssh").exists()


@needs_root
async def test_a_login_that_takes_for_ever_is_given_up_at_its_own_stage(key: PublicKey) -> None:
    with running_sshd("AuthorizedKeysCommand /bin/sleep 60") as slow, throw_away_account(slow) as account:
        config = replace(slow.config(), auth_timeout_s=1.0)
        source = SshSource(config, KeysConfig(paths=(slow.base / "keys" / "admin.pub",), agent=False))
        with pytest.raises(SourceTimeout, match="did not decide about the login in time"):
            await source.add_key(slow.node(account), key)
        await source.close()


@needs_root
async def test_a_node_whose_clock_is_wrong_judges_an_expiry_by_that_clock(
    server: Sshd, account: Account, key: PublicKey
) -> None:
    script = b'#!/bin/sh\ncase "$*" in *%s*) echo "1577836800 +0000";; *) exec /bin/date "$@";; esac\n'
    account.write("bin/date", script, 0o755)
    account.write(".bashrc", b"PATH=$HOME/bin:$PATH\n")
    account.write(".ssh/authorized_keys", f'expiry-time="20210101Z" {key_text(key.blob)}\n'.encode())
    (cell,) = (await server.source().read_account(server.node(account))).cells
    assert cell.state is CellState.RESTRICTED  # there it is New Year of 2020


@needs_root
async def test_a_server_that_reads_no_file_at_all_fails_the_proof_in_words(key: PublicKey) -> None:
    with running_sshd("AuthorizedKeysFile none") as server, throw_away_account(server) as account:
        source, node = server.source(), server.node(account)
        await source.add_key(node, key)
        proof = await source.prove(node, key)
        assert (proof.proven, "it may read another file" in proof.detail) == (False, True)


async def test_eight_commands_at_once_lose_nothing(server: Sshd, account: Account, tmp_path: Path) -> None:
    account.write(".ssh/authorized_keys", b"# the first line")
    keys = [make_key(tmp_path, f"k{number}") for number in range(8)]
    commands = []
    for key in keys:
        (tmp_path / key.comment).mkdir()
        command = CommandLine(tmp_path / key.comment)
        command.configure(server, [account], [key])
        commands.append(command.start("keys", "push", key.path or "", "--all", "--yes", "--json"))
    for command_ended in map(ended, commands):
        assert command_ended.status == 0, command_ended
        assert command_ended.results[0]["proven"] is True
    lines = account.keys_file.read_bytes().split(b"\n")
    assert lines[0] == b"# the first line"
    assert sorted(lines[1:-1]) == sorted(f"{key_text(key.blob)} {key.comment}".encode() for key in keys)
    assert [path.name for path in (account.home / ".ssh").iterdir()] == ["authorized_keys"]
