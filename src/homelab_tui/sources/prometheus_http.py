"""HTTP to one Prometheus-compatible server, directly or through the API server's service proxy."""

import asyncio
import ipaddress
import re
import ssl
from base64 import b64encode
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol
from urllib.parse import SplitResult, unquote, urlsplit

from homelab_tui.config.model import PrometheusConfig, SecretRef
from homelab_tui.domain.errors import (
    SourceError,
    SourceForbidden,
    SourceRefused,
    SourceTimeout,
    SourceUnreachable,
)
from homelab_tui.domain.secrets import Secret
from homelab_tui.sources.prometheus_errors import breakage, place, refusal
from homelab_tui.sources.prometheus_exchange import MAX_ERROR_BYTES, check_size, exchange, read_body
from homelab_tui.sources.secret_refs import is_lasting, resolve
from homelab_tui.sources.threads import in_daemon_thread

if TYPE_CHECKING:
    import httpx

_NO_PARAMS: Mapping[str, str] = MappingProxyType({})
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_TOTAL_READS = 6
"""A whole answer may take this many read time-outs: a large one arrives in many reads, but not for ever."""


class ServiceProxy(Protocol):
    """A Kubernetes API server that passes a GET on to a service inside the cluster (sources.kubernetes)."""

    async def service_get(self, service: str, path: str, params: Mapping[str, str]) -> tuple[int, bytes]:
        """Status and body of the service's answer. Raises: SourceError for what the API server itself says."""
        ...


