"""Merging on and on: what it gives stays what merging anew gives, at the cost of what changed."""

import time
from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homelab_tui.domain.job_families import FamilyRows, job_order
from homelab_tui.domain.jobs import (
    Alert,
    AlertState,
    CronJobSeries,
    JobState,
    MetricsSnapshot,
)
from homelab_tui.domain.merging import JobsMerger, merge
from homelab_tui.domain.state import ClusterJobs, JobsView
from homelab_tui.domain.values import replace
from homelab_tui.engine.schedules import next_run
from tests.job_worlds import NOW, P, ago, cronjob, job, nuc, pod, rows, run, series, told

names = st.sampled_from(["backup-29923920", "backup-29923980", "backup-29924040", "lone", "migrate", "c-1"])
owners = st.sampled_from([None, "backup", "c"])
minutes_ago = st.integers(1, 300)


@st.composite
def kube_sides(draw: st.DrawFn) -> ClusterJobs:
    """A cluster of a few Jobs that come, go and change owner."""
    made = draw(st.dictionaries(names, st.tuples(st.sampled_from(JobState), minutes_ago, owners), max_size=5))
    jobs = [job(name, state, age, cronjob=owner) for name, (state, age, owner) in made.items()]
    crons = draw(st.lists(st.sampled_from(["backup", "c"]), unique=True))
    ages = st.one_of(st.none(), minutes_ago.map(ago))
    cronjobs = [cronjob(name, last_scheduled_at=draw(ages), last_succeeded_at=draw(ages)) for name in crons]
    pods = [
        replace(pod("p", draw(st.integers(0, 2)), 4), job_uid=f"uid-{name}")
        for name in draw(st.lists(names, max_size=2))
    ]
    return nuc(*jobs, cronjobs=cronjobs, pods=pods)


@st.composite
def metric_sides(draw: st.DrawFn) -> MetricsSnapshot:
    """A snapshot about the same names, not always of the same mind."""
    made = draw(st.dictionaries(names, st.tuples(st.booleans(), minutes_ago, owners), max_size=5))
    jobs = [series(name, age, failed=failed, cronjob=owner) for name, (failed, age, owner) in made.items()]
    alerts = [
        Alert("A", "ops", name, AlertState.FIRING, ago(draw(minutes_ago))) for name in draw(st.sets(names, max_size=2))
    ]
    crons = [
        CronJobSeries(
            "ops", name, created_at=ago(9000), last_scheduled_at=ago(30), next_run_at=ago(draw(st.integers(-90, 90)))
        )
        for name in draw(st.sets(st.sampled_from(["backup", "c"])))
    ]
    return told(*jobs, alerts=alerts, cronjobs=crons)


steps = st.tuples(
    st.one_of(st.none(), kube_sides()),
    st.one_of(st.none(), metric_sides()),
    st.sets(names.map(lambda name: f"nuc/ops/{name}"), max_size=2),
    st.integers(0, 90),
    st.sampled_from([5.0, 5.0, 5.0, 60.0]),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(steps, min_size=2, max_size=6))
def test_merging_on_gives_what_merging_anew_gives(
    history: list[tuple[ClusterJobs | None, MetricsSnapshot | None, set[str], int, float]],
) -> None:
    merger, in_parts = JobsMerger(), JobsMerger()
    now = NOW
    for kube, snapshot, tombstones, minutes, refresh_s in history:
        now += timedelta(minutes=minutes)
        arguments = ([kube] if kube else [], [snapshot] if snapshot else [], tombstones, now, refresh_s, next_run)
        view = merger.merge(*arguments)
        assert view == merge(*arguments)
        _assert_in_families(view)
        piece = in_parts.merge(*arguments, most=1)
        while not in_parts.is_settled:
            _assert_in_families(piece)
            piece = in_parts.merge(*arguments, most=1)
        assert piece == view, "a part at a time it comes to the same"


def _assert_in_families(view: JobsView) -> None:
    """The families hold the very rows of the view, each once."""
    jobs = [job for family in view.families for job in family.jobs]
    assert sorted(map(id, jobs)) == sorted(map(id, view.jobs))
    assert all(list(family.jobs) == sorted(family.jobs, key=job_order) for family in view.families)
    cronjobs = [family.cronjob for family in view.families if family.cronjob is not None]
    assert sorted(map(id, cronjobs)) == sorted(map(id, view.cronjobs))


@settings(max_examples=100, deadline=None)
@given(kube_sides(), metric_sides())
def test_the_order_of_the_input_does_not_matter(kube: ClusterJobs, snapshot: MetricsSnapshot) -> None:
    backwards = replace(kube, jobs=kube.jobs[::-1], cronjobs=kube.cronjobs[::-1], pods=kube.pods[::-1])
    turned = replace(snapshot, jobs=snapshot.jobs[::-1], cronjobs=snapshot.cronjobs[::-1])
    assert rows([kube], [snapshot]) == rows([backwards], [turned])


@given(kube_sides(), metric_sides())
def test_every_object_has_exactly_one_row(kube: ClusterJobs, snapshot: MetricsSnapshot) -> None:
    view = rows([kube], [snapshot])
    expected = {str(one.id) for one in kube.jobs} | {f"nuc/{one.namespace}/{one.name}" for one in snapshot.jobs}
    assert sorted(str(row.id) for row in view.jobs) == sorted(expected)
    assert all((row.uid is None) == (row.seen_by == (P,)) for row in view.jobs)
    assert {row.name for row in view.cronjobs} == {one.name for one in kube.cronjobs} | {
        one.name for one in snapshot.cronjobs
    }


