"""What the Jobs have to tell: what fails, what missed its time, and what only echoes. Pure."""

import shlex
from collections.abc import Iterable, Sequence
from datetime import datetime

from homelab_tui.domain.incident_values import Evidence, Incident, Severity, count, in_order, seconds
from homelab_tui.domain.jobs import AlertState, CronJob, Job, JobState, Verdict
from homelab_tui.domain.state import LabState
from homelab_tui.domain.values import Frozen


class Failure(Frozen):
    """A CronJob that fails, or a Job of nobody's that has failed."""

    key: str
    name: str
    jobs: tuple[Job, ...]
    """Its failed Jobs, newest first; empty where only the CronJob's own status tells."""
    cronjob: CronJob | None

    @property
    def node(self) -> str | None:
        """Where its latest failed Job ran."""
        return self.jobs[0].node if self.jobs else None

    @property
    def at(self) -> datetime | None:
        """When it failed last; None where nobody tells."""
        return (self.jobs[0].failed_at or self.jobs[0].created_at) if self.jobs else None


def failures_of(state: LabState) -> list[Failure]:
    """Each failing CronJob once, and each failed Job that no CronJob owns."""
    owned: dict[str, list[Job]] = {}
    alone: list[Job] = []
    for job in state.jobs.jobs:
        if job.state not in (JobState.FAILED, JobState.FAILING) or job.superseded:
            continue
        if job.cronjob is None:
            alone.append(job)
        else:
            owned.setdefault(f"{job.id.cluster}/{job.id.namespace}/{job.cronjob}", []).append(job)
    found = []
    for cronjob in state.jobs.cronjobs:
        jobs = owned.pop(cronjob.key, [])
        if cronjob.verdict in (Verdict.FAILING, Verdict.NEVER_SUCCEEDED) or jobs:
            found.append(Failure(f"cronjob:{cronjob.key}", cronjob.key, _newest_first(jobs), cronjob))
    # What is left has an owner that no source tells of.
    found += [Failure(f"cronjob:{key}", key, _newest_first(jobs), None) for key, jobs in owned.items()]
    found += [Failure(f"job:{job.id}", str(job.id), (job,), None) for job in alone]
    return found


def _newest_first(jobs: Iterable[Job]) -> tuple[Job, ...]:
    return tuple(sorted(jobs, key=lambda job: seconds(job.failed_at or job.created_at), reverse=True))


def failure_incident(failure: Failure) -> Incident:
    """Something that fails on nodes that are well."""
    newest = failure.jobs[0] if failure.jobs else None
    never = failure.cronjob is not None and failure.cronjob.verdict is Verdict.NEVER_SUCCEEDED
    word = "has never succeeded" if never else "fails" if failure.cronjob is not None else "failed"
    why = "" if newest is None else _why(newest)
    return Incident(
        key=failure.key,
        severity=Severity.WARNING,
        title=f"{failure.name} {word}{f': {why}' if why else ''}",
        evidence=in_order(job_evidence(failure)),
        cures=job_cures(failure.jobs),
        node=failure.node,
        jobs=tuple(job.id for job in failure.jobs),
        alert=loudest(failure.jobs),
    )


def job_evidence(failure: Failure) -> list[Evidence]:
    """What is known of a failure: the last success, each failed Job, its alert."""
    found = []
    if failure.cronjob is not None:
        at = failure.cronjob.last_succeeded_at
        told = "succeeded for the last time" if at is not None else "no success is known"
        found.append(Evidence("cronjob", f"{failure.name}: {told}", at, is_good=True))
    for job in failure.jobs:
        place = f" on {job.node}" if job.node else ""
        found.append(
            Evidence("job", f"{job.id} {job.state.value}{place}: {_why(job) or 'no reason told'}", job.failed_at)
        )
        if job.alert is not None:
            found.append(Evidence("job", f"alert {job.alert.value} for {job.id}", job.alert_since))
    return found


def _why(job: Job) -> str:
    """The cause in few words."""
    words = [f"exit {job.exit_code}"] if job.exit_code is not None else []
    words += [word for word in (job.exit_reason if job.exit_reason != "Error" else None, job.reason) if word]
    return ", ".join(words)


def job_cures(jobs: Sequence[Job]) -> tuple[str, ...]:
    """What to do about failed Jobs: look, run again, end the alert."""
    if not jobs:
        return ()
    name = shlex.quote(str(jobs[0].id))
    return (f"homelab jobs logs {name}", f"homelab jobs rerun {name}", f"homelab jobs delete {name}")


def loudest(jobs: Sequence[Job]) -> AlertState | None:
    """The most urgent alert among some Jobs."""
    order = (AlertState.FIRING, AlertState.PENDING, AlertState.SILENCED, AlertState.INHIBITED)
    told = {job.alert for job in jobs}
    return next((state for state in order if state in told), None)


def missed(state: LabState) -> list[Incident]:
    """CronJobs whose time went by without a run."""
    return [
        Incident(
            key=f"cronjob:{cronjob.key}",
            severity=Severity.WARNING,
            title=f"{cronjob.key} missed its schedule {cronjob.schedule or ''}".rstrip(),
            evidence=(Evidence("cronjob", "ran for the last time", cronjob.last_scheduled_at),),
            cures=(f"homelab jobs trigger {shlex.quote(cronjob.key)}",),
        )
        for cronjob in state.jobs.cronjobs
        if cronjob.verdict is Verdict.MISSED
    ]


def echoes(state: LabState) -> list[Incident]:
    """Failed Jobs that a later success made meaningless, per cluster: they page for nothing."""
    echoes: dict[str, list[Job]] = {}
    for job in state.jobs.jobs:
        if job.state is JobState.FAILED and job.superseded:
            echoes.setdefault(job.id.cluster, []).append(job)
    return [
        Incident(
            key=f"recovered:{cluster}",
            severity=Severity.NOTICE,
            title=f"{cluster}: {count(len(jobs), 'failed Job')} left over from what has recovered",
            evidence=in_order([Evidence("job", f"{job.id}: {_why(job)}", job.failed_at) for job in jobs]),
            cures=(f"homelab jobs delete --recovered --cluster {shlex.quote(cluster)}",),
            jobs=tuple(job.id for job in jobs),
            alert=loudest(jobs),
        )
        for cluster, jobs in echoes.items()
    ]
