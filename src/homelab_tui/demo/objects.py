"""The objects of one demo cluster: a versioned store with a change history, as an API server keeps in etcd."""

import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random
from typing import Literal

import msgspec

from homelab_tui.demo.clock import Clock
from homelab_tui.demo.managed_fields import Object, book

__all__ = ["Object"]


@dataclass(frozen=True, slots=True)
class Kind:
    """One resource type of the API."""

    group: str
    """Empty for the core group."""
    version: str
    resource: str
    """Plural, as in the URL."""
    kind: str
    namespaced: bool
    verbs: tuple[str, ...] = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")
    short: tuple[str, ...] = ()

    @property
    def api_version(self) -> str:
        """`batch/v1`, or `v1` in the core group."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def qualified(self) -> str:
        """`jobs.batch`, or `pods` in the core group: the API server's name for it in messages."""
        return f"{self.resource}.{self.group}" if self.group else self.resource


KINDS = {
    kind.resource: kind
    for kind in (
        Kind("", "v1", "namespaces", "Namespace", False, short=("ns",)),
        Kind("", "v1", "nodes", "Node", False, short=("no",)),
        Kind("", "v1", "pods", "Pod", True, short=("po",)),
        Kind("", "v1", "events", "Event", True, short=("ev",)),
        Kind("", "v1", "services", "Service", True, short=("svc",)),
        Kind("batch", "v1", "jobs", "Job", True),
        Kind("batch", "v1", "cronjobs", "CronJob", True, short=("cj",)),
        Kind("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget", True, short=("pdb",)),
    )
}
KIND_NAMES = {kind.kind: kind for kind in KINDS.values()}
_CONTROLLERS = "kube-controller-manager"
_WRITERS = {
    "namespaces": ("kubectl-create", _CONTROLLERS),
    "services": ("helm", _CONTROLLERS),
    "cronjobs": ("helm", _CONTROLLERS),
    "poddisruptionbudgets": ("helm", _CONTROLLERS),
    "nodes": ("kubelet", "kubelet"),
    "pods": (_CONTROLLERS, "kubelet"),
    "jobs": (_CONTROLLERS, _CONTROLLERS),
}
"""Who writes an object, and its status, when nobody asks the API for it: as managedFields names them."""


@dataclass(frozen=True, slots=True)
class Stored:
    """One version of one object, and the bytes it goes over the wire as."""

    body: Object
    raw: bytes
    version: int

    @property
    def item(self) -> bytes:
        """The bytes as an item of a list: there it has neither kind nor apiVersion, the list says both."""
        kind, version = self.body["kind"], self.body["apiVersion"]
        head = f'{{"apiVersion":"{version}","kind":"{kind}",'.encode()
        return b"{" + self.raw[len(head) :] if self.raw.startswith(head) else self.raw


@dataclass(frozen=True, slots=True)
class Change:
    """One entry of the history that watches read."""

    type: Literal["ADDED", "MODIFIED", "DELETED"]
    resource: str
    stored: Stored
    """For DELETED: the last state, with the resourceVersion of the deletion."""
    previous: Object | None
    """What it was before; None for ADDED."""


class Expired(Exception):
    """The asked resourceVersion is older than the history; the API answers 410."""


Key = tuple[str, str]
"""(namespace, name); the namespace of a cluster-scoped object is empty."""