class PrometheusHttp:
    """One server. Connects at the first request, never before."""

    def __init__(
        self,
        config: PrometheusConfig,
        service: ServiceProxy | None = None,
        *,
        table: str = "prometheus",
        refusal: Callable[[int, Mapping[str, str], bytes], SourceError] = refusal,
    ) -> None:
        """`table` is the configuration's, for messages; `refusal` understands what the server says no with."""
        self._config = config
        self._service = service
        self._table = table
        self._refusal = refusal
        self._client: httpx.AsyncClient | None = None
        self._secrets: dict[str, Secret] = {}
        self._only_get = False
        """The server, or a proxy before it, does not take POST."""
        self._lock = asyncio.Lock()

    async def close(self) -> None:
        """Close every connection."""
        client, self._client = self._client, None
        self._secrets.clear()
        if client is not None:
            await client.aclose()

    async def query(
        self, promql: str, *, limit_s: float | None = None, take: Callable[[bytes], object] | None = None
    ) -> bytes:
        """The answer to an instant query: by POST, which no length limits, else by GET.

        `limit_s`: the server itself is to give up after that long. `take` is given a good answer part by part, as it
        comes, instead; what it raises ends the request.
        """
        form = {"query": promql}
        if limit_s is not None:
            form["timeout"] = f"{int(limit_s * 1000)}ms"  # its durations know no fractions: "0.5s" is a bad one
        if not self._only_get and self._service is None:
            try:
                return await self._ask("POST", "/api/v1/query", form, take=take)
            except _MethodRefused:
                self._only_get = True
        return await self._ask("GET", "/api/v1/query", form, take=take)

    async def get(self, path: str, params: Mapping[str, str] = _NO_PARAMS) -> bytes:
        """The answer of one path of the API."""
        return await self._ask("GET", path, params)

    async def send(self, method: str, path: str, body: bytes | None) -> bytes:
        """The answer to a write; `body` is JSON. Never sent a second time by itself."""
        return await self._ask(method, path, {}, body)

    async def _ask(
        self,
        method: str,
        path: str,
        form: Mapping[str, str],
        body: bytes | None = None,
        *,
        take: Callable[[bytes], object] | None = None,
    ) -> bytes:
        try:
            if self._config.via == "kubernetes" or self._service is not None:
                answer = await self._ask_service(path, form)
                if take is None:
                    return answer
                take(answer)
                return b""
            return await self._ask_server(method, path, form, body, take)
        except SourceError as error:
            raise self._told(error) from error

    def _told(self, error: SourceError) -> SourceError:
        """The same error, with this server's name in front."""
        message = f"{self._config.name}: {error}"
        if isinstance(error, SourceForbidden):
            return SourceForbidden(message, verb=error.verb, resource=error.resource)
        return type(error)(message)

    # -- through the API server ----------------------------------------------------------------------------------------

    async def _ask_service(self, path: str, params: Mapping[str, str]) -> bytes:
        if self._service is None:
            cluster = self._config.cluster or ""
            raise SourceUnreachable(f'via = "kubernetes" needs a [[clusters]] table named {cluster!r}')
        if not self._config.service:
            raise SourceUnreachable('via = "kubernetes" needs service = "namespace/name:port"')
        code, body = await self._service.service_get(self._config.service, self._prefix + path, params)
        check_size(body)
        if code >= 300:
            raise self._refusal(code, {}, body[:MAX_ERROR_BYTES])
        return body

    @property
    def _prefix(self) -> str:
        """With `via`, `url` may still give the path prefix that the server wants (/prometheus)."""
        return urlsplit(self._config.url or "").path.rstrip("/")

    # -- directly ------------------------------------------------------------------------------------------------------

    async def _ask_server(
        self,
        method: str,
        path: str,
        form: Mapping[str, str],
        content: bytes | None = None,
        take: Callable[[bytes], object] | None = None,
    ) -> bytes:
        client, headers = await self._ready()
        url = self._url()
        limit_s = self._config.connect_timeout_s + self._config.read_timeout_s * _TOTAL_READS
        target = url.geturl().rstrip("/") + path
        try:
            async with (
                asyncio.timeout(limit_s),
                exchange(client, method, target, content or form, headers) as response,
            ):
                body = await read_body(response, take)
                code, answered = response.status_code, response.headers
        except TimeoutError as error:
            raise SourceTimeout(f"{place(url)} did not finish its answer within {limit_s:g} s") from error
        except SourceError:
            raise
        except Exception as error:
            found = breakage(error, place(url), self._config)
            if found is None:
                raise
            raise found from error
        if code < 300:
            return body
        if method == "POST" and content is None and code in (405, 501):
            raise _MethodRefused(f"the server takes no {method} ({code})")
        if code in (401, 403):
            self._secrets.clear()  # a renewed one is read at the next try
        raise self._refusal(code, answered, body)

    def _url(self) -> SplitResult:
        """The base URL, without credentials."""
        url = self._given_url()
        if url is None or url.scheme not in ("http", "https") or not url.hostname:
            raise SourceUnreachable("`url` is not an http or https address")
        return url._replace(query="", fragment="", netloc=url.netloc.rpartition("@")[2])

    def _given_url(self) -> SplitResult | None:
        try:
            url = urlsplit((self._config.url or "").strip())
            return url if url.port != 0 else None
        except ValueError:
            return None

    async def _ready(self) -> tuple["httpx.AsyncClient", dict[str, str]]:
        """The client, and the headers of one request: both need secrets or files, so they are made when first used."""
        async with self._lock:
            if self._client is None:
                self._client = await in_daemon_thread(self._connectable, name=f"prometheus-{self._config.name}")
            return self._client, await self._headers()

    def _connectable(self) -> "httpx.AsyncClient":
        # Heavy wire library; in this thread its import does not hold the screen up.
        import httpx

        from homelab_tui.sources.http_wire import closing

        url = self._url()
        client = httpx.AsyncClient(
            verify=self._trust() if url.scheme == "https" else False,
            timeout=httpx.Timeout(self._config.read_timeout_s, connect=self._config.connect_timeout_s),
            follow_redirects=False,
            # A proxy from the environment is no way to this machine itself.
            trust_env=not _is_loopback(url.hostname or ""),
        )
        return closing(client)

    def _trust(self) -> ssl.SSLContext:
        # Heavy wire library; by now it is loaded.
        import httpx

        ca_file = self._config.ca_file
        try:
            if ca_file is None:
                context = httpx.create_ssl_context()  # the public authorities, where the system has no list of its own
                context.load_default_certs()
            else:
                context = ssl.create_default_context(cafile=str(ca_file.expanduser()))
        except (OSError, RuntimeError) as error:  # ssl.SSLError is an OSError; no such user in `~user`
            why = None if isinstance(error, ssl.SSLError) else getattr(error, "strerror", None)
            raise SourceUnreachable(f"ca_file {ca_file} cannot be used: {why or 'no certificate in it'}") from error
        if not self._config.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context

    async def _headers(self) -> dict[str, str]:
        headers = {"Accept": "application/json"} | {name: value.strip() for name, value in self._config.headers}
        for name, value in headers.items():
            _check_header(name, value, f"headers.{name}")
        if self._config.bearer_token is not None:
            token = (await self._secret(self._config.bearer_token, "bearer_token")).reveal().strip()
            _check_header("Authorization", token, "bearer_token")
            return headers | {"Authorization": f"Bearer {token}"}
        url = self._given_url()
        user = self._config.username or (unquote(url.username) if url and url.username else None)
        if user is None:
            return headers
        password = unquote(url.password) if url and url.password else ""
        if self._config.password is not None:
            password = (await self._secret(self._config.password, "password")).reveal()
        return headers | {"Authorization": f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}"}

    async def _secret(self, ref: SecretRef, key: str) -> Secret:
        known = self._secrets.get(key)
        if known is not None:
            return known
        what = f"{self._table}.{self._config.name}.{key}"
        secret = await in_daemon_thread(lambda: resolve(ref, what), name="secret")
        if is_lasting(ref):
            self._secrets[key] = secret
        return secret


class _MethodRefused(SourceRefused):
    """405: not this method; another may do."""


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _check_header(name: str, value: str, key: str) -> None:
    """Refuse here what the HTTP library would refuse with the value in its message."""
    if not _HEADER_NAME.fullmatch(name) or not all(32 <= ord(char) < 127 for char in value):
        raise SourceRefused(f"{key} holds characters that an HTTP header cannot carry")
