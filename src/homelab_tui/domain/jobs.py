"""CronJobs, Jobs and their Pods, as Kubernetes and Prometheus know them, and the row that both worlds give."""

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from homelab_tui.domain.values import Frozen


class JobState(StrEnum):
    """A Job in one word. FAILING: FailureTarget is set, its Pods are still going; Prometheus cannot know yet."""

    FAILED = "failed"
    FAILING = "failing"
    RUNNING = "running"
    COMPLETE = "complete"
    SUSPENDED = "suspended"
    PENDING = "pending"
    DELETING = "deleting"

    @property
    def is_finished(self) -> bool:
        """Whether nothing more will run: only such a Job is deleted without `--force`."""
        return self in (JobState.FAILED, JobState.COMPLETE)


class AlertState(StrEnum):
    """Where the alert for a Job stands."""

    PENDING = "pending"
    FIRING = "firing"
    SILENCED = "silenced"
    INHIBITED = "inhibited"


class Witness(StrEnum):
    """Which world knows an object."""

    PROMETHEUS = "prometheus"
    KUBERNETES = "kubernetes"


class JobId(NamedTuple):  # ten thousand of them are hashed and put in order: a tuple does both in C
    """What a person calls a Job. Names are used again: act on `Job.uid`, never on this alone."""

    cluster: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.cluster}/{self.namespace}/{self.name}"


class Job(Frozen):
    """One Job. From Kubernetes it has a uid; known to Prometheus alone it has none and nothing can be done to it."""

    id: JobId
    state: JobState
    uid: str | None = None
    resource_version: str | None = None
    cronjob: str | None = None
    """Name of the owning CronJob; None for a stand-alone Job."""
    cronjob_uid: str | None = None
    reason: str | None = None
    """Of the Failed (or FailureTarget) condition: BackoffLimitExceeded, DeadlineExceeded, … an open set."""
    message: str | None = None
    exit_code: int | None = None
    """Of the last failed container. None: no Pod left to tell, or it never ran."""
    exit_reason: str | None = None
    """OOMKilled, Error, …"""
    node: str | None = None
    """Where its (last failed, else last) Pod ran."""
    created_at: datetime | None = None
    started_at: datetime | None = None
    failed_at: datetime | None = None
    completed_at: datetime | None = None
    scheduled_at: datetime | None = None
    """The tick of the CronJob that this run belongs to."""
    deleted_at: datetime | None = None
    """deletionTimestamp: it is going, a finalizer or its Pods hold it."""
    attempts: int | None = None
    """Failed Pods so far."""
    backoff_limit: int | None = None
    completions: int | None = None
    parallelism: int | None = None
    succeeded: int | None = None
    active: int | None = None
    failed_indexes: str | None = None
    ttl_seconds_after_finished: int | None = None
    finalizers: tuple[str, ...] = ()
    manual: bool = False
    """Created by hand from a CronJob (cronjob.kubernetes.io/instantiate=manual)."""
    seen_by: tuple[Witness, ...] = ()
    superseded: bool = False
    """A later run of the same CronJob succeeded: what is left is only the alert."""
    alert: AlertState | None = None
    alert_since: datetime | None = None

    @property
    def finished_at(self) -> datetime | None:
        """When it ended, either way."""
        return self.failed_at if self.state in (JobState.FAILED, JobState.FAILING) else self.completed_at

    def duration_s(self, now: datetime) -> float | None:
        """Seconds it ran: to its end when it has ended, else until `now`; None when it never started."""
        if self.started_at is None:
            return None
        if self.finished_at is not None:
            return max(0.0, (self.finished_at - self.started_at).total_seconds())
        if self.state is JobState.RUNNING or self.state is JobState.FAILING:
            return max(0.0, (now - self.started_at).total_seconds())
        return None


class JobPod(Frozen):
    """One Pod of a Job."""

    cluster: str
    namespace: str
    name: str
    uid: str
    job_uid: str | None
    job_name: str | None
    node: str | None = None
    phase: str | None = None
    reason: str | None = None
    """Evicted, DeadlineExceeded, … of the Pod itself."""
    exit_code: int | None = None
    exit_reason: str | None = None
    message: str | None = None
    container: str | None = None
    """The container that failed (init containers too), else the first one: whose log is worth reading."""
    containers: tuple[str, ...] = ()
    restarts: int = 0
    created_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None


class RunResult(StrEnum):
    """How one run of a CronJob ended."""

    OK = "ok"
    FAILED = "failed"
    RUNNING = "running"
    UNKNOWN = "unknown"


