"""An API server that answers exactly what a test says, right or wrong; and certificates for it."""

import asyncio
import base64
import ipaddress
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from homelab_tui.config.model import ClusterConfig
from homelab_tui.sources.kubernetes import KubernetesSource

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class HostileApi:
    """Serves one handler for every path, and remembers what was asked."""

    def __init__(self) -> None:
        self.requests: list[web.Request] = []
        self.bodies: list[bytes] = []
        self.port = 0
        self.scheme = "http"

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def paths(self) -> list[str]:
        return [request.path_qs for request in self.requests]


@asynccontextmanager
async def api(handler: Handler, tls: ssl.SSLContext | None = None) -> AsyncIterator[HostileApi]:
    """A running server on a free port of loopback."""
    hostile = HostileApi()

    async def answer(request: web.Request) -> web.StreamResponse:
        hostile.requests.append(request)
        hostile.bodies.append(await request.read())
        return await handler(request)

    application = web.Application()
    application.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    hostile.port = runner.addresses[0][1]
    hostile.scheme = "https" if tls else "http"
    try:
        yield hostile
    finally:
        await runner.cleanup()


@asynccontextmanager
async def raw_server(
    talk: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[str]:
    """A TCP server below HTTP; gives its URL."""
    conversations: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        conversations.add(task)
        try:
            await talk(reader, writer)
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for task in conversations:
            task.cancel()
        await asyncio.gather(*conversations, return_exceptions=True)


def write_kubeconfig(directory: Path, server: str, *, cluster: str = "", user: str = "{}") -> Path:
    """A kubeconfig with one context; `cluster` and `user` are YAML flow maps or lines of 6 blanks."""
    path = directory / "kubeconfig"
    path.write_text(
        "apiVersion: v1\nkind: Config\ncurrent-context: lab\n"
        f"clusters:\n  - name: lab\n    cluster:\n      server: {server}\n{cluster}"
        f"users:\n  - name: me\n    user: {user}\n"
        "contexts:\n  - name: lab\n    context: {cluster: lab, user: me}\n"
    )
    return path


@asynccontextmanager
async def source(
    path: Path, *, namespaces: tuple[str, ...] = (), read_timeout_s: float = 5.0
) -> AsyncIterator[KubernetesSource]:
    """A source named `lab` on a kubeconfig, closed at the end."""
    found = KubernetesSource(
        ClusterConfig(name="lab", kubeconfig=str(path), namespaces=namespaces, read_timeout_s=read_timeout_s)
    )
    try:
        yield found
    finally:
        await found.close()


def job(
    name: str, *, version: str = "1", namespace: str = "apps", uid: str | None = None, **status: object
) -> dict[str, object]:
    metadata = {"name": name, "namespace": namespace, "uid": uid or f"uid-{name}", "resourceVersion": version}
    return {"metadata": metadata, "spec": {}, "status": status}


def listed(*items: dict[str, object], version: str = "10", proceed: str = "") -> web.Response:
    return web.json_response({"metadata": {"resourceVersion": version, "continue": proceed}, "items": list(items)})


def status(code: int, message: str, *, reason: str = "", headers: dict[str, str] | None = None) -> web.Response:
    body = {
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "code": code,
        "message": message,
        "reason": reason,
    }
    return web.json_response(body, status=code, headers=headers)


def line(kind: str, item: dict[str, object]) -> bytes:
    """One line of a watch."""
    return json.dumps({"type": kind, "object": item}).encode() + b"\n"


async def streaming(request: web.Request) -> web.StreamResponse:
    """The head of a watch's answer, sent."""
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    await response.prepare(request)
    return response


@dataclass(frozen=True)
class Pair:
    """A certificate and its key, PEM."""

    certificate: str
    key: str

    def inline(self) -> str:
        """As the YAML of a kubeconfig user."""
        return f"{{client-certificate-data: {encoded(self.certificate)}, client-key-data: {encoded(self.key)}}}"


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


class Authority:
    """A certificate authority of the test's own."""

    def __init__(self, name: str = "test-ca") -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        self._certificate = (
            self._build(self._name, self._key)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        self.pem = self._certificate.public_bytes(serialization.Encoding.PEM).decode()

    def issue(self, name: str, *hosts: str) -> Pair:
        """A certificate for a user (no hosts) or a server."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = self._build(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]), key)
        if hosts:
            names = [_general_name(host) for host in hosts]
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        certificate = builder.sign(self._key, hashes.SHA256())
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
        )
        return Pair(certificate.public_bytes(serialization.Encoding.PEM).decode(), pem.decode())

    def server_context(self, directory: Path, pair: Pair, *, wants_client: bool = False) -> ssl.SSLContext:
        """A server's TLS with that pair; with `wants_client` only clients of this authority get in."""
        chain = directory / "server.pem"
        chain.write_text(pair.certificate + pair.key)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(chain)
        if wants_client:
            context.load_verify_locations(cadata=self.pem)
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    def _build(self, name: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
        )


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
