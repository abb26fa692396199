"""A CronJob with its Jobs, or one Job alone, as both worlds know it, and the rows that this gives."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from homelab_tui.domain import cronjobs
from homelab_tui.domain.cronjobs import NextRun, Runs
from homelab_tui.domain.jobs import (
    Alert,
    AlertState,
    CronJob,
    CronJobSeries,
    Job,
    JobId,
    JobPod,
    JobSeries,
    JobState,
    PastRun,
    Run,
    Witness,
)
from homelab_tui.domain.values import Frozen, replace

_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
FOR_EVER = datetime(9999, 1, 1, tzinfo=UTC)
"""As far as anything here can tell."""
_SAME_OBJECT_S = 1.0
_SCRAPE_S = 60.0
"""How old Prometheus' knowledge may be at the best of times: a usual scrape interval."""
_SEEN_BY_PROMETHEUS = (Witness.PROMETHEUS,)
_SEEN_BY_KUBERNETES = (Witness.KUBERNETES,)
_SEEN_BY_BOTH = (Witness.PROMETHEUS, Witness.KUBERNETES)

JobSortKey = tuple[int, float, JobId]
"""Rank of the state; for failed Jobs, newest first; then by name."""
_RANKS = {JobState.FAILED: 0, JobState.FAILING: 1, JobState.RUNNING: 2}


def job_order(job: Job) -> JobSortKey:
    """Failed Jobs first, the newest of them first; then failing, running, the rest."""
    rank = _RANKS.get(job.state, 3)
    since = job.failed_at or job.started_at or job.scheduled_at or job.created_at if rank == 0 else None
    return (rank, -since.timestamp() if since is not None else 0.0, job.id)


class Known(NamedTuple):  # ten thousand of them are made in one go, and a tuple is made in half the time
    """One Job with all that is known of it. At least one of `job` and `series` is there."""

    job: Job | None = None
    series: JobSeries | None = None
    alert: Alert | None = None
    """The most pressing one for its name."""
    pods: Sequence[JobPod] = ()


class Family(Frozen):
    """A CronJob and the Jobs it owns; or a stand-alone Job, without any CronJob."""

    cluster: str
    members: tuple[Known, ...] = ()
    cronjob: CronJob | None = None
    series: CronJobSeries | None = None
    past: tuple[PastRun, ...] = ()
    """Runs that Prometheus remembers, those of `members` among them."""


class FamilyRows(Frozen):
    """What a family shows."""

    jobs: tuple[Job, ...]
    """In the order of `job_order`."""
    cronjob: CronJob | None
    stable_until: datetime
    """With nothing but time passing, the rows stay equal until here."""


class Moment(Frozen):
    """When, and with what helper, a family is judged."""

    now: datetime
    refresh_s: float
    next_run: NextRun | None = None


def rows(family: Family, moment: Moment) -> FamilyRows:
    """The rows of one family. Kubernetes wins wherever it knows an object; Prometheus adds itself as a witness."""
    bases = [known.job or _from_series(family.cluster, known.series) for known in family.members]
    owner = family.cronjob or _cronjob_from_series(family)
    runs = Runs()
    if owner is not None or (bases and bases[0].cronjob is not None):
        runs = _runs(owner or CronJob(family.cluster, "", ""), family, bases)
    made = [_job_row(base, known, runs) for base, known in zip(bases, family.members, strict=True)]
    jobs = tuple(sorted(made, key=job_order))
    if owner is None:
        return FamilyRows(jobs, None, FOR_EVER)
    cronjob, stable_until = _cronjob_row(owner, family, runs, moment)
    return FamilyRows(jobs, cronjob, stable_until)


def in_families(jobs: Iterable[Job], cronjobs: Iterable[CronJob]) -> tuple[FamilyRows, ...]:
    """Rows as families, where nobody kept them so: each CronJob with its Jobs, then every other Job alone."""
    owners = {(one.cluster, one.namespace, one.name): one for one in cronjobs}
    members: dict[tuple[str, str, str], list[Job]] = {owner: [] for owner in owners}
    alone: list[FamilyRows] = []
    for job in jobs:
        owned = members.get((job.id.cluster, job.id.namespace, job.cronjob or ""))
        if owned is None:
            alone.append(FamilyRows((job,), None, FOR_EVER))
        else:
            owned.append(job)
    return (*(FamilyRows(tuple(members[key]), owner, FOR_EVER) for key, owner in owners.items()), *alone)


def _runs(owner: CronJob, family: Family, bases: Sequence[Job]) -> Runs:
    history: list[Run] = []
    if family.past:
        told = {base.id.name for base in bases}
        history = [Run(run.at, run.result) for run in family.past if run.job not in told]
    if family.cronjob is None:
        return cronjobs.runs_of(owner, bases, (), history)
    # Where Kubernetes knows the CronJob, a Job that only Prometheus knows of is gone.
    there = [base for base in bases if base.uid is not None]
    return cronjobs.runs_of(owner, there, [base for base in bases if base.uid is None], history)


# -- Jobs -------------------------------------------------------------------------------------------------------------


def _from_series(cluster: str, series: JobSeries | None) -> Job:
    """A Job as far as Prometheus can tell: it has no uid, and nothing can be done to it."""
    if series is None:
        raise ValueError("a member of a family is known to nobody")
    tick = None if series.cronjob is None else cronjobs.scheduled_at(series.name, series.cronjob)
    return Job(
        id=JobId(cluster, series.namespace, series.name),
        state=_state(series),
        cronjob=series.cronjob,
        node=series.node,
        created_at=series.created_at,
        started_at=series.started_at,
        failed_at=series.failed_at,
        completed_at=series.completed_at,
        scheduled_at=tick,
        active=series.active,
        seen_by=_SEEN_BY_PROMETHEUS,
    )


