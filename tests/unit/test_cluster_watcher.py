"""A cluster kept up to date by its watches: what breaks is said, what comes back is whole."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from homelab_tui.domain.errors import SourceError, SourceForbidden, SourceRefused, SourceTimeout, SourceUnreachable
from homelab_tui.domain.jobs import JobPod, JobState
from homelab_tui.domain.nodes import KubeNode
from homelab_tui.domain.reading import Reading
from homelab_tui.domain.state import ClusterJobs
from homelab_tui.domain.values import replace
from homelab_tui.domain.watching import Watched
from homelab_tui.engine.cluster_looks import read_cluster
from homelab_tui.engine.clusters import ClusterWatcher
from tests.fakes import FakeClock, FakeCluster, failed_job
from tests.labs import until

NO_PODS = SourceForbidden("nuc: this account may not list pods", verb="list", resource="pods")


class Rig:
    """A watcher of a fake cluster, with a quick heart."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.cluster = FakeCluster()
        self.published: list[Reading[ClusterJobs]] = []
        self.watcher = ClusterWatcher(
            self.cluster, self.published.append, self.clock, heartbeat_s=0.02, first_pause_s=0.02
        )
        self.task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Watch."""
        self.task = asyncio.create_task(self.watcher.run())

    @property
    def now(self) -> Reading[ClusterJobs]:
        """The newest reading."""
        return self.published[-1] if self.published else Reading()

    @property
    def names(self) -> set[str]:
        """Names of the Jobs in it."""
        return {job.id.name for job in self.now.value.jobs} if self.now.value else set()


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    rig = Rig()
    yield rig
    if rig.task is not None:
        rig.task.cancel()
        await asyncio.gather(rig.task, return_exceptions=True)


async def test_the_lists_are_published_once_both_are_there(rig: Rig) -> None:
    rig.cluster.add(failed_job("a", "u1"), failed_job("b", "u2"))
    rig.start()
    await until(lambda: rig.names == {"a", "b"})
    assert all(r.value is not None and len(r.value.jobs) == 2 for r in rig.published), "and nothing before that"
    assert rig.now.problem is None


async def test_a_change_is_seen_within_half_a_second_and_a_deleted_job_vanishes(rig: Rig) -> None:
    rig.cluster.add(failed_job("a", "u1"))
    rig.start()
    await until(lambda: rig.names == {"a"})
    rig.cluster.feed.put_nowait(Watched((failed_job("b", "u2"),)))
    await until(lambda: rig.names == {"a", "b"}, 0.5)
    rig.cluster.feed.put_nowait(Watched(gone=("u1",)))
    await until(lambda: rig.names == {"b"}, 0.5)


async def test_a_burst_of_changes_is_a_few_publications(rig: Rig) -> None:
    rig.start()
    await until(lambda: rig.now.value is not None)
    before = len(rig.published)
    for number in range(1_000):
        rig.cluster.feed.put_nowait(Watched((failed_job(f"j{number}", f"u{number}"),)))
    await until(lambda: len(rig.names) == 1_000)
    assert len(rig.published) - before < 20


async def test_an_idle_healthy_cluster_stays_fresh_and_its_value_the_same_object(rig: Rig) -> None:
    rig.cluster.add(failed_job())
    rig.start()
    await until(lambda: rig.now.value is not None)
    value = rig.now.value
    rig.clock.advance(120)
    await until(lambda: rig.now.taken_at == rig.clock.at)
    assert rig.now.value is value, "so that nothing is merged or drawn anew"


async def test_a_change_of_one_kind_leaves_the_others_the_same_objects(rig: Rig) -> None:
    rig.cluster.pods = (JobPod("nuc", "backup", "p", "pu", "u1", "backup-1"),)
    rig.start()
    await until(lambda: rig.now.value is not None and rig.now.value.pods)
    before = rig.now.value
    rig.cluster.feed.put_nowait(Watched((failed_job("b", "u2"),)))
    await until(lambda: rig.names == {"b"})
    assert before is not None
    assert rig.now.value is not None
    assert rig.now.value.pods is before.pods


async def test_a_broken_watch_is_said_and_its_return_replaces_everything(rig: Rig) -> None:
    rig.cluster.add(failed_job("a", "u1"), failed_job("b", "u2"))
    rig.start()
    await until(lambda: rig.names == {"a", "b"})
    rig.cluster.forbidden["jobs"] = SourceUnreachable("nuc: connection refused")
    rig.cluster.feed.put_nowait(SourceUnreachable("nuc: the watch broke"))
    await until(lambda: rig.now.problem is not None)
    assert rig.names == {"a", "b"}, "what was known stays, marked"
    assert rig.now.next_try_at is not None
    rig.cluster.jobs = {"u3": failed_job("c", "u3")}
    del rig.cluster.forbidden["jobs"]
    rig.watcher.wake()
    await until(lambda: rig.now.problem is None)
    assert rig.names == {"c"}, "deleted while nobody looked"
    assert rig.now.failures == 0


async def test_a_dead_link_is_found_by_the_heartbeat_although_the_watch_is_silent(rig: Rig) -> None:
    rig.start()
    await until(lambda: rig.now.value is not None)
    rig.cluster.down = SourceTimeout("nuc: no answer within 5 s")
    await until(lambda: rig.now.problem == "nuc: no answer within 5 s", 1)
    assert rig.now.timed_out
    rig.cluster.down = None
    await until(lambda: rig.now.problem is None, 1)


@pytest.mark.parametrize(
    ("error", "pause_s"),
    [
        (SourceUnreachable("no connection"), 0.5),
        (SourceTimeout("no answer"), 0.5),
        (SourceError("Too Many Requests (429)"), 3600),
        (SourceRefused("renew them (401)"), 3600),
    ],
    ids=str,
)
async def test_only_an_api_that_is_away_is_asked_more_often(rig: Rig, error: SourceError, pause_s: float) -> None:
    rig.watcher = ClusterWatcher(rig.cluster, rig.published.append, rig.clock, heartbeat_s=3600, first_pause_s=7200)
    rig.cluster.down = error
    rig.start()
    # The heartbeat's own, which begins once the list has failed, and counts then.
    await until(lambda: rig.now.next_try_at == rig.clock.now() + timedelta(seconds=pause_s))
    assert rig.now.problem == str(error)
    rig.cluster.down = None
    if pause_s < 1:
        await until(lambda: rig.now.problem is None and rig.now.value is not None)


async def test_failures_count_tries_and_not_publications(rig: Rig) -> None:
    rig.start()
    await until(lambda: rig.now.value is not None)
    beats = rig.cluster.beats
    rig.cluster.down = SourceTimeout("no answer")
    await until(lambda: rig.now.failures >= 3)
    for _ in range(50):
        rig.cluster.feed.put_nowait(Watched((failed_job(),)))
    await until(lambda: rig.cluster.beats - beats >= 10)
    assert rig.now.failures <= rig.cluster.beats - beats


async def test_one_log_line_on_loss_and_one_on_return(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    rig.start()
    await until(lambda: rig.now.value is not None)
    rig.cluster.down = SourceTimeout("no answer")
    await until(lambda: rig.now.failures >= 5)
    rig.cluster.down = None
    await until(lambda: rig.now.problem is None)
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == 2, lines
    assert lines[0] == "nuc lost: no answer"
    assert lines[1].startswith("nuc is back after")


async def test_a_cluster_that_is_down_from_the_start_is_down_with_its_reason(rig: Rig) -> None:
    rig.cluster.down = SourceUnreachable("nuc: connection refused (10.0.0.1:6443)")
    rig.start()
    await until(lambda: rig.now.problem is not None)
    assert (rig.now.value, rig.now.taken_at) == (None, None)
    rig.cluster.down = None
    await until(lambda: rig.now.value is not None)


@pytest.mark.parametrize("what", ["pods", "nodes"])
@pytest.mark.parametrize("error", [NO_PODS, SourceTimeout("no answer"), ValueError("bug")])
async def test_pods_and_nodes_are_extra(rig: Rig, what: str, error: Exception) -> None:
    rig.cluster.forbidden[what] = error
    rig.cluster.add(failed_job())
    rig.start()
    await until(lambda: rig.now.value is not None and rig.now.value.notes)
    assert rig.now.problem is None
    rig.cluster.pods = (JobPod("nuc", "backup", "p", "pu", "u1", "backup-1"),)
    rig.cluster.nodes = (KubeNode("nuc", "rpi01", "nu", True),)
    del rig.cluster.forbidden[what]
    await until(lambda: rig.now.value is not None and not rig.now.value.notes)
    assert rig.now.value is not None
    assert len(getattr(rig.now.value, what)) == 1


async def test_a_timeout_that_turns_into_a_refusal_does_not_leave_the_cluster_down_for_ever(rig: Rig) -> None:
    rig.cluster.forbidden["pods"] = SourceTimeout("no answer")
    rig.start()
    await until(lambda: rig.now.value is not None)
    rig.cluster.forbidden["pods"] = NO_PODS
    await until(lambda: rig.now.value is not None and rig.now.value.notes == (str(NO_PODS),))
    assert rig.now.problem is None


@pytest.mark.parametrize("what", ["jobs", "cronjobs"])
async def test_jobs_and_cronjobs_are_needed(rig: Rig, what: str) -> None:
    rig.cluster.forbidden[what] = SourceRefused("may not list")
    rig.start()
    await until(lambda: rig.now.problem == "may not list")


async def test_a_bug_in_one_watch_does_not_end_the_others(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    rig.start()
    await until(lambda: rig.now.value is not None)
    rig.cluster.feed.put_nowait(KeyError("oops"))
    rig.cluster.add(failed_job("z", "u9"))
    await until(lambda: rig.names == {"z"})
    assert "KeyError" in caplog.text
    assert rig.task is not None
    assert not rig.task.done()


async def test_a_watch_that_lists_and_breaks_at_once_is_slowed_down(rig: Rig) -> None:
    for _ in range(100):
        rig.cluster.feed.put_nowait(SourceUnreachable("the proxy cuts every watch"))
    rig.start()
    await asyncio.sleep(0.4)
    assert 2 <= rig.cluster.watches <= 6, "0.02 s, doubled each time, is five tries; without it twenty"


async def test_waking_tries_again_at_once(rig: Rig) -> None:
    rig.watcher = ClusterWatcher(rig.cluster, rig.published.append, rig.clock, heartbeat_s=0.02, first_pause_s=3600)
    rig.cluster.forbidden["jobs"] = SourceRefused("may not list")
    rig.start()
    await until(lambda: rig.now.problem is not None)
    del rig.cluster.forbidden["jobs"]
    rig.watcher.wake()
    await until(lambda: rig.now.value is not None)


async def test_a_cancelled_watcher_publishes_no_more(rig: Rig) -> None:
    rig.start()
    await until(lambda: rig.now.value is not None)
    assert rig.task is not None
    rig.cluster.feed.put_nowait(Watched((failed_job(),)))
    await asyncio.sleep(0)
    rig.task.cancel()
    await asyncio.gather(rig.task, return_exceptions=True)
    count = len(rig.published)
    await asyncio.sleep(0.1)
    assert len(rig.published) == count


async def test_a_change_of_state_replaces_the_object_of_that_uid(rig: Rig) -> None:
    rig.cluster.add(failed_job())
    rig.start()
    await until(lambda: rig.names == {"backup-1"})
    rig.cluster.feed.put_nowait(Watched((replace(failed_job(), state=JobState.DELETING),)))
    await until(lambda: rig.now.value is not None and rig.now.value.jobs[0].state is JobState.DELETING)
    assert len(rig.names) == 1


async def test_one_look_notes_what_it_may_not_see_and_fails_without_jobs() -> None:
    cluster = FakeCluster()
    cluster.add(failed_job())
    cluster.forbidden["pods"] = NO_PODS
    cluster.forbidden["nodes"] = SourceForbidden("no nodes")
    seen = await read_cluster(cluster)
    assert (len(seen.jobs), set(seen.notes)) == (1, {str(NO_PODS), "no nodes"})
    cluster.forbidden["cronjobs"] = SourceRefused("may not list")
    with pytest.raises(SourceRefused):
        await read_cluster(cluster)


async def test_a_list_that_is_read_again_keeps_what_did_not_change(rig: Rig) -> None:
    rig.cluster.add(failed_job("a", "u1"), failed_job("b", "u2"))
    rig.start()
    await until(lambda: rig.names == {"a", "b"})
    before = {job.id.name: job for job in rig.now.value.jobs} if rig.now.value else {}
    again = replace(failed_job("b", "u2"), state=JobState.RUNNING)
    rig.cluster.feed.put_nowait(Watched((failed_job("a", "u1"), again, failed_job("c", "u3")), is_list=True))
    await until(lambda: rig.names == {"a", "b", "c"})
    after = {job.id.name: job for job in rig.now.value.jobs} if rig.now.value else {}
    assert after["a"] is before["a"], "who merges it sees at a glance that nothing happened"
    assert after["b"] == again


async def test_a_new_failure_is_hurried_and_nothing_else() -> None:
    hurried: list[int] = []
    cluster, published = FakeCluster(), list[Reading[ClusterJobs]]()
    cluster.add(replace(failed_job("a", "u1"), state=JobState.RUNNING))
    watcher = ClusterWatcher(cluster, published.append, FakeClock(), hurry=lambda: hurried.append(len(published)))
    task = asyncio.create_task(watcher.run())
    try:
        await until(lambda: published and published[-1].value is not None)
        cluster.feed.put_nowait(Watched((replace(failed_job("b", "u2"), state=JobState.RUNNING),)))
        await until(lambda: published[-1].value is not None and len(published[-1].value.jobs) == 2)
        assert hurried == []
        cluster.feed.put_nowait(Watched((failed_job("a", "u1"),)))
        await until(lambda: hurried)
        told = published[hurried[0] - 1].value
        assert told is not None
        assert [job.state for job in told.jobs if job.id.name == "a"] == [JobState.FAILED], "told before it is hurried"
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_the_beginning_of_a_long_list_takes_nothing_away_and_its_end_does(rig: Rig) -> None:
    rig.cluster.add(failed_job("a", "u1"), failed_job("b", "u2"), failed_job("c", "u3"))
    rig.start()

    def is_whole() -> bool:
        return bool(rig.now.value and rig.now.value.is_whole)

    await until(lambda: rig.names == {"a", "b", "c"})
    rig.cluster.feed.put_nowait(Watched((failed_job("c", "u3"), failed_job("new", "u4")), is_list=True, has_more=True))
    await until(lambda: rig.names == {"a", "b", "c", "new"})
    assert is_whole() is False
    rig.cluster.feed.put_nowait(Watched((failed_job("a", "u1"),)))
    rig.cluster.feed.put_nowait(Watched(all_uids=frozenset({"u1", "u3", "u4"})))
    await until(lambda: rig.names == {"a", "c", "new"})
    assert is_whole() is True
    assert all({"a", "c"} <= {job.id.name for job in told.value.jobs} for told in rig.published if told.value)
