"""`metadata.managedFields` of the demo's objects: who wrote which field last, as an API server keeps the books.

Every write compares the object with what it was: what is new or different belongs to the writer from now on and to
nobody else, what is gone belongs to nobody. The main resource and its status are booked apart.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec

from homelab_tui.demo.kubernetes_schema import is_atomic, is_set, list_keys

Object = dict[str, Any]
"""An API object, or a part of one. Any: the lab is the far side of a schemaless wire."""
Path = tuple[str, ...]
"""One field, in the words of FieldsV1: `f:name`, `k:{"name":"main"}`, `v:"value"`."""
Paths = set[Path]
STATUS = "status"
_OWNERS = "ownerReferences"
MAX_MANAGER = 128
_UNBOOKED = (
    *("name", "namespace", "uid", "creationTimestamp", "generation", "resourceVersion", "managedFields"),
    *("deletionTimestamp", "deletionGracePeriodSeconds"),
)
"""Metadata that nobody owns: the server's own."""
_GENERATED = frozenset(
    {"controller-uid", "job-name", "batch.kubernetes.io/controller-uid", "batch.kubernetes.io/job-name"}
)
"""Labels that the server puts on a Job after the books are made, as its selector."""
_HAVE_STATUS = ("Job", "CronJob", "Pod", "Node", "Namespace", "Service")
_POD_TEMPLATE: Object = {"metadata": {}, "spec": {"containers": []}}
_ALWAYS_THERE: dict[str, Object] = {
    "Job": {"spec": {"template": _POD_TEMPLATE}},
    "CronJob": {"spec": {"jobTemplate": {"metadata": {}, "spec": {"template": _POD_TEMPLATE}}}},
    "Pod": {"spec": {"containers": []}},
    "Event": {"involvedObject": {}, "source": {}},
}
"""What an empty object of a kind has already: fields that are no pointers in Go. Of others: spec and status."""
_MAX_KNOWN = 1_000
_KNOWN: dict[tuple[object, ...], list[Object]] = {}
"""The books of new objects, without writers, by which fields those have."""


def manager_of(field_manager: str | None, user_agent: str) -> str:
    """Who writes: the `fieldManager` of the query, else the user agent up to its first slash."""
    return (field_manager or user_agent.partition("/")[0] or "unknown")[:MAX_MANAGER]


def book(new: Object, old: Object | None, manager: str, status_manager: str, at: str) -> None:
    """Write down in `new`, in place, what was changed in it since `old` (None: it is new), and by whom.

    `at`: when, in RFC 3339.
    """
    if old is None:
        entries = _first(new, manager, status_manager, at)
    else:
        entries = _carried(new["metadata"], old)
        _compare(entries, new, old, (manager, status_manager), at)
    new["metadata"].pop("managedFields", None)
    if entries:
        entries.sort(key=lambda entry: (entry["time"], entry["manager"], entry.get("subresource", "")))
        new["metadata"]["managedFields"] = entries


def _first(new: Object, manager: str, status_manager: str, at: str) -> list[Object]:
    """The books of a new object. Most have the fields of one before: a lab that starts has hundreds of them."""
    form = _Change(new["kind"])
    shape = (new["kind"], form.shape(_main(new, new["kind"]), "", ""), form.shape(new.get(STATUS) or {}, STATUS, ""))
    known = _KNOWN.get(shape)
    if known is None:
        known = []
        before: Object = {"metadata": {}, "spec": {}, STATUS: {}} | _ALWAYS_THERE.get(new["kind"], {})
        _compare(known, new, before, ("", ""), at)
        if len(_KNOWN) >= _MAX_KNOWN:
            _KNOWN.clear()
        _KNOWN[shape] = known
    entries = [
        {**entry, "manager": status_manager if "subresource" in entry else manager, "time": at} for entry in known
    ]
    owners = new["metadata"].get(_OWNERS)
    if owners:  # each has others, by their uids
        entries[0]["fieldsV1"] = _owned_by(entries[0]["fieldsV1"], form.names_of(owners))
    return entries


