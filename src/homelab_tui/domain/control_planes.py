"""What a cluster loses with one of its control planes. Pure."""

from collections.abc import Iterable

from homelab_tui.domain.nodes import KubeNode

ROLES = frozenset({"control-plane", "controlplane", "master", "etcd", "kube-control-plane", "kube-master"})
"""Roles and group names that mean: the API or its store lives here."""


def is_member(kube: KubeNode) -> bool:
    """Whether the API or its store lives on a Node, by its roles."""
    return bool(ROLES & set(kube.roles))


def stake(name: str, kube: KubeNode, nodes: Iterable[KubeNode]) -> str:
    """What is lost while this one is away. `nodes`: every Node that is known, of any cluster."""
    members = [one for one in nodes if one.cluster == kube.cluster and is_member(one)]
    ready = [one for one in members if one.ready and one.name != kube.name]
    if len(members) <= 1:
        return f"{name} is the only control plane of cluster {kube.cluster}: its API is gone until it is back"
    quorum = len(members) // 2 + 1
    text = f"{name} is one of {len(members)} control planes of cluster {kube.cluster}"
    if len(ready) < quorum:
        return f"{text}, and etcd needs {quorum} of them: without it {len(ready)} are left, and the API is gone"
    return f"{text}: {len(ready)} are left, and etcd needs {quorum}"
