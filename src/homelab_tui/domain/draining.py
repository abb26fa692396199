"""Emptying a node of its Pods: which may be evicted, which stay, and which nobody should evict without being asked."""

from collections.abc import Sequence

from homelab_tui.domain.values import Frozen


class NodePod(Frozen):
    """A Pod on a node, as far as a drain needs to know it."""

    namespace: str
    name: str
    uid: str
    phase: str | None = None
    """Pending, Running, Succeeded, Failed or Unknown."""
    owner_kind: str | None = None
    """Kind of what would make another one elsewhere; None: nothing would."""
    is_mirror: bool = False
    """A static Pod of the kubelet: it is not evicted, and starts with the node."""
    has_local_data: bool = False
    """It has an emptyDir: what is in it is gone with the Pod."""
    is_going: bool = False
    """It is being deleted already."""
    labels: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"

    @property
    def is_finished(self) -> bool:
        """Whether it has ended: nothing runs in it, and its data is no longer of use."""
        return self.phase in ("Succeeded", "Failed")


class Drainage(Frozen):
    """The Pods of a node, sorted by what a drain does with them."""

    evicted: tuple[NodePod, ...] = ()
    staying: tuple[NodePod, ...] = ()
    """Of DaemonSets and of the kubelet itself: they belong to the node. Those that ended: their logs are evidence."""
    refused: tuple[tuple[NodePod, str], ...] = ()
    """Those that want `--force`, each with why."""


def drainage(pods: Sequence[NodePod], *, force: bool) -> Drainage:
    """What a drain does with these Pods. With `force` nothing is refused. Pure.

    The rules are kubectl's, but for Pods that ended: it deletes them, and with them the logs of what failed.
    """
    evicted, staying, refused = [], [], []
    for pod in sorted(pods, key=str):
        if pod.is_mirror or pod.is_finished or pod.owner_kind in ("DaemonSet", "Node"):
            staying.append(pod)
            continue
        why = None if pod.is_going else _objection(pod)
        if why is not None and not force:
            refused.append((pod, why))
        else:
            evicted.append(pod)
    return Drainage(tuple(evicted), tuple(staying), tuple(refused))


def _objection(pod: NodePod) -> str | None:
    if pod.owner_kind is None:
        return "nothing would make it anew elsewhere"
    if pod.has_local_data:
        return "its emptyDir data would be lost"
    return None
