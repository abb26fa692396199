"""A TCP link that a test can cut or freeze in the middle of a conversation."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass
class Link:
    """Passes bytes on to a port of 127.0.0.1, one direction counted."""

    target_port: int
    cut_after_bytes: int | None = None
    """Client to server: after so many bytes of a connection both sides are closed."""
    freeze_after_bytes: int | None = None
    """Client to server: after so many bytes nothing passes any more, and nothing is closed."""
    most_connections_cut: int = 1_000_000
    """Later connections pass whole."""
    mute_answers_after_bytes: int | None = None
    """Client to server: after so many bytes all of it still arrives, but the answers do not come back; then both
    sides are closed once the server has nothing more to say."""
    connections: int = 0
    listener: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))
    _open: list[socket.socket] = field(default_factory=list)

    @property
    def port(self) -> int:
        return int(self.listener.getsockname()[1])

    def serve(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
                server = socket.create_connection(("127.0.0.1", self.target_port))
            except OSError:
                return
            self.connections += 1
            self._open += [client, server]
            pair = _Pair(self, client, server, is_whole=self.connections > self.most_connections_cut)
            for pump in (pair.pump_requests, pair.pump_answers):
                threading.Thread(target=pump, daemon=True).start()

    def cut(self) -> None:
        """Ends every connection that is open now."""
        for wire in self._open:
            with contextlib.suppress(OSError):
                wire.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        for wire in (self.listener, *self._open):
            with contextlib.suppress(OSError):
                wire.shutdown(socket.SHUT_RDWR)
            wire.close()


class _Pair:
    def __init__(self, link: Link, client: socket.socket, server: socket.socket, *, is_whole: bool) -> None:
        self._link, self._client, self._server, self._is_whole = link, client, server, is_whole
        self._passed = 0

    def pump_requests(self) -> None:
        with contextlib.suppress(OSError):
            while data := self._client.recv(4096):
                self._passed += len(data)
                if self._is_past(self._link.freeze_after_bytes):
                    return
                if self._is_past(self._link.cut_after_bytes):
                    break
                self._server.sendall(data)
        self._end()

    def pump_answers(self) -> None:
        with contextlib.suppress(OSError):
            while data := self._server.recv(4096):
                if self._is_past(self._link.freeze_after_bytes):
                    return
                if not self._is_past(self._link.mute_answers_after_bytes):
                    self._client.sendall(data)
        self._end()

    def _is_past(self, limit: int | None) -> bool:
        return limit is not None and not self._is_whole and self._passed > limit

    def _end(self) -> None:
        for wire in (self._client, self._server):
            with contextlib.suppress(OSError):
                wire.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def running(link: Link) -> Iterator[Link]:
    """Serves a link until the test is over."""
    threading.Thread(target=link.serve, daemon=True).start()
    try:
        yield link
    finally:
        link.close()
