"""What is odd about a node, told by nothing but its measured facts and those of its twins. Pure."""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache

from homelab_tui.domain.lifecycles import end_of_life
from homelab_tui.domain.nodes import Disk, NodeFacts
from homelab_tui.domain.power import is_unusual
from homelab_tui.domain.state import NodeView
from homelab_tui.domain.values import Frozen

_GIGABIT_PI = re.compile(r"Raspberry Pi (?:[45]|400|500|Compute Module [45]|3 Model [AB] Plus)\b")
"""Boards whose own port does 1 Gb/s; the older ones never do more than 100 Mb/s."""
_SLOW_MBPS = 100
_FULL = 0.9
_WORN = 90
"""Percent of an eMMC's life."""
_SPENT = ("warning", "urgent")
"""What an eMMC says of its spare blocks when there are few left."""
_SKEW_S = 10.0
"""A clock that is further off makes logs and certificates lie."""
_BIOS_DATE = re.compile(r"(\d{2})/(\d{2})/(\d{4})")
_NAMED = 3


class Findings(Frozen):
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
    firmware: dict[str, tuple[date, str]] = field(default_factory=dict)
    """Model → the newest BIOS or boot loader, and the node that has it."""
    kubelets: dict[str, tuple[tuple[int, ...], str]] = field(default_factory=dict)
    """Cluster → the newest kubelet, and the node that runs it."""


def fleet(views: Sequence[NodeView]) -> Fleet:
    """All nodes together."""
    found = Fleet()
    for view in views:
        facts, kube, name = view.facts, view.kubernetes, view.node.name
        if kube is not None and (kubelet := _version(kube.kubelet)) > found.kubelets.get(kube.cluster, ((), ""))[0]:
            found.kubelets[kube.cluster] = (kubelet, name)
        if facts is None:
            continue
        if facts.machine_id:
            found.machine_ids[facts.machine_id].append(name)
        version = _version(facts.kernel)
        if facts.model and version and version > found.kernels.get(_twins(facts), ((), ""))[0]:
            found.kernels[_twins(facts)] = (version, name)
        made = firmware_date(facts)
        if facts.model and made and made > found.firmware.get(facts.model, (date.min, ""))[0]:
            found.firmware[facts.model] = (made, name)
    return found


class KeptFleet:
    """The fleet of a screen that is drawn again and again: gathered anew when a node shows something else of itself."""

    def __init__(self) -> None:
        self._views: Sequence[NodeView] = ()
        self._fleet = Fleet()

    def of(self, views: Sequence[NodeView]) -> Fleet:
        """All nodes together; the same object as long as it would say the same."""
        before, self._views = self._views, views
        if len(before) != len(views) or any(
            old is not new and _shown(old) != _shown(new) for old, new in zip(before, views, strict=True)
        ):
            self._fleet = fleet(views)
        return self._fleet


def _shown(view: NodeView) -> tuple[object, ...]:
    """What a fleet knows of one node."""
    facts, kube = view.facts, view.kubernetes
    box = facts and (facts.machine_id, facts.kernel, *_twins(facts), facts.bootloader_at, facts.bios_date)
    return view.node.name, kube and (kube.cluster, kube.kubelet), box


def node_findings(view: NodeView, among: Fleet, today: date) -> Findings:
    """What to say about one node. Of a node of which nothing is known its cable alone may be."""
    facts = view.facts
    if facts is None:
        return Findings(view.cabling)
    warnings: list[str] = list(view.cabling)
    others = [name for name in among.machine_ids.get(facts.machine_id or "", ()) if name != view.node.name]
    if others:
        warnings.append(
            f"same machine-id as {', '.join(others)} (a cloned card?): make a new one with systemd-machine-id-setup"
        )
    warnings += view.disagreements
    warnings += _slow_links(view, facts)
    warnings += _ailments(facts)
    notes = [*_beside_twins(view, facts, among), *_habits(view, facts)]
    ended = end_of_life(facts.os_id, facts.os_version, today)
    if ended is not None:
        notes.append(ended)
    return Findings(tuple(warnings), tuple(notes))


