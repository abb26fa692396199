"""CPU, board, disks and network of a node, from the sections of a probe. Pure."""

import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime

from homelab_tui.domain.nodes import Disk, Interface
from homelab_tui.sources.probe_answers import ProbeAnswer, natural, settings, tidy, whole
from homelab_tui.sources.revision_codes import Board, decode

DEVICE_TREE = "/sys/firmware/devicetree/base"
"""Where ARM firmware describes the board."""
_JUNK = frozenset(
    {
        "to be filled by o.e.m.",
        "to be filled by oem",
        "default string",
        "system product name",
        "system manufacturer",
        "system version",
        "base board product name",
        "base board version",
        "not specified",
        "not applicable",
        "not available",
        "n/a",
        "na",
        "none",
        "o.e.m.",
        "oem",
        "unknown",
        "empty",
        "invalid",
        "undefined",
        "x.x",
        "0123456789",
        "123456789",
        "type1productconfigid",
        "product name",
        "-",
        ".",
    }
)
"""What board makers leave in DMI (in lower case)."""

_ARM_PARTS = {
    "0xb76": "ARM1176",
    "0xc07": "Cortex-A7",
    "0xc08": "Cortex-A8",
    "0xc09": "Cortex-A9",
    "0xd03": "Cortex-A53",
    "0xd04": "Cortex-A35",
    "0xd05": "Cortex-A55",
    "0xd07": "Cortex-A57",
    "0xd08": "Cortex-A72",
    "0xd09": "Cortex-A73",
    "0xd0a": "Cortex-A75",
    "0xd0b": "Cortex-A76",
    "0xd0c": "Neoverse-N1",
}

_NO_DISK = re.compile(
    r"^(loop|ram|zram|dm-|sr|fd|nbd|zd|md|rbd|drbd|mtdblock)\d*|^mmcblk\d+(boot\d|rpmb|gp\d)|^nvme\d+c\d+n\d+$"
)
_RESERVES = {"0x01": "normal", "0x02": "warning", "0x03": "urgent"}
"""An eMMC's PRE_EOL_INFO."""
_VIRTUAL_DISK = re.compile(r"qemu|vbox|vmware|virtual", re.IGNORECASE)


def cores_and_threads(answer: ProbeAnswer) -> tuple[int | None, int | None]:
    """Physical cores, and threads (the kernel's processors)."""
    processors: list[dict[str, str]] = []
    for line in answer.files.get("/proc/cpuinfo", ()):
        key, _, value = (part.strip() for part in line.partition(":"))
        if key == "processor" and whole(value) is not None:
            processors.append({})
        if processors:
            processors[-1][key] = value
    if not processors:
        return None, _cpu_list(answer.line("/sys/devices/system/cpu/online"))
    return _physical(processors), len(processors)


def _physical(processors: Sequence[dict[str, str]]) -> int:
    if all("core id" in one for one in processors):
        return len({(one.get("physical id", "0"), one["core id"]) for one in processors})
    per_package = {one.get("physical id", "0"): natural(one.get("cpu cores")) for one in processors}
    counts = [count for count in per_package.values() if count]
    # ARM tells neither: there every processor is a core.
    return min(sum(counts), len(processors)) if len(counts) == len(per_package) else len(processors)


def _cpu_list(text: str | None) -> int | None:
    """How many CPUs a list such as "0-3,6" names."""
    count = 0
    for part in (text or "").split(","):
        first, _, last = part.partition("-")
        low, high = natural(first), natural(last or first)
        if low is None or high is None or not low <= high < 65_536:
            return None
        count += high - low + 1
    return count or None


def cpu_model(answer: ProbeAnswer) -> str | None:
    """The CPU's name; on ARM that of its core."""
    told = settings(answer.files.get("/proc/cpuinfo", ()), ":")
    if name := tidy(told.get("model name")):
        return " ".join(name.split())
    if told.get("CPU implementer", "").casefold() in ("", "0x41"):
        return _ARM_PARTS.get(told.get("CPU part", "").casefold())
    return None


def pi_board(answer: ProbeAnswer) -> Board | None:
    """The Raspberry Pi that the revision code names; None elsewhere."""
    told = settings(answer.files.get("/proc/cpuinfo", ()), ":")
    code = told.get("Revision") or answer.hexadecimals.get("linux,revision")
    model = device_tree_model(answer) or ""
    if code is None or (model and "raspberry" not in model.casefold()):
        return None
    return decode(code)


def device_tree_model(answer: ProbeAnswer) -> str | None:
    """The model that the firmware handed over: ARM boards."""
    told = settings(answer.files.get("/proc/cpuinfo", ()), ":")
    return answer.line(f"{DEVICE_TREE}/model") or tidy(told.get("Model"))


def dmi(answer: ProbeAnswer, key: str) -> str | None:
    """A DMI string; None when the board maker left it empty or as it came from the BIOS vendor."""
    value = answer.line(f"/sys/class/dmi/id/{key}")
    return None if value is None or value.casefold() in _JUNK else value


