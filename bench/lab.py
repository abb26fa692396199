"""The demo lab itself: how fast it is up, how big it is, what it costs while nobody asks it anything."""

import asyncio
import os
import resource
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Any

CASES: dict[str, dict[str, Any]] = {
    "the demo": {"bastion": True},
    "without its story": {"story": False},
    "1,000 nodes": {"nodes": 1000, "story": False},
    "2,000 CronJobs, 10,000 Jobs": {"jobs": 10_000, "cronjobs": 2_000, "story": False},
}
TARGETS = {"up_s": 1.0, "rss_mb": 150.0, "idle_percent": 2.0}
"""For the demo: up after the imports, memory, and share of a core while nobody asks."""
IDLE_S = 10.0


@dataclass(frozen=True, slots=True)
class Measured:
    """One lab."""

    imports_s: float
    up_s: float
    """From the end of the imports to the last open port."""
    rss_mb: float
    idle_percent: float
    """Of one core, over `IDLE_S`."""


def main() -> None:
    """Each case in a process of its own; a figure over its target is marked."""
    print(f"   targets: up ≤ {TARGETS['up_s']} s after imports, RSS ≤ {TARGETS['rss_mb']:.0f} MB, idle ≤ 2 % of a core")
    print(f"   {'lab':<30}{'imports s':>10}{'up s':>8}{'RSS MB':>8}{'idle %':>8}")
    for name in CASES:
        found = measure(name)
        over = [
            key
            for key, limit in TARGETS.items()
            if name in ("the demo", "without its story") and float(getattr(found, key)) > limit
        ]
        mark = f"   over: {', '.join(over)}" if over else ""
        times = f"{found.imports_s:>10.2f}{found.up_s:>8.2f}"
        print(f"   {name:<30}{times}{found.rss_mb:>8.0f}{found.idle_percent:>8.1f}{mark}")


def measure(name: str, idle_s: float = IDLE_S) -> Measured:
    """Start the case in a process of its own. Raises: CalledProcessError."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.lab", name, str(idle_s)], check=True, capture_output=True, text=True
    )
    return Measured(*(float(word) for word in done.stdout.split()))


async def _run(options: dict[str, Any], idle_s: float) -> None:
    began = time.perf_counter()
    import aiohttp.web  # noqa: F401
    import paramiko  # noqa: F401
    import pysnmp.entity.rfc3413.cmdrsp  # noqa: F401

    import homelab_tui.demo.snmp
    import homelab_tui.demo.ssh  # noqa: F401
    from homelab_tui.demo.lab import DemoLab

    imported = time.perf_counter()
    async with DemoLab(**options):
        up = time.perf_counter()
        await asyncio.sleep(2)
        before, since = time.process_time(), time.perf_counter()
        await asyncio.sleep(idle_s)
        idle = (time.process_time() - before) / (time.perf_counter() - since) * 100
        print(imported - began, up - imported, _rss_mb(), idle)


def _rss_mb() -> float:
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
    except OSError:  # not Linux: the highest it ever was
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


if __name__ == "__main__":
    asyncio.run(_run(CASES[sys.argv[1]], float(sys.argv[2])))
