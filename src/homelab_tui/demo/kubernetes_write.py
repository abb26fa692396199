"""Writing to the demo's Kubernetes API: create, replace, patch, delete, access reviews."""

from collections.abc import Callable
from dataclasses import dataclass

import msgspec
from aiohttp import web

from homelab_tui.demo.budgets import DisruptionController
from homelab_tui.demo.cluster import DemoCluster
from homelab_tui.demo.cronjobs import with_defaults
from homelab_tui.demo.garbage import GarbageCollector
from homelab_tui.demo.kubernetes_access import Target, User
from homelab_tui.demo.kubernetes_patch import patcher
from homelab_tui.demo.kubernetes_status import ApiError, answer, conflict, exists, invalid, not_found, success
from homelab_tui.demo.kubernetes_types import ACCESS_REVIEW, DELETE_OPTIONS, EVICTION
from homelab_tui.demo.kubernetes_validation import check_options, check_patched, check_types, validate
from homelab_tui.demo.managed_fields import book, manager_of
from homelab_tui.demo.objects import Kind, Object, copied, rfc3339

POLICIES = ("Background", "Foreground", "Orphan")
ORPHAN_WARNING = (
    "child pods are preserved by default when jobs are deleted; "
    "set propagationPolicy=Background to remove them or set propagationPolicy=Orphan to suppress this warning"
)
_IMMUTABLE_JOB = ("template", "selector", "completions", "completionMode", "podFailurePolicy", "backoffLimitPerIndex")


@dataclass(frozen=True, slots=True)
class Sent:
    """What the headers of a request say of its body and its sender."""

    content_type: str
    user_agent: str


