"""Keys in the node's other accounts, and what the node's own log says of a key: real sudo, sshd and syslogd."""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from homelab_tui.domain.errors import SourceConflict, SourceRefused
from homelab_tui.domain.keys import CellState, PublicKey
from tests.keygen import key_text
from tests.labs import until
from tests.real.administered_sshd import AdministeredSshd, administered
from tests.real.sshd import Account, make_key, needs_root, throw_away_account
from tests.servers import require_binary

pytestmark = needs_root


@pytest.fixture
def stranger(tmp_path: Path) -> PublicKey:
    return make_key(tmp_path, "stranger")


@contextlib.contextmanager
def two_accounts() -> Iterator[tuple[AdministeredSshd, Account, Account]]:
    """A server with an administrator, and another person's account."""
    with administered() as (server, account), throw_away_account(server) as other:
        server.let_become_root(account)
        yield server, account, other


def line_of(key: PublicKey, options: str = "") -> bytes:
    return f"{options}{key_text(key.blob)} stranger\n".encode()


async def test_a_key_is_found_in_another_account_taken_out_of_it_and_brought_back(stranger: PublicKey) -> None:
    with two_accounts() as (server, account, other):
        before = b"# mine, caf\xe9\r\n" + line_of(stranger, "no-pty ") + b"# end"
        file = other.write(".ssh/authorized_keys", before)
        source, node = server.source(), server.node(account)
        found = {one.account: one for one in (await source.read_account(node)).others}
        assert [(cell.fingerprint, cell.state) for cell in found[other.user].cells] == [
            (stranger.fingerprint, CellState.RESTRICTED)
        ]
        own_only = await source.remove_key(node, stranger.fingerprint)
        assert (own_only.detail, own_only.writes) == ("not there", ())
        seen = await source.remove_key(
            node, stranger.fingerprint, everywhere=True, dry_run=True, may_close=(other.user,)
        )
        assert f"would remove: ~{other.user}/.ssh/authorized_keys line 2" in seen.detail
        assert file.read_bytes() == before
        removal = await source.remove_key(node, stranger.fingerprint, everywhere=True, may_close=(other.user,))
        assert removal.problem is None
        (write,) = removal.writes
        assert file.read_bytes() == b"# mine, caf\xe9\r\n# end" == write.after
        assert (file.stat().st_uid, file.stat().st_mode & 0o777) == (other.uid, 0o600)
        assert write.file == f"~{other.user}/.ssh/authorized_keys"
        restored = await source.restore_file(node, write.file, sha256(write.after), write.before)
        assert restored.changed
        assert file.read_bytes() == before
        with pytest.raises(SourceConflict, match="changed since by somebody else"):
            await source.restore_file(node, write.file, sha256(b"other"), b"")


async def test_another_account_keeps_its_last_usable_line_and_it_is_said_how_to_take_it_too(
    stranger: PublicKey,
) -> None:
    with two_accounts() as (server, account, other):
        own = account.write(".ssh/authorized_keys", line_of(stranger) + line_of(server.admin))
        before = line_of(stranger) + b'from="10.0.0.1" ' + line_of(server.admin)  # from elsewhere only: no way in
        file = other.write(".ssh/authorized_keys", before)
        source, node = server.source(), server.node(account)
        reason = (
            f"~{other.user}/.ssh/authorized_keys would stay as it is: it is the last usable line of the account "
            f"{other.user}; --close {other.user} takes it away all the same"
        )
        assert reason in (await source.remove_key(node, stranger.fingerprint, everywhere=True, dry_run=True)).detail
        removal = await source.remove_key(node, stranger.fingerprint, everywhere=True)
        assert removal.problem == reason.replace("would stay", "stays")
        assert own.read_bytes() == line_of(server.admin)
        assert file.read_bytes() == before
        again = await source.remove_key(node, stranger.fingerprint, everywhere=True)
        assert (again.writes, again.problem) == ((), removal.problem)
        assert again.detail.startswith("nothing was removed; ")
        file.write_bytes(before + line_of(server.admin))  # a second way in
        assert (await source.remove_key(node, stranger.fingerprint, everywhere=True)).problem is None
        assert stranger_is_gone(file, stranger)


def stranger_is_gone(file: Path, stranger: PublicKey) -> bool:
    return key_text(stranger.blob).encode() not in file.read_bytes()


async def test_root_never_opens_a_file_for_an_account_that_may_not(stranger: PublicKey) -> None:
    """CVE-2026-11837: a link of the account's own to something that only root may read or write."""
    with two_accounts() as (server, account, other):
        secret = server.base / "secret"
        secret.write_bytes(line_of(stranger))
        secret.chmod(0o600)
        other.write(".ssh/x", b"")
        (other.home / ".ssh" / "authorized_keys").symlink_to(secret)
        source, node = server.source(), server.node(account)
        found = {one.account: one for one in (await source.read_account(node)).others}
        assert found[other.user].cells == ()
        removal = await source.remove_key(node, stranger.fingerprint, everywhere=True)
        assert removal.writes == ()
        assert f"~{other.user}/.ssh/authorized_keys was not read: it cannot be read" in removal.detail
        assert secret.read_bytes() == line_of(stranger)


