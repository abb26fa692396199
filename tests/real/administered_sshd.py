"""Debian's sshd with an /etc/ssh, an /etc/sudoers.d and an /etc/hosts of its own: a private mount namespace, root only.

What an administrator does there changes nothing on the machine that runs the tests.
"""

import contextlib
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

import pytest

from tests.real.sshd import Account, Sshd, throw_away_account
from tests.servers import require_binary

_ENTER = """base=$1; shift
# Over the whole of /etc, so that a file in it can be replaced by a rename; what is not there is the machine's own.
if [ -d "$base/upper" ]; then
  mount -t overlay overlay -o "lowerdir=/etc,upperdir=$base/upper,workdir=$base/work" /etc || exit 1
fi
if [ -d "$base/run" ]; then
  mount --bind "$base/run" /run && mkdir -p /run/sshd /run/systemd/system /run/systemd/units || exit 1
fi
if [ -d "$base/sbin" ]; then mount --bind "$base/sbin" /usr/local/sbin || exit 1; fi
mount --bind "$base/etc-ssh" /etc/ssh && mount --bind "$base/sudoers.d" /etc/sudoers.d && exec "$@"
"""


class AdministeredSshd(Sshd):
    """A server that reads the real paths, which are its own files."""

    syslog = False
    """Whether it speaks to /dev/log of its namespace instead of a file."""

    @property
    def drop_ins(self) -> Path:
        """Its /etc/ssh/sshd_config.d."""
        return self.base / "etc-ssh" / "sshd_config.d"

    @property
    def drop_in(self) -> Path:
        """What homelab writes."""
        return self.drop_ins / "00-homelab.conf"

    @property
    def sudoers(self) -> Path:
        """Its /etc/sudoers.d."""
        return self.base / "sudoers.d"

    @property
    def armed(self) -> list[str]:
        """What is left of rollbacks."""
        return [path.name for path in (self.base / "etc-ssh").iterdir() if "rollback" in path.name]

    def let_become_root(self, account: Account, *, asking: bool = False) -> None:
        """sudo for the account, with or without its password."""
        line = f"{account.user} ALL=(ALL) {'' if asking else 'NOPASSWD: '}ALL\n"
        (self.sudoers / f"50-{account.user}").write_text(line)
        (self.sudoers / f"50-{account.user}").chmod(0o440)

    def has_only(self, account: Account) -> None:
        """From now on the node knows no other throw-away account: root reads every one's keys, whoever made it."""
        assert self.process is not None
        own = self.base / "passwd"
        lines = Path("/etc/passwd").read_text().splitlines(keepends=True)
        own.write_text("".join(line for line in lines if line.startswith(f"{account.user}:") or line[:2] != "hl"))
        command = [str(require_binary("nsenter")), "-m", "-t", str(self.process.pid)]
        subprocess.run([*command, "mount", "--bind", str(own), "/etc/passwd"], check=True)

    def _write_config(self) -> Path:
        written = super()._write_config()
        self.drop_ins.mkdir(parents=True, exist_ok=True)
        self.sudoers.mkdir(mode=0o750, exist_ok=True)
        text = f"Include /etc/ssh/sshd_config.d/*.conf\n{written.read_text()}"
        (self.base / "etc-ssh" / "sshd_config").write_text(text)
        return Path("/etc/ssh/sshd_config")

    def _wrapped(self, command: list[str]) -> list[str]:
        if self.syslog:
            command = command[: command.index("-E")]
        return [str(require_binary("unshare")), "-m", "sh", "-c", _ENTER, "sh", str(self.base), *command]


@contextlib.contextmanager
def administered(
    *options: str,
    password: str | None = None,
    own_etc: bool = False,
    syslog: bool = False,
    programs: Mapping[str, str] = MappingProxyType({}),
    own_run: bool = False,
    alone: bool = False,
) -> Iterator[tuple[AdministeredSshd, Account]]:
    """The server and an account on it; with `own_etc` even /etc itself is a copy that can be written to.

    `alone`: it knows no other throw-away account (see `has_only`).
    With `own_run` its /run looks like a machine's that systemd has booted.
    `programs` are shell scripts that sudo finds first on the node: what stands for a part of a system that is not here.
    """
    require_binary("sudo")
    base = Path(tempfile.mkdtemp(prefix="homelab-sshd-"))
    base.chmod(0o755)
    if own_etc:
        for name in ("upper", "work"):
            (base / name).mkdir(mode=0o755)
        demand_overlay(base)
        number_apart(base / "upper" / "login.defs")
    if own_run:
        (base / "run").mkdir(mode=0o755)
    for name, text in programs.items():
        (base / "sbin").mkdir(mode=0o755, exist_ok=True)
        (base / "sbin" / name).write_text(f"#!/bin/sh\n{text}")
        (base / "sbin" / name).chmod(0o755)
    server = AdministeredSshd(base, options)
    server.syslog = syslog
    try:
        server.start()
        with throw_away_account(server, password=password) as account:
            if alone:
                server.has_only(account)
            yield server, account
    finally:
        server.stop()
        shutil.rmtree(base, ignore_errors=True)


def number_apart(definitions: Path) -> None:
    """Users that the node makes get numbers of their own: another test that ends a user's processes goes by number."""
    first = 20_000 + 50 * secrets.randbelow(800)
    lines = []
    for line in Path("/etc/login.defs").read_text().splitlines():
        word = line.split(maxsplit=1)[0] if line.strip() else ""
        number = {"UID_MIN": first, "GID_MIN": first, "UID_MAX": first + 49, "GID_MAX": first + 49}.get(word)
        lines.append(line if number is None else f"{word} {number}")
    definitions.write_text("\n".join(lines) + "\n")


def demand_overlay(base: Path) -> None:
    """Skips where the kernel mounts no overlay for us."""
    layers = f"lowerdir=/etc,upperdir={base}/upper,workdir={base}/work"
    unshare = str(require_binary("unshare"))
    done = subprocess.run(
        [unshare, "-m", "mount", "-t", "overlay", "overlay", "-o", layers, "/etc"], capture_output=True, check=False
    )
    if done.returncode != 0:
        shutil.rmtree(base, ignore_errors=True)
        pytest.skip(f"no overlay can be mounted here: {done.stderr.decode(errors='replace').strip()}")