class Writes:
    """create, update, patch and delete of one cluster."""

    def __init__(self, cluster: DemoCluster, garbage: GarbageCollector, budgets: DisruptionController) -> None:
        self.cluster = cluster
        self.store = cluster.store
        self.garbage = garbage
        self.budgets = budgets

    # -- create --------------------------------------------------------------------------------------------------------

    def create(self, target: Target, query: dict[str, str], raw: bytes, sent: Sent) -> web.Response:
        """A new object in a collection."""
        kind = target.kind
        body = _decode(raw, kind.kind)
        if body.get("kind") not in (None, kind.kind) or body.get("apiVersion") not in (None, kind.api_version):
            raise _another_kind(kind, body)
        check_types(kind, body)
        meta = body["metadata"] = body.get("metadata") or {}
        if kind.namespaced:
            if meta.setdefault("namespace", target.namespace) != target.namespace:
                raise ApiError(
                    400, "the namespace of the provided object does not match the namespace sent on the request"
                )
            if self.store.get("namespaces", "", target.namespace) is None:
                raise ApiError(
                    404,
                    f'namespaces "{target.namespace}" not found',
                    details={"name": target.namespace, "kind": "namespaces"},
                )
        if not meta.get("name") and meta.get("generateName"):
            meta["name"] = meta["generateName"][:58] + self.cluster.random_suffix()
        for given in (
            "uid",
            "resourceVersion",
            "creationTimestamp",
            "deletionTimestamp",
            "generation",
            "managedFields",
        ):
            meta.pop(given, None)
        validate(kind, body)
        if self.store.get(kind.resource, meta.get("namespace", ""), meta["name"]) is not None:
            raise exists(kind, meta["name"])
        if kind.resource == "jobs":
            body["status"] = {}
            with_defaults(body, self.cluster)
        if kind.resource == "namespaces":
            meta.setdefault("labels", {})["kubernetes.io/metadata.name"] = meta["name"]
            body |= {"spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"}}
        if kind.resource == "cronjobs":
            _default_cron_job(body)
        manager = manager_of(query.get("fieldManager"), sent.user_agent)
        if query.get("dryRun") == "All":
            body |= {"apiVersion": kind.api_version, "kind": kind.kind}
            meta["creationTimestamp"] = rfc3339(self.cluster.clock.now())
            book(body, None, manager, manager, meta["creationTimestamp"])
            return answer(body, 201)
        self.store.create(kind.resource, body, manager=manager)
        return answer(body, 201)

    # -- change --------------------------------------------------------------------------------------------------------

    def patch(self, target: Target, query: dict[str, str], raw: bytes, sent: Sent) -> web.Response:
        """A JSON, merge or strategic merge patch."""
        return self._change(target, query, patcher(sent.content_type, raw), sent)

    def replace(self, target: Target, query: dict[str, str], raw: bytes, sent: Sent) -> web.Response:
        """A whole object in place of the old one."""
        body = _decode(raw, target.kind.kind)
        check_types(target.kind, body)
        name = (body.get("metadata") or {}).get("name") or ""
        if name != target.name:
            raise ApiError(400, f"the name of the object ({name}) does not match the name on the URL ({target.name})")

        def act(old: Object) -> Object:
            old["metadata"].pop("managedFields", None)
            return {**body, "metadata": {**old["metadata"], **body["metadata"]}}

        return self._change(target, query, act, sent)

    def _change(
        self, target: Target, query: dict[str, str], act: Callable[[Object], Object], sent: Sent
    ) -> web.Response:
        kind, key = target.kind, (target.namespace, target.name)
        old = self.store.body(kind.resource, *key)
        if old is None:
            raise not_found(kind, target.name)
        new = act(copied(old))
        if new.get("kind", kind.kind) != kind.kind or new.get("apiVersion", kind.api_version) != kind.api_version:
            raise _another_kind(kind, new)
        check_patched(kind, new, msgspec.json.encode(new).decode())
        new |= {"kind": kind.kind, "apiVersion": kind.api_version, "metadata": new.get("metadata") or {}}
        new |= {"spec": new.get("spec") or {}} if "spec" in old else {}
        meta = new["metadata"]
        meta.setdefault("uid", old["metadata"]["uid"])
        if meta.get("resourceVersion", "") not in ("", None, old["metadata"]["resourceVersion"]):
            why = "the object has been modified; please apply your changes to the latest version and try again"
            raise conflict(kind, target.name, why)
        if meta.get("uid") != old["metadata"]["uid"]:
            wanted, found = meta.get("uid"), old["metadata"]["uid"]
            why = f"Precondition failed: UID in precondition: {wanted}, UID in object meta: {found}"
            raise conflict(kind, target.name, why)
        meta.setdefault("managedFields", old["metadata"].get("managedFields", []))
        for fixed in ("name", "namespace", "creationTimestamp", "resourceVersion", "generation"):
            if fixed in old["metadata"]:
                meta[fixed] = old["metadata"][fixed]
        if target.subresource == "status":
            new = {**old, "metadata": {**old["metadata"], **meta}, "status": new.get("status") or {}}
        elif "status" in old:
            new["status"] = old["status"]
        validate(kind, new)
        if kind.resource == "jobs":
            self._immutable(kind, target.name, old, new)
        manager = manager_of(query.get("fieldManager"), sent.user_agent)
        if query.get("dryRun") == "All":
            book(new, old, manager, manager, rfc3339(self.cluster.clock.now()))
            return answer(new)
        self.store.update(kind.resource, new, manager=manager)
        if meta.get("deletionTimestamp") and not meta.get("finalizers"):
            self.store.remove(kind.resource, *key)
        return answer(new)

    def _immutable(self, kind: Kind, name: str, old: Object, new: Object) -> None:
        for field in _IMMUTABLE_JOB:
            if old["spec"].get(field) != new["spec"].get(field):
                shown = msgspec.json.encode(new["spec"].get(field)).decode()[:200]
                raise invalid(kind, name, f"spec.{field}", f"Invalid value: {shown}: field is immutable")

    # -- delete --------------------------------------------------------------------------------------------------------

    def delete(self, target: Target, query: dict[str, str], raw: bytes) -> web.Response:
        """One object. DeleteOptions in the body win; the query counts only when there is no body."""
        kind = target.kind
        stored = self.store.get(kind.resource, target.namespace, target.name)
        options = delete_options(query, raw)
        if stored is None:
            raise not_found(kind, target.name)
        meta = stored.body["metadata"]
        _check_preconditions(kind, meta, options.get("preconditions") or {})
        policy, warning = _policy(kind, options), None
        if policy is None:
            policy = "Orphan" if kind.resource == "jobs" else "Background"
            warning = ORPHAN_WARNING if kind.resource == "jobs" else None
        if query.get("dryRun") == "All" or options.get("dryRun") == ["All"]:
            return answer(success(kind, target.name, meta["uid"]), warning=warning)
        left = self.garbage.delete(kind.resource, stored.body, policy, options.get("gracePeriodSeconds"))
        return answer(left or success(kind, target.name, meta["uid"]), warning=warning)

    def evict(self, target: Target, raw: bytes) -> web.Response:
        """The eviction of a pod, as `kubectl drain` asks for it."""
        stored = self.store.get("pods", target.namespace, target.name)
        if stored is None:
            raise not_found(target.kind, target.name)
        eviction = _decode(raw, "Eviction")
        check_options(eviction, EVICTION)
        options = eviction.get("deleteOptions") or {}
        _check_preconditions(target.kind, stored.body["metadata"], options.get("preconditions") or {})
        self.budgets.check(stored.body)
        self.garbage.delete("pods", stored.body, "Background", options.get("gracePeriodSeconds"))
        return answer({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}, 201)

    def delete_collection(self, target: Target, found: list[Object], query: dict[str, str], raw: bytes) -> web.Response:
        """Every selected object of a collection."""
        options = delete_options(query, raw)
        policy = _policy(target.kind, options) or ("Orphan" if target.kind.resource == "jobs" else "Background")
        for body in found:
            self.garbage.delete(target.kind.resource, body, policy, options.get("gracePeriodSeconds"))
        kind = target.kind
        meta = {"resourceVersion": str(self.store.version)}
        return answer({"kind": f"{kind.kind}List", "apiVersion": kind.api_version, "metadata": meta, "items": found})

    def access_review(self, user: User, raw: bytes) -> web.Response:
        """SelfSubjectAccessReview: may this user do that?"""
        body = _decode(raw, "SelfSubjectAccessReview")
        check_options(body, ACCESS_REVIEW)
        spec = body.get("spec") or {}
        attributes, other = spec.get("resourceAttributes"), spec.get("nonResourceAttributes")
        if bool(attributes) == bool(other):
            raise ApiError(
                422,
                'SelfSubjectAccessReview.authorization.k8s.io "" is invalid: spec.resourceAttributes: Invalid value: '
                "null: exactly one of nonResourceAttributes or resourceAttributes must be specified",
            )
        attributes = attributes or {"verb": (other or {}).get("verb", "")}  # a path: no rule of the lab's names one
        resource = attributes.get("resource", "")
        allowed = user.may(attributes.get("verb", ""), resource, attributes.get("namespace", ""))
        review: Object = {"kind": "SelfSubjectAccessReview", "apiVersion": "authorization.k8s.io/v1"}
        review |= {"metadata": {"creationTimestamp": None}, "spec": body["spec"]}
        return answer(review | {"status": {"allowed": allowed} | ({"reason": "RBAC: allowed"} if allowed else {})}, 201)


