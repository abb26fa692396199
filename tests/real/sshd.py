"""Debian's own sshd on a free port of 127.0.0.1, with throw-away accounts.

As root every test gets a user of its own (useradd, userdel) with a home of its own. Without root, sshd runs as the
current user and can log in nobody else; then HOME is set to a scratch directory, and the real home is never touched.
"""

import contextlib
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from homelab_tui.config.model import KeysConfig, SshConfig
from homelab_tui.domain.keys import PublicKey
from homelab_tui.domain.nodes import Node
from homelab_tui.sources.key_files import read_public_key
from homelab_tui.sources.ssh import SshSource
from tests.servers import require_binary

IS_ROOT = os.geteuid() == 0
needs_root = pytest.mark.skipif(not IS_ROOT, reason="needs root: throw-away users")
START_TIMEOUT_S = 10.0


def make_key(directory: Path, name: str, *options: str) -> PublicKey:
    """A fresh key pair by ssh-keygen: ed25519 without a passphrase, unless the options say otherwise."""
    path = directory / name
    options = options or ("-t", "ed25519")
    passphrase = () if "-N" in options else ("-N", "")
    command = [str(require_binary("ssh-keygen")), "-q", "-C", f"{name}@test", "-f", str(path), *options, *passphrase]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    return read_public_key(path.with_name(f"{name}.pub"))


def free_port() -> int:
    """A port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Account:
    """A user that can be logged in to by the admin key, whatever its own authorized_keys says."""

    user: str
    home: Path
    uid: int
    gid: int

    @property
    def keys_file(self) -> Path:
        return self.home / ".ssh" / "authorized_keys"

    def write(self, relative: str, data: bytes, mode: int = 0o600) -> Path:
        """A file of the account's own, its directory made 0700 where missing."""
        path = self.home / relative
        if not path.parent.exists():
            path.parent.mkdir(mode=0o700)
            os.chown(path.parent, self.uid, self.gid)
        path.write_bytes(data)
        path.chmod(mode)
        os.chown(path, self.uid, self.gid)
        return path


@dataclass
class Sshd:
    """One running server and everything that a client needs for it."""

    base: Path
    """World-readable, so that throw-away users get to their homes; gone after the test."""
    options: tuple[str, ...] = ()
    port: int = 0
    process: "subprocess.Popen[bytes] | None" = None
    host_keys: tuple[PublicKey, ...] = ()
    admin: PublicKey = field(init=False)
    host_key_options: tuple[tuple[str, ...], ...] = (("-t", "ed25519"),)

    def start(self) -> None:
        """Starts it, and waits until it answers."""
        keys = self.base / "keys"
        if not keys.exists():
            keys.mkdir(mode=0o700)
            self.admin = make_key(keys, "admin")
            self.host_keys = tuple(make_key(keys, f"host{n}", *o) for n, o in enumerate(self.host_key_options))
        program = str(require_binary("sshd"))
        if IS_ROOT:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        for _ in range(5):
            self.port = free_port()
            config = self._write_config()
            command = [program, "-D", "-f", str(config), "-E", str(self.base / "sshd.log")]
            self.process = subprocess.Popen(self._wrapped(command), stdin=subprocess.DEVNULL)
            if speaks_ssh(self.process, self.port, START_TIMEOUT_S):
                return
        pytest.fail(f"sshd did not start: {self.log()}")

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(timeout=5)

    def log(self) -> str:
        path = self.base / "sshd.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def node(self, account: Account, name: str = "nuc01") -> Node:
        return Node(name=name, host="127.0.0.1", user=account.user, port=self.port)

    def known_hosts(self, *, key: PublicKey | None = None) -> Path:
        """A known_hosts file that knows this server by its first key, or by another key."""
        path = self.base / f"known_hosts.{secrets.token_hex(4)}"
        blob = self._word(key or self.host_keys[0])
        path.write_text(f"[127.0.0.1]:{self.port} {blob}\n")
        return path

    def ssh_config(self, *, admin: bool = True) -> Path:
        """An OpenSSH client configuration that offers the admin key only, or nothing."""
        path = self.base / f"ssh_config.{secrets.token_hex(4)}"
        identity = str(self.base / "keys" / "admin") if admin else "none"
        path.write_text(f"Host *\n  IdentityFile {identity}\n  HashKnownHosts no\n  GlobalKnownHostsFile /dev/null\n")
        return path

    def config(self, known_hosts: Path | None = None, *, admin: bool = True) -> SshConfig:
        return SshConfig(config=self.ssh_config(admin=admin), known_hosts=known_hosts or self.known_hosts())

    def source(
        self, known_hosts: Path | None = None, *, keys: tuple[PublicKey, ...] = (), admin: bool = True
    ) -> SshSource:
        """A source that logs in with the admin key (and with `keys`)."""
        paths = tuple(Path(key.path) for key in keys if key.path)
        empty = self.base / "keys" / "admin.pub"
        config = KeysConfig(paths=paths or ((empty,) if admin else ()), agent=False)
        return SshSource(self.config(known_hosts, admin=admin), config)

    def authorize_admin(self, account: Account) -> None:
        """Lets the admin key in, whatever is in the home."""
        directory = self.base / "admin"
        directory.mkdir(mode=0o755, exist_ok=True)
        (directory / account.user).write_text(self._word(self.admin) + "\n")
        (directory / account.user).chmod(0o644)

    def _wrapped(self, command: list[str]) -> list[str]:
        """For a server that lives in surroundings of its own."""
        return command

    def _word(self, key: PublicKey) -> str:
        assert key.path is not None
        return " ".join(Path(key.path).read_text().split()[:2])

    def _write_config(self) -> Path:
        blocks = next((n for n, line in enumerate(self.options) if line.startswith("Match ")), len(self.options))
        keys = "\n".join(f"HostKey {self.base}/keys/host{n}" for n in range(len(self.host_keys)))
        lines = [
            f"Port {self.port}",
            "ListenAddress 127.0.0.1",
            keys,
            f"PidFile {self.base}/sshd.pid",
            *self.options[:blocks],  # for sshd the first value counts
            *self._keys_lines(),
            "LogLevel DEBUG1",
            *(() if any(option.startswith("UsePAM") for option in self.options) else ("UsePAM no",)),
            f"StrictModes {'yes' if IS_ROOT else 'no'}",
            *(() if IS_ROOT else (f"SetEnv HOME={self.base}/home",)),
            *self.options[blocks:],  # a Match block takes in all that follows
        ]
        config = self.base / "sshd_config"
        config.write_text("\n".join(lines) + "\n")
        return config

    def _keys_lines(self) -> tuple[str, ...]:
        """StrictModes looks at every directory up to the root for a file outside the home, and /tmp is everybody's:
        so the admin key comes from a program, which sshd asks when the files did not let the key in."""
        if not IS_ROOT:
            return (f"AuthorizedKeysFile {self.base}/home/.ssh/authorized_keys {self.base}/admin/%u",)
        return (f"AuthorizedKeysCommand /bin/cat {self.base}/admin/%u", "AuthorizedKeysCommandUser root")


