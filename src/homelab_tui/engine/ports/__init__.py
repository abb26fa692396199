"""The Protocols the engine needs of the world. Sources satisfy them by shape and import nothing from here.

Every method may raise a `domain.errors.SourceError`; nothing else is expected. Every method has its own time-out.
"""

from homelab_tui.engine.ports.clocks import Clock, Sleep
from homelab_tui.engine.ports.jobs import ActsOnJobs, ChangesJobs, DeletesJobs, NamesContext, ReadsJobs
from homelab_tui.engine.ports.keys import AdministersNodes, InstallsKeys, ReachesAndInstalls, ReachesNodes
from homelab_tui.engine.ports.metrics import HoldsAlerts, ReadsMetrics
from homelab_tui.engine.ports.nodes import DrainsNodes, KnowsBudgets, LooksForUpdates, RebootsNodes, WakesNodes
from homelab_tui.engine.ports.poe import CyclesPoe, SwitchesPoe

__all__ = [
    "ActsOnJobs",
    "AdministersNodes",
    "ChangesJobs",
    "Clock",
    "CyclesPoe",
    "DeletesJobs",
    "DrainsNodes",
    "HoldsAlerts",
    "InstallsKeys",
    "KnowsBudgets",
    "LooksForUpdates",
    "NamesContext",
    "ReachesAndInstalls",
    "ReachesNodes",
    "ReadsJobs",
    "ReadsMetrics",
    "RebootsNodes",
    "Sleep",
    "SwitchesPoe",
    "WakesNodes",
]
