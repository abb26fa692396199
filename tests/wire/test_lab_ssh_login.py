"""Who gets in to a node of the lab: as sshd decides it, from the real files of its home."""

import asyncio
import base64
import os
import re
from collections.abc import AsyncIterator
from pathlib import Path

import paramiko
import pytest

from tests.wire.ssh_lab import NUC, PASSWORD, PI, Outcome, SshLab, new_key, ssh_lab


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[SshLab]:
    async with ssh_lab(tmp_path) as running:
        yield running


async def test_the_key_of_authorized_keys_logs_in_by_both_clients(lab: SshLab) -> None:
    assert (await lab.run(NUC)).text == "in"
    assert (await lab.ssh(NUC, "echo in")).text == "in"


async def test_another_key_is_refused(lab: SshLab, tmp_path: Path) -> None:
    new_key(tmp_path / "other")
    assert not await lab.is_let_in(NUC, key_filename=str(tmp_path / "other"))
    lab.authorize(NUC, "")
    assert b"Permission denied (publickey)" in (await lab.ssh(NUC, "echo in")).err


async def test_a_password_logs_in_where_the_account_has_one(lab: SshLab) -> None:
    assert await lab.is_let_in(PI, password=PASSWORD)
    for wrong in ("", PASSWORD[:-1], PASSWORD + " ", "пароль"):
        assert not await lab.is_let_in(PI, password=wrong), wrong
    assert not await lab.is_let_in(NUC, password=PASSWORD)
    assert not await lab.is_let_in(NUC, password="")


async def test_nobody_else_gets_in_with_the_right_secret(lab: SshLab) -> None:
    for user in ("root", "kkato", "", "ubuntu "):
        assert not await lab.is_let_in(PI, username=user)
        assert not await lab.is_let_in(PI, username=user, password=PASSWORD)


async def test_a_client_learns_the_methods_before_it_tries(lab: SshLab) -> None:
    def methods(node: str) -> list[str]:
        transport = paramiko.Transport(("127.0.0.1", lab.ports[node]))
        try:
            transport.start_client(timeout=5)
            with pytest.raises(paramiko.BadAuthenticationType) as refused:
                transport.auth_none(lab.world.nodes[node].user)
            return refused.value.allowed_types
        finally:
            transport.close()

    assert await asyncio.to_thread(methods, NUC) == ["publickey"]
    assert await asyncio.to_thread(methods, PI) == ["publickey", "password"]


async def test_the_sixth_failure_ends_the_connection(lab: SshLab) -> None:
    def guess() -> int:
        transport = paramiko.Transport(("127.0.0.1", lab.ports[PI]))
        try:
            transport.start_client(timeout=5)
            for tries in range(1, 20):
                with pytest.raises((paramiko.SSHException, EOFError)):
                    transport.auth_password("ubuntu", f"guess {tries}", fallback=False)
                if not transport.is_active():
                    return tries
            return 99
        finally:
            transport.close()

    assert await asyncio.to_thread(guess) == 6


async def test_openssh_hears_that_it_tried_too_many_keys(lab: SshLab, tmp_path: Path) -> None:
    options: list[str] = []
    for number in range(7):
        new_key(tmp_path / f"wrong{number}")
        options += ["-o", f"IdentityFile={tmp_path / f'wrong{number}'}"]
    lab.authorize(NUC, "")
    assert b"Too many authentication failures" in (await lab.ssh(NUC, "true", options=tuple(options))).err


async def test_a_fido_key_is_refused_and_the_next_key_still_gets_in(lab: SshLab) -> None:
    class FidoKey(paramiko.PKey):
        name = "sk-ssh-ed25519@openssh.com"

        def asbytes(self) -> bytes:
            message = paramiko.Message()
            for part in (self.name, os.urandom(32), "ssh:"):
                message.add_string(part)
            return message.asbytes()

        def get_name(self) -> str:
            return self.name

        def sign_ssh_data(self, data: bytes, algorithm: str | None = None) -> paramiko.Message:
            message = paramiko.Message()
            message.add_string(algorithm or self.name)
            message.add_string(bytes(64))
            return message

    def try_both() -> bool:
        key = FidoKey()
        lab.authorize(NUC, f"{key.name} {base64.b64encode(key.asbytes()).decode()} fido\n{lab.public_line}\n")
        transport = paramiko.Transport(("127.0.0.1", lab.ports[NUC]))
        try:
            transport.start_client(timeout=5)
            with pytest.raises(paramiko.AuthenticationException):
                transport.auth_publickey("kkato", key)
            transport.auth_publickey("kkato", paramiko.Ed25519Key.from_private_key_file(str(lab.key_path)))
            return transport.is_authenticated()
        finally:
            transport.close()

    assert await asyncio.to_thread(try_both)


