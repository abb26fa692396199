"""What the runs of a CronJob say about it: its verdict, its history, and which failed Jobs are only an echo."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from types import MappingProxyType
from typing import Protocol

from homelab_tui.domain.jobs import (
    CronJob,
    CronJobPast,
    Job,
    JobSeries,
    JobState,
    PastRun,
    Run,
    RunResult,
    Verdict,
)
from homelab_tui.domain.values import Frozen

HISTORY_LENGTH = 14
_LEAST_DELAY_S = 60.0
_SAME_SUCCESS = timedelta(seconds=30)
"""How far the time of a success may differ between a Job and its CronJob."""
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
_RESULTS = {
    JobState.FAILED: RunResult.FAILED,
    # FailureTarget is final: its Pods are still ending, but it cannot succeed any more.
    JobState.FAILING: RunResult.FAILED,
    JobState.COMPLETE: RunResult.OK,
    JobState.RUNNING: RunResult.RUNNING,
    JobState.PENDING: RunResult.RUNNING,
}


class NextRun(Protocol):
    """How the schedule grammar is asked from here (`engine.schedules.next_run`)."""

    def __call__(
        self, schedule: str, time_zone: str | None, after: datetime, known_tick: datetime | None = None, /
    ) -> datetime | None:
        """The first tick later than `after`; None when there is none or none can be told."""
        ...


class Runs(Frozen):
    """All that is known of a CronJob's runs."""

    known: tuple[Run, ...] = ()
    """Oldest first by scheduled time, whatever still or no longer has a Job."""
    failed_jobs: int = 0
    """Failed Job objects that are still there."""
    active: int = 0

    @property
    def last_finished(self) -> Run | None:
        """The latest run whose end is known."""
        return next((run for run in reversed(self.known) if run.result in (RunResult.OK, RunResult.FAILED)), None)

    @property
    def last_ok_at(self) -> datetime | None:
        """Scheduled time of the latest run that succeeded."""
        return next((run.at for run in reversed(self.known) if run.result is RunResult.OK), None)


def runs_of(cronjob: CronJob, jobs: Iterable[Job], remembered: Iterable[Job] = (), history: Iterable[Run] = ()) -> Runs:
    """The runs of a CronJob, from the Jobs it owns (manual ones too), in any order.

    `remembered` are Jobs that exist no more, only in Prometheus' memory: they count as runs, never as objects or as
    active. `history` are runs that are known without a Job. The CronJob's own status adds what no Job tells: a success
    whose Job is gone (lastSuccessfulTime), and a last tick that nothing ran for to the end, which is a failure whose
    Job is gone (failedJobsHistoryLimit 0, a TTL, a delete).
    """
    found: list[tuple[datetime, str, RunResult]] = []
    failed_jobs = active = 0
    completed_at: datetime | None = None
    for job in jobs:
        result = result_of(job)
        found.append((run_at(job), job.id.name, result))
        if result is RunResult.FAILED:
            failed_jobs += job.state is not JobState.FAILING
        elif result is RunResult.RUNNING:
            active += 1
        elif result is RunResult.OK and job.completed_at and (completed_at is None or job.completed_at > completed_at):
            completed_at = job.completed_at
    for job in remembered:
        result = result_of(job)
        found.append((run_at(job), job.id.name, RunResult.UNKNOWN if result is RunResult.RUNNING else result))
        if result is RunResult.OK and job.completed_at and (completed_at is None or job.completed_at > completed_at):
            completed_at = job.completed_at
    found += [(run.at, "", run.result) for run in history]
    found.sort()
    known = [_run(at, result) for at, _, result in found]
    active = max(active, cronjob.active)
    known = _with_status(cronjob, known, active, completed_at)
    return Runs(tuple(known), failed_jobs, active)