def delete_options(query: dict[str, str], raw: bytes) -> Object:
    """The DeleteOptions of a request: its body if there is one, else its query. Raises: ApiError 400."""
    if raw.strip():
        options = _decode(raw, "DeleteOptions")
        check_options(options, DELETE_OPTIONS)
        if options.get("kind") not in (None, "DeleteOptions"):
            raise ApiError(
                400, f'no kind "{options.get("kind")}" is registered for the internal version of group "meta.k8s.io"'
            )
        return options
    options = {name: query[name] for name in ("propagationPolicy",) if name in query}
    if query.get("gracePeriodSeconds", "").isdigit():
        options["gracePeriodSeconds"] = int(query["gracePeriodSeconds"])
    return options


def _policy(kind: Kind, options: Object) -> str | None:
    policy = options.get("propagationPolicy")
    if policy is not None and policy not in POLICIES:
        allowed = ", ".join(f'"{name}"' for name in ("Foreground", "Background", "Orphan", "nil"))
        why = f'Unsupported value: "{policy}": supported values: {allowed}'
        message = f'DeleteOptions.meta.k8s.io "" is invalid: propagationPolicy: {why}'
        cause = {"reason": "FieldValueNotSupported", "message": why, "field": "propagationPolicy"}
        raise ApiError(422, message, details={"group": "meta.k8s.io", "kind": "DeleteOptions", "causes": [cause]})
    return str(policy) if policy else None


def _check_preconditions(kind: Kind, meta: Object, wanted: Object) -> None:
    uid, version = wanted.get("uid"), wanted.get("resourceVersion")
    if uid is not None and uid != meta["uid"]:
        why = (
            f"the UID in the precondition ({uid}) does not match the UID in record ({meta['uid']}). "
            "The object might have been deleted and then recreated"
        )
        raise conflict(kind, meta["name"], why, by_kind=True)
    if version is not None and version != meta["resourceVersion"]:
        why = (
            f"the ResourceVersion in the precondition ({version}) does not match the ResourceVersion in record "
            f"({meta['resourceVersion']}). The object might have been modified"
        )
        raise conflict(kind, meta["name"], why, by_kind=True)


def _default_cron_job(body: Object) -> None:
    spec = body["spec"]
    for field, default in (
        ("concurrencyPolicy", "Allow"),
        ("suspend", False),
        ("successfulJobsHistoryLimit", 3),
        ("failedJobsHistoryLimit", 1),
    ):
        spec.setdefault(field, default)
    body["status"] = {}


def _another_kind(kind: Kind, body: Object) -> ApiError:
    version, name = str(body.get("apiVersion", "")), body.get("kind", "")
    hub = f"({version.rpartition('/')[2]}.{name}) to ({kind.group or 'core'}.{kind.kind})"
    bare = version.rpartition("/")[2]
    why = f"converting {hub}: unknown conversion"
    return ApiError(400, f'{name} in version "{bare}" cannot be handled as a {kind.kind}: {why}')


def _decode(raw: bytes, kind: str = "Object") -> Object:
    unread = (
        f"the object provided is unrecognized (must be of type {kind}): couldn't get version/kind; json parse error"
    )
    try:
        found = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ApiError(400, f"{unread}: {error}") from error
    if not isinstance(found, dict):
        raise ApiError(400, f"{unread}: not an object")
    return found
