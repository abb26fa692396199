"""Ending a failed Job's alert later, and running it again."""

import math
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from homelab_tui.domain.errors import ActionRefused, SourceConflict, SourceMissing
from homelab_tui.domain.jobs import AlertState, Job, JobState
from homelab_tui.domain.operations import Plan, PlanStep, Result
from homelab_tui.engine.jobs import Target
from homelab_tui.engine.manifests import copy_name, copy_of, run_name, run_of, uid_of
from homelab_tui.engine.operations import READ_ONLY, Operations, Progress
from homelab_tui.engine.ports import ActsOnJobs, Clock

LIVES_S = 1.0
"""How long after its creation a Job is looked for again: one with a wrong owner is gone by then."""
_RUNNING = (JobState.RUNNING, JobState.PENDING, JobState.FAILING)


def ttl_for(job: Job, in_s: float, now: datetime) -> int | None:
    """The ttlSecondsAfterFinished with which a finished Job ends `in_s` from now; None for one that has not finished.

    It counts from the end of the Job, not from the patch.
    """
    if not job.state.is_finished or job.finished_at is None:
        return None
    return max(0, math.ceil((now - job.finished_at).total_seconds() + in_s))


def expires_at(job: Job) -> datetime | None:
    """When the TTL controller deletes it; None: never, or not as long as it runs."""
    ttl_s, finished_at = job.ttl_seconds_after_finished, job.finished_at
    if ttl_s is None or finished_at is None or not job.state.is_finished:
        return None
    try:
        return finished_at + timedelta(seconds=ttl_s)
    except OverflowError:
        return None


class JobChanges:
    """Expire and re-run, over the clusters of the lab."""

    def __init__(
        self, clusters: Sequence[ActsOnJobs], operations: Operations, clock: Clock, *, read_only: bool
    ) -> None:
        self._clusters = {cluster.name: cluster for cluster in clusters}
        self._operations = operations
        self._clock = clock
        self._refusals = (READ_ONLY,) if read_only else ()

    # -- expire -------------------------------------------------------------------------------------------------------

    def sort_out_expire(self, targets: Sequence[Target]) -> tuple[tuple[Job, ...], tuple[Result, ...]]:
        """The Jobs that can be given an end, and a result for each that cannot. Pure."""

        def why_not(job: Job) -> str | None:
            if not job.state.is_finished:
                return f"is {job.state.value}, not finished: its time would only begin to count at its end"
            return "the API does not say when it ended" if job.finished_at is None else None

        return _sorted_out(targets, why_not, gone_is_fine=True)

    def plan_expire(self, jobs: Sequence[Job], in_s: float) -> Plan:
        """What giving these Jobs an end will do."""
        now = self._clock.now()
        notes = ["the Job, its Pods and their logs stay until then, and go then"]
        if any(job.alert in (AlertState.PENDING, AlertState.FIRING) for job in jobs):
            notes.append("its alert goes on until then; m silences it meanwhile")
        return Plan(
            kind="jobs.expire",
            title=f"Delete {_of(jobs)} in {_words(in_s)}",
            steps=tuple(PlanStep(str(job.id), _ttl_change(job, in_s, now)) for job in jobs),
            notes=tuple(notes),
            refusals=self._refusals,
        )

    def expire_patch(self, job: Job, in_s: float) -> dict[str, object] | None:
        """The merge patch with which a finished Job ends that long from now; None for one that has not finished."""
        ttl_s = ttl_for(job, in_s, self._clock.now())
        return None if ttl_s is None else {"spec": {"ttlSecondsAfterFinished": ttl_s}}

    async def expire(self, job: Job, in_s: float) -> Result:
        """Patch its ttlSecondsAfterFinished so that it ends that long from now."""
        name = str(job.id)

        async def work(_progress: Progress) -> Result:
            cluster = self._may_change(job)
            ttl_s = ttl_for(job, in_s, self._clock.now())
            if ttl_s is None:
                return Result(name, ok=False, changed=False, detail="has not finished")
            try:
                after = await cluster.patch_job(job, {"spec": {"ttlSecondsAfterFinished": ttl_s}})
            except SourceMissing:
                return Result(name, ok=True, changed=False, detail="was already gone")
            except SourceConflict as error:
                return await _conflict(cluster, job, error)
            if after.ttl_seconds_after_finished != ttl_s:
                detail = "the API took the patch and did not keep it: before Kubernetes 1.21 TTLAfterFinished is off"
                return Result(name, ok=False, changed=False, detail=detail)
            at = expires_at(after)
            when = f" ({at:%Y-%m-%d %H:%M} UTC)" if at is not None else ""
            return Result(name, ok=True, changed=True, detail=f"goes in {_words(in_s)}{when}")

        return await self._operations.run("jobs.expire", f"job:{name}", "setting its end…", work)

    # -- re-run -------------------------------------------------------------------------------------------------------

    def sort_out_rerun(self, targets: Sequence[Target]) -> tuple[tuple[Job, ...], tuple[Result, ...]]:
        """The Jobs that can run again, and a result for each that cannot. Pure."""
        return _sorted_out(targets, lambda _job: None, gone_is_fine=False)

    def plan_rerun(self, jobs: Sequence[Job]) -> Plan:
        """What running these Jobs again will do."""
        warnings = [f"{job.id} is still {job.state.value}: both will run" for job in jobs if job.state in _RUNNING]
        return Plan(
            kind="jobs.rerun",
            title=f"Run {_of(jobs)} again",
            steps=tuple(PlanStep(str(job.id), _what_runs(job)) for job in jobs),
            notes=("the old Job stays, and alerts, until it is deleted",),
            warnings=tuple(warnings),
            refusals=self._refusals,
        )

    async def rerun(self, job: Job) -> Result:
        """Create it once more, and look after a second whether it lives. `created` is the new Job's name."""
        name = str(job.id)

        async def work(progress: Progress) -> Result:
            cluster = self._may_change(job)
            manifest = await self._manifest(cluster, job)
            if manifest is None:
                return Result(name, ok=True, changed=False, detail="is gone meanwhile: nothing was started")
            return await started(cluster, self._operations, progress, name, job.id.namespace, manifest)

        return await self._operations.run("jobs.rerun", f"job:{name}", "starting it again…", work)

    async def _manifest(self, cluster: ActsOnJobs, job: Job) -> dict[str, object] | None:
        """A run of its CronJob as that is now; a copy of the Job where there is none (any more). None: it is gone."""
        if job.cronjob is not None:
            try:
                cronjob = await cluster.read_manifest("cronjobs", job.id.namespace, job.cronjob)
            except SourceMissing:
                cronjob = None
            if cronjob is not None and uid_of(cronjob) == job.cronjob_uid:
                return run_of(cronjob, run_name(job.cronjob))
        try:
            old = await cluster.read_manifest("jobs", job.id.namespace, job.id.name)
        except SourceMissing:
            return None
        return copy_of(old, copy_name(job.id.name)) if uid_of(old) == job.uid else None

    def _may_change(self, job: Job) -> ActsOnJobs:
        if self._refusals:
            raise ActionRefused(READ_ONLY)
        cluster = self._clusters.get(job.id.cluster)
        if cluster is None:
            raise SourceMissing(f"no Kubernetes API is configured for cluster {job.id.cluster}")
        return cluster