def firmware_date(facts: NodeFacts) -> date | None:
    """When a box's BIOS, or a Raspberry Pi's boot loader, was made."""
    if facts.bootloader_at is not None:
        return facts.bootloader_at.date()
    match = _BIOS_DATE.fullmatch(facts.bios_date or "")
    try:
        return date(int(match[3]), int(match[1]), int(match[2])) if match else None
    except ValueError:
        return None


def _beside_twins(view: NodeView, facts: NodeFacts, among: Fleet) -> list[str]:
    """Where its twins, or the others of its cluster, are ahead of it."""
    found = []
    newest = among.kernels.get(_twins(facts))
    version = _version(facts.kernel)
    if newest is not None and version and version < newest[0]:
        found.append(f"kernel {facts.kernel} is older than that of its twin {newest[1]}")
    made, best = firmware_date(facts), among.firmware.get(facts.model or "")
    if made is not None and best is not None and made < best[0]:
        what = f"BIOS {facts.bios}" if facts.bios else "boot loader"
        found.append(f"{what} of {made} is older than that of its twin {best[1]} ({best[0]})")
    kube = view.kubernetes
    ahead = among.kubelets.get(kube.cluster) if kube else None
    if kube is not None and ahead is not None and (kubelet := _version(kube.kubelet)) and kubelet[:2] < ahead[0][:2]:
        found.append(f"kubelet {kube.kubelet} is older than that of {ahead[1]}")
    return found


def _habits(view: NodeView, facts: NodeFacts) -> list[str]:
    """What somebody should see to when there is time."""
    found = []
    if facts.swap_bytes and view.kubernetes is not None:
        found.append("swap is on: the kubelet wants it off")
    if facts.clock_synchronised is False:
        found.append("its clock is not synchronised")
    if facts.clock_skew_s is not None and abs(facts.clock_skew_s) >= _SKEW_S:
        way = "ahead of" if facts.clock_skew_s > 0 else "behind"
        found.append(f"its clock is {abs(facts.clock_skew_s):.0f} s {way} ours")
    updates = view.updates
    if updates is not None and updates.count:
        safety = f", {updates.security} of them for security" if updates.security else ""
        found.append(f"{updates.count} updates wait{safety}")
    port, power = view.port, view.power
    if port is not None and power is not None and port.delivers_power and is_unusual(port.power_mw, power.usual_mw):
        now_w, usual_w = (port.power_mw or 0) / 1000, (power.usual_mw or 0) / 1000
        found.append(f"draws {now_w:.1f} W, usually {usual_w:.1f} W")
    return found


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
    found += [_worn(disk) for disk in facts.disks if (disk.wear_percent or 0) >= _WORN or disk.reserve in _SPENT]
    if facts.failed_units:
        more = f" and {len(facts.failed_units) - _NAMED} more" if len(facts.failed_units) > _NAMED else ""
        found.append(f"failed units: {', '.join(facts.failed_units[:_NAMED])}{more}")
    hat = facts.hat
    if hat is not None and hat.granted == "802.3af":
        found.append("its PoE+ HAT was granted 802.3af only: 12.95 W at most")
    if hat is not None and hat.health not in (None, "Good", "Unknown"):
        found.append(f"its PoE+ HAT says {hat.health}")
    return found


def _worn(disk: Disk) -> str:
    """What an eMMC says of its end."""
    life = f"{disk.wear_percent} % of its life used" if (disk.wear_percent or 0) <= 100 else "beyond its life"
    words = [life] if disk.wear_percent is not None else []
    words += [f"spare blocks: {disk.reserve}"] if disk.reserve in _SPENT else []
    return f"{disk.name} is worn: {', '.join(words)}"


def _twins(facts: NodeFacts) -> tuple[str | None, ...]:
    return (facts.model, facts.os_id, facts.os_version)


@lru_cache(maxsize=256)
def _version(kernel: str | None) -> tuple[int, ...]:
    """The numbers of a kernel's release, as they are compared."""
    return tuple(int(number) for number in re.findall(r"[0-9]{1,9}", (kernel or "")[:100]))
