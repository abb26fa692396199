"""The wires of one lab, as the engine is given them."""

from homelab_tui.domain.values import Frozen
from homelab_tui.engine.ports import (
    ActsOnJobs,
    DrainsNodes,
    HoldsAlerts,
    LooksForUpdates,
    ReachesAndInstalls,
    ReadsMetrics,
    RebootsNodes,
    SwitchesPoe,
    WakesNodes,
)


class Sources(Frozen):
    """The wires of one lab, as the wiring built them."""

    ssh: ReachesAndInstalls
    clusters: tuple[ActsOnJobs, ...] = ()
    prometheus: tuple[ReadsMetrics, ...] = ()
    switches: tuple[SwitchesPoe, ...] = ()
    alertmanagers: tuple[HoldsAlerts, ...] = ()
    reboots: RebootsNodes | None = None
    lan: WakesNodes | None = None
    updates: LooksForUpdates | None = None
    drains: tuple[DrainsNodes, ...] = ()
    """The clusters again, as something to act on their Nodes with."""
    own_macs: frozenset[str] = frozenset()
    """MAC addresses of this machine."""
    own_addresses: frozenset[str] = frozenset()
    """Addresses of this machine, loopback not among them."""
