"""A Debian that systemd has booted: this machine's own /usr, an /etc and a /var of its own, in a container.

systemd-nspawn starts it, so that it needs root, and a kernel that lets it. Its sshd is `ssh.service` as the package
brings it, reached on a free port of 127.0.0.1; its sudo, its timers and its journal are the real ones.
"""

import contextlib
import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.real.administered_sshd import AdministeredSshd, number_apart
from tests.real.sshd import Account, free_port, make_key, speaks_ssh
from tests.servers import require_binary

_BOOT_TIMEOUT_S = 90.0
_STOP_TIMEOUT_S = 20.0
_SSHD_CONFIG = """Include /etc/ssh/sshd_config.d/*.conf
Port {port}
ListenAddress 127.0.0.1
HostKey /etc/ssh/ssh_host_ed25519_key
UsePAM yes
KbdInteractiveAuthentication no
"""
_NOT_OURS = ("fstab", "resolv.conf", "crypttab")


class BootedDebian(AdministeredSshd):
    """The container, as a server with an administrator."""

    @property
    def _name(self) -> str:
        """A machine's: letters, digits and hyphens."""
        return "".join(char if char.isalnum() else "-" for char in self.base.name).strip("-")

    @property
    def root(self) -> Path:
        """Its file system, but for what is mounted in it: /usr, /run, /tmp."""
        return self.base / "root"

    @property
    def drop_ins(self) -> Path:
        """Its /etc/ssh/sshd_config.d."""
        return self.root / "etc" / "ssh" / "sshd_config.d"

    @property
    def sudoers(self) -> Path:
        """Its /etc/sudoers.d."""
        return self.root / "etc" / "sudoers.d"

    @property
    def armed(self) -> list[str]:
        """What is left of rollbacks."""
        return [path.name for path in (self.root / "etc" / "ssh").iterdir() if "rollback" in path.name]

    def start(self) -> None:
        """Boots it, and waits until its sshd answers."""
        nspawn, self.port = str(require_binary("systemd-nspawn")), free_port()
        demand_namespaces()
        self._furnish()
        places = [place for place in ("/bin", "/sbin", "/lib", "/lib64") if Path(place).is_dir()]
        binds = [f"--bind-ro={place}" for place in ("/usr", *places) if not Path(place).is_symlink()]
        command = [
            nspawn,
            "--quiet",
            "--boot",
            f"--directory={self.root}",
            f"--machine=homelab-{secrets.token_hex(4)}",
            *binds,
        ]
        command += ["--register=no", "--keep-unit", "--link-journal=no", "--resolv-conf=off", "--timezone=off"]
        with (self.base / "console").open("wb") as console:
            self.process = subprocess.Popen(
                [*command, "--console=pipe"],
                env={**os.environ, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"},  # as every distribution has it by now
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=subprocess.STDOUT,
            )
        if speaks_ssh(self.process, self.port, _BOOT_TIMEOUT_S):
            return
        said = (self.base / "console").read_text(errors="replace").strip()[-500:]
        ended = self.process.poll() is not None
        pytest.fail(f"the sshd of the booted container does not answer: {said}\n{'' if ended else self.log()}")

    def stop(self) -> None:
        """Switches it off; what does not end by itself is ended."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.terminate()
        try:
            self.process.wait(timeout=_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()  # nspawn's death is its container's
            self.process.wait(timeout=_STOP_TIMEOUT_S)
        left = Path("/run/systemd/nspawn/propagate", self._name)  # nspawn leaves it where /run is on a disk
        if left.is_dir():
            left.rmdir()

    def log(self) -> str:
        """What its journal says of sshd and of our timers."""
        return self.run("journalctl", "-o", "cat", "-u", "ssh*", "-u", "homelab-*", check=False)

    def run(self, *command: str, stdin: str = "", check: bool = True) -> str:
        """A command as root on it; what it printed."""
        inside = ["nsenter", "--all", "--target", str(self._init()), *command]
        done = subprocess.run(inside, input=stdin, capture_output=True, text=True, check=False)
        assert done.returncode == 0 or not check, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout

    def timers(self) -> list[str]:
        """The rollbacks' timers that systemd knows."""
        listed = self.run("systemctl", "list-units", "--all", "--plain", "--no-legend", "homelab-rollback-*.timer")
        return [line.split()[0] for line in listed.splitlines()]

    def account(self, *, password: str | None = None) -> Account:
        """A user on it, whom the admin key opens."""
        name = f"hl{secrets.token_hex(4)}"
        self.run("useradd", "--create-home", "--shell", "/bin/bash", name)
        if password is not None:
            self.run("chpasswd", stdin=f"{name}:{password}\n")
        entry = self.run("getent", "passwd", name).split(":")
        account = Account(name, self.root / entry[5].lstrip("/"), int(entry[2]), int(entry[3]))
        self.authorize_admin(account)
        return account

    def authorize_admin(self, account: Account) -> None:
        """In its own file: nothing about this server is out of the ordinary."""
        account.write(".ssh/authorized_keys", f"{self._word(self.admin)} admin\n".encode())

    def _init(self) -> int:
        """The process that is the container's first."""
        assert self.process is not None
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return int(children[0])

    def _furnish(self) -> None:
        """The directories, and an /etc in which nothing but sshd is enabled."""
        for name in ("usr", "var", "root", "home", "run", "tmp", "proc", "sys", "dev", "opt", "srv", "mnt"):
            (self.root / name).mkdir(mode=0o755, parents=True)
        for name in ("bin", "sbin", "lib", "lib64"):
            if Path("/", name).is_symlink():
                (self.root / name).symlink_to(os.readlink(f"/{name}"))
            elif Path("/", name).is_dir():
                (self.root / name).mkdir(mode=0o755)
        etc = self.root / "etc"
        subprocess.run(["cp", "-a", "/etc", str(etc)], check=True)
        for name in _NOT_OURS:
            (etc / name).unlink(missing_ok=True)
        for enabled in (etc / "systemd" / "system").glob("*.wants"):
            shutil.rmtree(enabled)
        (etc / "os-release").unlink()  # it leads into /usr, which is not there before it runs
        shutil.copy("/etc/os-release", etc / "os-release")
        (etc / "machine-id").write_text(f"{secrets.token_hex(16)}\n")
        number_apart(etc / "login.defs")
        (etc / "hostname").write_text("booted\n")
        (etc / "hosts").write_text("127.0.0.1 localhost\n127.0.1.1 booted\n")
        limits = etc / "systemd" / "system" / "ssh.service.d"
        limits.mkdir()
        (limits / "often.conf").write_text("[Unit]\nStartLimitIntervalSec=0\n")  # test after test starts it anew
        wants = etc / "systemd" / "system" / "multi-user.target.wants"
        wants.mkdir()
        (wants / "ssh.service").symlink_to("/lib/systemd/system/ssh.service")
        self._furnish_ssh(etc / "ssh")

    def _furnish_ssh(self, place: Path) -> None:
        shutil.rmtree(place)
        self.drop_ins.mkdir(parents=True)
        (place / "sshd_config").write_text(_SSHD_CONFIG.format(port=self.port))
        keys = self.base / "keys"
        keys.mkdir(mode=0o700)
        self.admin = make_key(keys, "admin")
        self.host_keys = (make_key(place, "ssh_host_ed25519_key"),)
        for file in self.sudoers.iterdir():
            file.unlink()


def demand_namespaces() -> None:
    """Skips where the kernel gives no namespaces: in a container without privileges, even for root."""
    unshare = str(require_binary("unshare"))
    command = [unshare, "--mount", "--pid", "--uts", "--ipc", "--cgroup", "--fork", "--mount-proc", "true"]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"no container can be started here: {done.stderr.decode(errors='replace').strip()}")


@contextlib.contextmanager
def booted() -> Iterator[BootedDebian]:
    """One that runs, and is gone afterwards."""
    base = Path(tempfile.mkdtemp(prefix="homelab-booted-"))
    base.chmod(0o755)
    server = BootedDebian(base)
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(base, ignore_errors=True)
