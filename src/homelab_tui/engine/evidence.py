"""Taking evidence: the moment a Job turns failing or failed, and before we delete one ourselves."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import TypeVar

from homelab_tui.domain.errors import SourceError, SourceMissing
from homelab_tui.domain.evidence import Evidence, LogTail
from homelab_tui.domain.jobs import Event, Job, JobPod, JobState
from homelab_tui.domain.watching import Watched
from homelab_tui.engine.evidence_box import EvidenceBox
from homelab_tui.engine.job_logs import worth
from homelab_tui.engine.jobs import JobActions, event_line
from homelab_tui.engine.ports import Clock, ReadsJobs

T = TypeVar("T")
log = logging.getLogger(__name__)
FAILED = (JobState.FAILING, JobState.FAILED)
_AT_ONCE = 3
_MAX_WAITING = 200
_MAX_PODS = 3
"""Whose logs are kept: the one that failed last, and two before it."""
_BEFORE_DELETE_S = 4.0
_NO_EVENTS: tuple[Event, ...] = ()
_NO_PODS: tuple[JobPod, ...] = ()
_LONG_AGO = datetime.fromtimestamp(0, UTC)


class EvidenceTaker:
    """Watches Jobs fail, in the background, and keeps what can be seen of them."""

    def __init__(
        self,
        clusters: Sequence[ReadsJobs],
        box: EvidenceBox,
        clock: Clock,
        pods_of: Callable[[Job], Sequence[JobPod]],
    ) -> None:
        """`pods_of`: the Pods of a Job as they are known now."""
        self._clusters = {cluster.name: cluster for cluster in clusters}
        self.box = box
        self._clock = clock
        self._pods_of = pods_of
        self._states: dict[str, dict[str, JobState] | None] = {}
        """Cluster → uid → state of the Jobs that have failed or are failing, as the watch told it last."""
        self._before: dict[str, dict[str, JobState] | None] = {}
        """The same as it was before a list that is being read."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._slots = asyncio.Semaphore(_AT_ONCE)

    def observer(self, cluster: str) -> Callable[[Watched[Job]], None]:
        """What is to be told every step of a cluster's watch of Jobs."""

        def see(step: Watched[Job]) -> None:
            if step.is_list:
                # Unless the one before broke off.
                self._before.setdefault(cluster, self._states.get(cluster))
            now = (None if step.is_list else self._states.get(cluster)) or {}
            known = self._before.get(cluster, now)
            if not step.has_more and (step.is_list or step.all_uids is not None):
                self._before.pop(cluster, None)
            for job in step.items:
                if job.uid is None:
                    continue
                # A Job that had failed before we looked is no change; one that came failed since then is.
                is_told = known is None or job.state in (known.get(job.uid), now.get(job.uid))
                if job.state in FAILED and not is_told:
                    self._begin(job)
                if job.state in FAILED:
                    now[job.uid] = job.state
                else:
                    now.pop(job.uid, None)
            for uid in step.gone:
                now.pop(uid, None)
            self._states[cluster] = now

        return see

    def _begin(self, job: Job) -> None:
        if len(self._tasks) >= _MAX_WAITING:
            log.warning("%s: no evidence taken: too many Jobs fail at once", job.id)
            return
        words = "when it failed" if job.state is JobState.FAILED else "while it was failing"
        task = asyncio.create_task(self._kept(job, words), name=f"evidence of {job.id}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def before_delete(self, job: Job) -> None:
        """Take evidence of a Job that we are about to delete, unless there is some with its log. Never raises."""
        if job.state not in FAILED or job.uid is None:
            return
        known = self.box.find(str(job.id), job.uid)
        if known is not None and known.logs:
            return
        try:
            async with asyncio.timeout(_BEFORE_DELETE_S):
                await self._kept(job, "before it was deleted")
        except TimeoutError:
            log.warning("%s: no evidence taken before its deletion: the API is too slow", job.id)

    async def _kept(self, job: Job, occasion: str) -> None:
        try:
            async with self._slots:
                self.box.put(await self._take(job, occasion))
        except OSError as error:
            log.warning("evidence of %s cannot be kept: %s", job.id, error.strerror)
        except Exception:
            log.exception("evidence of %s: internal error", job.id)

    async def _take(self, job: Job, occasion: str) -> Evidence:
        cluster = self._clusters[job.id.cluster]
        problems: list[str] = []
        pods = sorted(self._pods_of(job) or await _or(_NO_PODS, cluster.list_pods_of(job), problems), key=worth)
        logs: list[LogTail] = []
        for pod in pods[-_MAX_PODS:]:
            for previous in (False, True) if pod.restarts else (False,):
                read = cluster.read_log(pod.namespace, pod.name, container=pod.container, previous=previous)
                text = await _or("", read, problems)
                logs += [LogTail(pod.name, pod.container, text, previous)] if text else []
        names = (job.id.name, *(pod.name for pod in pods), *((job.cronjob,) if job.cronjob else ()))
        events = await _or(_NO_EVENTS, cluster.read_events(job.id.namespace, object_names=names), problems)
        last = pods[-1] if pods else None
        return Evidence(
            cluster=job.id.cluster,
            namespace=job.id.namespace,
            name=job.id.name,
            uid=job.uid or "",
            state=job.state.value,
            taken_at=self._clock.now(),
            occasion=occasion,
            reason=job.reason,
            message=job.message,
            exit_code=job.exit_code if job.exit_code is not None or last is None else last.exit_code,
            exit_reason=job.exit_reason or (last.exit_reason if last else None),
            node=job.node or (last.node if last else None),
            failed_at=job.failed_at,
            pods=tuple(map(_pod_line, pods)),
            events=tuple(event_line(event) for event in sorted(events, key=lambda one: one.last_at or _LONG_AGO)),
            logs=tuple(logs),
            problems=tuple(dict.fromkeys(problems)),
        )

    async def close(self) -> None:
        """Take no more."""
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class JobLooks:
    """Logs and events of a Job: live where they can be had, else from the evidence box, which says so."""

    def __init__(self, jobs: JobActions, box: EvidenceBox) -> None:
        self._jobs = jobs
        self._box = box

    def evidence_of(self, job: Job) -> Evidence | None:
        """What the box has of this very Job; of its name, where the API does not tell its uid."""
        return self._box.find(str(job.id), job.uid)

    async def read_log(self, job: Job) -> str:
        """The log; without one, what else was kept. Raises: SourceError when nothing is there and in the box."""
        try:
            return await self._jobs.read_log(job)
        except SourceError as error:
            evidence = self.evidence_of(job)
            if evidence is None:
                raise
            return log_text(evidence, str(error))

    async def read_log_end(self, job: Job, lines: int) -> str:
        """The last lines of the log that explains most, and whose it is; else what was kept of it."""
        try:
            log_of, text = await self._jobs.read_log_end(job, lines)
        except SourceError as error:
            evidence = self.evidence_of(job)
            if evidence is None:
                raise
            return log_text(evidence, str(error))
        return f"── {log_of} ──\n{text}"

    async def read_events_text(self, job: Job) -> str:
        """The events. Raises: SourceError when they are neither there nor in the box."""
        evidence = self.evidence_of(job)
        try:
            events = await self._jobs.read_events(job)
        except SourceError as error:
            if evidence is None:
                raise
            return events_text(evidence, str(error))
        if not events and evidence is not None and evidence.events:
            return events_text(evidence, "the API keeps no events of it any more")
        return "\n".join(events) or f"{job.id}: the API keeps no events of it (they live for an hour)"

    def find_log(self, name: str, why: str) -> str | None:
        """The kept log of a Job that is gone, by `NS/NAME` or `CLUSTER/NS/NAME`; None without evidence."""
        evidence = self._box.find(name)
        return None if evidence is None else log_text(evidence, why)

    def find_events(self, name: str, why: str) -> str | None:
        """The kept events of a Job that is gone; None without evidence."""
        evidence = self._box.find(name)
        return None if evidence is None else events_text(evidence, why)


def _heading(evidence: Evidence, why: str) -> list[str]:
    words = [evidence.state, *([evidence.reason] if evidence.reason else [])]
    words += [f"exit {evidence.exit_code}"] if evidence.exit_code is not None else []
    words += [f"on {evidence.node}"] if evidence.node else []
    at = f"{evidence.taken_at:%Y-%m-%d %H:%M:%S} UTC"
    lines = [f"Not live: {why}", f"Kept {at}, {evidence.occasion}: {', '.join(words)}"]
    lines += [evidence.message] if evidence.message else []
    lines += [f"Pod {line}" for line in evidence.pods]
    return [*lines, ""]


def log_text(evidence: Evidence, why: str) -> str:
    """The kept logs, and from when they are."""
    lines = _heading(evidence, why)
    for one in evidence.logs:
        container = f" {one.container}" if one.container else ""
        lines += [f"── {one.pod}{container}{' before its restart' if one.previous else ''} ──", one.text.rstrip("\n")]
    if not evidence.logs:
        lines += ["No log was kept.", *evidence.problems]
    return "\n".join(lines)


def events_text(evidence: Evidence, why: str) -> str:
    """The kept events, and from when they are."""
    return "\n".join([*_heading(evidence, why), *(evidence.events or ("No events were kept.",))])


async def _or(otherwise: T, read: Awaitable[T], problems: list[str]) -> T:
    """What was read, or `otherwise` and a problem: half the evidence is better than none."""
    try:
        return await read
    except SourceMissing as error:
        problems.append(str(error))
    except SourceError as error:
        problems.append(f"not read: {error}")
    return otherwise


def _pod_line(pod: JobPod) -> str:
    words = [pod.phase or "?", f"on {pod.node or 'no node'}"]
    words += [pod.reason] if pod.reason else []
    if pod.exit_code is not None:
        words.append(f"{pod.container or 'container'} exit {pod.exit_code} {pod.exit_reason or ''}".rstrip())
    words += [pod.message] if pod.message else []
    return f"{pod.name}: {', '.join(words)}"
