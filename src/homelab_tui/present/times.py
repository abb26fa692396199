"""Ages, durations, sizes and times, as people and scripts read them."""

import contextlib
import math
from datetime import UTC, datetime
from zoneinfo import ZoneInfo


def rfc3339(at: datetime | None) -> str | None:
    """`2026-11-23T06:30:09Z`; None stays None."""
    return None if at is None else at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def age(seconds: float | None) -> str:
    """`5s`, `3m`, `2h`, `4d`: one unit, two where the first is small (`1h20m`). `–` for None."""
    if seconds is None or not math.isfinite(seconds):
        return "–"
    whole = max(0, int(seconds))
    if whole < 60:
        return f"{whole}s"
    minutes, rest_s = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes}m{rest_s:02d}s" if minutes < 10 and rest_s else f"{minutes}m"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours}h{minutes:02d}m" if hours < 10 and minutes else f"{hours}h"
    days, hours = divmod(hours, 24)
    return f"{days}d{hours:02d}h" if days < 3 and hours else f"{days}d"


def since(at: datetime | None, now: datetime) -> str:
    """Age of a moment at `now`; `–` for None."""
    return age(None if at is None else (now - at).total_seconds())


def until(at: datetime | None, now: datetime) -> str:
    """`in 4m`, `overdue 2m`, `–`."""
    if at is None:
        return "–"
    seconds = (at - now).total_seconds()
    return f"in {age(seconds)}" if seconds >= 0 else f"overdue {age(-seconds)}"


def size(value: int | None) -> str:
    """Bytes in decimal units, as disks and boards are sold: `500 GB`, `3.9 GB`. `–` for None."""
    if value is None:
        return "–"
    number = float(value)
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if number < 1000 or unit == "TB":
            return f"{number:.0f} {unit}" if number >= 100 or unit in ("B", "kB") else f"{number:.1f} {unit}"
        number /= 1000
    raise AssertionError("unreachable")


def watts(milliwatts: int | None) -> str:
    """`6.4 W`; `–` for None, which is not 0."""
    return "–" if milliwatts is None else f"{milliwatts / 1000:.1f} W"


def zoned(at: datetime | None, time_zone: str | None) -> str:
    """A moment on the clocks of a zone, `2026-11-29 03:00 Europe/Berlin`; in this machine's for one unknown here."""
    if at is None:
        return "–"
    if time_zone is not None:
        # An unknown zone, a directory, a path that leads out: the zone is foreign text.
        with contextlib.suppress(KeyError, OSError, ValueError, OverflowError):
            return f"{at.astimezone(ZoneInfo(time_zone)):%Y-%m-%d %H:%M} {time_zone}"
    return f"{local(at)[:16]} here"


def local(at: datetime | None) -> str:
    """A moment in this machine's zone, to the second; `–` for None."""
    if at is None:
        return "–"
    try:
        return at.astimezone().strftime("%Y-%m-%d %H:%M:%S")
    except (OverflowError, ValueError):  # the year 1 is what an unset time looks like in Go, and has no zones
        return at.strftime("%Y-%m-%d %H:%M:%S")
