"""Evidence is taken when a Job fails, bounded, private, and readable when everything else is gone."""

import asyncio
import json
import os
import stat
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from homelab_tui.config.model import ClusterConfig, Config
from homelab_tui.domain.errors import SourceMissing, SourceTimeout
from homelab_tui.domain.evidence import Evidence, LogTail
from homelab_tui.domain.jobs import Event, Job, JobPod, JobState
from homelab_tui.domain.values import replace
from homelab_tui.domain.watching import Watched
from homelab_tui.engine.evidence_box import MAX_LOG_CHARS, EvidenceBox
from homelab_tui.engine.lab import Lab
from homelab_tui.engine.wires import Sources
from tests.fakes import START, FakeClock, FakeCluster, FakeSsh, disk_space, failed_job
from tests.labs import until

JOB = failed_job()
POD = JobPod(
    "nuc", "backup", "backup-1-abc", "p1", job_uid="u1", job_name="backup-1", node="rpi03", phase="Failed",
    exit_code=137, exit_reason="OOMKilled", container="restic",
)  # fmt: skip


def evidence(name: str = "backup-1", uid: str = "u1", **changes: object) -> Evidence:
    made = Evidence("nuc", "backup", name, uid, "failed", START, "when it failed")
    return replace(made, **changes)  # type: ignore[arg-type]


@pytest.fixture
def box(tmp_path: Path) -> EvidenceBox:
    return EvidenceBox(tmp_path / "state", FakeClock(), max_files=5, max_bytes=100_000)


def test_what_is_put_in_is_found_by_name_and_by_uid(box: EvidenceBox) -> None:
    kept = evidence(
        logs=(LogTail("p", "c", "caf\xe9 \x1b[31m\udcff", previous=True),),
        exit_code=137,
        failed_at=START,
        pods=("p: Failed",),
        events=("e",),
        problems=("x",),
    )
    box.put(kept)
    box.put(evidence("backup-1", "u2", taken_at=START - timedelta(hours=1)))
    found = box.find("backup/backup-1")
    assert found is not None
    assert found.uid == "u1"
    assert replace(found, logs=()) == replace(kept, logs=())
    assert found.logs[0].text.startswith("caf\xe9 \x1b[31m")
    assert (other := box.find("nuc/backup/backup-1", "u2")) is not None and other.uid == "u2"  # noqa: PT018
    for nothing in ("backup/backup", "pi/backup/backup-1", "backup-1", "a/b/c/d", "../x"):
        assert box.find(nothing) is None


def test_it_is_private(box: EvidenceBox) -> None:
    before = os.umask(0)
    try:
        box.put(evidence())
    finally:
        os.umask(before)
    [path] = box.directory.iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(box.directory.stat().st_mode) == 0o700


@pytest.mark.parametrize("name", ["../../etc/passwd", "..", "a/b", "x" * 300, "\x00\n", "."])
def test_no_name_leads_out_of_its_directory(box: EvidenceBox, name: str) -> None:
    box.put(evidence(name, namespace="../.."))
    [path] = box.directory.iterdir()
    assert len(path.name) < 200
    assert sorted(one.name for one in box.directory.parent.iterdir()) == ["evidence"]


def test_it_is_bounded_in_number_size_and_age(tmp_path: Path) -> None:
    clock = FakeClock()
    box = EvidenceBox(tmp_path, clock, max_files=5, max_bytes=100_000)

    def put(number: int, text: str) -> None:
        box.put(evidence(f"job-{number}", f"u{number}", logs=(LogTail("p", None, text),)))
        for path in box.directory.iterdir():
            if f"job-{number}_" in path.name:
                os.utime(path, (clock.now().timestamp() + number,) * 2)

    for number in range(9):
        put(number, "x")
    assert sorted(path.name.split("_")[0] for path in box.directory.iterdir()) == [
        f"backup-job-{number}" for number in range(4, 9)
    ]
    put(9, "y" * 90_000)
    put(10, "z" * 60_000)
    assert [path.name.split("_")[0] for path in box.directory.iterdir()] == ["backup-job-10"]
    put(11, "z" * (MAX_LOG_CHARS + 50_000))
    [path] = box.directory.iterdir()
    assert path.stat().st_size < MAX_LOG_CHARS + 5_000
    clock.advance(timedelta(days=40).total_seconds())
    put(12, "x")
    assert [path.name.split("_")[0] for path in box.directory.iterdir()] == ["backup-job-12"]


