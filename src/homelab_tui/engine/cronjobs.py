"""CronJobs: start one by hand, suspend and resume, and the limits that end an alert for good."""

from collections.abc import Sequence

from homelab_tui.domain.errors import ActionRefused, SourceConflict, SourceError, SourceMissing, UsageError
from homelab_tui.domain.jobs import CronJob
from homelab_tui.domain.operations import Plan, PlanStep, Result
from homelab_tui.domain.state import JobsView
from homelab_tui.domain.values import Frozen
from homelab_tui.engine.job_changes import started
from homelab_tui.engine.manifests import run_name, run_of, uid_of
from homelab_tui.engine.operations import READ_ONLY, Operations, Progress
from homelab_tui.engine.ports import ActsOnJobs


class Limits(Frozen):
    """What is to be set on a CronJob; None leaves a value as it is."""

    failed_history: int | None = None
    successful_history: int | None = None
    ttl_s: int | None = None
    """ttlSecondsAfterFinished of the Jobs it will make."""
    without_ttl: bool = False
    """Take that away again."""

    @property
    def patch(self) -> dict[str, object]:
        """As a merge patch."""
        spec: dict[str, object] = {}
        if self.failed_history is not None:
            spec["failedJobsHistoryLimit"] = self.failed_history
        if self.successful_history is not None:
            spec["successfulJobsHistoryLimit"] = self.successful_history
        if self.ttl_s is not None or self.without_ttl:
            spec["jobTemplate"] = {"spec": {"ttlSecondsAfterFinished": self.ttl_s}}
        return {"spec": spec}

    def difference(self, cronjob: CronJob) -> tuple[str, ...]:
        """What the patch changes, a line each: `failedJobsHistoryLimit: 3 → 1`."""
        rows: list[tuple[str, int | None, int | None]] = []
        if self.failed_history is not None:
            rows.append(("failedJobsHistoryLimit", cronjob.failed_jobs_history_limit, self.failed_history))
        if self.successful_history is not None:
            rows.append(("successfulJobsHistoryLimit", cronjob.successful_jobs_history_limit, self.successful_history))
        if self.ttl_s is not None or self.without_ttl:
            rows.append(("jobTemplate.spec.ttlSecondsAfterFinished", cronjob.job_ttl_s, self.ttl_s))
        return tuple(f"{name}: {_value(old)} → {_value(new)}" for name, old, new in rows if old != new)


class CronJobTarget(Frozen):
    """One CronJob a person asked for, as the API knows it now."""

    key: str
    cronjob: CronJob | None
    """None: it is not in the API (any more)."""
    problem: str | None = None


def find_cronjob(view: JobsView, name: str) -> CronJob:
    """The CronJob that `NS/NAME` or `CLUSTER/NS/NAME` means.

    Raises: UsageError for a name without a namespace, or one that is ambiguous; SourceMissing for an unknown one.
    """
    parts = name.split("/")
    if len(parts) not in (2, 3) or not all(parts):
        raise UsageError(f"{name!r} is not a CronJob's name: write NAMESPACE/NAME or CLUSTER/NAMESPACE/NAME")
    found = [cronjob for cronjob in view.cronjobs if cronjob.key.split("/")[-len(parts) :] == parts]
    if len(found) > 1:
        raise UsageError(f"{name} is ambiguous: {', '.join(cronjob.key for cronjob in found)}")
    if not found:
        raise SourceMissing(f"{name}: no such CronJob")
    return found[0]


