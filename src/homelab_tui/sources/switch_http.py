"""HTTP to a controller or a router that switches ports: one client, its cookies, and its errors as ours."""

import asyncio
import ipaddress
import ssl
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from homelab_tui.config.model import SecretRef, SwitchConfig
from homelab_tui.domain.errors import SourceError, SourceGarbled, SourceTimeout, SourceUnreachable
from homelab_tui.domain.secrets import Secret
from homelab_tui.domain.values import Frozen
from homelab_tui.sources.prometheus_errors import breakage, place
from homelab_tui.sources.secret_refs import resolve
from homelab_tui.sources.threads import in_daemon_thread

if TYPE_CHECKING:
    import httpx

_MAX_BYTES = 16 * 1024 * 1024
_TOTAL_READS = 3
"""A whole answer may take this many time-outs."""
CONNECT_TIMEOUT_S = 3.0


class Answer(Frozen):
    """What came back, whatever its status."""

    code: int
    headers: Mapping[str, str]
    """By lower-case name."""
    body: bytes


class _Limits(Frozen):
    connect_timeout_s: float
    read_timeout_s: float


class SwitchHttp:
    """One server. Connects at its first request, follows no redirect, keeps cookies."""

    def __init__(self, config: SwitchConfig) -> None:
        self._config = config
        self._client: httpx.AsyncClient | None = None
        self._lock = asyncio.Lock()

    async def ask(
        self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """One request; `body` is sent as JSON. Raises: SourceError for what is no answer at all."""
        base = urlsplit(self._config.url or "")
        limits = _Limits(min(CONNECT_TIMEOUT_S, self._config.timeout_s), self._config.timeout_s)
        try:
            client = await self._ready(limits)
            async with asyncio.timeout(self._config.timeout_s * _TOTAL_READS):
                return await self._exchange(client, method, base.geturl().rstrip("/") + path, body, headers or {})
        except TimeoutError as error:
            raise SourceTimeout(f"{self._config.name}: {place(base)} did not finish its answer in time") from error
        except SourceError as error:
            raise type(error)(f"{self._config.name}: {error}") from error
        except Exception as error:
            found = breakage(error, place(base), limits)
            if found is None:
                raise
            raise type(found)(f"{self._config.name}: {found}") from error

    async def secret(self, ref: SecretRef | None, key: str) -> Secret:
        """A secret of this switch, read now. Raises: SourceRefused when it cannot be had."""
        what = f"switches.{self._config.name}.{key}"
        return await in_daemon_thread(lambda: resolve(ref or SecretRef(), what), name="secret")

    async def close(self) -> None:
        """Close every connection and forget the cookies."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def _ready(self, limits: _Limits) -> "httpx.AsyncClient":
        async with self._lock:
            if self._client is None:
                self._client = await in_daemon_thread(lambda: self._connectable(limits), name="switch-http")
            return self._client

    def _connectable(self, limits: _Limits) -> "httpx.AsyncClient":
        # Heavy wire library; in this thread its import does not hold the screen up.
        import httpx

        from homelab_tui.sources.http_wire import closing

        base = urlsplit(self._config.url or "")
        client = httpx.AsyncClient(
            verify=_trust(self._config) if base.scheme == "https" else False,
            timeout=httpx.Timeout(limits.read_timeout_s, connect=limits.connect_timeout_s),
            follow_redirects=False,
            # A proxy from the environment is no way to this machine itself.
            trust_env=not _is_loopback(base.hostname or ""),
        )
        return closing(client)

    async def _exchange(
        self, client: "httpx.AsyncClient", method: str, url: str, body: object, headers: Mapping[str, str]
    ) -> Answer:
        parts: list[bytes] = []
        size = 0
        async with client.stream(method, url, json=body, headers={"Accept": "application/json", **headers}) as response:
            async for part in response.aiter_bytes():
                parts.append(part)
                size += len(part)
                if size > _MAX_BYTES:
                    raise SourceGarbled(f"the answer is larger than {_MAX_BYTES >> 20} MB: is this the right server?")
            told = {name.lower(): value for name, value in response.headers.items()}
            return Answer(response.status_code, told, b"".join(parts))


def _trust(config: SwitchConfig) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=str(config.ca_file.expanduser()) if config.ca_file else None)
    except (OSError, RuntimeError) as error:
        why = None if isinstance(error, ssl.SSLError) else getattr(error, "strerror", None)
        raise SourceUnreachable(f"ca_file {config.ca_file} cannot be used: {why or 'no certificate in it'}") from error
    if not config.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
