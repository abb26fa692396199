"""Who asks the demo's Kubernetes API, for what, and whether RBAC lets them."""

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from homelab_tui.demo.kubernetes_status import ApiError
from homelab_tui.demo.objects import KINDS, Kind

READ = ("get", "list", "watch")


@dataclass(frozen=True, slots=True)
class User:
    """One identity of the cluster and its rights."""

    name: str
    token: str
    groups: tuple[str, ...] = ("system:authenticated",)
    verbs: tuple[str, ...] = ()
    """What it may do; `*` is everything."""
    namespace: str | None = None
    """The only namespace its rights reach; None: the whole cluster."""

    def may(self, verb: str, resource: str, namespace: str) -> bool:
        """Whether RBAC allows a verb on a resource; `namespace` is empty for cluster-wide requests."""
        if self.namespace is not None and (namespace != self.namespace or resource in ("nodes", "namespaces")):
            return False
        return "*" in self.verbs or verb in self.verbs

    def __repr__(self) -> str:
        """Without the token."""
        return f"User({self.name!r})"


def lab_users() -> dict[str, User]:
    """The users of one cluster by kubeconfig name, with fresh random tokens."""

    def token() -> str:
        return secrets.token_urlsafe(32)

    masters = ("system:masters", "system:authenticated")
    return {
        "kubernetes-admin": User("kubernetes-admin", token(), masters, ("*",)),
        "viewer": User("viewer", token(), verbs=READ),
        "backup-only": User("backup-only", token(), verbs=("*",), namespace="backup"),
        "nobody": User("nobody", token()),
    }


@dataclass(frozen=True, slots=True)
class Target:
    """What a path of the API names."""

    kind: Kind
    namespace: str
    """Empty: cluster-scoped, or all namespaces."""
    name: str = ""
    """Empty: the collection."""
    subresource: str = ""
    rest: str = ""
    """What follows `/proxy` of a service."""


_PATH = re.compile(
    r"^/(?:api/v1|apis/(?P<group>[a-z0-9.]+)/(?P<version>v\w+))"
    r"(?:/namespaces/(?P<space>[^/]+)(?=/[a-z]+))?"
    r"/(?P<resource>[a-z]+)(?:/(?P<name>[^/]+)(?:/(?P<sub>[a-z]+)(?P<rest>/.*)?)?)?/?$"
)


def parse_path(path: str) -> Target | None:
    """What a URL path names, or None when the API has no such resource."""
    found = _PATH.match(path)
    if found is None:
        return None
    space, resource = found["space"] or "", found["resource"]
    kind = KINDS.get(resource)
    if space and resource in ("status", "finalize"):  # /api/v1/namespaces/x/status
        return Target(KINDS["namespaces"], "", space, resource)
    if kind is None or (found["group"] or "") != kind.group or (found["version"] or "v1") != kind.version:
        return None
    if space and not kind.namespaced:
        return None
    if found["name"] and kind.namespaced and not space:
        return None
    return Target(kind, space, found["name"] or "", found["sub"] or "", found["rest"] or "")


def verb_of(method: str, target: Target, query: Mapping[str, str]) -> str:
    """The API's verb for an HTTP method on a target."""
    if target.subresource == "proxy":
        return {"GET": "get", "HEAD": "get", "POST": "create", "PUT": "update", "DELETE": "delete"}.get(method, "get")
    if method in ("GET", "HEAD"):
        if query.get("watch") in ("1", "true", "True"):
            return "watch"
        return "get" if target.name else "list"
    if method == "DELETE":
        return "delete" if target.name else "deletecollection"
    return {"POST": "create", "PUT": "update", "PATCH": "patch"}.get(method, method.lower())


def forbidden(user: str, verb: str, target: Target) -> ApiError:
    """The 403 of RBAC."""
    kind = target.kind
    resource = f"{kind.resource}/{target.subresource}" if target.subresource else kind.resource
    what = f'{kind.qualified} "{target.name}"' if target.name else kind.qualified
    where = f'in the namespace "{target.namespace}"' if target.namespace else "at the cluster scope"
    message = (
        f'{what} is forbidden: User "{user}" cannot {verb} resource "{resource}" in API group "{kind.group}" {where}'
    )
    details = {"kind": kind.resource} | ({"name": target.name} if target.name else {})
    return ApiError(403, message, details=details | ({"group": kind.group} if kind.group else {}))
