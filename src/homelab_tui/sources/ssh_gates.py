"""Who may connect when: one connection at a time to a node, and few through one jump host."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from homelab_tui.sources.ssh_routes import Hop, Route

MAX_PER_JUMP_HOST = 4
"""Connections through one jump host at a time: sshd's MaxStartups begins to drop at 10, and others use it too."""


class Gates:
    """One for each server, made when it is first wanted."""

    def __init__(self) -> None:
        self._gates: dict[tuple[str, int], asyncio.Semaphore] = {}

    @asynccontextmanager
    async def turn(self, route: Route) -> AsyncIterator[None]:
        """Waits for this node's turn, then for a place at each jump host. The order keeps two from waiting in a ring:
        a node's own gate is held by one connection only, and that one alone goes on to the jump hosts."""
        async with AsyncExitStack() as gates:
            await gates.enter_async_context(self._gate(route.target, 1))
            for hop in route.hops[:-1]:
                await gates.enter_async_context(self._gate(hop, MAX_PER_JUMP_HOST))
            yield

    def _gate(self, hop: Hop, places: int) -> asyncio.Semaphore:
        key = (hop.host.lower(), hop.port) if places == 1 else (f"via {hop.host.lower()}", hop.port)
        if key not in self._gates:
            self._gates[key] = asyncio.Semaphore(places)
        return self._gates[key]
