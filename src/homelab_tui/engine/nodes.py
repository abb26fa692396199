"""Nodes: what is read of them, and the rows that all witnesses give together."""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from homelab_tui.domain.cabling import Cabling, LastPort
from homelab_tui.domain.errors import UsageError
from homelab_tui.domain.node_states import Witnesses, node_state
from homelab_tui.domain.nodes import KubeNode, Node, NodeFacts
from homelab_tui.domain.reading import Reading
from homelab_tui.domain.state import LabState, NodeView


def find_node(nodes: Sequence[Node], name: str) -> Node:
    """The node a person means by `name` or `user@name`. Raises UsageError naming the nodes there are."""
    user, at, bare = name.rpartition("@")
    node = next((node for node in nodes if node.name == bare), None)
    if node is None or (at and not user):
        known = ", ".join(node.name for node in nodes) or "none are configured"
        raise UsageError(f"no node is called {bare!r}; nodes: {known}")
    return replace(node, user=user, other_account=user != node.user) if at else node


def node_views(
    state: LabState,
    silence_s: Mapping[str, float],
    boot_grace_s: float,
    remembered: Mapping[str, LastPort] | None = None,
) -> tuple[NodeView, ...]:
    """The rows of the Nodes pane, in the configuration's order. Pure.

    What a cluster or a switch said before it went away is still shown, but proves nothing about a node's life.
    `remembered`: on which ports nodes were found earlier.
    """
    kube_nodes = [node for _, reading in state.clusters if reading.value for node in reading.value.nodes]
    fresh_clusters = {name for name, reading in state.clusters if reading.problem is None}
    switches = [reading.value for _, reading in state.switches if reading.value]
    fresh_switches = {name for name, reading in state.switches if reading.problem is None}
    acting = {o.target for o in state.operations if o.is_busy}
    probes, reached_of = dict(state.probes), dict(state.reachability)
    facts_of = {node.name: probes[node.name].value if node.name in probes else None for node in state.nodes}
    cloned = cloned_machine_ids(tuple(facts_of.values()))
    owner_of = {f.machine_id: name for name, f in facts_of.items() if f and f.machine_id and f.machine_id not in cloned}
    kube_of = _kube_index(kube_nodes)
    cabling = Cabling(state.nodes, facts_of, switches, remembered)
    views = []
    for node in state.nodes:
        facts = facts_of[node.name]
        reached: Reading[bool] = reached_of.get(node.name) or Reading()
        probe: Reading[NodeFacts] = probes.get(node.name) or Reading()
        candidates = _candidates(node, facts, kube_of)
        kube = kube_node_of(
            node, facts, [k for k in candidates if owner_of.get(k.machine_id or "", node.name) == node.name], cloned
        )
        cable = cabling.cable(node)
        port_ref = cable.port.ref if cable.port else node.poe
        seen = Witnesses(
            ssh_connects=_connects(reached),
            ssh_problem=_problem(reached, probe),
            probe_hangs=_hangs(probe),
            kubelet_ready=kube.ready if kube and kube.cluster in fresh_clusters else None,
            port=cable.port if cable.port and cable.port.ref.switch in fresh_switches else None,
            silent_s=silence_s.get(node.name),
            is_acting=f"node:{node.name}" in acting or (port_ref is not None and f"port:{port_ref}" in acting),
        )
        word, why = node_state(seen, boot_grace_s)
        views.append(
            NodeView(
                node=node,
                state=word,
                why=why,
                reachable=seen.ssh_connects,
                facts=facts,
                kubernetes=kube,
                port=cable.port,
                port_note=cable.note,
                port_is_remembered=cable.is_remembered,
                cabling=cable.findings,
            )
        )
    return tuple(views)


def cloned_machine_ids(facts: Sequence[NodeFacts | None]) -> frozenset[str]:
    """The machine-ids that more than one box has: copied SD cards. They identify nobody."""
    counted = Counter(each.machine_id for each in facts if each is not None and each.machine_id)
    return frozenset(machine_id for machine_id, count in counted.items() if count > 1)


def kube_node_of(
    node: Node, facts: NodeFacts | None, kube_nodes: Sequence[KubeNode], cloned: Collection[str] = ()
) -> KubeNode | None:
    """The cluster's object for a box: by machine-id where exactly one has it, else by name or address.

    `cloned`: machine-ids that several boxes have. They, and an id that several objects have, prove nothing, and the
    name or address decides. It also does where no object has the id: a kubelet tells the one it started with.
    """
    candidates = list(kube_nodes)
    machine_id = facts.machine_id if facts else None
    if machine_id and machine_id not in cloned:
        same = [k for k in candidates if k.machine_id == machine_id]
        if len(same) == 1:
            return same[0]
        candidates = same or candidates
    names = {node.name, node.host} | ({facts.hostname} if facts and facts.hostname else set())
    named = [k for k in candidates if k.name in names or k.name.partition(".")[0] in names or names & set(k.addresses)]
    return named[0] if len(named) == 1 else None


def _kube_index(kube_nodes: Sequence[KubeNode]) -> dict[str, list[KubeNode]]:
    """Every word by which a box may be found to be a cluster's object → the objects."""
    found: dict[str, list[KubeNode]] = defaultdict(list)
    for kube in kube_nodes:
        for word in {kube.machine_id or "", kube.name, kube.name.partition(".")[0], *kube.addresses} - {""}:
            found[word].append(kube)
    return found


def _candidates(node: Node, facts: NodeFacts | None, kube_of: Mapping[str, Sequence[KubeNode]]) -> list[KubeNode]:
    """The objects that may be a node's; each once."""
    words = [node.name, node.host, *((facts.machine_id or "", facts.hostname or "") if facts else ())]
    found = {id(kube): kube for word in words for kube in kube_of.get(word, ())}
    return list(found.values())


def _connects(reached: Reading[bool]) -> bool | None:
    if reached.problem is not None:
        return False
    return reached.value


def _problem(reached: Reading[bool], probe: Reading[NodeFacts]) -> str | None:
    if reached.problem is not None:
        return reached.problem
    if reached.value is False:
        return "the SSH port refuses connections"
    return probe.problem


def _hangs(probe: Reading[NodeFacts]) -> bool:
    return probe.problem is not None and probe.timed_out
