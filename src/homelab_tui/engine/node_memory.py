"""What is remembered of nodes: energy and usual draw, what ailed them, and this session's curves."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path

from homelab_tui.domain.ailments import Ailment
from homelab_tui.domain.curves import NodeCurves
from homelab_tui.domain.errors import HomelabError
from homelab_tui.domain.nodes import NodeFacts, NodeState
from homelab_tui.domain.poe import PoePort, port_event
from homelab_tui.domain.power import NodePower
from homelab_tui.domain.reading import Reading
from homelab_tui.domain.state import LabState, NodeView
from homelab_tui.engine.ailment_log import AilmentLog
from homelab_tui.engine.histories import EVERY_S, POINTS, Histories
from homelab_tui.engine.ports import Clock, ReadsMetrics
from homelab_tui.engine.power_log import PowerLog
from homelab_tui.engine.sampling import Sampler

log = logging.getLogger(__name__)
SAMPLE_S = 10.0
_FLUSH_EVERY = 6
"""Samples between two writes to the disk: a minute."""


class NodeMemory:
    """Remembers on the disk of this machine and in this session. It asks nothing of anybody but for `curves`."""

    def __init__(self, state_dir: Path, clock: Clock, servers: Sequence[ReadsMetrics] = ()) -> None:
        self._clock = clock
        self._servers = {server.name: server for server in servers}
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
        fresh = {name for name, reading in state.switches if reading.problem is None}
        for view in state.node_views:
            if view.state is NodeState.UP and view.reachable and view.port and view.port.ref.switch in fresh:
                self._last_good[view.node.name] = view.port

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

    async def curves(self, view: NodeView) -> NodeCurves:
        """Temperature and power over the last two hours: by Prometheus where it knows the node, else this session's."""
        session = self.histories.of(view.node.name)
        server = self._servers.get(view.metrics_from or "")
        if server is None or view.metrics is None:
            return session
        seconds = timedelta(seconds=EVERY_S * POINTS).total_seconds()
        try:
            told = await server.read_curves(
                view.metrics.instance, end=self._clock.now(), seconds=seconds, points=POINTS
            )
        except HomelabError as error:
            log.info("%s: no history from Prometheus: %s", view.node.name, error)
            return session
        return told.or_else(session)