def speaks_ssh(process: "subprocess.Popen[bytes]", port: int, timeout_s: float) -> bool:
    """Waits for the greeting; False when the process ends or the time runs out before it comes."""
    end = time.monotonic() + timeout_s
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1) as wire:
            if wire.recv(4) == b"SSH-":
                return True
        time.sleep(0.02)
    return False


@contextlib.contextmanager
def running_sshd(*options: str, host_keys: tuple[tuple[str, ...], ...] = (("-t", "ed25519"),)) -> Iterator[Sshd]:
    """A server with these lines of configuration first."""
    # Not tmp_path: pytest's directories are closed to the throw-away users.
    base = Path(tempfile.mkdtemp(prefix="homelab-sshd-"))
    base.chmod(0o755)
    server = Sshd(base, options, host_key_options=host_keys)
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(base, ignore_errors=True)


@contextlib.contextmanager
def throw_away_account(server: Sshd, *, shell: str = "/bin/bash", password: str | None = None) -> Iterator[Account]:
    """A user for one test. Without root: the current user with a scratch HOME."""
    if not IS_ROOT:
        home = server.base / "home"
        home.mkdir(mode=0o755)
        me = pwd.getpwuid(os.geteuid())
        account = Account(me.pw_name, home, me.pw_uid, me.pw_gid)
        server.authorize_admin(account)
        yield account
        for directory in (home, home / ".ssh"):
            if directory.exists():
                directory.chmod(0o700)  # a test may have closed it
        shutil.rmtree(home)
        return
    user = f"hl{secrets.token_hex(4)}"
    home = server.base / f"home-{user}"
    retried(["useradd", "-M", "-U", "-d", str(home), "-s", shell, "-p", "*", user])
    try:
        if password is not None:
            subprocess.run(["chpasswd"], input=f"{user}:{password}".encode(), check=True)
        entry = pwd.getpwnam(user)
        home.mkdir(mode=0o755)
        os.chown(home, entry.pw_uid, entry.pw_gid)
        account = Account(user, home, entry.pw_uid, entry.pw_gid)
        server.authorize_admin(account)
        yield account
    finally:
        uid = pwd.getpwnam(user).pw_uid
        retried(["userdel", user], before=lambda: _end_processes_of(uid))


def retried(command: list[str], before: Callable[[], None] = lambda: None) -> None:
    """useradd and userdel lock /etc/passwd; another test worker may hold it."""
    why = ""
    for _ in range(50):
        before()
        done = subprocess.run(command, capture_output=True, check=False)
        if done.returncode == 0:
            return
        why = done.stderr.decode(errors="replace")
        if done.returncode not in (1, 8, 10):  # 1, 10: cannot lock the password file; 8: the user still runs something
            break
        time.sleep(0.1)
    pytest.fail(f"{command[0]}: {why}")


def _end_processes_of(uid: int) -> None:
    """Ends what a throw-away user still runs: its sessions end with the server's connections, so this is rare."""
    for directory in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if directory.stat().st_uid == uid:
                os.kill(int(directory.name), signal.SIGKILL)
