"""Jobs: reading both worlds, and deleting a failed one for the right reason."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta

from homelab_tui.domain.errors import ActionRefused, SourceConflict, SourceError, SourceMissing, UsageError
from homelab_tui.domain.jobs import AlertState, CronJob, Event, Job, JobId, JobPod, MetricsSnapshot
from homelab_tui.domain.merging import forgotten
from homelab_tui.domain.operations import Plan, PlanStep, Result
from homelab_tui.domain.reading import Reading
from homelab_tui.domain.state import JobsView
from homelab_tui.domain.values import Frozen, replace
from homelab_tui.engine.job_logs import places_of, worth
from homelab_tui.engine.operations import READ_ONLY, Operations, Progress
from homelab_tui.engine.ports import ActsOnJobs, Clock

PROPAGATION = {"background": "Background", "foreground": "Foreground", "orphan": "Orphan"}
_LOGS_TRIED = 4
_MEANS = {
    # A Normal event, of all things.
    "JobAlreadyActive": "a run was skipped: the one before it was still going",
    "MissSchedule": "a run was missed: startingDeadlineSeconds was over",
    "TooManyMissedTimes": "more than 100 runs were missed: a clock that jumped, or a controller that was away",
}
"""What some events of a CronJob mean for its runs."""
_TOMBSTONE_LIFE = timedelta(minutes=10)


class Target(Frozen):
    """One Job a person asked for, as the API knows it now."""

    id: JobId
    job: Job | None
    """None: it is not in the API (any more)."""
    problem: str | None = None
    """Why it could not be read."""


def find_jobs(view: JobsView, names: Sequence[str]) -> tuple[Job, ...]:
    """The Jobs that `NS/NAME` or `CLUSTER/NS/NAME` mean.

    Raises: UsageError for a name without a namespace, or one that is ambiguous: it names the candidates.
    """
    return tuple(_find(view, name) for name in names)


def _find(view: JobsView, name: str) -> Job:
    parts = name.split("/")
    if len(parts) not in (2, 3) or not all(parts):
        raise UsageError(f"{name!r} is not a Job's name: write NAMESPACE/NAME or CLUSTER/NAMESPACE/NAME")
    found = [job for job in view.jobs if str(job.id).split("/")[-len(parts) :] == parts]
    if len(found) > 1:
        candidates = ", ".join(str(job.id) for job in found)
        raise UsageError(f"{name} is ambiguous: {candidates}")
    if not found:
        raise SourceMissing(f"{name}: no such Job")
    return found[0]


class Tombstones:
    """Jobs we deleted: hidden until Prometheus, which is a scrape behind, has forgotten them too."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._since: dict[str, datetime] = {}

    def add(self, job: JobId) -> None:
        """It was deleted now."""
        self._since[str(job)] = self._clock.now()

    def prune(self, told: Sequence[Reading[MetricsSnapshot]]) -> None:
        """Let go of what every Prometheus has been asked about since its deletion, and does not know any more."""
        # Half an answer (`missing`) does not say what is forgotten.
        asked = [(r.taken_at, r.value) for r in told if r.problem is None and r.missing is None]
        times = [at for at, _ in asked if at is not None]
        if not self._since or len(times) < len(told):
            return
        old = [name for name, at in self._since.items() if all(asked_at > at for asked_at in times)]
        for name in forgotten(old, [snapshot for _, snapshot in asked if snapshot is not None]):
            del self._since[name]

    @property
    def names(self) -> frozenset[str]:
        """`cluster/namespace/name` of what is to be hidden."""
        oldest = self._clock.now() - _TOMBSTONE_LIFE
        self._since = {name: at for name, at in self._since.items() if at > oldest}
        return frozenset(self._since)


