"""A direct-tcpip channel as the socket of the next hop's transport."""

import contextlib
from typing import TYPE_CHECKING

from homelab_tui.sources.ssh_turns import TURNS

if TYPE_CHECKING:
    import paramiko


class Tunnel:
    """The parts of a socket that paramiko uses, over a channel. Closing it when the link below is gone is no error:
    paramiko's own channel raises EOFError then, in the transport's thread, where nobody can catch it."""

    def __init__(self, channel: "paramiko.Channel") -> None:
        self._channel = channel

    @property
    def _closed(self) -> bool:
        """paramiko reads this private name of Python's own socket class."""
        return self._channel.closed

    def settimeout(self, timeout_s: float | None) -> None:
        """How long `recv` and `send` wait."""
        self._channel.settimeout(timeout_s)

    def send(self, data: bytes) -> int:
        """As a socket's. Where the window is full this waits for the connection below, which wants its turn then."""
        TURNS.leave()
        return self._channel.send(data)

    def recv(self, size: int) -> bytes:
        """As a socket's: nothing at the end."""
        return self._channel.recv(size)

    def close(self) -> None:
        """Closes the channel, as far as that still goes."""
        with contextlib.suppress(Exception):  # whatever is wrong with the link below, this end is closed
            self._channel.close()
