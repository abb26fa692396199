"""Rows of the Jobs pane: CronJobs with their verdict, the Jobs that need attention under them."""

from collections.abc import Iterable
from datetime import datetime
from itertools import chain

from homelab_tui.domain.job_families import FamilyRows, in_families
from homelab_tui.domain.jobs import AlertState, CronJob, Job, JobState, Run
from homelab_tui.domain.reading import HealthState
from homelab_tui.domain.state import LabState
from homelab_tui.present.documents import reading_health
from homelab_tui.present.job_alerts import Firing, fires_at
from homelab_tui.present.operations import Acts
from homelab_tui.present.row_memo import Block, RowMemo
from homelab_tui.present.table import Cell, Column, Row
from homelab_tui.present.times import age, since, until
from homelab_tui.present.words import (
    ALERTS,
    JOB_STATES,
    NOTHING,
    RUNS,
    VERDICTS,
    alert_cell,
    common_cell,
    seen_cell,
    state_cell,
)

COLUMNS = (
    Column("name", "JOB", min_width=16, max_width=44),
    Column("state", "STATE", min_width=10, max_width=30),
    Column("node", "NODE", max_width=16, priority=1),
    Column("reason", "REASON", min_width=10, max_width=44, priority=2),
    Column("since", "SINCE", align="right", priority=3),
    Column("alert", "ALERT", max_width=12, priority=4),
    Column("history", "LAST RUNS", max_width=16, priority=5),
    Column("next", "NEXT", max_width=18, priority=6),
    Column("tries", "TRIES", align="right", priority=7),
    Column("ran", "RAN", align="right", priority=8),
    Column("cluster", "CLUSTER", max_width=14, priority=9),
    Column("seen", "SEEN", priority=10),
    Column("schedule", "SCHEDULE", max_width=30, priority=11),
)
_BLANK = Cell("", sort="")
_URGENT = {verdict: number for number, verdict in enumerate(VERDICTS)}
_JOB_URGENT = {
    JobState.FAILED: 0,
    JobState.FAILING: 0,
    JobState.DELETING: 1,
    JobState.RUNNING: 5,
    JobState.PENDING: 6,
    JobState.SUSPENDED: 7,
    JobState.COMPLETE: 8,
}


def rows(
    state: LabState, now: datetime, *, completed: bool = True, memo: RowMemo[FamilyRows] | None = None
) -> tuple[Row, ...]:
    """What needs a person first: CronJobs by urgency with their Jobs below, stand-alone Jobs among them.

    Without `completed` the Jobs that ended well are left out: their CronJob's row tells of them. `memo`: what a screen
    that shows the rows again and again keeps of them.
    """
    dim = frozenset(
        name for name, reading in state.clusters if reading_health(reading, now).state is not HealthState.OK
    )
    firing = fires_at(state)
    acts = Acts(state.operations, now)
    view = state.jobs

    def make(family: FamilyRows) -> list[Block]:
        jobs = [job for job in family.jobs if completed or job.state is not JobState.COMPLETE]
        made = [
            _job_row(acts, job, now, firing, level=0 if family.cronjob is None else 1, dim=job.id.cluster in dim)
            for job in jobs
        ]
        if family.cronjob is None:
            return [
                Block((_JOB_URGENT[job.state] - 0.5, str(job.id)), (row,), _nearest(now, _moments(job)))
                for job, row in zip(jobs, made, strict=True)
            ]
        cronjob = family.cronjob
        head = _cronjob_row(acts, cronjob, now, dim=cronjob.cluster in dim)
        moments = [
            cronjob.last_scheduled_at,
            cronjob.last_succeeded_at,
            cronjob.next_run_at,
            *chain(*map(_moments, jobs)),
        ]
        return [Block((_URGENT[cronjob.verdict], cronjob.key), (head, *made), _nearest(now, moments))]

    families = view.families or in_families(view.jobs, view.cronjobs)
    return (memo or RowMemo()).rows(families, now, make, context=(dim, firing, completed), busy=acts.targets)


def _moments(job: Job) -> tuple[datetime | None]:
    """Whose ages a Job's row shows."""
    return (job.finished_at or job.started_at or job.created_at,)


def _nearest(now: datetime, moments: Iterable[datetime | None]) -> datetime | None:
    return min((at for at in moments if at is not None), key=lambda at: abs(now - at), default=None)


