"""Debian's sshd on many addresses of loopback for the account that runs the benchmark, with throw-away keys."""

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

OPTIONS = """
StrictModes no
UsePAM no
PermitRootLogin prohibit-password
PasswordAuthentication no
MaxStartups 256
MaxSessions 64
LogLevel ERROR
"""
CLIENT = """
Host *
  IdentityFile {key}
  IdentitiesOnly yes
  BatchMode yes
  UserKnownHostsFile {known_hosts}
  GlobalKnownHostsFile /dev/null
  LogLevel ERROR
"""


@dataclass(frozen=True, slots=True)
class Server:
    """A running sshd and what its clients need."""

    port: int
    addresses: tuple[str, ...]
    """Each is a machine of its own to a client: nobody opens two connections to one at a time."""
    user: str
    client_config: Path
    known_hosts: Path
    key: Path
    """The private key; `.pub` is beside it."""


_PER_PROCESS = 16
"""sshd listens on no more addresses than that."""


@contextlib.contextmanager
def running(folder: Path, count: int) -> Iterator[Server]:
    """`count` addresses, until the block ends. Raises FileNotFoundError without sshd."""
    program = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:" + os.environ.get("PATH", ""))
    if program is None:
        raise FileNotFoundError("sshd is not installed (openssh-server)")
    for name in ("host", "admin"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    addresses = tuple(f"127.0.77.{number}" for number in range(1, count + 1))
    words = " ".join((folder / "host.pub").read_text().split()[:2])
    (folder / "known_hosts").write_text("".join(f"[{address}]:{port} {words}\n" for address in addresses))
    (folder / "ssh_config").write_text(CLIENT.format(key=folder / "admin", known_hosts=folder / "known_hosts"))
    # A home without start files: what a person's shell does at a login is not the probe's time.
    own = (f"Port {port}", f"HostKey {folder}/host", f"AuthorizedKeysFile {folder}/admin.pub", f"SetEnv HOME={folder}")
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    with contextlib.ExitStack() as stack:
        for start in range(0, count, _PER_PROCESS):
            config = folder / f"sshd_config.{start}"
            mine = [f"ListenAddress {address}" for address in addresses[start : start + _PER_PROCESS]]
            config.write_text("\n".join([*own, *mine, "PidFile none", OPTIONS]))
            server = subprocess.Popen([program, "-D", "-E", str(folder / "log"), "-f", str(config)])
            stack.callback(server.wait, 10)
            stack.callback(server.terminate)
        for address in addresses:
            _wait_for(address, port)
        user = pwd.getpwuid(os.geteuid()).pw_name
        yield Server(port, addresses, user, folder / "ssh_config", folder / "known_hosts", folder / "admin")


def _wait_for(address: str, port: int) -> None:
    for _ in range(100):
        with contextlib.suppress(OSError), socket.create_connection((address, port), timeout=1):
            return
        time.sleep(0.05)
    raise TimeoutError(f"sshd does not listen on {address}")
