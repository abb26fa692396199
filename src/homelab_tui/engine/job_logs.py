"""The logs of a Job: which there are, one as it stands, or all that is written from now on until the Job ends."""

import os
from collections.abc import AsyncGenerator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from homelab_tui.domain.errors import SourceMissing
from homelab_tui.domain.jobs import Job, JobPod, JobState
from homelab_tui.domain.values import Frozen
from homelab_tui.engine.ports import ActsOnJobs, Sleep

LOOK_S = 1.0
"""How often it is looked for the next Pod, or the end."""
_LONG_AGO = datetime.fromtimestamp(0, UTC)


class LogPlace(Frozen):
    """One log: of a container of a Pod, or of the container before its restart."""

    pod: str
    container: str | None
    previous: bool = False
    failed: bool = False
    """It is the container that failed."""
    node: str | None = None

    @property
    def words(self) -> str:
        """`backup-1-x7k2p restic (previous)`."""
        return " ".join([self.pod, *([self.container] if self.container else []), *["(previous)"] * self.previous])


def places_of(pods: Sequence[JobPod]) -> tuple[LogPlace, ...]:
    """Every log there may be; first what explains most: of the Pod that failed last, the container that failed.

    Init containers are among the containers.
    """
    found: list[LogPlace] = []
    for pod in sorted(pods, key=worth, reverse=True):
        names = [pod.container, *(name for name in pod.containers if name != pod.container)]
        for name in names:
            failed = name == pod.container and pod.exit_code not in (None, 0)
            found.append(LogPlace(pod.name, name, failed=failed, node=pod.node))
            if pod.restarts:
                found.append(LogPlace(pod.name, name, previous=True, failed=failed, node=pod.node))
    return tuple(found)


def worth(pod: JobPod) -> tuple[bool, datetime]:
    """The Pod worth reading sorts last: failed after others, new after old."""
    return (pod.exit_code not in (None, 0), pod.created_at or _LONG_AGO)


class JobLogs:
    """Reads and follows logs, over the clusters of the lab."""

    def __init__(self, clusters: Sequence[ActsOnJobs], sleep: Sleep) -> None:
        self._clusters = {cluster.name: cluster for cluster in clusters}
        self._sleep = sleep

    async def places(self, job: Job) -> tuple[LogPlace, ...]:
        """The Job's logs, the one worth reading first. Raises: SourceMissing when its Pods are gone."""
        cluster = self._cluster(job)
        found = places_of(await cluster.list_pods_of(job))
        if not found:
            raise SourceMissing(f"{job.id}: its Pods are gone, and their logs with them")
        return found

    async def read(self, job: Job, place: LogPlace, *, tail_lines: int = 200) -> str:
        """One log as it stands. Raises: SourceMissing when there is none, SourceError when it cannot be read."""
        return await self._cluster(job).read_log(
            job.id.namespace, place.pod, container=place.container, previous=place.previous, tail_lines=tail_lines
        )

    async def follow(self, job: Job, *, tail_lines: int = 200) -> AsyncGenerator[tuple[str, ...], None]:
        """Lines of all its Pods as they are written, attempt after attempt, until the Job has ended or is gone.

        Lines of ours begin with `──`: whose log begins, what it waits for, how the Job ended. An attempt that was over
        before is told only when it is the last. Close it (`aclose`) to stop. Raises: SourceError.
        """
        cluster, told = self._cluster(job), set[str]()
        waited_for: str | None = None
        while True:
            now = await _now(cluster, job)
            fresh = [pod for pod in await self._pods(cluster, job) if pod.uid not in told]
            if not told:
                told |= {pod.uid for pod in fresh[:-1]}
                fresh = fresh[-1:]
            waits_for = None if fresh or told else "waiting for its Pod"
            for pod in fresh:
                try:
                    async for lines in _of_pod(cluster, pod, tail_lines):
                        yield lines
                except SourceMissing as error:
                    if pod.phase == "Pending" and not _is_over(now):
                        waits_for = str(error)
                        break
                    yield (_note(str(error)),)
                told.add(pod.uid)
            if now is None:
                yield (_note(f"{job.id} is gone"),)
                return
            # Its end is believed from a look before which the last of its Pods was told.
            if _is_over(now) and not fresh:
                yield (_note(f"{job.id} {_ending(now)}"),)
                return
            if waits_for is not None and waits_for != waited_for:
                yield (_note(waits_for),)
            waited_for = waits_for
            if waits_for is not None or not fresh:
                await self._sleep(LOOK_S)

    async def _pods(self, cluster: ActsOnJobs, job: Job) -> list[JobPod]:
        return sorted(await cluster.list_pods_of(job), key=lambda pod: pod.created_at or _LONG_AGO)

    def _cluster(self, job: Job) -> ActsOnJobs:
        cluster = self._clusters.get(job.id.cluster)
        if cluster is None:
            raise SourceMissing(f"no Kubernetes API is configured for cluster {job.id.cluster}")
        if job.uid is None:
            raise SourceMissing(f"{job.id}: only Prometheus knows it; the API has no such Job, and no Pods of it")
        return cluster


async def _now(cluster: ActsOnJobs, job: Job) -> Job | None:
    """The Job as it is now; None when it is gone, or another has its name."""
    try:
        now = await cluster.read_job(job.id.namespace, job.id.name)
    except SourceMissing:
        return None
    return now if now.uid == job.uid else None


async def _of_pod(cluster: ActsOnJobs, pod: JobPod, tail_lines: int) -> AsyncGenerator[tuple[str, ...], None]:
    """One Pod's lines, after a line that says whose they are."""
    heading = f"{pod.name} {pod.container or ''}".rstrip() + f" on {pod.node or 'no node'}"
    stream = cluster.follow_log(pod.namespace, pod.name, container=pod.container, tail_lines=tail_lines)
    try:
        async for lines in stream:
            told = (_note(heading), *lines) if heading else lines
            heading = ""
            if told:
                yield told
    finally:
        await stream.aclose()


def _note(text: str) -> str:
    return f"── {text} ──"


def _is_over(job: Job | None) -> bool:
    return job is None or job.state.is_finished


def _ending(job: Job) -> str:
    return "is complete" if job.state is JobState.COMPLETE else f"failed: {job.reason or 'no reason told'}"


def save_log(directory: Path, name: str, text: str) -> Path:
    """A private file of a log, beside earlier ones: never over a file, never through a link. Raises: OSError."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    for number in range(1000):
        path = directory / (f"{name}.log" if number == 0 else f"{name}.{number}.log")
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except FileExistsError:
            continue
        with os.fdopen(descriptor, "wb") as file:
            file.write(text.encode("utf-8", "backslashreplace"))
        return path
    raise FileExistsError(f"a thousand logs of that name are in {directory}")