class ObjectStore:
    """Objects by resource and key; every write makes the resourceVersion grow. Used on the loop's thread only."""

    def __init__(self, clock: Clock, rng: Random, history: int = 5000) -> None:
        self.clock = clock
        self._rng = rng
        self._tables: dict[str, dict[Key, Stored]] = {resource: {} for resource in KINDS}
        self.version = 41_000 + rng.randrange(9000)
        self._history: deque[Change] = deque(maxlen=history)
        self.oldest = self.version
        """Versions before this one are compacted away."""
        self._listeners: list[Callable[[Change], None]] = []

    def get(self, resource: str, namespace: str, name: str) -> Stored | None:
        """The object, or None when there is none of that name."""
        return self._tables[resource].get((namespace, name))

    def body(self, resource: str, namespace: str, name: str) -> Object | None:
        """A copy of the object that may be changed and handed to `update`; None when there is none."""
        stored = self.get(resource, namespace, name)
        return copied(stored.raw) if stored else None

    def require(self, resource: str, namespace: str, name: str) -> Object:
        """As `body`, for an object that must be there. Raises: KeyError."""
        return copied(self._tables[resource][namespace, name].raw)

    def all(self, resource: str, namespace: str | None = None) -> list[Stored]:
        """Every object of a resource, in key order, of one namespace or (None) of all."""
        table = self._tables[resource]
        return [table[key] for key in sorted(table) if namespace is None or key[0] == namespace]

    def unordered(self, resource: str) -> list[Stored]:
        """Every object of a resource in no order: for the lab's own loops."""
        return list(self._tables[resource].values())

    def create(self, resource: str, body: Object, *, at: datetime | None = None, manager: str | None = None) -> Object:
        """Store a new object; gives it uid, resourceVersion, creationTimestamp (`at`, else now) and generation.

        `manager`: who asked for it; None: the cluster itself. An object with managedFields keeps them.

        Raises: KeyError when the name is taken.
        """
        kind = KINDS[resource]
        meta = body.setdefault("metadata", {})
        key = (meta.get("namespace", ""), meta["name"])
        if key in self._tables[resource]:
            raise KeyError(f"{resource} {key} exists")
        body["apiVersion"], body["kind"] = kind.api_version, kind.kind
        meta.setdefault("uid", str(uuid.UUID(int=self._rng.getrandbits(128), version=4)))
        meta["creationTimestamp"] = rfc3339(at or self.clock.now())
        if "spec" in body and resource not in ("pods", "nodes", "namespaces"):
            meta.setdefault("generation", 1)
        if "managedFields" not in meta:
            book(body, None, *_writers(resource, body, manager), meta["creationTimestamp"])
        self._write("ADDED", resource, key, body, None)
        return body

    def update(self, resource: str, body: Object, *, manager: str | None = None) -> Object:
        """Store a changed object; writing what is there already changes nothing, as on a real server.

        `manager`: who asked for it; None: the cluster itself.

        Raises: KeyError when it is gone.
        """
        key = (body["metadata"].get("namespace", ""), body["metadata"]["name"])
        old = self._tables[resource][key].body
        if old == body:
            return body
        if old.get("spec") != body.get("spec") and "generation" in body["metadata"]:
            body["metadata"]["generation"] = old["metadata"].get("generation", 1) + 1
        book(body, old, *_writers(resource, body, manager), rfc3339(self.clock.now()))
        self._write("MODIFIED", resource, key, body, old)
        return body

    def remove(self, resource: str, namespace: str, name: str) -> None:
        """Forget an object; one that is gone already is fine."""
        stored = self._tables[resource].pop((namespace, name), None)
        if stored is not None:
            self._write("DELETED", resource, (namespace, name), copied(stored.raw), stored.body)

    def changes_since(self, version: int) -> list[Change]:
        """Every change after `version`, oldest first. Raises: Expired when some of them are forgotten."""
        if version < self.oldest:
            raise Expired
        if version >= self.version:
            return []
        found: list[Change] = []
        for change in reversed(self._history):
            if change.stored.version <= version:
                break
            found.append(change)
        found.reverse()
        return found

    def compact(self) -> None:
        """Forget all history, as etcd does every five minutes: watches and continue tokens from before get a 410."""
        self.version += 1
        self.oldest = self.version
        self._history.clear()

    def subscribe(self, callback: Callable[[Change], None]) -> Callable[[], None]:
        """Hear of every change, at once; returns the unsubscriber."""
        self._listeners.append(callback)
        return lambda: self._listeners.remove(callback) if callback in self._listeners else None

    def _write(
        self,
        change: Literal["ADDED", "MODIFIED", "DELETED"],
        resource: str,
        key: Key,
        body: Object,
        previous: Object | None,
    ) -> None:
        self.version += 1
        body["metadata"]["resourceVersion"] = str(self.version)
        # kind and apiVersion first: `Stored.item` cuts them off
        raw = msgspec.json.encode({"apiVersion": body["apiVersion"], "kind": body["kind"], **body})
        stored = Stored(body, raw, self.version)
        if change != "DELETED":
            self._tables[resource][key] = stored
        if len(self._history) == self._history.maxlen:
            self.oldest = self._history[0].stored.version
        entry = Change(change, resource, stored, previous)
        self._history.append(entry)
        for listener in tuple(self._listeners):
            listener(entry)


def _writers(resource: str, body: Object, manager: str | None) -> tuple[str, str]:
    if manager is not None:
        return manager, manager
    if resource == "events":
        source = str(body.get("source", {}).get("component") or _CONTROLLERS)
        return source, source
    return _WRITERS[resource]


def copied(source: Object | bytes) -> Object:
    """A deep copy of an object, or of its bytes: through JSON, which is many times faster than `copy.deepcopy`."""
    raw = source if isinstance(source, bytes) else msgspec.json.encode(source)
    copy: Object = msgspec.json.decode(raw)
    return copy


def rfc3339(at: datetime) -> str:
    """A time as Kubernetes writes it: whole seconds, UTC, `Z`."""
    return f"{at.astimezone(UTC).replace(microsecond=0, tzinfo=None).isoformat()}Z"


def parse_rfc3339(text: str) -> datetime:
    """The reverse of `rfc3339`; also takes fractions."""
    return datetime.fromisoformat(text)
