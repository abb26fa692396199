"""Small worlds of Jobs as Kubernetes and Prometheus tell them, for tests of what merges them."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from homelab_tui.domain.jobs import (
    Alert,
    CronJob,
    CronJobSeries,
    Job,
    JobId,
    JobPod,
    JobSeries,
    JobState,
    MetricsSnapshot,
    Witness,
)
from homelab_tui.domain.merging import merge
from homelab_tui.domain.state import ClusterJobs, JobsView
from homelab_tui.domain.values import replace
from homelab_tui.engine.schedules import next_run

NOW = datetime(2026, 11, 23, 12, 30, tzinfo=UTC)
P, K = Witness.PROMETHEUS, Witness.KUBERNETES


def ago(minutes: float) -> datetime:
    """That many minutes before now."""
    return NOW - timedelta(minutes=minutes)


def job(name: str, state: JobState = JobState.COMPLETE, minutes: float = 60, **changes: object) -> Job:
    """A Job of cluster nuc, namespace ops, as Kubernetes tells it."""
    made = Job(
        id=JobId("nuc", "ops", name),
        state=state,
        uid=f"uid-{name}",
        created_at=ago(minutes),
        started_at=ago(minutes),
        failed_at=ago(minutes - 2) if state in (JobState.FAILED, JobState.FAILING) else None,
        completed_at=ago(minutes - 2) if state is JobState.COMPLETE else None,
        seen_by=(K,),
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def series(name: str, minutes: float = 60, **changes: object) -> JobSeries:
    """The same Job as kube-state-metrics tells it."""
    return replace(JobSeries("ops", name, created_at=ago(minutes)), **changes)  # type: ignore[arg-type]


def nuc(*jobs: Job, cronjobs: Sequence[CronJob] = (), pods: Sequence[JobPod] = ()) -> ClusterJobs:
    """The Kubernetes side."""
    return ClusterJobs("nuc", jobs, tuple(cronjobs), tuple(pods))


def told(
    *jobs: JobSeries, cronjobs: Sequence[CronJobSeries] = (), alerts: Sequence[Alert] = (), cluster: str = "nuc"
) -> MetricsSnapshot:
    """The Prometheus side."""
    return MetricsSnapshot(cluster, jobs, tuple(cronjobs), tuple(alerts))


def rows(
    clusters: Sequence[ClusterJobs] = (),
    snapshots: Sequence[MetricsSnapshot] = (),
    tombstones: Sequence[str] = (),
    now: datetime = NOW,
) -> JobsView:
    """The merged rows, with schedules."""
    return merge(clusters, snapshots, tombstones, now, 5.0, next_run)


def only(view: JobsView) -> Job:
    """The one row."""
    [row] = view.jobs
    return row


def pod(name: str, exit_code: int | None, minutes: float, **changes: object) -> JobPod:
    """A Pod of Job a."""
    made = JobPod(
        "nuc",
        "ops",
        name,
        uid=name,
        job_uid="uid-a",
        job_name="a",
        node=f"node-of-{name}",
        phase="Failed" if exit_code else "Succeeded",
        exit_code=exit_code,
        exit_reason="OOMKilled" if exit_code == 137 else None,
        finished_at=ago(minutes),
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def cronjob(name: str = "backup", **changes: object) -> CronJob:
    """An hourly CronJob that last ran at 12:00."""
    made = CronJob(
        "nuc",
        "ops",
        name,
        uid=f"uid-{name}",
        schedule="0 * * * *",
        time_zone="Etc/UTC",
        created_at=ago(9000),
        last_scheduled_at=ago(30),
        last_succeeded_at=ago(28),
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def run(minutes: float, state: JobState, owner: str = "backup") -> Job:
    """A run of a CronJob."""
    tick = ago(minutes)
    name = f"{owner}-{int(tick.timestamp()) // 60}"
    return job(name, state, minutes, cronjob=owner, scheduled_at=tick)