class Run(Frozen):
    """One run of a CronJob in its history."""

    at: datetime
    result: RunResult


class Verdict(StrEnum):
    """What a CronJob's runs say about it, in one word; the rules are in `cronjobs.verdict`."""

    FAILING = "failing"
    NEVER_SUCCEEDED = "never-succeeded"
    MISSED = "missed"
    RECOVERED = "recovered"
    FLAKY = "flaky"
    RUNNING = "running"
    OK = "ok"
    NEW = "new"
    SUSPENDED = "suspended"
    UNKNOWN = "unknown"


class CronJob(Frozen):
    """One CronJob."""

    cluster: str
    namespace: str
    name: str
    uid: str | None = None
    resource_version: str | None = None
    schedule: str | None = None
    time_zone: str | None = None
    """None: the zone of the cluster's controller."""
    suspended: bool = False
    concurrency_policy: str = "Allow"
    starting_deadline_s: int | None = None
    failed_jobs_history_limit: int | None = None
    successful_jobs_history_limit: int | None = None
    job_ttl_s: int | None = None
    """ttlSecondsAfterFinished of its Job template."""
    created_at: datetime | None = None
    last_scheduled_at: datetime | None = None
    last_succeeded_at: datetime | None = None
    next_run_at: datetime | None = None
    active: int = 0
    verdict: Verdict = Verdict.UNKNOWN
    failed_jobs: int = 0
    """Failed Job objects that are still there."""
    history: tuple[Run, ...] = ()
    """At most 14, oldest first."""
    seen_by: tuple[Witness, ...] = ()

    @property
    def key(self) -> str:
        """`cluster/namespace/name`, its identity on the screen."""
        return f"{self.cluster}/{self.namespace}/{self.name}"


class Alert(Frozen):
    """One alert instance as Prometheus evaluates it (silences unknown there)."""

    name: str
    namespace: str | None
    job_name: str | None
    state: AlertState
    active_at: datetime | None = None
    for_s: float | None = None
    """How long its rule waits before it fires; None: not told, or it fires already."""


class JobSeries(Frozen):
    """What kube-state-metrics told Prometheus of one Job, labels normalised (exported_*, v1 names, no owner)."""

    namespace: str
    name: str
    failed: bool | None = None
    """True only where kube_job_failed{condition="true"} is 1."""
    complete: bool | None = None
    cronjob: str | None = None
    created_at: datetime | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None
    failed_at: datetime | None = None
    """First sample at which it was seen failed; approximate, and None when history was not asked."""
    active: int | None = None
    node: str | None = None


class CronJobSeries(Frozen):
    """What kube-state-metrics told Prometheus of one CronJob."""

    namespace: str
    name: str
    schedule: str | None = None
    time_zone: str | None = None
    suspended: bool | None = None
    created_at: datetime | None = None
    last_scheduled_at: datetime | None = None
    last_succeeded_at: datetime | None = None
    next_run_at: datetime | None = None
    active: int | None = None


class PastRun(Frozen):
    """One run that a Prometheus remembers, whether its Job is still there or not."""

    job: str
    """Name of the Job."""
    at: datetime
    """Its tick; of a run by hand its start."""
    result: RunResult


class CronJobPast(Frozen):
    """What a Prometheus remembers of one CronJob's runs."""

    namespace: str
    cronjob: str
    runs: tuple[PastRun, ...]
    """The newest ones, oldest first."""


class MetricsSnapshot(Frozen):
    """One consistent instant of a Prometheus server, as far as Jobs go."""

    cluster: str
    jobs: tuple[JobSeries, ...] = ()
    cronjobs: tuple[CronJobSeries, ...] = ()
    alerts: tuple[Alert, ...] | None = None
    """None: the server has no alerts endpoint, or did not answer it."""
    heartbeat: bool = True
    """False: no kube-state-metrics series at all: an empty answer means nothing."""
    heartbeat_age_s: float | None = None
    """Age of the newest kube-state-metrics sample."""
    warnings: tuple[str, ...] = ()
    """The server's own warnings; with any of them the answer may be partial."""
    past: tuple[CronJobPast, ...] = ()
    """What it remembers of earlier runs; read on its own, and seldom."""


class Event(Frozen):
    """One Kubernetes event about an object."""

    kind: str
    object_name: str
    type: str
    """Normal or Warning."""
    reason: str
    message: str
    count: int = 1
    last_at: datetime | None = None
