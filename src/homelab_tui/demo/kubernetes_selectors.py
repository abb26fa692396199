"""Label and field selectors of the demo's Kubernetes API."""

import re
from collections.abc import Callable

from homelab_tui.demo.kubernetes_status import ApiError
from homelab_tui.demo.objects import Kind, Object

Matches = Callable[[Object], bool]

_SET = re.compile(r"^(?P<key>[\w./-]+)\s+(?P<op>in|notin)\s*\((?P<values>[^)]*)\)$")
_FIELDS: dict[str, dict[str, tuple[str, ...]]] = {
    "jobs": {"status.successful": ("status", "succeeded")},
    "pods": {
        "spec.nodeName": ("spec", "nodeName"),
        "status.phase": ("status", "phase"),
        "spec.restartPolicy": ("spec", "restartPolicy"),
    },
    "events": {
        "involvedObject.kind": ("involvedObject", "kind"),
        "involvedObject.name": ("involvedObject", "name"),
        "involvedObject.namespace": ("involvedObject", "namespace"),
        "involvedObject.uid": ("involvedObject", "uid"),
        "reason": ("reason",),
        "type": ("type",),
    },
    "nodes": {"spec.unschedulable": ("spec", "unschedulable")},
}


def label_selector(text: str) -> Matches:
    """`a=b,c!=d,e in (f,g),h,!i`. Raises: ApiError 400 for anything else."""
    tests = [_label_term(term.strip()) for term in re.split(r",(?![^(]*\))", text) if term.strip()]

    def matches(body: Object) -> bool:
        labels = body["metadata"].get("labels") or {}
        return all(test(labels) for test in tests)

    return matches


def _label_term(term: str) -> Matches:
    if found := _SET.match(term):
        key, values = found["key"], {value.strip() for value in found["values"].split(",")}
        if found["op"] == "in":
            return lambda labels: labels.get(key) in values
        return lambda labels: labels.get(key) not in values
    for operator in ("!=", "==", "="):
        if operator in term:
            key, value = (part.strip() for part in term.split(operator, 1))
            if strange := re.search(r"[^\w.-]", value):
                raise ApiError(400, f"found '{strange[0]}', expected: ',' or 'end of string'")
            if operator == "!=":
                return lambda labels: labels.get(key) != value
            return lambda labels: labels.get(key) == value
    if re.fullmatch(r"!?[\w./-]+", term):
        key = term.lstrip("!")
        return (lambda labels: key not in labels) if term.startswith("!") else (lambda labels: key in labels)
    raise ApiError(400, f"unable to parse requirement: found '{term}', expected: in, notin, =, ==, !=, or nothing")


def field_selector(text: str, kind: Kind) -> Matches:
    """`metadata.name=x,status.successful=0`. Raises: ApiError 400 for a field that the resource does not select by."""
    known: dict[str, tuple[str, ...]] = {
        "metadata.name": ("metadata", "name"),
        "metadata.namespace": ("metadata", "namespace"),
    }
    known |= _FIELDS.get(kind.resource, {})
    tests: list[tuple[tuple[str, ...], str, bool]] = []
    for term in filter(None, (part.strip() for part in text.split(","))):
        found = re.fullmatch(r"([\w.]+?)\s*(!=|==|=)\s*(.*)", term)
        if not found:
            raise ApiError(400, f"invalid selector: '{term}'; can't understand '{term}'")
        if found[1] not in known:
            raise ApiError(400, _unsupported(kind, found[1]))
        tests.append((known[found[1]], found[3], found[2] != "!="))

    def matches(body: Object) -> bool:
        return all((_text(body, path) == value) is wanted for path, value, wanted in tests)

    return matches


def _unsupported(kind: Kind, field: str) -> str:
    """Three wordings of one complaint, each that of its resource."""
    if kind.resource == "jobs":
        return f'field label "{field}" not supported for batchv1.Job'
    if kind.resource in ("pods", "nodes", "events"):
        return f"field label not supported: {field}"
    return f'"{field}" is not a known field selector: only "metadata.name", "metadata.namespace"'


def _text(body: Object, path: tuple[str, ...]) -> str:
    found: object = body
    for step in path:
        found = found.get(step) if isinstance(found, dict) else None
    if path[-1] == "succeeded":
        return str(found or 0)  # status.successful of a Job that has none is 0
    if isinstance(found, bool):
        return str(found).lower()
    return "" if found is None else str(found)