def bootloader_at(answer: ProbeAnswer) -> datetime | None:
    """When the EEPROM of a Pi 4 or 5 was built; its device tree has it as four big-endian bytes."""
    digits = answer.hexadecimals.get("bootloader", "")
    if not re.fullmatch(r"[0-9a-f]{8}", digits):
        return None
    seconds = int(digits, 16)
    return datetime.fromtimestamp(seconds, UTC) if seconds else None


def model_and_kind(answer: ProbeAnswer, board: Board | None) -> tuple[str | None, str]:
    """The machine's model, and nuc, raspberry-pi or other."""
    tree = device_tree_model(answer)
    product, base = dmi(answer, "product_name"), dmi(answer, "board_name")
    model = tree or product or base or (board.model if board else None)
    if "raspberry pi" in (tree or "").casefold() or (board is not None and tree is None):
        return model, "raspberry-pi"
    if any("NUC" in (name or "") for name in (product, base, dmi(answer, "product_version"))):
        return model, "nuc"
    return model, "other"


def disks(answer: ProbeAnswer) -> tuple[Disk, ...]:
    """The block devices, by name. Sizes of /sys/block are in 512-byte units whatever the sector size."""
    found = []
    for name, told in sorted(answer.below("/sys/block").items()):
        size = natural(told.get("size"))
        model = tidy(told.get("device/model")) or tidy(told.get("device/name"))
        if _NO_DISK.match(name) or not size or model == "VIRTUAL-DISK":
            continue  # an empty card reader has size 0; VIRTUAL-DISK is a Longhorn volume
        found.append(
            Disk(
                name=name,
                size_bytes=size * 512,
                kind=_disk_kind(name, told, model),
                model=model,
                removable=told.get("removable") == "1",
                read_only=told.get("ro") == "1",
                wear_percent=_wear_percent(told.get("device/life_time")),
                reserve=_RESERVES.get(told.get("device/pre_eol_info", "").casefold()),
            )
        )
    return tuple(found)


def _wear_percent(text: str | None) -> int | None:
    """The worse of an eMMC's two areas: 0x01 is up to 10 % used, 0x0a up to 100 %, 0x0b beyond; 0x00 is not told."""
    steps = [int(word, 16) for word in (text or "").split() if re.fullmatch(r"0[xX][0-9a-fA-F]{1,2}", word)]
    known = [step for step in steps if 1 <= step <= 0x0B]
    return max(known) * 10 if known else None


def _disk_kind(name: str, told: dict[str, str], model: str | None) -> str:
    if name.startswith("nvme"):
        return "nvme"
    if name.startswith("mmcblk"):
        return {"SD": "microsd", "MMC": "emmc"}.get(told.get("device/type", ""), "disk")
    if (
        told.get("removable") == "1"
        or not name.startswith(("sd", "hd"))
        or _VIRTUAL_DISK.search(f"{model} {told.get('device/vendor', '')}")
    ):
        return "disk"  # virtio and Xen disks and USB sticks call themselves rotational
    return {"0": "ssd", "1": "hdd"}.get(told.get("queue/rotational", ""), "disk")


def interfaces(answer: ProbeAnswer) -> tuple[Interface, ...]:
    """The physical network interfaces, by name, with their addresses (link-local ones left out)."""
    addresses = _addresses(answer)
    found = []
    for name, told in sorted(answer.below("/sys/class/net").items()):
        if name == "lo":
            continue
        state = told.get("operstate")
        speed = whole(told.get("speed"))
        mac = told.get("address", "").casefold()
        found.append(
            Interface(
                name=name,
                mac=mac if re.fullmatch(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}", mac) else None,
                speed_mbps=speed if speed is not None and speed > 0 else None,
                is_up=True if state == "up" else False if state in ("down", "lowerlayerdown", "notpresent") else None,
                addresses=tuple(addresses.get(name, ())),
            )
        )
    return tuple(found)


def _addresses(answer: ProbeAnswer) -> dict[str, list[str]]:
    found = _json_addresses("\n".join(answer.commands.get("ip", ())))
    if found:
        return found
    for line in answer.commands.get("ipo", ()) or answer.commands.get("ip", ()):
        words = line.split()
        if len(words) >= 4 and words[2] in ("inet", "inet6") and not words[3].casefold().startswith("fe80:"):
            name = words[1].rstrip(":").split("@")[0]
            found.setdefault(name, []).append(words[3].split("/")[0])
    return found


def _json_addresses(text: str) -> dict[str, list[str]]:
    """The addresses in the output of `ip -j addr`; empty when it is none."""
    try:
        links = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    found: dict[str, list[str]] = {}
    for link in links if isinstance(links, list) else ():
        name, told = (link.get("ifname"), link.get("addr_info")) if isinstance(link, dict) else (None, None)
        if not isinstance(name, str) or not isinstance(told, list):
            continue
        for one in told:
            local = one.get("local") if isinstance(one, dict) and one.get("scope") != "link" else None
            if isinstance(local, str) and local:
                found.setdefault(name, []).append(local[:64])
    return found
