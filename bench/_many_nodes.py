"""Sixty-four nodes that are one machine: one real sshd on as many addresses of the loopback, an account for each."""

import contextlib
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from homelab_tui.config.model import Config, KeysConfig, SshConfig
from homelab_tui.domain.keys import PublicKey
from homelab_tui.domain.nodes import Node
from scripts.debian import find_program
from tests.keygen import key_text
from tests.real.sshd import Sshd, free_port, make_key

NODES = 64
PARALLEL = SshConfig().max_parallel
"""Connections at a time: homelab's own default, and what everybody here is given."""
LEAVE_S = 60
"""How long the last connections of a client may stay."""
PREFIX = "hlbench"
_AUTOGROUP = Path("/proc/sys/kernel/sched_autogroup_enabled")
"""Linux: whether the scheduler puts each session (`setsid`) into a group of its own."""


class Impossible(Exception):
    """Why it cannot be measured here."""


class PlainSshd(Sshd):
    """sshd as a house has it: no debug log, no program that is asked for keys."""

    def _write_config(self) -> Path:
        config = self.base / "sshd_config"
        lines = (
            f"Port {self.port}",
            "ListenAddress 0.0.0.0",
            f"HostKey {self.base}/keys/host0",
            f"PidFile {self.base}/sshd.pid",
            "LogLevel ERROR",
            "UsePAM no",
            "MaxStartups 1000",
            "Subsystem sftp internal-sftp",
        )
        config.write_text("\n".join(lines) + "\n")
        return config


@dataclass(frozen=True)
class House:
    """What everybody who is measured is given."""

    base: Path
    port: int
    nodes: tuple[Node, ...]
    config: Config
    guest: PublicKey
    """The key that is pushed."""
    server_pid: int

    @property
    def hosts(self) -> str:
        """`user@address`, one a line: what xargs reads."""
        return "\n".join(f"{node.user}@{node.host}" for node in self.nodes)

    def keys_file(self, node: Node) -> Path:
        """A node's authorized_keys."""
        return self.base / "homes" / (node.user or "") / ".ssh" / "authorized_keys"

    def ssh_options(self) -> list[str]:
        """The OpenSSH client's, the same connection that homelab makes."""
        return ["-F", str(self.base / "ssh_config"), "-p", str(self.port)]

    def forget_the_guest(self) -> None:
        """Every account as it was before the first push."""
        for node in self.nodes:
            file = self.keys_file(node)
            whole = (self.base / "before").read_bytes()
            if file.read_bytes() != whole:
                # At once: a poller that logs in meanwhile would be refused for a file that is only half there.
                owner, fresh = file.parent.stat(), file.with_name("fresh")
                fresh.write_bytes(whole)
                os.chown(fresh, owner.st_uid, owner.st_gid)
                fresh.chmod(0o600)
                fresh.replace(file)

    def wait_until_left(self) -> None:
        """Until nobody is logged in any more: a connection that Ansible keeps, and its end, would be our time."""
        deadline = time.monotonic() + LEAVE_S
        children = Path(f"/proc/{self.server_pid}/task/{self.server_pid}/children")
        while children.read_text():
            if time.monotonic() > deadline:
                raise Impossible(f"somebody is still logged in after {LEAVE_S} s")
            time.sleep(0.05)

    @contextlib.contextmanager
    def elsewhere(self) -> Iterator[None]:
        """Until the block ends the nodes take CPU only where nobody else wants it, as if they were other machines."""
        os.sched_setscheduler(self.server_pid, os.SCHED_IDLE, os.sched_param(0))  # what it starts inherits it
        # With a group for each session every login has as much right to a core as all of homelab, whatever its policy.
        has_groups = _AUTOGROUP.exists() and _AUTOGROUP.read_text().strip() == "1"
        try:
            if has_groups:
                _AUTOGROUP.write_text("0")
            yield
        finally:
            if has_groups:
                _AUTOGROUP.write_text("1")
            os.sched_setscheduler(self.server_pid, os.SCHED_OTHER, os.sched_param(0))

    def server_cpu_s(self) -> float:
        """What the server and all that it has started and ended have used up to now."""
        words = Path(f"/proc/{self.server_pid}/stat").read_text().rpartition(") ")[2].split()
        return sum(int(word) for word in words[11:15]) / os.sysconf("SC_CLK_TCK")

    def pushed(self) -> int:
        """To how many the guest's key has come."""
        word = key_text(self.guest.blob).encode()
        return sum(word in self.keys_file(node).read_bytes() for node in self.nodes)

    def write_config(self) -> Path:
        """The configuration as a file, for the command line."""
        lines = ["[ssh]", f'config = "{self.config.ssh.config}"', f'known_hosts = "{self.config.ssh.known_hosts}"']
        lines += ["[keys]", "agent = false", f"paths = {[str(path) for path in self.config.keys.paths]}"]
        for node in self.nodes:
            lines += ["[[nodes]]", f'name = "{node.name}"', f'host = "{node.host}"', f'user = "{node.user}"']
            lines += [f"port = {self.port}"]
        path = self.base / "config.toml"
        path.write_text("\n".join(lines) + "\n")
        return path


