"""What acts on a node: its power, its updates, its place in a cluster."""

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from homelab_tui.domain.disruption import DisruptionBudget
from homelab_tui.domain.draining import NodePod
from homelab_tui.domain.nodes import KubeNode, Node, PendingUpdates


class RebootsNodes(Protocol):
    """SSH, the power side."""

    async def reboot(self, node: Node) -> None:
        """Ask the node to boot anew; returns when it obeys. Raises SourceRefused when it may not be asked so."""
        ...


class LooksForUpdates(Protocol):
    """SSH, the package manager's side."""

    async def pending_updates(self, node: Node) -> PendingUpdates | None:
        """What waits to be updated, by the node's own caches. None: it has no package manager that we know."""
        ...


class WakesNodes(Protocol):
    """Wake-on-LAN."""

    async def wake(self, node: Node) -> int:
        """Send a magic packet to the node's MAC address; how many ways it went. Raises SourceRefused without one."""
        ...


class DrainsNodes(Protocol):
    """A Kubernetes cluster, its Nodes as something to act on."""

    @property
    def name(self) -> str:
        """The cluster's name in the configuration."""
        ...

    async def read_node(self, name: str) -> KubeNode:
        """One Node as it is now. Raises SourceMissing when it is gone."""
        ...

    async def patch_node(self, node: KubeNode, patch: Mapping[str, object]) -> KubeNode:
        """Merge into exactly this Node. Raises SourceConflict when it changed since it was read."""
        ...

    async def list_pods_on(self, node: str) -> tuple[NodePod, ...]:
        """Every Pod on a node, in all namespaces."""
        ...

    async def evict_pod(self, pod: NodePod) -> str | None:
        """Ask for the Pod's eviction. None: accepted, or it was gone already; else what blocks it, in words."""
        ...


@runtime_checkable
class KnowsBudgets(Protocol):
    """A Kubernetes cluster that tells beforehand what an eviction would meet."""

    async def list_disruption_budgets(self) -> tuple[DisruptionBudget, ...]:
        """Every PodDisruptionBudget. Raises SourceForbidden where the account may not see them."""
        ...
