"""The disk of a demo node: a scratch root that holds the /proc, /sys and /etc which its machine would show."""

import os
import shutil
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from threading import Lock

from homelab_tui.demo.filesystem_admin import Administration
from homelab_tui.demo.filesystem_commands import commands
from homelab_tui.demo.filesystem_nuc import nuc_files, nuc_readings
from homelab_tui.demo.filesystem_pi import pi_files, pi_readings
from homelab_tui.demo.filesystem_tree import Files, common_files, common_readings
from homelab_tui.demo.hardware import DemoNode, DemoPort


def installed_files(node: DemoNode) -> Files:
    """What does not change while the machine is what it is; absolute path on the node -> content."""
    return common_files(node) | (nuc_files(node) if node.kind == "nuc" else pi_files(node))


def current_files(node: DemoNode, at: datetime, port: DemoPort | None) -> Files:
    """What changes by itself: uptime, load, temperatures, boot id, throttling, the HAT's current. `port` feeds it."""
    extra = nuc_readings(node, at) if node.kind == "nuc" else pi_readings(node, at, port)
    return common_readings(node, at) | extra


class NodeFilesystem:
    """`scratch/<node>/{root,bin,home/<user>}` of one node. Thread-safe: several sessions refresh it at once."""

    def __init__(self, scratch: Path, node: DemoNode, admin: Administration | None = None) -> None:
        """`admin`: what sudo can do there; None: nothing that reaches the world."""
        self._admin = admin
        self._base = scratch / node.name
        self._written: dict[str, bytes] = {}
        self._lock = Lock()
        self.root = self._base / "root"
        """PROBE_ROOT: stands for `/` of the node."""
        self.bin = self._base / "bin"
        """First on the PATH of every session: uname, df, ip... as the node would answer."""
        self.home = self._base / "home" / node.user
        """HOME of the node's account; its `.ssh` is real."""

    def install(self) -> None:
        """Make the directories, closed to other users. The files come with the first `refresh`: a thousand nodes
        start at once, but few are ever logged in to."""
        for directory in (self.root / "tmp", self.bin, self.home):
            directory.mkdir(parents=True, exist_ok=True)
        for directory in (self._base, self.home):
            directory.chmod(0o700)

    def refresh(self, node: DemoNode, at: datetime, port: DemoPort | None, skew_s: float = 0.0) -> None:
        """Bring every file that differs up to date; a reader sees the old content or the new one, never half.

        `skew_s`: how far the node's own wall clock runs ahead of `at`.
        """
        files = installed_files(node) | current_files(node, at, port)
        scripts = commands(node, at, self.root, skew_s, self._admin)
        with self._lock:
            self._write(self.root, files, 0o644)
            self._write(self.bin, scripts, 0o755)

    def remove(self) -> None:
        """Delete the node's scratch directory with all that its sessions left there."""
        shutil.rmtree(self._base, ignore_errors=True)

    def _write(self, top: Path, files: Mapping[str, bytes], mode: int) -> None:
        for name, content in files.items():
            path = top / name.lstrip("/")
            key = str(path)
            if self._written.get(key) == content:
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            # A rename, not a rewrite: `cat` in another session must not read an empty /proc/uptime.
            temporary = path.with_name(f".{path.name}.new")
            temporary.write_bytes(content)
            temporary.chmod(mode)
            os.replace(temporary, path)
            self._written[key] = content
