"""A connection that is given up in its TLS handshake is closed, not left to the garbage collector."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import httpx
import pytest

from homelab_tui.sources.http_wire import closing


@dataclass
class Silent:
    """A server that hears a client begin its handshake, and never answers."""

    port: int = 0
    greeted: asyncio.Event = field(default_factory=asyncio.Event)
    left: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One client; a CONNECT is granted first, as a proxy does."""
        heard = await reader.read(1000)
        if heard.startswith(b"CONNECT "):
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
            heard = await reader.read(1000)
        assert heard.startswith(b"\x16\x03")
        self.greeted.set()
        with contextlib.suppress(ConnectionResetError):
            while await reader.read(1000):
                pass
        self.left.set()
        writer.close()


@contextlib.asynccontextmanager
async def silent_server() -> AsyncIterator[Silent]:
    """On a free port."""
    silent = Silent()
    server = await asyncio.start_server(silent.serve, "127.0.0.1", 0)
    silent.port = server.sockets[0].getsockname()[1]
    async with server:
        yield silent


@pytest.mark.parametrize("way", ["direct", "through a proxy"])
async def test_a_connection_cancelled_in_its_handshake_is_closed(way: str) -> None:
    async with silent_server() as silent:
        url = f"https://127.0.0.1:{silent.port}/"
        proxy = None if way == "direct" else f"http://127.0.0.1:{silent.port}"
        trust = ssl.create_default_context()
        async with closing(httpx.AsyncClient(verify=trust, trust_env=False, proxy=proxy, timeout=20)) as client:
            asking = asyncio.create_task(client.get(url))
            async with asyncio.timeout(10):
                await silent.greeted.wait()
                asking.cancel()
                # The client stays open: what is left open in its pool would stay so.
                await silent.left.wait()
            with pytest.raises(asyncio.CancelledError):
                await asking


async def test_a_handshake_that_takes_too_long_is_an_error_and_closed() -> None:
    async with silent_server() as silent:
        limits = httpx.Timeout(20, connect=0.2)
        async with closing(httpx.AsyncClient(verify=ssl.create_default_context(), timeout=limits)) as client:
            with pytest.raises(httpx.ConnectTimeout):
                await client.get(f"https://127.0.0.1:{silent.port}/")
            async with asyncio.timeout(10):
                await silent.left.wait()
