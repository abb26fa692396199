"""HTTP to one API server, with one retry when the credentials have to be renewed."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from homelab_tui.config.model import ClusterConfig
from homelab_tui.domain.errors import SourceError, SourceUnreachable
from homelab_tui.domain.values import Frozen, field
from homelab_tui.sources.kube_errors import Ask, breakage, refusal
from homelab_tui.sources.kube_exec import ExecCredential, PluginCredentials
from homelab_tui.sources.kube_session import Session, open_session
from homelab_tui.sources.kubeconfig import resolve
from homelab_tui.sources.threads import in_daemon_thread

if TYPE_CHECKING:
    import httpx

_TOTAL_READS = 6
"""A whole answer may take this many read time-outs: a page arrives in many reads, but not for ever."""
_MAX_ERROR_BYTES = 65_536


class Call(Frozen):
    """One request."""

    path: str
    ask: Ask
    method: str = "GET"
    params: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    content_type: str = "application/json"
    max_bytes: int | None = None
    """Read no more than this of the answer."""
    read_timeout_s: float | None = None
    """Longest silence in the answer; None: the configuration's."""


class Answer(Frozen):
    """A whole HTTP answer, whatever its status."""

    code: int
    headers: Mapping[str, str]
    body: bytes


class KubeWire:
    """One API server. Reads its kubeconfig and connects at the first request, never before."""

    def __init__(self, config: ClusterConfig) -> None:
        self._config = config
        self._session: Session | None = None
        self._plugin: PluginCredentials | None = None
        self._suspect = False
        """The last request failed in a way that a changed kubeconfig could explain."""
        self._closed = False
        self._lock = asyncio.Lock()

    @property
    def name(self) -> str:
        """The cluster's name in the configuration."""
        return self._config.name

    @property
    def context(self) -> str | None:
        """The kubeconfig's context; None before the first request, and inside a cluster."""
        return self._session.access.context if self._session is not None else None

    async def close(self) -> None:
        """Close every connection, those of running watches too. Whatever is asked afterwards is SourceUnreachable."""
        self._closed = True
        await self._drop()

    async def _drop(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.client.aclose()

    async def request(self, call: Call) -> Answer:
        """One whole answer.

        Raises: SourceError when there is none, or none in time.
        """
        limit_s = self._config.connect_timeout_s + self._config.read_timeout_s * _TOTAL_READS
        await self._open(call.ask)  # Outside that limit: a plugin has its own.
        try:
            async with asyncio.timeout(limit_s), self._exchange(call) as response:
                return Answer(response.status_code, response.headers, await _body(response, call.max_bytes))
        except TimeoutError as error:
            raise breakage(call.ask, error, "the API server", limit_s) from error

    async def fetch(self, call: Call) -> bytes:
        """The body of a good answer.

        Raises: SourceError, also for every status that is not 2xx.
        """
        answer = await self.request(call)
        if not 200 <= answer.code < 300:
            raise refusal(call.ask, answer.code, answer.headers, answer.body)
        return answer.body

    @asynccontextmanager
    async def stream(
        self, call: Call, refused: Callable[[Ask, int, Mapping[str, str], bytes], SourceError] = refusal
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """The chunks of an answer that goes on. Leaving the context frees the connection.

        `refused` makes an error of an answer other than 200.
        Raises: SourceError, from the chunks too, when the wire breaks.
        """
        async with self._exchange(call) as response:
            if response.status_code != 200:
                body = await _body(response, _MAX_ERROR_BYTES)
                raise refused(call.ask, response.status_code, response.headers, body)
            yield response.aiter_bytes()

    @asynccontextmanager
    async def _exchange(self, call: Call) -> AsyncIterator["httpx.Response"]:
        """An open answer, and the names of this tree for whatever breaks while it is read."""
        session, response = await self._answer(call)
        import httpx  # Heavy wire library; by now it is loaded.

        try:
            yield response
        except (httpx.HTTPError, httpx.StreamError, OSError) as error:
            self._suspect = True
            raise breakage(call.ask, error, session.host, self._silence_s(call)) from error
        finally:
            await response.aclose()

    async def _answer(self, call: Call) -> tuple[Session, "httpx.Response"]:
        """The answer's head; one that says 401 is asked for once more, if there may be other credentials now."""
        session, credential = await self._open(call.ask)
        response = await self._send(call, session, credential)
        if response.status_code != 401 or not self._may_renew(session, credential):
            return session, response
        await response.aclose()
        self._suspect = True
        session, credential = await self._open(call.ask)
        return session, await self._send(call, session, credential)

    async def _send(self, call: Call, session: Session, credential: ExecCredential | None) -> "httpx.Response":
        import httpx  # Heavy wire library; by now it is loaded.

        silence_s, connect_s = self._silence_s(call), self._config.connect_timeout_s
        headers = session.bearer.header(credential.token if credential else None)
        if call.body is not None:
            headers["Content-Type"] = call.content_type
        name = session.access.server_name
        request = session.client.build_request(
            call.method,
            session.access.server + call.path,
            params=dict(call.params),
            headers=headers,
            content=call.body,
            timeout=httpx.Timeout(self._config.read_timeout_s, connect=connect_s, read=silence_s),
            extensions={"sni_hostname": name} if name else {},
        )
        try:
            return await _sent(session.client, request)
        except (httpx.HTTPError, httpx.StreamError, OSError) as error:
            self._suspect = True
            waited_s = connect_s if isinstance(error, httpx.ConnectTimeout) else silence_s
            raise breakage(call.ask, error, session.host, waited_s) from error

    def _silence_s(self, call: Call) -> float:
        return self._config.read_timeout_s if call.read_timeout_s is None else call.read_timeout_s

    def _may_renew(self, session: Session, refused: ExecCredential | None) -> bool:
        """After a 401: whether another try could go out with other credentials."""
        if refused is not None and self._plugin is not None:
            self._plugin.forget(refused)
            return True
        return session.bearer.reread() or session.is_outdated()

    async def _open(self, ask: Ask) -> tuple[Session, ExecCredential | None]:
        """The session, made anew when its files changed after a failure; and the plugin's credential."""
        async with self._lock:
            try:
                self._check_open()
                session, credential = await self._resolved(), None
                if self._plugin is not None and session.access.token is None:
                    credential = await self._plugin.current(datetime.now(UTC))
                    if credential.certificate_pem and session.certificate_of is not credential:
                        session = await self._replaced(session, credential)
                self._check_open()
                return session, credential
            except SourceError as error:
                raise type(error)(f"{ask.cluster}: {error}") from error

    def _check_open(self) -> None:
        if self._closed:
            raise SourceUnreachable("its connections have been closed by homelab itself")

    async def _resolved(self) -> Session:
        session = self._session
        if session is not None and self._suspect and session.is_outdated():
            await self._drop()
            session = None
        self._suspect = False
        if session is None:
            session = await in_daemon_thread(
                lambda: open_session(resolve(self._config), None), name="homelab-kubeconfig"
            )
            plugin = session.access.exec_plugin
            self._plugin = PluginCredentials(plugin, session.access.user) if plugin else None
            self._session = session
        return session

    async def _replaced(self, session: Session, credential: ExecCredential) -> Session:
        """A session that shows the plugin's new client certificate; connections with the old one end."""
        renewed = await in_daemon_thread(lambda: open_session(session.access, credential), name="homelab-kubeconfig")
        self._session = renewed
        await session.client.aclose()
        return renewed


async def _sent(client: "httpx.AsyncClient", request: "httpx.Request") -> "httpx.Response":
    """The head of the answer.

    A server, or a proxy before it, may have closed the connection that was kept for the next request: a question is
    asked once more. Else every watch that ends so would have the whole list read again.
    """
    import httpx  # Heavy wire library; by now it is loaded.

    try:
        return await client.send(request, stream=True)
    except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError):
        if request.method != "GET":
            raise
        return await client.send(request, stream=True)


async def _body(response: "httpx.Response", max_bytes: int | None) -> bytes:
    # Not aread(): that keeps the body in the response, which is in a ring with its stream, and so stays for a while.
    parts, size = [], 0
    async for chunk in response.aiter_bytes():
        parts.append(chunk)
        size += len(chunk)
        if max_bytes is not None and size >= max_bytes:
            break
    return b"".join(parts)[:max_bytes]
