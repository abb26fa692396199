"""Servers of a few lines, in a thread."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def serving(listener: socket.socket, serve: Callable[[], None]) -> Iterator[None]:
    """`serve` takes connections until the listener is closed, which is done here."""
    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)
