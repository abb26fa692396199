"""The demo lab as tests start it, and what they wait with."""

import asyncio
import ssl
import time
from collections.abc import Awaitable, Callable
from typing import Any

import httpx

from homelab_tui.demo.lab import DemoLab
from homelab_tui.demo.site import DemoSite
from homelab_tui.demo.world import Clock


def start_lab(faults: tuple[str, ...] = (), clock: Clock | None = None, **options: Any) -> DemoLab:
    """A lab to enter with `async with`. Options are the flat names of `LabOptions.of`.

    Without options: no story, and every wait as short as it can be.
    """
    quick = {"story": False, "boot_s": 0.3, "search_s": 0.1, "interval_s": 0.2, "backoff_s": 0.3, "node_grace_s": 0.3}
    return DemoLab(faults=faults, clock=clock, **{**quick, **options})


def still_clock() -> Clock:
    """A clock that stands at seven minutes past this hour: no schedule of the lab has a tick near."""
    clock = Clock()
    clock.freeze(clock.now().replace(minute=7, second=5, microsecond=0))
    return clock


def api(site: DemoSite, user: str = "kubernetes-admin", timeout_s: float = 10.0) -> httpx.AsyncClient:
    """A bare HTTP client for one cluster's API, as a kubeconfig user with a token."""
    kubernetes = site.kubernetes
    trust: ssl.SSLContext | bool = ssl.create_default_context(cadata=site.ca) if site.ca else True
    headers = {"Authorization": f"Bearer {kubernetes.users[user].token}"}
    return httpx.AsyncClient(base_url=kubernetes.url, headers=headers, verify=trust, timeout=timeout_s)


PATIENCE_S = 60.0
"""How long a test waits for what comes in its own time. No claim about speed: a busy machine gets there too."""


async def until(claim: Callable[[], Awaitable[object] | object], timeout_s: float = PATIENCE_S) -> Any:
    """The first truthy answer of `claim`, asked every 20 ms. Raises: AssertionError after `timeout_s`.

    Give a shorter `timeout_s` only where being in time is what is claimed.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        found = claim()
        if isinstance(found, Awaitable):
            found = await found
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"not true within {timeout_s} s: last answer {found!r}")
        await asyncio.sleep(0.02)
