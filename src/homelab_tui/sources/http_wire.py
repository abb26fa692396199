"""What lies under httpx: connections that are closed when somebody gives up on them in their TLS handshake.

httpcore closes one whose handshake *fails*; one that is cancelled in it (the lab closes, a time runs out above) it
leaves to the garbage collector, which warns of it, and to the server, which waits for it.
"""

import contextlib
import ssl
from collections.abc import Iterable
from importlib import import_module
from typing import Any

import httpcore
import httpx

for _name in ("anyio._backends._asyncio", "anyio._core._synchronization"):
    with contextlib.suppress(ImportError):
        import_module(_name)  # else the first connection does so, on the event loop (20 ms)


def closing(client: httpx.AsyncClient) -> httpx.AsyncClient:
    """The client, with such connections from now on. To be called before its first request."""
    # No argument of httpx reaches so far down.
    for transport in (client._transport, *client._mounts.values()):
        if isinstance(transport, httpx.AsyncHTTPTransport):
            transport._pool._network_backend = _Backend()
    return client


class _Backend(httpcore.AnyIOBackend):
    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  httpcore's word
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        return _Stream(await super().connect_tcp(host, port, timeout, local_address, socket_options))


class _Stream(httpcore.AsyncNetworkStream):
    """A connection as long as it is not encrypted: the stream that `start_tls` gives is httpcore's own."""

    def __init__(self, stream: httpcore.AsyncNetworkStream) -> None:
        self._stream = stream
        self.read = stream.read  # type: ignore[method-assign]  # nothing lies in between
        self.write = stream.write  # type: ignore[method-assign]
        self.aclose = stream.aclose  # type: ignore[method-assign]
        self.get_extra_info = stream.get_extra_info  # type: ignore[method-assign]

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109  httpcore's word
    ) -> httpcore.AsyncNetworkStream:
        try:
            return await self._stream.start_tls(ssl_context, server_hostname, timeout)
        except BaseException:
            await self._stream.aclose()
            raise
