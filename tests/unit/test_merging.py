"""Kubernetes and Prometheus merged into the rows of the Jobs pane."""

from datetime import UTC, datetime, timedelta

import pytest

from homelab_tui.domain.jobs import (
    Alert,
    AlertState,
    CronJobSeries,
    JobId,
    JobState,
    RunResult,
    Verdict,
)
from homelab_tui.domain.merging import forgotten, merge
from homelab_tui.domain.state import ClusterJobs, JobsView
from homelab_tui.domain.values import replace
from homelab_tui.engine.schedules import next_run
from tests.job_worlds import NOW, K, P, ago, cronjob, job, nuc, only, pod, rows, run, series, told

# -- witnesses --------------------------------------------------------------------------------------------------------


def test_each_row_says_which_world_knows_it() -> None:
    view = rows([nuc(job("both"), job("api-only"))], [told(series("both"), series("metrics-only"))])
    assert {row.id.name: row.seen_by for row in view.jobs} == {
        "both": (P, K),
        "api-only": (K,),
        "metrics-only": (P,),
    }


def test_kubernetes_wins_on_every_detail() -> None:
    kube = job("a", JobState.RUNNING, reason="x", node="nuc02")
    row = only(rows([nuc(kube)], [told(series("a", failed=True, node="nuc01", active=0))]))
    assert row == replace(kube, seen_by=(P, K))


def test_prometheus_fills_in_a_node_that_no_pod_tells_any_more() -> None:
    assert only(rows([nuc(job("a"))], [told(series("a", node="rpi03"))])).node == "rpi03"


def test_series_of_an_earlier_job_of_the_same_name_are_no_witness() -> None:
    """Names are used again; the old Job's failure and alert are not the new one's."""
    alert = Alert("KubeJobFailed", "ops", "a", AlertState.FIRING, ago(500))
    row = only(
        rows([nuc(job("a", JobState.RUNNING, 3))], [told(series("a", 600, failed=True, node="x"), alerts=[alert])])
    )
    assert (row.seen_by, row.alert, row.node) == ((K,), None, None)


def test_without_an_api_prometheus_alone_is_listed_without_uid() -> None:
    failed = series("restic-29923920", failed=True, cronjob="restic", started_at=ago(70), node="nuc03")
    row = only(rows([], [told(failed)]))
    assert (row.id, row.state, row.uid, row.resource_version) == (
        JobId("nuc", "ops", "restic-29923920"),
        JobState.FAILED,
        None,
        None,
    )
    assert (row.cronjob, row.node, row.seen_by) == ("restic", "nuc03", (P,))
    assert row.scheduled_at == datetime.fromtimestamp(29923920 * 60, UTC)


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"failed": True}, JobState.FAILED),
        ({"failed": True, "complete": False, "active": 1}, JobState.FAILED),
        ({"complete": True}, JobState.COMPLETE),
        ({"completed_at": ago(3)}, JobState.COMPLETE),
        ({"active": 1, "started_at": ago(3)}, JobState.RUNNING),
        ({"active": 0, "started_at": ago(3)}, JobState.RUNNING),
        ({"failed": False, "active": 0}, JobState.PENDING),
        ({}, JobState.PENDING),
    ],
)
def test_a_state_from_series_alone(facts: dict[str, object], expected: JobState) -> None:
    told_job = replace(series("a"), **facts)  # type: ignore[arg-type]
    assert only(rows([], [told(told_job)])).state is expected


def test_a_job_that_is_gone_from_a_healthy_api_stays_until_prometheus_forgets_it() -> None:
    assert only(rows([nuc()], [told(series("a", failed=True))])).seen_by == (P,)


def test_a_tombstone_hides_what_we_deleted() -> None:
    snapshot = told(series("a", failed=True), series("b", failed=True))
    assert [row.id.name for row in rows([nuc()], [snapshot], ["nuc/ops/a"]).jobs] == ["b"]


def test_a_tombstone_hides_neither_another_cluster_nor_a_job_that_is_there_again() -> None:
    snapshots = [told(series("a", failed=True)), told(series("a", failed=True), cluster="pi")]
    names = [(row.id.cluster, row.seen_by) for row in rows([nuc(job("a", minutes=1))], snapshots, ["nuc/ops/a"]).jobs]
    assert sorted(names) == [("nuc", (K,)), ("pi", (P,))]


def test_tombstones_are_forgotten_once_prometheus_has_forgotten() -> None:
    assert forgotten(["nuc/ops/a", "nuc/ops/b"], [told(series("a"))]) == {"nuc/ops/b"}


