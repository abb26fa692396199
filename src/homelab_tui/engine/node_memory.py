"""What is remembered of nodes: energy and usual draw, what ailed them, and this session's curves."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from homelab_tui.config.model import SwitchConfig
from homelab_tui.domain.ailments import UNDER_VOLTAGE, Ailment, boot_of
from homelab_tui.domain.curves import Curve, NodeCurves
from homelab_tui.domain.errors import HomelabError
from homelab_tui.domain.nodes import NodeFacts, NodeState
from homelab_tui.domain.poe import PoePort, port_event
from homelab_tui.domain.power import NodePower
from homelab_tui.domain.reading import Reading
from homelab_tui.domain.state import LabState, NodeView
from homelab_tui.domain.values import replace
from homelab_tui.engine.ailment_log import AilmentLog
from homelab_tui.engine.histories import EVERY_S, POINTS, Histories
from homelab_tui.engine.past_power import PastPower
from homelab_tui.engine.ports import Clock, ReadsMetrics
from homelab_tui.engine.power_log import PowerLog
from homelab_tui.engine.sampling import Sampler

log = logging.getLogger(__name__)
SAMPLE_S = 10.0
_FLUSH_EVERY = 6
"""Samples between two writes to the disk: a minute."""


class NodeMemory:
    """Remembers on the disk of this machine and in this session. It asks nothing of anybody but for `curves`."""

    def __init__(
        self,
        state_dir: Path,
        clock: Clock,
        servers: Sequence[ReadsMetrics] = (),
        switches: Sequence[SwitchConfig] = (),
    ) -> None:
        """`servers` and `switches`: who is asked for what was before this session, and of what."""
        self._clock = clock
        self._servers = {server.name: server for server in servers}
        self._past_power = PastPower(switches, servers)
        self.power = PowerLog(state_dir, clock)
        self.ailments = AilmentLog(state_dir, clock)
        self.histories = Histories()
        self._last_good: dict[str, PoePort] = {}
        """The port of each node when it answered last."""
        self._sampler = Sampler(self.power, self.histories)

    def power_of(self, name: str) -> NodePower | None:
        """Energy per day, and the usual draw; None when it was never sampled."""
        return self.power.of(name)

    def ailments_of(self, name: str, boot_id: str | None) -> tuple[Ailment, ...]:
        """What its firmware complained of in this boot, as we saw it."""
        return self.ailments.of(name, boot_id)

    def port_event_of(self, name: str, port: PoePort) -> str | None:
        """What its port saw since the node answered last in this session."""
        before = self._last_good.get(name)
        return None if before is None or before.ref != port.ref else port_event(before, port)

    def probed(self, name: str, reading: Reading[object]) -> None:
        """Take in a probe: what ails the node is held on to."""
        facts = reading.value
        if reading.problem is None and isinstance(facts, NodeFacts):
            self.ailments.see(name, facts.boot_id, facts.throttled)

    def sample(self, state: LabState) -> None:
        """One sample of every node."""
        self._sampler.take(state, self._clock.now())
        self._see_under_voltage(state)
        fresh = {name for name, reading in state.switches if reading.problem is None}
        for view in state.node_views:
            if view.state is NodeState.UP and view.reachable and view.port and view.port.ref.switch in fresh:
                self._last_good[view.node.name] = view.port

    def _see_under_voltage(self, state: LabState) -> None:
        """Hold on to what node_exporter says, of nodes whose own probe does not tell it right now."""
        servers = {name for name, reading in state.machines if reading.problem is None}
        probed = {
            name for name, reading in state.probes if reading.problem is None and _tells_throttling(reading.value)
        }
        for view in state.node_views:
            metrics, name = view.metrics, view.node.name
            if metrics is None or metrics.under_voltage is None or metrics.machine_up is False:
                continue
            if view.metrics_from in servers and name not in probed:
                boot = boot_of(view.facts.boot_id if view.facts else None, metrics.boot_time)
                self.ailments.see_one(name, boot, UNDER_VOLTAGE, is_on=metrics.under_voltage)

    def flush(self, *, everything: bool = False) -> None:
        """To the disk; with `everything` the minute that is running too."""
        self.power.flush(everything=everything)

    async def run(self, state: Callable[[], LabState], changed: Callable[[], None]) -> None:
        """Sample for ever; `changed` is called when there is more to know of a day."""
        while True:
            for _ in range(_FLUSH_EVERY):
                await asyncio.sleep(SAMPLE_S)
                self.sample(state())
            self.flush()
            changed()

    async def curves_for(self, state: LabState, key: str) -> NodeCurves | None:
        """What can be drawn of a row (`node:…`, `port:…`); None: nothing ever, or it is gone."""
        kind, _, name = key.partition(":")
        if kind == "node":
            view = next((view for view in state.node_views if view.node.name == name), None)
            return None if view is None else await self.curves(view)
        ports = (port for _, reading in state.switches if reading.value for port in reading.value.ports)
        port = next((port for port in ports if str(port.ref) == name), None) if kind == "port" else None
        return None if port is None else await self.port_curves(state, port)

    async def curves(self, view: NodeView) -> NodeCurves:
        """Temperature and power over the last two hours: by Prometheus where it knows the node and the port that feeds
        it, else this session's."""
        by_node, port_w = await asyncio.gather(self._node_curves(view), self._port_curve(view.port))
        return replace(by_node, port_w=port_w).or_else(self.histories.of(view.node.name))

    async def port_curves(self, state: LabState, port: PoePort) -> NodeCurves:
        """What a port gave over the last two hours: by Prometheus, else this session's of the node that it feeds."""
        fed = next((view for view in state.node_views if view.port and view.port.ref == port.ref), None)
        session = NodeCurves() if fed is None else NodeCurves(port_w=self.histories.of(fed.node.name).port_w)
        return NodeCurves(port_w=await self._port_curve(port)).or_else(session)

    async def _port_curve(self, port: PoePort | None) -> Curve | None:
        if port is None:
            return None
        return await self._past_power.of(port, end=self._clock.now(), seconds=EVERY_S * POINTS, points=POINTS)

    async def _node_curves(self, view: NodeView) -> NodeCurves:
        server = self._servers.get(view.metrics_from or "")
        if server is None or view.metrics is None:
            return NodeCurves()
        try:
            return await server.read_curves(
                view.metrics.instance, end=self._clock.now(), seconds=EVERY_S * POINTS, points=POINTS
            )
        except HomelabError as error:
            log.info("%s: no history from Prometheus: %s", view.node.name, error)
            return NodeCurves()


def _tells_throttling(facts: NodeFacts | None) -> bool:
    return facts is not None and facts.throttled is not None
