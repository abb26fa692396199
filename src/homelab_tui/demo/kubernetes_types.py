"""The Go types behind the demo's Kubernetes API, as far as the lab reads them: what may be a number, what a list.

A real server decodes what it is sent into structs, so that a string in place of a number never gets further. The names
of the structs are in what it says.
"""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Struct:
    """A Go struct; fields that it does not name are not looked at."""

    name: str
    fields: "dict[str, Type]" = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ListOf:
    """A slice."""

    element: "Type"


Type = str | Struct | ListOf
"""`string`, `int32`, `int64`, `bool`, `map[string]string`, `any`, or a struct or a list."""


class Mismatch(Exception):
    """A value of the wrong type; the text is that of Go's JSON decoder."""


_OWNER = Struct("OwnerReference", dict.fromkeys(("apiVersion", "kind", "name", "uid"), "string"))
_META = Struct(
    "ObjectMeta",
    {
        **dict.fromkeys(("name", "generateName", "namespace", "uid", "resourceVersion"), "string"),
        **dict.fromkeys(("creationTimestamp", "deletionTimestamp"), "string"),
        "labels": "map[string]string",
        "annotations": "map[string]string",
        "finalizers": ListOf("string"),
        "generation": "int64",
        "ownerReferences": ListOf(_OWNER),
        "managedFields": ListOf(Struct("ManagedFieldsEntry", {"manager": "string", "operation": "string"})),
    },
)
_ENV = Struct("EnvVar", {"name": "string", "value": "string"})
_CONTAINER = Struct(
    "Container",
    {"name": "string", "image": "string", "command": ListOf("string"), "args": ListOf("string"), "env": ListOf(_ENV)},
)
_POD_SPEC = Struct(
    "PodSpec",
    {
        "containers": ListOf(_CONTAINER),
        "initContainers": ListOf(_CONTAINER),
        "nodeSelector": "map[string]string",
        "restartPolicy": "string",
        "nodeName": "string",
        "terminationGracePeriodSeconds": "int64",
        "volumes": ListOf(Struct("Volume", {"name": "string"})),
        "tolerations": ListOf(Struct("Toleration")),
    },
)
_JOB_SPEC = Struct(
    "JobSpec",
    {
        **dict.fromkeys(("parallelism", "completions", "backoffLimit", "backoffLimitPerIndex"), "int32"),
        "maxFailedIndexes": "int32",
        "ttlSecondsAfterFinished": "int32",
        "activeDeadlineSeconds": "int64",
        "suspend": "bool",
        "manualSelector": "bool",
        "completionMode": "string",
        "podReplacementPolicy": "string",
        "selector": Struct("LabelSelector", {"matchLabels": "map[string]string"}),
        "template": Struct("PodTemplateSpec", {"metadata": _META, "spec": _POD_SPEC}),
        "podFailurePolicy": Struct("PodFailurePolicy", {"rules": ListOf(Struct("PodFailurePolicyRule"))}),
    },
)
_CRON_JOB_SPEC = Struct(
    "CronJobSpec",
    {
        "schedule": "string",
        "timeZone": "string",
        "concurrencyPolicy": "string",
        "suspend": "bool",
        **dict.fromkeys(("successfulJobsHistoryLimit", "failedJobsHistoryLimit"), "int32"),
        "startingDeadlineSeconds": "int64",
        "jobTemplate": Struct("JobTemplateSpec", {"metadata": _META, "spec": _JOB_SPEC}),
    },
)
_SPECS: dict[str, Struct] = {
    "Job": _JOB_SPEC,
    "CronJob": _CRON_JOB_SPEC,
    "Pod": _POD_SPEC,
    "Node": Struct("NodeSpec", {"unschedulable": "bool", "taints": ListOf(Struct("Taint", {"key": "string"}))}),
}
_ATTRIBUTES = dict.fromkeys(("namespace", "verb", "group", "resource", "subresource", "name"), "string")
DELETE_OPTIONS = Struct(
    "DeleteOptions",
    {
        "propagationPolicy": "string",
        "gracePeriodSeconds": "int64",
        "dryRun": ListOf("string"),
        "preconditions": Struct("Preconditions", {"uid": "string", "resourceVersion": "string"}),
    },
)
ACCESS_REVIEW = Struct(
    "SelfSubjectAccessReview",
    {
        "spec": Struct(
            "SelfSubjectAccessReviewSpec",
            {
                "resourceAttributes": Struct("ResourceAttributes", dict(_ATTRIBUTES)),
                "nonResourceAttributes": Struct("NonResourceAttributes", {"path": "string", "verb": "string"}),
            },
        )
    },
)
EVICTION = Struct("Eviction", {"deleteOptions": DELETE_OPTIONS})


def type_of_kind(kind: str) -> Struct:
    """The struct of a kind that the API stores."""
    spec = _SPECS.get(kind, Struct(f"{kind}Spec"))
    return Struct(kind, {"metadata": _META, "spec": spec, "status": Struct(f"{kind}Status")})


def check(value: Any, wanted: Type, holder: str = "", path: str = "") -> None:
    """Compare a document with its type; null fits everywhere. Raises: Mismatch."""
    if value is None or wanted == "any":
        return
    if isinstance(wanted, Struct):
        if not isinstance(value, dict):
            raise _mismatch(value, holder, path, f"v1.{wanted.name}")
        for name, inner in wanted.fields.items():
            if name in value:
                check(value[name], inner, wanted.name, f"{path}.{name}" if path else name)
    elif isinstance(wanted, ListOf):
        if not isinstance(value, list):
            element = wanted.element if isinstance(wanted.element, str) else f"v1.{_name(wanted.element)}"
            raise _mismatch(value, holder, path, f"[]{element}")
        for item in value:
            check(item, wanted.element, holder, path)
    elif wanted == "map[string]string":
        if not isinstance(value, dict):
            raise _mismatch(value, holder, path, wanted)
        for item in value.values():
            check(item, "string", holder, path)
    elif not _fits(value, wanted):
        raise _mismatch(value, holder, path, wanted)


def _fits(value: Any, wanted: str) -> bool:
    if wanted == "string":
        return isinstance(value, str)
    if wanted == "bool":
        return isinstance(value, bool)
    limit = 2**31 if wanted == "int32" else 2**63
    return isinstance(value, int) and not isinstance(value, bool) and -limit <= value < limit


def _name(wanted: Type) -> str:
    return wanted.name if isinstance(wanted, Struct) else str(wanted)


def _mismatch(value: Any, holder: str, path: str, wanted: str) -> Mismatch:
    names = {dict: "object", list: "array", str: "string", bool: "bool"}
    given = names.get(type(value)) or (f"number {value}" if isinstance(value, float) else "number")
    where = f"Go struct field {holder}.{path}" if path else "Go value"
    return Mismatch(f"json: cannot unmarshal {given} into {where} of type {wanted}")
