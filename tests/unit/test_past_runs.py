"""Runs whose Jobs are gone: what Prometheus remembers of them, and who says so when nobody does."""

from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from homelab_tui.domain.cronjobs import HISTORY_LENGTH, past_of, past_with
from homelab_tui.domain.jobs import (
    CronJob,
    CronJobPast,
    CronJobSeries,
    JobSeries,
    JobState,
    MetricsSnapshot,
    PastRun,
    RunResult,
    Verdict,
)
from homelab_tui.domain.reading import Reading
from homelab_tui.domain.state import JobsView, LabState
from homelab_tui.domain.values import replace
from homelab_tui.present.documents import cronjob_document
from homelab_tui.present.job_details import memory_words
from tests.job_worlds import NOW, ago, job, nuc, rows, series, told

OK, FAILED, UNKNOWN = RunResult.OK, RunResult.FAILED, RunResult.UNKNOWN
CRON = CronJob(
    "nuc", "ops", "backup", uid="c1", schedule="0 * * * *", time_zone="Etc/UTC", created_at=ago(90000),
    last_scheduled_at=ago(30), last_succeeded_at=ago(29),
)  # fmt: skip


def tick(hours: int) -> datetime:
    """That many hours before the last tick."""
    return ago(30) - timedelta(hours=hours)


def name(hours: int) -> str:
    return f"backup-{int(tick(hours).timestamp()) // 60}"


def run(hours: int, result: RunResult) -> PastRun:
    return PastRun(name(hours), tick(hours), result)


def past(*runs: PastRun, cronjob: str = "backup") -> CronJobPast:
    return CronJobPast("ops", cronjob, runs)


def remembering(*pasts: CronJobPast, jobs: tuple[JobSeries, ...] = ()) -> MetricsSnapshot:
    return replace(told(*jobs), past=pasts)


def test_runs_whose_jobs_are_gone_are_in_the_history_and_those_that_are_there_only_once() -> None:
    here = job(name(0), JobState.COMPLETE, 30, cronjob="backup", scheduled_at=tick(0))
    memory = remembering(past(run(3, FAILED), run(2, OK), run(1, FAILED), run(0, OK)))
    [row] = rows([nuc(here, cronjobs=[CRON])], [memory]).cronjobs
    assert [one.result for one in row.history] == [FAILED, OK, FAILED, OK]
    assert row.verdict is Verdict.FLAKY, "two of its last runs failed; the API alone would call it ok"
    assert row.failed_jobs == 0, "a run that is gone is no object"
    [without] = rows([nuc(here, cronjobs=[CRON])], [remembering()]).cronjobs
    assert without.verdict is Verdict.OK


def test_kubernetes_knows_better_how_a_run_ended_that_is_still_there() -> None:
    here = job(name(0), JobState.FAILED, 30, cronjob="backup", scheduled_at=tick(0))
    cron = replace(CRON, last_succeeded_at=ago(89))
    memory = remembering(past(run(1, OK), run(0, UNKNOWN)))
    [row] = rows([nuc(here, cronjobs=[cron])], [memory]).cronjobs
    assert [one.result for one in row.history] == [OK, FAILED]
    assert row.verdict is Verdict.FAILING


def test_a_success_that_only_prometheus_remembers_makes_a_failure_an_echo() -> None:
    echo = job(name(2), JobState.FAILED, 150, cronjob="backup", scheduled_at=tick(2))
    cron = replace(CRON, last_succeeded_at=None)
    view = rows([nuc(echo, cronjobs=[cron])], [remembering(past(run(2, FAILED), run(1, OK), run(0, OK)))])
    assert view.jobs[0].superseded
    assert view.cronjobs[0].verdict is Verdict.RECOVERED


def test_prometheus_alone_tells_them_too() -> None:
    cron = CronJobSeries("ops", "backup", "0 * * * *", last_scheduled_at=ago(30), last_succeeded_at=ago(29))
    latest = series(name(0), 30, complete=True, cronjob="backup", completed_at=ago(29))
    snapshot = replace(told(latest, cronjobs=[cron]), past=(past(run(2, FAILED), run(1, OK), run(0, OK)),))
    [row] = rows([], [snapshot]).cronjobs
    assert [one.result for one in row.history] == [FAILED, OK, OK]
    assert cronjob_document(row)["history"] == [
        {"at": "2026-11-23T10:00:00Z", "result": "failed"},
        {"at": "2026-11-23T11:00:00Z", "result": "ok"},
        {"at": "2026-11-23T12:00:00Z", "result": "ok"},
    ]