def test_clusters_with_equal_names_inside_stay_apart() -> None:
    pi = ClusterJobs("pi", (replace(job("a", JobState.FAILED), id=JobId("pi", "ops", "a")),))
    view = rows([nuc(job("a")), pi], [told(series("a")), told(series("a", failed=True), cluster="pi")])
    assert {(str(row.id), row.state, row.seen_by) for row in view.jobs} == {
        ("nuc/ops/a", JobState.COMPLETE, (P, K)),
        ("pi/ops/a", JobState.FAILED, (P, K)),
    }


def test_two_servers_of_one_cluster_are_both_heard() -> None:
    view = rows([], [told(series("a")), told(series("a", failed=True), series("b"))])
    assert [row.id.name for row in view.jobs] == ["a", "b"]


# -- pods and alerts --------------------------------------------------------------------------------------------------


def test_exit_code_and_node_are_those_of_the_newest_failed_pod() -> None:
    pods = [pod("old", 1, 9), pod("new", 137, 5), pod("ok", 0, 1)]
    row = only(rows([nuc(job("a", JobState.FAILED), pods=pods)]))
    assert (row.exit_code, row.exit_reason, row.node) == (137, "OOMKilled", "node-of-new")


def test_a_job_that_succeeded_after_a_retry_has_no_exit_code() -> None:
    row = only(rows([nuc(job("a"), pods=[pod("bad", 1, 9), pod("good", 0, 1)])]))
    assert (row.exit_code, row.node) == (None, "node-of-bad")


def test_a_pod_that_never_ran_tells_its_own_reason() -> None:
    evicted = pod("p", None, 3, phase="Failed", reason="Evicted")
    row = only(rows([nuc(job("a", JobState.FAILED), pods=[evicted])]))
    assert (row.exit_code, row.exit_reason) == (None, "Evicted")


def test_pods_belong_to_the_job_of_their_uid_not_of_their_name() -> None:
    stale = pod("p", 1, 3, job_uid="uid-of-an-earlier-a")
    assert only(rows([nuc(job("a", JobState.FAILED), pods=[stale])])).exit_code is None
    unowned = pod("p", 1, 3, job_uid=None)
    assert only(rows([nuc(job("a", JobState.FAILED), pods=[unowned])])).exit_code == 1


def test_the_alert_stands_beside_the_job() -> None:
    alerts = [
        Alert("KubeJobNotCompleted", "ops", "a", AlertState.PENDING, ago(50)),
        Alert("KubeJobFailed", "ops", "a", AlertState.FIRING, ago(20)),
        Alert("KubeJobFailed", "ops", "a", AlertState.FIRING, ago(40)),
        Alert("KubeJobFailed", "other", "b", AlertState.FIRING, ago(40)),
        Alert("NoJob", None, None, AlertState.FIRING, ago(40)),
    ]
    view = rows([nuc(job("a", JobState.FAILED), job("b"))], [told(alerts=alerts)])
    assert {row.id.name: (row.alert, row.alert_since) for row in view.jobs} == {
        "a": (AlertState.FIRING, ago(40)),
        "b": (None, None),
    }


def test_an_alert_of_a_job_that_only_prometheus_knows() -> None:
    alert = Alert("KubeJobFailed", "ops", "a", AlertState.PENDING, ago(3))
    row = only(rows([], [told(series("a", failed=True), alerts=[alert])]))
    assert (row.alert, row.alert_since) == (AlertState.PENDING, ago(3))


# -- cronjobs ---------------------------------------------------------------------------------------------------------


def test_a_recovered_cronjob_and_its_echo() -> None:
    view = rows([nuc(run(90, JobState.FAILED), run(30, JobState.COMPLETE), cronjobs=[cronjob()])])
    [row] = view.cronjobs
    assert (row.verdict, row.failed_jobs, row.next_run_at) == (Verdict.RECOVERED, 1, ago(-30))
    assert [one.result for one in row.history] == [RunResult.FAILED, RunResult.OK]
    assert {one.state: one.superseded for one in view.jobs} == {JobState.FAILED: True, JobState.COMPLETE: False}


def test_clearing_the_echo_makes_it_ok() -> None:
    failed = run(90, JobState.FAILED)
    stale = [told(series(failed.id.name, 90, failed=True, cronjob="backup"))]
    for tombstones in ([], [str(failed.id)]):
        [row] = rows([nuc(run(30, JobState.COMPLETE), cronjobs=[cronjob()])], stale, tombstones).cronjobs
        assert (row.verdict, row.failed_jobs) == (Verdict.OK, 0)


def test_the_latest_failure_is_no_echo() -> None:
    status = cronjob(last_succeeded_at=ago(88))
    view = rows([nuc(run(90, JobState.COMPLETE), run(30, JobState.FAILED), cronjobs=[status])])
    assert view.cronjobs[0].verdict is Verdict.FAILING
    assert not any(one.superseded for one in view.jobs)


