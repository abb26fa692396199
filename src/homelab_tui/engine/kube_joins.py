"""Which object of the clusters is which box, for all of them at once: what nothing changed of stays found."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from homelab_tui.domain.nodes import KubeNode, Node, NodeFacts
from homelab_tui.domain.state import LabState
from homelab_tui.engine.nodes import cloned_machine_ids, kube_node_of


@dataclass(slots=True)
class _Named:
    """What a cluster's object was found by."""

    facts: NodeFacts | None
    kube: KubeNode | None


class _Owners:
    """Which box shows an id that only one can have."""

    def __init__(self, facts_of: Mapping[str, NodeFacts | None], kube_nodes: Iterable[KubeNode]) -> None:
        """A machine-id that several boxes or several objects have is on a cloned card: it is nobody's."""
        self.cloned = cloned_machine_ids((*facts_of.values(), *kube_nodes))
        self.boots: dict[str, str] = {}
        self.machines: dict[str, str] = {}
        for name, facts in facts_of.items():
            if facts is not None and facts.boot_id:
                self.boots[facts.boot_id] = name
            if facts is not None and facts.machine_id and facts.machine_id not in self.cloned:
                self.machines[facts.machine_id] = name

    def may_be(self, kube: KubeNode, node: Node) -> bool:
        """Whether an object is not another box's: by the boot that it tells, else by its machine-id."""
        owner = self.boots.get(kube.boot_id or "") or self.machines.get(kube.machine_id or "")
        return owner in (None, node.name)


class KubeNodes:
    """The clusters' objects for every node."""

    def __init__(self) -> None:
        self._inputs: tuple[object, ...] = ()
        self._index: dict[str, list[KubeNode]] = {}
        self._found: dict[str, _Named] = {}

    def of(self, state: LabState, facts_of: Mapping[str, NodeFacts | None]) -> Mapping[str, KubeNode | None]:
        """Node → its object, if exactly one may be it."""
        kube_nodes = [reading.value.nodes for _, reading in state.clusters if reading.value]
        if not any(kube_nodes):
            return dict.fromkeys(facts_of)
        owners = _Owners(facts_of, (kube for nodes in kube_nodes for kube in nodes))
        inputs = (state.nodes, kube_nodes, owners.cloned, owners.boots, owners.machines)
        if inputs != self._inputs:
            self._inputs, self._index, self._found = inputs, _index(kube_nodes), {}
        for node in state.nodes if self._index else ():
            facts = facts_of[node.name]
            known = self._found.get(node.name)
            if known is None or known.facts is not facts:
                mine = [kube for kube in _candidates(node, facts, self._index) if owners.may_be(kube, node)]
                self._found[node.name] = _Named(facts, kube_node_of(node, facts, mine, owners.cloned))
        return {node.name: self._found[node.name].kube if self._index else None for node in state.nodes}


def _index(clusters: Sequence[Sequence[KubeNode]]) -> dict[str, list[KubeNode]]:
    """Every word by which a box may be found to be a cluster's object → the objects."""
    found: dict[str, list[KubeNode]] = defaultdict(list)
    for kube in (kube for nodes in clusters for kube in nodes):
        for word in {
            kube.machine_id or "",
            kube.boot_id or "",
            kube.name,
            kube.name.partition(".")[0],
            *kube.addresses,
        } - {""}:
            found[word].append(kube)
    return dict(found)


def _candidates(node: Node, facts: NodeFacts | None, kube_of: Mapping[str, Sequence[KubeNode]]) -> list[KubeNode]:
    """The objects that may be a node's; each once."""
    words = [
        node.name,
        node.host,
        *((facts.machine_id or "", facts.boot_id or "", facts.hostname or "") if facts else ()),
    ]
    found = {id(kube): kube for word in words for kube in kube_of.get(word, ())}
    return list(found.values())
