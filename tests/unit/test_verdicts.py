"""The verdict of a CronJob: a table of histories, and what must hold for every history."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homelab_tui.domain.cronjobs import (
    HISTORY_LENGTH,
    due_at,
    first_after,
    history,
    run_at,
    runs_of,
    scheduled_at,
    superseded,
    verdict,
)
from homelab_tui.domain.jobs import CronJob, Job, JobId, JobState, Run, RunResult, Verdict
from homelab_tui.domain.values import replace
from homelab_tui.engine.schedules import next_run

NOW = datetime(2026, 11, 23, 12, 30, tzinfo=UTC)
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
STATES = {
    "F": JobState.FAILED,
    "f": JobState.FAILING,
    "o": JobState.COMPLETE,
    "r": JobState.RUNNING,
    "p": JobState.PENDING,
    "s": JobState.SUSPENDED,
    "X": JobState.DELETING,  # a failed one
    "x": JobState.DELETING,  # one that had not ended
}


def job(letter: str, tick: datetime, name: str = "", *, manual: bool = False) -> Job:
    """A run of `backup`: F failed, f failing, o complete, r running, p pending, s suspended, X and x being deleted."""
    state = STATES[letter]
    return Job(
        id=JobId("nuc", "ops", name or f"backup-{int(tick.timestamp()) // 60}"),
        state=state,
        uid=f"uid-{tick.timestamp()}-{name}",
        cronjob="backup",
        created_at=tick + timedelta(seconds=1),
        started_at=None if letter in "ps" else tick + timedelta(seconds=1),
        failed_at=tick + timedelta(minutes=5) if letter in "FfX" else None,
        completed_at=tick + timedelta(minutes=5) if letter == "o" else None,
        scheduled_at=None if manual else tick,
        manual=manual,
    )


def jobs_of(letters: str) -> list[Job]:
    """One Job an hour, oldest first, the last at 12:00; a dot is a tick whose Job is gone."""
    ticks = [NOON - HOUR * back for back in range(len(letters) - 1, -1, -1)]
    return [job(letter, tick) for letter, tick in zip(letters, ticks, strict=True) if letter != "."]


@dataclass(frozen=True)
class History:
    """One line of the table. Times are hours: 0 is 12:00, −1 is 11:00."""

    name: str
    jobs: str
    expected: Verdict
    scheduled: float | None = 0.0
    succeeded: float | None = None
    """Where lastSuccessfulTime is; None: never."""
    suspended: bool = False
    active: int = 0
    due: float | None = None
    """The first tick after the last schedule; None: cannot be told."""
    deadline_s: int | None = None
    refresh_s: float = 5.0
    created: bool = True
    remembered: tuple[Run, ...] = field(default=())
    manual: str = ""
    """One more run, by hand, at 12:10."""

    def cronjob(self) -> CronJob:
        return CronJob(
            cluster="nuc",
            namespace="ops",
            name="backup",
            schedule="0 * * * *",
            time_zone="Etc/UTC",
            suspended=self.suspended,
            starting_deadline_s=self.deadline_s,
            created_at=NOW - timedelta(days=90) if self.created else None,
            last_scheduled_at=hour(self.scheduled),
            last_succeeded_at=hour(self.succeeded),
            active=self.active,
        )

    def all_jobs(self) -> list[Job]:
        by_hand = (
            [job(self.manual, NOW - timedelta(minutes=20), "backup-manual-x1", manual=True)] if self.manual else []
        )
        return jobs_of(self.jobs) + by_hand


def hour(offset: float | None) -> datetime | None:
    """The time of an offset in hours from 12:00."""
    return None if offset is None else NOON + timedelta(hours=offset)


OK_AT = 5 / 60
"""A run of 12:00 ends at 12:05."""
HISTORIES = [
    History("nothing is known", "", Verdict.UNKNOWN, scheduled=None, created=False),
    History("created, and nothing has run yet", "", Verdict.NEW, scheduled=None),
    History("created, its first tick is not yet due", "", Verdict.NEW, scheduled=None, due=1),
    History("its first run is going", "r", Verdict.RUNNING, active=1),
    History("its first run waits for a node", "p", Verdict.RUNNING, active=1),
    History("its first run succeeded", "o", Verdict.OK, succeeded=OK_AT),
    History("its first run failed", "F", Verdict.NEVER_SUCCEEDED),
    History("three runs, three failures", "FFF", Verdict.NEVER_SUCCEEDED),
    History("never succeeded, and trying again", "FFr", Verdict.NEVER_SUCCEEDED, active=1),
    History("never succeeded, the failed Jobs are deleted", "", Verdict.NEVER_SUCCEEDED),
    History("never succeeded, its first run is about to fail", "f", Verdict.NEVER_SUCCEEDED, active=1),
    History("all is well", "ooo", Verdict.OK, succeeded=OK_AT),
    History("all is well, and no Job is kept", "", Verdict.OK, succeeded=OK_AT),
    History("an old cluster without lastSuccessfulTime", "ooo", Verdict.OK),
    History("the latest failed", "ooF", Verdict.FAILING, succeeded=-1 + OK_AT),
    History("the latest failed, older successes are gone", "F", Verdict.FAILING, succeeded=-7 + OK_AT),
    History("the latest failed, its Job is gone", "oo.", Verdict.FAILING, succeeded=-1 + OK_AT),
    History("the latest failed, no Job is kept", "", Verdict.FAILING, succeeded=-5 + OK_AT),
    History("the latest is being ended (FailureTarget)", "oof", Verdict.FAILING, succeeded=-1 + OK_AT, active=1),
    History("the latest failed and is being deleted", "ooX", Verdict.FAILING, succeeded=-1 + OK_AT),
    History("failing, and trying again", "oFr", Verdict.FAILING, succeeded=-2 + OK_AT, active=1),
    History("running, the one before succeeded", "oor", Verdict.RUNNING, succeeded=-1 + OK_AT, active=1),
    History("running, with an old failure still there", "For", Verdict.RUNNING, succeeded=-1 + OK_AT, active=1),
    History("running, although no Job is seen", "oo", Verdict.RUNNING, succeeded=-1 + OK_AT, active=1, scheduled=1),
    History("recovered: what pages people for nothing", "Fo", Verdict.RECOVERED, succeeded=OK_AT),
    History("recovered long ago, the failed Job stays", "Foooooooo", Verdict.RECOVERED, succeeded=OK_AT),
    History("recovered, and the successes leave no Job", "F.", Verdict.RECOVERED, succeeded=OK_AT),
    History("recovered by a run by hand", "ooF", Verdict.RECOVERED, succeeded=15 / 60, manual="o"),
    History("a run by hand failed after a success", "ooo", Verdict.FAILING, succeeded=OK_AT, manual="F"),
    History("failed twice, then well, cleared", "..o", Verdict.OK, succeeded=OK_AT),
    History(
        "flaky: two of the last failed, their Jobs are gone",
        "..oo",
        Verdict.FLAKY,
        succeeded=OK_AT,
        remembered=(
            Run(NOON - 3 * HOUR, RunResult.FAILED),
            Run(NOON - 2 * HOUR, RunResult.FAILED),
        ),
    ),
    History(
        "one failure in memory is not flaky",
        "..oo",
        Verdict.OK,
        succeeded=OK_AT,
        remembered=(Run(NOON - 3 * HOUR, RunResult.FAILED),),
    ),
    History(
        "failures before the last fourteen are forgiven",
        "o" * 14,
        Verdict.OK,
        succeeded=OK_AT,
        remembered=(
            Run(NOON - 20 * HOUR, RunResult.FAILED),
            Run(NOON - 19 * HOUR, RunResult.FAILED),
        ),
    ),
    History("flaky with its failed Jobs still there is recovered", "FoFo", Verdict.RECOVERED, succeeded=OK_AT),
    History("suspended", "oo", Verdict.SUSPENDED, suspended=True, succeeded=OK_AT),
    History("suspended wins over failing", "oF", Verdict.SUSPENDED, suspended=True, succeeded=-1 + OK_AT),
    History("suspended wins over missed", "o", Verdict.SUSPENDED, suspended=True, succeeded=OK_AT, due=0.1),
    History("suspended and never run", "", Verdict.SUSPENDED, suspended=True, scheduled=None),
    History("missed: a tick went by and nothing came", "oo", Verdict.MISSED, succeeded=OK_AT, due=0.25),
    History("missed from its creation on", "", Verdict.MISSED, scheduled=None, due=-3),
    History("missed wins over failing", "oF", Verdict.MISSED, succeeded=-1 + OK_AT, due=0.25),
    History("late, but within a minute", "oo", Verdict.OK, succeeded=OK_AT, due=0.5 - 59 / 3600),
    History("late by more than a minute", "oo", Verdict.MISSED, succeeded=OK_AT, due=0.5 - 61 / 3600),
    History("late, within its deadline", "oo", Verdict.OK, succeeded=OK_AT, due=0.25, deadline_s=1000),
    History("late, past its deadline", "oo", Verdict.MISSED, succeeded=OK_AT, due=0.25, deadline_s=800),
    History("late, within two slow refreshes", "oo", Verdict.OK, succeeded=OK_AT, due=0.25, refresh_s=500.0),
    History("overlapping runs skip ticks: not missed", "oor", Verdict.RUNNING, succeeded=-1 + OK_AT, active=1, due=0.1),
    History("its run is suspended", "oos", Verdict.OK, succeeded=-1 + OK_AT),
    History("its run is deleted before it ended", "oox", Verdict.OK, succeeded=-1 + OK_AT),
]


@pytest.mark.parametrize("case", HISTORIES, ids=lambda case: case.name)
def test_the_verdict_of_a_history(case: History) -> None:
    cronjob = case.cronjob()
    runs = runs_of(cronjob, case.all_jobs(), history=case.remembered)
    assert verdict(cronjob, runs, NOW, case.refresh_s, hour(case.due)) is case.expected


def test_the_table_has_every_verdict_and_thirty_histories() -> None:
    assert {case.expected for case in HISTORIES} == set(Verdict)
    assert len(HISTORIES) >= 30


# -- whatever the history ---------------------------------------------------------------------------------------------

letters = st.text("FfoorpsXx.", max_size=20)


def _consistent(text: str) -> tuple[CronJob, list[Job]]:
    """A CronJob with the status that its controller would write for these runs."""
    jobs = jobs_of(text)
    succeeded = max((one.completed_at for one in jobs if one.completed_at), default=None)
    cronjob = CronJob(
        "nuc",
        "ops",
        "backup",
        schedule="0 * * * *",
        created_at=NOW - timedelta(days=90),
        last_scheduled_at=max((one.scheduled_at for one in jobs if one.scheduled_at), default=None),
        last_succeeded_at=succeeded,
        active=sum(one.state in (JobState.RUNNING, JobState.PENDING, JobState.FAILING) for one in jobs),
    )
    return cronjob, jobs


@given(letters)
def test_a_recovered_cronjob_is_never_called_failing(text: str) -> None:
    cronjob, jobs = _consistent(text + "o")
    found = verdict(cronjob, runs_of(cronjob, jobs), NOW, 5.0)
    assert found not in (Verdict.FAILING, Verdict.NEVER_SUCCEEDED, Verdict.UNKNOWN, Verdict.NEW)
    if found is not Verdict.RUNNING:
        assert (found is Verdict.RECOVERED) == bool(set(text) & set("FX"))


@given(st.text("FfrpsXx.", max_size=20))
def test_a_never_succeeded_cronjob_is_never_ok(text: str) -> None:
    cronjob, jobs = _consistent(text)
    found = verdict(cronjob, runs_of(cronjob, jobs), NOW, 5.0)
    assert found not in (Verdict.OK, Verdict.RECOVERED, Verdict.FLAKY, Verdict.FAILING)
    if set(text) & set("FfX"):
        assert found is Verdict.NEVER_SUCCEEDED


@given(letters, st.randoms(use_true_random=False))
def test_the_order_in_which_jobs_are_listed_does_not_matter(text: str, random: Random) -> None:
    cronjob, jobs = _consistent(text)
    shuffled = list(jobs)
    random.shuffle(shuffled)
    assert runs_of(cronjob, shuffled) == runs_of(cronjob, jobs)


@given(letters)
def test_history_is_at_most_fourteen_runs_oldest_first(text: str) -> None:
    cronjob, jobs = _consistent(text)
    shown = history(runs_of(cronjob, jobs))
    assert len(shown) <= HISTORY_LENGTH
    assert list(shown) == sorted(shown, key=lambda run: run.at)
    assert {run.at for run in shown} <= {one.scheduled_at for one in jobs} | {cronjob.last_scheduled_at}


@given(letters)
def test_only_failed_jobs_before_a_success_are_superseded(text: str) -> None:
    cronjob, jobs = _consistent(text)
    runs = runs_of(cronjob, jobs)
    last_ok = max((one.scheduled_at for one in jobs if one.completed_at and one.scheduled_at), default=None)
    for one in jobs:
        expected = one.state is JobState.FAILED and last_ok is not None and run_at(one) < last_ok
        assert superseded(one, runs) is expected


# -- details ----------------------------------------------------------------------------------------------------------


def test_a_success_that_left_no_job_supersedes_a_failure() -> None:
    case = History("", "F.", Verdict.RECOVERED, succeeded=OK_AT)
    [failed] = case.all_jobs()
    assert superseded(failed, runs_of(case.cronjob(), case.all_jobs()))


def test_a_stand_alone_job_is_never_superseded() -> None:
    lone = replace(job("F", NOW - HOUR), cronjob=None)
    assert not superseded(lone, runs_of(CronJob("nuc", "ops", "backup"), jobs_of("oo")))


def test_a_run_that_only_prometheus_remembers_is_no_object_and_not_active() -> None:
    cronjob = CronJob("nuc", "ops", "backup", created_at=NOW - 90 * HOUR)
    runs = runs_of(cronjob, jobs_of("o"), jobs_of("Fr."))
    assert [run.result for run in runs.known] == [RunResult.FAILED, RunResult.UNKNOWN, RunResult.OK]
    assert (runs.failed_jobs, runs.active) == (0, 0)
    assert verdict(cronjob, runs, NOW, 5.0) is Verdict.OK


@pytest.mark.parametrize(
    ("name", "cronjob", "expected"),
    [
        ("tasmobackup-29381580", "tasmobackup", "2025-11-11 21:00"),
        ("a-b-29381580", "a-b", "2025-11-11 21:00"),
        ("backup-manual-x1", "backup", None),
        ("backup-29381580", "back", None),
        ("backup-2", "backup", None),
        ("backup-²²²²²²²²", "backup", None),
        ("backup-999999999", "backup", "3871-04-29 10:39"),
        ("backup", "backup", None),
        ("", "", None),
    ],
)
def test_the_tick_is_in_the_name_of_a_run(name: str, cronjob: str, expected: str | None) -> None:
    at = None if expected is None else datetime.fromisoformat(expected).replace(tzinfo=UTC)
    assert scheduled_at(name, cronjob) == at


def test_a_manual_run_counts_from_its_creation_even_with_a_number_in_its_name() -> None:
    tick = datetime(2025, 11, 11, 21, tzinfo=UTC)
    by_hand = replace(job("o", NOW, "backup-29381580", manual=True), created_at=NOW)
    assert run_at(by_hand) == NOW
    assert run_at(replace(by_hand, manual=False)) == tick


def _cron(**changes: object) -> CronJob:
    base = CronJob("nuc", "ops", "backup", schedule="0 * * * *", time_zone="Etc/UTC", created_at=NOW - 90 * HOUR)
    return replace(base, **changes)  # type: ignore[arg-type]


def test_the_due_tick_is_the_first_after_the_last_schedule() -> None:
    assert due_at(_cron(last_scheduled_at=hour(-3)), next_run) == hour(-2)
    assert due_at(_cron(created_at=hour(-0.5)), next_run) == hour(0)
    assert due_at(_cron(last_scheduled_at=hour(0), suspended=True), next_run) is None
    assert due_at(_cron(last_scheduled_at=hour(0)), None) is None


def test_kube_state_metrics_next_time_is_preferred() -> None:
    assert due_at(_cron(last_scheduled_at=hour(0)), next_run, hour(7)) == hour(7)
    assert due_at(_cron(last_scheduled_at=hour(0)), None, hour(7)) == hour(7)


def test_a_controller_with_another_clock_than_kube_state_metrics_is_believed() -> None:
    """k3s keeps the host's zone, kube-state-metrics UTC: the last schedule gives it away."""

    def local(_schedule: str, zone: str | None, after: datetime, _tick: datetime | None = None) -> datetime | None:
        return after + timedelta(hours=24) if zone is None else None

    nightly = _cron(schedule="0 2 * * *", time_zone=None, last_scheduled_at=hour(-2))
    assert due_at(nightly, local, hour(9)) == hour(22)


def test_the_next_run_after_a_missed_one_is_in_the_future() -> None:
    hourly = _cron(last_scheduled_at=hour(-3))
    due = due_at(hourly, next_run)
    assert first_after(NOW, hourly, next_run, due) == hour(1)
    assert first_after(NOW, hourly, next_run, hour(2)) == hour(2)
    assert first_after(NOW, replace(hourly, suspended=True), next_run, hour(2)) is None
    assert first_after(NOW, replace(hourly, schedule="nonsense"), next_run, None) is None


def _states(jobs: Sequence[Job]) -> list[JobState]:
    return [one.state for one in jobs]


def test_the_letters_of_the_table_mean_what_they_say() -> None:
    assert _states(jobs_of("Fo.r")) == [JobState.FAILED, JobState.COMPLETE, JobState.RUNNING]
