"""Bytes between an SSH channel and a socket: how a bastion passes a connection on."""

import contextlib
import errno
import ipaddress
import os
import socket
from threading import Thread

import paramiko

CONNECT_S = 3.0
_CHUNK = 32768


def connect(port: int) -> socket.socket:
    """A connection to a server of the lab. Raises: OSError when nothing answers there."""
    sock = socket.create_connection(("127.0.0.1", port), timeout=CONNECT_S)
    sock.settimeout(None)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def unreachable(host: str) -> socket.socket:
    """Fail as a connection to what the lab does not have. Raises: OSError, always, in the words of a real one."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        raise OSError(errno.ENOENT, "Name or service not known") from None
    number = errno.ECONNREFUSED if address.is_loopback else errno.EHOSTUNREACH
    raise OSError(number, os.strerror(number))


def carry(channel: paramiko.Channel, sock: socket.socket) -> None:
    """Pass bytes both ways in two daemon threads, half-closes included; both ends are closed when both are done."""
    outward = Thread(target=_to_socket, args=(channel, sock), daemon=True, name="demo-ssh-forward")
    outward.start()
    Thread(target=_to_channel, args=(channel, sock, outward), daemon=True, name="demo-ssh-forward").start()


def _to_socket(channel: paramiko.Channel, sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := channel.recv(_CHUNK):
            sock.sendall(data)
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR if channel.closed else socket.SHUT_WR)


def _to_channel(channel: paramiko.Channel, sock: socket.socket, outward: Thread) -> None:
    with contextlib.suppress(OSError, EOFError):
        while data := sock.recv(_CHUNK):
            channel.sendall(data)  # EOFError: the transport under the channel is gone
    with contextlib.suppress(OSError, EOFError):
        channel.shutdown_write()
    outward.join()
    sock.close()
    with contextlib.suppress(OSError, EOFError):
        channel.close()
