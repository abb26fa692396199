"""An HTTP server of the lab on loopback that can play faults: what the Prometheus and Kubernetes servers stand on."""

import asyncio
import contextlib
import logging
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable
from email.utils import format_datetime

from aiohttp import web

from homelab_tui.demo.clock import Clock
from homelab_tui.demo.faults import SLOW_S, Faults
from homelab_tui.demo.loopback import tcp_socket

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
Refusal = Callable[[int, web.BaseRequest], web.Response]
"""(HTTP status, request) -> the error as this kind of server words it."""

_GARBAGE = b'\x1f\x8b\x00{"data": [}\xff\xfe<html><body>\x1b[31m502 Bad Gateway\x1b[0m</body>'
_BACKLOG = 256
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class LoopbackServer:
    """Serves `handler` on 127.0.0.1 on a free port that stays reserved while a `refuse` fault closes it."""

    def __init__(
        self,
        faults: Faults,
        name: str,
        target: str,
        handler: Handler,
        refusal: Refusal,
        *,
        clock: Clock,
        tls: ssl.SSLContext | None = None,
        partial: Handler | None = None,
    ) -> None:
        """`name`, `target`: what the server is called in fault SPECs; `clock`: the server's own; `partial`: answers
        while the fault `partial` is on; without it every body is cut in half."""
        self._faults, self._name, self._target = faults, name, target
        self._handler, self._refusal, self._partial = handler, refusal, partial
        self._clock = clock
        self._tls = tls
        self._holder: socket.socket | None = None
        self._door: socket.socket | None = None
        """What listens before anybody answers."""
        self._runner: web.ServerRunner | None = None
        self._site: web.SockSite | None = None
        self._changed = asyncio.Event()
        self._switching = asyncio.Lock()
        self._busy: set[asyncio.Transport] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._unsubscribe: Callable[[], None] = lambda: None
        self.port = 0

    @property
    def fault(self) -> str | None:
        """The fault that is on for this server now."""
        return self._faults.get(self._name, self._target)

    def open(self) -> int:
        """Take connections, which wait until `start` for their answer; returns the port. Raises: OSError."""
        self._holder = tcp_socket()  # bound but never listening: keeps the port ours, and a connect is refused
        self.port = self._holder.getsockname()[1]
        if self.fault != "refuse":
            self._door = tcp_socket(self.port)
            self._door.listen(_BACKLOG)
        return self.port

    async def start(self) -> int:
        """Answer; returns the port. Raises: OSError."""
        loop = asyncio.get_running_loop()
        if self._holder is None:
            self.open()
        server = web.Server(self._serve, access_log=None, lingering_time=0.0)
        self._runner = web.ServerRunner(server, handle_signals=False, shutdown_timeout=0.1)
        await self._runner.setup()
        if self.fault != "refuse":
            await self._listen()
        self._shut_door()

        def on_fault(server_name: str, target: str) -> None:
            if server_name == self._name and target in (self._target, "*"):
                with contextlib.suppress(RuntimeError):  # the loop is closed: nothing left to switch
                    loop.call_soon_threadsafe(self._fault_switched)

        self._unsubscribe = self._faults.subscribe(on_fault)
        return self.port

    async def stop(self) -> None:
        """Close the port and every connection."""
        self._unsubscribe()
        for task in self._tasks:
            task.cancel()
        self._abort_connections()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
        self._shut_door()
        if self._holder is not None:
            self._holder.close()
            self._holder = None

    async def _listen(self) -> None:
        if self._runner is not None and self._site is None:
            door, self._door = self._door or tcp_socket(self.port), None
            self._site = web.SockSite(self._runner, door, ssl_context=self._tls, backlog=_BACKLOG)
            await self._site.start()

    def _shut_door(self) -> None:
        if self._door is not None:
            self._door.close()
            self._door = None

    def _fault_switched(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()
        task = asyncio.get_running_loop().create_task(self._follow_fault())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _follow_fault(self) -> None:
        async with self._switching:
            fault = self.fault
            if fault == "refuse" and self._site is not None:
                site, self._site = self._site, None
                await site.stop()
            elif fault != "refuse":
                await self._listen()
            if fault in ("refuse", "reset"):
                self._abort_connections()
            elif fault not in (None, "hang", "slow"):
                for transport in tuple(self._busy):
                    _abort(transport)  # a server that fails from now on does not keep old streams alive

    def _abort_connections(self) -> None:
        server = self._runner.server if self._runner is not None else None
        for connection in server.connections if server is not None else ():
            _abort(getattr(connection, "transport", None))

    # -- one request ---------------------------------------------------------------------------------------------------

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        transport = request.transport
        if transport is None:
            raise ConnectionResetError("the client is gone")
        self._busy.add(transport)
        try:
            response = await self._play(request)
            if not response.prepared:
                response.headers.update(self.dated())
            return response
        finally:
            self._busy.discard(transport)

    async def _play(self, request: web.BaseRequest) -> web.StreamResponse:
        fault = self.fault
        if fault == "slow":
            await self._wait_change(SLOW_S)
        elif fault == "hang":
            await self._wait_change(None)
            _abort(request.transport)
            return web.Response(status=503)
        elif fault == "garbage":
            return web.Response(body=_GARBAGE, content_type="application/json")
        elif fault is not None and fault.isdigit():
            return self._refusal(int(fault), request)
        if fault == "partial" and self._partial is not None:
            return await self._partial(request)
        response = await self._handler(request)
        if fault in ("reset", "partial") and isinstance(response, web.Response):
            return await self._cut(request, response, reset=fault == "reset")
        return response

    def dated(self) -> dict[str, str]:
        """The Date header, by the server's own clock: what a stream that it begins has to carry."""
        return {"Date": format_datetime(self._clock.now(), usegmt=True)}

    async def _wait_change(self, timeout_s: float | None) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._changed.wait()

    async def silence(self) -> None:
        """For streams, before each write: waits while the server hangs."""
        while self.fault == "hang":
            await self._changed.wait()

    async def _cut(self, request: web.BaseRequest, whole: web.Response, *, reset: bool) -> web.StreamResponse:
        body = whole.body if isinstance(whole.body, bytes) else b"{}"
        cut = web.StreamResponse(status=whole.status, headers={"Content-Type": whole.content_type, **self.dated()})
        cut.content_length = len(body)
        await cut.prepare(request)
        await cut.write(body[: len(body) // 2])
        await asyncio.sleep(0.02)  # lets the half get out before the connection dies
        if reset:
            _abort(request.transport)
        elif request.transport is not None:
            request.transport.close()
        return cut


def _abort(transport: asyncio.BaseTransport | None) -> None:
    """End a connection with a reset."""
    if not isinstance(transport, asyncio.Transport):
        return
    sock = transport.get_extra_info("socket")
    if sock is not None:
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    transport.abort()


logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)  # a client that goes away is no news in the lab
