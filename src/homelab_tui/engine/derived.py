"""What follows from what was read: the merged Jobs, and every node's word from all its witnesses."""

from collections.abc import Callable
from datetime import datetime
from operator import is_not

from homelab_tui.config.model import Config
from homelab_tui.domain.alerts import AlertmanagerSnapshot, with_alertmanagers
from homelab_tui.domain.jobs import CronJobPast, MetricsSnapshot
from homelab_tui.domain.merging import JobsMerger
from homelab_tui.domain.reading import Reading
from homelab_tui.domain.state import JobsView, LabState
from homelab_tui.domain.values import replace
from homelab_tui.engine.jobs import Tombstones
from homelab_tui.engine.node_views import NodeViews
from homelab_tui.engine.node_witnesses import RemembersNodes
from homelab_tui.engine.port_memory import PortMemory
from homelab_tui.engine.ports import Clock
from homelab_tui.engine.schedules import next_run


class Silences:
    """Since when nodes do not answer, as far as this session can tell."""

    def __init__(self, clock: Clock, boot_grace_s: float, returned: Callable[[str], None]) -> None:
        self._clock = clock
        self._boot_grace_s = boot_grace_s
        self._returned = returned
        self._met: set[str] = set()
        """Nodes whose port has answered in this session: only of them is the beginning of a silence known."""
        self._heard: set[str] = set()
        """The same for their probe, and the beginning of a hang."""
        self._silent_since: dict[str, datetime] = {}
        self._hangs_since: dict[str, datetime] = {}

    def reached(self, name: str, reading: Reading[object]) -> None:
        """Take in whether a node's SSH port answers; `returned` is told when it speaks again."""
        if reading.value is True and reading.problem is None:
            self._met.add(name)
            if self._silent_since.pop(name, None) is not None:
                if name in self._hangs_since:
                    # Its last probe is from before: if it hangs, it does so since now.
                    self._hangs_since[name] = self._clock.now()
                    self._heard.add(name)
                self._returned(name)
        else:
            self._silent_since.setdefault(name, self._clock.now())

    def probed(self, name: str, reading: Reading[object]) -> None:
        """Take in whether a node takes connections and says nothing."""
        if reading.problem is not None and reading.timed_out:
            self._hangs_since.setdefault(name, self._clock.now())
        else:
            self._hangs_since.pop(name, None)
            self._heard.add(name)

    def at_least(self, now: datetime) -> dict[str, float]:
        """Node → seconds of silence that were seen in this session, whenever it began."""
        return {name: (now - at).total_seconds() for name, at in (self._hangs_since | self._silent_since).items()}

    def seconds(self, now: datetime) -> dict[str, float]:
        """Node → seconds of silence.

        One that was silent from the start is left out until it must have been so for longer than a boot takes.
        """
        found: dict[str, float] = {}
        for since, known in ((self._hangs_since, self._heard), (self._silent_since, self._met)):
            for name, at in since.items():
                lasted_s = (now - at).total_seconds()
                if name in known or lasted_s > self._boot_grace_s:
                    found[name] = lasted_s
                else:
                    found.pop(name, None)
        return found


_MOST_AT_ONCE = 500
"""Jobs that are judged in one go: some 15 ms, in which no key is answered."""


class Derivation:
    """Fills in the derived parts of a state; of very much news a part at a time (see `is_settled`)."""

    def __init__(
        self,
        config: Config,
        clock: Clock,
        tombstones: Tombstones,
        silences: Silences,
        ports: PortMemory,
        memory: RemembersNodes | None = None,
    ) -> None:
        self._ports = ports
        self._clock = clock
        self._tombstones = tombstones
        self._silences = silences
        self._refresh_s = config.ui.refresh_s
        self._views = NodeViews(config.safety.boot_grace_s, memory)
        self._cluster_of = {server.name: server.cluster or server.name for server in config.prometheus}
        self._merger = JobsMerger()
        self._clusters = frozenset(self._cluster_of.values())
        self._overlaid: dict[int, tuple[tuple[object, ...], MetricsSnapshot]] = {}
        """By id of a Prometheus' snapshot: it, its past and the Alertmanagers' it was made of, and the outcome."""
        self._inputs: tuple[object, ...] = ()
        self._held: tuple[object, ...] = ()

    @property
    def is_settled(self) -> bool:
        """Whether the last state says all that follows; until then it is to be called again."""
        return self._merger.is_settled

    def __call__(self, state: LabState) -> LabState:
        """The state with `jobs` and `node_views` as they follow from the rest, now."""
        now = self._clock.now()
        state = replace(state, jobs=self._jobs(state, now))
        silences = self._silences
        views = self._views.of(state, silences.seconds(now), self._ports.last(), silences.at_least(now))
        self._ports.learn(views, (name for name, reading in state.switches if reading.problem is None))
        return replace(state, node_views=views)

    def _jobs(self, state: LabState, now: datetime) -> JobsView:
        """Both worlds merged; not again as long as neither said anything new and hardly any time has passed."""
        clusters = tuple(reading.value for _, reading in state.clusters if reading.value is not None)
        told = tuple(reading.value for _, reading in state.alertmanagers if reading.value is not None)
        pasts = {name: reading.value for name, reading in state.pasts if reading.value is not None}
        snapshots = self._overlaid_with(
            [(reading.value, pasts.get(name, ())) for name, reading in state.prometheus if reading.value is not None],
            told,
        )
        self._tombstones.prune([reading for _, reading in state.prometheus])
        hidden = self._tombstones.names
        tick = int(now.timestamp() / self._refresh_s)
        inputs = (*map(id, clusters), None, *map(id, snapshots), None, hidden, tick)
        if inputs == self._inputs and self._merger.is_settled:
            return state.jobs
        view = self._merger.merge(
            clusters,
            snapshots,
            hidden,
            now,
            self._refresh_s,
            next_run,
            taken_at=self._taken_at(state),
            most=_MOST_AT_ONCE,
        )
        # Only now: after an error it is tried again. Holding the objects keeps their ids from being used again.
        self._inputs, self._held = inputs, (clusters, snapshots)
        return view

    def _overlaid_with(
        self,
        snapshots: list[tuple[MetricsSnapshot, tuple[CronJobPast, ...]]],
        told: tuple[AlertmanagerSnapshot, ...],
    ) -> tuple[MetricsSnapshot, ...]:
        """The snapshots with their past and what is silenced; the same objects as last time where nothing changed."""
        found: dict[int, tuple[tuple[object, ...], MetricsSnapshot]] = {}
        for snapshot, past in snapshots:
            inputs: tuple[object, ...] = (snapshot, past, *told)
            known = self._overlaid.get(id(snapshot))
            if known is None or len(known[0]) != len(inputs) or any(map(is_not, known[0], inputs)):
                whole = replace(snapshot, past=past) if past else snapshot
                known = (inputs, with_alertmanagers(whole, told, self._clusters))
            found[id(snapshot)] = known
        self._overlaid = found
        return tuple(outcome for _, outcome in found.values())

    def _taken_at(self, state: LabState) -> dict[str, datetime]:
        """Cluster → when one of its two worlds was last read."""
        found: dict[str, datetime] = {}
        readings = [(self._cluster_of.get(name, name), reading.taken_at) for name, reading in state.prometheus]
        readings += [(name, reading.taken_at) for name, reading in state.clusters]
        for cluster, at in readings:
            if at is not None:
                found[cluster] = max(at, found.get(cluster, at))
        return found