def test_a_later_look_adds_and_takes_nothing_away(box: EvidenceBox) -> None:
    box.put(
        evidence(state="failing", logs=(LogTail("p", "c", "the cause"),), pods=("p",), events=("one",), exit_code=1)
    )
    later = START + timedelta(seconds=5)
    box.put(evidence(taken_at=later, reason="BackoffLimitExceeded", events=("one", "two"), occasion="later"))
    found = box.find("backup/backup-1")
    assert found is not None
    assert (found.state, found.reason, found.exit_code) == ("failed", "BackoffLimitExceeded", 1)
    assert (found.logs[0].text, found.events, found.pods) == ("the cause", ("one", "two"), ("p",))
    assert (found.taken_at, found.occasion) == (START, "when it failed")


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"version": 2}', b'{"version": 1}', b"\xff", b"null"])
def test_a_broken_file_is_passed_over(box: EvidenceBox, content: bytes) -> None:
    box.put(evidence())
    [path] = box.directory.iterdir()
    path.with_name(path.name.replace("_", "_0", 1)).write_bytes(content)
    assert box.find("backup/backup-1") is not None


def test_a_full_disk_leaves_the_old_evidence(box: EvidenceBox) -> None:
    box.put(evidence(logs=(LogTail("p", None, "old"),)))
    with disk_space(200), pytest.raises(OSError, match="large"):
        box.put(evidence(logs=(LogTail("p", None, "new" * 1000),)))
    found = box.find("backup/backup-1")
    assert found is not None
    assert found.logs[0].text == "old"
    assert len(list(box.directory.iterdir())) == 1


# Taking it


class Rig:
    """A running lab with one cluster."""

    def __init__(self, directory: Path) -> None:
        self.cluster = FakeCluster()
        self.cluster.pods = (POD,)
        self.cluster.events = (Event("Job", "backup-1", "Warning", "BackoffLimitExceeded", "too many", 1, START),)
        config = Config(clusters=(ClusterConfig("nuc"),))
        self.lab = Lab(config, Sources(FakeSsh(), clusters=(self.cluster,)), directory, FakeClock())
        self.box = self.lab.evidence.box

    def kept(self) -> Evidence | None:
        return self.box.find("backup/backup-1")


@asynccontextmanager
async def running(directory: Path, *jobs: Job) -> AsyncIterator[Rig]:
    rig = Rig(directory)
    rig.cluster.add(*jobs)
    rig.lab.start()
    try:
        await until(lambda: rig.lab.store.state.clusters[0][1].value)
        yield rig
    finally:
        await rig.lab.close()


async def test_a_job_that_fails_while_we_watch_leaves_log_exit_code_pods_and_events(tmp_path: Path) -> None:
    async with running(tmp_path, replace(JOB, state=JobState.RUNNING, failed_at=None, reason=None)) as rig:
        rig.cluster.feed.put_nowait(Watched((JOB,)))
        found = await until(rig.kept)
        assert (found.state, found.reason, found.exit_code, found.exit_reason) == (
            "failed", "BackoffLimitExceeded", 137, "OOMKilled",
        )  # fmt: skip
        assert found.logs == (LogTail("backup-1-abc", "restic", "log of backup-1-abc"),)
        assert "BackoffLimitExceeded" in found.events[0]
        assert found.pods == ("backup-1-abc: Failed, on rpi03, restic exit 137 OOMKilled",)


async def test_failing_is_taken_before_failed_and_so_outlives_the_pods(tmp_path: Path) -> None:
    async with running(tmp_path, replace(JOB, state=JobState.RUNNING)) as rig:
        rig.cluster.feed.put_nowait(Watched((replace(JOB, state=JobState.FAILING),)))
        await until(rig.kept)

        async def gone(*_names: object, **_options: object) -> str:
            raise SourceMissing("the Pod is gone")

        rig.cluster.read_log = gone  # type: ignore[method-assign]
        rig.cluster.feed.put_nowait(Watched((JOB,)))
        found = await until(lambda: (kept := rig.kept()) and kept.state == "failed" and kept)
        assert found.logs[0].text == "log of backup-1-abc"
        assert found.occasion == "while it was failing"


