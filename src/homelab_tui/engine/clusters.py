"""Keeping one Kubernetes cluster's Jobs, CronJobs, Pods and Nodes up to date by its watches."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from typing import TypeVar

from homelab_tui.domain.errors import HomelabError, SourceTimeout, SourceUnreachable
from homelab_tui.domain.jobs import CronJob, Job, JobPod, JobState
from homelab_tui.domain.nodes import KubeNode
from homelab_tui.domain.reading import Reading
from homelab_tui.domain.state import ClusterJobs
from homelab_tui.domain.values import Frozen, replace
from homelab_tui.domain.watching import Watched
from homelab_tui.engine.cluster_steps import HasUid, applied
from homelab_tui.engine.poller import INTERNAL_ERROR, backoff_s, pause
from homelab_tui.engine.ports import Clock, ReadsJobs

log = logging.getLogger(__name__)
_CEILING_S = 15.0
_AGAIN_S = 0.5
_PUBLISH_S = 0.1
"""Least time between two readings while changes go on; a new failure does not wait for it."""
_HURRY_S = 0.02
_AT_ONCE_S = 0.001
_HEAD_START_S = 1.0
_FAILED = (JobState.FAILED, JobState.FAILING)
_JOBS, _CRONJOBS = "jobs", "cronjobs"


T = TypeVar("T", bound=HasUid)
E = TypeVar("E")


class _Trouble(Frozen):
    """Why a watch or the heartbeat does not work, and when it is tried again."""

    sentence: str
    next_try_at: datetime
    timed_out: bool


class ClusterWatcher:
    """Four watches and a heartbeat, published as one reading.

    The cluster's reading is good as long as the heartbeat answers and Jobs and CronJobs could be listed. Pods and
    Nodes are extra: where they cannot be read, the reading carries a note that says why.
    """

    def __init__(
        self,
        source: ReadsJobs,
        publish: Callable[[Reading[ClusterJobs]], None],
        clock: Clock,
        *,
        heartbeat_s: float = 1.5,
        first_pause_s: float = 0.5,
        on_jobs: Callable[[Watched[Job]], None] | None = None,
        hurry: Callable[[], None] = lambda: None,
    ) -> None:
        """`on_jobs` is told every step of the watch of Jobs; `hurry` is called after a new failure was published."""
        self.source = source
        self._publish = publish
        self._clock = clock
        self._heartbeat_s = heartbeat_s
        self._first_pause_s = first_pause_s
        self._on_jobs = on_jobs
        self._hurry = hurry
        self._is_urgent = False
        self._reading: Reading[ClusterJobs] = Reading()
        self._jobs: dict[str, Job] | None = None
        self._cronjobs: dict[str, CronJob] | None = None
        self._pods: dict[str, JobPod] = {}
        self._nodes: dict[str, KubeNode] = {}
        self._value: ClusterJobs | None = None
        """What was published last, as long as nothing it was made of changed."""
        self._last = ClusterJobs(source.name)
        self._notes: dict[str, str] = {}
        self._unread: set[str] = set()
        """Long lists that are being read, a part at a time."""
        self._troubles: dict[str, _Trouble] = {}
        self._failures = 0
        """Failed tries that no published reading has counted yet."""
        self._wake = asyncio.Event()
        self._told = asyncio.Event()
        """Set once Jobs and CronJobs, or why there are none, were published."""
        self._timer: asyncio.TimerHandle | None = None
        self._published_at = float("-inf")
        """In the loop's own time."""

    def wake(self) -> None:
        """Try again now what is waiting for its next try."""
        self._wake.set()

    async def run(self) -> None:
        """Watch for ever; ends only by cancellation."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._keep(_JOBS, self._watch_jobs, self._set_jobs))
                group.create_task(self._keep(_CRONJOBS, self.source.watch_cronjobs, self._set_cronjobs))
                # What is waited for first: the rest would take its time from it.
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_HEAD_START_S):
                        await self._told.wait()
                group.create_task(self._keep("pods", self.source.watch_job_pods, self._set_pods, needed=False))
                group.create_task(self._keep("nodes", self.source.watch_nodes, self._set_nodes, needed=False))
                group.create_task(self._beat())
        finally:
            if self._timer is not None:
                self._timer.cancel()

    async def _watch_jobs(self) -> AsyncIterator[Watched[Job]]:
        async for step in self.source.watch_jobs():
            if self._on_jobs is not None:
                self._on_jobs(step)
            known = self._jobs or {}
            self._is_urgent |= any(
                job.state in _FAILED and _differs(known.get(job.uid or ""), job) for job in step.items
            )
            yield step

    async def _keep(
        self,
        what: str,
        watch: Callable[[], AsyncIterator[Watched[T]]],
        apply: Callable[[dict[str, T]], None],
        *,
        needed: bool = True,
    ) -> None:
        """One watch, begun again with back-off whenever it breaks."""
        objects: dict[str, T] = {}
        failures = 0
        while True:
            begun_at = self._clock.now()
            problem, timed_out = None, False
            try:
                async for step in watch():
                    objects = await applied(objects, step)
                    if step.is_list and step.has_more:
                        self._unread.add(what)
                    elif step.is_list or step.all_uids is not None:
                        self._unread.discard(what)
                    apply(objects)
                    self._value = None
                    self._recovered(what)
            except HomelabError as error:
                problem, timed_out = str(error), isinstance(error, SourceTimeout)
            except Exception:
                log.exception("%s: watching %s: internal error", self.source.name, what)
                problem = INTERNAL_ERROR
            # One that lists and breaks at once, again and again, must not be asked for the whole list twice a second.
            lived_s = (self._clock.now() - begun_at).total_seconds()
            failures = 1 if lived_s > _CEILING_S else failures + 1
            pause_s = backoff_s(failures, self._first_pause_s, _CEILING_S)
            if problem is not None:
                self._failed(what, problem, pause_s, needed=needed, timed_out=timed_out)
            await pause(self._wake, pause_s)

    async def _beat(self) -> None:
        """Prove every 1.5 s that the API answers: a watch on a dead link is silent, not broken.

        While it cannot be reached, every half second: whoever waits for its end reads a screen that is stale meanwhile.
        One that answers, and says no or "too many requests", is not asked more often.
        """
        while True:
            pause_s = self._heartbeat_s
            try:
                await self.source.read_version()
            except HomelabError as error:
                if isinstance(error, (SourceUnreachable, SourceTimeout)):
                    pause_s = min(pause_s, _AGAIN_S)
                self._failed("api", str(error), pause_s, timed_out=isinstance(error, SourceTimeout))
            except Exception:
                log.exception("%s: heartbeat: internal error", self.source.name)
                self._failed("api", INTERNAL_ERROR, pause_s)
            else:
                if "api" in self._troubles:
                    self._wake.set()
                self._recovered("api")
            await asyncio.sleep(pause_s)

    def _recovered(self, what: str) -> None:
        self._troubles.pop(what, None)
        if self._notes.pop(what, None) is not None:
            self._value = None
        self._changed()

    def _failed(
        self, what: str, sentence: str, pause_s: float, *, needed: bool = True, timed_out: bool = False
    ) -> None:
        if needed:
            next_try_at = self._clock.now() + timedelta(seconds=pause_s)
            self._troubles[what] = _Trouble(sentence, next_try_at, timed_out)
            self._failures += 1
        elif self._notes.get(what) != sentence:
            log.warning("%s: %s: %s", self.source.name, what, sentence)
            self._notes[what] = sentence
            self._value = None
        self._changed()

    def _set_jobs(self, objects: dict[str, Job]) -> None:
        self._jobs = objects

    def _set_cronjobs(self, objects: dict[str, CronJob]) -> None:
        self._cronjobs = objects

    def _set_pods(self, objects: dict[str, JobPod]) -> None:
        self._pods = objects

    def _set_nodes(self, objects: dict[str, KubeNode]) -> None:
        self._nodes = objects

    def _changed(self) -> None:
        """Publish at once after a quiet time or a new failure, else 100 ms after the last time with what comes then."""
        is_listed = self._jobs is not None and self._cronjobs is not None
        if not is_listed and not self._troubles and self._reading.problem is None:
            return
        if self._timer is not None and self._is_urgent:
            self._timer.cancel()
            self._timer = None
        if self._timer is None:
            loop = asyncio.get_running_loop()
            at = max(loop.time() + _AT_ONCE_S, self._published_at + (_HURRY_S if self._is_urgent else _PUBLISH_S))
            self._timer = loop.call_at(at, self._publish_now)

    def _publish_now(self) -> None:
        self._timer = None
        self._published_at = asyncio.get_running_loop().time()
        before = self._reading
        # The heartbeat's own sentence before the watches', which break because of the same link.
        trouble = self._troubles.get("api") or next(iter(self._troubles.values()), None)
        if trouble is not None:
            failures = before.failures + self._failures
            failed = before.failed(trouble.sentence, trouble.next_try_at, timed_out=trouble.timed_out)
            self._reading = replace(failed, failures=failures)
            if before.problem is None:
                log.warning("%s lost: %s", self.source.name, trouble.sentence)
        else:
            value = self._current()
            if value is not None:
                self._reading = before.renewed(value, self._clock.now())
                if before.problem is not None:
                    log.warning("%s is back after %d failed tries", self.source.name, before.failures)
            else:
                # Nothing is wrong any more, and nothing is listed yet.
                self._reading = replace(before, problem=None, next_try_at=None, timed_out=False)
        self._failures = 0
        self._publish(self._reading)
        self._told.set()
        if self._is_urgent:
            self._is_urgent = False
            self._hurry()

    def _current(self) -> ClusterJobs | None:
        """What is known now; the same object as long as nothing changed. None before the first lists."""
        if self._value is None and self._jobs is not None and self._cronjobs is not None:
            # What did not change stays the same tuple, so that merging need not look into it.
            last = self._last
            made = ClusterJobs(
                cluster=self.source.name,
                jobs=_same(last.jobs, tuple(self._jobs.values())),
                cronjobs=_same(last.cronjobs, tuple(self._cronjobs.values())),
                pods=_same(last.pods, tuple(self._pods.values())),
                nodes=_same(last.nodes, tuple(self._nodes.values())),
                is_whole=self._unread.isdisjoint((_JOBS, _CRONJOBS)),
                notes=tuple(self._notes.values()),
            )
            self._value = self._last = _same(last, made)
        return self._value


def _same(old: E, new: E) -> E:
    """The old one where the new one is equal."""
    return old if old == new else new


def _differs(before: Job | None, now: Job) -> bool:
    return before is None or before.state is not now.state