def _with_status(cronjob: CronJob, known: list[Run], active: int, completed_at: datetime | None) -> list[Run]:
    """Add the run that only the CronJob's status knows of."""
    tick, success_at = cronjob.last_scheduled_at, cronjob.last_succeeded_at
    newest_at = max((run.at for run in known), default=_LONG_AGO)
    ok_at = max((run.at for run in known if run.result is RunResult.OK), default=None)
    if success_at is not None and _is_untold(success_at, completed_at, ok_at, tick):
        # Its own tick is not told. The last one if no Job answers for that; else the success stands where it ended.
        ok_at = tick if tick is not None and newest_at < tick <= success_at else success_at
        known = sorted([*known, Run(ok_at, RunResult.OK)], key=_at)
    if (
        tick is None
        or tick <= newest_at
        or active
        or (ok_at is not None and (success_at is None or success_at >= tick))
    ):
        return known
    return sorted([*known, Run(tick, RunResult.FAILED)], key=_at)


def _is_untold(
    success_at: datetime, completed_at: datetime | None, ok_at: datetime | None, tick: datetime | None
) -> bool:
    """Whether the CronJob's last success is of a run that is in no list. `ok_at`: of the latest success that is."""
    if ok_at is None:
        return True
    if completed_at is None or (tick is not None and ok_at >= tick):
        return False
    return success_at - completed_at > _SAME_SUCCESS


def _at(run: Run) -> datetime:
    return run.at


def verdict(cronjob: CronJob, runs: Runs, now: datetime, refresh_s: float, due_at: datetime | None = None) -> Verdict:
    """A CronJob in one word: the first line that applies.

    `due_at` is the first tick after its last schedule (or its creation); None when that cannot be told, and then it is
    never called missed. `refresh_s` is how often its source is read.
    """
    last = runs.last_finished
    succeeded = cronjob.last_succeeded_at is not None or runs.last_ok_at is not None
    if cronjob.suspended:
        return Verdict.SUSPENDED
    if last is None and not succeeded and not runs.active and not (cronjob.created_at or cronjob.last_scheduled_at):
        return Verdict.UNKNOWN
    if not runs.active and due_at is not None and (now - due_at).total_seconds() > grace_s(cronjob, refresh_s):
        return Verdict.MISSED
    if last is not None and last.result is RunResult.FAILED:
        return Verdict.FAILING if succeeded else Verdict.NEVER_SUCCEEDED
    if runs.active:
        return Verdict.RUNNING
    if last is None:
        return Verdict.OK if succeeded else Verdict.NEW
    if runs.failed_jobs:
        return Verdict.RECOVERED
    failures = sum(run.result is RunResult.FAILED for run in runs.known[-HISTORY_LENGTH:])
    return Verdict.FLAKY if failures >= 2 else Verdict.OK


def grace_s(cronjob: CronJob, refresh_s: float) -> float:
    """How long after a tick nothing may have run before it counts as missed."""
    return max(_LEAST_DELAY_S, float(cronjob.starting_deadline_s or 0), 2 * refresh_s)


def history(runs: Runs) -> tuple[Run, ...]:
    """The last 14 runs, oldest first; a run whose time nobody knows is left out."""
    return tuple(run for run in runs.known[-HISTORY_LENGTH:] if run.at > _LONG_AGO)


def past_of(series: Iterable[JobSeries], names: Mapping[str, str] = MappingProxyType({})) -> tuple[CronJobPast, ...]:
    """The runs that these series of Jobs tell of, by CronJob, the newest 14 of each.

    A Job that went before anybody saw its end is a run without a known result. `names`: a name → the same, as others
    hold it already.
    """
    found: dict[tuple[str, str], list[PastRun]] = {}
    for job in series:
        at = None if job.cronjob is None else _past_at(job, job.cronjob)
        if job.cronjob is None or at is None:
            continue
        ok = job.complete or job.completed_at is not None
        result = RunResult.FAILED if job.failed else RunResult.OK if ok else RunResult.UNKNOWN
        found.setdefault((job.namespace, job.cronjob), []).append(PastRun(names.get(job.name, job.name), at, result))
    return tuple(CronJobPast(*key, _newest(runs)) for key, runs in sorted(found.items()))


def _past_at(job: JobSeries, cronjob: str) -> datetime | None:
    named, begun_at = scheduled_at(job.name, cronjob), job.created_at or job.started_at
    # Only a tick from before the Job: a run by hand may have a number in its name.
    return named if named is not None and (begun_at is None or named <= begun_at) else begun_at


