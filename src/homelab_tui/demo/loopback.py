"""Ports of the lab on 127.0.0.1. Only sockets of the same user share them: a server restarts on its own number."""

import socket

ADDRESS = "127.0.0.1"


def tcp_socket(port: int = 0) -> socket.socket:
    """A socket bound to a port (0: a free one), which does not listen yet. Raises: OSError."""
    return _bound(socket.SOCK_STREAM, port)


def udp_socket(port: int = 0) -> socket.socket:
    """The same for datagrams: what comes in waits from now on. Raises: OSError."""
    return _bound(socket.SOCK_DGRAM, port)


def _bound(kind: socket.SocketKind, port: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET, kind)
    try:
        if kind == socket.SOCK_STREAM:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Shared, because a closed socket keeps its port until the loop's next round.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.bind((ADDRESS, port))
    except OSError:
        sock.close()
        raise
    return sock
