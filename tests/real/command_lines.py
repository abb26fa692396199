"""The real program as a process of its own, on nodes that are accounts of a test's sshd."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from homelab_tui.domain.keys import PublicKey
from tests.real.sshd import Account, Sshd

TIMEOUT_S = 60.0


@dataclass(frozen=True)
class Ended:
    """How one command ended."""

    status: int
    stdout: str
    stderr: str

    @property
    def document(self) -> Any:
        """What `--json` printed."""
        return json.loads(self.stdout)

    @property
    def results(self) -> list[dict[str, Any]]:
        """The targets of an action."""
        found: list[dict[str, Any]] = self.document["results"]
        return found


@dataclass
class CommandLine:
    """`homelab --config …`, with a home and a state directory that nobody else has."""

    directory: Path
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def config(self) -> Path:
        return self.directory / "config.toml"

    @property
    def state(self) -> Path:
        """Journal, activity, undo and log."""
        return self.directory / "state" / "homelab"

    def configure(
        self,
        server: Sshd,
        accounts: Sequence[Account],
        keys: Sequence[PublicKey],
        *,
        admin: bool = True,
        known_hosts: Path | None = None,
        port: int | None = None,
    ) -> None:
        """Nodes nuc01, nuc02, …: one for each account. `port` where they are reached by way of something else."""
        lines = [
            "[ssh]",
            f"config = {json.dumps(str(server.ssh_config(admin=admin)))}",
            f"known_hosts = {json.dumps(str(known_hosts or server.known_hosts()))}",
            "[keys]",
            "agent = false",
            f"paths = {json.dumps([key.path for key in keys])}",
        ]
        for number, account in enumerate(accounts, 1):
            lines += [
                "[[nodes]]",
                f'name = "nuc{number:02}"',
                'host = "127.0.0.1"',
                f'user = "{account.user}"',
                f"port = {port or server.port}",
            ]
        self.config.write_text("\n".join(lines) + "\n")

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        """Starts a command in a process group of its own: `kill` ends all of it."""
        return subprocess.Popen(
            [sys.executable, "-m", "homelab_tui", "--config", str(self.config), *arguments],
            env={
                **os.environ,
                "HOME": str(self.directory),
                "XDG_STATE_HOME": str(self.directory / "state"),
                "SSH_AUTH_SOCK": "",
                **self.environment,
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, *arguments: str) -> Ended:
        """Runs a command to its end."""
        return ended(self.start(*arguments))


def ended(process: "subprocess.Popen[str]") -> Ended:
    """Waits for a command."""
    out, err = process.communicate(timeout=TIMEOUT_S)
    return Ended(process.returncode, out, err)


def kill(process: "subprocess.Popen[str]") -> None:
    """kill -9: no handler runs, nothing is tidied up."""
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate(timeout=TIMEOUT_S)
