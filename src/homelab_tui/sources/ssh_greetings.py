"""What paramiko reads and writes on: it hears sshd's reason for hanging up, and computes only when it is its turn."""

import socket

from homelab_tui.sources.ssh_tunnels import Tunnel
from homelab_tui.sources.ssh_turns import TURNS

_MOST = 512


class OverheardLink:
    """The parts of a socket that paramiko uses; what comes before the greeting is kept."""

    def __init__(self, link: socket.socket | Tunnel) -> None:
        self._link = link
        self._heard = bytearray()
        self._is_greeted = False
        self.settimeout = link.settimeout
        self.send = link.send

    @property
    def _closed(self) -> bool:
        """paramiko reads this private name of Python's own socket class."""
        return bool(self._link._closed)  # type: ignore[union-attr]

    @property
    def said(self) -> str:
        """Everything that was said before the greeting, as ASCII."""
        return self._heard.decode("ascii", "replace").partition("SSH-")[0]

    def recv(self, size: int) -> bytes:
        """As a socket's. What is done with the bytes until the next call is done in turn."""
        TURNS.leave()
        data = self._link.recv(size)
        if data:
            TURNS.take()
        if not self._is_greeted:
            self._heard += data[: _MOST - len(self._heard)]
            self._is_greeted = len(self._heard) == _MOST or b"SSH-" in self._heard
        return data

    def close(self) -> None:
        """As a socket's."""
        TURNS.leave()
        self._link.close()
