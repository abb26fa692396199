"""The demo's switch behind a UniFi OS console: login or API key, and the Network application's own (legacy) paths."""

import asyncio
import hmac
import secrets
from typing import Any

import msgspec
from aiohttp import web

from homelab_tui.demo.clock import SkewedClock
from homelab_tui.demo.faults import Faults
from homelab_tui.demo.hardware import DemoPort
from homelab_tui.demo.http_server import LoopbackServer
from homelab_tui.demo.world import World

Json = dict[str, Any]
PREFIX = "/proxy/network/api/s/default"
DEVICE_ID = "63f1a0d2c4b5e60012345678"
CYCLE_S = 3.0
"""How long `power-cycle` leaves a port dark."""


class DemoUnifi:
    """One console with one site, `default`, and one switch."""

    def __init__(
        self, world: World, faults: Faults, api_key: str, user: tuple[str, str], cycle_s: float = CYCLE_S
    ) -> None:
        """`user`: (name, password) of a local account."""
        self._world = world
        self._api_key, self._user, self._cycle_s = api_key, user, cycle_s
        self._sessions: dict[str, str] = {}
        self._overrides: list[Json] = [
            {"port_idx": n, "poe_mode": "off"} for n, p in world.switch.ports.items() if p.admin == 2
        ]
        self._later: set[asyncio.TimerHandle] = set()
        clock = SkewedClock(world.clock, lambda: faults.skew_s("unifi", world.switch.name))
        self._server = LoopbackServer(faults, "unifi", world.switch.name, self._handle, _refuse, clock=clock)

    @property
    def url(self) -> str:
        """Base URL of the running console."""
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
        path = request.path.rstrip("/")
        if path == "/api/auth/login" and request.method == "POST":
            return self._login(await _body(request))
        if not self._knows(request):
            return _answer({"error": {"code": 401, "message": "Unauthorized"}}, 401)
        if path == "/proxy/network/api/self/sites":
            return _ok([{"_id": "63f1a0d2c4b5e60000000001", "name": "default", "desc": "Default", "role": "admin"}])
        if not path.startswith(PREFIX):
            return _error(
                "api.err.NoSiteContext" if path.startswith("/proxy/network/api/s/") else "api.err.NotFound", 404
            )
        where = (request.method, path.removeprefix(PREFIX))
        if where in (("GET", "/stat/device"), ("GET", "/stat/device-basic")):
            return _ok([self._device()])
        if where == ("GET", "/stat/sta"):
            return _ok(self._clients())
        if where == ("PUT", f"/rest/device/{DEVICE_ID}"):
            return self._override(await _body(request))
        if where[1].startswith("/rest/device/"):
            return _error("api.err.IdInvalid", 400)
        if where == ("POST", "/cmd/devmgr"):
            return self._command(await _body(request))
        return _error("api.err.NotFound", 404)

    def _login(self, body: Json) -> web.Response:
        name, password = str(body.get("username", "")), str(body.get("password", ""))
        right = hmac.compare_digest(password.encode(), self._user[1].encode()) and name == self._user[0]
        if not right:
            return _answer(
                {
                    "code": "AUTHENTICATION_FAILED_INVALID_CREDENTIALS",
                    "message": "Invalid username or password",
                    "level": "debug",
                },
                403,
            )
        token, csrf = secrets.token_urlsafe(24), secrets.token_hex(16)
        self._sessions[token] = csrf
        answer = _answer({"unique_id": secrets.token_hex(8), "username": name, "isSuperAdmin": False})
        answer.headers["X-CSRF-Token"] = csrf
        answer.set_cookie("TOKEN", token, httponly=True, path="/")
        return answer

    def _knows(self, request: web.BaseRequest) -> bool:
        key = request.headers.get("X-API-KEY")
        if key is not None:
            return hmac.compare_digest(key.encode(), self._api_key.encode())
        csrf = self._sessions.get(request.cookies.get("TOKEN", ""))
        if csrf is None:
            return False
        # A cookie alone may read; what changes something shows the token that came with the login too.
        return request.method == "GET" or hmac.compare_digest(
            request.headers.get("X-CSRF-Token", "").encode(), csrf.encode()
        )

    # -- what it shows -------------------------------------------------------------------------------------------------

    def _device(self) -> Json:
        self._world.tick()
        switch = self._world.switch
        now = self._world.clock.now()
        return {
            "_id": DEVICE_ID,
            "mac": switch.mac,
            "name": switch.name,
            "type": "usw",
            "model": "USL8LP",
            "version": "6.5.59.14777",
            "ip": "192.168.10.2",
            "adopted": True,
            "state": 1,
            "total_max_power": switch.budget_w,
            "uptime": int(self._world.clock.monotonic() - switch.started_at),
            "port_overrides": self._overrides,
            "port_table": [self._port(port) for port in switch.ports.values()],
            "lldp_table": [],
            "general_temperature": 48,
            "overheating": False,
            "last_seen": int(now.timestamp()),
        }

    def _port(self, port: DemoPort) -> Json:
        now = self._world.clock.now()
        milliamperes = port.power_mw(now) / 53.0
        return {
            "port_idx": port.number,
            "name": port.label or f"Port {port.number}",
            "media": "GE",
            "enable": True,
            "up": port.has_link,
            "speed": 1000 if port.has_link else 0,
            "is_uplink": port.number == max(self._world.switch.ports),
            "port_poe": True,
            "poe_caps": 7,
            "poe_mode": "auto" if port.admin == 1 else "off",
            "poe_enable": port.delivers_power,
            "poe_good": port.delivers_power,
            "poe_class": f"Class {port.poe_class}" if port.delivers_power else "Unknown",
            # Strings, and milliamperes, as the console has them.
            "poe_power": f"{port.power_mw(now) / 1000:.2f}",
            "poe_voltage": f"{port.voltage_v():.2f}",
            "poe_current": f"{milliamperes:.2f}",
            "rx_bytes": 0,
            "tx_bytes": 0,
        }

    def _clients(self) -> list[Json]:
        uplink = max(self._world.switch.ports)
        return [
            {
                "mac": node.mac,
                "hostname": node.name,
                "ip": node.address,
                "is_wired": True,
                "sw_mac": self._world.switch.mac,
                "sw_port": node.port or uplink,
            }
            for node in self._world.nodes.values()
            if node.power in ("on", "booting")
        ]

    # -- what it does --------------------------------------------------------------------------------------------------

    def _override(self, body: Json) -> web.Response:
        """The whole list counts: a port that is not in it goes back to its profile, which is `auto`."""
        overrides = body.get("port_overrides")
        if not isinstance(overrides, list) or not all(isinstance(one, dict) and "port_idx" in one for one in overrides):
            return _error("api.err.Invalid", 400)
        if any(one.get("poe_mode", "auto") not in ("auto", "off", "pasv24", "passthrough") for one in overrides):
            return _error("api.err.InvalidPayload", 400)
        self._overrides = overrides
        off = {one["port_idx"] for one in overrides if one.get("poe_mode") == "off"}
        for number in self._world.switch.ports:
            self._world.set_port_admin(number, number not in off)
        return _ok([self._device()])

    def _command(self, body: Json) -> web.Response:
        number = body.get("port_idx")
        if body.get("cmd") != "power-cycle":
            return _error("api.err.UnknownCommand", 400)
        if str(body.get("mac", "")).lower() != self._world.switch.mac:
            return _error("api.err.UnknownDevice", 400)
        if number not in self._world.switch.ports or not self._world.switch.ports[number].delivers_power:
            return _error("api.err.InvalidTarget", 400)
        self._world.set_port_admin(number, False)
        handle: asyncio.TimerHandle

        def on() -> None:
            self._later.discard(handle)
            self._world.set_port_admin(number, True)

        handle = asyncio.get_running_loop().call_later(self._cycle_s, on)
        self._later.add(handle)
        return _ok([])


async def _body(request: web.BaseRequest) -> Json:
    try:
        found = msgspec.json.decode(await request.read())
    except msgspec.DecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _ok(data: list[Json]) -> web.Response:
    return _answer({"meta": {"rc": "ok"}, "data": data})


def _error(word: str, code: int) -> web.Response:
    return _answer({"meta": {"rc": "error", "msg": word}, "data": []}, code)


def _answer(body: Json, code: int = 200) -> web.Response:
    return web.Response(body=msgspec.json.encode(body), status=code, content_type="application/json")


def _refuse(code: int, request: web.BaseRequest) -> web.Response:
    return _answer(
        {"error": {"code": code, "message": {401: "Unauthorized", 403: "Forbidden"}.get(code, "Error")}}, code
    )
