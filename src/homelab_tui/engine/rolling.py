"""A rolling restart: one node after the other, each given back to its cluster before the next is taken."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from homelab_tui.domain.errors import HomelabError
from homelab_tui.domain.operations import Result
from homelab_tui.domain.state import NodeView
from homelab_tui.domain.values import replace
from homelab_tui.engine.node_actions import NodeActions, is_control_plane

Restart = Callable[[NodeView], Awaitable[Result]]


class RollingRestart:
    """Restarts a selection. Stops at the first failure: what went wrong once goes wrong again."""

    def __init__(self, actions: NodeActions, restart: Restart | None = None) -> None:
        """`restart`: how a node is restarted and followed until it answers; by default a reboot over SSH."""
        self._actions = actions
        self._restart = restart or partial(actions.reboot, to_ready=False)

    async def run(self, views: Sequence[NodeView], *, force: bool = False) -> tuple[Result, ...]:
        """One result per node, in the order they were taken."""
        results: list[Result] = []
        for view in in_order(views):
            if results and not results[-1].ok:
                failed = next(result.target for result in results if not result.ok)
                detail = f"not started: {failed} did not come through"
                results.append(Result(view.node.name, ok=False, changed=False, detail=detail))
            else:
                results.append(await self._one(view, force=force))
        return tuple(results)

    async def _one(self, view: NodeView, *, force: bool) -> Result:
        kube = view.kubernetes
        if kube is None:
            return await self._restart(view)
        try:
            before = await self._actions.drainer(view).read()
        except HomelabError as error:
            return Result(view.node.name, ok=False, changed=False, detail=str(error))
        drained = await self._actions.drain(view, force=force)
        if not drained.ok:
            return await self._give_back(view, drained, was_cordoned=before.unschedulable)
        restarted = await self._restart(view)
        if not restarted.ok:
            return replace(restarted, changed=True, detail=f"drained; {restarted.detail}; it is left cordoned")
        ready = await self._actions.until_ready(view, before.boot_id, cordoned=True)
        done = f"{restarted.detail}, {ready.detail}"
        if not ready.ok or before.unschedulable:
            kept = "; it was cordoned before, and stays so" if ready.ok else ""
            return replace(ready, changed=True, detail=f"{done}{kept}")
        opened = await self._actions.cordon(view, on=False)
        if not opened.ok:
            return replace(opened, changed=True, detail=f"{done}, but it is left cordoned: {opened.detail}")
        return Result(view.node.name, ok=True, changed=True, detail=f"{done}, takes Pods again")

    async def _give_back(self, view: NodeView, drained: Result, *, was_cordoned: bool) -> Result:
        """A drain that did not come through: nothing was restarted, so the node may go on working."""
        if not drained.changed or was_cordoned:
            return replace(drained, detail=f"not restarted: {drained.detail}")
        opened = await self._actions.cordon(view, on=False)
        end = "it takes Pods again" if opened.ok else f"it is left cordoned: {opened.detail}"
        return replace(drained, detail=f"not restarted: {drained.detail}; {end}")


def in_order(views: Sequence[NodeView]) -> tuple[NodeView, ...]:
    """As given, control planes last."""
    return tuple(sorted(views, key=is_control_plane))