class JobActions:
    """What can be done to Jobs, over the clusters of the lab."""

    def __init__(
        self,
        clusters: Sequence[ActsOnJobs],
        operations: Operations,
        tombstones: Tombstones,
        *,
        read_only: bool,
        before_delete: Callable[[Job], Awaitable[None]] | None = None,
    ) -> None:
        """`before_delete` is awaited with each Job that is about to be deleted: it takes evidence, and never raises."""
        self._clusters = {cluster.name: cluster for cluster in clusters}
        self._operations = operations
        self._tombstones = tombstones
        self._read_only = read_only
        self._before_delete = before_delete

    async def resolve(self, job: Job) -> Target:
        """Ask the API for it again: never act on what Prometheus, or an old list, believes."""
        cluster = self._clusters.get(job.id.cluster)
        if cluster is None:
            why = f"no Kubernetes API is configured for cluster {job.id.cluster}: Prometheus alone cannot delete a Job"
            return Target(job.id, None, why)
        try:
            fresh = await cluster.read_job(job.id.namespace, job.id.name)
        except SourceMissing:
            return Target(job.id, None)
        except SourceError as error:
            return Target(job.id, None, str(error))
        if job.uid is not None and fresh.uid != job.uid:
            why = "another Job of the same name has taken its place since; look at it first"
            return Target(job.id, None, why)
        # What the API's Job alone does not say: its Pods and Prometheus told it of this very Job.
        known = replace(
            fresh,
            alert=job.alert,
            superseded=job.superseded,
            node=fresh.node or job.node,
            exit_code=job.exit_code if fresh.exit_code is None else fresh.exit_code,
            exit_reason=fresh.exit_reason or job.exit_reason,
        )
        return Target(job.id, known)

    def sort_out(self, targets: Sequence[Target], *, force: bool = False) -> tuple[tuple[Job, ...], tuple[Result, ...]]:
        """The Jobs that may be deleted, and a result for each that may not or need not be. Pure."""
        go, rest = [], []
        for target in targets:
            name = str(target.id)
            if target.problem is not None:
                rest.append(Result(name, ok=False, changed=False, detail=target.problem))
            elif target.job is None:
                rest.append(Result(name, ok=True, changed=False, detail="is already gone"))
            elif target.job.deleted_at is not None:
                held = ", ".join(target.job.finalizers)
                detail = "is already being deleted" + (f", and held by its finalizers: {held}" if held else "")
                rest.append(Result(name, ok=True, changed=False, detail=detail))
            elif not (force or target.job.state.is_finished):
                detail = f"is {target.job.state.value}, not finished: deleting would stop it (--force)"
                rest.append(Result(name, ok=False, changed=False, detail=detail))
            else:
                go.append(target.job)
        return tuple(go), tuple(rest)

    def plan_delete(self, jobs: Sequence[Job], *, propagation: str = "background") -> Plan:
        """What deleting these Jobs will do. Pure."""
        notes = [_pods_note(propagation)]
        if any(job.alert in (AlertState.PENDING, AlertState.FIRING) for job in jobs):
            notes.append("the alert clears with the next scrape of kube-state-metrics")
        if any(job.cronjob for job in jobs):
            notes.append("the CronJob stays, and runs again at its next tick")
        held = [f"{job.id} is held by finalizers: {', '.join(job.finalizers)}" for job in jobs if job.finalizers]
        return Plan(
            kind="jobs.delete",
            title=f"Delete {jobs[0].id}" if len(jobs) == 1 else f"Delete {len(jobs)} Jobs",
            steps=tuple(PlanStep(str(job.id), _what_goes(job)) for job in jobs),
            notes=tuple(notes),
            warnings=tuple(held),
            refusals=(READ_ONLY,) if self._read_only else (),
            danger=True,
        )

    async def delete(self, job: Job, *, propagation: str = "background") -> Result:
        """Delete exactly the object that was resolved. Gone already is success; changed since is not."""
        name = str(job.id)

        async def work(_progress: Progress) -> Result:
            if self._read_only:
                raise ActionRefused(READ_ONLY)
            cluster = self._cluster(job)
            if self._before_delete is not None:
                await self._before_delete(job)
            try:
                deleted = await cluster.delete_job(job, propagation=PROPAGATION[propagation])
            except SourceConflict as error:
                why = await self._what_changed(cluster, job, str(error))
                if why is not None:
                    detail = f"not deleted: {why}. Look again, then decide anew"
                    return Result(name, ok=False, changed=False, detail=detail, conflict=True)
                deleted = False
            self._tombstones.add(job.id)
            if not deleted:
                return Result(name, ok=True, changed=False, detail="was already gone")
            return Result(name, ok=True, changed=True, detail=f"deleted ({propagation})")

        return await self._operations.run("jobs.delete", f"job:{name}", "deleting…", work)

    async def _what_changed(self, cluster: ActsOnJobs, job: Job, otherwise: str) -> str | None:
        """What became of a Job that is not the one we knew, in words; None when it is gone."""
        try:
            now = await cluster.read_job(job.id.namespace, job.id.name)
        except SourceMissing:
            return None
        except SourceError:
            return otherwise
        if now.uid != job.uid:
            return "another Job of the same name has taken its place"
        if now.deleted_at is not None and job.deleted_at is None:
            return "somebody else is deleting it"
        if now.state is not job.state:
            return f"it is {now.state.value} now, and was {job.state.value}"
        return f"it was changed meanwhile (resourceVersion {job.resource_version} is {now.resource_version} now)"

    async def read_log(self, job: Job) -> str:
        """The end of the log of the Pod that failed last, else of the last one.

        Raises: SourceMissing when its Pods are gone, SourceError when the log cannot be read.
        """
        cluster = self._cluster(job)
        pods = await self._pods(cluster, job)
        if not pods:
            raise SourceMissing(f"{job.id}: its Pods are gone, and their logs with them")
        pod = pods[-1]
        return await cluster.read_log(pod.namespace, pod.name, container=pod.container)

    async def read_log_end(self, job: Job, lines: int) -> tuple[str, str]:
        """Whose log explains most, and its last lines; that of before a restart where the other says nothing.

        Raises: as `read_log`.
        """
        cluster = self._cluster(job)
        places = places_of(await self._pods(cluster, job))
        if not places:
            raise SourceMissing(f"{job.id}: its Pods are gone, and their logs with them")
        why: SourceMissing | None = None
        for place in places[:_LOGS_TRIED]:
            try:
                text = await cluster.read_log(
                    job.id.namespace, place.pod, container=place.container, previous=place.previous, tail_lines=lines
                )
            except SourceMissing as error:
                why = why or error
                continue
            if text.strip():
                return place.words, text
        if why is not None:
            raise why
        return places[0].words, "(it said nothing)"

    async def read_cronjob_events(self, cronjob: CronJob) -> tuple[str, ...]:
        """Events of a CronJob, one a line, oldest first: skipped and missed runs are told as such."""
        cluster = self._clusters.get(cronjob.cluster)
        if cluster is None:
            raise SourceMissing(f"no Kubernetes API is configured for cluster {cronjob.cluster}")
        return _lines(await cluster.read_events(cronjob.namespace, object_names=(cronjob.name,)))

    async def read_events(self, job: Job) -> tuple[str, ...]:
        """Events of the Job, its Pods and its CronJob, one a line, oldest first."""
        cluster = self._cluster(job)
        names = [job.id.name, *(pod.name for pod in await self._pods(cluster, job))]
        if job.cronjob:
            names.append(job.cronjob)
        return _lines(await cluster.read_events(job.id.namespace, object_names=tuple(names)))

    async def read_yaml(self, job: Job) -> str:
        """The Job as YAML, secrets masked."""
        return await self._cluster(job).read_yaml(job.id.namespace, job.id.name)

    def _cluster(self, job: Job) -> ActsOnJobs:
        cluster = self._clusters.get(job.id.cluster)
        if cluster is None:
            raise SourceMissing(f"no Kubernetes API is configured for cluster {job.id.cluster}")
        return cluster

    async def _pods(self, cluster: ActsOnJobs, job: Job) -> list[JobPod]:
        """The Job's Pods, the one worth reading last: failed after others, new after old."""
        if job.uid is None:
            raise SourceMissing(f"{job.id}: only Prometheus knows it; the API has no such Job, and no Pods of it")
        return sorted(await cluster.list_pods_of(job), key=worth)


