"""The demo's Kubernetes API server: one per cluster, over the cluster's own objects."""

import gzip
import logging
import ssl
from collections.abc import Awaitable, Callable

from aiohttp import web

from homelab_tui.demo.budgets import DisruptionController
from homelab_tui.demo.cluster import DemoCluster
from homelab_tui.demo.faults import Faults
from homelab_tui.demo.garbage import GarbageCollector
from homelab_tui.demo.http_server import LoopbackServer
from homelab_tui.demo.kubelet import Kubelet
from homelab_tui.demo.kubernetes_access import Target, User, forbidden, lab_users, parse_path, verb_of
from homelab_tui.demo.kubernetes_logs import Logs
from homelab_tui.demo.kubernetes_read import Reads
from homelab_tui.demo.kubernetes_selectors import field_selector, label_selector
from homelab_tui.demo.kubernetes_status import ApiError, answer, no_such_path, status
from homelab_tui.demo.kubernetes_write import Sent, Writes
from homelab_tui.demo.manifests import KUBELET
from homelab_tui.demo.objects import KINDS, Object

Proxied = Callable[[web.BaseRequest, str], Awaitable[web.StreamResponse]]
"""(request, path inside the service) -> answer of a Service behind the API server's proxy."""
log = logging.getLogger(__name__)
GZIP_FROM = 128 * 1024
_SSAR = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
_PUBLIC = ("/version", "/healthz", "/livez", "/readyz")
ANONYMOUS = User("system:anonymous", "", groups=("system:unauthenticated",))
_FAULT_WORDS = {
    401: "Unauthorized",
    429: "Too many requests, please try again later.",
    500: 'an error on the server ("etcdserver: request timed out") has prevented the request from succeeding',
    503: "the server is currently unable to handle the request",
}


class DemoKubernetes:
    """The API of one cluster on a loopback port."""

    def __init__(
        self,
        cluster: DemoCluster,
        kubelet: Kubelet,
        garbage: GarbageCollector,
        faults: Faults,
        tls: ssl.SSLContext | None,
    ) -> None:
        self.cluster = cluster
        self.users: dict[str, User] = lab_users()
        self.services: dict[tuple[str, str], Proxied] = {}
        """(namespace, "name:port") -> what answers behind the service proxy."""
        self.reads = Reads(cluster)
        self.logs = Logs(cluster, kubelet)
        self.writes = Writes(cluster, garbage, DisruptionController(cluster))
        self.requests: list[tuple[str, str]] = []
        """(method, path with query) of the latest requests, for tests."""
        self._server = LoopbackServer(
            faults, "kubernetes", cluster.name, self._handle, self._refuse, clock=cluster.clock, tls=tls
        )
        self._tls = tls is not None

    @property
    def url(self) -> str:
        """Base URL of the running server."""
        return f"http{'s' if self._tls else ''}://127.0.0.1:{self._server.port}"

    def open(self) -> None:
        """Take connections, which wait until `start` for their answer. Raises: OSError."""
        self._server.open()

    async def start(self) -> int:
        """Listen; returns the port."""
        return await self._server.start()

    async def stop(self) -> None:
        """Close the port and every connection."""
        await self._server.stop()

    def forget_history(self) -> None:
        """Compact: every older watch and continue token is answered 410 from now on."""
        self.cluster.store.compact()
        self.reads.forget_snapshots()

    # -- one request ---------------------------------------------------------------------------------------------------

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        del self.requests[:-500]
        self.requests.append((request.method, request.path_qs))
        try:
            return await self._answer(request)
        except ApiError as error:
            return error.response()
        except Exception:
            # a real one recovers from its handlers' panics in these words
            log.exception("demo cluster %s: %s %s failed", self.cluster.name, request.method, request.path_qs)
            said = "This request caused apiserver to panic. Look in the logs for details."
            return answer(status(500, said), 500)

    def _refuse(self, code: int, request: web.BaseRequest) -> web.Response:
        """A fault, as the API server would word it."""
        if code == 403:
            user = self._user(request)
            target = parse_path(request.path) or Target(KINDS["namespaces"], "")
            verb = verb_of(request.method, target, request.query)
            return forbidden(user.name if user else "system:anonymous", verb, target).response()
        return answer(status(code, _FAULT_WORDS[code]), code, retry_after=code == 429)

    def _user(self, request: web.BaseRequest) -> User | None:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return next((user for user in self.users.values() if user.token == token.strip()), None)
        certificate = request.transport.get_extra_info("peercert") if request.transport else None
        for part in (certificate or {}).get("subject", ()):
            for name, value in part:
                if name == "commonName":
                    return self.users.get(value)
        return None

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        path = request.path.rstrip("/") or "/"
        if path in _PUBLIC:
            return self._public(path)
        user = self._user(request)
        if user is None and request.headers.get("Authorization", "").strip():
            raise ApiError(401, "Unauthorized")
        # Without any credentials one is anonymous, and may nothing: 403, as kubeadm and kubespray set it up.
        user = user or ANONYMOUS
        self.cluster.step()
        if path == _SSAR and request.method == "POST":
            return self.writes.access_review(user, await _body(request))
        if discovered := _discovery(path):
            return answer(discovered)
        target = parse_path(path)
        if target is None:
            return no_such_path()
        query = dict(request.query)
        verb = verb_of(request.method, target, query)
        where = target.namespace
        if not user.may(verb, target.kind.resource, where):
            raise forbidden(user.name, verb, target)
        response = await self._dispatch(verb, target, query, request)
        if verb in ("create", "update", "patch", "delete", "deletecollection"):
            self.cluster.step()
        return response

    async def _dispatch(
        self, verb: str, target: Target, query: dict[str, str], request: web.BaseRequest
    ) -> web.StreamResponse:
        if target.subresource == "proxy":
            service = self.services.get((target.namespace, target.name))
            if service is None:
                raise ApiError(503, f'no endpoints available for service "{target.name}"')
            return await service(request, target.rest or "/")
        if target.subresource == "log":
            return await self.logs.read(target, query, request, self._server)
        if target.subresource == "eviction" and request.method == "POST":
            self._check_room()
            return self.writes.evict(target, await _body(request))
        if target.subresource not in ("", "status"):
            raise ApiError(404, "the server could not find the requested resource", "NotFound")
        if verb == "watch":
            return await self.reads.watch(target, query, request, self._server)
        if verb in ("get", "list"):
            view = self.reads.view(target, query, request.headers.get("Accept", ""))
            found = self.reads.get(target, view) if verb == "get" else self.reads.collection(target, query, view)
            return _compressed(request, found)
        self._check_room()
        raw = await _body(request)
        sent = Sent(request.content_type, request.headers.get("User-Agent", ""))
        if verb == "create" and not target.name:
            return self.writes.create(target, query, raw, sent)
        if verb == "update":
            return self.writes.replace(target, query, raw, sent)
        if verb == "patch":
            return self.writes.patch(target, query, raw, sent)
        if verb == "delete":
            return self.writes.delete(target, query, raw)
        if verb == "deletecollection":
            return self.writes.delete_collection(target, self._selected(target, query), query, raw)
        raise ApiError(405, "the server does not allow this method on the requested resource")

    def _check_room(self) -> None:
        if self.cluster.is_full():
            # the API server has no code of its own for what etcd says
            raise ApiError(500, "etcdserver: mvcc: database space exceeded", "")

    def _selected(self, target: Target, query: dict[str, str]) -> list[Object]:
        by_label = label_selector(query.get("labelSelector", ""))
        by_field = field_selector(query.get("fieldSelector", ""), target.kind)
        found = self.cluster.store.all(target.kind.resource, target.namespace or None)
        return [stored.body for stored in found if by_label(stored.body) and by_field(stored.body)]

    def _public(self, path: str) -> web.Response:
        if path != "/version":
            return web.Response(text="ok")
        return answer(
            {
                "major": "1",
                "minor": "32",
                "gitVersion": KUBELET,
                "gitCommit": "59526cd4867447956156ae3a602fcbac10a2c335",
                "gitTreeState": "clean",
                "buildDate": "2025-04-22T16:02:27Z",
                "goVersion": "go1.23.6",
                "compiler": "gc",
                "platform": "linux/arm64" if self.cluster.name == "pi" else "linux/amd64",
            }
        )


