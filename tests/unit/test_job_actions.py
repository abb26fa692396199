"""Deleting the right Job, for the right reason, and no other."""

from datetime import timedelta
from pathlib import Path

import pytest

from homelab_tui.config.model import ClusterConfig, Config, PrometheusConfig, SafetyConfig
from homelab_tui.domain.errors import (
    SourceConflict,
    SourceForbidden,
    SourceMissing,
    SourceTimeout,
    UsageError,
)
from homelab_tui.domain.jobs import AlertState, Event, JobId, JobPod, JobSeries, JobState, MetricsSnapshot
from homelab_tui.domain.reading import Reading
from homelab_tui.domain.state import JobsView
from homelab_tui.domain.values import replace
from homelab_tui.engine.jobs import JobActions, Target, Tombstones, find_jobs
from homelab_tui.engine.lab import Lab
from homelab_tui.engine.wires import Sources
from tests.fakes import START, FakeClock, FakeCluster, FakePrometheus, FakeSsh, failed_job


class Rig:
    """A lab with one cluster and its Prometheus."""

    def __init__(self, directory: Path, *, read_only: bool = False) -> None:
        self.clock = FakeClock()
        self.cluster = FakeCluster()
        self.prometheus = FakePrometheus()
        config = Config(
            clusters=(ClusterConfig("nuc"),),
            prometheus=(PrometheusConfig("main", url="http://x", cluster="nuc"),),
            safety=SafetyConfig(read_only=read_only),
        )
        sources = Sources(FakeSsh(), clusters=(self.cluster,), prometheus=(self.prometheus,))
        self.lab = Lab(config, sources, directory, self.clock)

    @property
    def jobs(self) -> JobActions:
        return self.lab.jobs


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


JOB = failed_job()
VIEW = JobsView((failed_job("a", "1"), failed_job("a", "2", cluster="pi"), failed_job("b", "3", namespace="db")))


def test_a_job_is_named_with_its_cluster_only_where_it_must() -> None:
    assert [job.uid for job in find_jobs(VIEW, ["db/b"])] == ["3"]
    assert [job.uid for job in find_jobs(VIEW, ["pi/backup/a", "nuc/backup/a"])] == ["2", "1"]
    with pytest.raises(UsageError, match=r"nuc/backup/a, pi/backup/a"):
        find_jobs(VIEW, ["backup/a"])
    with pytest.raises(SourceMissing, match="no such Job"):
        find_jobs(VIEW, ["backup/zzz"])


@pytest.mark.parametrize("name", ["", "a", "/a", "backup/", "a/b/c/d", "nuc//a"])
def test_what_is_no_jobs_name_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="NAMESPACE/NAME"):
        find_jobs(VIEW, [name])


# Resolving


async def test_it_is_asked_for_again_and_keeps_what_only_pods_and_prometheus_told(rig: Rig) -> None:
    rig.cluster.add(replace(JOB, resource_version="101"))
    known = replace(JOB, alert=AlertState.FIRING, exit_code=137, exit_reason="OOMKilled", node="rpi03")
    target = await rig.jobs.resolve(known)
    assert target.job is not None
    assert (target.job.resource_version, target.job.alert, target.job.exit_code, target.job.node) == (
        "101",
        AlertState.FIRING,
        137,
        "rpi03",
    )


async def test_another_job_of_the_same_name_is_not_touched(rig: Rig) -> None:
    rig.cluster.add(replace(JOB, uid="new"))
    target = await rig.jobs.resolve(JOB)
    assert target.job is None
    assert "taken its place" in (target.problem or "")


async def test_a_job_that_is_gone_resolves_to_nothing_and_is_no_problem(rig: Rig) -> None:
    assert await rig.jobs.resolve(JOB) == Target(JOB.id, None)


async def test_a_job_that_only_prometheus_named_is_shown_as_the_api_knows_it(rig: Rig) -> None:
    rig.cluster.add(JOB)
    target = await rig.jobs.resolve(replace(JOB, uid=None, resource_version=None))
    assert target.job is not None
    assert target.job.uid == "u1"


async def test_what_cannot_be_asked_is_a_problem_in_words(rig: Rig) -> None:
    rig.cluster.down = SourceTimeout("nuc: no answer within 5 s")
    assert (await rig.jobs.resolve(JOB)).problem == "nuc: no answer within 5 s"
    elsewhere = replace(JOB, id=JobId("cloud", "a", "b"))
    assert "no Kubernetes API is configured" in ((await rig.jobs.resolve(elsewhere)).problem or "")


