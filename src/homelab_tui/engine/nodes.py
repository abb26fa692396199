"""Nodes: what is read of them, and the rows that all witnesses give together."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from homelab_tui.domain.errors import UsageError
from homelab_tui.domain.node_states import Witnesses, node_state
from homelab_tui.domain.nodes import KubeNode, Node, NodeFacts
from homelab_tui.domain.poe import PoePort, PortRef, SwitchReading
from homelab_tui.domain.reading import Reading
from homelab_tui.domain.state import LabState, NodeView
from homelab_tui.engine.store import reading_of

UPLINK_MACS = 8
"""A port behind which the switch learnt more addresses than this leads to other devices, not to one."""


def find_node(nodes: Sequence[Node], name: str) -> Node:
    """The node a person means by `name` or `user@name`. Raises UsageError naming the nodes there are."""
    user, at, bare = name.rpartition("@")
    node = next((node for node in nodes if node.name == bare), None)
    if node is None or (at and not user):
        known = ", ".join(node.name for node in nodes) or "none are configured"
        raise UsageError(f"no node is called {bare!r}; nodes: {known}")
    return replace(node, user=user, other_account=user != node.user) if at else node


def node_views(state: LabState, silence_s: Mapping[str, float], boot_grace_s: float) -> tuple[NodeView, ...]:
    """The rows of the Nodes pane, in the configuration's order. Pure.

    What a cluster or a switch said before it went away is still shown, but proves nothing about a node's life.
    """
    kube_nodes = [node for _, reading in state.clusters if reading.value for node in reading.value.nodes]
    fresh_clusters = {name for name, reading in state.clusters if reading.problem is None}
    switches = [reading.value for _, reading in state.switches if reading.value]
    fresh_switches = {name for name, reading in state.switches if reading.problem is None}
    acting = {o.target for o in state.operations if o.is_busy}
    facts_of = {node.name: reading_of(state.probes, node.name).value for node in state.nodes}
    cloned = cloned_machine_ids(tuple(facts_of.values()))
    owner_of = {f.machine_id: name for name, f in facts_of.items() if f and f.machine_id and f.machine_id not in cloned}
    macs = {node.name: macs_of(node, facts_of[node.name]) for node in state.nodes}
    views = []
    for node in state.nodes:
        facts = facts_of[node.name]
        probe = reading_of(state.probes, node.name)
        reached = reading_of(state.reachability, node.name)
        kube = kube_node_of(
            node, facts, [k for k in kube_nodes if owner_of.get(k.machine_id or "", node.name) == node.name], cloned
        )
        others = frozenset(mac for name, theirs in macs.items() if name != node.name for mac in theirs)
        taken = {other.poe for other in state.nodes if other.poe is not None and other.name != node.name}
        port, note = port_of(node, facts, switches, foreign_macs=others - macs[node.name], taken=taken)
        port_ref = port.ref if port else node.poe
        seen = Witnesses(
            ssh_connects=_connects(reached),
            ssh_problem=_problem(reached, probe),
            probe_hangs=_hangs(probe),
            kubelet_ready=kube.ready if kube and kube.cluster in fresh_clusters else None,
            port=port if port and port.ref.switch in fresh_switches else None,
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
                port=port,
                port_note=note,
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


def macs_of(node: Node, facts: NodeFacts | None) -> frozenset[str]:
    """The addresses a switch may have learnt for a node: the declared one, else those of its interfaces."""
    if node.mac:
        return frozenset({node.mac.lower()})
    return frozenset(i.mac.lower() for i in facts.interfaces if i.mac) if facts else frozenset()


def port_of(
    node: Node,
    facts: NodeFacts | None,
    switches: Sequence[SwitchReading],
    *,
    foreign_macs: Collection[str] = (),
    taken: Collection[PortRef] = (),
) -> tuple[PoePort | None, str | None]:
    """The switch port that feeds a node, and how we know when the configuration does not say.

    Order of trust: the configuration, the port's label, the bridge's MAC table, LLDP. Ambiguity gives None, and so
    does an uplink: a port behind which another node (`foreign_macs`) or many addresses are. `taken`: ports that the
    configuration gives to other nodes.
    """
    if node.poe is not None:
        return _port(switches, node.poe), None
    free = [(switch, port) for switch in switches for port in switch.ports if port.ref not in taken]
    labelled = [port for _, port in free if port.label and port.label.casefold() == node.name.casefold()]
    if len(labelled) == 1:
        return labelled[0], "by the port's label"
    macs = macs_of(node, facts)
    learnt = [port for switch, port in free if _is_edge(macs_behind(switch, port), macs, foreign_macs)]
    if len(learnt) == 1:
        return learnt[0], "by the switch's MAC table"
    told = [port for switch, port in free if port.if_index is not None and _tells(switch, port.if_index, node)]
    if len(told) == 1:
        return told[0], "by LLDP"
    return None, None


def macs_behind(switch: SwitchReading, port: PoePort) -> frozenset[str]:
    """The addresses that the switch learnt on a port; empty where the port's row in IF-MIB is not known."""
    if port.if_index is None:
        return frozenset()
    return frozenset(mac for mac, if_index in switch.mac_ports if if_index == port.if_index)


def _is_edge(behind: frozenset[str], macs: frozenset[str], foreign_macs: Collection[str]) -> bool:
    """Whether a node with these addresses is behind the port, and nobody else is."""
    return bool(behind & macs) and not behind & set(foreign_macs) and len(behind) <= UPLINK_MACS


def _tells(switch: SwitchReading, if_index: int, node: Node) -> bool:
    """Whether LLDP names the node on that port."""
    return any(index == if_index and name.partition(".")[0] == node.name for index, name in switch.neighbours)


def _port(switches: Sequence[SwitchReading], ref: PortRef) -> PoePort | None:
    return next((port for switch in switches if switch.name == ref.switch and (port := switch.port(ref))), None)


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