def test_a_cronjob_without_an_api() -> None:
    told_cron = CronJobSeries(
        "ops",
        "backup",
        schedule="0 * * * *",
        created_at=ago(9000),
        last_scheduled_at=ago(30),
        last_succeeded_at=ago(28),
        next_run_at=ago(-30),
        active=0,
    )
    failed = series(f"backup-{int(ago(90).timestamp()) // 60}", 90, failed=True, cronjob="backup")
    [row] = rows([], [told(failed, cronjobs=[told_cron])]).cronjobs
    assert (row.verdict, row.uid, row.seen_by, row.next_run_at) == (Verdict.RECOVERED, None, (P,), ago(-30))
    assert row.failed_jobs == 1


def test_cronjobs_of_one_name_in_two_namespaces_do_not_mix() -> None:
    """The classic rule joins on owner_name alone, and blames the healthy one."""
    other = replace(run(30, JobState.FAILED), id=JobId("nuc", "elsewhere", "backup-1"))
    crons = [cronjob(), replace(cronjob(last_succeeded_at=None), namespace="elsewhere")]
    view = rows([nuc(run(30, JobState.COMPLETE), other, cronjobs=crons)])
    assert {row.namespace: row.verdict for row in view.cronjobs} == {
        "elsewhere": Verdict.NEVER_SUCCEEDED,
        "ops": Verdict.OK,
    }


def test_kube_state_metrics_next_time_counts_only_for_the_same_last_schedule() -> None:
    fresh = CronJobSeries("ops", "backup", last_scheduled_at=ago(30), next_run_at=ago(-45), created_at=ago(9000))
    behind = replace(fresh, last_scheduled_at=ago(90), next_run_at=ago(30))
    edited = replace(fresh, schedule="5 5 * * *")
    for said, expected in ((fresh, ago(-45)), (behind, ago(-30)), (edited, ago(-30))):
        [row] = rows([nuc(cronjobs=[cronjob()])], [told(cronjobs=[said])]).cronjobs
        assert (row.next_run_at, row.verdict) == (expected, Verdict.OK)


def test_a_missed_run_shows_the_one_to_come() -> None:
    [row] = rows([nuc(cronjobs=[cronjob(last_scheduled_at=ago(150), last_succeeded_at=ago(148))])]).cronjobs
    assert (row.verdict, row.next_run_at) == (Verdict.MISSED, ago(-30))


def test_time_in_which_nobody_could_look_is_no_miss() -> None:
    cluster = nuc(cronjobs=[cronjob()])
    later = NOW + timedelta(hours=3)
    for taken, expected in ((later, Verdict.MISSED), (NOW, Verdict.OK)):
        view = merge([cluster], [], (), later, 5.0, next_run, taken_at={"nuc": taken})
        assert view.cronjobs[0].verdict is expected


def test_prometheus_alone_is_allowed_to_be_a_scrape_behind() -> None:
    said = CronJobSeries("ops", "c", created_at=ago(900), last_scheduled_at=ago(31), last_succeeded_at=ago(30))
    for late_s, expected in ((110, Verdict.OK), (130, Verdict.MISSED)):
        due = replace(said, next_run_at=NOW - timedelta(seconds=late_s))
        assert rows([], [told(cronjobs=[due])]).cronjobs[0].verdict is expected


# -- order ------------------------------------------------------------------------------------------------------------


def test_failed_jobs_come_first_and_newest_first_then_failing_running_and_the_rest() -> None:
    jobs = [
        job("z-complete"),
        job("a-pending", JobState.PENDING),
        job("running", JobState.RUNNING),
        job("old-failure", JobState.FAILED, 600),
        job("failing", JobState.FAILING, 5),
        job("new-failure", JobState.FAILED, 60),
    ]
    expected = ["new-failure", "old-failure", "failing", "running", "a-pending", "z-complete"]
    assert [row.id.name for row in rows([nuc(*jobs)]).jobs] == expected
    assert [row.id.name for row in rows([nuc(*reversed(jobs))]).jobs] == expected


def test_the_worst_cronjobs_come_first() -> None:
    crons = [
        cronjob("ok"),
        cronjob("suspended", suspended=True),
        cronjob("failing", last_succeeded_at=ago(200)),
        cronjob("never", last_succeeded_at=None),
    ]
    assert [row.name for row in rows([nuc(cronjobs=crons)]).cronjobs] == ["failing", "never", "ok", "suspended"]


def test_nothing_at_all_gives_nothing() -> None:
    assert rows() == JobsView()
    assert rows([nuc()], [told()]) == JobsView()
