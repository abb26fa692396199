"""The lab: what the screen and the command line hold. Starts the loops, keeps the state, closes with care."""

import asyncio
import logging
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from homelab_tui.config.model import Config
from homelab_tui.domain.keys import AccountKeys
from homelab_tui.domain.nodes import Node
from homelab_tui.domain.operations import Result
from homelab_tui.domain.state import LabState, NodeView
from homelab_tui.engine.access import AccessReviews
from homelab_tui.engine.account_readings import AccountReadings
from homelab_tui.engine.activity import ActivityLog
from homelab_tui.engine.administration import Administration
from homelab_tui.engine.clusters import ClusterWatcher
from homelab_tui.engine.configured import empty_state, pods_of, poe_limits
from homelab_tui.engine.cronjobs import CronJobActions
from homelab_tui.engine.derived import Derivation, Silences
from homelab_tui.engine.evidence import EvidenceTaker, JobLooks
from homelab_tui.engine.evidence_box import EvidenceBox
from homelab_tui.engine.job_changes import JobChanges
from homelab_tui.engine.job_logs import JobLogs
from homelab_tui.engine.jobs import JobActions, Tombstones
from homelab_tui.engine.journal import Journal, JournalEntry
from homelab_tui.engine.key_changes import KeyChanges
from homelab_tui.engine.key_modes import KeyModes
from homelab_tui.engine.key_steps import KeySteps
from homelab_tui.engine.keys import KeyActions
from homelab_tui.engine.kubectl import Kubectl
from homelab_tui.engine.loops import Loops
from homelab_tui.engine.node_actions import NodeActions, NodeLimits, NodeWires
from homelab_tui.engine.node_memory import NodeMemory
from homelab_tui.engine.operations import Operations
from homelab_tui.engine.poe import PoeActions
from homelab_tui.engine.port_memory import PortMemory
from homelab_tui.engine.ports import (
    Clock,
    Sleep,
)
from homelab_tui.engine.readings import Readers, Readings
from homelab_tui.engine.restarts import Restarts
from homelab_tui.engine.silences import SilenceActions
from homelab_tui.engine.store import Store
from homelab_tui.engine.wires import Sources

