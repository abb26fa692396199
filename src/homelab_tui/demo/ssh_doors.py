"""What a connection needs to know of its node: who may come in, and where his commands run."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from homelab_tui.demo.faults import Faults
from homelab_tui.demo.filesystem import NodeFilesystem
from homelab_tui.demo.ssh_accounts import Grant, find_grant
from homelab_tui.demo.ssh_commands import RUN_VARIABLE, Surroundings
from homelab_tui.demo.world import DemoNode, World

PEER = "127.0.0.1"
"""Where every client comes from, as `from=` sees it."""


@dataclass(frozen=True, slots=True)
class Door:
    """One node, as its sshd knows it. Everything is read afresh: files, time, faults."""

    node: DemoNode
    filesystem: NodeFilesystem
    world: World
    faults: Faults
    run_id: str
    port: int
    password: str | None
    """None: password login is off."""
    resolve: Callable[[str, int], int | None]
    """(host, port) of a forwarding -> loopback port, or None where the lab has nothing."""

    @property
    def version(self) -> str:
        """Software name of the version line, as the node's distribution ships it."""
        return "OpenSSH_8.7" if self.node.os_id == "rocky" else "OpenSSH_9.0p1 Ubuntu-1ubuntu7.1"

    @property
    def banner(self) -> str:
        """Shown before the login."""
        return f"{self.node.name}: this machine belongs to a demo. Nothing here is real but the commands.\r\n"

    @property
    def fault(self) -> str | None:
        """What the node's server plays at this moment."""
        return self.faults.get("ssh", self.node.name)

    def find_grant(self, key_type: str, blob: bytes) -> Grant | None:
        """What the account's authorized_keys allow this key; None: it may not log in."""
        # The AuthorizedKeysFile of the distribution: Red Hat's sshd_config narrows OpenSSH's own default.
        files: tuple[str, ...] = (".ssh/authorized_keys",)
        if self.node.os_id != "rocky":
            files += (".ssh/authorized_keys2",)
        now = self.world.clock.now() + timedelta(seconds=self._skew_s())
        return find_grant(self.filesystem.home, files, (key_type, blob), peer=PEER, now=now)

    def surroundings(self) -> Surroundings:
        """Bring the node's files up to date and say where a command runs."""
        files = self.filesystem
        fed_by = self.world.switch.ports.get(self.node.port or 0)
        files.refresh(self.node, self.world.clock.now(), fed_by, self._skew_s())
        return Surroundings(
            cwd=files.home,
            environment={
                "HOME": str(files.home),
                "USER": self.node.user,
                "LOGNAME": self.node.user,
                "SHELL": "/bin/sh",
                "LANG": "C.UTF-8",
                "PATH": f"{files.bin}:/usr/local/bin:/usr/bin:/bin",
                "TMPDIR": str(files.root / "tmp"),
                "PROBE_ROOT": str(files.root),
                "SSH_CONNECTION": f"{PEER} 0 {PEER} {self.port}",
                RUN_VARIABLE: self.run_id,
            },
        )

    def _skew_s(self) -> float:
        return self.node.clock_skew_s + self.faults.skew_s("ssh", self.node.name)
