"""The lab: what the screen and the command line hold. Starts the loops, keeps the state, closes with care."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from homelab_tui.config.model import Config
from homelab_tui.domain.errors import SourceError
from homelab_tui.domain.keys import AccountKeys
from homelab_tui.domain.nodes import Node, NodeFacts
from homelab_tui.domain.operations import Result
from homelab_tui.domain.reading import Reading
from homelab_tui.domain.state import ClusterJobs, LabState
from homelab_tui.engine.activity import ActivityLog
from homelab_tui.engine.clusters import ClusterWatcher, read_cluster
from homelab_tui.engine.configured import empty_state, no_heartbeat, no_ports, poe_limits
from homelab_tui.engine.cronjobs import CronJobActions
from homelab_tui.engine.derived import Derivation, Silences
from homelab_tui.engine.job_changes import JobChanges
from homelab_tui.engine.jobs import JobActions, Tombstones
from homelab_tui.engine.journal import Journal, JournalEntry
from homelab_tui.engine.keys import KeyActions
from homelab_tui.engine.operations import Operations
from homelab_tui.engine.poe import PoeActions
from homelab_tui.engine.poller import Poller
from homelab_tui.engine.ports import (
    ActsOnJobs,
    Clock,
    HoldsAlerts,
    ReachesAndInstalls,
    ReadsMetrics,
    Sleep,
    SwitchesPoe,
)
from homelab_tui.engine.silences import SilenceActions
from homelab_tui.engine.store import Store

log = logging.getLogger(__name__)
PROBE_S = 30.0
ACCOUNT_S = 120.0
SWITCH_S = 10.0
_CLOSE_S = 2.0


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Aware UTC."""
        return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Sources:
    """The wires of one lab, as the wiring built them."""

    ssh: ReachesAndInstalls
    clusters: tuple[ActsOnJobs, ...] = ()
    prometheus: tuple[ReadsMetrics, ...] = ()
    switches: tuple[SwitchesPoe, ...] = ()
    alertmanagers: tuple[HoldsAlerts, ...] = ()
    own_macs: frozenset[str] = frozenset()
    """MAC addresses of this machine."""
    own_addresses: frozenset[str] = frozenset()
    """Addresses of this machine, loopback not among them."""


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
        self.store = Store(empty_state(config), Derivation(config, self.clock, tombstones, self._silences))
        self.journal = Journal(state_dir, self.clock)
        self.activity = ActivityLog(state_dir, self.clock)
        self.operations = Operations(self.store, self.activity, self.clock, sleep)
        read_only = config.safety.read_only
        self.jobs = JobActions(sources.clusters, self.operations, tombstones, read_only=read_only)
        self.job_changes = JobChanges(sources.clusters, self.operations, self.clock, read_only=read_only)
        self.cronjobs = CronJobActions(sources.clusters, self.operations, read_only=read_only)
        self.silences = SilenceActions(
            sources.alertmanagers,
            self.operations,
            self.clock,
            lambda: self.store.state,
            self._wake_alertmanagers,
            read_only=read_only,
        )
        self.keys = KeyActions(
            sources.ssh, self.operations, self.clock, state_dir, read_only=read_only, reread=self.read_account
        )
        self.poe = PoeActions(
            sources.switches,
            self.operations,
            self.journal,
            self.clock,
            poe_limits(config, sources.own_macs, sources.own_addresses),
            answers=sources.ssh.answers,
            wake=self._wake_power,
        )
        self._watchers = tuple(ClusterWatcher(c, self._publish_cluster(c.name), self.clock) for c in sources.clusters)
        self._pollers: dict[str, Poller[object]] = {}
        self._build_pollers()
        self._tasks: list[asyncio.Task[None]] = []

    # Life

    def start(self) -> None:
        """Begin to watch and poll. Returns at once; everything that happens becomes state."""
        self.find_unfinished()
        loops: list[Callable[[], Awaitable[None]]] = [poller.run for poller in self._pollers.values()]
        loops += [watcher.run for watcher in self._watchers]
        self._tasks = [asyncio.create_task(_forever(loop)) for loop in loops]

    async def close(self) -> None:
        """End: what must finish finishes, the rest is cancelled, connections are closed (2 s for that)."""
        await self.operations.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.store.close()
        closing = [self.sources.ssh.close()]
        closing += [cluster.close() for cluster in self.sources.clusters]
        closing += [server.close() for server in self.sources.prometheus]
        closing += [switch.close() for switch in self.sources.switches]
        closing += [server.close() for server in self.sources.alertmanagers]
        await asyncio.gather(*closing, return_exceptions=True)

    @property
    def busy(self) -> int:
        """How many operations are going."""
        return self.operations.busy

    def wake(self) -> None:
        """Ask everything again now."""
        for poller in self._pollers.values():
            poller.wake()
        for watcher in self._watchers:
            watcher.wake()

    def wake_node(self, name: str) -> None:
        """Ask one node again now."""
        for kind in ("reach", "probe", "account"):
            poller = self._pollers.get(f"{kind}:{name}")
            if poller is not None:
                poller.wake()

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
        self.journal.end(entry.id, "seen")
        return Result(entry.target, ok=True, changed=False, detail=f"{entry.kind}: nothing is left to repair")

    # Reading once, for the command line

    async def read(self, what: Collection[str], *, accounts: Sequence[Node] | None = None) -> LabState:
        """One look at the kinds of source named: nodes, reach (nodes without their probe), switches, clusters,
        prometheus, alertmanagers, keys. Returns the state.

        Raises: ConfigError for a configured key file that is no key.
        """
        work: list[Awaitable[object]] = []
        if "reach" in what:
            work += [self._pollers[f"reach:{node.name}"].poll() for node in self.config.nodes]
        if "nodes" in what:
            work += [self._reach_and_probe(node) for node in self.config.nodes]
        if "keys" in what:
            work.append(self._read_my_keys_once())
            work += [self.read_account(node) for node in accounts or self.config.nodes]
        if "switches" in what:
            work += [self._pollers[f"switch:{switch.name}"].poll() for switch in self.sources.switches]
        if "prometheus" in what:
            work += [self._pollers[f"prometheus:{server.name}"].poll() for server in self.sources.prometheus]
        if "alertmanagers" in what:
            work += [self._pollers[f"alertmanager:{server.name}"].poll() for server in self.sources.alertmanagers]
        if "clusters" in what:
            work += [self._read_cluster(cluster) for cluster in self.sources.clusters]
        await asyncio.gather(*work)
        self.store.touch()
        return self.store.state

    async def read_account(self, node: Node) -> None:
        """Read host key and authorized_keys of one account into the state."""
        name = f"account:{node.account}"
        if name not in self._pollers:
            self._add_poller(name, self._reader(node, "account"), "accounts", node.account, ACCOUNT_S)
        await self._pollers[name].poll()

    async def _reach_and_probe(self, node: Node) -> None:
        if (await self._pollers[f"reach:{node.name}"].poll()).value:
            await self._pollers[f"probe:{node.name}"].poll()

    async def _read_cluster(self, source: ActsOnJobs) -> None:
        publish = self._publish_cluster(source.name)

        async def read() -> ClusterJobs:
            return await read_cluster(source)

        await Poller(f"kubernetes:{source.name}", read, publish, self.clock, interval_s=5.0).poll()

    # Pollers

    def _build_pollers(self) -> None:
        refresh_s = self.config.ui.refresh_s
        self._pollers["keys"] = Poller(
            "my keys", self._read_my_keys, lambda _reading: None, self.clock, interval_s=ACCOUNT_S
        )
        for node in self.config.nodes:
            self._add_poller(f"reach:{node.name}", self._reader(node, "reach"), "reachability", node.name, refresh_s)
            self._add_poller(f"probe:{node.name}", self._reader(node, "probe"), "probes", node.name, PROBE_S)
            self._add_poller(f"account:{node.name}", self._reader(node, "account"), "accounts", node.name, ACCOUNT_S)
        for switch in self.sources.switches:
            self._add_poller(f"switch:{switch.name}", switch.read, "switches", switch.name, SWITCH_S, no_ports)
        for server in self.sources.prometheus:
            name = f"prometheus:{server.name}"
            self._add_poller(name, server.read_jobs, "prometheus", server.name, refresh_s, no_heartbeat)
        for alertmanager in self.sources.alertmanagers:
            name = f"alertmanager:{alertmanager.name}"
            self._add_poller(name, alertmanager.read, "alertmanagers", alertmanager.name, refresh_s)

    def _add_poller(
        self,
        name: str,
        read: Callable[[], Awaitable[object]],
        field: str,
        key: str,
        interval_s: float,
        missing: Callable[[object], str | None] = lambda _value: None,
    ) -> None:
        def publish(reading: Reading[object]) -> None:
            if field == "reachability":
                self._silences.reached(key, reading)
            elif field == "probes":
                self._silences.probed(key, reading)
            self.store.put(field, key, reading)

        self._pollers[name] = Poller(
            name, read, publish, self.clock, interval_s=interval_s, ceiling_s=max(30.0, interval_s), missing=missing
        )

    def _reader(self, node: Node, kind: str) -> Callable[[], Awaitable[object]]:
        async def reach() -> bool:
            return await self.sources.ssh.answers(node)

        async def probe() -> NodeFacts:
            return await self.sources.ssh.probe(node)

        async def account() -> AccountKeys:
            host_key = await self.sources.ssh.host_key(node)
            self.store.put("host_keys", node.account, host_key)
            return await self.sources.ssh.read_account(node)

        readers: dict[str, Callable[[], Awaitable[object]]] = {"reach": reach, "probe": probe, "account": account}
        return readers[kind]

    def _publish_cluster(self, name: str) -> Callable[[Reading[ClusterJobs]], None]:
        def publish(reading: Reading[ClusterJobs]) -> None:
            self.store.put("clusters", name, reading)

        return publish

    async def _read_my_keys_once(self) -> None:
        try:
            await self._read_my_keys()
        except SourceError as error:
            log.warning("my keys cannot be read: %s", error)

    async def _read_my_keys(self) -> object:
        keys = await self.sources.ssh.read_my_keys()
        self.store.update(my_keys=keys)
        return keys

    def _wake_alertmanagers(self) -> None:
        for name, poller in self._pollers.items():
            if name.startswith("alertmanager:"):
                poller.wake()

    def _wake_power(self) -> None:
        """After an act on a port: what it changed, and what it may have left undone."""
        self.find_unfinished()
        for name, poller in self._pollers.items():
            if name.startswith(("switch:", "reach:")):
                poller.wake()


async def _forever(loop: Callable[[], Awaitable[None]]) -> None:
    """A loop that ends by cancellation only. Whatever it dies of is a bug: it is logged, and begun again."""
    while True:
        try:
            await loop()
        except Exception:
            log.exception("a reading loop broke: internal error")
        await asyncio.sleep(5.0)