def _lines(events: Sequence[Event]) -> tuple[str, ...]:
    epoch = datetime.fromtimestamp(0, UTC)
    return tuple(event_line(event) for event in sorted(events, key=lambda event: event.last_at or epoch))


def event_line(event: Event) -> str:
    """One event as a line: time, type, reason, about what, its message, and what that means where it does not say."""
    at = event.last_at.strftime("%Y-%m-%d %H:%M:%S") if event.last_at else "–"
    times = f" (x{event.count})" if event.count > 1 else ""
    means = f" [{_MEANS[event.reason]}]" if event.kind == "CronJob" and event.reason in _MEANS else ""
    return f"{at}  {event.type:<7}  {event.reason:<24}  {event.kind}/{event.object_name}: {event.message}{times}{means}"


def _what_goes(job: Job) -> str:
    words = [job.state.value]
    if job.reason:
        words.append(job.reason)
    if job.exit_code is not None:
        words.append(f"exit {job.exit_code}")
    if job.node:
        words.append(f"on {job.node}")
    if job.superseded:
        words.append("a later run succeeded")
    return ", ".join(words)


def _pods_note(propagation: str) -> str:
    return {
        "background": "its Pods and their logs go with it",
        "foreground": "its Pods and their logs go first, then the Job",
        "orphan": "its Pods and their logs stay, without an owner",
    }[propagation]
