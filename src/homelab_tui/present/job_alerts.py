"""A Job's alert in words: when it fires, since when, who silenced it, and why it does not clear by itself."""

from datetime import datetime, timedelta

from homelab_tui.domain.alerts import Silence, silences_of
from homelab_tui.domain.jobs import Alert, AlertState, CronJob, Job, JobState
from homelab_tui.domain.state import LabState
from homelab_tui.present.detail_lines import Line
from homelab_tui.present.times import age, local, since, until

Firing = dict[tuple[str, str, str], datetime]
"""(cluster, namespace, Job) → when its pending alert begins to fire."""


def fires_at(state: LabState) -> Firing:
    """When pending alerts begin to fire, where Prometheus told how long their rule waits."""
    found: Firing = {}
    for _, reading in state.prometheus:
        for alert in (reading.value.alerts or ()) if reading.value is not None else ():
            at = _fires_at(alert)
            if reading.value is not None and at is not None:
                found[reading.value.cluster, alert.namespace or "", alert.job_name or ""] = at
    return found


def _fires_at(alert: Alert) -> datetime | None:
    if alert.state is not AlertState.PENDING or alert.active_at is None or alert.for_s is None:
        return None
    return alert.active_at + timedelta(seconds=alert.for_s)


def alert_lines(state: LabState, job: Job, now: datetime) -> list[Line]:
    """Where the alert stands, and every silence on it."""
    silences = silences_of(job, [reading.value for _, reading in state.alertmanagers if reading.value is not None])
    lines: list[Line] = [("alert", _standing(state, job, now))]
    return lines + [("silenced", _silence(silence, now)) for silence in silences]


def _standing(state: LabState, job: Job, now: datetime) -> str:
    if job.alert is None:
        return "none" if state.prometheus or state.alertmanagers else "unknown: no Prometheus is configured"
    began = f" since {local(job.alert_since)}, {since(job.alert_since, now)}" if job.alert_since else ""
    if job.alert is AlertState.PENDING:
        at = fires_at(state).get((job.id.cluster, job.id.namespace, job.id.name))
        return f"pending{began}; it fires {until(at, now)}" if at is not None else f"pending{began}"
    if job.alert is AlertState.INHIBITED:
        return f"inhibited by another alert{began}"
    return f"{job.alert.value}{began}"


def _silence(silence: Silence, now: datetime) -> str:
    ends = f"until {local(silence.ends_at)} ({until(silence.ends_at, now)})" if silence.ends_at else ""
    return f"by {silence.created_by or 'somebody'} {ends}: {silence.comment or 'no comment'}".replace(" :", ":")


def stay_lines(state: LabState, job: Job, now: datetime) -> list[Line]:
    """Why a failed Job, and with it the alert, stays or goes; nothing for a Job that has not failed."""
    if job.state is not JobState.FAILED:
        return []
    lines: list[Line] = []
    ttl_s = job.ttl_seconds_after_finished
    if ttl_s is None:
        lines.append(("ttl", "no ttlSecondsAfterFinished: it stays, and alerts, until it is deleted (d, or x)"))
    elif job.failed_at is not None:
        at = job.failed_at + timedelta(seconds=min(ttl_s, 10**9))
        lines.append(("ttl", f"{age(ttl_s)}: it goes {until(at, now)}, and the alert with it"))
    if job.superseded:
        lines.append(("superseded", "a later run succeeded: the cause is over, the alert is only an echo (D clears)"))
    cronjob = _owner(state, job)
    if cronjob is not None:
        lines.append(("history limit", _history(cronjob)))
    return lines


def _owner(state: LabState, job: Job) -> CronJob | None:
    key = (job.id.cluster, job.id.namespace, job.cronjob)
    return next((one for one in state.jobs.cronjobs if (one.cluster, one.namespace, one.name) == key), None)


def _history(cronjob: CronJob) -> str:
    limit = cronjob.failed_jobs_history_limit
    if limit is None:
        return "nobody told the CronJob's failedJobsHistoryLimit (1, unless it was set)"
    if limit == 0:
        return "failedJobsHistoryLimit 0: the CronJob's controller deletes it at its next look"
    kept = "the last failed Job" if limit == 1 else f"the last {limit} failed Jobs"
    return f"failedJobsHistoryLimit {limit}: {kept} stay until others fail; a success deletes none (L changes it)"
