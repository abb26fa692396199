"""Two worlds, one truth: what Kubernetes and Prometheus say of Jobs, merged into the rows of the Jobs pane."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType

from homelab_tui.domain.cronjobs import NextRun
from homelab_tui.domain.job_families import JobSortKey, Moment, job_order
from homelab_tui.domain.jobs import CronJob, Job, JobId, MetricsSnapshot, Verdict
from homelab_tui.domain.merging_clusters import ClusterRows, Delta
from homelab_tui.domain.ordered import Ordered
from homelab_tui.domain.state import ClusterJobs, JobsView
from homelab_tui.domain.values import replace

_NEVER: Mapping[str, datetime] = MappingProxyType({})
_ALL_TIMES, _NO_JOB = float("-inf"), JobId("", "", "")
_CronJobSortKey = tuple[int, str, str, str]
_VERDICTS = {verdict: place for place, verdict in enumerate(Verdict)}


class JobsMerger:
    """Merges again and again, at the cost of what changed.

    It gives what `merge` gives, always; its memory only spares the families of Jobs that nothing happened to. Objects
    are compared by identity first, so hand it the frozen objects that the sources made, not copies.
    """

    def __init__(self) -> None:
        self._forget()

    def _forget(self) -> None:
        self._clusters: dict[str, ClusterRows] = {}
        self._jobs: Ordered[JobSortKey, Job] = Ordered(job_order)
        self._cronjobs: Ordered[_CronJobSortKey, CronJob] = Ordered(_cronjob_order)
        self._view = JobsView()

    @property
    def is_settled(self) -> bool:
        """Whether the last view says all that was told."""
        return all(rows.is_settled for rows in self._clusters.values())

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
        most: int | None = None,
    ) -> JobsView:
        """The rows of the Jobs pane; the other arguments are those of `merge`.

        `most`: about how many Jobs of a cluster are judged in this call. While that leaves some, `is_settled` is
        False, and the next call goes on with them.
        """
        try:
            return self._merge(clusters, snapshots, frozenset(tombstones), now, refresh_s, next_run, taken_at, most)
        except BaseException:
            self._forget()  # what was half taken in must not be what the next time builds on
            raise

    def _merge(
        self,
        clusters: Sequence[ClusterJobs],
        snapshots: Sequence[MetricsSnapshot],
        hidden: frozenset[str],
        now: datetime,
        refresh_s: float,
        next_run: NextRun | None,
        taken_at: Mapping[str, datetime],
        most: int | None,
    ) -> JobsView:
        names = dict.fromkeys([cluster.cluster for cluster in clusters] + [snap.cluster for snap in snapshots])
        deltas = [Delta(list(rows.families())) for name, rows in self._clusters.items() if name not in names]
        self._clusters = {name: self._clusters.get(name) or ClusterRows(name) for name in names}
        kubernetes = {cluster.cluster: cluster for cluster in clusters}
        for name, rows in self._clusters.items():
            told = tuple(snap for snap in snapshots if snap.cluster == name)
            at = min(now, taken_at.get(name, now))
            deltas.append(rows.update(kubernetes.get(name), told, hidden, Moment(at, refresh_s, next_run), most))
        is_whole = self.is_settled and all(cluster.is_whole for cluster in clusters)
        if any(deltas):
            self._view = self._changed(deltas, is_whole)
        elif self._view.is_whole is not is_whole:
            self._view = replace(self._view, is_whole=is_whole)
        return self._view

    def _changed(self, deltas: Sequence[Delta], is_whole: bool) -> JobsView:
        gone = [family for delta in deltas for family in delta.gone]
        came = [family for delta in deltas for family in delta.came]
        # A Job that nothing happened to is the same object in its family as it was and as it is.
        before = {id(job): job for family in gone for job in family.jobs}
        after = {id(job): job for family in came for job in family.jobs}
        self._jobs.change(
            [job for place, job in before.items() if place not in after],
            [job for place, job in after.items() if place not in before],
        )
        self._cronjobs.change(
            [family.cronjob for family in gone if family.cronjob is not None],
            [family.cronjob for family in came if family.cronjob is not None],
        )
        families = [family for rows in self._clusters.values() for family in rows.families()]
        # The failed Jobs stand first: that is the whole of rank 0.
        failed = self._jobs.count_before((1, _ALL_TIMES, _NO_JOB))
        return JobsView(self._jobs.freeze(), self._cronjobs.freeze(), is_whole, tuple(families), failed)


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


def _cronjob_order(cronjob: CronJob) -> _CronJobSortKey:
    return (_VERDICTS[cronjob.verdict], cronjob.cluster, cronjob.namespace, cronjob.name)
