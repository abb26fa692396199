"""What `homelab nodes --json` tells of a node beyond the contract's names, each with its witness and age."""

from datetime import datetime

from homelab_tui.domain.lifecycles import end_of_life
from homelab_tui.domain.nodes import NodeFacts
from homelab_tui.domain.power import NodePower, power_loss
from homelab_tui.domain.state import LabState, NodeView
from homelab_tui.domain.witnesses import passing
from homelab_tui.present.times import rfc3339
from homelab_tui.present.told_by import age_s, read_at, told_by

Document = dict[str, object]


def more_of_node(state: LabState, view: NodeView, now: datetime) -> Document:
    """Firmware, system, hardware, power and witnesses."""
    facts = view.facts or NodeFacts()
    return {
        "cpu_model": facts.cpu_model or None,
        "bios": facts.bios or None,
        "bios_date": facts.bios_date or None,
        "bootloader_at": rfc3339(facts.bootloader_at),
        "machine_id": facts.machine_id or None,
        "boot_id": facts.boot_id or None,
        "swap_bytes": facts.swap_bytes,
        "swap_used_bytes": facts.swap_used_bytes,
        "clock_synchronised": facts.clock_synchronised,
        "clock_skew_s": facts.clock_skew_s,
        "reboot_required": facts.reboot_required,
        "failed_units": None if facts.failed_units is None else list(facts.failed_units),
        "end_of_life": end_of_life(facts.os_id, facts.os_version, now.date()),
        "updates": _updates(state, view, now),
        "disks": [
            {
                "name": disk.name,
                "size_bytes": disk.size_bytes,
                "kind": disk.kind,
                "model": disk.model,
                "removable": disk.removable,
                "read_only": disk.read_only,
                "wear_percent": disk.wear_percent,
                "reserve": disk.reserve,
            }
            for disk in facts.disks
        ],
        "interfaces": [
            {
                "name": one.name,
                "mac": one.mac,
                "speed_mbps": one.speed_mbps,
                "up": one.is_up,
                "addresses": list(one.addresses),
            }
            for one in facts.interfaces
        ],
        "hat": _hat(view, facts),
        "fan": None
        if facts.fan is None
        else {"level": facts.fan.level, "levels": facts.fan.levels, "duty_percent": facts.fan.duty_percent},
        "ailments": [
            {"flag": one.flag, "first_at": rfc3339(one.first_at), "last_at": rfc3339(one.last_at), "times": one.times}
            for one in view.ailments
        ],
        "usual_w": _watts(view.power.usual_mw) if view.power else None,
        "energy": _energy(view.power),
        "root_size_bytes": facts.root_size_bytes,
        "hostname": facts.hostname or None,
        "os_id": facts.os_id or None,
        "os_version": facts.os_version or None,
        "board_memory_bytes": facts.board_memory_bytes,
        "virtualization": facts.virtualization or None,
        "told_by": told_by(state, view, now),
        "witnesses": _witnesses(state, view, now),
        "disagreements": list(view.disagreements),
    }


def _hat(view: NodeView, facts: NodeFacts) -> Document | None:
    hat = facts.hat
    if hat is None:
        return None
    loss = power_loss(view.port.power_mw if view.port else None, hat.power_mw)
    return {
        "vendor": hat.vendor,
        "product": hat.product,
        "version": hat.version,
        "online": hat.online,
        "current_ma": hat.current_ma,
        "current_max_ma": hat.current_max_ma,
        "granted": hat.granted,
        "health": hat.health,
        "power_w": _watts(hat.power_mw),
        "lost_w": _watts(loss.lost_mw) if loss else None,
    }


def _updates(state: LabState, view: NodeView, now: datetime) -> Document | None:
    updates = view.updates
    if updates is None:
        return None
    read_at = next((reading.taken_at for name, reading in state.updates if name == view.node.name), None)
    as_of = updates.as_of or read_at
    return {
        "count": updates.count,
        "security": updates.security,
        "witness": updates.witness,
        "age_s": age_s(as_of, now),
    }


def _energy(power: NodePower | None) -> list[Document]:
    """Newest day first."""
    return [
        {
            "day": day.day.isoformat(),
            "kwh": round(day.energy_mwh / 1e6, 6),
            "sampled_share": round(day.share, 4),
            "witness": power.witness if power else None,
        }
        for day in (power.days if power else ())
    ]


def _witnesses(state: LabState, view: NodeView, now: datetime) -> Document:
    """Field → who says what, in the order of trust, and how old that is: what may be told by more than the probe."""
    found: dict[str, list[Document]] = {}
    probe = next((reading.value for name, reading in state.probes if name == view.node.name), None)
    for claim in (*view.claims, *passing(probe, view.metrics)):
        at = read_at(state, view, claim.witness)
        said: Document = {
            "witness": claim.witness,
            "value": claim.value,
            "read_at": rfc3339(at),
            "age_s": age_s(at, now),
        }
        found.setdefault(claim.field, []).append(said)
    return dict(found)


def _watts(milliwatts: int | None) -> float | None:
    return None if milliwatts is None else round(milliwatts / 1000, 3)
