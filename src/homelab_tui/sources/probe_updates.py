"""Packages that wait to be updated, from what a node has in its own caches. Pure."""

import re
from datetime import UTC, datetime
from pathlib import Path

from homelab_tui.domain.nodes import PendingUpdates
from homelab_tui.sources.probe_answers import ProbeAnswer, natural, output, split_answer

UPDATES_SCRIPT = Path(__file__).with_name("updates.sh").read_text(encoding="utf-8")
"""To be fed to `sh -s`: POSIX, read-only, no root, no network. It may take a Pi several seconds of CPU."""

UPDATES_TIMEOUT_S = 60.0
"""apt on a busy Raspberry Pi. The script itself gives each package manager 50 s."""
_NOTE = "/var/lib/update-notifier/updates-available"
_ALL = re.compile(r"^(\d{1,6}) (?:packages?|updates?) can be (?:updated|applied|installed)")
_SECURITY = re.compile(r"^(\d{1,6}) (?:of these )?(?:updates?|packages?) (?:is|are) (?:an? )?(?:standard )?security")
_APT = re.compile(r"^Inst \S+ ")
_DNF = re.compile(r"^(\S+\.(?:noarch|x86_64|aarch64|i686|armv7hl|ppc64le|s390x|riscv64))\s+\S+\s+\S+$")
_APK = re.compile(r"^\S+\s+<\s+\S+$")
_DNF_FOUND = 100
"""What `dnf check-update` exits with when there is something."""


def noted_updates(answer: ProbeAnswer) -> PendingUpdates | None:
    """What Ubuntu's update-notifier wrote down; None without a note, or when packages were changed since."""
    lines = answer.files.get(_NOTE)
    if lines is None:
        return None
    written, changed = natural(output(answer, "updated")), natural(output(answer, "installed"))
    if written is not None and changed is not None and changed > written:
        return None
    count = security = 0
    for line in lines:
        if match := _ALL.match(line.strip()):
            count = int(match[1])
        elif match := _SECURITY.match(line.strip()):
            security = int(match[1])
    return PendingUpdates(count, "update-notifier", security, _moment(written))


def _moment(seconds: int | None) -> datetime | None:
    try:
        return datetime.fromtimestamp(seconds, UTC) if seconds else None
    except (OverflowError, ValueError, OSError):
        return None


def parse_updates(text: str) -> PendingUpdates | None:
    """What `updates.sh` printed; None when the node has none of these package managers, or it could not tell."""
    answer = split_answer(text)
    for name, read in (("apt", _of_apt), ("dnf", _of_dnf), ("apk", _of_apk)):
        found = read(answer.commands[name], answer.statuses.get(name)) if name in answer.commands else None
        if found is not None:
            return found
    return None


def _of_apt(lines: tuple[str, ...], status: int | None) -> PendingUpdates | None:
    """`apt-get -s upgrade`: one `Inst` line for each package, with the archives that have it."""
    if status != 0:
        return None
    found = [line for line in lines if _APT.match(line)]
    return PendingUpdates(len(found), "apt", sum("security" in line.casefold() for line in found))


def _of_dnf(lines: tuple[str, ...], status: int | None) -> PendingUpdates | None:
    """`dnf -C check-update`; what it says of obsoleted packages at the end is not an update."""
    if status not in (0, _DNF_FOUND):
        return None
    names: set[str] = set()
    for line in lines:
        if line.startswith("Obsoleting"):
            break
        if match := _DNF.match(line.strip()):
            names.add(match[1])
    return PendingUpdates(len(names), "dnf")


def _of_apk(lines: tuple[str, ...], status: int | None) -> PendingUpdates | None:
    return PendingUpdates(sum(bool(_APK.match(line.strip())) for line in lines), "apk") if status == 0 else None
