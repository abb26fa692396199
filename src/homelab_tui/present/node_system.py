"""What runs on a node and what it is made of, as its detail screen shows it."""

from collections.abc import Mapping
from datetime import datetime

from homelab_tui.domain.lifecycles import end_of_life
from homelab_tui.domain.nodes import NodeFacts
from homelab_tui.domain.state import NodeView
from homelab_tui.domain.witnesses import PROBE
from homelab_tui.present.detail_lines import Line
from homelab_tui.present.times import age, since, size


def system_lines(view: NodeView, facts: NodeFacts, now: datetime, second_hand: Mapping[str, str]) -> list[Line]:
    """System, firmware, what it uses and what it waits for."""
    ended = end_of_life(facts.os_id, facts.os_version, now.date())
    lines: list[Line] = [
        ("os", f"{facts.os or '–'}{'  END OF LIFE' if ended else ''}{_said_by(view, 'os')}"),
        ("kernel", f"{facts.kernel or '–'} {facts.arch or ''}".strip() + _said_by(view, "kernel")),
        ("cpu", facts.cpu_model),
        ("firmware", _firmware(facts)),
        ("uptime", age(facts.uptime_s)),
        ("load", None if facts.load1 is None else f"{facts.load1:.2f}{second_hand.get('load1', '')}"),
        (
            "memory used",
            f"{size(facts.memory_used_bytes)} of {size(facts.memory_bytes)}{_said_by(view, 'memory_bytes')}",
        ),
        ("swap", _swap(facts)),
        (
            "root filesystem",
            f"{size(facts.root_used_bytes)} of {size(facts.root_size_bytes)}{second_hand.get('root_used_bytes', '')}",
        ),
        ("clock", _clock(facts)),
        ("updates", _updates(view, now)),
        ("reboot required", {True: "yes", False: "no", None: None}[facts.reboot_required]),
        ("failed units", None if facts.failed_units is None else ", ".join(facts.failed_units) or "none"),
        ("machine-id", facts.machine_id),
        ("boot-id", f"{facts.boot_id or '–'}{_said_by(view, 'boot_id')}"),
    ]
    return lines


def hardware_lines(facts: NodeFacts) -> list[Line]:
    """Disks and network interfaces."""
    lines: list[Line] = []
    for disk in facts.disks:
        wear = "" if disk.wear_percent is None else f", {disk.wear_percent} % of its life used"
        reserve = "" if disk.reserve in (None, "normal") else f", spare blocks {disk.reserve}"
        state = ", read-only" if disk.read_only else ""
        what = f"{size(disk.size_bytes)} {disk.kind} {disk.model or ''}".strip()
        lines.append((disk.name, f"{what}{wear}{reserve}{state}"))
    for interface in facts.interfaces:
        speed = f"{interface.speed_mbps} Mb/s" if interface.speed_mbps else "no link"
        lines.append((interface.name, f"{interface.mac or '–'}  {speed}  {' '.join(interface.addresses)}".strip()))
    return lines or [("", "not told")]


def _said_by(view: NodeView, field: str) -> str:
    """Who says so, where it is more than one, or not the probe."""
    names = [claim.witness for claim in view.claims if claim.field == field]
    return "" if names in ([], [PROBE]) else f"  (by {', '.join(names)})"


def _firmware(facts: NodeFacts) -> str | None:
    if facts.bootloader_at is not None:
        return f"boot loader of {facts.bootloader_at:%Y-%m-%d}"
    if facts.bios is None:
        return None
    return f"BIOS {facts.bios}{f' of {facts.bios_date}' if facts.bios_date else ''}"


def _swap(facts: NodeFacts) -> str | None:
    if facts.swap_bytes is None:
        return None
    if not facts.swap_bytes:
        return "none"
    used = "" if facts.swap_used_bytes is None else f"{size(facts.swap_used_bytes)} of "
    return f"{used}{size(facts.swap_bytes)}"


def _updates(view: NodeView, now: datetime) -> str | None:
    updates = view.updates
    if updates is None:
        return None
    security = "" if updates.security is None else f", {updates.security} for security"
    noted = f", noted {since(updates.as_of, now)} ago" if updates.as_of else ""
    return f"{updates.count} wait{security}, by {updates.witness}{noted}"


def _clock(facts: NodeFacts) -> str | None:
    if facts.clock_skew_s is None and facts.clock_synchronised is None:
        return None
    synchronised = {True: "synchronised", False: "NOT synchronised", None: "not told whether synchronised"}
    skew = ""
    if facts.clock_skew_s is not None:
        skew = "as here, " if abs(facts.clock_skew_s) < 1 else f"{facts.clock_skew_s:+.0f} s from here, "
    return f"{skew}{synchronised[facts.clock_synchronised]}"
