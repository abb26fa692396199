"""What is read of the lab, and how often: a poller for each thing, by name; and one look at some of them at once."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from functools import partial

from homelab_tui.config.model import Config
from homelab_tui.domain.keys import AccountKeys
from homelab_tui.domain.nodes import Node
from homelab_tui.domain.poe import SwitchReading, with_same_ports
from homelab_tui.domain.reading import Reading
from homelab_tui.domain.state import ClusterJobs
from homelab_tui.domain.values import Frozen
from homelab_tui.engine.account_readings import AccountReadings
from homelab_tui.engine.cluster_looks import read_cluster
from homelab_tui.engine.configured import no_heartbeat, no_ports
from homelab_tui.engine.derived import Silences
from homelab_tui.engine.loops import Loop
from homelab_tui.engine.node_memory import NodeMemory
from homelab_tui.engine.poller import Poller
from homelab_tui.engine.ports import ActsOnJobs, Clock, SwitchesPoe
from homelab_tui.engine.store import Store, reading_of
from homelab_tui.engine.wires import Sources

PROBE_S = 30.0
ACCOUNT_S = 120.0
LOGINS_S = 900.0
"""A node's log of logins is long; a key that appears asks for it at once."""
MACHINES_S = 30.0
UPDATES_S = 3_600.0
"""Asking a package manager costs a Raspberry Pi seconds of CPU."""
SWITCH_S = 10.0
PAST_S = 300.0


class Readers(Frozen):
    """Who hears of a reading beside the store."""

    silences: Silences
    memory: NodeMemory
    accounts: AccountReadings
    hear: Callable[[str], None]
    """Told `FIELD:NAME` of each."""


