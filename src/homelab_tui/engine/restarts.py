"""Restarting nodes with care: drained first, rebooted or power-cycled, waited for, and given back."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from homelab_tui.domain.errors import UsageError
from homelab_tui.domain.operations import Plan, Result
from homelab_tui.domain.state import LabState, NodeView
from homelab_tui.domain.values import replace
from homelab_tui.engine.node_actions import NodeActions
from homelab_tui.engine.poe import PoeActions, PortTarget, find_port
from homelab_tui.engine.rolling import Restart, RollingRestart

REBOOT, CYCLE = "reboot", "cycle"
"""How a node is restarted: over SSH, or by the port that feeds it."""


class Restarts:
    """A rolling restart, of one node or of several, in either way."""

    def __init__(
        self,
        nodes: NodeActions,
        poe: PoeActions,
        state: Callable[[], LabState],
        read_switches: Callable[[], Awaitable[LabState]],
    ) -> None:
        self._nodes = nodes
        self._poe = poe
        self._state = state
        self._read_switches = read_switches

    async def plan(self, views: Sequence[NodeView], *, by: str, force: bool = False) -> Plan:
        """What will be done: the Pods that go, what holds them, and every safeguard of either way."""
        plan = self._nodes.plan("rolling", views, force=force)
        how = "a power-cycle of the PoE port" if by == CYCLE else "a reboot over SSH"
        plan = replace(plan, notes=(f"restarted by {how}", *plan.notes))
        if len(views) == 1:
            words = ("Drain and power-cycle", "Power-cycle") if by == CYCLE else ("Drain and reboot", "Reboot")
            title = words[0] if self._nodes.is_followable(views[0]) else words[1]
            plan = replace(plan, title=f"{title} {views[0].node.name}")
        refusals, warnings = list(plan.refusals), list(plan.warnings)
        for view in views:
            if by == REBOOT and view.reachable is False:
                refusals.append(f"{view.node.name}: it does not answer SSH: power-cycle it instead")
            if by == CYCLE:
                target, why = self._target(view)
                power = self._poe.plan("cycle", [target]) if target else None
                refusals += [f"{view.node.name}: {one}" for one in power.refusals] if power else [why or ""]
                warnings += [one for one in power.warnings if one not in warnings] if power else []
        plan = replace(plan, refusals=tuple(dict.fromkeys(refusals)), warnings=tuple(dict.fromkeys(warnings)))
        return await self._nodes.with_drains(plan, views, force=force)

    async def run(self, views: Sequence[NodeView], *, by: str, force: bool = False) -> tuple[Result, ...]:
        """One result per node, in the order they were taken: control planes last, no more after the first failure."""
        return await RollingRestart(self._nodes, self._way(by)).run(views, force=force)

    def _way(self, by: str) -> Restart:
        # Both leave the wait for Ready to the rolling restart, which does it for every way.
        return self._cycle if by == CYCLE else partial(self._nodes.reboot, to_ready=False)

    async def _cycle(self, view: NodeView) -> Result:
        try:
            target = find_port(await self._read_switches(), view.node.name)
        except UsageError as error:
            return Result(view.node.name, ok=False, changed=False, detail=str(error))
        return await self._poe.cycle(target, to_ready=False)

    def _target(self, view: NodeView) -> tuple[PortTarget | None, str | None]:
        try:
            return find_port(self._state(), view.node.name), None
        except UsageError as error:
            return None, str(error)
