"""Expire, re-run, trigger, suspend and limit: exactly what was meant, and in words what was not."""

from datetime import timedelta
from pathlib import Path

import pytest

from homelab_tui.config.model import ClusterConfig, Config, SafetyConfig
from homelab_tui.domain.errors import SourceConflict, SourceForbidden, SourceMissing, UsageError
from homelab_tui.domain.jobs import CronJob, JobState
from homelab_tui.domain.state import JobsView
from homelab_tui.domain.values import replace
from homelab_tui.engine.cronjobs import CronJobTarget, Limits, find_cronjob
from homelab_tui.engine.job_changes import expires_at, ttl_for
from homelab_tui.engine.jobs import Target
from homelab_tui.engine.lab import Lab
from homelab_tui.engine.wires import Sources
from tests.fakes import START, FakeClock, FakeCluster, FakeSsh, failed_job

JOB = failed_job()
OWNED = replace(JOB, cronjob="restic", cronjob_uid="c1")
CRONJOB = CronJob(
    "nuc", "backup", "restic", uid="c1", failed_jobs_history_limit=3, successful_jobs_history_limit=3, job_ttl_s=None
)
TEMPLATE = {"metadata": {"name": "restic", "namespace": "backup", "uid": "c1"}, "spec": {"jobTemplate": {"spec": {}}}}
PLAIN = {"metadata": {"name": "backup-1", "namespace": "backup", "uid": "u1"}, "spec": {"template": {}}}


class Rig:
    """A lab with one cluster, a failed Job and a CronJob in it."""

    def __init__(self, directory: Path, *, read_only: bool = False) -> None:
        self.clock = FakeClock()
        self.cluster = FakeCluster()
        self.cluster.add(JOB)
        self.cluster.cronjobs = (CRONJOB,)
        self.cluster.manifests = {("cronjobs", "backup", "restic"): TEMPLATE, ("jobs", "backup", "backup-1"): PLAIN}
        config = Config(clusters=(ClusterConfig("nuc"),), safety=SafetyConfig(read_only=read_only))
        self.lab = Lab(
            config, Sources(FakeSsh(), clusters=(self.cluster,)), directory, self.clock, sleep=self.clock.sleep
        )


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


# Expire


def test_the_ttl_counts_from_the_end_of_the_job_and_ends_that_long_from_now() -> None:
    for in_s in (0.0, 3600.0, 86400.0):
        ttl_s = ttl_for(JOB, in_s, START)
        assert ttl_s == 60 + in_s
        ended = replace(JOB, ttl_seconds_after_finished=ttl_s)
        assert expires_at(ended) == START + timedelta(seconds=in_s)
    # a clock that is behind the server's gives no negative TTL, which the API would refuse
    assert ttl_for(JOB, 0.0, START - timedelta(hours=1)) == 0
    assert ttl_for(replace(JOB, state=JobState.RUNNING), 3600.0, START) is None
    assert expires_at(replace(JOB, ttl_seconds_after_finished=10**18)) is None


async def test_expire_patches_just_the_ttl(rig: Rig) -> None:
    result = await rig.lab.job_changes.expire(JOB, 86400.0)
    assert result.ok
    assert result.changed
    assert "goes in 1 d (2026-11-24 06:30 UTC)" in result.detail
    assert rig.cluster.patches == [("nuc/backup/backup-1", {"spec": {"ttlSecondsAfterFinished": 86460}})]


def test_only_finished_jobs_can_be_given_an_end(rig: Rig) -> None:
    targets = [
        Target(JOB.id, JOB),
        Target(JOB.id, None),
        Target(JOB.id, None, "nuc: no answer"),
        *(Target(JOB.id, replace(JOB, state=state)) for state in (JobState.RUNNING, JobState.FAILING)),
        Target(JOB.id, replace(JOB, state=JobState.DELETING, deleted_at=START)),
    ]
    go, rest = rig.lab.job_changes.sort_out_expire(targets)
    assert go == (JOB,)
    assert [(one.ok, one.changed) for one in rest] == [
        (True, False), (False, False), (False, False), (False, False), (True, False),
    ]  # fmt: skip
    assert "not finished" in rest[2].detail


@pytest.mark.parametrize(
    ("says", "ok", "words"),
    [
        (SourceMissing("gone"), True, "already gone"),
        (SourceForbidden("may not patch jobs.batch", verb="patch", resource="jobs.batch"), False, "may not patch"),
        (SourceConflict("the object has been modified"), False, "decide anew"),
    ],
)
async def test_what_the_api_says_is_told(rig: Rig, says: Exception, ok: bool, words: str) -> None:
    rig.cluster.patch_says = says
    result = await rig.lab.job_changes.expire(JOB, 3600.0)
    assert (result.ok, result.changed) == (ok, False)
    assert words in result.detail


