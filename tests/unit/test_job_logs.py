"""Which logs a Job has, what is told while it is followed, and the file it is saved to."""

import os
import stat
from datetime import timedelta
from pathlib import Path

import pytest

from homelab_tui.domain.errors import SourceError, SourceMissing
from homelab_tui.domain.jobs import Job, JobId, JobPod, JobState
from homelab_tui.domain.values import replace
from homelab_tui.engine.job_logs import JobLogs, LogPlace, places_of, save_log
from tests.fakes import START, FakeCluster, failed_job

RUNNING = Job(JobId("nuc", "backup", "backup-1"), JobState.RUNNING, uid="u1")


def pod(name: str, minutes: float, exit_code: int | None = None, **changes: object) -> JobPod:
    made = JobPod(
        "nuc", "backup", name, f"uid-{name}", "u1", "backup-1", node="nuc03", phase="Running", exit_code=exit_code,
        container="restic", containers=("prepare", "restic"), created_at=START + timedelta(minutes=minutes),
    )  # fmt: skip
    return replace(made, **changes)  # type: ignore[arg-type]


def test_the_log_that_explains_most_comes_first_and_init_containers_and_restarts_are_there() -> None:
    places = places_of([pod("late", 9), pod("failed", 5, 1, restarts=2, container="prepare"), pod("old", 1, 1)])
    assert [(place.words, place.failed) for place in places] == [
        ("failed prepare", True),
        ("failed prepare (previous)", True),
        ("failed restic", False),
        ("failed restic (previous)", False),
        ("old restic", True),
        ("old prepare", False),
        ("late restic", False),
        ("late prepare", False),
    ]


class Followed:
    """A cluster that moves on with every pause, as its script says."""

    def __init__(self, *script: tuple[JobState, list[JobPod]]) -> None:
        self.cluster = FakeCluster()
        self.script = list(script)
        self.pauses = 0
        self._move()

    def _move(self) -> None:
        if self.script:
            state, pods = self.script.pop(0)
            self.cluster.add(replace(RUNNING, state=state, reason="BackoffLimitExceeded"))
            self.cluster.pods = tuple(pods)

    async def sleep(self, _seconds: float) -> None:
        self.pauses += 1
        assert self.pauses < 50
        self._move()

    async def lines(self, job: Job = RUNNING) -> list[str]:
        return [line async for lines in JobLogs([self.cluster], self.sleep).follow(job) for line in lines]


async def test_attempt_after_attempt_is_told_and_then_how_it_ended() -> None:
    first, second = pod("a", 1, 1, phase="Failed"), pod("b", 2)
    followed = Followed(
        (JobState.PENDING, []),
        (JobState.RUNNING, [first]),
        (JobState.RUNNING, [first, second]),
        (JobState.FAILED, [first, second]),
    )
    assert await followed.lines() == [
        "── waiting for its Pod ──",
        "── a restic on nuc03 ──",
        "log of a",
        "── b restic on nuc03 ──",
        "log of b",
        "── nuc/backup/backup-1 failed: BackoffLimitExceeded ──",
    ]


async def test_of_attempts_that_are_over_only_the_last_is_told() -> None:
    followed = Followed((JobState.COMPLETE, [pod("a", 1, 1), pod("b", 2, 1), pod("c", 3, 0)]))
    assert await followed.lines() == [
        "── c restic on nuc03 ──",
        "log of c",
        "── nuc/backup/backup-1 is complete ──",
    ]


async def test_a_pod_that_is_not_running_yet_is_waited_for_and_said_once() -> None:
    waiting = pod("a", 1, phase="Pending")
    followed = Followed(
        (JobState.RUNNING, [waiting]), (JobState.RUNNING, [waiting]), (JobState.COMPLETE, [pod("a", 1)])
    )
    said = followed.cluster.says
    said["a", "restic", False] = SourceMissing("no log: waiting to start: ContainerCreating")
    ended = followed.sleep

    async def sleep(seconds: float) -> None:
        await ended(seconds)
        if followed.pauses == 2:
            said["a", "restic", False] = "hello"

    found = [line async for lines in JobLogs([followed.cluster], sleep).follow(RUNNING) for line in lines]
    assert found == [
        "── no log: waiting to start: ContainerCreating ──",
        "── a restic on nuc03 ──",
        "hello",
        "── nuc/backup/backup-1 is complete ──",
    ]


async def test_a_job_that_goes_or_is_another_by_now_ends_it() -> None:
    followed = Followed((JobState.RUNNING, []))
    followed.cluster.jobs.clear()
    assert (await followed.lines())[-1] == "── nuc/backup/backup-1 is gone ──"
    another = Followed((JobState.RUNNING, []))
    assert (await another.lines(replace(RUNNING, uid="u0")))[-1] == "── nuc/backup/backup-1 is gone ──"


async def test_what_only_prometheus_knows_has_no_log_to_follow() -> None:
    logs = JobLogs([FakeCluster()], Followed((JobState.RUNNING, [])).sleep)
    with pytest.raises(SourceMissing, match="only Prometheus knows it"):
        await anext(logs.follow(replace(failed_job(), uid=None)))
    with pytest.raises(SourceMissing, match="no Kubernetes API is configured for cluster edge"):
        await logs.places(failed_job(cluster="edge"))


async def test_places_without_pods_say_that_they_are_gone_and_a_log_is_read_from_its_place() -> None:
    cluster = FakeCluster()
    logs = JobLogs([cluster], Followed((JobState.RUNNING, [])).sleep)
    with pytest.raises(SourceError, match="its Pods are gone"):
        await logs.places(failed_job())
    cluster.says["a", "prepare", True] = "before"
    assert await logs.read(failed_job(), LogPlace("a", "prepare", previous=True)) == "before"


def test_a_saved_log_is_private_and_never_written_over_another(tmp_path: Path) -> None:
    directory = tmp_path / "logs"
    first, second = save_log(directory, "db-x", "one\n"), save_log(directory, "db-x", "two\n")
    assert (first.name, second.name) == ("db-x.log", "db-x.1.log")
    assert (first.read_text(), second.read_text()) == ("one\n", "two\n")
    assert {stat.S_IMODE(path.stat().st_mode) for path in (first, second)} == {0o600}
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700


def test_a_saved_log_follows_no_link_and_says_when_the_disk_refuses(tmp_path: Path) -> None:
    target = tmp_path / "precious"
    (tmp_path / "logs").mkdir()
    os.symlink(target, tmp_path / "logs" / "db-x.log")
    assert save_log(tmp_path / "logs", "db-x", "one").name == "db-x.1.log"
    assert not target.exists()
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match=r"exists|directory"):
        save_log(tmp_path / "file", "db-x", "one")
