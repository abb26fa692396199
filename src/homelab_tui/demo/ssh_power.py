"""The way from `sudo reboot` in a session to the demo's world: a FIFO that the nodes' own programs write to."""

import contextlib
import os
import re
from pathlib import Path

from homelab_tui.demo.world import World

SETTLE_S = 0.3
"""From the command to the end of the machine: the time that its answer needs to get out."""
_LINE = re.compile(r"(reboot|halt|cancel) ([a-z0-9-]+) (\d{1,6})")


class PowerRequests:
    """Reads `reboot|halt|cancel NODE SECONDS` lines and carries them out when their time has come."""

    def __init__(self, path: Path, world: World) -> None:
        """Make the FIFO, closed to other users. Raises: OSError."""
        self.path = path
        self._world = world
        self._due: dict[str, tuple[float, str]] = {}
        os.mkfifo(path, 0o600)
        # Opened for both directions, so that it never ends while nobody writes.
        self.descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)

    def read(self) -> None:
        """Take what was written. Lines that no program of the lab wrote are left out."""
        with contextlib.suppress(BlockingIOError):
            for line in os.read(self.descriptor, 65536).decode("ascii", "replace").splitlines():
                match = _LINE.fullmatch(line)
                if match is None:
                    continue
                verb, node, delay_s = match[1], match[2], int(match[3])
                self._due.pop(node, None)
                if verb != "cancel":
                    self._due[node] = (self._world.clock.monotonic() + max(SETTLE_S, delay_s), verb)

    def carry_out(self) -> None:
        """Reboot or halt the nodes whose time has come."""
        now = self._world.clock.monotonic()
        for node, (due, verb) in tuple(self._due.items()):
            if now >= due:
                del self._due[node]
                with contextlib.suppress(KeyError):  # a name that no node has
                    (self._world.reboot if verb == "reboot" else self._world.halt)(node)

    def close(self) -> None:
        """Close the FIFO; its file goes with the scratch directory."""
        os.close(self.descriptor)