# Sorting out


def test_only_finished_jobs_go_without_force(rig: Rig) -> None:
    targets = [Target(JOB.id, replace(JOB, state=state, uid=state.value)) for state in JobState]
    go, rest = rig.jobs.sort_out(targets)
    assert {job.state for job in go} == {JobState.FAILED, JobState.COMPLETE}
    assert all(not result.ok and not result.changed for result in rest)
    assert "--force" in rest[0].detail
    assert len(rig.jobs.sort_out(targets, force=True)[0]) == len(JobState)


def test_gone_is_fine_and_deleting_is_not_deleted_twice(rig: Rig) -> None:
    held = replace(JOB, state=JobState.DELETING, deleted_at=START, finalizers=("example.com/hold",))
    go, rest = rig.jobs.sort_out([Target(JOB.id, None), Target(JOB.id, held), Target(JOB.id, None, "no answer")])
    assert go == ()
    assert [(r.ok, r.changed) for r in rest] == [(True, False), (True, False), (False, False)]
    assert "example.com/hold" in rest[1].detail


# Deleting


async def test_a_job_is_deleted_by_its_uid_and_hidden_although_prometheus_still_knows_it(rig: Rig) -> None:
    rig.cluster.add(JOB)
    rig.prometheus.snapshot = MetricsSnapshot("nuc", (JobSeries("backup", "backup-1", failed=True),))
    assert [job.id for job in (await rig.lab.read(("clusters", "prometheus"))).jobs.jobs] == [JOB.id]
    result = await rig.jobs.delete(JOB)
    assert (result.target, result.ok, result.changed) == ("nuc/backup/backup-1", True, True)
    assert rig.cluster.deleted == [("u1", "Background")]
    rig.clock.advance(1)
    assert (await rig.lab.read(("clusters", "prometheus"))).jobs.jobs == (), "Prometheus is a scrape behind"


@pytest.mark.parametrize(("word", "policy"), [("background", "Background"), ("orphan", "Orphan")])
async def test_the_propagation_is_handed_on(rig: Rig, word: str, policy: str) -> None:
    rig.cluster.add(JOB)
    assert (await rig.jobs.delete(JOB, propagation=word)).ok
    assert rig.cluster.deleted[0][1] == policy


async def test_gone_already_is_success_without_a_change(rig: Rig) -> None:
    result = await rig.jobs.delete(JOB)
    assert (result.ok, result.changed) == (True, False)


CONFLICTS = [
    (replace(JOB, uid="new"), False, "taken its place"),
    (replace(JOB, state=JobState.RUNNING, resource_version="102"), False, "it is running now, and was failed"),
    (replace(JOB, resource_version="102"), False, "resourceVersion 100 is 102 now"),
    (replace(JOB, deleted_at=START, resource_version="102"), False, "somebody else is deleting it"),
]


@pytest.mark.parametrize(("now", "ok", "words"), CONFLICTS)
async def test_a_conflict_says_what_changed_and_deletes_nothing(rig: Rig, now: "object", ok: bool, words: str) -> None:
    assert isinstance(now, type(JOB))
    rig.cluster.add(now)
    rig.cluster.delete_says = SourceConflict("the precondition failed")
    result = await rig.jobs.delete(JOB)
    assert (result.ok, result.changed) == (ok, False)
    assert words in result.detail
    assert rig.lab.store.state.operations[-1].result == result


async def test_a_conflict_with_a_job_that_is_gone_is_success(rig: Rig) -> None:
    rig.cluster.delete_says = SourceConflict("the uid does not match")
    result = await rig.jobs.delete(JOB)
    assert (result.ok, result.changed) == (True, False)


async def test_a_missing_permission_names_the_verb_and_leaves_no_tombstone(rig: Rig) -> None:
    rig.cluster.add(JOB)
    rig.cluster.delete_says = SourceForbidden("this account may not delete jobs.batch", verb="delete")
    result = await rig.jobs.delete(JOB)
    assert (result.target, result.ok, result.changed) == ("nuc/backup/backup-1", False, False)
    assert "may not delete jobs.batch" in result.detail
    assert len((await rig.lab.read(("clusters", "prometheus"))).jobs.jobs) == 1


