"""Servers that are set up otherwise: sshd that reads other files, and dropbear."""

import contextlib
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from homelab_tui.config.model import KeysConfig, SshConfig
from homelab_tui.domain.errors import SourceRefused
from homelab_tui.domain.keys import PublicKey
from homelab_tui.domain.nodes import Node
from homelab_tui.domain.secrets import Secret
from homelab_tui.domain.values import replace
from homelab_tui.sources.ssh import SshSource
from tests.keygen import key_text
from tests.real.sshd import Account, Sshd, free_port, needs_root, running_sshd, throw_away_account
from tests.servers import require_binary

pytestmark = needs_root


def let_ask_sshd(server: Sshd, account: Account) -> None:
    """Gives the account a sudo without a password that may do one thing: ask the real sshd what it reads.

    The real sudo would need a line in this machine's /etc/sudoers.d.
    """
    host_key = account.write("bin/hostkey", (server.base / "keys" / "host0").read_bytes())
    config = account.write("bin/sshd_config", (server.base / "sshd_config").read_bytes())
    program = require_binary("sshd")
    account.write("bin/sshd", f'#!/bin/sh\nexec {program} -f {config} -h {host_key} "$@"\n'.encode(), 0o700)
    account.write("bin/sudo", b'#!/bin/sh\n[ "$1" = -n ] || exit 1\nshift\nexec "$@"\n', 0o700)
    account.write(".bashrc", b"PATH=$HOME/bin:$PATH; export PATH\n")


async def test_a_key_goes_into_the_file_that_sshd_reads(key: PublicKey) -> None:
    lines = ("AuthorizedKeysFile .ssh/%u_keys", "PasswordAuthentication no")
    with running_sshd(*lines) as server, throw_away_account(server) as account:
        let_ask_sshd(server, account)
        source, node = server.source(), server.node(account)
        write = await source.add_key(node, key)
        assert f"added to .ssh/{account.user}_keys (line 1)" in write.detail
        assert (account.home / ".ssh" / f"{account.user}_keys").read_bytes() == write.after
        assert (await source.prove(node, key)).proven
        read = await source.read_account(node)
        assert (read.sudo, read.password_login) == (True, True)  # KbdInteractiveAuthentication is on by default
        assert [cell.fingerprint for cell in read.cells] == [key.fingerprint]
        assert any("AuthorizedKeysCommand" in problem for problem in read.problems)


async def test_where_sshd_may_not_be_asked_the_failed_proof_says_what_may_be_wrong(key: PublicKey) -> None:
    with running_sshd("AuthorizedKeysFile .ssh/%u_keys") as server, throw_away_account(server) as account:
        source, node = server.source(), server.node(account)
        assert (await source.add_key(node, key)).changed
        proof = await source.prove(node, key)
        assert proof.proven is False
        assert "it may read another file" in proof.detail


async def test_keys_that_live_outside_the_home_are_left_to_whoever_keeps_them(key: PublicKey) -> None:
    with running_sshd("AuthorizedKeysFile /etc/ssh/keys/%u") as server, throw_away_account(server) as account:
        let_ask_sshd(server, account)
        with pytest.raises(SourceRefused, match=rf"sshd reads the account's keys from /etc/ssh/keys/{account.user}"):
            await server.source().add_key(server.node(account), key)
        assert not (account.home / ".ssh").exists()


# --- dropbear -------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def running_dropbear(base: Path) -> Iterator[tuple[int, Path]]:
    """Debian's dropbear: its port, and a known_hosts file that knows it."""
    program, keygen = str(require_binary("dropbear")), str(require_binary("dropbearkey"))
    host_key = base / "dropbear_host_key"
    shown = subprocess.run([keygen, "-t", "ed25519", "-f", str(host_key)], check=True, capture_output=True, text=True)
    public = next(line for line in shown.stdout.splitlines() if line.startswith("ssh-ed25519"))
    port = free_port()
    command = [program, "-F", "-E", "-r", str(host_key), "-p", f"127.0.0.1:{port}", "-P", str(base / "dropbear.pid")]
    with (base / "dropbear.log").open("wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=log)
    known = base / "dropbear_known_hosts"
    known.write_text(f"[127.0.0.1]:{port} {' '.join(public.split()[:2])}\n")
    try:
        end = time.monotonic() + 5
        while b"Not backgrounding" not in (base / "dropbear.log").read_bytes() and time.monotonic() < end:
            time.sleep(0.02)
        yield port, known
    finally:
        process.terminate()
        process.wait(timeout=5)


async def test_a_key_is_pushed_to_dropbear_by_password_and_proven(key: PublicKey) -> None:
    with (
        running_sshd() as server,
        throw_away_account(server, password="correct horse") as account,
        running_dropbear(server.base) as (port, known),
    ):
        config = SshConfig(config=server.ssh_config(admin=False), known_hosts=known)
        source = SshSource(config, KeysConfig(paths=(Path(key.path or ""),), agent=False))
        node = replace(Node(name="wrt", host="127.0.0.1"), user=account.user, port=port)
        write = await source.add_key(node, key, password=Secret("correct horse"))
        assert write.changed
        assert account.keys_file.read_bytes() == f"{key_text(key.blob)} mine@test\n".encode()
        assert (await source.prove(node, key)).proven
        read = await source.read_account(node)
        assert read.server_version is not None
        assert "dropbear" in read.server_version
        assert [cell.state.value for cell in read.cells] == ["present"]