def _state(series: JobSeries) -> JobState:
    if series.failed:
        return JobState.FAILED
    if series.complete or series.completed_at is not None:
        return JobState.COMPLETE
    # Started without an active Pod is the pause before the next attempt.
    return JobState.RUNNING if series.active or series.started_at is not None else JobState.PENDING


def _job_row(base: Job, known: Known, runs: Runs) -> Job:
    series = known.series if known.job is None or _same_object(base.created_at, known.series) else None
    seen_by = _SEEN_BY_KUBERNETES if series is None else _SEEN_BY_BOTH if known.job is not None else _SEEN_BY_PROMETHEUS
    exit_code, exit_reason, node = base.exit_code, base.exit_reason, base.node
    if known.pods:
        pod, failed = _telling_pod(known.pods)
        node = node or pod.node
        if failed and base.state is not JobState.COMPLETE and exit_code is None:
            exit_code, exit_reason = pod.exit_code, exit_reason or pod.exit_reason or pod.reason
    if node is None and series is not None:
        node = series.node
    alert, since = _alert_of(base, known.alert) if known.alert is not None else (None, None)
    echo = base.state is JobState.FAILED and cronjobs.superseded(base, runs)
    if (
        seen_by == base.seen_by
        and node == base.node
        and exit_code == base.exit_code
        and exit_reason == base.exit_reason
        and (echo, alert, since) == (base.superseded, base.alert, base.alert_since)
    ):
        return base
    return replace(
        base,
        exit_code=exit_code,
        exit_reason=exit_reason,
        node=node,
        seen_by=seen_by,
        superseded=echo,
        alert=alert,
        alert_since=since,
    )


def _same_object(created_at: datetime | None, series: JobSeries | CronJobSeries | None) -> bool:
    """False when the series speak of an earlier object of the same name."""
    if series is None:
        return False
    if created_at is None or series.created_at is None:
        return True
    return abs((created_at - series.created_at).total_seconds()) <= _SAME_OBJECT_S


def _telling_pod(pods: Sequence[JobPod]) -> tuple[JobPod, bool]:
    """The last failed Pod, else the last one; and whether it failed."""
    failed = [pod for pod in pods if pod.phase == "Failed" or pod.exit_code]
    return max(failed or pods, key=_pod_age), bool(failed)


def _pod_age(pod: JobPod) -> tuple[datetime, str, str, str, int]:
    at = pod.finished_at or pod.started_at or pod.created_at or _LONG_AGO
    return at, pod.name, pod.uid, pod.node or "", pod.exit_code or 0


def _alert_of(job: Job, alert: Alert) -> tuple[AlertState | None, datetime | None]:
    if alert.active_at is not None and job.created_at is not None and alert.active_at < job.created_at:
        return None, None  # it speaks of an earlier Job of the same name
    return alert.state, alert.active_at


# -- CronJobs ---------------------------------------------------------------------------------------------------------


def _cronjob_from_series(family: Family) -> CronJob | None:
    series = family.series
    if series is None:
        return None
    return CronJob(
        cluster=family.cluster,
        namespace=series.namespace,
        name=series.name,
        schedule=series.schedule,
        time_zone=series.time_zone,
        suspended=bool(series.suspended),
        created_at=series.created_at,
        last_scheduled_at=series.last_scheduled_at,
        last_succeeded_at=series.last_succeeded_at,
        active=series.active or 0,
    )


def _cronjob_row(owner: CronJob, family: Family, runs: Runs, moment: Moment) -> tuple[CronJob, datetime]:
    series = family.series
    same = _same_object(owner.created_at, series)
    in_kubernetes = family.cronjob is not None
    refresh_s = moment.refresh_s if in_kubernetes else max(moment.refresh_s, _SCRAPE_S)
    due = cronjobs.due_at(owner, moment.next_run, _reported(owner, series) if same else None)
    next_run_at = cronjobs.first_after(moment.now, owner, moment.next_run, due)
    verdict = cronjobs.verdict(owner, runs, moment.now, refresh_s, due)
    seen_by = _SEEN_BY_PROMETHEUS if not in_kubernetes else _SEEN_BY_BOTH if same else _SEEN_BY_KUBERNETES
    row = replace(
        owner,
        next_run_at=next_run_at,
        verdict=verdict,
        failed_jobs=runs.failed_jobs,
        history=cronjobs.history(runs),
        seen_by=seen_by,
    )
    changes = [at for at in (next_run_at, _missed_at(owner, due, refresh_s)) if at is not None and at >= moment.now]
    return row, min(changes, default=FOR_EVER)


def _reported(owner: CronJob, series: CronJobSeries | None) -> datetime | None:
    """kube-state-metrics' next_schedule_time, unless it was worked out from an older last schedule or schedule."""
    if series is None or series.last_scheduled_at != owner.last_scheduled_at:
        return None
    if series.schedule is not None and series.schedule != owner.schedule:
        return None
    return series.next_run_at


def _missed_at(owner: CronJob, due: datetime | None, refresh_s: float) -> datetime | None:
    return None if due is None else due + timedelta(seconds=cronjobs.grace_s(owner, refresh_s))