def test_a_past_that_arrives_later_changes_its_own_row_alone() -> None:
    other = replace(CRON, name="other", uid="c2")
    before = rows([nuc(cronjobs=[CRON, other])], [remembering()])
    after = rows([nuc(cronjobs=[CRON, other])], [remembering(past(run(1, OK)))])
    changed = {new.name for old, new in zip(before.cronjobs, after.cronjobs, strict=True) if old != new}
    assert changed == {"backup"}


def test_the_series_of_jobs_become_runs_by_their_tick_or_their_start() -> None:
    [found] = past_of(
        [
            series(name(1), 89, failed=True, cronjob="backup"),
            series(name(0), 29, complete=True, cronjob="backup"),
            series("backup-manual-x7k2p", 10, cronjob="backup"),
            series("backup-29999999", 5, complete=True, cronjob="backup"),  # by hand: its number is after its creation
            series("alone", 7, failed=True),
            JobSeries("ops", "timeless", failed=True, cronjob="backup"),
        ]
    )
    assert found == past(
        run(1, FAILED),
        run(0, OK),
        PastRun("backup-manual-x7k2p", ago(10), UNKNOWN),
        PastRun("backup-29999999", ago(5), OK),
    )


def test_a_later_look_adds_runs_and_ends_and_takes_no_end_away() -> None:
    known = (past(run(2, FAILED), run(1, UNKNOWN)),)
    later = (past(run(2, UNKNOWN), run(1, OK), run(0, UNKNOWN)), past(run(0, OK), cronjob="other"))
    assert past_with(known, later) == (
        past(run(2, FAILED), run(1, OK), run(0, UNKNOWN)),
        past(run(0, OK), cronjob="other"),
    )


@given(st.lists(st.tuples(st.integers(0, 60), st.sampled_from([OK, FAILED, UNKNOWN])), max_size=40))
def test_however_it_is_cut_into_looks_the_newest_fourteen_are_known(told_runs: list[tuple[int, RunResult]]) -> None:
    ends = {hours: result for hours, result in told_runs if result is not UNKNOWN}
    runs = [run(hours, ends.get(hours, result)) for hours, result in told_runs]
    at_once = past_with((), [past(*runs)])
    bit_by_bit: tuple[CronJobPast, ...] = ()
    for one in runs:
        bit_by_bit = past_with(bit_by_bit, [past(one)])
    assert {p.runs for p in at_once} - {()} == {p.runs for p in bit_by_bit}
    for found in at_once:
        assert len(found.runs) == min(len({one.job for one in runs}), HISTORY_LENGTH)
        assert list(found.runs) == sorted(found.runs, key=lambda one: one.at)


def test_who_remembers_is_said_and_that_nobody_does() -> None:
    prometheus = (("main", Reading(MetricsSnapshot("nuc"), NOW)),)
    view = JobsView((), (CRON,))

    def words(reading: Reading[tuple[CronJobPast, ...]] | None, cluster: str = "nuc") -> str:
        pasts = (("main", reading),) if reading is not None else ()
        state = LabState(prometheus=prometheus if reading is not None else (), pasts=pasts, jobs=view)
        return memory_words(state, replace(CRON, cluster=cluster))

    assert words(Reading((past(run(1, OK), run(0, OK)),), NOW)) == (
        "2 of the last 14 by Prometheus, their Jobs there or gone"
    )
    assert "by nobody: no Prometheus tells of this cluster" in words(None)
    assert "by nobody: no Prometheus tells of this cluster" in words(Reading((), NOW), cluster="edge")
    assert "by nobody: Prometheus has no run of it" in words(Reading((), NOW))
    assert words(Reading()) == "asking Prometheus…"
    assert words(Reading(problem="main: query timed out")) == "not known: main: query timed out"
