"""What runs on a node and what it is made of, as its detail screen shows it."""

from collections.abc import Mapping
from datetime import datetime

from homelab_tui.domain.lifecycles import end_of_life
from homelab_tui.domain.nodes import NodeFacts
from homelab_tui.domain.state import NodeView
from homelab_tui.present.detail_lines import Line
from homelab_tui.present.times import age, since, size


def system_lines(view: NodeView, facts: NodeFacts, now: datetime, marks: Mapping[str, str]) -> list[Line]:
    """System, firmware, what it uses and what it waits for. `marks`: field → who tells it."""
    ended = end_of_life(facts.os_id, facts.os_version, now.date())
    kernel = f"{facts.kernel or ''} {facts.arch or ''}".strip()
    lines: list[tuple[str, str | None, str]] = [
        ("os", f"{facts.os or '–'}{'  END OF LIFE' if ended else ''}", "os"),
        ("kernel", kernel, "kernel"),
        ("cpu", facts.cpu_model, "cpu_model"),
        ("firmware", _firmware(facts), "bios" if facts.bootloader_at is None else "bootloader_at"),
        ("uptime", age(facts.uptime_s), "uptime_s"),
        ("load", None if facts.load1 is None else f"{facts.load1:.2f}", "load1"),
        ("memory used", f"{size(facts.memory_used_bytes)} of {size(facts.memory_bytes)}", "memory_used_bytes"),
        ("swap", _swap(facts), "swap_bytes"),
        ("root filesystem", f"{size(facts.root_used_bytes)} of {size(facts.root_size_bytes)}", "root_used_bytes"),
        ("clock", _clock(facts), "clock_skew_s" if "clock_skew_s" in marks else "clock_synchronised"),
        ("updates", _updates(view, now), ""),
        ("reboot required", {True: "yes", False: "no", None: None}[facts.reboot_required], "reboot_required"),
        (
            "failed units",
            None if facts.failed_units is None else ", ".join(facts.failed_units) or "none",
            "failed_units",
        ),
        ("machine-id", facts.machine_id, "machine_id"),
        ("boot-id", facts.boot_id, "boot_id"),
    ]
    return [(label, value, marks.get(field, "")) for label, value, field in lines]


def hardware_lines(facts: NodeFacts, marks: Mapping[str, str]) -> list[Line]:
    """Disks and network interfaces. `marks`: field → who tells it."""
    lines: list[Line] = []
    for disk in facts.disks:
        wear = "" if disk.wear_percent is None else f", {disk.wear_percent} % of its life used"
        reserve = "" if disk.reserve in (None, "normal") else f", spare blocks {disk.reserve}"
        state = ", read-only" if disk.read_only else ""
        what = f"{size(disk.size_bytes)} {disk.kind} {disk.model or ''}".strip()
        lines.append((disk.name, f"{what}{wear}{reserve}{state}", marks.get("disks", "")))
    for interface in facts.interfaces:
        speed = f"{interface.speed_mbps} Mb/s" if interface.speed_mbps else "no link"
        words = f"{interface.mac or '–'}  {speed}  {' '.join(interface.addresses)}".strip()
        lines.append((interface.name, words, marks.get("interfaces", "")))
    return lines or [("", "not told")]


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
