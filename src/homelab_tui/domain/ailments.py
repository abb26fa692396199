"""What a Raspberry Pi's firmware complained of, held on to by us where its kernel forgets. Pure."""

from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache

from homelab_tui.domain.values import Frozen

UNDER_VOLTAGE = "under-voltage"
SINCE_BOOT = "-since-boot"
"""What is put behind a flag's name when it is over."""


class Ailment(Frozen):
    """One complaint of one boot of a node, as we saw it between our looks."""

    flag: str
    """under-voltage, frequency-capped, throttled or soft-temperature-limit."""
    first_at: datetime
    last_at: datetime
    """When it began the last time."""
    times: int = 1
    """How often we saw it begin."""


@lru_cache(maxsize=4096)
def boot_of(boot_id: str | None, booted_at: datetime | None) -> str | None:
    """What one boot of a node is known by; None: nothing can be held to it.

    By node_exporter alone that is when it booted, to the minute: the kernel reckons the second anew when its clock is
    set.
    """
    if boot_id is not None or booted_at is None:
        return boot_id
    return f"booted {booted_at.astimezone(UTC):%Y-%m-%dT%H:%MZ}"


def flags_now(throttled: Iterable[str] | None) -> frozenset[str]:
    """Those that hold right now."""
    return frozenset(flag for flag in throttled or () if not flag.endswith(SINCE_BOOT))


def latched(throttled: tuple[str, ...] | None, ailments: Iterable[Ailment]) -> tuple[str, ...] | None:
    """What the firmware says, and what we saw since the boot although it says so no more.

    A mainline kernel (rpi_volt) tells the present only: without us a brown-out between two looks would be forgotten.
    """
    if throttled is None:
        return None
    seen = [f"{ailment.flag}{SINCE_BOOT}" for ailment in ailments]
    return throttled + tuple(flag for flag in dict.fromkeys(seen) if flag not in throttled)
