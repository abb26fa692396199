"""Nodes: which one a person means, and which object of a cluster is theirs."""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence

from homelab_tui.domain.errors import UsageError
from homelab_tui.domain.nodes import KubeNode, Node, NodeFacts
from homelab_tui.domain.values import replace


def find_node(nodes: Sequence[Node], name: str) -> Node:
    """The node a person means by `name` or `user@name`. Raises UsageError naming the nodes there are."""
    user, at, bare = name.rpartition("@")
    node = next((node for node in nodes if node.name == bare), None)
    if node is None or (at and not user):
        known = ", ".join(node.name for node in nodes) or "none are configured"
        raise UsageError(f"no node is called {bare!r}; nodes: {known}")
    return replace(node, user=user, other_account=user != node.user) if at else node


def cloned_machine_ids(told: Iterable[NodeFacts | KubeNode | None]) -> frozenset[str]:
    """The machine-ids that more than one box, or more than one object of a cluster, has: copied SD cards. They identify
    nobody."""
    counted = Counter((type(each), each.machine_id) for each in told if each is not None and each.machine_id)
    return frozenset(machine_id for (_, machine_id), count in counted.items() if machine_id and count > 1)


def kube_node_of(
    node: Node, facts: NodeFacts | None, kube_nodes: Sequence[KubeNode], cloned: Collection[str] = ()
) -> KubeNode | None:
    """The cluster's object for a box: by boot-id or machine-id where exactly one has it, else by name or address.

    A boot-id belongs to one boot of one box, cloned or not; that of a kubelet which has not reported since a reboot is
    nobody's. `cloned`: machine-ids that several boxes have. They, and an id that several objects have, prove nothing,
    and the name or address decides. It also does where no object has the id: a kubelet tells the one it started with.
    """
    candidates = list(kube_nodes)
    same_boot = [k for k in candidates if k.boot_id and facts is not None and k.boot_id == facts.boot_id]
    if len(same_boot) == 1:
        return same_boot[0]
    machine_id = facts.machine_id if facts else None
    if machine_id and machine_id not in cloned:
        same = [k for k in candidates if k.machine_id == machine_id]
        if len(same) == 1:
            return same[0]
        candidates = same or candidates
    names = {node.name, node.host} | ({facts.hostname} if facts and facts.hostname else set())
    named = [k for k in candidates if k.name in names or k.name.partition(".")[0] in names or names & set(k.addresses)]
    return named[0] if len(named) == 1 else None