async def test_rsa_works_for_both_the_user_and_the_host(tmp_path: Path) -> None:
    async with ssh_lab(tmp_path, rsa_host_keys=True) as lab:
        line = new_key(tmp_path / "rsa", "rsa")
        lab.authorize(NUC, line + "\n")
        options = ("-o", f"IdentityFile={tmp_path / 'rsa'}", "-o", "HostKeyAlgorithms=rsa-sha2-512")
        assert (await lab.ssh(NUC, "echo in", options=options)).text == "in"
        assert await lab.is_let_in(NUC, key_filename=str(tmp_path / "rsa"))
        kinds = [line.split()[1] for line in lab.servers.known_hosts_lines()]
        assert sorted(kinds) == ["ssh-ed25519"] * 2 + ["ssh-rsa"] * 2


async def test_host_keys_stay_the_same_from_run_to_run_and_private(tmp_path: Path) -> None:
    seen = []
    for run in ("one", "two"):
        (tmp_path / run).mkdir()
        (tmp_path / run / "host_keys").symlink_to(tmp_path)
        async with ssh_lab(tmp_path / run) as lab:
            seen.append([line.split()[1:] for line in lab.servers.known_hosts_lines()])
    assert seen[0] == seen[1]
    for node in (NUC, PI):
        assert (tmp_path / f"{node}_ed25519").stat().st_mode & 0o077 == 0


def listening_addresses(port: int) -> set[str]:
    """Local addresses, in the kernel's hex, that listen on a TCP port."""
    tables = [path for path in (Path("/proc/net/tcp"), Path("/proc/net/tcp6")) if path.exists()]
    rows = [line.split() for path in tables for line in path.read_text().splitlines()[1:]]
    return {row[1].split(":")[0] for row in rows if row[1].endswith(f":{port:04X}") and row[3] == "0A"}


async def test_the_ports_are_open_on_loopback_only(lab: SshLab) -> None:
    for port in lab.ports.values():
        assert listening_addresses(port) == {"0100007F"}


async def test_the_scratch_directory_is_closed_to_other_users(lab: SshLab) -> None:
    assert (lab.directory / "scratch").stat().st_mode & 0o077 == 0
    for node in (NUC, PI):
        assert lab.home(node).stat().st_mode & 0o077 == 0


async def test_a_node_without_keys_has_no_ssh_directory_and_nuc04_has_a_strangers_key(tmp_path: Path) -> None:
    async with ssh_lab(tmp_path, nodes=8, authorize=False) as lab:
        for node in lab.world.nodes:
            assert (lab.home(node) / ".ssh").exists() == (node == "nuc04")
        line = (lab.home("nuc04") / ".ssh/authorized_keys").read_text()
        assert line.startswith("ssh-ed25519 ")
        assert line.endswith(" old-laptop@somewhere\n")
        assert not await lab.is_let_in("nuc04")


# -- StrictModes -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", [".", ".ssh", ".ssh/authorized_keys"])
@pytest.mark.parametrize("mode", [0o770, 0o707])
async def test_a_place_that_others_can_write_makes_the_key_useless(lab: SshLab, place: str, mode: int) -> None:
    path = lab.home(NUC) / place
    before = path.stat().st_mode & 0o777
    path.chmod(mode)
    assert not await lab.is_let_in(NUC)
    path.chmod(before | 0o044)
    assert await lab.is_let_in(NUC)


async def test_a_link_inside_the_home_is_followed_and_one_through_tmp_is_not(lab: SshLab, tmp_path: Path) -> None:
    ssh = lab.home(NUC) / ".ssh"
    (ssh / "authorized_keys").rename(ssh / "real")
    (ssh / "authorized_keys").symlink_to(ssh / "real")
    assert await lab.is_let_in(NUC)
    open_to_all = tmp_path / "open"
    open_to_all.mkdir()
    open_to_all.chmod(0o1777)
    (open_to_all / "keys").write_text(lab.public_line + "\n")
    (ssh / "authorized_keys").unlink()
    (ssh / "authorized_keys").symlink_to(open_to_all / "keys")
    assert not await lab.is_let_in(NUC)