async def _body(request: web.BaseRequest) -> bytes:
    """What was sent, as JSON. Raises: ApiError 415 for protobuf and YAML, which the lab does not speak."""
    said = request.headers.get("Content-Type", "")
    if request.method != "PATCH" and said and not request.content_type.endswith("json"):
        words = "the body of the request was in an unknown format - accepted media types include: application/json"
        raise ApiError(415, words)
    return await request.read()


def _compressed(request: web.BaseRequest, whole: web.Response) -> web.Response:
    """Gzip of an answer above 128 KB for a client that takes it, as the API server does."""
    body = whole.body
    if isinstance(body, bytes) and len(body) > GZIP_FROM and "gzip" in request.headers.get("Accept-Encoding", ""):
        headers = {**whole.headers, "Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
        headers.pop("Content-Length", None)
        return web.Response(body=gzip.compress(body, 4), status=whole.status, headers=headers)
    return whole


def _discovery(path: str) -> Object | None:
    """What clients ask to learn which resources there are."""
    if path == "/api":
        return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}
    if path == "/apis":
        groups = []
        for name in ("batch", "policy"):
            version = {"groupVersion": f"{name}/v1", "version": "v1"}
            groups.append({"name": name, "versions": [version], "preferredVersion": version})
        return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}
    wanted = {"/api/v1": "", "/apis/batch/v1": "batch", "/apis/policy/v1": "policy"}.get(path.rstrip("/"))
    if wanted is None:
        return None
    kinds = [kind for kind in KINDS.values() if kind.group == wanted]
    resources: list[Object] = [
        {
            "name": kind.resource,
            "singularName": kind.kind.lower(),
            "namespaced": kind.namespaced,
            "kind": kind.kind,
            "verbs": list(kind.verbs),
            "shortNames": list(kind.short),
        }
        for kind in kinds
    ]
    if not wanted:
        resources.append({"name": "pods/log", "singularName": "", "namespaced": True, "kind": "Pod", "verbs": ["get"]})
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": kinds[0].api_version, "resources": resources}