@pytest.mark.parametrize(
    ("now", "words"),
    [
        (replace(JOB, uid="u9"), "another Job of the same name"),
        (replace(JOB, deleted_at=START), "somebody is deleting it"),
        (replace(JOB, state=JobState.RUNNING), "it is running now, and was failed"),
    ],
)
async def test_a_conflict_tells_what_became_of_it(rig: Rig, now: object, words: str) -> None:
    rig.cluster.jobs = {"x": now}  # type: ignore[dict-item]
    rig.cluster.patch_says = SourceConflict("modified")
    assert words in (await rig.lab.job_changes.expire(JOB, 3600.0)).detail


async def test_a_conflict_because_it_is_gone_is_no_failure(rig: Rig) -> None:
    rig.cluster.jobs = {}
    rig.cluster.patch_says = SourceConflict("modified")
    assert (await rig.lab.job_changes.expire(JOB, 3600.0)).ok


# Re-run and trigger


async def test_a_cronjobs_run_is_run_again_from_the_cronjob_and_a_plain_one_is_copied(rig: Rig) -> None:
    owned = await rig.lab.job_changes.rerun(OWNED)
    assert owned.created is not None
    assert owned.created.startswith("restic-manual-")
    plain = await rig.lab.job_changes.rerun(JOB)
    assert plain.created is not None
    assert plain.created.startswith("backup-1-rerun-")
    assert owned.ok
    assert plain.ok
    made = [one["metadata"] for one in rig.cluster.created]
    assert "ownerReferences" in made[0]  # type: ignore[operator]
    assert "ownerReferences" not in made[1]  # type: ignore[operator]


@pytest.mark.parametrize("cronjob", [None, {**TEMPLATE, "metadata": {"name": "restic", "uid": "c2"}}])
async def test_without_its_cronjob_or_with_another_of_that_name_the_job_is_copied(rig: Rig, cronjob: object) -> None:
    del rig.cluster.manifests["cronjobs", "backup", "restic"]
    if cronjob is not None:
        rig.cluster.manifests["cronjobs", "backup", "restic"] = cronjob  # type: ignore[assignment]
    result = await rig.lab.job_changes.rerun(OWNED)
    assert result.created is not None
    assert result.created.startswith("backup-1-rerun-")


async def test_what_is_gone_a_second_after_it_was_created_is_a_failure_that_names_it(rig: Rig) -> None:
    rig.cluster.created_live = False
    before = rig.clock.now()
    for result in (await rig.lab.job_changes.rerun(JOB), await rig.lab.cronjobs.trigger(CRONJOB)):
        assert not result.ok
        assert result.changed
        assert result.created is not None
        assert "gone a second later" in result.detail
    assert (rig.clock.now() - before).total_seconds() >= 2


async def test_what_vanished_meanwhile_starts_nothing(rig: Rig) -> None:
    rig.cluster.manifests = {}
    for result in (await rig.lab.job_changes.rerun(OWNED), await rig.lab.cronjobs.trigger(CRONJOB)):
        assert result.ok
        assert not result.changed
    rig.cluster.manifests = {("cronjobs", "backup", "restic"): {"metadata": {"uid": "c2"}}}
    assert not (await rig.lab.cronjobs.trigger(CRONJOB)).ok
    assert rig.cluster.created == []


async def test_one_that_fails_does_not_stop_the_others(rig: Rig) -> None:
    other = replace(CRONJOB, name="other", uid="c5")
    rig.cluster.manifests["cronjobs", "backup", "other"] = {"metadata": {"name": "other", "uid": "c6"}}
    results = [await rig.lab.cronjobs.trigger(one) for one in (other, CRONJOB)]
    assert [one.ok for one in results] == [False, True]


# Suspend and limits


async def test_suspend_and_resume_patch_just_that_and_nothing_when_it_is_so(rig: Rig) -> None:
    assert (await rig.lab.cronjobs.set_suspended(CRONJOB, suspend=True)).changed
    assert not (await rig.lab.cronjobs.set_suspended(CRONJOB, suspend=False)).changed
    assert rig.cluster.patches == [("nuc/backup/restic", {"spec": {"suspend": True}})]


