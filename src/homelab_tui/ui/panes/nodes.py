"""The Nodes pane: the boxes, their specs, their health, and the ports that feed them."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from functools import partial
from typing import ClassVar

from textual import work
from textual.binding import BindingType

from homelab_tui.domain.errors import UsageError
from homelab_tui.domain.nodes import NodeState
from homelab_tui.domain.operations import Result
from homelab_tui.domain.state import LabState, NodeView
from homelab_tui.domain.twins import Comparison, compare, twins_of, twins_title
from homelab_tui.engine.lab import Lab
from homelab_tui.engine.poe import PortTarget, find_port
from homelab_tui.engine.restarts import CYCLE, REBOOT
from homelab_tui.present import nodes as present
from homelab_tui.present.plans import results_sentence
from homelab_tui.present.table import Row
from homelab_tui.ui import screens
from homelab_tui.ui.bindings import bindings_of
from homelab_tui.ui.frame import TITLES
from homelab_tui.ui.notices import tell, tell_results
from homelab_tui.ui.panes.pane import Pane
from homelab_tui.ui.shells import open_shell, why_no_shell

_NODE_COMMANDS = ("nodes.wake", "nodes.reboot", "nodes.cordon", "nodes.drain", "nodes.rolling")
_DONE = {
    "wake": "woken",
    "reboot": "rebooted",
    "cordon": "cordoned",
    "uncordon": "take Pods again",
    "drain": "drained",
    "rolling": "restarted",
}

_DRAIN_FIRST = "Drain first"
_WAYS = {CYCLE: "Power-cycle", REBOOT: "Reboot"}
"""What the button of the other way says."""


class NodesPane(Pane):
    """One table: nodes, then switches with their ports."""

    noun = "nodes"
    title = TITLES["nodes"]
    targets = ("node:", "port:")
    columns = present.COLUMNS
    BINDINGS: ClassVar[list[BindingType]] = [*bindings_of("nodes")]

    def __init__(self) -> None:
        super().__init__()
        self._kept = present.KeptNodeRows()

    def is_affected(self, before: LabState, after: LabState) -> bool:
        """Nodes, switches and what is being done to them; not the ages of readings."""
        return (
            before.node_views != after.node_views
            or self.other_acts(before, after)
            or [r.value for _, r in before.switches] != [r.value for _, r in after.switches]
            or [bool(r.problem) for _, r in before.switches] != [bool(r.problem) for _, r in after.switches]
        )

    def rows_of(self, state: LabState, now: datetime) -> Sequence[Row]:
        """Nodes, switches, ports."""
        return present.rows(state, now, self._kept)

    def empty_of(self, state: LabState, now: datetime) -> str:
        """Only when nothing is configured."""
        return "No [[nodes]] and no [[switches]] are configured."

    def summary_of(self, state: LabState) -> str:
        """How many are not up."""
        bad = sum(view.state in (NodeState.DOWN, NodeState.HUNG) for view in state.node_views)
        return f" ({bad} not up)" if bad else ""

    def why_not(self, command_id: str) -> str | None:
        """Power needs one row with a port."""
        if command_id == "nodes.probe":
            return None if self._node_names() else "the row under the cursor is no node"
        if command_id == "nodes.compare":
            if not self._node_names():
                return "the row under the cursor is no node"
            return None if len(self._compared()) > 1 else "it has no twin: select the nodes to compare (space)"
        if command_id in _NODE_COMMANDS:
            return self._why_not_nodes(command_id)
        if command_id in ("nodes.cycle", "nodes.port"):
            return self._target_or_reason()[1]
        if command_id == "nodes.shell":
            if len(self._node_names()) != 1:
                return "choose one node"
            return why_no_shell(self.lab) if self.lab else "the lab is starting"
        return None

    def command_line(self) -> str | None:
        """`homelab poe cycle rpi03`."""
        key = self.table.cursor_key
        if key is None:
            return "homelab nodes"
        kind, _, name = key.partition(":")
        return {"node": f"homelab poe cycle {name}", "port": f"homelab poe cycle {name}"}.get(kind, "homelab poe")

    def action_open_shell(self) -> None:
        """`ssh` to the node under the cursor, and back."""
        lab, why = self.lab, self.why_not("nodes.shell")
        if lab is None or why:
            tell(self, why or "the lab is starting", severity="warning")
            return
        name = self._node_names()[0]
        open_shell(self, lab, next(node for node in lab.config.nodes if node.name == name))

    def action_wake_nodes(self) -> None:
        """A magic packet, and follow."""
        self._act_on_nodes("wake")

    def action_reboot_nodes(self) -> None:
        """Over SSH, and follow."""
        self._act_on_nodes("reboot")

    def action_toggle_cordon(self) -> None:
        """Uncordon when every chosen node is cordoned, else cordon."""
        kubes = [view.kubernetes for view in self._views()]
        are_closed = bool(kubes) and all(kube is not None and kube.unschedulable for kube in kubes)
        self._act_on_nodes("uncordon" if are_closed else "cordon")

    def action_drain_nodes(self) -> None:
        """Cordon, and evict the Pods."""
        self._act_on_nodes("drain")

    def action_rolling_restart(self) -> None:
        """One after the other."""
        self._act_on_nodes("rolling")

    def action_compare_nodes(self) -> None:
        """Twins side by side."""
        names, why = self._compared(), self.why_not("nodes.compare")
        lab = self.lab
        if lab is None or why:
            tell(self, why or "the lab is starting", severity="warning")
            return

        def look() -> Comparison:
            views = tuple(view for view in lab.store.state.node_views if view.node.name in names)
            return compare(views, twins_title(views))

        self.app.push_screen(screens.CompareScreen(look))

    def _compared(self) -> tuple[str, ...]:
        """The selected nodes where there are several, else the node under the cursor and its twins."""
        names = self._node_names()
        if len(names) != 1 or self.lab is None:
            return names
        return tuple(view.node.name for view in twins_of(self.lab.store.state.node_views, names[0]))

    @work(group="nodes.act", exit_on_error=False)
    async def _act_on_nodes(self, verb: str) -> None:
        # The views of the key press: what was looked at is what is acted on.
        lab, views = self.lab, self._views()
        if lab is None or not views:
            tell(
                self,
                "the lab is starting" if lab is None else "the row under the cursor is no node",
                severity="warning",
            )
            return
        if verb == "rolling":
            await self._restart(lab, views, REBOOT, CYCLE)
            return
        plan = lab.nodes.plan(verb, views)
        if verb == "drain":
            plan = await lab.nodes.with_drains(plan, views, force=False)
        dialog = screens.ConfirmScreen(
            plan, _DRAIN_FIRST if verb == "reboot" and plan.is_allowed and lab.nodes.are_drainable(views) else None
        )
        if not await self.app.push_screen_wait(dialog):
            return
        if dialog.chose_other:
            await self._restart(lab, views, REBOOT)
            return
        acts: dict[str, Callable[[NodeView], Awaitable[Result]]] = {
            "wake": lab.nodes.wake,
            "reboot": lab.nodes.reboot,
            "cordon": partial(lab.nodes.cordon, on=True),
            "uncordon": partial(lab.nodes.cordon, on=False),
            "drain": lab.nodes.drain,
        }
        results = tuple(await asyncio.gather(*(acts[verb](view) for view in views)))
        self.table.select([f"node:{result.target}" for result in results if len(results) > 1 and not result.ok])
        tell_results(self, results_sentence(_DONE[verb], results), results)

    async def _restart(self, lab: Lab, views: tuple[NodeView, ...], by: str, other: str | None = None) -> None:
        """Drain, restart, wait for Ready, give back, one after the other. `other`: the other way, to be offered."""
        plan = await lab.restarts.plan(views, by=by)
        dialog = screens.ConfirmScreen(plan, _WAYS.get(other or ""))
        if not await self.app.push_screen_wait(dialog):
            return
        if dialog.chose_other and other is not None:
            await self._restart(lab, views, other, by)
            return
        results = await lab.restarts.run(views, by=by)
        self.table.select([f"node:{result.target}" for result in results if len(results) > 1 and not result.ok])
        tell_results(self, results_sentence(_DONE["rolling"], results), results)

    def _why_not_nodes(self, command_id: str) -> str | None:
        lab, views = self.lab, self._views()
        if lab is None or not views:
            return "the lab is starting" if lab is None else "the row under the cursor is no node"
        verb = command_id.partition(".")[2]
        return next(iter(lab.nodes.plan(verb, views).refusals), None)

    def _views(self) -> tuple[NodeView, ...]:
        """The chosen nodes with all that is known of them."""
        names = self._node_names()
        known = self.lab.store.state.node_views if self.lab else ()
        return tuple(view for view in known if view.node.name in names)

    def _node_names(self) -> tuple[str, ...]:
        return tuple(key.partition(":")[2] for key in self.chosen_keys() if key.startswith("node:"))

    def _target_or_reason(self) -> tuple[PortTarget | None, str | None]:
        """The one port that is meant, or why there is none."""
        lab, keys = self.lab, self.chosen_keys()
        if lab is None:
            return None, "the lab is starting"
        if lab.config.safety.read_only:
            return None, "read-only: [safety] read_only = true"
        if len(keys) != 1:
            return None, "one at a time: select a single node or port"
        kind, _, name = keys[0].partition(":")
        if kind not in ("node", "port"):
            return None, "the row under the cursor is no node and no port"
        try:
            return find_port(lab.store.state, name), None
        except UsageError as error:
            return None, str(error)

    def action_probe(self) -> None:
        """Ask the chosen nodes again now."""
        lab = self.lab
        names = self._node_names()
        if lab is None or not names:
            tell(self, self.why_not("nodes.probe") or "the lab is starting", severity="warning")
            return
        for name in names:
            lab.wake_node(name)
        tell(self, f"asking {', '.join(names)} again")

    def action_power_cycle(self) -> None:
        """Off, on, and follow."""
        self._power("cycle")

    def action_port_power(self) -> None:
        """On where it is off, off where it is on."""
        target, _ = self._target_or_reason()
        on = target is not None and target.port is not None and target.port.admin_on is False
        self._power("on" if on else "off")

    @work(group="nodes.power", exit_on_error=False)
    async def _power(self, verb: str) -> None:
        target, why = self._target_or_reason()
        lab = self.lab
        if target is None or lab is None:
            tell(self, why or "the lab is starting", severity="warning")
            return
        plan = lab.poe.plan(verb, [target])
        views = (target.node,) if target.node else ()
        dialog = screens.ConfirmScreen(
            plan, _DRAIN_FIRST if verb == "cycle" and plan.is_allowed and lab.nodes.are_drainable(views) else None
        )
        if not await self.app.push_screen_wait(dialog):
            return
        if dialog.chose_other:
            await self._restart(lab, views, CYCLE)
            return
        # The plan was made from a reading that has aged while it was read: make it again before acting.
        fresh = find_port(lab.store.state, str(target.ref))
        refusals = lab.poe.plan(verb, [fresh]).refusals
        if refusals:
            tell(self, "; ".join(refusals), severity="error")
            return
        if verb == "cycle":
            result = await lab.poe.cycle(fresh)
        else:
            result = await lab.poe.switch(fresh, on=verb == "on")
        tell_results(self, results_sentence(f"port {verb}", (result,)), (result,))