class Readings:
    """The pollers of one lab."""

    def __init__(self, config: Config, sources: Sources, store: Store, clock: Clock, readers: Readers) -> None:
        self._config = config
        self._sources = sources
        self._store = store
        self._clock = clock
        self._to = readers
        self._accounts = readers.accounts
        self._pollers: dict[str, Poller[object]] = {}
        self._build()

    @property
    def loops(self) -> Mapping[str, Loop]:
        """Every poller's own loop."""
        return {name: poller.run for name, poller in self._pollers.items()}

    def wake(self, *kinds: str) -> None:
        """Ask again now: everything, or these kinds (`switch`, `reach`, …)."""
        for name, poller in self._pollers.items():
            if not kinds or name.partition(":")[0] in kinds:
                poller.wake()

    def wake_node(self, name: str) -> None:
        """Ask one node again now."""
        for kind in ("reach", "probe", "account", "updates"):
            poller = self._pollers.get(f"{kind}:{name}")
            if poller is not None:
                poller.wake()

    # Reading once

    async def read(self, what: Collection[str], accounts: Sequence[Node]) -> None:
        """One look at the kinds named (see `Lab.read`), into the store.

        Raises: ConfigError for a configured key file that is no key.
        """
        nodes, sources = self._config.nodes, self._sources
        work: list[Awaitable[object]] = []
        if "reach" in what:
            work += [self._poll(f"reach:{node.name}") for node in nodes]
        if "nodes" in what:
            work += [self._reach_and_probe(node) for node in nodes]
        if "keys" in what:
            await self._accounts.read_mine_or_log()  # first: a wrong key file stops all before a node is spoken to
            work += [self.read_account(node) for node in accounts]
        if "switches" in what:
            work += [self._poll(f"switch:{switch.name}") for switch in sources.switches]
        for kind in ("prometheus", "machines", "past"):
            if kind in what:
                work += [self._poll(f"{kind}:{server.name}") for server in sources.prometheus]
        if "alertmanagers" in what:
            work += [self._poll(f"alertmanager:{server.name}") for server in sources.alertmanagers]
        if "clusters" in what:
            work += [self._read_cluster(cluster) for cluster in sources.clusters]
        await asyncio.gather(*work)
        if "updates" in what:
            await asyncio.gather(*(self._look_for_updates(node) for node in nodes))
        self._store.touch()

    async def read_account(self, node: Node, known: AccountKeys | None = None) -> None:
        """Read host key and authorized_keys of one account; `known` is what a write has just read."""
        if known is not None:
            self._accounts.left(node, known)
        name = f"account:{node.account}"
        if name not in self._pollers:
            self._add(name, partial(self._accounts.read, node), "accounts", node.account, ACCOUNT_S)
        await self._poll(name)

    async def read_logins(self, nodes: Sequence[Node]) -> None:
        """What the nodes' logs say of keys that are none of mine, once; nodes without such keys are not asked."""
        asked = [node for node in nodes if self._accounts.strangers(node)]
        await asyncio.gather(*(self._logins_poller(node).poll() for node in asked))
        self._store.touch()

    async def _poll(self, name: str) -> Reading[object]:
        return await self._pollers[name].poll()

    async def _reach_and_probe(self, node: Node) -> None:
        if (await self._poll(f"reach:{node.name}")).value:
            await self._poll(f"probe:{node.name}")

    async def _look_for_updates(self, node: Node) -> None:
        """Ask a node that answers; one that does not has been told so already."""
        poller = self._pollers.get(f"updates:{node.name}")
        if poller is not None and reading_of(self._store.told.reachability, node.name).value:
            await poller.poll()

    async def _read_cluster(self, source: ActsOnJobs) -> None:
        publish = self.publisher(source.name)

        async def read() -> ClusterJobs:
            return await read_cluster(source)

        await Poller(f"kubernetes:{source.name}", read, publish, self._clock, interval_s=5.0).poll()

    def publisher(self, cluster: str) -> Callable[[Reading[ClusterJobs]], None]:
        """Where a cluster's readings go."""

        def publish(reading: Reading[ClusterJobs]) -> None:
            self._store.put("clusters", cluster, reading)
            if reading.value is not None or reading.problem:
                self._to.hear(f"clusters:{cluster}")

        return publish

    # The pollers

    def _build(self) -> None:
        refresh_s, ssh = self._config.ui.refresh_s, self._sources.ssh
        self._pollers["keys"] = Poller(
            "my keys", self._accounts.read_mine, self._publish_my_keys, self._clock, interval_s=ACCOUNT_S
        )
        for node in self._config.nodes:
            self._add(f"reach:{node.name}", partial(ssh.answers, node), "reachability", node.name, refresh_s)
            self._add(f"probe:{node.name}", partial(ssh.probe, node), "probes", node.name, PROBE_S)
            look = partial(self._accounts.read, node)
            self._add(f"account:{node.name}", look, "accounts", node.account, ACCOUNT_S)
            self._logins_poller(node)
            if self._sources.updates is not None:
                ask = partial(self._sources.updates.pending_updates, node)
                self._add(f"updates:{node.name}", ask, "updates", node.name, UPDATES_S)
        for switch in self._sources.switches:
            self._add(f"switch:{switch.name}", _reader(switch), "switches", switch.name, SWITCH_S, no_ports)
        for server in self._sources.prometheus:
            name = server.name
            self._add(f"prometheus:{name}", server.read_jobs, "prometheus", name, refresh_s, no_heartbeat)
            self._add(f"machines:{name}", server.read_nodes, "machines", name, MACHINES_S)
            self._add(f"past:{name}", server.read_past, "pasts", name, PAST_S)
        for alertmanager in self._sources.alertmanagers:
            name = alertmanager.name
            self._add(f"alertmanager:{name}", alertmanager.read, "alertmanagers", name, refresh_s)

    def _add(
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
                self._to.silences.reached(key, reading)
            elif field == "probes":
                self._to.silences.probed(key, reading)
                self._to.memory.probed(key, reading)
            strangers = self._strangers(key) if field == "accounts" else frozenset()
            self._store.put(field, key, reading)
            if field == "accounts" and self._strangers(key) - strangers and f"logins:{key}" in self._pollers:
                self._pollers[f"logins:{key}"].wake()
            self._to.hear(f"{field}:{key}")

        self._pollers[name] = Poller(
            name, read, publish, self._clock, interval_s=interval_s, ceiling_s=max(30.0, interval_s), missing=missing
        )

    def _strangers(self, account: str) -> frozenset[str]:
        node = next((node for node in self._config.nodes if node.account == account), None)
        return frozenset(self._accounts.strangers(node)) if node is not None else frozenset()

    def _logins_poller(self, node: Node) -> Poller[object]:
        name = f"logins:{node.account}"
        if name not in self._pollers:
            self._add(name, partial(self._accounts.read_logins, node), "logins", node.account, LOGINS_S)
        return self._pollers[name]

    def _publish_my_keys(self, reading: Reading[object]) -> None:
        self._store.update(my_keys_problem=reading.problem)


def _reader(switch: SwitchesPoe) -> Callable[[], Awaitable[SwitchReading]]:
    """Reads a switch; the ports of which nothing changed stay the same objects."""
    last: SwitchReading | None = None

    async def read() -> SwitchReading:
        nonlocal last
        last = with_same_ports(last, await switch.read())
        return last

    return read
