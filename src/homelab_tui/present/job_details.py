"""The detail lines of a Job and of a CronJob: the story, and what nobody can tell any more."""

from collections.abc import Sequence
from datetime import datetime

from rich.text import Text

from homelab_tui.domain.cronjobs import HISTORY_LENGTH
from homelab_tui.domain.jobs import CronJob, CronJobPast, Job, JobPod, JobState, Witness
from homelab_tui.domain.reading import Reading
from homelab_tui.domain.state import LabState
from homelab_tui.present.detail_lines import HEADING, Line
from homelab_tui.present.job_alerts import alert_lines, stay_lines
from homelab_tui.present.jobs import exit_words, history, reason
from homelab_tui.present.table import printable
from homelab_tui.present.times import age, local, until, zoned

_STATES = {
    JobState.FAILING: "failing (FailureTarget): it has failed, its Pods are still ending; Prometheus cannot know yet",
    JobState.DELETING: "deleting: it is on its way out",
}


def job_lines(state: LabState, job: Job, now: datetime) -> list[Line]:
    """One Job's story."""
    owner = next((one for one in state.jobs.cronjobs if _is_owner(one, job)), None)
    zone = owner.time_zone if owner is not None else None
    ended = {JobState.FAILED: "failed", JobState.FAILING: "failing since"}.get(job.state, "completed")
    lines: list[Line] = [
        ("state", _STATES.get(job.state, job.state.value) + (", superseded by a later success" * job.superseded)),
        ("why", reason(job) or None),
        ("message", job.message),
        ("CronJob", job.cronjob or "none: it stands alone"),
        ("node", job.node),
        ("attempts", _attempts(job)),
        ("succeeded", None if job.succeeded is None else f"{job.succeeded} of {job.completions or 1}"),
    ]
    lines += [("failed indexes", job.failed_indexes)] if job.failed_indexes else []
    if job.cronjob is not None:
        lines.append(("scheduled", "by hand" if job.manual else zoned(job.scheduled_at, zone)))
    lines += [
        ("started", local(job.started_at)),
        (ended, local(job.finished_at)),
        ("ran", age(job.duration_s(now))),
        *alert_lines(state, job, now),
        ("seen by", _witnesses(job.seen_by)),
        ("uid", job.uid),
    ]
    if job.finalizers:
        lines.append(("finalizers", ", ".join(job.finalizers)))
    stays = stay_lines(state, job, now)
    lines += [("Why it stays", HEADING), *stays] if stays else []
    pods = [pod for _, r in state.clusters if r.value for pod in r.value.pods if pod.job_uid and pod.job_uid == job.uid]
    lines.append(("Pods", HEADING))
    lines += [(pod.name, pod_words(pod)) for pod in pods]
    if not pods:
        lines.append(("", "gone; what was kept of them while it failed is below, if anything was"))
    return lines


def _is_owner(cronjob: CronJob, job: Job) -> bool:
    return (cronjob.cluster, cronjob.namespace, cronjob.name) == (job.id.cluster, job.id.namespace, job.cronjob)


def _attempts(job: Job) -> str | None:
    if job.attempts is None:
        return None
    if job.backoff_limit is None:
        return f"{job.attempts} failed; the limit is per index"
    return f"{job.attempts} of {job.backoff_limit + 1} failed (backoffLimit {job.backoff_limit})"


def _witnesses(seen_by: Sequence[Witness]) -> str:
    words = " and ".join(witness.value for witness in seen_by)
    return f"{words} alone: read only, there is nothing to act on" if seen_by == (Witness.PROMETHEUS,) else words


def pod_words(pod: JobPod) -> str:
    """One Pod: phase, node, how its container ended, and its last words."""
    words = [f"{pod.phase or '?'} on {pod.node or 'no node'}"]
    words += [pod.reason] if pod.reason else []
    if pod.exit_code is not None:
        words.append(f"{pod.container or 'container'} {exit_words(pod.exit_code, pod.exit_reason)}")
    words += [f"{pod.restarts} restarts"] if pod.restarts else []
    words += [pod.message.strip().splitlines()[-1]] if pod.message and pod.message.strip() else []
    return ", ".join(words)


def cronjob_lines(state: LabState, cronjob: CronJob, now: datetime) -> list[Line]:
    """One CronJob: its verdict, its clock, its limits, its runs."""
    zone = cronjob.time_zone
    next_run = f"{zoned(cronjob.next_run_at, zone)}, {until(cronjob.next_run_at, now)}"
    return [
        ("verdict", cronjob.verdict.value),
        ("schedule", f"{cronjob.schedule or '–'} ({zone or 'the zone of the cluster'})"),
        ("last scheduled", zoned(cronjob.last_scheduled_at, zone)),
        ("last success", zoned(cronjob.last_succeeded_at, zone)),
        ("next run", next_run if cronjob.next_run_at else "none: suspended" if cronjob.suspended else None),
        ("suspended", "yes" if cronjob.suspended else "no"),
        ("concurrency", cronjob.concurrency_policy),
        ("failed Jobs there", str(cronjob.failed_jobs)),
        ("failedJobsHistoryLimit", _number(cronjob.failed_jobs_history_limit)),
        ("ttlSecondsAfterFinished", _number(cronjob.job_ttl_s) or "not set: failed Jobs stay until they are deleted"),
        ("seen by", _witnesses(cronjob.seen_by)),
        ("last runs", history(cronjob.history) or None),
        ("remembered", memory_words(state, cronjob)),
        *((zoned(run.at, zone), run.result.value) for run in reversed(cronjob.history)),
    ]


def memory_words(state: LabState, cronjob: CronJob) -> str:
    """Who remembers the runs whose Jobs are gone, or why nobody does."""
    servers = {name for name, reading in state.prometheus if _speaks_of(reading, cronjob.cluster)}
    readings = [reading for name, reading in state.pasts if name in servers]
    if not readings:
        return "by nobody: no Prometheus tells of this cluster, so runs whose Jobs are gone are not shown"
    known = [past for reading in readings for past in reading.value or () if _is_past(past, cronjob)]
    if known:
        count = max(len(past.runs) for past in known)
        return f"{count} of the last {HISTORY_LENGTH} by Prometheus, their Jobs there or gone"
    problems = [reading.problem for reading in readings if reading.problem]
    if problems:
        return f"not known: {problems[0]}"
    if all(reading.taken_at is None for reading in readings):
        return "asking Prometheus…"
    return "by nobody: Prometheus has no run of it, so runs whose Jobs are gone are not shown"


def _speaks_of(reading: Reading[object], cluster: str) -> bool:
    return getattr(reading.value, "cluster", None) == cluster


def _is_past(past: CronJobPast, cronjob: CronJob) -> bool:
    return (past.namespace, past.cronjob) == (cronjob.namespace, cronjob.name)


def section_text(heading: str, text: str) -> Text:
    """A heading and foreign lines below it, made printable."""
    found = Text()
    found.append(f"\n{printable(heading)}\n", "bold")
    return found.append("\n".join(printable(line, 2_000) for line in text.splitlines()))


def _number(value: int | None) -> str | None:
    return None if value is None else str(value)
