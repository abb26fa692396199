"""The TCP port of one demo node: reserved for the run, open while the node answers."""

import contextlib
import socket
import struct
from dataclasses import dataclass, field

from homelab_tui.demo.loopback import tcp_socket
from homelab_tui.demo.ssh_doors import Door
from homelab_tui.demo.ssh_host_keys import HostKeys
from homelab_tui.demo.ssh_sessions import SshSession

MAX_CONNECTIONS = 64
"""Connections of one node at a time; more are closed at once, as sshd does beyond MaxStartups."""
_BACKLOG = 128


@dataclass(eq=False)
class Listener:
    """One node's port, its connections and its keys. Not locked: the servers do that."""

    door: Door
    host_keys: HostKeys
    impostor: HostKeys
    """Shown under the fault `wrong-host-key`; in no known_hosts."""
    reserved: socket.socket | None
    """Bound: keeps the port ours while it is not open. It listens only before the server is ready the first time."""
    open: socket.socket | None = None
    held: list[socket.socket] = field(default_factory=list)
    """Accepted and left without a word, as a hung kernel does."""
    sessions: set[SshSession] = field(default_factory=set)

    @property
    def answers(self) -> bool:
        """True if a connection should be accepted; a hung kernel still accepts it."""
        return self.door.node.power in ("on", "hung") and self.door.fault != "refuse"

    @property
    def is_silent(self) -> bool:
        """True if an accepted connection should hear nothing."""
        return self.door.node.power == "hung" or self.door.fault == "hang"

    def listen(self) -> socket.socket:
        """Open the port. Raises: OSError."""
        self.open, self.reserved = self.reserved or tcp_socket(self.door.port), None
        self.open.listen(_BACKLOG)
        self.open.setblocking(False)
        return self.open

    def shut(self) -> None:
        """Close the port, but keep its number. Raises: OSError."""
        if self.open is not None:
            self.reserved = tcp_socket(self.door.port)
            self.open.close()
            self.open = None

    def accept(self) -> socket.socket | None:
        """The next connection, ready for use; None when it is gone already."""
        if self.open is None:
            return None
        try:
            sock, _address = self.open.accept()
            sock.setblocking(True)
            # Without it each answer of a login waits for the client's delayed ACK: 45 ms a step.
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError:
            return None
        return sock

    def close(self) -> None:
        """Close every socket, connections without a session included."""
        for sock in (self.open, self.reserved, *self.held):
            if sock is not None:
                sock.close()


def reset(sock: socket.socket) -> None:
    """Close with a TCP reset, without a goodbye."""
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()