async def started(
    cluster: ActsOnJobs,
    operations: Operations,
    progress: Progress,
    target: str,
    namespace: str,
    manifest: dict[str, object],
) -> Result:
    """Create a Job and look a second later whether it is still there."""
    made = await cluster.create_job(namespace, manifest)
    created = made.id.name
    progress.stage(f"{created} is created; does it live?")
    await operations.rest(LIVES_S)
    try:
        now = await cluster.read_job(namespace, created)
    except SourceMissing:
        detail = f"{created} was created, and was gone a second later: its owner is not in this namespace, or a policy"
        return Result(target, ok=False, changed=True, detail=detail, created=created)
    if now.uid != made.uid:
        detail = f"{created} was created, and another of its name is there now"
        return Result(target, ok=False, changed=True, detail=detail, created=created)
    if now.state is JobState.FAILED:
        why = f": {now.reason}" if now.reason else ""
        detail = f"{created} was started, and failed at once{why}"
        return Result(target, ok=False, changed=True, detail=detail, created=created)
    return Result(target, ok=True, changed=True, detail=f"started as {created}, {now.state.value}", created=created)


def _sorted_out(
    targets: Sequence[Target], why_not: Callable[[Job], str | None], *, gone_is_fine: bool
) -> tuple[tuple[Job, ...], tuple[Result, ...]]:
    go, rest = [], []
    for target in targets:
        name = str(target.id)
        if target.problem is not None:
            rest.append(Result(name, ok=False, changed=False, detail=target.problem))
        elif target.job is None:
            detail = "is already gone" if gone_is_fine else "is gone: there is nothing left to run again"
            rest.append(Result(name, ok=gone_is_fine, changed=False, detail=detail))
        elif gone_is_fine and target.job.deleted_at is not None:
            rest.append(Result(name, ok=True, changed=False, detail="is already being deleted"))
        elif (why := why_not(target.job)) is not None:
            rest.append(Result(name, ok=False, changed=False, detail=why))
        else:
            go.append(target.job)
    return tuple(go), tuple(rest)


async def _conflict(cluster: ActsOnJobs, job: Job, error: SourceConflict) -> Result:
    """409: read it again, and say what became of it. Nothing is changed on what was read before."""
    name = str(job.id)
    try:
        now = await cluster.read_job(job.id.namespace, job.id.name)
    except SourceMissing:
        return Result(name, ok=True, changed=False, detail="was already gone")
    if now.uid != job.uid:
        why = "another Job of the same name has taken its place"
    elif now.deleted_at is not None:
        why = "somebody is deleting it"
    elif now.state is not job.state:
        why = f"it is {now.state.value} now, and was {job.state.value}"
    else:
        why = f"it was changed meanwhile ({error})"
    detail = f"not changed: {why}. Look again, then decide anew"
    return Result(name, ok=False, changed=False, detail=detail, conflict=True)


def _ttl_change(job: Job, in_s: float, now: datetime) -> str:
    before = "unset" if job.ttl_seconds_after_finished is None else str(job.ttl_seconds_after_finished)
    return f"ttlSecondsAfterFinished: {before} → {ttl_for(job, in_s, now)} (counted from its end)"


def _what_runs(job: Job) -> str:
    if job.cronjob is not None:
        return f"a new run of CronJob {job.cronjob}, as it is now"
    return "a new Job with the same spec"


def _of(jobs: Sequence[Job]) -> str:
    return str(jobs[0].id) if len(jobs) == 1 else f"{len(jobs)} Jobs"


def _words(seconds: float) -> str:
    whole = int(seconds)
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if whole >= size and whole % size == 0:
            return f"{whole // size} {unit}"
    return f"{whole} s"
