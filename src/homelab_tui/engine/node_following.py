"""Watching a node boot: it goes down, and answers again as another boot."""

from homelab_tui.domain.errors import HomelabError
from homelab_tui.domain.nodes import Node
from homelab_tui.domain.operations import Result
from homelab_tui.engine.operations import Operations, Progress
from homelab_tui.engine.ports import Clock, ReachesNodes

_POLL_S = 1.0


class BootFollower:
    """Follows one node until it has booted, or the boot grace is over."""

    def __init__(
        self, ssh: ReachesNodes, node: Node, operations: Operations, clock: Clock, *, boot_grace_s: float
    ) -> None:
        self._ssh = ssh
        self._node = node
        self._operations = operations
        self._clock = clock
        self._boot_grace_s = boot_grace_s
        self._begun = clock.now()

    async def until_rebooted(self, progress: Progress, boot_id: str | None) -> Result:
        """Until it answers SSH with another boot id than `boot_id`; without one, after it was seen down."""
        was_down = False
        while True:
            up = await self._answers()
            was_down = was_down or not up
            if up and (was_down or boot_id is not None):
                now = await self._boot_id()
                if now is not None and now != boot_id and (was_down or boot_id is not None):
                    return self._result(ok=True, detail=f"rebooted, answers SSH after {self._seconds():.0f} s")
            progress.stage(f"{'booting' if was_down else 'going down'}, {self._seconds():.0f} s")
            if self._is_over():
                what = "does not answer" if not up else "answers, but is still the same boot"
                return self._result(ok=False, detail=f"asked to reboot, but it {what} after {self._seconds():.0f} s")
            await self._operations.rest(_POLL_S)

    async def until_awake(self, progress: Progress) -> Result:
        """Until it takes a connection on its SSH port."""
        while True:
            if await self._answers():
                return self._result(ok=True, detail=f"woken, answers SSH after {self._seconds():.0f} s")
            progress.stage(f"magic packet sent, waiting, {self._seconds():.0f} s")
            if self._is_over():
                detail = (
                    f"magic packet sent, but it does not answer after {self._seconds():.0f} s: is wake-on-LAN enabled "
                    "in its firmware, and this machine on the same network?"
                )
                return self._result(ok=False, detail=detail)
            await self._operations.rest(_POLL_S)

    async def _answers(self) -> bool:
        try:
            return await self._ssh.answers(self._node)
        except HomelabError:
            return False

    async def _boot_id(self) -> str | None:
        try:
            return (await self._ssh.probe(self._node)).boot_id
        except HomelabError:
            return None

    def _is_over(self) -> bool:
        return self._seconds() >= self._boot_grace_s or self._operations.closing.is_set()

    def _seconds(self) -> float:
        return (self._clock.now() - self._begun).total_seconds()

    def _result(self, *, ok: bool, detail: str) -> Result:
        return Result(self._node.name, ok=ok, changed=True, detail=detail)