async def test_what_had_failed_before_we_looked_and_what_succeeds_is_not_taken(tmp_path: Path) -> None:
    async with running(tmp_path, JOB) as rig:
        rig.cluster.feed.put_nowait(Watched((JOB, replace(JOB, uid="u2", state=JobState.COMPLETE))))
        rig.cluster.feed.put_nowait(Watched((replace(JOB, uid="u3", id=JOB.id._replace(name="new")),)))
        await until(lambda: rig.box.find("backup/new"))
        assert rig.kept() is None


async def test_a_long_list_that_comes_in_parts_is_no_news_but_what_failed_during_an_outage_is(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    see = rig.lab.evidence.observer("nuc")

    def job(name: str) -> Job:
        return replace(JOB, uid=name, id=JOB.id._replace(name=name))

    def listed(*names: str) -> None:
        """Its beginning, and each of the others in a part of its own; the last one twice."""
        see(Watched((job(names[0]),), is_list=True, has_more=True))
        for name in (*names[1:], names[-1]):
            see(Watched((job(name),)))

    listed("one", "two")  # and there it breaks off
    listed("one", "two", "three")
    see(Watched(all_uids=frozenset({"one", "two", "three"})))
    see(Watched((job("new"),)))
    listed("one", "new", "three", "during")
    see(Watched(all_uids=frozenset({"one", "new", "three", "during"})))
    see(Watched((job("three"), job("during"))))
    await until(lambda: not rig.lab.evidence._tasks)
    assert sorted(path.name.split("_")[0] for path in rig.box.directory.iterdir()) == ["backup-during", "backup-new"]
    await rig.lab.close()


async def test_half_the_evidence_is_better_than_none(tmp_path: Path) -> None:
    async with running(tmp_path, replace(JOB, state=JobState.RUNNING)) as rig:

        async def slow(*_names: object, **_options: object) -> str:
            raise SourceTimeout("nuc: no answer within 5 s")

        rig.cluster.read_log = slow  # type: ignore[method-assign]
        rig.cluster.feed.put_nowait(Watched((JOB,)))
        found = await until(rig.kept)
        assert found.logs == ()
        assert "no answer within 5 s" in found.problems[0]
        assert found.events


async def test_it_is_taken_before_our_own_delete_and_read_after_it(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    rig.cluster.add(JOB)
    await rig.lab.read(("clusters",))
    assert (await rig.lab.jobs.delete(JOB)).changed
    rig.cluster.pods = ()
    text = await rig.lab.looks.read_log(JOB)
    assert "log of backup-1-abc" in text
    assert "Not live: " in text
    assert "before it was deleted: failed, BackoffLimitExceeded, exit 137, on rpi03" in text
    assert "2026-11-23 06:30:00 UTC" in text
    kept = rig.lab.looks.find_log("backup/backup-1", "no such Job")
    assert kept is not None
    assert "Not live: no such Job" in kept
    rig.cluster.events = ()
    assert "too many" in await rig.lab.looks.read_events_text(JOB)


Read = Callable[[Job], Awaitable[str]]


async def test_without_evidence_the_reason_is_told(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    rig.cluster.down = SourceTimeout("nuc: no answer")
    for read in (rig.lab.looks.read_log, rig.lab.looks.read_events_text):
        with pytest.raises(SourceTimeout):
            await read(JOB)
    assert rig.lab.looks.find_log("backup/backup-1", "x") is None


async def test_the_log_is_kept_raw_and_no_environment_is(tmp_path: Path) -> None:
    rig = Rig(tmp_path)

    async def coloured(*_names: object, **_options: object) -> str:
        await asyncio.sleep(0)
        return "\x1b[31mred\x1b[0m\x07\n"

    rig.cluster.read_log = coloured  # type: ignore[method-assign]
    rig.cluster.manifests["jobs", "backup", "backup-1"] = {"env": [{"name": "P", "value": "s3cret"}]}
    await rig.lab.evidence.before_delete(JOB)
    [path] = rig.box.directory.iterdir()
    assert json.loads(path.read_bytes())["logs"][0]["text"] == "\x1b[31mred\x1b[0m\x07\n"
    assert b"s3cret" not in path.read_bytes()
