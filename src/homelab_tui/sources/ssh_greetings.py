"""What paramiko reads and writes on: it hears sshd's reason for hanging up, reads whole packets, and computes only when
it is its turn."""

import contextlib
import socket
from collections.abc import Callable

from homelab_tui.sources.ssh_tunnels import Tunnel
from homelab_tui.sources.ssh_turns import TURNS

_MOST = 512
_CHUNK_BYTES = 32_768
"""A packet of the size that servers send at most."""
_TCP = (socket.AF_INET, socket.AF_INET6)


class OverheardLink:
    """The parts of a socket that paramiko uses; what comes before the greeting is kept.

    paramiko asks for the first block of each packet, and then for the rest of it. Whatever has come by then is taken
    at once: each time costs two system calls and a turn.

    A server that says one thing after the other holds the second back until the first is acknowledged (Nagle), which
    systems put off for 40 ms, in the hope of something to send along with it. sshd does so in every login, between what
    it debugs and the channel that it opens. So where nothing was sent, the acknowledgement is not put off.
    """

    def __init__(self, link: socket.socket | Tunnel) -> None:
        self._link = link
        self._acknowledge = _acknowledgement(link)
        self._is_acknowledged = True
        """Whether something was sent since the last bytes came: they are acknowledged along with it."""
        self._ahead = b""
        self._used = 0
        """How much of `_ahead` has been handed out."""
        self._heard = bytearray()
        self._is_greeted = False
        self.settimeout = link.settimeout

    @property
    def _closed(self) -> bool:
        """paramiko reads this private name of Python's own socket class."""
        return bool(self._link._closed)  # type: ignore[union-attr]

    @property
    def said(self) -> str:
        """Everything that was said before the greeting, as ASCII."""
        return self._heard.decode("ascii", "replace").partition("SSH-")[0]

    def send(self, data: bytes) -> int:
        """As a socket's."""
        self._is_acknowledged = True
        return self._link.send(data)

    def recv(self, size: int) -> bytes:
        """As a socket's. What is done with the bytes until the next call that waits is done in turn."""
        if self._used == len(self._ahead):
            self._ahead, self._used = b"", 0
            self._read_ahead()
        data = self._ahead[self._used : self._used + size]
        self._used += len(data)
        return data

    def _read_ahead(self) -> None:
        TURNS.leave()
        if not self._is_acknowledged:
            self._acknowledge()
            self._is_acknowledged = True
        data = self._link.recv(_CHUNK_BYTES)
        self._is_acknowledged = False
        if data:
            TURNS.take()
        if not self._is_greeted:
            self._heard += data[: _MOST - len(self._heard)]
            self._is_greeted = len(self._heard) == _MOST or b"SSH-" in self._heard
        self._ahead = data

    def close(self) -> None:
        """As a socket's."""
        TURNS.leave()
        self._link.close()


def _acknowledgement(link: socket.socket | Tunnel) -> Callable[[], object]:
    """What acknowledges at once all that has come. On Linux, and over TCP; elsewhere it is put off as ever."""
    if isinstance(link, Tunnel) or link.family not in _TCP or not hasattr(socket, "TCP_QUICKACK"):
        return lambda: None

    def acknowledge() -> None:
        with contextlib.suppress(OSError):  # what is wrong with the link is for the next reading to say
            link.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)

    return acknowledge
