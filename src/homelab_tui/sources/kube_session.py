"""The HTTP client that one resolved access leads to: TLS, proxy, keep-alive, headers."""

import contextlib
import ipaddress
import os
import socket
import ssl
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from homelab_tui import __version__
from homelab_tui.domain.errors import SourceError
from homelab_tui.domain.values import Frozen
from homelab_tui.sources.kube_access import ClusterAccess
from homelab_tui.sources.kube_exec import ExecCredential
from homelab_tui.sources.kube_tls import tls_context
from homelab_tui.sources.kube_tokens import Bearer

if TYPE_CHECKING:
    import httpx

_KEEPALIVE = tuple(
    (level, getattr(socket, name), value)
    for level, name, value in (
        (socket.SOL_SOCKET, "SO_KEEPALIVE", 1),
        (socket.IPPROTO_TCP, "TCP_KEEPIDLE", 15),
        (socket.IPPROTO_TCP, "TCP_KEEPINTVL", 5),
        (socket.IPPROTO_TCP, "TCP_KEEPCNT", 3),
    )
    if hasattr(socket, name)
)
"""A link that is half open (Wi-Fi gone, NAT entry dropped) is noticed after 30 s, also when a watch is silent."""


class Session(Frozen):
    """One resolved access and the client that is built on it."""

    access: ClusterAccess
    client: "httpx.AsyncClient"
    bearer: Bearer
    stamp: tuple[int | None, ...]
    """Modification times of the access's files, as they were."""
    certificate_of: ExecCredential | None = None
    """The plugin's credential whose client certificate this client shows."""

    @property
    def host(self) -> str:
        """`host:port` for messages; never what stands before an @."""
        return urlsplit(self.access.server).netloc.rpartition("@")[2]

    def is_outdated(self) -> bool:
        """Whether one of the files it was made from has changed."""
        return _stamp(self.access) != self.stamp


def open_session(access: ClusterAccess, credential: ExecCredential | None) -> Session:
    """A session that has connected nowhere yet. Blocking (imports, the system's authorities): run it in a thread.

    Raises: SourceError for certificates, keys and proxies that cannot be used.
    """
    # Heavy wire libraries; here they are loaded off the loop.
    import httpx

    from homelab_tui.sources.http_wire import closing

    stamp = _stamp(access)
    from_plugin = credential is not None and credential.certificate_pem is not None
    context = tls_context(
        origin=access.origin,
        verify=access.verify,
        ca_pem=access.ca_pem,
        certificate_pem=credential.certificate_pem if credential and from_plugin else access.certificate_pem,
        key=credential.key if credential and from_plugin else access.key,
    )
    headers = [
        (b"Accept", b"application/json"),
        # The servers are near, and a Raspberry Pi compresses slower than the link carries.
        (b"Accept-Encoding", b"identity"),
        (b"User-Agent", f"homelab/{__version__}".encode()),
        *((name.encode(), value.encode()) for name, value in access.headers),
    ]
    client = closing(httpx.AsyncClient(transport=_transport(access, context), headers=headers, trust_env=False))
    return Session(access, client, Bearer(access), stamp, credential)


def _transport(access: ClusterAccess, context: ssl.SSLContext) -> "httpx.AsyncHTTPTransport":
    import httpx

    limits = httpx.Limits(max_connections=None, max_keepalive_connections=8, keepalive_expiry=30.0)
    url = access.proxy_url or _environment_proxy(access.server)
    try:
        proxy = httpx.Proxy(url) if url else None
        return httpx.AsyncHTTPTransport(
            verify=context, trust_env=False, limits=limits, socket_options=_KEEPALIVE, proxy=proxy
        )
    except ImportError as error:
        raise SourceError(f"{access.origin}: a SOCKS proxy needs the package socksio (pip install socksio)") from error
    except (ValueError, httpx.InvalidURL):
        # From None: the text of a proxy URL may hold its password.
        raise SourceError(f"{access.origin}: proxy-url is not a http, https or socks5 URL") from None


def _environment_proxy(server: str) -> str | None:
    """HTTPS_PROXY and its kin as kubectl means them: never for this very machine."""
    # It brings http.client and email along: nothing for the time before the first paint.
    import urllib.request

    url = urlsplit(server)
    host = url.hostname or ""
    with contextlib.suppress(ValueError):
        if ipaddress.ip_address(host).is_loopback:
            return None
    if host == "localhost" or urllib.request.proxy_bypass(host):
        return None
    proxies = urllib.request.getproxies()
    found = proxies.get(url.scheme) or proxies.get("all")
    return found if not found or "://" in found else f"http://{found}"


def _stamp(access: ClusterAccess) -> tuple[int | None, ...]:
    def modified(path: os.PathLike[str]) -> int | None:
        try:
            return os.stat(path).st_mtime_ns
        except OSError:
            return None

    return tuple(modified(path) for path in access.files)
