"""Watching a port and its node come back after its power was cut."""

from collections.abc import Awaitable, Callable

from homelab_tui.domain.errors import HomelabError
from homelab_tui.domain.nodes import Node
from homelab_tui.domain.operations import Result
from homelab_tui.domain.poe import PoePort
from homelab_tui.engine.operations import Operations, Progress
from homelab_tui.engine.ports import Clock, SwitchesPoe

_POLL_S = 0.5
_DELIVER_S = 60.0
"""How long a port that is on may search before it counts as denied."""


class Follower:
    """Follows one port: until it delivers power, and its node, where one is known, takes a TCP connection."""

    def __init__(
        self,
        switch: SwitchesPoe,
        before: PoePort,
        node: Node | None,
        answers: Callable[[Node], Awaitable[bool]],
        operations: Operations,
        clock: Clock,
        *,
        boot_grace_s: float,
    ) -> None:
        """`before`: the port as it was before its power was cut."""
        self._switch = switch
        self._before = before
        self._node = node
        self._ask = answers
        self._operations = operations
        self._clock = clock
        self._boot_grace_s = boot_grace_s
        self._port: PoePort | None = None
        self._delivers: bool | None = None
        """None: the switch does not tell, so only the node can."""
        self._begun = clock.now()

    async def work(self, progress: Progress) -> Result:
        """The work of an operation: a failed Result when the boot grace is over."""
        must_deliver = self._node is not None or self._before.delivers_power is True
        while True:
            if not self._delivers:
                await self._look()
            progress.stage(self._stage())
            if self._node is None and (self._delivers or not must_deliver):
                return self._result(ok=True, detail="the switch says it is on")
            if self._node is not None and self._delivers is not False and await self._answers(self._node):
                return self._result(ok=True, detail=f"{self._node.name} answers SSH after {self._seconds():.0f} s")
            if self._delivers is False and self._seconds() >= min(_DELIVER_S, self._boot_grace_s):
                return self._result(ok=False, detail=self._undelivered())
            if self._seconds() >= self._boot_grace_s:
                who = self._node.name if self._node else "the switch"
                return self._result(ok=False, detail=f"but {who} does not answer after {self._seconds():.0f} s")
            await self._operations.rest(_POLL_S)

    async def _look(self) -> None:
        try:
            self._port = (await self._switch.read()).port(self._before.ref)
        except HomelabError:
            self._delivers = None
        else:
            self._delivers = self._port.delivers_power if self._port else None

    async def _answers(self, node: Node) -> bool:
        try:
            return await self._ask(node)
        except HomelabError:
            return False

    def _stage(self) -> str:
        if self._delivers:
            return f"delivering, waiting for SSH, {self._seconds():.0f} s"
        word = self._port.detection.value if self._port and self._port.detection else "on"
        return f"{word}, {self._seconds():.0f} s"

    def _undelivered(self) -> str:
        """Why a port that is on gives no power, as far as the switch tells."""
        port, before = self._port, self._before
        word = port.detection.value if port and port.detection else "unknown"
        denied = ""
        if port and port.denied_count is not None and before.denied_count is not None:
            more = port.denied_count - before.denied_count
            denied = f", denied {more} times more: is the budget of the switch spent?" if more > 0 else ""
        return f"but its port gives no power for {self._seconds():.0f} s ({word}{denied})"

    def _seconds(self) -> float:
        return (self._clock.now() - self._begun).total_seconds()

    def _result(self, *, ok: bool, detail: str) -> Result:
        name = self._node.name if self._node else str(self._before.ref)
        return Result(name, ok=ok, changed=False, detail=detail)
