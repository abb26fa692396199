"""Which PoE port a person means, and what is known to hang on it."""

from homelab_tui.domain.cabling import macs_behind, macs_of
from homelab_tui.domain.errors import UsageError
from homelab_tui.domain.nodes import KubeNode
from homelab_tui.domain.poe import PoePort, PortRef, SwitchReading
from homelab_tui.domain.reading import Reading
from homelab_tui.domain.state import LabState, NodeView
from homelab_tui.domain.values import Frozen
from homelab_tui.engine.store import reading_of


class PortTarget(Frozen):
    """One port a person asked for, with the node it feeds where that is known."""

    ref: PortRef
    port: PoePort | None
    node: NodeView | None
    reading: Reading[SwitchReading]
    others: tuple[str, ...] = ()
    """Other nodes that are on this port too, by the configuration or by the addresses the switch learnt there."""
    unread_clusters: tuple[str, ...] = ()
    """Clusters that do not answer: whether the node is a control plane of one of them is not known."""
    kube_nodes: tuple[KubeNode, ...] = ()
    """Every Node that is known: what a cluster has left without this one."""


def find_port(state: LabState, name: str) -> PortTarget:
    """The port that a node's name, `switch/port` or `switch/group/port` means. Raises UsageError."""
    view = next((view for view in state.node_views if view.node.name == name), None)
    if view is not None:
        ref = _ref_of(view)
        if ref is None:
            raise UsageError(
                f'{name}: no PoE port is known to feed it; declare `poe = "switch/port"` in its [[nodes]] '
                "(if that switch was read)"
            )
        return _target(state, ref, view)
    ref = parse_port(name)
    if ref is None:
        known = ", ".join([*(v.node.name for v in state.node_views), *(f"{s}/PORT" for s, _ in state.switches)])
        raise UsageError(f"{name!r} is neither a node nor a port; known: {known or 'none'}")
    if not any(switch == ref.switch for switch, _ in state.switches):
        known = ", ".join(switch for switch, _ in state.switches) or "none are configured"
        raise UsageError(f"no switch is called {ref.switch!r}; switches: {known}")
    fed = [view for view in state.node_views if _ref_of(view) == ref]
    return _target(state, ref, fed[0] if len(fed) == 1 else None)


def parse_port(text: str) -> PortRef | None:
    """`switch/port` or `switch/group/port`; None when it is neither."""
    parts = text.split("/")
    if len(parts) not in (2, 3) or not parts[0] or not all(part.isdecimal() for part in parts[1:]):
        return None
    numbers = [int(part) for part in parts[1:]]
    return PortRef(parts[0], 1, numbers[0]) if len(numbers) == 1 else PortRef(parts[0], numbers[0], numbers[1])


def _ref_of(view: NodeView) -> PortRef | None:
    return view.port.ref if view.port else view.node.poe


def _target(state: LabState, ref: PortRef, view: NodeView | None) -> PortTarget:
    reading = reading_of(state.switches, ref.switch)
    port = reading.value.port(ref) if reading.value else None
    behind = macs_behind(reading.value, port) if reading.value and port else frozenset()
    others = [
        other.node.name
        for other in state.node_views
        if (view is None or other.node.name != view.node.name)
        and (_ref_of(other) == ref or behind & macs_of(other.node, other.facts))
    ]
    unread = tuple(name for name, cluster in state.clusters if cluster.problem is not None or cluster.value is None)
    nodes = tuple(node for _, cluster in state.clusters if cluster.value for node in cluster.value.nodes)
    return PortTarget(ref, port, view, reading, tuple(others), unread, nodes)
