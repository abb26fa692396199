"""The rows that all witnesses give together. A poll changes one of a thousand nodes: the others stay as they are."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from homelab_tui.domain.ailments import Ailment, boot_of
from homelab_tui.domain.cabling import Cable, Cabling, LastPort, SwitchLayout, layout
from homelab_tui.domain.node_states import Witnesses, node_state
from homelab_tui.domain.nodes import Interface, KubeNode, Node, NodeFacts, NodeMetrics, PendingUpdates
from homelab_tui.domain.poe import PoePort, SwitchReading
from homelab_tui.domain.reading import Reading
from homelab_tui.domain.state import LabState, NodeView
from homelab_tui.domain.witnesses import claims, disagreements, filled
from homelab_tui.engine.kube_joins import KubeNodes
from homelab_tui.engine.node_witnesses import Machines, NoMemory, RemembersNodes, usual_draw, with_ailments

_NO_READING: Reading[bool] = Reading()
_NO_PROBE: Reading[NodeFacts] = Reading()


def node_views(
    state: LabState,
    silence_s: Mapping[str, float],
    boot_grace_s: float,
    remembered: Mapping[str, LastPort] | None = None,
    memory: RemembersNodes | None = None,
    silence_at_least_s: Mapping[str, float] | None = None,
) -> tuple[NodeView, ...]:
    """The rows of the Nodes pane, in the configuration's order, made from nothing. Pure, but for `memory`."""
    return NodeViews(boot_grace_s, memory).of(state, silence_s, remembered or {}, silence_at_least_s or {})


class NodeViews:
    """Makes the rows of the Nodes pane, and keeps those of which nothing changed.

    What a cluster or a switch said before it went away is still shown, but proves nothing about a node's life.
    """

    def __init__(self, boot_grace_s: float, memory: RemembersNodes | None = None) -> None:
        self._boot_grace_s = boot_grace_s
        self._memory = memory or NoMemory()
        self._machines = Machines()
        self._cables = _Cables()
        self._kubes = KubeNodes()
        self._made: dict[str, tuple[tuple[object, ...], NodeView]] = {}
        self._views: tuple[NodeView, ...] = ()

    def of(
        self,
        state: LabState,
        silence_s: Mapping[str, float],
        remembered: Mapping[str, LastPort],
        silence_at_least_s: Mapping[str, float] = MappingProxyType({}),
    ) -> tuple[NodeView, ...]:
        """The views now; the same tuple as last time where none changed.

        `remembered`: where nodes were found; `silence_at_least_s`: the part of a silence that was seen.
        """
        self._machines.take(state.machines)
        updates = {name: reading.value for name, reading in state.updates}
        probes, reached = dict(state.probes), dict(state.reachability)
        facts_of = {node.name: probes.get(node.name, _NO_PROBE).value for node in state.nodes}
        switches = [reading.value for _, reading in state.switches if reading.value]
        cables = self._cables.of(state.nodes, facts_of, switches, remembered)
        kubes = self._kubes.of(state, facts_of)
        ports = {port.ref: port for switch in switches for port in switch.ports}
        fresh_switches = {name for name, reading in state.switches if reading.problem is None}
        fresh_clusters = {name for name, reading in state.clusters if reading.problem is None}
        acting = {o.target for o in state.operations if o.is_busy}
        views = []
        for node in state.nodes:
            name = node.name
            cable, kube = cables[name], kubes[name]
            ref = cable.ref or node.poe
            port = ports.get(cable.ref) if cable.ref else None
            views.append(
                self._view(
                    node,
                    reached.get(name, _NO_READING),
                    probes.get(name, _NO_PROBE),
                    kube,
                    cable,
                    port,
                    silence_s.get(name),
                    kube is not None and kube.cluster in fresh_clusters,
                    port is not None and port.ref.switch in fresh_switches,
                    bool(acting) and (f"node:{name}" in acting or (ref is not None and f"port:{ref}" in acting)),
                    silence_at_least_s.get(name, 0.0),
                    updates.get(name),
                )
            )
        if len(views) != len(self._views) or any(a is not b for a, b in zip(views, self._views, strict=False)):
            self._views = tuple(views)
        return self._views

    def _view(
        self,
        node: Node,
        reached: Reading[bool],
        probe: Reading[NodeFacts],
        kube: KubeNode | None,
        cable: Cable,
        port: PoePort | None,
        silent_s: float | None,
        kube_is_fresh: bool,
        port_is_fresh: bool,
        is_acting: bool,
        silent_at_least_s: float,
        updates: PendingUpdates | None,
    ) -> NodeView:
        """One view: the one made last, if it would be made of the same."""
        facts = probe.value
        server, metrics, is_told_now = self._machines.of(node, facts)
        power = self._memory.power_of(node.name)
        ailments = self._ailments(node.name, facts, kube, metrics)
        event = self._memory.port_event_of(node.name, port) if port else None
        told = (reached.value, reached.problem, probe.problem, probe.timed_out)
        silence = (silent_s, silent_at_least_s)
        more = (server, metrics, is_told_now, power, ailments, event, updates)
        inputs = (node, facts, kube, cable, port, told, silence, more, kube_is_fresh, port_is_fresh, is_acting)
        known = self._made.get(node.name)
        if known is not None and known[0] == inputs:
            return known[1]
        seen = Witnesses(
            ssh_connects=_connects(reached),
            ssh_problem=_problem(reached, probe),
            probe_hangs=probe.problem is not None and probe.timed_out,
            kubelet_ready=kube.ready if kube and kube_is_fresh else None,
            port=port if port_is_fresh else None,
            silent_s=silent_s,
            is_acting=is_acting,
            silent_at_least_s=silent_at_least_s,
            ssh_refused=reached.problem is None and reached.value is False,
            port_event=event,
            usual_draw=usual_draw(port, power),
        )
        word, why = node_state(seen, self._boot_grace_s)
        view = NodeView(
            node=node,
            state=word,
            why=why,
            reachable=seen.ssh_connects,
            facts=with_ailments(filled(facts, metrics, kube), ailments),
            kubernetes=kube,
            metrics=metrics,
            metrics_from=server,
            claims=claims(facts, metrics, kube),
            disagreements=disagreements(
                claims(
                    facts if probe.problem is None else None,
                    metrics if is_told_now else None,
                    kube if seen.kubelet_ready else None,
                )
            ),
            ailments=ailments,
            updates=updates or (facts.updates if facts else None),
            power=power,
            port=port,
            port_note=cable.note,
            port_is_remembered=cable.is_remembered,
            cabling=cable.findings,
        )
        # Silence grows by the second and changes a word once: an equal view is the same view.
        view = known[1] if known is not None and known[1] == view else view
        self._made[node.name] = (inputs, view)
        return view

    def _ailments(
        self, name: str, facts: NodeFacts | None, kube: KubeNode | None, metrics: NodeMetrics | None
    ) -> tuple[Ailment, ...]:
        """What was held on to of this boot, whoever told it: each witness knows the boot by what it has."""
        boot_id = facts.boot_id if facts else None
        if metrics is None or metrics.under_voltage is None:
            return self._memory.ailments_of(name, boot_id)
        boots = {boot_id or (kube.boot_id if kube else None), boot_of(None, metrics.boot_time)}
        found = [one for boot in boots if boot for one in self._memory.ailments_of(name, boot)]
        return tuple({one.flag: one for one in sorted(found, key=lambda one: one.last_at)}.values())


