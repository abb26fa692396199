"""One read-only look at a node: the script that is sent, and its answer as `NodeFacts`. Pure."""

import re
from datetime import datetime
from pathlib import Path

from homelab_tui.domain.nodes import NodeFacts
from homelab_tui.sources import probe_hardware as hardware
from homelab_tui.sources import probe_sensors as sensors
from homelab_tui.sources.probe_answers import ProbeAnswer, natural, output, real, settings, split_answer, tidy
from homelab_tui.sources.probe_updates import noted_updates

PROBE_SCRIPT = Path(__file__).with_name("probe.sh").read_text(encoding="utf-8")
"""To be fed to `sh -s`: POSIX, read-only, no root; runs under dash, bash and busybox."""

_DF_ROW = re.compile(r"\s(\d{1,18})\s+(\d{1,18})\s+-?\d{1,18}\s+(?:\d+%|-)\s+/\s*$")
_KIB = 1024


def parse_probe(text: str, taken_at: datetime) -> NodeFacts:
    """What the node said. Whatever is missing, or cannot be what it should be, is None; no input makes this raise.

    `taken_at` is our clock at the time of the probe.
    """
    answer = split_answer(text)
    board = hardware.pi_board(answer)
    model, kind = hardware.model_and_kind(answer, board)
    cores, threads = hardware.cores_and_threads(answer)
    kernel, arch = _kernel_and_arch(answer)
    release = settings(answer.files.get("/etc/os-release") or answer.files.get("/usr/lib/os-release") or ())
    memory, used, swap, swap_used = _memory(answer)
    root_size, root_used = _root(answer)
    return NodeFacts(
        hostname=answer.line("/proc/sys/kernel/hostname") or tidy(output(answer, "nodename")),
        model=model,
        kind=kind,
        arch=arch,
        kernel=kernel,
        os=tidy(release.get("PRETTY_NAME")) or tidy(release.get("NAME")),
        os_id=tidy(release.get("ID")),
        os_version=tidy(release.get("VERSION_ID")),
        cpu_model=hardware.cpu_model(answer),
        cores=cores,
        threads=threads,
        memory_bytes=memory,
        board_memory_bytes=board.memory_bytes if board and kind == "raspberry-pi" else None,
        memory_used_bytes=used,
        swap_bytes=swap,
        swap_used_bytes=swap_used,
        root_size_bytes=root_size,
        root_used_bytes=root_used,
        disks=hardware.disks(answer),
        interfaces=hardware.interfaces(answer),
        bios=hardware.dmi(answer, "bios_version"),
        bios_date=hardware.dmi(answer, "bios_date"),
        bootloader_at=hardware.bootloader_at(answer),
        machine_id=_machine_id(answer),
        boot_id=_matching(answer.line("/proc/sys/kernel/random/boot_id"), r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
        uptime_s=_first_number(answer.line("/proc/uptime")),
        load1=_first_number(answer.line("/proc/loadavg")),
        temperature_c=sensors.temperature_c(answer),
        throttled=sensors.throttled(answer),
        hat=sensors.poe_hat(answer),
        fan=sensors.fan(answer),
        clock_skew_s=_clock_skew(answer, taken_at),
        clock_synchronised=_clock_synchronised(answer),
        reboot_required=_reboot_required(answer, release.get("ID")),
        failed_units=_failed_units(answer),
        updates=noted_updates(answer),
        virtualization=tidy(output(answer, "virt")),
    )


def _kernel_and_arch(answer: ProbeAnswer) -> tuple[str | None, str | None]:
    """From `uname -srm`: Linux RELEASE MACHINE."""
    words = (output(answer, "uname") or "").split()
    return (tidy(words[1]), tidy(words[2])) if len(words) == 3 else (None, None)


def _memory(answer: ProbeAnswer) -> tuple[int | None, int | None, int | None, int | None]:
    """MemTotal, what is not available of it, swap, and what is used of that, in bytes."""
    told: dict[str, int] = {}
    for key, value in settings(answer.files.get("/proc/meminfo", ()), ":").items():
        number = natural(value.split()[0]) if value.split() else None
        if number is not None:
            told[key] = number * _KIB
    total, available = told.get("MemTotal"), told.get("MemAvailable")
    used = total - available if total is not None and available is not None and available <= total else None
    swap, free = told.get("SwapTotal"), told.get("SwapFree")
    return total, used, swap, swap - free if swap is not None and free is not None and free <= swap else None


def _root(answer: ProbeAnswer) -> tuple[int | None, int | None]:
    """Size and used bytes of the root file system, from `df -Pk`."""
    matches = [match for line in answer.commands.get("df", ()) if (match := _DF_ROW.search(line))]
    return (int(matches[-1][1]) * _KIB, int(matches[-1][2]) * _KIB) if matches else (None, None)


def _machine_id(answer: ProbeAnswer) -> str | None:
    told = answer.line("/etc/machine-id") or answer.line("/var/lib/dbus/machine-id")
    return _matching(told, r"[0-9a-f]{32}")


def _matching(value: str | None, pattern: str) -> str | None:
    text = (value or "").casefold()
    return text if re.fullmatch(pattern, text) else None


def _first_number(line: str | None) -> float | None:
    words = (line or "").split()
    number = real(words[0]) if words else None
    return number if number is not None and number >= 0 else None


def _clock_skew(answer: ProbeAnswer, taken_at: datetime) -> float | None:
    seconds = natural(output(answer, "date"))
    return None if seconds is None else round(seconds - taken_at.timestamp(), 3)


def _clock_synchronised(answer: ProbeAnswer) -> bool | None:
    told = settings(answer.commands.get("timedate", ())).get("NTPSynchronized")
    return {"yes": True, "no": False}.get(told or "")


def _reboot_required(answer: ProbeAnswer, os_id: str | None) -> bool | None:
    """The mark of Debian's family. Its absence means something only on Ubuntu, which has the tool that sets it."""
    if "reboot-required" in answer.marks:
        return True
    return False if os_id == "ubuntu" and "end" in answer.marks else None


def _failed_units(answer: ProbeAnswer) -> tuple[str, ...] | None:
    """Failed systemd units; None where systemd does not answer."""
    if answer.statuses.get("failed") != 0:
        return None
    names = [line.replace("●", " ").split() for line in answer.commands.get("failed", ())]
    return tuple(name for words in names if words and (name := tidy(words[0])))
