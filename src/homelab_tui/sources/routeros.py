"""A MikroTik router or switch over RouterOS' REST API (version 7.1 and later)."""

import asyncio
from base64 import b64encode
from http import HTTPStatus
from urllib.parse import quote

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
from homelab_tui.domain.values import replace
from homelab_tui.sources import routeros_answers as answers
from homelab_tui.sources.json_values import Object, decoded, objects, text
from homelab_tui.sources.switch_http import Answer, SwitchHttp

_POE = "/rest/interface/ethernet/poe"


class RouterosSwitch:
    """One MikroTik box. Satisfies the engine's SwitchesPoe.

    Every method raises: SourceTimeout, SourceUnreachable, SourceRefused, SourceGarbled.
    """

    def __init__(self, config: SwitchConfig) -> None:
        self._config = config
        self._http = SwitchHttp(config)
        self._model: str | None = None

    @property
    def name(self) -> str:
        """The switch's name in the configuration."""
        return self._config.name

    @property
    def kind(self) -> str:
        """routeros"""
        return "routeros"

    async def read(self) -> SwitchReading:
        """Every PoE port with its live values; a model without PoE gives a reading without ports that says so."""
        try:
            return await self._read()
        except SourceGarbled as error:
            said = str(error)
            raise SourceGarbled(said if said.startswith(f"{self.name}: ") else f"{self.name}: {said}") from error

    async def set_admin(self, ref: PortRef, *, on: bool) -> None:
        """`poe-out` auto-on or off.

        Raises: SourceMissing for a port that is not there; SourceRefused for forced-on and for a user without write.
        """
        found, _ = await self._interfaces()
        one = next((one for one in found if ref == PortRef(self.name, 1, one.port)), None)
        if one is None:
            raise SourceMissing(f"{ref}: {self.name} has no such PoE port")
        wanted = "auto-on" if on else "off"
        if one.mode == wanted:
            return
        if one.mode is not None and one.mode not in answers.MODES:
            raise SourceRefused(
                f"{ref}: poe-out is {one.mode}, which a person chose: homelab switches auto-on and off only"
            )
        await self._ask("PATCH", f"{_POE}/{quote(one.id, safe='*')}", {"poe-out": wanted})

    async def close(self) -> None:
        """Close the connections."""
        await self._http.close()

    async def _read(self) -> SwitchReading:
        findings = []
        try:
            found, rows = await self._interfaces()
        except _NoPoe:
            no_poe = f"{await self._read_model() or 'this model'} has no PoE ports (RouterOS answers 400)"
            return SwitchReading(self.name, "routeros", model=self._model, findings=(no_poe,))
        monitor = None
        if found:
            try:
                monitor = await self._monitor(found)
            except SourceError as error:
                findings.append(f"the live values did not come: {error}")
        reading = answers.reading(self.name, found, rows, monitor, await self._read_model(), findings)
        return await self._with_macs(reading, found)

    async def _interfaces(self) -> tuple[tuple[answers.PoeInterface, ...], dict[str, Object]]:
        poe = await self._ask("GET", _POE)
        try:
            ethernet = await self._ask("GET", "/rest/interface/ethernet")
        except SourceRefused:
            ethernet = b"[]"
        return answers.interfaces(poe, ethernet)

    async def _monitor(self, found: tuple[answers.PoeInterface, ...]) -> bytes:
        """The live values. Without `once` the router would go on for ever; with it, it may still hold the line."""
        question = {"numbers": ",".join(one.name for one in found), "once": ""}
        try:
            async with asyncio.timeout(self._config.timeout_s):
                return await self._ask("POST", f"{_POE}/monitor", question)
        except TimeoutError as error:
            raise SourceTimeout(
                f"{self.name}: the PoE monitor did not end within {self._config.timeout_s:g} s"
            ) from error

    async def _read_model(self) -> str | None:
        if self._model is None:
            try:
                about = next(objects(decoded(await self._ask("GET", "/rest/system/resource"), "the resource")), {})
            except SourceError:
                return None
            words = [text(about.get("board-name")), text(about.get("version"))]
            self._model = " ".join(word for word in words if word) or None
        return self._model

    async def _with_macs(self, reading: SwitchReading, found: tuple[answers.PoeInterface, ...]) -> SwitchReading:
        try:
            hosts = await self._ask("GET", "/rest/interface/bridge/host")
            return replace(reading, mac_ports=answers.mac_ports(hosts, found))
        except SourceError:
            return reading  # a box without a bridge; its ports are known all the same

    async def _ask(self, method: str, path: str, body: object = None) -> bytes:
        user = self._config.username or ""
        password = await self._http.secret(self._config.password, "password")
        login = b64encode(f"{user}:{password.reveal()}".encode()).decode()
        answer = await self._http.ask(method, path, body, {"Authorization": f"Basic {login}"})
        if answer.code not in (HTTPStatus.OK, HTTPStatus.CREATED):
            raise self._refusal(answer, path)
        return answer.body

    def _refusal(self, answer: Answer, path: str) -> SourceError:
        """The error that an answer stands for."""
        code = answer.code
        if code == HTTPStatus.UNAUTHORIZED:
            return SourceRefused(f"{self.name}: the router does not take this username and password (401)")
        if code == HTTPStatus.FORBIDDEN:
            return SourceForbidden(f"{self.name}: not allowed (403): the user's group needs read, write and rest-api")
        if code == HTTPStatus.BAD_REQUEST and path == _POE:
            return _NoPoe(f"{self.name}: this model has no PoE ports (400)")
        said = _words(answer.body)
        if code == HTTPStatus.NOT_FOUND:
            return SourceMissing(f"{self.name}: {path}: not found (404): REST needs RouterOS 7.1 and `www-ssl`")
        if 300 <= code < 400:
            return SourceGarbled(f"{self.name}: redirected ({code}): is `url` the router's own?")
        if code >= 500:
            return SourceError(f"{self.name}: the router cannot answer now ({code}){said}")
        return SourceRefused(f"{self.name}: the router said no ({code}){said}")


class _NoPoe(SourceRefused):
    """400 for the list of PoE interfaces: a model without any, not a wrong question."""


def _words(body: bytes) -> str:
    try:
        about = next(objects(decoded(body, "the answer")), {})
    except SourceGarbled:
        return ""
    said = text(about.get("detail")) or text(about.get("message"))
    return f": {said[:200]}" if said else ""
