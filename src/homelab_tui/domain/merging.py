"""Two worlds, one truth: what Kubernetes and Prometheus say of Jobs, merged into the rows of the Jobs pane."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from itertools import chain
from types import MappingProxyType

from homelab_tui.domain.cronjobs import NextRun
from homelab_tui.domain.job_families import Moment
from homelab_tui.domain.jobs import CronJob, Job, MetricsSnapshot, Verdict
from homelab_tui.domain.merging_clusters import ClusterRows, JobSortKey
from homelab_tui.domain.state import ClusterJobs, JobsView

_NEVER: Mapping[str, datetime] = MappingProxyType({})
_VERDICTS = {verdict: place for place, verdict in enumerate(Verdict)}


class JobsMerger:
    """Merges again and again, at the cost of what changed.

    It gives what `merge` gives, always; its memory only spares the families of Jobs that nothing happened to. Objects
    are compared by identity first, so hand it the frozen objects that the sources made, not copies.
    """

    def __init__(self) -> None:
        self._clusters: dict[str, ClusterRows] = {}
        self._names: list[str] = []
        self._view: JobsView | None = None

    def merge(
        self,
        clusters: Sequence[ClusterJobs],
        snapshots: Sequence[MetricsSnapshot],
        tombstones: Collection[str],
        now: datetime,
        refresh_s: float,
        next_run: NextRun | None = None,
        *,
        taken_at: Mapping[str, datetime] = _NEVER,
    ) -> JobsView:
        """The rows of the Jobs pane; the arguments are those of `merge`."""
        names = [*dict.fromkeys([cluster.cluster for cluster in clusters] + [snap.cluster for snap in snapshots])]
        self._clusters = {name: self._clusters.get(name) or ClusterRows(name) for name in names}
        kubernetes = {cluster.cluster: cluster for cluster in clusters}
        hidden = frozenset(tombstones)
        changed = self._view is None or names != self._names
        self._names = names
        for name, rows in self._clusters.items():
            told = tuple(snap for snap in snapshots if snap.cluster == name)
            at = min(now, taken_at.get(name, now))
            changed |= rows.update(kubernetes.get(name), told, hidden, Moment(at, refresh_s, next_run))
        if self._view is None or changed:
            self._view = _view(list(self._clusters.values()))
        return self._view


def merge(
    clusters: Sequence[ClusterJobs],
    snapshots: Sequence[MetricsSnapshot],
    tombstones: Collection[str],
    now: datetime,
    refresh_s: float,
    next_run: NextRun | None = None,
    *,
    taken_at: Mapping[str, datetime] = _NEVER,
) -> JobsView:
    """Both worlds as rows: failed Jobs first (newest first), then failing, running, the rest; CronJobs worst first.

    Kubernetes wins on what exists and how it stands; its Pods tell exit code and node. Prometheus adds itself as a
    witness, the alert, and the Jobs that only it knows: all of a cluster whose API is not there, else those that went
    a moment ago. The latter are hidden once `tombstones` (`cluster/namespace/name`) says that we deleted them.

    `refresh_s`: how often the sources are read. `next_run`: the schedule grammar; without it no run is called missed
    unless kube-state-metrics tells the next one. `taken_at`: cluster → when it was last read; a CronJob is not called
    missed for the time in which nobody could look.
    """
    return JobsMerger().merge(clusters, snapshots, tombstones, now, refresh_s, next_run, taken_at=taken_at)


def forgotten(tombstones: Collection[str], snapshots: Sequence[MetricsSnapshot]) -> frozenset[str]:
    """The tombstones that no Prometheus needs any more. Ask it of snapshots taken after the deletion only."""
    told = {f"{snap.cluster}/{job.namespace}/{job.name}" for snap in snapshots for job in snap.jobs}
    return frozenset(name for name in tombstones if name not in told)


def _view(clusters: Sequence[ClusterRows]) -> JobsView:
    entries = clusters[0].jobs if len(clusters) == 1 else sorted(chain(*(one.jobs for one in clusters)), key=_sort_key)
    cronjobs = sorted((row for one in clusters for row in one.cronjobs()), key=_cronjob_order)
    return JobsView(tuple([job for _, job in entries]), tuple(cronjobs))


def _sort_key(entry: tuple[JobSortKey, Job]) -> JobSortKey:
    return entry[0]


def _cronjob_order(cronjob: CronJob) -> tuple[int, str, str, str]:
    return (_VERDICTS[cronjob.verdict], cronjob.cluster, cronjob.namespace, cronjob.name)
