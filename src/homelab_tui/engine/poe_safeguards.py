"""What must not be done to a PoE port, and what needs more than a yes. Pure."""

from datetime import datetime

from homelab_tui.domain.cabling import UPLINK_MACS, macs_behind
from homelab_tui.domain.control_planes import ROLES, stake
from homelab_tui.domain.poe import PortRef
from homelab_tui.domain.reading import HealthState, health
from homelab_tui.domain.state import NodeView
from homelab_tui.domain.values import Frozen
from homelab_tui.engine.operations import READ_ONLY
from homelab_tui.engine.poe_targets import PortTarget

STALE_READING_S = 60.0
CONTROL_PLANE = ROLES


class PoeLimits(Frozen):
    """The safeguards' numbers, from `[safety]`, and the ports that are never switched."""

    read_only: bool
    cycle_off_s: float
    cycle_interval_s: float
    boot_grace_s: float
    protected: frozenset[PortRef]
    own_macs: frozenset[str] = frozenset()
    """MAC addresses of this machine: the port that learnt one feeds it, or leads to it."""
    own_addresses: frozenset[str] = frozenset()
    """Names and addresses of this machine, loopback not among them."""


def refusals(verb: str, target: PortTarget, limits: PoeLimits, now: datetime, cycled_at: datetime | None) -> list[str]:
    """Why `cycle`, `off` or `on` must not be done to the port; empty when it may.

    `cycled_at`: when any homelab process last began to cycle it.
    """
    ref = target.ref
    said = [READ_ONLY] if limits.read_only else []
    word = health(target.reading, now, STALE_READING_S)
    if word.state is not HealthState.OK:
        why = word.problem or "it has not been read yet"
        said.append(f"{ref}: the reading of switch {ref.switch} is {word.state.value} ({why})")
    elif target.port is None:
        said.append(f"{ref}: switch {ref.switch} has no such PoE port")
    if verb == "on":
        return said
    if ref in limits.protected:
        said.append(f"{ref} is a protected port of switch {ref.switch}")
    if feeds_this_machine(target, limits):
        said.append(f"{ref} feeds this machine, or is the way to it")
    if target.others:
        whose = f"{target.node.node.name} and also " if target.node else ""
        said.append(f"{ref} leads to {whose}{', '.join(target.others)}: an uplink, or a wrong `poe` in [[nodes]]")
    if target.port is not None and target.port.admin_on is None and target.port.detection is None:
        said.append(f"{ref}: the switch does not tell whether the port is on, so nothing could be read back")
    if verb == "cycle" and target.port is not None and target.port.admin_on is False:
        said.append(f"{ref} is switched off: there is nothing to cycle, switch it on")
    if verb == "cycle" and cycled_at is not None:
        ago_s = (now - cycled_at).total_seconds()
        if ago_s < limits.cycle_interval_s:
            wait_s = limits.cycle_interval_s - ago_s
            said.append(f"{ref} was cycled {max(0.0, ago_s):.0f} s ago: wait {wait_s:.0f} s more")
        elif ago_s < limits.boot_grace_s and _may_be_booting(target):
            wait_s = limits.boot_grace_s - ago_s
            said.append(
                f"{ref} was cycled {ago_s:.0f} s ago and its node may still be booting: cutting it now can ruin its "
                f"card. Wait {wait_s:.0f} s more"
            )
    return said


def _may_be_booting(target: PortTarget) -> bool:
    """Fed, and silent: what gets no power is not booting, and what answers has booted."""
    fed = target.port is not None and target.port.delivers_power is True
    return fed and target.node is not None and target.node.reachable is False


def risks(verb: str, target: PortTarget) -> tuple[list[str], str | None]:
    """Warnings, and the name that must be typed before it is done; None when a yes will do."""
    if verb == "on":
        return [], None
    if target.node is None:
        return [f"{target.ref}: nobody knows what this port feeds; type its name to go on"], str(target.ref)
    name, kube = target.node.node.name, target.node.kubernetes
    groups = {group.casefold().replace("_", "-") for group in target.node.node.groups}
    if kube is not None and CONTROL_PLANE & set(kube.roles):
        return [stake(name, kube, target.kube_nodes)], name
    if CONTROL_PLANE & groups:
        return [f"{name} is declared a control plane"], name
    if kube is None and target.unread_clusters:
        unread = ", ".join(target.unread_clusters)
        return [f"{unread} cannot be read: whether {name} is a control plane there is not known"], name
    if target.node.cabling:
        return [f"{name}: {finding}" for finding in target.node.cabling], str(target.ref)
    if target.reading.value is not None and target.port is not None:
        count = len(macs_behind(target.reading.value, target.port))
        if count > UPLINK_MACS:
            return [f"{target.ref}: {count} addresses are behind this port: is it an uplink?"], str(target.ref)
    return [], None


def feeds_this_machine(target: PortTarget, limits: PoeLimits) -> bool:
    """Whether this machine would go dark, or could no longer reach the switch."""
    if target.node is not None and is_this_machine(target.node, limits.own_macs, limits.own_addresses):
        return True
    if target.reading.value is None or target.port is None:
        return False
    return bool(macs_behind(target.reading.value, target.port) & limits.own_macs)


def is_this_machine(view: NodeView, own_macs: frozenset[str], own_addresses: frozenset[str]) -> bool:
    """Whether a node of the configuration is the machine that this program runs on."""
    interfaces = view.facts.interfaces if view.facts else ()
    macs = {interface.mac.lower() for interface in interfaces if interface.mac}
    macs |= {view.node.mac.lower()} if view.node.mac else set()
    names = {address.partition("/")[0] for interface in interfaces for address in interface.addresses}
    names |= {view.node.host}
    return bool(macs & own_macs or names & own_addresses)