def _job_row(acts: Acts, job: Job, now: datetime, firing: Firing, *, level: int, dim: bool) -> Row:
    target = f"job:{job.id}"
    name = job.id.name if level else f"{job.id.namespace}/{job.id.name}"
    at = job.finished_at or job.started_at or job.created_at
    limit = "?" if job.backoff_limit is None else job.backoff_limit + 1
    tries = "–" if job.attempts is None else f"{job.attempts}/{limit}"
    note = acts.note(target)
    cells = (
        Cell(name),
        acts.cell(target) or _job_state(job),
        NOTHING if job.node is None else common_cell(job.node),
        note or common_cell(reason(job), "error" if job.state in (JobState.FAILED, JobState.FAILING) else "dim"),
        Cell(since(at, now), sort=-(at.timestamp()) if at else ""),
        _alert_cell(job, now, firing),
        _BLANK,
        _BLANK,
        common_cell(tries, sort=job.attempts),
        common_cell(age(job.duration_s(now)), sort=job.duration_s(now)),
        common_cell(job.id.cluster, "dim"),
        seen_cell(job.seen_by),
        _BLANK,
    )
    return Row(key=f"job:{job.id}", cells=cells, dim=dim, level=level)


def _alert_cell(job: Job, now: datetime, firing: Firing) -> Cell:
    """The alert; of a pending one, how long until it fires."""
    at = firing.get((job.id.cluster, job.id.namespace, job.id.name)) if job.alert is AlertState.PENDING else None
    if at is None or at <= now:
        return alert_cell(job.alert)
    return state_cell(ALERTS[AlertState.PENDING], until(at, now))


def _job_state(job: Job) -> Cell:
    if job.superseded and job.state is JobState.FAILED:
        return Cell("✖ superseded", "warning")
    return state_cell(JOB_STATES[job.state], job.state.value)


def reason(job: Job) -> str:
    """Why, in a few words: the exit code in words or the container's own reason, then the condition's."""
    words = []
    if job.exit_code is not None and job.exit_code != 0:
        words.append(exit_words(job.exit_code, job.exit_reason))
    elif job.exit_reason and job.exit_reason not in ("Completed", "Error"):
        words.append(job.exit_reason)
    if job.reason:
        words.append(job.reason)
    if not words and job.state is JobState.FAILED and job.uid is None:
        words.append("known to Prometheus alone")
    if job.failed_indexes:
        words.append(f"indexes {job.failed_indexes}")
    return ", ".join(words)


def exit_words(code: int, reason: str | None = None) -> str:
    """An exit code as people know it: 137 is a SIGKILL, which OOMKilled explains."""
    known = {1: "exit 1", 126: "exit 126 (not executable)", 127: "exit 127 (command not found)"}
    if reason == "OOMKilled":
        return f"exit {code} (out of memory)"
    if code in known:
        return known[code]
    if 128 < code < 160:
        signals = {129: "SIGHUP", 130: "SIGINT", 134: "SIGABRT", 137: "SIGKILL", 139: "SIGSEGV", 143: "SIGTERM"}
        return f"exit {code} ({signals.get(code, f'signal {code - 128}')})"
    return f"exit {code}"


def _cronjob_row(acts: Acts, cronjob: CronJob, now: datetime, *, dim: bool) -> Row:
    last = cronjob.last_succeeded_at
    target = f"cronjob:{cronjob.key}"
    story = common_cell(f"last success {since(last, now)} ago" if last else "no success known", "dim")
    cells = (
        Cell(f"{cronjob.namespace}/{cronjob.name}"),
        acts.cell(target) or state_cell(VERDICTS[cronjob.verdict], cronjob.verdict.value, _URGENT[cronjob.verdict]),
        _BLANK,
        acts.note(target) or story,
        common_cell(since(cronjob.last_scheduled_at, now), "dim"),
        _BLANK,
        common_cell(history(cronjob.history)),
        common_cell("suspended" if cronjob.suspended else until(cronjob.next_run_at, now), "dim"),
        _BLANK,
        _BLANK,
        common_cell(cronjob.cluster, "dim"),
        seen_cell(cronjob.seen_by),
        Cell(f"{cronjob.schedule or '–'}{' ' + cronjob.time_zone if cronjob.time_zone else ''}", "dim"),
    )
    return Row(key=f"cronjob:{cronjob.key}", cells=cells, dim=dim)


def history(runs: tuple[Run, ...]) -> str:
    """The last runs as glyphs, oldest first."""
    return "".join(RUNS[run.result][0] for run in runs)


def empty_text(state: LabState, now: datetime) -> str:
    """Why there are no rows; never "all green" where nobody answered."""
    words = [reading_health(reading, now) for _, reading in (*state.clusters, *state.prometheus)]
    if not words:
        return "No [[clusters]] and no [[prometheus]] are configured."
    for kind in (HealthState.NO_DATA, HealthState.DOWN, HealthState.STALE, HealthState.STARTING):
        found = [word for word in words if word.state is kind]
        if found:
            text = found[0].problem or "asking…"
            return f"NO DATA: {text}" if kind is HealthState.NO_DATA else text
    return "No Jobs and no CronJobs: both worlds answer, and know none."