log = logging.getLogger(__name__)
_CLOSE_S = 2.0


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Aware UTC."""
        return datetime.now(UTC)


class Lab:
    """One homelab, headless."""

    def __init__(
        self,
        config: Config,
        sources: Sources,
        state_dir: Path,
        clock: Clock | None = None,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        """`clock` and `sleep` (the pauses within actions) are a test's to replace."""
        self.config = config
        self.sources = sources
        self.clock: Clock = clock or SystemClock()
        tombstones = Tombstones(self.clock)
        self._silences = Silences(self.clock, config.safety.boot_grace_s, self.wake_node)
        self.memory = NodeMemory(state_dir, self.clock, sources.prometheus, config.switches)
        ports = PortMemory(state_dir, self.clock)
        derivation = Derivation(config, self.clock, tombstones, self._silences, ports, self.memory)
        self.store = Store(empty_state(config), derivation, lambda: derivation.is_settled)
        self.journal = Journal(state_dir, self.clock)
        self.activity = ActivityLog(state_dir, self.clock)
        self.operations = Operations(self.store, self.activity, self.clock, sleep)
        read_only = config.safety.read_only
        box = EvidenceBox(state_dir, self.clock)
        self.evidence = EvidenceTaker(sources.clusters, box, self.clock, lambda job: pods_of(job, self.store.state))
        self.jobs = JobActions(
            sources.clusters,
            self.operations,
            tombstones,
            read_only=read_only,
            before_delete=self.evidence.before_delete,
        )
        self.looks = JobLooks(self.jobs, box)
        self.logs = JobLogs(sources.clusters, sleep)
        self.kubectl = Kubectl(config.clusters, sources.clusters)
        self.state_dir = state_dir
        self.job_changes = JobChanges(sources.clusters, self.operations, self.clock, read_only=read_only)
        self.cronjobs = CronJobActions(sources.clusters, self.operations, read_only=read_only)
        self.access = AccessReviews(sources.clusters, self.clock)
        self.silences = SilenceActions(
            sources.alertmanagers,
            self.operations,
            self.clock,
            lambda: self.store.state,
            partial(self._wake, "alertmanager"),
            read_only=read_only,
            servers=config.alertmanagers,
        )
        key_steps = KeySteps(
            sources.ssh, self.operations, self.clock, state_dir, read_only=read_only, reread=self.read_account
        )
        self.keys = KeyActions(key_steps)
        self.key_changes = KeyChanges(key_steps)
        self.key_modes = KeyModes(key_steps)
        self.administration = Administration(key_steps, self.journal, config.nodes, config.ssh.bastion)
        self.poe = PoeActions(
            sources.switches,
            self.operations,
            self.journal,
            self.clock,
            poe_limits(config, sources.own_macs, sources.own_addresses),
            answers=sources.ssh.answers,
            wake=self._wake_power,
            until_ready=self._until_ready,
        )
        self.nodes = NodeActions(
            NodeWires(sources.ssh, sources.reboots, sources.lan, sources.drains),
            self.operations,
            self.clock,
            NodeLimits(read_only, config.safety.boot_grace_s, sources.own_macs, sources.own_addresses),
            wake=self.wake_node,
            kube_nodes=lambda: tuple(n for _, r in self.store.state.clusters if r.value for n in r.value.nodes),
        )
        self.restarts = Restarts(self.nodes, self.poe, lambda: self.store.state, partial(self.read, ("switches",)))
        self._accounts = AccountReadings(sources.ssh, self.store, self.clock, state_dir)
        clusters = [f"clusters:{cluster.name}" for cluster in sources.clusters]
        self._loops = Loops(clusters, [*clusters, *(f"prometheus:{server.name}" for server in sources.prometheus)])
        readers = Readers(self._silences, self.memory, self._accounts, self._loops.hear)
        self.readings = Readings(config, sources, self.store, self.clock, readers)
        self._watchers = tuple(
            ClusterWatcher(
                c,
                self.readings.publisher(c.name),
                self.clock,
                on_jobs=self.evidence.observer(c.name),
                hurry=self.store.hurry,
            )
            for c in sources.clusters
        )

    # Life

    def start(self) -> None:
        """Begin to watch and poll. Returns at once; everything that happens becomes state."""
        self.find_unfinished()
        remembering = partial(self.memory.run, lambda: self.store.state, self.store.touch)
        self._loops.start([*(watcher.run for watcher in self._watchers), remembering], self.readings.loops)

    async def close(self) -> None:
        """End: what must finish finishes, the rest is cancelled (2 s), connections are closed (2 s)."""
        await self.operations.close()
        await self._loops.close()
        self.memory.flush(everything=True)
        self._accounts.flush()
        self.activity.flush()
        self.store.close()
        closing = [self.sources.ssh.close()]
        closing += [cluster.close() for cluster in self.sources.clusters]
        closing += [server.close() for server in self.sources.prometheus]
        closing += [switch.close() for switch in self.sources.switches]
        closing += [server.close() for server in self.sources.alertmanagers]
        try:
            async with asyncio.timeout(_CLOSE_S):
                await asyncio.gather(self.access.close(), self.evidence.close(), return_exceptions=True)
                await asyncio.gather(*closing, return_exceptions=True)
        except TimeoutError:
            log.warning("not every connection could be closed within %g s", _CLOSE_S)

    @property
    def busy(self) -> int:
        """How many operations are going."""
        return self.operations.busy

    @property
    def going(self) -> tuple[str, ...]:
        """The operations that must finish and have not, one line each."""
        return self.operations.going

    def wake(self) -> None:
        """Ask everything again now."""
        self.sources.ssh.forget()
        self.readings.wake()
        for watcher in self._watchers:
            watcher.wake()

    def wake_node(self, name: str) -> None:
        """Ask one node again now."""
        self.readings.wake_node(name)

    async def _until_ready(self, view: NodeView) -> Result | None:
        """Wait for the Node of a box that was power-cycled."""
        if not self.nodes.is_followable(view):
            return None
        return await self.nodes.until_ready(view, view.kubernetes.boot_id if view.kubernetes else None)

    # Unfinished work of an earlier process

    def find_unfinished(self) -> tuple[JournalEntry, ...]:
        """What an earlier process began and never ended, or this one had to give up; shown until it is restored."""
        try:
            entries = self.journal.unfinished()
        except OSError as error:
            log.warning("the journal cannot be read: %s", error)
            self.store.update(unfinished=(f"the journal cannot be read ({error.strerror}): is a port still off?",))
            return ()
        self.store.update(
            unfinished=tuple(f"{e.kind} on {e.target}, begun {e.begun_at:%Y-%m-%d %H:%M:%S} UTC" for e in entries)
        )
        return entries

    async def restore(self, entry: JournalEntry) -> Result:
        """Finish what an earlier process left undone."""
        if entry.kind == "poe.cycle":
            return await self.poe.restore(entry)
        if entry.kind == "keys.harden":
            return await self.administration.restore(entry)
        self.journal.end(entry.id, "seen")
        return Result(entry.target, ok=True, changed=False, detail=f"{entry.kind}: nothing is left to repair")

    # Reading once, for the command line

    async def read(self, what: Collection[str], *, accounts: Sequence[Node] | None = None) -> LabState:
        """One look at the kinds of source named: nodes, reach (nodes without their probe), updates, switches, clusters,
        prometheus, past (what Prometheus remembers), machines, alertmanagers, keys. Returns the state.

        Raises: ConfigError for a configured key file that is no key.
        """
        await self.readings.read(what, accounts or self.config.nodes)
        state = self.store.settled()
        self.memory.sample(state)
        return state

    async def read_account(self, node: Node, known: AccountKeys | None = None) -> None:
        """Read host key and authorized_keys of one account into the state; `known` is what a write has just read."""
        await self.readings.read_account(node, known)

    async def read_logins(self, nodes: Sequence[Node]) -> None:
        """What the nodes' logs say of keys that are none of mine, once; nodes without such keys are not asked."""
        await self.readings.read_logins(nodes)

    async def read_my_keys(self) -> None:
        """My keys, into the state. Raises: ConfigError for a configured key file that is no key."""
        await self._accounts.read_mine_or_log()

    def _wake(self, *kinds: str) -> None:
        self.readings.wake(*kinds)

    def _wake_power(self) -> None:
        """After an act on a port: what it changed, and what it may have left undone."""
        self.find_unfinished()
        self.readings.wake("switch", "reach")