async def test_a_fifo_a_directory_or_nothing_at_all_lets_nobody_in_and_hangs_nobody(lab: SshLab) -> None:
    file = lab.home(NUC) / ".ssh/authorized_keys"
    file.unlink()
    assert not await lab.is_let_in(NUC)
    os.mkfifo(file, 0o600)
    assert not await lab.is_let_in(NUC)
    file.unlink()
    file.mkdir(mode=0o700)
    assert not await lab.is_let_in(NUC)


async def test_ubuntu_reads_authorized_keys2_and_rocky_does_not(lab: SshLab) -> None:
    for node in (NUC, PI):
        ssh = lab.home(node) / ".ssh"
        (ssh / "authorized_keys").rename(ssh / "authorized_keys2")
    assert not await lab.is_let_in(NUC)
    assert await lab.is_let_in(PI)


# -- lines and options -----------------------------------------------------------------------------------------------

# K stands for the key's "type base64", O for another key's (so no other word here has these capitals).
LINES = {
    "K": True,
    "K comment with \"quotes\" and 'more'": True,
    "  \tK": True,
    "K\r\n": True,
    "# a comment\n\nK": True,
    "O\nK": True,
    "O": False,
    "#K": False,
    "OK": False,
    "KK": False,
    "\ufeffK": False,
    "no-pty K": True,
    "No-Pty,reStrict K": True,
    "no-pty, restrict K": False,
    "no-such-option K": False,
    'command="echo \\"O\\"" K': True,
    'command="K" O': False,
    'command="a",command="b" K': False,
    'command="never closed K': False,
    'from="127.0.0.1" K': True,
    'from="127.0.0.0/8" K': True,
    'from="127.0.0.?,10.0.0.1" K': True,
    'from="192.168.10.0/24" K': False,
    'from="*,!127.0.0.1" K': False,
    'from="10.0.0.1" K\nK': True,
    'expiry-time="20200101" K': False,
    'expiry-time="29991231235959Z" K': True,
    'expiry-time="soon" K': False,
    "cert-authority K": False,
    "cert-authority K\nK": True,
    'environment="A=B",permitopen="host:1" K': True,
}


@pytest.mark.parametrize(("line", "let_in"), LINES.items())
async def test_a_line_counts_as_sshd_counts_it(lab: SshLab, tmp_path: Path, line: str, let_in: bool) -> None:
    keys = {"K": lab.public_line, "O": new_key(tmp_path / "other")}
    text = re.sub("[KO]", lambda letter: " ".join(keys[letter[0]].split()[:2]), line)
    lab.authorize(NUC, text if text.endswith("\n") else f"{text}\n")
    outcome = await _login(lab)
    assert (outcome is not None) == let_in


async def _login(lab: SshLab) -> Outcome | None:
    try:
        return await lab.run(NUC, "true")
    except paramiko.AuthenticationException:
        return None


async def test_a_forced_command_runs_in_place_of_the_clients(lab: SshLab) -> None:
    lab.authorize(NUC, f'command="echo forced; echo $SSH_ORIGINAL_COMMAND" {lab.public_line}\n')
    assert (await lab.run(NUC, "rm -rf everything")).text.splitlines() == ["forced", "rm -rf everything"]


async def test_a_changed_file_counts_at_the_next_login(lab: SshLab, tmp_path: Path) -> None:
    line = new_key(tmp_path / "second")
    assert not await lab.is_let_in(NUC, key_filename=str(tmp_path / "second"))
    await lab.run(NUC, "cat >>.ssh/authorized_keys", f"{line}\n".encode())
    assert await lab.is_let_in(NUC, key_filename=str(tmp_path / "second"))
    await lab.run(NUC, f"grep -v '{line.split()[1]}' .ssh/authorized_keys >k; cat k >.ssh/authorized_keys")
    assert not await lab.is_let_in(NUC, key_filename=str(tmp_path / "second"))
    assert await lab.is_let_in(NUC)
