"""A PoE switch through its UniFi Network controller: UniFi OS or the classic one, by API key or by login."""

import asyncio
import re
from http import HTTPStatus

from homelab_tui.config.model import SwitchConfig
from homelab_tui.domain.errors import (
    SourceError,
    SourceForbidden,
    SourceGarbled,
    SourceMissing,
    SourceRefused,
    SourceTimeout,
)
from homelab_tui.domain.poe import PortRef, SwitchReading
from homelab_tui.sources import unifi_answers as answers
from homelab_tui.sources.switch_http import Answer, SwitchHttp

_UNIFI_OS = "/proxy/network"
_NO_LOGIN = (HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
"""What the versions answer to a wrong password."""
_CSRF = ("x-updated-csrf-token", "x-csrf-token")


class UnifiSwitch:
    """One switch of one site. Satisfies the engine's SwitchesPoe and CyclesPoe.

    Every method raises: SourceTimeout, SourceUnreachable, SourceRefused, SourceGarbled.
    """

    def __init__(self, config: SwitchConfig) -> None:
        self._config = config
        self._http = SwitchHttp(config)
        self._prefix: str | None = None
        """What comes before `/api/s/…`; None before the first login."""
        self._csrf: str | None = None
        self._lock = asyncio.Lock()

    @property
    def name(self) -> str:
        """The switch's name in the configuration."""
        return self._config.name

    @property
    def kind(self) -> str:
        """unifi"""
        return "unifi"

    @property
    def cycles_by_itself(self) -> bool:
        """Always: it is a command of the controller."""
        return True

    async def read(self) -> SwitchReading:
        """Every PoE port, and which clients hang on them where the controller tells."""
        device = await self._device()
        behind: tuple[tuple[str, int], ...] = ()
        if not any("mac_table" in port for port in device.ports):
            try:
                behind = answers.clients(await self._ask("GET", "stat/sta"), device.mac)
            except SourceError:
                behind = ()  # the ports are what was asked for; who hangs on them is a bonus
        return answers.reading(self.name, device, behind)

    async def set_admin(self, ref: PortRef, *, on: bool) -> None:
        """`poe_mode` auto or off, in a copy of all the port overrides: the controller replaces the whole list.

        Raises: SourceMissing for a port that the switch does not have; SourceRefused for a mode a person chose.
        """
        device = await self._device()
        self._check(device, ref)
        wanted = "auto" if on else "off"
        if device.mode(ref.port) == wanted:
            return
        refused = answers.refusal_to_switch(device, ref.port)
        if refused is not None:
            raise SourceRefused(f"{ref}: {refused}")
        overrides = answers.with_mode(device, ref.port, wanted)
        await self._ask("PUT", f"rest/device/{device.id}", {"port_overrides": overrides})

    async def power_cycle(self, ref: PortRef) -> None:
        """The controller's own power-cycle: where off and on by mode did not cut the power, this did.

        Returns when the command was taken; the switch then does it by itself, in a few seconds.
        """
        device = await self._device()
        self._check(device, ref)
        await self._ask("POST", "cmd/devmgr", {"cmd": "power-cycle", "mac": device.mac, "port_idx": ref.port})

    async def close(self) -> None:
        """Close the connections. A login simply ends with its cookie."""
        await self._http.close()

    def _check(self, device: answers.UnifiDevice, ref: PortRef) -> None:
        if ref.switch != self.name or ref.group != 1 or not any(p.get("port_idx") == ref.port for p in device.ports):
            raise SourceMissing(f"{ref}: {device.name} has no such PoE port")
        if not re.fullmatch(r"[0-9A-Za-z-]+", device.id):
            raise SourceGarbled(f"{self.name}: the controller gives {device.name} no usable id")

    async def _device(self) -> answers.UnifiDevice:
        try:
            found = answers.devices(await self._ask("GET", "stat/device"))
            return answers.chosen(found, self.name, self._config.device)
        except SourceGarbled as error:
            raise SourceGarbled(_with_name(self.name, error)) from error

    async def _ask(self, method: str, path: str, body: object = None) -> bytes:
        """One request of the site's API; logs in before the first, and once more when the session has ended."""
        async with self._lock:
            fresh = self._prefix is None
            if fresh:
                await self._log_in()
            answer = await self._send(method, path, body)
            if answer.code == HTTPStatus.UNAUTHORIZED and not fresh and self._config.api_key is None:
                await self._log_in()
                answer = await self._send(method, path, body)
        if answer.code != HTTPStatus.OK:
            if answer.code in (HTTPStatus.UNAUTHORIZED, HTTPStatus.NOT_FOUND):
                self._prefix = None  # the next try starts afresh: password or firmware may be other by then
            raise self._refusal(answer, path)
        return answer.body

    async def _send(self, method: str, path: str, body: object) -> Answer:
        headers = {}
        if self._config.api_key is not None:
            key = (await self._http.secret(self._config.api_key, "api_key")).reveal().strip()
            if not key.isascii() or not key.isprintable():
                raise SourceRefused(f"{self.name}: api_key holds characters that an HTTP header cannot carry")
            headers["X-API-KEY"] = key
        if self._csrf is not None and method != "GET":
            headers["X-CSRF-Token"] = self._csrf
        answer = await self._http.ask(method, f"{self._prefix}/api/s/{self._config.site}/{path}", body, headers)
        self._remember(answer)
        return answer

    async def _log_in(self) -> None:
        if self._config.api_key is not None:
            self._prefix = _UNIFI_OS  # only UniFi OS has keys
            return
        if self._config.password is None:
            raise SourceRefused(f"{self.name}: neither api_key nor username and password are configured")
        password = await self._http.secret(self._config.password, "password")
        login = {"username": self._config.username, "password": password.reveal()}
        self._csrf = None
        answer = await self._http.ask("POST", "/api/auth/login", login)
        prefix = _UNIFI_OS
        if answer.code in (HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED) or 300 <= answer.code < 400:
            answer = await self._http.ask("POST", "/api/login", login)
            prefix = ""
        if answer.code != HTTPStatus.OK:
            raise self._refusal(answer, "login")
        self._prefix = prefix
        self._remember(answer)

    def _remember(self, answer: Answer) -> None:
        for name in _CSRF:
            if answer.headers.get(name):
                self._csrf = answer.headers[name]
                return

    def _refusal(self, answer: Answer, path: str) -> SourceError:
        """The error that an answer stands for."""
        code, where = answer.code, f"{self.name}: {path.partition('/')[0]}"
        if code in _NO_LOGIN and path == "login":
            return SourceRefused(f"{self.name}: the controller does not take this username and password ({code})")
        if code == 499:
            return SourceRefused(f"{self.name}: this account wants a second factor: use a local account or an api_key")
        if code == HTTPStatus.UNAUTHORIZED:
            which = "api_key" if self._config.api_key is not None else "login"
            return SourceRefused(f"{where}: the controller does not take this {which} (401)")
        if code == HTTPStatus.FORBIDDEN:
            return SourceForbidden(f"{where}: not allowed (403): the account or key needs to administrate this site")
        if code == HTTPStatus.NOT_FOUND or 300 <= code < 400:
            return SourceGarbled(f"{where}: answer {code}: is `url` a UniFi Network controller, and the site right?")
        if code in (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.GATEWAY_TIMEOUT):
            return SourceTimeout(f"{where}: the controller gave up ({code})")
        if code >= 500 or code == HTTPStatus.TOO_MANY_REQUESTS:
            return SourceError(f"{where}: the controller cannot answer now ({code})")
        return SourceRefused(f"{where}: the controller said no ({code})")


def _with_name(name: str, error: Exception) -> str:
    return str(error) if str(error).startswith(f"{name}: ") else f"{name}: {error}"