async def test_read_only_deletes_nothing(tmp_path: Path) -> None:
    rig = Rig(tmp_path, read_only=True)
    rig.cluster.add(JOB)
    assert not rig.jobs.plan_delete([JOB]).is_allowed
    result = await rig.jobs.delete(JOB)
    assert (result.ok, rig.cluster.deleted) == (False, [])


async def test_a_job_of_a_cluster_without_an_api_is_a_failed_result(rig: Rig) -> None:
    result = await rig.jobs.delete(replace(JOB, id=JobId("cloud", "a", "b")))
    assert (result.ok, result.changed) == (False, False)
    assert "cloud" in result.detail


def test_the_plan_says_what_goes_what_stays_and_what_holds(rig: Rig) -> None:
    job = replace(JOB, cronjob="backup", alert=AlertState.FIRING, finalizers=("x/y",), exit_code=137, node="rpi03")
    plan = rig.jobs.plan_delete([job])
    assert plan.title == "Delete nuc/backup/backup-1"
    assert plan.steps[0].text == "failed, BackoffLimitExceeded, exit 137, on rpi03"
    assert any("CronJob stays" in note for note in plan.notes)
    assert any("alert clears" in note for note in plan.notes)
    assert "x/y" in plan.warnings[0]
    assert (plan.is_allowed, plan.confirm_name, plan.danger) == (True, None, True)
    assert not rig.jobs.plan_delete([]).is_allowed
    assert "without an owner" in rig.jobs.plan_delete([job], propagation="orphan").notes[0]


# Tombstones


def told(at_s: float, *names: str) -> Reading[MetricsSnapshot]:
    series = tuple(JobSeries("backup", name) for name in names)
    return Reading(MetricsSnapshot("nuc", series), START + timedelta(seconds=at_s))


def test_a_tombstone_lasts_until_every_prometheus_was_asked_since_and_forgot() -> None:
    clock = FakeClock()
    stones = Tombstones(clock)
    stones.add(JOB.id)
    name = {"nuc/backup/backup-1"}
    stones.prune([told(-1)])
    assert stones.names == name, "that snapshot is from before"
    stones.prune([told(5, "backup-1")])
    assert stones.names == name
    stones.prune([told(5), Reading()])
    assert stones.names == name, "one server has not been asked yet"
    stones.prune([told(5), replace(told(5), problem="away")])
    assert stones.names == name
    stones.prune([told(5), told(6)])
    assert stones.names == set()


def test_a_tombstone_does_not_outlive_ten_minutes() -> None:
    clock = FakeClock()
    stones = Tombstones(clock)
    stones.add(JOB.id)
    clock.advance(601)
    assert stones.names == set()


# Looking


def pod(name: str, uid: str | None, exit_code: int | None, age_s: float) -> JobPod:
    created_at = START - timedelta(seconds=age_s)
    return JobPod("nuc", "backup", name, name, uid, "backup-1", exit_code=exit_code, created_at=created_at)


async def test_the_log_is_of_the_pod_that_failed_last(rig: Rig) -> None:
    rig.cluster.pods = (pod("p1", "u1", 1, 90), pod("p2", "u1", 1, 60), pod("p3", "u1", None, 1), pod("x", "u2", 1, 0))
    assert await rig.jobs.read_log(JOB) == "log of p2"


async def test_a_job_without_pods_or_without_a_uid_has_no_log(rig: Rig) -> None:
    rig.cluster.pods = (pod("stray", None, 1, 0),)
    with pytest.raises(SourceMissing, match="gone"):
        await rig.jobs.read_log(JOB)
    with pytest.raises(SourceMissing, match="only Prometheus"):
        await rig.jobs.read_log(replace(JOB, uid=None))


async def test_events_are_told_in_order_and_their_absence_in_words(rig: Rig) -> None:
    rig.cluster.events = (
        Event("Job", "backup-1", "Warning", "BackoffLimitExceeded", "too many", 1, START),
        Event("Job", "backup-1", "Normal", "SuccessfulCreate", "pod", 3, START - timedelta(minutes=1)),
        Event("Job", "other", "Normal", "x", "y"),
    )
    lines = await rig.jobs.read_events(JOB)
    assert [line.split()[3] for line in lines] == ["SuccessfulCreate", "BackoffLimitExceeded"]
    assert "(x3)" in lines[0]
    rig.cluster.events = ()
    assert "no events" in await rig.lab.looks.read_events_text(JOB)
