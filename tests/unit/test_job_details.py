"""The story of a Job and of a CronJob: what someone woken at night must not have to work out."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from homelab_tui.config.model import ClusterConfig, Config
from homelab_tui.domain.errors import SourceError, SourceMissing
from homelab_tui.domain.jobs import CronJob, Event, Job, JobPod, JobState, Witness
from homelab_tui.domain.reading import Reading
from homelab_tui.domain.state import ClusterJobs, JobsView, LabState
from homelab_tui.domain.values import replace
from homelab_tui.engine.jobs import event_line
from homelab_tui.engine.lab import Lab
from homelab_tui.engine.wires import Sources
from homelab_tui.present.details import details
from homelab_tui.present.jobs import exit_words
from homelab_tui.present.times import zoned
from tests.fakes import START, FakeClock, FakeCluster, FakeSsh, failed_job

JOB = replace(
    failed_job(),
    message="Job has reached the specified backoff limit",
    exit_code=137,
    exit_reason="OOMKilled",
    node="rpi03",
    attempts=3,
    backoff_limit=2,
    succeeded=2,
    completions=5,
    failed_indexes="1,3-4",
    cronjob="restic",
    scheduled_at=datetime(2026, 1, 1, 2, 0, tzinfo=UTC),
    seen_by=(Witness.PROMETHEUS, Witness.KUBERNETES),
)
CRONJOB = CronJob(
    "nuc", "backup", "restic", uid="c1", schedule="0 3 * * *", time_zone="Europe/Berlin",
    last_scheduled_at=datetime(2026, 1, 1, 2, 0, tzinfo=UTC), next_run_at=START + timedelta(hours=2),
)  # fmt: skip
POD = JobPod(
    "nuc", "backup", "backup-1-x7", "p1", "u1", "backup-1", node="rpi03", phase="Failed", exit_code=137,
    exit_reason="OOMKilled", container="restic", restarts=2, message="first\nout of memory\n",
)  # fmt: skip


def story(job: Job = JOB, *, pods: tuple[JobPod, ...] = (POD,), cronjob: CronJob = CRONJOB, key: str = "") -> str:
    state = LabState(
        clusters=(("nuc", Reading(ClusterJobs("nuc", (job,), (cronjob,), pods), START)),),
        jobs=JobsView((job,), (cronjob,)),
    )
    found = details(state, key or f"job:{job.id}", START)
    assert found is not None
    # One blank between label and value, so that a test reads as the screen does.
    return "\n".join(" ".join(line.split()) for line in found[1].plain.splitlines())


def test_a_failed_job_tells_all_that_is_known_of_it() -> None:
    text = story()
    for line in (
        "state failed",
        "why exit 137 (out of memory), BackoffLimitExceeded, indexes 1,3-4",
        "message Job has reached the specified backoff limit",
        "node rpi03",
        "attempts 3 of 3 failed (backoffLimit 2)",
        "succeeded 2 of 5",
        "failed indexes 1,3-4",
        "scheduled 2026-01-01 03:00 Europe/Berlin",
        "ran 1m",
        "seen by prometheus and kubernetes",
        "backup-1-x7 Failed on rpi03, restic exit 137 (out of memory), 2 restarts, out of memory",
    ):
        assert line in text.splitlines(), line


def test_the_duration_of_a_failed_job_stops_with_it() -> None:
    later = START + timedelta(days=3)
    assert JOB.duration_s(START) == JOB.duration_s(later) == 60


def test_failing_is_said_before_prometheus_can_know() -> None:
    text = story(replace(JOB, state=JobState.FAILING))
    assert "failing (FailureTarget): it has failed, its Pods are still ending; Prometheus cannot know yet" in text
    assert "failing since" in text


def test_what_only_prometheus_knows_is_read_only_and_says_so() -> None:
    text = story(replace(JOB, uid=None, seen_by=(Witness.PROMETHEUS,)), pods=())
    assert "prometheus alone: read only, there is nothing to act on" in text
    assert "gone; what was kept of them while it failed is below" in text


def test_a_limit_per_index_and_a_run_by_hand_are_told_as_such() -> None:
    text = story(replace(JOB, backoff_limit=None, manual=True))
    assert "attempts 3 failed; the limit is per index" in text
    assert "scheduled by hand" in text
    assert "scheduled" not in story(replace(JOB, cronjob=None))


@pytest.mark.parametrize(
    ("code", "reason", "words"),
    [
        (137, "OOMKilled", "exit 137 (out of memory)"),
        (137, "Error", "exit 137 (SIGKILL)"),
        (143, "Error", "exit 143 (SIGTERM)"),
        (139, "Error", "exit 139 (SIGSEGV)"),
        (126, "Error", "exit 126 (not executable)"),
        (127, "Error", "exit 127 (command not found)"),
        (1, "Error", "exit 1"),
        (75, "Error", "exit 75"),
        (200, "Error", "exit 200"),
    ],
)
def test_exit_codes_in_words(code: int, reason: str, words: str) -> None:
    assert exit_words(code, reason) == words


def test_a_cronjob_counts_down_on_its_own_clock() -> None:
    text = story(key="cronjob:nuc/backup/restic")
    assert "schedule 0 3 * * * (Europe/Berlin)" in text
    berlin = zoned(CRONJOB.next_run_at, "Europe/Berlin")
    assert berlin.endswith(" Europe/Berlin")
    assert f"next run {berlin}, in 2h" in text
    assert "next run none: suspended" in story(
        key="cronjob:nuc/backup/restic", cronjob=replace(CRONJOB, suspended=True, next_run_at=None)
    )


@pytest.mark.parametrize("zone", ["Nowhere/At-All", "../../etc/passwd", "", "\x1b[31m"])
def test_a_zone_that_is_unknown_here_is_not_trusted(zone: str) -> None:
    assert zoned(START, zone).endswith(" here")


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("JobAlreadyActive", "[a run was skipped: the one before it was still going]"),
        ("MissSchedule", "[a run was missed: startingDeadlineSeconds was over]"),
        ("TooManyMissedTimes", "more than 100 runs were missed"),
        ("SawCompletedJob", ""),
    ],
)
def test_a_skipped_run_is_a_normal_event_and_told_as_what_it_is(reason: str, words: str) -> None:
    line = event_line(Event("CronJob", "restic", "Normal", reason, "Not starting job because…", last_at=START))
    assert words in line
    assert ("[" in line) is bool(words)
    assert "[" not in event_line(Event("Job", "restic", "Normal", reason, "of another kind", last_at=START))


# -- what the screen asks for -----------------------------------------------------------------------------------------


@pytest.fixture
def cluster() -> FakeCluster:
    return FakeCluster()


@pytest.fixture
def lab(cluster: FakeCluster, tmp_path: Path) -> Lab:
    """Not started: it is only asked."""
    return Lab(Config(clusters=(ClusterConfig("nuc"),)), Sources(FakeSsh(), clusters=(cluster,)), tmp_path, FakeClock())


async def test_the_end_of_the_log_is_of_the_container_that_tells_something(lab: Lab, cluster: FakeCluster) -> None:
    """The one that failed and was restarted says nothing yet: what it said before is what explains it."""
    cluster.add(JOB)
    cluster.pods = (replace(POD, containers=("prepare", "restic")),)
    cluster.says["backup-1-x7", "restic", False] = SourceMissing("no log: waiting to start")
    cluster.says["backup-1-x7", "restic", True] = "Killed"
    assert await lab.looks.read_log_end(JOB, 20) == "── backup-1-x7 restic (previous) ──\nKilled"


async def test_without_any_log_it_says_why(lab: Lab, cluster: FakeCluster) -> None:
    cluster.add(JOB)
    with pytest.raises(SourceError, match="its Pods are gone"):
        await lab.looks.read_log_end(JOB, 20)
    cluster.pods = (POD,)
    cluster.says |= {
        ("backup-1-x7", "restic", previous): SourceMissing("no node runs it") for previous in (True, False)
    }
    with pytest.raises(SourceError, match="no node runs it"):
        await lab.looks.read_log_end(JOB, 20)


async def test_events_of_a_cronjob_are_read_and_told_in_order(lab: Lab, cluster: FakeCluster) -> None:
    cluster.events = (
        Event("CronJob", "restic", "Normal", "JobAlreadyActive", "Not starting", last_at=START),
        Event("CronJob", "restic", "Normal", "SuccessfulCreate", "Created", last_at=START - timedelta(hours=1)),
        Event("CronJob", "other", "Normal", "SuccessfulCreate", "Created", last_at=START),
    )
    found = await lab.jobs.read_cronjob_events(CRONJOB)
    assert [line.split()[3] for line in found] == ["SuccessfulCreate", "JobAlreadyActive"]
    with pytest.raises(SourceMissing, match="no Kubernetes API"):
        await lab.jobs.read_cronjob_events(replace(CRONJOB, cluster="edge"))