def _owned_by(fields: Object, names: list[str]) -> Object:
    """FieldsV1 of an object with other owners."""
    owners: Object = {".": {}, **{name: {} for name in sorted(names)}}
    return {**fields, "f:metadata": {**fields["f:metadata"], f"f:{_OWNERS}": owners}}


def _compare(entries: list[Object], new: Object, before: Object, managers: tuple[str, str], at: str) -> None:
    """Book what is new or gone, the main resource's and the status' apart."""
    kind = new["kind"]
    change = _Change(kind)
    change.compare(_main(before, kind), _main(new, kind), (), "")
    _enter(entries, new, change, (managers[0], None), at)
    if kind in _HAVE_STATUS:
        change = _Change(kind)
        change.compare({STATUS: before.get(STATUS) or {}}, {STATUS: new.get(STATUS) or {}}, (), "")
        _enter(entries, new, change, (managers[1], STATUS), at)


def _carried(meta: Object, old: Object) -> list[Object]:
    """The books so far. A client that sends `[{}]` wants them closed; one that sends none did not mean to."""
    sent = meta.get("managedFields")
    if sent == [{}]:
        return []
    return [dict(entry) for entry in sent or old["metadata"].get("managedFields") or ()]


def _main(body: Object, kind: str) -> Object:
    """What is booked as the main resource."""
    meta = {name: value for name, value in body.get("metadata", {}).items() if name not in _UNBOOKED}
    apart = ("metadata", "apiVersion", "kind", *((STATUS,) if kind in _HAVE_STATUS else ()))
    main = {"metadata": meta, **{name: value for name, value in body.items() if name not in apart}}
    return _without_generated(main) if kind == "Job" else main


def _without_generated(job: Object) -> Object:
    """A Job as its client sent it: without what makes its pods its own."""
    spec = {name: value for name, value in job.get("spec", {}).items() if name != "selector"}
    if template := spec.get("template"):
        spec["template"] = {**template, "metadata": _unlabelled(template.get("metadata") or {})}
    return {**job, "metadata": _unlabelled(job["metadata"]), "spec": spec}


def _unlabelled(meta: Object) -> Object:
    labels = {name: value for name, value in (meta.get("labels") or {}).items() if name not in _GENERATED}
    rest = {name: value for name, value in meta.items() if name not in ("labels", "creationTimestamp")}
    return rest | ({"labels": labels} if labels else {})


def _enter(entries: list[Object], body: Object, change: "_Change", writer: tuple[str, str | None], at: str) -> None:
    if not change.taken and not change.gone:
        return
    manager, subresource = writer
    mine: Object | None = None
    for entry in entries:
        if (entry["manager"], entry["operation"], entry.get("subresource")) == (manager, "Update", subresource):
            mine = entry
        else:
            entry["fieldsV1"] = tree(_paths(entry["fieldsV1"]) - change.taken - change.gone)
    if mine is None and change.taken:
        mine = {"manager": manager, "operation": "Update", "apiVersion": body["apiVersion"], "time": ""}
        mine |= {"fieldsType": "FieldsV1", "fieldsV1": {}} | ({"subresource": subresource} if subresource else {})
        entries.append(mine)
    if mine is not None:
        mine["fieldsV1"] = tree((_paths(mine["fieldsV1"]) - change.gone) | change.taken)
        mine["time"] = at
    entries[:] = [entry for entry in entries if entry["fieldsV1"]]


def tree(paths: Paths) -> Object:
    """FieldsV1 of some paths; `.` stands for a field that has others below it and is owned itself."""
    root: Object = {}
    for path in sorted(paths):
        node = root
        for part in path:
            node = node.setdefault(part, {})
        node["."] = {}
    return _plain(root)


def _plain(node: Object) -> Object:
    return {} if list(node) == ["."] else {key: _plain(inner) if key != "." else {} for key, inner in node.items()}


