"""A node in one word, from all its witnesses."""

from homelab_tui.domain.nodes import NodeState
from homelab_tui.domain.poe import Detection, PoePort
from homelab_tui.domain.values import Frozen

KUBELET_LAG_S = 50.0
"""How long the API server goes on calling a node Ready whose kubelet is gone (40 s; 50 s from Kubernetes 1.32 on)."""


class Witnesses(Frozen):
    """What is known of one node's life at one moment. None: that witness has not spoken, or not lately."""

    ssh_connects: bool | None = None
    """Whether the SSH port takes a TCP connection; a time-out is False."""
    ssh_problem: str | None = None
    """Why SSH does not work although, or because, it does not connect."""
    probe_hangs: bool = False
    """The connection is taken, but the SSH server says nothing in time."""
    kubelet_ready: bool | None = None
    port: PoePort | None = None
    """The switch port that feeds it; None: not fed by a known port, or its switch is away."""
    silent_s: float | None = None
    """How long SSH has been silent in this session; None: it is not, or nobody knows since when."""
    silent_at_least_s: float = 0.0
    """The part of a silence that we have seen ourselves, although it may have begun before."""
    ssh_refused: bool = False
    """Something answered, and refused the connection."""
    port_event: str | None = None
    """What happened at its port since the node answered last: it is not simply hung then."""
    usual_draw: str | None = None
    """In words, when it draws far from what it usually does."""
    is_acting: bool = False
    """An operation of ours is rebooting or cycling it right now."""


def node_state(seen: Witnesses, boot_grace_s: float) -> tuple[NodeState, str | None]:
    """The state and why; no reason is needed for a plain UP. Pure.

    HUNG means: the port delivers power, and SSH is dead for longer than a boot takes. A halted Pi looks the same. The
    reason counts whole minutes only: it is state, and state that changes each second is drawn each second.
    """
    if seen.ssh_connects is None:
        if seen.kubelet_ready:
            return NodeState.UP, "SSH was not tried; its kubelet is Ready"
        return NodeState.UNKNOWN, seen.ssh_problem or "not asked yet"
    if seen.ssh_connects and not seen.probe_hangs:
        return NodeState.UP, seen.ssh_problem
    if seen.is_acting:
        return NodeState.REBOOTING, "an action of ours is under way"
    reason = seen.ssh_problem or "SSH does not answer"
    unfed = _unfed(seen.port)
    if unfed is not None and not seen.ssh_connects:
        # Kubernetes believes in a node for 40 s after its power went.
        return NodeState.DOWN, unfed
    if seen.kubelet_ready:
        return _ready_but_silent(seen, reason)
    return _dead(seen, reason, boot_grace_s)


def _ready_but_silent(seen: Witnesses, reason: str) -> tuple[NodeState, str | None]:
    """Kubernetes calls a node Ready until it has missed its kubelet for 40 s: so long, Ready proves nothing."""
    lasted_s = seen.silent_s if seen.silent_s is not None else seen.silent_at_least_s
    answers_somehow = seen.ssh_connects or (seen.ssh_refused and seen.silent_s is None)
    if lasted_s > KUBELET_LAG_S or answers_somehow:
        return NodeState.UP, f"{reason}; but its kubelet is Ready"
    said = f"Kubernetes still says Ready, as it does for {KUBELET_LAG_S:.0f} s after a node died"
    return NodeState.UNKNOWN, f"{reason}; {said}"


def _unfed(port: PoePort | None) -> str | None:
    """Why the port gives no power; None when it does, or does not tell."""
    if port is None or port.detection in (None, Detection.DELIVERING, Detection.TEST):
        return None
    if port.detection is Detection.DISABLED:
        return f"port {port.ref} is switched off"
    return f"port {port.ref} gives no power ({port.detection})"


def _dead(seen: Witnesses, reason: str, boot_grace_s: float) -> tuple[NodeState, str | None]:
    silent_s = seen.silent_s
    lasting = "" if silent_s is None or silent_s < 60 else f" for {silent_s // 60:.0f} min"
    takes_connections = seen.ssh_connects is True
    if seen.port is not None and seen.port.delivers_power:
        power = f"port {seen.port.ref} delivers power" + (f", {seen.usual_draw}" if seen.usual_draw else "")
        if silent_s is None:
            word = NodeState.UNKNOWN if takes_connections else NodeState.DOWN
            return word, f"{reason}; {power}: booting, hung or halted"
        if silent_s <= boot_grace_s:
            return NodeState.REBOOTING, f"{reason}{lasting}; {power}: it may be booting"
        if seen.port_event is not None:
            return NodeState.DOWN, f"{reason}{lasting}; {power}, but {seen.port_event} since: it did not come up"
        return NodeState.HUNG, f"{reason}{lasting}; {power} (a halted node looks the same)"
    if takes_connections:
        if silent_s is not None and silent_s > boot_grace_s:
            return NodeState.HUNG, f"it takes connections, but says nothing{lasting}"
        return NodeState.UNKNOWN, reason
    return NodeState.DOWN, reason
