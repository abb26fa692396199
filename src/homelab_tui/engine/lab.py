"""The lab: what the screen and the command line hold. Starts the loops, keeps the state, closes with care."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from homelab_tui.config.model import Config
from homelab_tui.domain.errors import SourceError
from homelab_tui.domain.keys import AccountKeys, HostKeyState, KeyLogins
from homelab_tui.domain.nodes import Node, NodeFacts
from homelab_tui.domain.operations import Result
from homelab_tui.domain.poe import SwitchReading, with_same_ports
from homelab_tui.domain.reading import Reading
from homelab_tui.domain.state import ClusterJobs, LabState, NodeView
from homelab_tui.engine.access import AccessReviews
from homelab_tui.engine.activity import ActivityLog
from homelab_tui.engine.administration import Administration
from homelab_tui.engine.clusters import ClusterWatcher, read_cluster
from homelab_tui.engine.configured import empty_state, no_heartbeat, no_ports, pods_of, poe_limits
from homelab_tui.engine.cronjobs import CronJobActions
from homelab_tui.engine.derived import Derivation, Silences
from homelab_tui.engine.evidence import EvidenceTaker, JobLooks
from homelab_tui.engine.evidence_box import EvidenceBox
from homelab_tui.engine.job_changes import JobChanges
from homelab_tui.engine.job_logs import JobLogs
from homelab_tui.engine.jobs import JobActions, Tombstones
from homelab_tui.engine.journal import Journal, JournalEntry
from homelab_tui.engine.key_changes import KeyChanges
from homelab_tui.engine.key_steps import KeySteps
from homelab_tui.engine.keys import KeyActions
from homelab_tui.engine.kubectl import Kubectl
from homelab_tui.engine.node_actions import NodeActions, NodeLimits, NodeWires
from homelab_tui.engine.node_memory import NodeMemory
from homelab_tui.engine.operations import Operations
from homelab_tui.engine.poe import PoeActions
from homelab_tui.engine.poller import Poller
from homelab_tui.engine.port_memory import PortMemory
from homelab_tui.engine.ports import (
    ActsOnJobs,
    Clock,
    DrainsNodes,
    HoldsAlerts,
    LooksForUpdates,
    ReachesAndInstalls,
    ReadsMetrics,
    RebootsNodes,
    Sleep,
    SwitchesPoe,
    WakesNodes,
)
from homelab_tui.engine.restarts import Restarts
from homelab_tui.engine.sightings import Sightings
from homelab_tui.engine.silences import SilenceActions
from homelab_tui.engine.store import Store, entry, reading_of

log = logging.getLogger(__name__)
PROBE_S = 30.0
ACCOUNT_S = 120.0
LOGINS_S = 900.0
"""A node's log of logins is long; a key that appears asks for it at once."""
MACHINES_S = 30.0
UPDATES_S = 3_600.0
"""Asking a package manager costs a Raspberry Pi seconds of CPU."""
SWITCH_S = 10.0
PAST_S = 300.0
_CLOSE_S = 2.0
_HEAD_START_S = 1.0
_UPDATES_AFTER_S = 20.0
"""Not while everything else is asked for the first time."""
_LOGIN_EVERY_S = 0.04
_LOGINS_WITHIN_S = 2.0


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
    reboots: RebootsNodes | None = None
    lan: WakesNodes | None = None
    updates: LooksForUpdates | None = None
    drains: tuple[DrainsNodes, ...] = ()
    """The clusters again, as something to act on their Nodes with."""
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
        self.memory = NodeMemory(state_dir, self.clock, sources.prometheus)
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
            self._wake_alertmanagers,
            read_only=read_only,
            servers=config.alertmanagers,
        )
        key_steps = KeySteps(
            sources.ssh, self.operations, self.clock, state_dir, read_only=read_only, reread=self.read_account
        )
        self.keys = KeyActions(key_steps)
        self.key_changes = KeyChanges(key_steps)
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
        self._watchers = tuple(
            ClusterWatcher(
                c,
                self._publish_cluster(c.name),
                self.clock,
                on_jobs=self.evidence.observer(c.name),
                hurry=self.store.hurry,
            )
            for c in sources.clusters
        )
        self._pollers: dict[str, Poller[object]] = {}
        self._sightings = Sightings(state_dir, self.clock)
        self._known: dict[str, AccountKeys] = {}
        """Accounts as a write of ours has left them, until their poller has taken them."""
        self._build_pollers()
        self._tasks: list[asyncio.Task[None]] = []
        self._unheard = {f"clusters:{cluster.name}" for cluster in sources.clusters}
        self._unheard |= {f"prometheus:{server.name}" for server in sources.prometheus}
        """Clusters and Prometheus servers that have neither answered nor failed yet."""
        self._heard = asyncio.Event()
        self._hear("")

    # Life

    def start(self) -> None:
        """Begin to watch and poll. Returns at once; everything that happens becomes state."""
        self.find_unfinished()
        self._tasks = [asyncio.create_task(_forever(watcher.run)) for watcher in self._watchers]
        logins = 0
        for name in sorted(self._pollers, key=_weight):
            run, weight = self._pollers[name].run, _weight(name)
            logins += weight > 1
            later_s = logins * min(_LOGIN_EVERY_S, _LOGINS_WITHIN_S / len(self._pollers))
            later_s += _UPDATES_AFTER_S if weight == _WEIGHTS["updates"] else 0.0
            self._tasks.append(asyncio.create_task(self._after_the_light(run, later_s) if weight else _forever(run)))

        self._tasks.append(
            asyncio.create_task(_forever(lambda: self.memory.run(lambda: self.store.state, self.store.touch)))
        )

    async def close(self) -> None:
        """End: what must finish finishes, the rest is cancelled, connections are closed (2 s for that)."""
        await self.operations.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.memory.flush(everything=True)
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

    def wake(self) -> None:
        """Ask everything again now."""
        for poller in self._pollers.values():
            poller.wake()
        for watcher in self._watchers:
            watcher.wake()

    def wake_node(self, name: str) -> None:
        """Ask one node again now."""
        for kind in ("reach", "probe", "account", "updates"):
            poller = self._pollers.get(f"{kind}:{name}")
            if poller is not None:
                poller.wake()

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
        work: list[Awaitable[object]] = []
        if "reach" in what:
            work += [self._pollers[f"reach:{node.name}"].poll() for node in self.config.nodes]
        if "nodes" in what:
            work += [self._reach_and_probe(node) for node in self.config.nodes]
        if "keys" in what:
            await self.read_my_keys()  # before any node is spoken to: a wrong key file stops everything
            work += [self.read_account(node) for node in accounts or self.config.nodes]
        if "switches" in what:
            work += [self._pollers[f"switch:{switch.name}"].poll() for switch in self.sources.switches]
        if "prometheus" in what:
            work += [self._pollers[f"prometheus:{server.name}"].poll() for server in self.sources.prometheus]
        if "machines" in what:
            work += [self._pollers[f"machines:{server.name}"].poll() for server in self.sources.prometheus]
        if "past" in what:
            work += [self._pollers[f"past:{server.name}"].poll() for server in self.sources.prometheus]
        if "alertmanagers" in what:
            work += [self._pollers[f"alertmanager:{server.name}"].poll() for server in self.sources.alertmanagers]
        if "clusters" in what:
            work += [self._read_cluster(cluster) for cluster in self.sources.clusters]
        await asyncio.gather(*work)
        if "updates" in what:
            await asyncio.gather(*(self._look_for_updates(node) for node in self.config.nodes))
        self.store.touch()
        state = self.store.settled()
        self.memory.sample(state)
        return state

    async def _look_for_updates(self, node: Node) -> None:
        """Ask a node that answers; one that does not has been told so already."""
        poller = self._pollers.get(f"updates:{node.name}")
        if poller is not None and reading_of(self.store.state.reachability, node.name).value:
            await poller.poll()

    async def read_account(self, node: Node, known: AccountKeys | None = None) -> None:
        """Read host key and authorized_keys of one account into the state; `known` is what a write has just read."""
        if known is not None:
            self._known[node.account] = known
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

    async def _after_the_light(self, loop: Callable[[], Awaitable[None]], later_s: float) -> None:
        """A loop that lets the light sources speak first, and `later_s` more.

        A dozen logins at once would keep the event loop from hearing what the others say. It waits until each of those
        has answered, or failed, for the first time; at most a second.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_HEAD_START_S):
                await self._heard.wait()
        await asyncio.sleep(later_s)
        await _forever(loop)

    def _hear(self, name: str) -> None:
        self._unheard.discard(name)
        if not self._unheard:
            self._heard.set()

    # Pollers

    def _build_pollers(self) -> None:
        refresh_s = self.config.ui.refresh_s
        self._pollers["keys"] = Poller(
            "my keys", self._read_my_keys, self._publish_my_keys, self.clock, interval_s=ACCOUNT_S
        )
        for node in self.config.nodes:
            self._add_poller(f"reach:{node.name}", self._reader(node, "reach"), "reachability", node.name, refresh_s)
            self._add_poller(f"probe:{node.name}", self._reader(node, "probe"), "probes", node.name, PROBE_S)
            self._add_poller(f"account:{node.name}", self._reader(node, "account"), "accounts", node.name, ACCOUNT_S)
            self._logins_poller(node)
            if self.sources.updates is not None:
                look = partial(self.sources.updates.pending_updates, node)
                self._add_poller(f"updates:{node.name}", look, "updates", node.name, UPDATES_S)
        for switch in self.sources.switches:
            reader = _switch_reader(switch)
            self._add_poller(f"switch:{switch.name}", reader, "switches", switch.name, SWITCH_S, no_ports)
        for server in self.sources.prometheus:
            name = f"prometheus:{server.name}"
            self._add_poller(name, server.read_jobs, "prometheus", server.name, refresh_s, no_heartbeat)
            self._add_poller(f"machines:{server.name}", server.read_nodes, "machines", server.name, MACHINES_S)
            self._add_poller(f"past:{server.name}", server.read_past, "pasts", server.name, PAST_S)
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
                self.memory.probed(key, reading)
            strangers = self._strangers(key) if field == "accounts" else frozenset()
            self.store.put(field, key, reading)
            if field == "accounts" and self._strangers(key) - strangers and f"logins:{key}" in self._pollers:
                self._pollers[f"logins:{key}"].wake()
            self._hear(f"{field}:{key}")

        self._pollers[name] = Poller(
            name, read, publish, self.clock, interval_s=interval_s, ceiling_s=max(30.0, interval_s), missing=missing
        )

    def _reader(self, node: Node, kind: str) -> Callable[[], Awaitable[object]]:
        async def reach() -> bool:
            return await self.sources.ssh.answers(node)

        async def probe() -> NodeFacts:
            return await self.sources.ssh.probe(node)

        async def account() -> AccountKeys:
            self.store.put("ways", node.account, await self.sources.ssh.way(node))
            known = self._known.pop(node.account, None)
            met = entry(self.store.state.host_keys, node.account)
            if known is not None and met is not None and met.state is HostKeyState.TRUSTED:
                self.store.update(sightings=self._sightings.saw(node.account, known))
                return known
            host_key = await self.sources.ssh.host_key(node)
            self.store.put("host_keys", node.account, host_key)
            keys = await self.sources.ssh.read_account(node)
            self.store.update(sightings=self._sightings.saw(node.account, keys))
            return keys

        async def logins() -> KeyLogins:
            strange = self._strange_keys(node)
            # Nobody unknown, nothing to ask: the log of a node is read for strangers only.
            return await self.sources.ssh.last_logins(node, strange) if strange else KeyLogins()

        readers: dict[str, Callable[[], Awaitable[object]]] = {
            "reach": reach,
            "probe": probe,
            "account": account,
            "logins": logins,
        }
        return readers[kind]

    def _strangers(self, account: str) -> frozenset[str]:
        node = next((node for node in self.config.nodes if node.account == account), None)
        return frozenset(self._strange_keys(node)) if node is not None else frozenset()

    def _strange_keys(self, node: Node) -> tuple[str, ...]:
        """Keys on a node that are none of mine, where its log may be read at all (as root)."""
        value = reading_of(self.store.state.accounts, node.account).value
        if value is None or not value.sudo:
            return ()
        mine = {key.fingerprint for key in self.store.state.my_keys}
        return tuple(dict.fromkeys(c.fingerprint for c in value.all_cells if c.fingerprint not in mine))

    async def read_logins(self, nodes: Sequence[Node]) -> None:
        """What the nodes' logs say of keys that are none of mine, once; nodes without such keys are not asked."""
        asked = [node for node in nodes if self._strange_keys(node)]
        await asyncio.gather(*(self._logins_poller(node).poll() for node in asked))
        self.store.touch()

    def _logins_poller(self, node: Node) -> Poller[object]:
        name = f"logins:{node.account}"
        if name not in self._pollers:
            self._add_poller(name, self._reader(node, "logins"), "logins", node.account, LOGINS_S)
        return self._pollers[name]

    def _publish_cluster(self, name: str) -> Callable[[Reading[ClusterJobs]], None]:
        def publish(reading: Reading[ClusterJobs]) -> None:
            self.store.put("clusters", name, reading)
            if reading.value is not None or reading.problem:
                self._hear(f"clusters:{name}")

        return publish

    async def read_my_keys(self) -> None:
        """My keys, into the state. Raises: ConfigError for a configured key file that is no key."""
        try:
            await self._read_my_keys()
        except SourceError as error:
            log.warning("my keys cannot be read: %s", error)

    def _publish_my_keys(self, reading: Reading[object]) -> None:
        self.store.update(my_keys_problem=reading.problem)

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


def _switch_reader(switch: SwitchesPoe) -> Callable[[], Awaitable[SwitchReading]]:
    """Reads a switch; the ports of which nothing changed stay the same objects."""
    last: SwitchReading | None = None

    async def read() -> SwitchReading:
        nonlocal last
        last = with_same_ports(last, await switch.read())
        return last

    return read


def _weight(name: str) -> int:
    """How much a poller of that name costs: 0 an HTTP request, 1 a wire that only some panes need, more: a login."""
    return _WEIGHTS.get(name.partition(":")[0], 1)


_WEIGHTS = {"prometheus": 0, "alertmanager": 0, "probe": 2, "account": 3, "logins": 4, "updates": 5}


async def _forever(loop: Callable[[], Awaitable[None]]) -> None:
    """A loop that ends by cancellation only. Whatever it dies of is a bug: it is logged, and begun again."""
    while True:
        try:
            await loop()
        except Exception:
            log.exception("a reading loop broke: internal error")
        await asyncio.sleep(5.0)
