"""The demo's switch as a MikroTik with RouterOS 7: the REST API's PoE corner, its strings for numbers, its errors."""

import asyncio
import base64
import hmac
from collections.abc import Iterable
from typing import Any

import msgspec
from aiohttp import web

from homelab_tui.demo.clock import SkewedClock
from homelab_tui.demo.faults import Faults
from homelab_tui.demo.hardware import DemoPort
from homelab_tui.demo.http_server import LoopbackServer
from homelab_tui.demo.world import World

Json = dict[str, Any]
POE = "/rest/interface/ethernet/poe"
_STATUS = {
    1: "disabled",
    2: "waiting-for-load",
    3: "powered-on",
    4: "overload",
    5: "waiting-for-load",
    6: "controller-error",
}
_MODES = ("auto-on", "forced-on", "off")
_STREAM_S = 1.0


class DemoRouterOs:
    """One router with the world's PoE ports, ether1 and so on."""

    def __init__(self, world: World, faults: Faults, user: tuple[str, str]) -> None:
        """`user`: (name, password) for Basic authentication."""
        self._world = world
        self._credentials = base64.b64encode(":".join(user).encode()).decode()
        self._later: set[asyncio.TimerHandle] = set()
        clock = SkewedClock(world.clock, lambda: faults.skew_s("routeros", world.switch.name))
        self._server = LoopbackServer(faults, "routeros", world.switch.name, self._handle, _refuse, clock=clock)

    @property
    def url(self) -> str:
        """Base URL of the running router."""
        return f"http://127.0.0.1:{self._server.port}"

    async def start(self) -> int:
        """Listen; returns the port."""
        return await self._server.start()

    async def stop(self) -> None:
        """Close the port."""
        for handle in tuple(self._later):
            handle.cancel()
        await self._server.stop()

    # -- one request ---------------------------------------------------------------------------------------------------

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "basic" or not hmac.compare_digest(given.encode(), self._credentials.encode()):
            return _error(401)
        self._world.tick()
        path, ports = request.path.rstrip("/"), self._world.switch.ports.values()
        documents: dict[str, Any] = {
            "/rest/system/resource": {
                "board-name": "RB5009UPr+S+",
                "version": "7.10.2 (stable)",
                "platform": "MikroTik",
            },
            "/rest/system/identity": {"name": self._world.switch.name},
            "/rest/interface/ethernet": [self._ethernet(port) for port in ports],
            "/rest/interface/bridge/host": self._hosts(),
            POE: [self._config(port) for port in ports],
        }
        if request.method == "GET" and path in documents:
            return _answer(documents[path])
        body = await _body(request)
        if body is None:
            return _error(400, "failed to parse JSON")
        if request.method == "POST" and path == f"{POE}/monitor":
            return await self._monitor(request, body)
        if request.method == "POST" and path in (f"{POE}/set", f"{POE}/power-cycle"):
            return self._order(path.rpartition("/")[2], body)
        if path.startswith(f"{POE}/") and request.method in ("GET", "PATCH"):
            return self._one(request.method, path.rpartition("/")[2], body)
        return _error(404) if request.method == "GET" else _error(400, "no such command or directory")

    def _one(self, method: str, name: str, body: Json) -> web.Response:
        port = self._port(name)
        if port is None:
            return _error(404)
        if method == "PATCH" and not self._set(port, body):
            return _error(400, f"input does not match any value of poe-out ({body.get('poe-out')})")
        return _answer(self._config(port))

    def _order(self, verb: str, body: Json) -> web.Response:
        names = str(body.get("numbers") or body.get(".id") or "").split(",")
        found = [self._port(name) for name in names]
        ports = [port for port in found if port is not None]
        if len(ports) != len(found):
            return _error(404, "no such item")
        if verb == "power-cycle":
            text = str(body.get("duration", "5s"))
            for port in ports:
                self._cycle(port, float(text.removesuffix("s") or 5))
        elif not _all(self._set(port, body) for port in ports):
            return _error(400, f"input does not match any value of poe-out ({body.get('poe-out')})")
        return _answer([])

    async def _monitor(self, request: web.BaseRequest, body: Json) -> web.StreamResponse:
        """Without `once` it never ends: a document after the other, as on the router's own terminal."""
        names = str(body.get("numbers", "")).split(",")
        ports = [port for name in names if (port := self._port(name)) is not None]
        if not ports or len(ports) != len(names):
            return _error(400, f"input does not match any value of numbers ({body.get('numbers', '')})")
        if "once" in body:
            return _answer([self._live(port) for port in ports])
        stream = web.StreamResponse(headers={"Content-Type": "application/json"})
        stream.enable_chunked_encoding()
        await stream.prepare(request)
        try:
            while True:
                await self._server.silence()
                await stream.write(msgspec.json.encode([self._live(port) for port in ports]))
                await asyncio.sleep(_STREAM_S)
        except ConnectionError:
            return stream  # the client has seen enough

    # -- what it shows -------------------------------------------------------------------------------------------------

    def _port(self, name: str) -> DemoPort | None:
        for number, port in self._world.switch.ports.items():
            if name in (f"*{number:X}", f"ether{number}"):
                return port
        return None

    def _ethernet(self, port: DemoPort) -> Json:
        return {
            ".id": f"*{port.number:X}",
            "name": f"ether{port.number}",
            "default-name": f"ether{port.number}",
            "comment": port.label,
            "mac-address": self._world.switch.mac.upper(),
            "running": str(port.has_link).lower(),
            "disabled": "false",
            "poe-out": "auto-on" if port.admin == 1 else "off",
        }

    def _config(self, port: DemoPort) -> Json:
        return {
            ".id": f"*{port.number:X}",
            "name": f"ether{port.number}",
            "poe-out": "auto-on" if port.admin == 1 else "off",
            "poe-priority": "10",
            "poe-voltage": "auto",
            "power-cycle-ping-enabled": "false",
            "power-cycle-interval": "none",
        }

    def _live(self, port: DemoPort) -> Json:
        """A port that feeds nothing has a status and no numbers."""
        now = self._world.clock.now()
        shown: Json = {"name": f"ether{port.number}", "poe-out": "auto-on" if port.admin == 1 else "off"}
        shown["poe-out-status"] = _STATUS[port.detection]
        if port.delivers_power:
            # Numbers in strings, and milliamperes beside watts and volts.
            shown["poe-out-voltage"] = f"{port.voltage_v():.1f}"
            shown["poe-out-current"] = str(port.current_ma(now))
            shown["poe-out-power"] = f"{port.power_mw(now) / 1000:.1f}"
        return shown

    def _hosts(self) -> list[Json]:
        uplink = max(self._world.switch.ports)
        return [
            {
                ".id": f"*{number:X}",
                "mac-address": node.mac.upper(),
                "on-interface": f"ether{node.port or uplink}",
                "interface": f"ether{node.port or uplink}",
                "bridge": "bridge",
                "dynamic": "true",
                "local": "false",
                "vid": "1",
            }
            for number, node in enumerate(self._world.nodes.values(), 1)
            if node.power in ("on", "booting")
        ]

    # -- what it does --------------------------------------------------------------------------------------------------

    def _set(self, port: DemoPort, body: Json) -> bool:
        mode = body.get("poe-out", "auto-on" if port.admin == 1 else "off")
        if mode not in _MODES:
            return False
        self._world.set_port_admin(port.number, mode != "off")
        return True

    def _cycle(self, port: DemoPort, seconds: float) -> None:
        if port.admin == 2:
            return
        self._world.set_port_admin(port.number, False)
        handle: asyncio.TimerHandle

        def on() -> None:
            self._later.discard(handle)
            self._world.set_port_admin(port.number, True)

        handle = asyncio.get_running_loop().call_later(seconds, on)
        self._later.add(handle)


def _all(done: Iterable[bool]) -> bool:
    """Every one is done, the ones after a failure too."""
    return not list(done).count(False)


async def _body(request: web.BaseRequest) -> Json | None:
    raw = await request.read()
    if not raw.strip():
        return {}
    try:
        found = msgspec.json.decode(raw)
    except msgspec.DecodeError:
        return None
    return found if isinstance(found, dict) else None


def _answer(body: Any) -> web.Response:
    return web.Response(body=msgspec.json.encode(body), content_type="application/json")


def _error(code: int, detail: str | None = None) -> web.Response:
    words = {400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 500: "Internal Server Error"}
    body: Json = {"error": code, "message": words.get(code, "Error")} | ({"detail": detail} if detail else {})
    return web.Response(body=msgspec.json.encode(body), status=code, content_type="application/json")


def _refuse(code: int, request: web.BaseRequest) -> web.Response:
    return _error(code)