async def test_a_file_that_cannot_be_written_is_named_and_the_others_are_done(stranger: PublicKey) -> None:
    with two_accounts() as (server, account, other):
        file = other.write(".ssh/authorized_keys", line_of(stranger))
        own = account.write(".ssh/authorized_keys", line_of(stranger) + line_of(server.admin))
        os.chown(file, 0, 0)  # administered by root, for somebody else
        file.chmod(0o644)
        removal = await server.source().remove_key(
            server.node(account), stranger.fingerprint, everywhere=True, may_close=(other.user,)
        )
        assert own.read_bytes() == line_of(server.admin)
        assert file.read_bytes() == line_of(stranger)
        assert removal.problem is not None
        assert f"~{other.user}/.ssh/authorized_keys stays as it is" in removal.problem
        assert "belongs to somebody else" in removal.problem


async def test_without_sudo_nobody_else_is_seen(stranger: PublicKey) -> None:
    with administered() as (server, account), throw_away_account(server) as other:
        other.write(".ssh/authorized_keys", line_of(stranger))
        source, node = server.source(), server.node(account)
        assert (await source.read_account(node)).others == ()
        removal = await source.remove_key(node, stranger.fingerprint, everywhere=True)
        assert removal.detail.startswith("not there; the node's other accounts were not looked at")


# The log


@contextlib.contextmanager
def with_syslog(server: AdministeredSshd) -> Iterator[Path]:
    """busybox' syslogd beside the server, in its namespace: its /dev/log, and an auth.log of its own."""
    assert server.process is not None
    log = server.base / "auth.log"
    base = server.base
    layers = f"lowerdir=/dev,upperdir={base}/dev-upper,workdir={base}/dev-work"
    script = (
        f"mkdir {base}/dev-upper {base}/dev-work && mount -t overlay overlay -o {layers} /dev && rm -f /dev/log && "
        f"mount --bind {base} /var/log && exec {require_binary('busybox')} syslogd -n -O /var/log/auth.log"
    )
    enter = [str(require_binary("nsenter")), "-m", "-t", str(server.process.pid), "sh", "-c", script]
    process = subprocess.Popen(enter, stdin=subprocess.DEVNULL)
    try:
        yield log
    finally:
        process.terminate()
        process.wait(timeout=5)


async def test_the_nodes_log_tells_when_a_key_last_logged_in(stranger: PublicKey, tmp_path: Path) -> None:
    silent = make_key(tmp_path, "silent")
    # An empty journal, as on a machine whose logs are files.
    with administered(syslog=True, programs={"journalctl": ""}) as (server, account), with_syslog(server) as log:
        server.let_become_root(account)
        await until(log.exists)
        account.write(".ssh/authorized_keys", line_of(stranger) + line_of(silent))
        source, node = server.source(), server.node(account)
        began = datetime.now(UTC).replace(microsecond=0)
        assert (await source.prove(node, stranger)).proven
        await until(lambda: stranger.fingerprint in log.read_text())
        logins = await source.last_logins(node, (stranger.fingerprint, silent.fingerprint, "SHA256:'; reboot"))
        assert [mark for mark, _ in logins.last] == [stranger.fingerprint]
        assert began <= logins.last[0][1] <= datetime.now(UTC)
        assert logins.since is not None
        assert began - timedelta(minutes=5) <= logins.since <= datetime.now(UTC)


async def test_a_journal_is_asked_before_the_files(stranger: PublicKey, tmp_path: Path) -> None:
    """What journalctl prints is a fixed format; a program of that name prints it here, where no journal is."""
    lines = (
        "1764000000.5 pi sshd[7]: Accepted publickey for a from 10.0.0.9 port 5 ssh2: ED25519 %s",
        "1763000000.5 pi sshd[7]: Accepted publickey for a from 10.0.0.9 port 5 ssh2: ED25519 %s",
    )
    text = "\n".join(line % stranger.fingerprint for line in lines)
    oldest = "1760000000.000001 pi kernel: Linux version 6.1"
    journal = f"case \" $* \" in *' -r '*) cat <<'E'\n{text}\nE\n;; *) echo '{oldest}';; esac\n"
    with administered(programs={"journalctl": journal}) as (server, account):
        server.let_become_root(account)
        logins = await server.source().last_logins(server.node(account), (stranger.fingerprint,))
        assert logins.since == datetime.fromtimestamp(1760000000, UTC)
        assert logins.last == ((stranger.fingerprint, datetime.fromtimestamp(1764000000, UTC)),)


async def test_without_sudo_the_log_is_not_asked(stranger: PublicKey) -> None:
    with administered() as (server, account), pytest.raises(SourceRefused, match="needs sudo without a password"):
        await server.source().last_logins(server.node(account), (stranger.fingerprint,))


def sha256(data: bytes | None) -> str:
    import hashlib

    return hashlib.sha256(data or b"").hexdigest()