def past_with(known: Iterable[CronJobPast], later: Iterable[CronJobPast]) -> tuple[CronJobPast, ...]:
    """What was known before, with what was seen later: of one Job the later look counts."""
    found: dict[tuple[str, str], dict[str, PastRun]] = {}
    for past in (*known, *later):
        runs = found.setdefault((past.namespace, past.cronjob), {})
        for run in past.runs:
            # Where the end was seen before, a later look at less takes nothing away.
            if run.result is not RunResult.UNKNOWN or run.job not in runs:
                runs[run.job] = run
    return tuple(CronJobPast(*key, _newest(runs.values())) for key, runs in sorted(found.items()))


def _newest(runs: Iterable[PastRun]) -> tuple[PastRun, ...]:
    return tuple(sorted(runs, key=lambda run: (run.at, run.job))[-HISTORY_LENGTH:])


def superseded(job: Job, runs: Runs) -> bool:
    """Whether a failed Job is only an echo: a later run of the same CronJob succeeded."""
    if job.state is not JobState.FAILED or job.cronjob is None:
        return False
    last_ok_at = runs.last_ok_at
    return last_ok_at is not None and run_at(job) < last_ok_at


def result_of(job: Job) -> RunResult:
    """How a run ended, as its Job tells; one that is being deleted still has the times of its end."""
    if job.state is JobState.DELETING:
        if job.failed_at is not None:
            return RunResult.FAILED
        return RunResult.OK if job.completed_at is not None else RunResult.UNKNOWN
    return _RESULTS.get(job.state, RunResult.UNKNOWN)


def run_at(job: Job) -> datetime:
    """When a run was due: its tick, else (manual runs) its creation; 1970 when nobody knows."""
    if job.scheduled_at is not None:
        return job.scheduled_at
    named = None if job.cronjob is None or job.manual else scheduled_at(job.id.name, job.cronjob)
    if named is not None and (job.created_at is None or named <= job.created_at):
        return named
    return job.created_at or job.started_at or job.failed_at or job.completed_at or _LONG_AGO


def scheduled_at(job_name: str, cronjob: str) -> datetime | None:
    """The tick in the name of a CronJob's Job, `backup-29381580` (minutes since 1970); None for any other name."""
    prefix, _, minutes = job_name.rpartition("-")
    # Seven to nine digits: 1989 to far beyond; a `-2` or a date is not taken for a tick.
    if prefix != cronjob or not (minutes.isascii() and minutes.isdigit() and 6 < len(minutes) < 10):
        return None
    return _tick(int(minutes))


@lru_cache(maxsize=2048)  # many CronJobs run at the same minute, and end alike
def _run(at: datetime, result: RunResult) -> Run:
    return Run(at, result)


@lru_cache(maxsize=2048)
def _tick(minutes: int) -> datetime | None:
    try:
        return datetime.fromtimestamp(minutes * 60, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def due_at(cronjob: CronJob, next_run: NextRun | None, reported: datetime | None = None) -> datetime | None:
    """The first tick after the last schedule (or creation); in the past when it was missed. None: nobody can tell.

    `reported` is kube-state-metrics' next_schedule_time for just this last schedule. It is preferred, except where a
    CronJob without a time zone gives away that its controller keeps another clock than kube-state-metrics' Pod.
    """
    anchor = cronjob.last_scheduled_at or cronjob.created_at
    if cronjob.suspended or anchor is None:
        return None
    own = None
    if next_run is not None and cronjob.schedule is not None and (reported is None or cronjob.time_zone is None):
        own = next_run(cronjob.schedule, cronjob.time_zone, anchor, cronjob.last_scheduled_at)
    if reported is None:
        return own
    return own if own is not None and cronjob.last_scheduled_at is not None else reported


def first_after(now: datetime, cronjob: CronJob, next_run: NextRun | None, due: datetime | None) -> datetime | None:
    """The next run to expect: the tick that is due, or where that has passed, the first one after `now`."""
    if cronjob.suspended:
        return None
    if due is not None and due > now:
        return due
    if next_run is None or cronjob.schedule is None:
        return None
    return next_run(cronjob.schedule, cronjob.time_zone, now, due or cronjob.last_scheduled_at)
