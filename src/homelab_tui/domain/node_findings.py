"""What is odd about a node, told by nothing but its measured facts and those of its twins. Pure."""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache

from homelab_tui.domain.lifecycles import end_of_life
from homelab_tui.domain.nodes import NodeFacts
from homelab_tui.domain.state import NodeView

_GIGABIT_PI = re.compile(r"Raspberry Pi (?:[45]|400|500|Compute Module [45]|3 Model [AB] Plus)\b")
"""Boards whose own port does 1 Gb/s; the older ones never do more than 100 Mb/s."""
_SLOW_MBPS = 100
_FULL = 0.9
_NAMED = 3
_AF_MA = 2500
"""What the HAT may draw at 5 V when the switch granted no more than class 3."""


@dataclass(frozen=True, slots=True)
class Findings:
    """Sentences about one node."""

    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    """Worth knowing, and nothing that just happened."""

    @property
    def all(self) -> tuple[str, ...]:
        """Both, the urgent ones first."""
        return self.warnings + self.notes


@dataclass(slots=True)
class Fleet:
    """What is known of all nodes together, gathered once for all of them."""

    machine_ids: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    """Machine-id → names of the nodes that show it."""
    kernels: dict[tuple[str | None, ...], tuple[tuple[int, ...], str]] = field(default_factory=dict)
    """Model and system → the newest kernel, and the node that runs it."""


def fleet(views: Sequence[NodeView]) -> Fleet:
    """All nodes together."""
    found = Fleet()
    for view in views:
        facts = view.facts
        if facts is None:
            continue
        if facts.machine_id:
            found.machine_ids[facts.machine_id].append(view.node.name)
        version = _version(facts.kernel)
        if facts.model and version and version > found.kernels.get(_twins(facts), ((), ""))[0]:
            found.kernels[_twins(facts)] = (version, view.node.name)
    return found


def node_findings(view: NodeView, among: Fleet, today: date) -> Findings:
    """What to say about one node. Of a node that was not measured its cable alone is known."""
    facts = view.facts
    if facts is None:
        return Findings(view.cabling)
    warnings: list[str] = list(view.cabling)
    notes: list[str] = []
    others = [name for name in among.machine_ids.get(facts.machine_id or "", ()) if name != view.node.name]
    if others:
        warnings.append(
            f"same machine-id as {', '.join(others)} (a cloned card?): make a new one with systemd-machine-id-setup"
        )
    warnings += _slow_links(view, facts)
    warnings += _ailments(facts)
    if facts.swap_bytes and view.kubernetes is not None:
        notes.append("swap is on: the kubelet wants it off")
    if facts.clock_synchronised is False:
        notes.append("its clock is not synchronised")
    newest = among.kernels.get(_twins(facts))
    version = _version(facts.kernel)
    if newest is not None and version and version < newest[0]:
        notes.append(f"kernel {facts.kernel} is older than that of its twin {newest[1]}")
    ended = end_of_life(facts.os_id, facts.os_version, today)
    if ended is not None:
        notes.append(ended)
    return Findings(tuple(warnings), tuple(notes))


def _slow_links(view: NodeView, facts: NodeFacts) -> list[str]:
    """A Pi on PoE whose port came up at a tenth of what it can: PoE is there, so one pair of the cable is bad."""
    if (view.port is None and view.node.poe is None) or not _GIGABIT_PI.search(facts.model or ""):
        return []
    return [
        f"{interface.name} runs at {interface.speed_mbps} Mb/s: a bad pair in its cable?"
        for interface in facts.interfaces
        if interface.is_up and interface.speed_mbps is not None and 0 < interface.speed_mbps <= _SLOW_MBPS
    ]


def _ailments(facts: NodeFacts) -> list[str]:
    """What ails the box itself."""
    found = []
    used, size = facts.root_used_bytes, facts.root_size_bytes
    if used is not None and size and used / size >= _FULL:
        found.append(f"root filesystem {used / size:.0%} full")
    found += [
        f"{disk.name} is read-only: a worn card?" for disk in facts.disks if disk.read_only and not disk.removable
    ]
    if facts.failed_units:
        more = f" and {len(facts.failed_units) - _NAMED} more" if len(facts.failed_units) > _NAMED else ""
        found.append(f"failed units: {', '.join(facts.failed_units[:_NAMED])}{more}")
    hat = facts.hat
    if hat is not None and hat.current_max_ma == _AF_MA:
        found.append("its PoE+ HAT was granted 802.3af only: 12.95 W at most")
    if hat is not None and hat.health not in (None, "Good", "Unknown"):
        found.append(f"its PoE+ HAT says {hat.health}")
    return found


def _twins(facts: NodeFacts) -> tuple[str | None, ...]:
    return (facts.model, facts.os_id, facts.os_version)


@lru_cache(maxsize=256)
def _version(kernel: str | None) -> tuple[int, ...]:
    """The numbers of a kernel's release, as they are compared."""
    return tuple(int(number) for number in re.findall(r"[0-9]{1,9}", (kernel or "")[:100]))