def test_a_merge_in_which_nothing_happened_gives_the_same_object() -> None:
    """So that equality, which is the change detection, costs nothing."""
    merger = JobsMerger()
    kube = nuc(run(90, JobState.FAILED), run(30, JobState.COMPLETE), cronjobs=[cronjob()])
    first = merger.merge([kube], [], (), NOW, 5.0, next_run)
    assert merger.merge([kube], [], (), NOW + timedelta(seconds=9), 5.0, next_run) is first


def test_a_cluster_that_takes_anothers_place_leaves_none_of_its_rows() -> None:
    merger = JobsMerger()
    assert merger.merge([nuc(job("a"))], [], (), NOW, 5.0).jobs
    assert merger.merge([ClusterJobs("pi")], [], (), NOW, 5.0) == JobsView()


def _crowd(families: int) -> tuple[ClusterJobs, MetricsSnapshot]:
    jobs, crons, told_jobs = [], [], []
    for number in range(families):
        owner = f"cron-{number}"
        crons.append(cronjob(owner))
        for hours in range(5):
            state = JobState.FAILED if (number + hours) % 7 == 0 else JobState.COMPLETE
            jobs.append(run(30 + 60 * hours, state, owner))
            told_jobs.append(series(jobs[-1].id.name, 30 + 60 * hours, failed=state is JobState.FAILED, cronjob=owner))
    return nuc(*jobs, cronjobs=crons), told(*told_jobs)


def _best_s(merger: JobsMerger, kube: ClusterJobs, snapshot: MetricsSnapshot) -> float:
    start = time.perf_counter()
    merger.merge([kube], [snapshot], (), NOW, 5.0, next_run)
    return time.perf_counter() - start


def test_the_cost_grows_with_the_number_of_jobs_and_not_faster() -> None:
    small, large = _crowd(200), _crowd(1600)
    # The best of several: other work on the machine only ever adds.
    few = min(_best_s(JobsMerger(), *small) for _ in range(7))
    many = min(_best_s(JobsMerger(), *large) for _ in range(3))
    assert many / few < 8 * 2.5


def test_one_changed_job_among_ten_thousand_costs_a_fraction_of_them_all() -> None:
    kube, snapshot = _crowd(2000)
    merger = JobsMerger()
    whole = _best_s(merger, kube, snapshot)
    once: list[float] = []
    for attempt in range(5):
        changed = replace(kube.jobs[5000], attempts=attempt)
        kube = replace(kube, jobs=(*kube.jobs[:5000], changed, *kube.jobs[5001:]))
        once.append(_best_s(merger, kube, snapshot))
    assert min(once) < whole / 4


def test_rows_are_sorted_by_one_total_order() -> None:
    kube, snapshot = _crowd(50)
    failed = [row.failed_at for row in rows([kube], [snapshot]).jobs if row.state is JobState.FAILED]
    assert failed
    assert all(one is not None and other is not None and one >= other for one, other in pairwise(failed))


def test_a_family_that_nothing_happened_to_stays_the_same_object() -> None:
    crons = [cronjob("backup", last_scheduled_at=ago(60)), cronjob("c", last_scheduled_at=ago(60))]
    backup, other = job("backup-1", cronjob="backup"), job("c-1", cronjob="c")
    merger = JobsMerger()
    before = _by_cronjob(_merged(merger, nuc(backup, other, cronjobs=crons)))
    failed = replace(other, state=JobState.FAILED, failed_at=ago(1), completed_at=None)
    after = _by_cronjob(_merged(merger, nuc(backup, failed, cronjobs=crons)))
    assert after["backup"] is before["backup"]
    assert [found.state for found in after["c"].jobs] == [JobState.FAILED]


def test_after_an_error_it_merges_from_nothing() -> None:
    merger, job_ = JobsMerger(), job("lone")
    _merged(merger, nuc(job_))

    def broken(*_: object) -> None:
        raise ArithmeticError

    crons = [cronjob("backup", schedule="@daily", last_scheduled_at=ago(60))]
    with pytest.raises(ArithmeticError):
        merger.merge([nuc(job("another"), cronjobs=crons)], [], (), NOW, 5.0, broken)
    assert _merged(merger, nuc(job("third"))) == merge([nuc(job("third"))], [], (), NOW, 5.0, next_run)


def _by_cronjob(view: JobsView) -> dict[str, FamilyRows]:
    return {family.cronjob.name: family for family in view.families if family.cronjob is not None}


def _merged(merger: JobsMerger, cluster: ClusterJobs) -> JobsView:
    return merger.merge([cluster], [], (), NOW, 5.0, next_run)


def test_a_part_at_a_time_what_failed_comes_first() -> None:
    jobs = [job(f"lone-{number}") for number in range(50)] + [job("bad", JobState.FAILED)]
    merger = JobsMerger()
    cluster = nuc(*jobs)
    view = merger.merge([cluster], [], (), NOW, 5.0, next_run, most=10)
    assert not merger.is_settled
    assert 1 <= len(view.jobs) <= 10
    assert view.jobs[0].id.name == "bad"
    assert not view.is_whole
    views = [merger.merge([cluster], [], (), NOW, 5.0, next_run, most=10) for _ in range(12)]
    assert views[-1].is_whole
    assert all(len(one.jobs) == 51 for one in views if one.is_whole)


def test_while_a_list_is_being_read_the_rows_are_known_to_be_provisional() -> None:
    merger = JobsMerger()
    read = nuc(job("bad", JobState.FAILED))
    assert not _merged(merger, replace(read, is_whole=False)).is_whole
    assert _merged(merger, read) == merge([read], [], (), NOW, 5.0, next_run)
