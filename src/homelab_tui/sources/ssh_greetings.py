"""What a server says before its greeting: sshd's reason for hanging up, which paramiko reads and throws away."""

import socket

from homelab_tui.sources.ssh_tunnels import Tunnel

_MOST = 512


class OverheardLink:
    """The parts of a socket that paramiko uses; what comes before the greeting is kept."""

    def __init__(self, link: socket.socket | Tunnel) -> None:
        self._link = link
        self._heard = bytearray()
        self.settimeout = link.settimeout
        self.send = link.send
        self.close = link.close
        self.recv = self._overhear

    @property
    def _closed(self) -> bool:
        """paramiko reads this private name of Python's own socket class."""
        return bool(self._link._closed)  # type: ignore[union-attr]

    @property
    def said(self) -> str:
        """Everything that was said before the greeting, as ASCII."""
        return self._heard.decode("ascii", "replace").partition("SSH-")[0]

    def _overhear(self, size: int) -> bytes:
        data = self._link.recv(size)
        self._heard += data[: _MOST - len(self._heard)]
        if len(self._heard) == _MOST or b"SSH-" in self._heard:
            self.recv = self._link.recv  # type: ignore[assignment]  # from here on nothing lies in between
        return data