class CronJobActions:
    """What can be done to CronJobs, over the clusters of the lab."""

    def __init__(self, clusters: Sequence[ActsOnJobs], operations: Operations, *, read_only: bool) -> None:
        self._clusters = {cluster.name: cluster for cluster in clusters}
        self._operations = operations
        self._refusals = (READ_ONLY,) if read_only else ()

    async def resolve(self, cronjob: CronJob) -> CronJobTarget:
        """Ask the API for it again."""
        cluster = self._clusters.get(cronjob.cluster)
        if cluster is None:
            why = f"no Kubernetes API is configured for cluster {cronjob.cluster}: Prometheus alone can change nothing"
            return CronJobTarget(cronjob.key, None, why)
        try:
            fresh = await cluster.read_cronjob(cronjob.namespace, cronjob.name)
        except SourceMissing:
            return CronJobTarget(cronjob.key, None)
        except SourceError as error:
            return CronJobTarget(cronjob.key, None, str(error))
        if cronjob.uid is not None and fresh.uid != cronjob.uid:
            why = "another CronJob of the same name has taken its place since; look at it first"
            return CronJobTarget(cronjob.key, None, why)
        return CronJobTarget(cronjob.key, fresh)

    def sort_out(self, targets: Sequence[CronJobTarget]) -> tuple[tuple[CronJob, ...], tuple[Result, ...]]:
        """The CronJobs that are there, and a result for each that is not. Pure."""
        go, rest = [], []
        for target in targets:
            if target.problem is not None:
                rest.append(Result(target.key, ok=False, changed=False, detail=target.problem))
            elif target.cronjob is None:
                rest.append(Result(target.key, ok=True, changed=False, detail="is gone"))
            else:
                go.append(target.cronjob)
        return tuple(go), tuple(rest)

    # -- trigger ------------------------------------------------------------------------------------------------------

    def plan_trigger(self, cronjobs: Sequence[CronJob]) -> Plan:
        """What starting these CronJobs by hand will do."""
        warnings = [
            f"{cronjob.key} is running now, and {cronjob.concurrency_policy} does not hold for a run by hand"
            for cronjob in cronjobs
            if cronjob.active and cronjob.concurrency_policy != "Allow"
        ]
        notes = ["as `kubectl create job --from` does it; the history limits clean it up later"]
        if any(cronjob.suspended for cronjob in cronjobs):
            notes.append("one that is suspended runs once, and stays suspended")
        return Plan(
            kind="jobs.trigger",
            title=f"Run {_of(cronjobs)} now",
            steps=tuple(PlanStep(cronjob.key, "one Job, now") for cronjob in cronjobs),
            notes=tuple(notes),
            warnings=tuple(warnings),
            refusals=self._refusals,
        )

    async def trigger(self, cronjob: CronJob) -> Result:
        """Create a run, and look after a second whether it lives. `created` is its name."""

        async def work(progress: Progress) -> Result:
            cluster = self._may_change(cronjob)
            try:
                manifest = await cluster.read_manifest("cronjobs", cronjob.namespace, cronjob.name)
            except SourceMissing:
                return Result(cronjob.key, ok=True, changed=False, detail="is gone meanwhile: nothing was started")
            if uid_of(manifest) != cronjob.uid:
                detail = "another CronJob of the same name has taken its place: nothing was started"
                return Result(cronjob.key, ok=False, changed=False, detail=detail)
            run = run_of(manifest, run_name(cronjob.name))
            return await started(cluster, self._operations, progress, cronjob.key, cronjob.namespace, run)

        return await self._operations.run("jobs.trigger", f"cronjob:{cronjob.key}", "starting…", work)

    # -- suspend and resume -------------------------------------------------------------------------------------------

    def plan_suspend(self, cronjobs: Sequence[CronJob], *, suspend: bool) -> Plan:
        """What suspending or resuming these CronJobs will do."""
        word = "Suspend" if suspend else "Resume"
        note = (
            "what runs now goes on; ticks that pass meanwhile are missed"
            if suspend
            else "a tick that was missed meanwhile may run at once, unless startingDeadlineSeconds is over"
        )
        return Plan(
            kind="jobs.suspend",
            title=f"{word} {_of(cronjobs)}",
            steps=tuple(
                PlanStep(cronjob.key, f"suspend: {_yes(cronjob.suspended)} → {_yes(suspend)}") for cronjob in cronjobs
            ),
            notes=(note,),
            refusals=self._refusals,
        )

    async def set_suspended(self, cronjob: CronJob, *, suspend: bool) -> Result:
        """Patch spec.suspend of exactly this CronJob."""
        word = "suspended" if suspend else "resumed"
        if cronjob.suspended == suspend and not self._refusals:
            detail = "is already suspended" if suspend else "is not suspended"
            return Result(cronjob.key, ok=True, changed=False, detail=detail)
        stage = "suspending…" if suspend else "resuming…"
        return await self._patch(cronjob, {"spec": {"suspend": suspend}}, "jobs.suspend", stage, word)

    # -- limits -------------------------------------------------------------------------------------------------------

    def plan_limits(self, cronjobs: Sequence[CronJob], limits: Limits) -> Plan:
        """What the patch changes on each."""
        notes = []
        if limits.failed_history is not None or limits.successful_history is not None:
            notes.append("finished Jobs beyond the limits are deleted by the CronJob's controller, at its next look")
        if limits.ttl_s is not None or limits.without_ttl:
            notes.append("the TTL holds for the Jobs it makes from now on; x gives those that are there an end")
        steps = [PlanStep(one.key, ", ".join(limits.difference(one)) or "is so already") for one in cronjobs]
        return Plan(
            kind="jobs.limits",
            title=f"Set limits on {_of(cronjobs)}",
            steps=tuple(steps),
            notes=tuple(notes),
            refusals=self._refusals,
        )

    async def set_limits(self, cronjob: CronJob, limits: Limits) -> Result:
        """Merge-patch exactly this CronJob."""
        difference = limits.difference(cronjob)
        if not difference and not self._refusals:
            return Result(cronjob.key, ok=True, changed=False, detail="is so already")
        return await self._patch(cronjob, limits.patch, "jobs.limits", "patching…", ", ".join(difference))

    async def _patch(self, cronjob: CronJob, patch: dict[str, object], kind: str, stage: str, done: str) -> Result:
        async def work(_progress: Progress) -> Result:
            cluster = self._may_change(cronjob)
            try:
                await cluster.patch_cronjob(cronjob, patch)
            except SourceMissing:
                return Result(cronjob.key, ok=True, changed=False, detail="was already gone")
            except SourceConflict as error:
                detail = f"not changed: it changed meanwhile ({error}). Look again, then decide anew"
                return Result(cronjob.key, ok=False, changed=False, detail=detail, conflict=True)
            return Result(cronjob.key, ok=True, changed=True, detail=done)

        return await self._operations.run(kind, f"cronjob:{cronjob.key}", stage, work)

    def _may_change(self, cronjob: CronJob) -> ActsOnJobs:
        if self._refusals:
            raise ActionRefused(READ_ONLY)
        cluster = self._clusters.get(cronjob.cluster)
        if cluster is None:
            raise SourceMissing(f"no Kubernetes API is configured for cluster {cronjob.cluster}")
        return cluster


def _of(cronjobs: Sequence[CronJob]) -> str:
    return cronjobs[0].key if len(cronjobs) == 1 else f"{len(cronjobs)} CronJobs"


def _value(value: int | None) -> str:
    return "unset" if value is None else str(value)


def _yes(value: bool) -> str:
    return "true" if value else "false"