@pytest.mark.parametrize(
    ("limits", "patch", "difference"),
    [
        (Limits(failed_history=1), {"failedJobsHistoryLimit": 1}, ("failedJobsHistoryLimit: 3 → 1",)),
        (
            Limits(ttl_s=86400, successful_history=3),
            {"successfulJobsHistoryLimit": 3, "jobTemplate": {"spec": {"ttlSecondsAfterFinished": 86400}}},
            ("jobTemplate.spec.ttlSecondsAfterFinished: unset → 86400",),
        ),
        (Limits(without_ttl=True), {"jobTemplate": {"spec": {"ttlSecondsAfterFinished": None}}}, ()),
        (Limits(ttl_s=0), {"jobTemplate": {"spec": {"ttlSecondsAfterFinished": 0}}},
         ("jobTemplate.spec.ttlSecondsAfterFinished: unset → 0",)),
        (Limits(failed_history=0), {"failedJobsHistoryLimit": 0}, ("failedJobsHistoryLimit: 3 → 0",)),
    ],
)  # fmt: skip
async def test_limits_are_a_merge_patch_and_its_difference(
    rig: Rig, limits: Limits, patch: object, difference: tuple[str, ...]
) -> None:
    assert limits.patch == {"spec": patch}
    assert limits.difference(CRONJOB) == difference
    result = await rig.lab.cronjobs.set_limits(CRONJOB, limits)
    assert result.ok
    assert result.changed is bool(difference)
    assert [sent for _, sent in rig.cluster.patches] == ([{"spec": patch}] if difference else [])
    assert ", ".join(difference) in rig.lab.cronjobs.plan_limits((CRONJOB,), limits).steps[0].text


async def test_a_cronjob_that_changed_is_not_patched(rig: Rig) -> None:
    rig.cluster.patch_says = SourceConflict("the object has been modified")
    result = await rig.lab.cronjobs.set_limits(CRONJOB, Limits(failed_history=1))
    assert not result.ok
    assert "decide anew" in result.detail


async def test_a_cronjob_is_asked_for_again_before_anything_is_planned(rig: Rig) -> None:
    assert await rig.lab.cronjobs.resolve(replace(CRONJOB, suspended=True)) == CronJobTarget(CRONJOB.key, CRONJOB)
    replaced = await rig.lab.cronjobs.resolve(replace(CRONJOB, uid="c9"))
    assert replaced.problem is not None
    assert (await rig.lab.cronjobs.resolve(replace(CRONJOB, name="zzz"))).cronjob is None
    elsewhere = await rig.lab.cronjobs.resolve(replace(CRONJOB, cluster="pi"))
    assert elsewhere.problem is not None
    assert "Prometheus alone" in elsewhere.problem


def test_a_cronjob_is_named_with_its_cluster_only_where_it_must() -> None:
    view = JobsView(cronjobs=(CRONJOB, replace(CRONJOB, cluster="pi"), replace(CRONJOB, name="x")))
    assert find_cronjob(view, "backup/x").name == "x"
    assert find_cronjob(view, "pi/backup/restic").cluster == "pi"
    with pytest.raises(UsageError, match="nuc/backup/restic, pi/backup/restic"):
        find_cronjob(view, "backup/restic")
    with pytest.raises(SourceMissing):
        find_cronjob(view, "backup/y")
    with pytest.raises(UsageError, match="NAMESPACE/NAME"):
        find_cronjob(view, "restic")


# Read-only


async def test_read_only_refuses_every_act_and_sends_nothing(tmp_path: Path) -> None:
    rig = Rig(tmp_path, read_only=True)
    lab = rig.lab
    results = [
        await lab.job_changes.expire(JOB, 1.0),
        await lab.job_changes.rerun(JOB),
        await lab.cronjobs.trigger(CRONJOB),
        await lab.cronjobs.set_suspended(CRONJOB, suspend=True),
        await lab.cronjobs.set_limits(CRONJOB, Limits(failed_history=0)),
        await lab.silences.silence(JOB, 3600.0, "c"),
        await lab.silences.unsilence(JOB),
    ]
    assert [(one.ok, one.changed) for one in results] == [(False, False)] * len(results)
    assert all("read_only" in one.detail for one in results)
    plans = [
        lab.job_changes.plan_expire((JOB,), 1.0),
        lab.job_changes.plan_rerun((JOB,)),
        lab.cronjobs.plan_trigger((CRONJOB,)),
        lab.cronjobs.plan_suspend((CRONJOB,), suspend=True),
        lab.cronjobs.plan_limits((CRONJOB,), Limits(failed_history=0)),
        lab.silences.plan_silence((JOB,), 1.0, "c"),
    ]
    assert not any(plan.is_allowed for plan in plans)
    assert (rig.cluster.patches, rig.cluster.created) == ([], [])
