"""What the demo's Kubernetes API knows of its types: which lists merge by which key, which values are one whole.

From the Go types of Kubernetes 1.32 (patchStrategy and patchMergeKey for strategic merge patches; listType, listMapKey
and mapType for managed fields), for the fields that the lab's kinds have. A name means the same in every place where
the lab has it, but for those in `_ATOMIC_IN`.
"""

from collections.abc import Mapping

PATCH_KEYS: Mapping[str, str] = {
    "containers": "name",
    "initContainers": "name",
    "ephemeralContainers": "name",
    "volumes": "name",
    "env": "name",
    "imagePullSecrets": "name",
    "schedulingGates": "name",
    "resourceClaims": "name",
    "volumeMounts": "mountPath",
    "volumeDevices": "devicePath",
    "hostAliases": "ip",
    "podIPs": "ip",
    "hostIPs": "ip",
    "topologySpreadConstraints": "topologyKey",
    "conditions": "type",
    "addresses": "type",
    "ownerReferences": "uid",
}
"""Lists of objects that a strategic merge patch merges, and by which key. `ports` depends on whose they are."""
PATCH_SETS = frozenset({"finalizers", "podCIDRs"})
"""Lists of plain values that a strategic merge patch adds to."""

_LIST_KEYS: Mapping[str, tuple[str, ...]] = {
    **{
        name: (PATCH_KEYS[name],)
        for name in ("containers", "initContainers", "ephemeralContainers", "volumes", "env", "imagePullSecrets")
    },
    **{name: (PATCH_KEYS[name],) for name in ("volumeMounts", "volumeDevices", "hostAliases", "podIPs", "hostIPs")},
    **{name: (PATCH_KEYS[name],) for name in ("conditions", "addresses", "ownerReferences")},
    "topologySpreadConstraints": ("topologyKey", "whenUnsatisfiable"),
}
_SETS = frozenset({"finalizers", "podCIDRs"})
_ATOMIC = frozenset(
    {
        *("selector", "nodeSelector", "matchLabels", "involvedObject"),
        *("fieldRef", "secretKeyRef", "configMapKeyRef", "resourceFieldRef"),
    }
)
_ATOMIC_IN = frozenset({("Job", "conditions")})
"""A Job's conditions merge in a patch, but are owned as a whole."""


def patch_key(name: str, parent: str) -> str | None:
    """By what a strategic merge patch merges the list `name`; None: the list is replaced as a whole.

    `parent`: the list or field that it is in.
    """
    if name == "ports":
        return "containerPort" if parent in ("containers", "initContainers", "ephemeralContainers") else "port"
    return PATCH_KEYS.get(name)


def list_keys(kind: str, name: str, parent: str) -> tuple[str, ...] | None:
    """The keys by which the elements of a list are owned one by one; None: the list is owned as a whole."""
    if (kind, name) in _ATOMIC_IN:
        return None
    if name == "ports":
        return ("containerPort" if "ontainers" in parent else "port", "protocol")
    return _LIST_KEYS.get(name)


def is_set(name: str) -> bool:
    """Whether each value of a list of plain values is owned by itself."""
    return name in _SETS


def is_atomic(name: str) -> bool:
    """Whether an object is owned as a whole."""
    return name in _ATOMIC
