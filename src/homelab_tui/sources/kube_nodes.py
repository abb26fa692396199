"""Nodes of a cluster as something to act on: cordoning, the Pods on one, and evicting them."""

from collections.abc import Mapping
from urllib.parse import quote

import msgspec
from msgspec import Struct

from homelab_tui.domain.disruption import DisruptionBudget, Requirement
from homelab_tui.domain.draining import NodePod
from homelab_tui.domain.nodes import KubeNode
from homelab_tui.sources.kube_errors import Ask, refusal, understood
from homelab_tui.sources.kube_lists import Resource, read_list
from homelab_tui.sources.kube_objects import decode, page, status
from homelab_tui.sources.kube_resources import nodes
from homelab_tui.sources.kube_schema import ListData
from homelab_tui.sources.kube_wire import Call, KubeWire

_MIRROR = "kubernetes.io/config.mirror"
_BLOCKED = 429
"""The eviction would break a PodDisruptionBudget."""


class _OwnerData(Struct, gc=False):
    kind: str | None = None
    controller: bool | None = None


class _MetaData(Struct, gc=False, rename="camel"):
    name: str = ""
    namespace: str = ""
    uid: str = ""
    annotations: dict[str, str | None] | None = None
    labels: dict[str, str | None] | None = None
    owner_references: list[_OwnerData | None] | None = None
    deletion_timestamp: str | None = None


class _VolumeData(Struct, gc=False, rename="camel"):
    empty_dir: dict[str, object] | None = None


class _SpecData(Struct, gc=False, rename="camel"):
    node_name: str | None = None
    volumes: list[_VolumeData | None] | None = None


class _StatusData(Struct, gc=False):
    phase: str | None = None


class _PodData(Struct, gc=False):
    metadata: _MetaData | None = None
    spec: _SpecData | None = None
    status: _StatusData | None = None


class _ExpressionData(Struct, gc=False):
    key: str = ""
    operator: str = ""
    values: list[str] | None = None


class _SelectorData(Struct, gc=False, rename="camel"):
    match_labels: dict[str, str | None] | None = None
    match_expressions: list[_ExpressionData | None] | None = None


class _BudgetSpec(Struct, gc=False):
    selector: _SelectorData | None = None


class _BudgetStatus(Struct, gc=False, rename="camel"):
    disruptions_allowed: int | None = None
    current_healthy: int | None = None
    desired_healthy: int | None = None


class _BudgetData(Struct, gc=False):
    metadata: _MetaData | None = None
    spec: _BudgetSpec | None = None
    status: _BudgetStatus | None = None


_BUDGETS: Resource[DisruptionBudget] = Resource(
    plural="poddisruptionbudgets",
    group="policy",
    words="PodDisruptionBudgets",
    read_page=lambda data: page(data, ListData[_BudgetData], _budget),
    read_one=lambda data: _budget(decode(bytes(data), _BudgetData)),
    uid=str,
)
_PODS: Resource[NodePod] = Resource(
    plural="pods",
    words="Pods",
    read_page=lambda data: page(data, ListData[_PodData], _node_pod),
    read_one=lambda data: _node_pod(decode(bytes(data), _PodData)),
    uid=lambda one: one.uid or str(one),
)


async def patch_node(wire: KubeWire, node: KubeNode, patch: Mapping[str, object]) -> KubeNode:
    """Merge into exactly this Node object. Raises: SourceConflict when it changed since it was read."""
    resource = nodes(wire.name)
    ask = resource.ask(wire.name, "patch", None, node.name)
    identity = {"uid": node.uid, "resourceVersion": node.resource_version}
    metadata = {key: value for key, value in identity.items() if value}
    body = msgspec.json.encode({**patch, "metadata": metadata})
    call = Call(
        resource.path(None, node.name), ask, method="PATCH", body=body, content_type="application/merge-patch+json"
    )
    return understood(ask, resource.read_one, await wire.fetch(call))


async def read_node(wire: KubeWire, name: str) -> KubeNode:
    """One Node object as it is now. Raises: SourceMissing when it is gone."""
    resource = nodes(wire.name)
    ask = resource.ask(wire.name, "get", None, name)
    return understood(ask, resource.read_one, await wire.fetch(Call(resource.path(None, name), ask)))


async def list_pods_on(wire: KubeWire, node: str) -> tuple[NodePod, ...]:
    """Every Pod that the scheduler put on a node, in all namespaces."""
    return (await read_list(wire, _PODS, None, field_selector=f"spec.nodeName={node}")).items


async def list_disruption_budgets(wire: KubeWire) -> tuple[DisruptionBudget, ...]:
    """Every PodDisruptionBudget, of all namespaces. Raises: SourceForbidden where the account may not see them."""
    return (await read_list(wire, _BUDGETS, None)).items


async def evict_pod(wire: KubeWire, pod: NodePod) -> str | None:
    """Ask for exactly this Pod's eviction. None: accepted, or it was gone already; else what blocks it, in words.

    Raises: SourceConflict when another Pod has its name by now.
    """
    ask = Ask(wire.name, "create", "pods/eviction", f"eviction of Pod {pod}")
    eviction = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": pod.name, "namespace": pod.namespace},
        "deleteOptions": {"preconditions": {"uid": pod.uid}},
    }
    namespace, name = quote(pod.namespace, safe=""), quote(pod.name, safe="")
    path = f"/api/v1/namespaces/{namespace}/pods/{name}/eviction"
    answer = await wire.request(Call(path, ask, method="POST", body=msgspec.json.encode(eviction)))
    if answer.code == _BLOCKED and (found := status(answer.body)) is not None:
        causes = (found.details.causes if found.details else None) or []
        words = [cause.message for cause in causes if cause is not None and cause.message]
        return "; ".join(words) or found.message or "a PodDisruptionBudget does not allow it now"
    if answer.code == 404 and status(answer.body) is not None:
        return None
    if not 200 <= answer.code < 300:
        raise refusal(ask, answer.code, answer.headers, answer.body)
    return None


def _node_pod(data: _PodData) -> NodePod:
    meta = data.metadata or _MetaData()
    owners = [one for one in meta.owner_references or () if one is not None]
    owner = next((one for one in owners if one.controller), None)
    volumes = (data.spec.volumes if data.spec else None) or ()
    return NodePod(
        namespace=meta.namespace,
        name=meta.name,
        uid=meta.uid,
        phase=data.status.phase if data.status else None,
        owner_kind=owner.kind if owner else None,
        is_mirror=_MIRROR in (meta.annotations or {}),
        has_local_data=any(volume is not None and volume.empty_dir is not None for volume in volumes),
        is_going=meta.deletion_timestamp is not None,
        labels=_pairs(meta.labels),
    )


def _pairs(labels: Mapping[str, str | None] | None) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((key, value or "") for key, value in (labels or {}).items()))


def _budget(data: _BudgetData) -> DisruptionBudget:
    meta, status = data.metadata or _MetaData(), data.status or _BudgetStatus()
    selector = data.spec.selector if data.spec else None
    expressions = [one for one in (selector.match_expressions if selector else None) or () if one is not None]
    return DisruptionBudget(
        namespace=meta.namespace,
        name=meta.name,
        allowed=status.disruptions_allowed or 0,
        labels=_pairs(selector.match_labels if selector else None),
        expressions=tuple(Requirement(one.key, one.operator, tuple(one.values or ())) for one in expressions),
        healthy=status.current_healthy,
        desired=status.desired_healthy,
        has_selector=selector is not None,
    )