class _Cables:
    """Every node's cable; made anew when one moved, or somebody was named anew: a poll's watts move none."""

    def __init__(self) -> None:
        self._layouts: dict[str, tuple[SwitchReading, SwitchLayout]] = {}
        self._inputs: tuple[object, ...] = ()
        self._cables: dict[str, Cable] = {}

    def of(
        self,
        nodes: tuple[Node, ...],
        facts_of: Mapping[str, NodeFacts | None],
        switches: Sequence[SwitchReading],
        remembered: Mapping[str, LastPort],
    ) -> Mapping[str, Cable]:
        """Node → cable. What is remembered counts when a node is not found any more, which is a change of its own."""
        layouts = {}
        for switch in switches:
            known = self._layouts.get(switch.name)
            layouts[switch.name] = known if known and known[0] is switch else (switch, layout(switch))
        self._layouts = layouts
        interfaces: dict[str, tuple[Interface, ...]] = {
            name: facts.interfaces for name, facts in facts_of.items() if facts is not None
        }
        inputs = (nodes, [told for _, told in layouts.values()], interfaces)
        if inputs != self._inputs:
            cabling = Cabling(nodes, interfaces, [told for _, told in layouts.values()], remembered)
            self._inputs, self._cables = inputs, {node.name: cabling.cable(node) for node in nodes}
        return self._cables


def _connects(reached: Reading[bool]) -> bool | None:
    return False if reached.problem is not None else reached.value


def _problem(reached: Reading[bool], probe: Reading[NodeFacts]) -> str | None:
    if reached.problem is not None:
        return reached.problem
    if reached.value is False:
        return "the SSH port refuses connections"
    return probe.problem