def _paths(node: Object, prefix: Path = ()) -> Paths:
    found: Paths = set()
    for key, inner in node.items():
        if key == ".":
            found.add(prefix)
        elif inner:
            found |= _paths(inner, (*prefix, key))
        else:
            found.add((*prefix, key))
    return found


@dataclass(slots=True)
class _Change:
    """What a write did to the fields of an object of that kind."""

    kind: str
    taken: Paths = field(default_factory=set)
    gone: Paths = field(default_factory=set)

    def compare(self, before: Object, after: Object, prefix: Path, name: str) -> None:
        """Two objects that the field `name` holds."""
        for key in before.keys() - after.keys():
            self.gone.update(self._whole(before[key], (*prefix, f"f:{key}"), key, name))
        for key, value in after.items():
            path = (*prefix, f"f:{key}")
            if key not in before:
                self.taken.update(self._whole(value, path, key, name))
            elif before[key] != value:
                self._inside(before[key], value, path, (key, name))

    def shape(self, value: Any, name: str, parent: str) -> tuple[object, ...] | None:
        """Which fields a value has, whatever is in them."""
        if isinstance(value, dict) and not is_atomic(name):
            return tuple((key, self.shape(inner, key, name)) for key, inner in value.items())
        if name == _OWNERS:
            return (len(value),) if isinstance(value, list) else None
        elements = self._elements(value, name, parent)
        return None if elements is None else tuple((k, self._shape_of(one, name)) for k, one in elements.items())

    def names_of(self, owners: list[Object]) -> list[str]:
        """Owners, as FieldsV1 calls them."""
        return list(self._elements(owners, _OWNERS, "metadata") or ())

    def _shape_of(self, element: Any, name: str) -> tuple[object, ...] | None:
        if isinstance(element, dict) and name != _OWNERS:
            return tuple((key, self.shape(inner, key, name)) for key, inner in element.items())
        return None

    def _inside(self, old: Any, new: Any, path: Path, names: tuple[str, str]) -> None:
        """A field that is there before and after, with another value."""
        name, parent = names
        if isinstance(old, dict) and isinstance(new, dict) and not is_atomic(name):
            self.compare(old, new, path, name)
            return
        left, right = self._elements(old, name, parent), self._elements(new, name, parent)
        if left is None or right is None:
            self.taken.add(path)
            return
        for key in left.keys() - right.keys():
            self.gone.update(self._whole_element(left[key], (*path, key), name))
        for key, element in right.items():
            if key not in left:
                self.taken.update(self._whole_element(element, (*path, key), name))
            elif left[key] != element and isinstance(element, dict) and name != _OWNERS:
                self.compare(left[key], element, (*path, key), name)
            elif left[key] != element:
                self.taken.add((*path, key))

    def _whole(self, value: Any, path: Path, name: str, parent: str) -> Iterator[Path]:
        """Every field of a value that came or went."""
        yield path
        if isinstance(value, dict) and not is_atomic(name):
            for key, inner in value.items():
                yield from self._whole(inner, (*path, f"f:{key}"), key, name)
        for key, element in (self._elements(value, name, parent) or {}).items():
            yield from self._whole_element(element, (*path, key), name)

    def _whole_element(self, element: Any, path: Path, name: str) -> Iterator[Path]:
        yield path
        if isinstance(element, dict) and name != _OWNERS:
            for key, inner in element.items():
                yield from self._whole(inner, (*path, f"f:{key}"), key, name)

    def _elements(self, value: Any, name: str, parent: str) -> dict[str, Any] | None:
        """The elements of a list by their names in FieldsV1; None: it is no list, or one whole."""
        if not isinstance(value, list):
            return None
        if is_set(name):
            return {f"v:{_json(element)}": element for element in value}
        keys = list_keys(self.kind, name, parent)
        if keys is None or not all(isinstance(element, dict) for element in value):
            return None
        return {f"k:{_json({key: element[key] for key in keys if key in element})}": element for element in value}


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