@contextlib.contextmanager
def house() -> Iterator[House]:
    """The server with its accounts, which are gone again afterwards. Raises Impossible, saying why."""
    if os.geteuid() != 0:
        raise Impossible(f"it needs root, for {NODES} throw-away accounts")
    if find_program("sshd") is None:
        raise Impossible("there is no sshd (apt-get install openssh-server)")
    base = Path(tempfile.mkdtemp(prefix="homelab-bench-"))
    base.chmod(0o755)
    server = PlainSshd(base)
    users: list[str] = []
    try:
        server.start()
        for number in range(1, NODES + 1):
            users.append(f"{PREFIX}{os.getpid()}x{number:02}")
            _add_user(base, users[-1], server.admin)
        yield _furnished(base, server, users)
    finally:
        server.stop()
        for user in users:
            subprocess.run(["userdel", "-f", user], capture_output=True, check=False)
        shutil.rmtree(base, ignore_errors=True)


def _add_user(base: Path, user: str, admin: PublicKey) -> None:
    home = base / "homes" / user
    subprocess.run(["useradd", "-M", "-U", "-d", str(home), "-s", "/bin/sh", "-p", "*", user], check=True)
    entry = pwd.getpwnam(user)
    (home / ".ssh").mkdir(parents=True)
    keys = f"# the house\n{key_text(admin.blob)} admin\n"
    (home / ".ssh" / "authorized_keys").write_text(keys)
    (base / "before").write_text(keys)
    for path, mode in ((home, 0o755), (home / ".ssh", 0o700), (home / ".ssh" / "authorized_keys", 0o600)):
        path.chmod(mode)
        os.chown(path, entry.pw_uid, entry.pw_gid)


def _furnished(base: Path, server: Sshd, users: list[str]) -> House:
    guest = make_key(base / "keys", "guest")
    addresses = [f"127.0.1.{number}" for number in range(1, NODES + 1)]
    nodes = tuple(
        Node(f"n{number:02}", address, user=user, port=server.port)
        for number, (address, user) in enumerate(zip(addresses, users, strict=True), 1)
    )
    known = base / "known_hosts"
    known.write_text("".join(f"[{a}]:{server.port} {key_text(server.host_keys[0].blob)}\n" for a in addresses))
    ssh_config = base / "ssh_config"
    ssh_config.write_text(
        f"Host *\n  IdentityFile {base}/keys/admin\n  IdentitiesOnly yes\n  BatchMode yes\n"
        f"  UserKnownHostsFile {known}\n  GlobalKnownHostsFile {base}/none\n  ControlMaster no\n  LogLevel ERROR\n"
    )
    paths = tuple(Path(key.path or "") for key in (server.admin, guest))
    # A machine that is busy with all 64 servers too answers late: nobody is to lose a race against a time-out here.
    ssh = SshConfig(config=ssh_config, known_hosts=known, connect_timeout_s=20.0, max_parallel=PARALLEL)
    config = Config(nodes=nodes, ssh=ssh, keys=KeysConfig(paths=paths, agent=False))
    assert server.process is not None
    return House(base, server.port, nodes, config, guest, server.process.pid)


__all__ = ["NODES", "PARALLEL", "House", "Impossible", "free_port", "house"]
