"""The Job controller of a demo cluster: pods until enough of them succeeded or too many failed."""

from homelab_tui.demo import manifests
from homelab_tui.demo.cluster import DemoCluster
from homelab_tui.demo.job_indexes import (
    count_indexes,
    failures,
    indexed_failure,
    is_indexed,
    matching_rule,
    missing_indexes,
    policy_failure,
    stand_for,
)
from homelab_tui.demo.objects import Change, Key, Object, parse_rfc3339, rfc3339

SOURCE = "job-controller"
TRACKING = "batch.kubernetes.io/job-tracking"
FAIL_SETTLE_S = 0.4
"""Between FailureTarget and Failed at the least; longer while pods still terminate."""
DEADLINE = ("DeadlineExceeded", "Job was active longer than specified deadline")
BACKOFF = ("BackoffLimitExceeded", "Job has reached the specified backoff limit")


def has_condition(job: Object, kind: str) -> Object | None:
    """The condition of that type whose status is True, or None."""
    for condition in job.get("status", {}).get("conditions") or ():
        if condition["type"] == kind and condition["status"] == "True":
            found: Object = condition
            return found
    return None


def is_finished(job: Object) -> bool:
    """Complete or Failed."""
    return bool(has_condition(job, "Complete") or has_condition(job, "Failed"))


class JobController:
    """Reacts to changed Jobs and pods; retries with `backoff_s`, doubled for each failure, as the real one's 10 s."""

    def __init__(self, cluster: DemoCluster, backoff_s: float = 10.0) -> None:
        self.cluster = cluster
        self.store = cluster.store
        self.backoff_s = backoff_s
        self._dirty: dict[Key, None] = {}
        self._retry_at: dict[str, float] = {}
        self._failing_since: dict[str, float] = {}
        self.store.subscribe(self._changed)
        cluster.on_step.append(self.sync_dirty)

    def _changed(self, change: Change) -> None:
        meta = change.stored.body["metadata"]
        if change.resource == "jobs" and change.type == "DELETED":
            self._retry_at.pop(meta["uid"], None)
            self._failing_since.pop(meta["uid"], None)
        elif change.resource == "jobs":
            self._dirty[meta["namespace"], meta["name"]] = None
        elif change.resource == "pods":
            for owner in meta.get("ownerReferences", ()):
                if owner["kind"] == "Job":
                    self._dirty[meta["namespace"], owner["name"]] = None

    def adopt_all(self) -> None:
        """Look at every unfinished Job that was there before this controller."""
        for stored in self.store.unordered("jobs"):
            if not is_finished(stored.body):
                meta = stored.body["metadata"]
                self._dirty[meta["namespace"], meta["name"]] = None

    def sync_dirty(self) -> None:
        """Bring every changed Job up to date."""
        for _ in range(20):  # a sync writes, which marks dirty again; it settles in two or three rounds
            if not self._dirty:
                return
            keys, self._dirty = list(self._dirty), {}
            for key in keys:
                self.sync(key)

    def sync(self, key: Key) -> None:
        """One Job: count its pods, then end it, wait, or start the next pod."""
        stored = self.store.get("jobs", *key)
        if stored is None or is_finished(stored.body) or "deletionTimestamp" in stored.body["metadata"]:
            return
        job = self.store.require("jobs", *key)
        pods = self.cluster.owned_by(job["metadata"]["uid"])
        self._count(job, pods)
        if job["spec"].get("suspend"):
            self._suspend(job, pods)
        elif failing := has_condition(job, "FailureTarget"):
            self._finish_failing(job, failing, pods)
        elif has_condition(job, "SuccessCriteriaMet"):
            self._complete(job)
        else:
            self._work(job, pods)
        self.store.update("jobs", job)

    # -- one Job -------------------------------------------------------------------------------------------------------

    def _count(self, job: Object, pods: list[Object]) -> None:
        status = job["status"]
        for pod in pods:
            phase, finalizers = pod["status"]["phase"], pod["metadata"].get("finalizers", [])
            if phase not in ("Succeeded", "Failed") or TRACKING not in finalizers:
                continue
            field = "succeeded" if phase == "Succeeded" else "failed"
            ignored = phase == "Failed" and matching_rule(job, pod)[0] == "Ignore"
            if not job["spec"].get("suspend") and not ignored:
                status[field] = status.get(field, 0) + 1
            if phase == "Failed" and status.get("failed"):
                delay = min(360.0, self.backoff_s * 2 ** (status["failed"] - 1))
                self._wake(job, delay)
                self._retry_at[job["metadata"]["uid"]] = self.cluster.clock.monotonic() + delay
            counted = self.store.body("pods", pod["metadata"]["namespace"], pod["metadata"]["name"])
            if counted is not None:
                counted["metadata"].pop("finalizers")
                self.store.update("pods", counted)
        if is_indexed(job):
            count_indexes(job, pods)
        live = [pod for pod in pods if pod["status"]["phase"] in ("Pending", "Running")]
        status["active"] = sum("deletionTimestamp" not in pod["metadata"] for pod in live)
        status["terminating"] = len(live) - status["active"]
        ready = [pod for pod in live if _is_ready(pod)]
        status["ready"] = len(ready)
        if not status["active"]:
            del status["active"]
        status["uncountedTerminatedPods"] = {}

    def _work(self, job: Object, pods: list[Object]) -> None:
        spec, status = job["spec"], job["status"]
        now = self.cluster.clock.now()
        if "startTime" not in status:
            status["startTime"] = rfc3339(now)
            if spec.get("activeDeadlineSeconds"):
                self._wake(job, spec["activeDeadlineSeconds"] + 0.05)
        if suspended := has_condition(job, "Suspended"):
            _add(job, {**suspended, "status": "False", "reason": "JobResumed", "message": "Job resumed"})
            self.cluster.record(job, "Resumed", "Job resumed", source=SOURCE)
        deadline = spec.get("activeDeadlineSeconds")
        started = parse_rfc3339(status["startTime"])
        restarts = sum(_restarts(pod) for pod in pods if pod["status"]["phase"] in ("Pending", "Running"))
        if deadline is not None and (now - started).total_seconds() >= deadline:
            self._fail(job, pods, *DEADLINE)
        elif why := policy_failure(job, pods) or (indexed_failure(job) if is_indexed(job) else None):
            self._fail(job, pods, *why)
        elif spec.get("backoffLimitPerIndex") is None and status.get("failed", 0) + restarts > spec["backoffLimit"]:
            self._fail(job, pods, *BACKOFF)
        elif status.get("succeeded", 0) >= (spec.get("completions") or 1):
            message = "Reached expected number of succeeded pods"
            _add(job, manifests.condition("SuccessCriteriaMet", now, "CompletionsReached", message))
        else:
            self._start_pods(job, pods)

    def _start_pods(self, job: Object, pods: list[Object]) -> None:
        spec, status = job["spec"], job["status"]
        if self.cluster.clock.monotonic() < self._retry_at.get(job["metadata"]["uid"], 0.0):
            return
        missing = (spec.get("completions") or 1) - status.get("succeeded", 0)
        wanted = min(spec["parallelism"], missing) - status.get("active", 0) - status.get("terminating", 0)
        indexes: list[int | None] = [None] * max(0, wanted)
        if is_indexed(job):
            indexes = [*missing_indexes(job, pods)[: max(0, wanted)]]
        lost = failures(job, pods)
        for index in indexes:
            pod = manifests.pod(job, f"{job['metadata']['name']}-{self.cluster.random_suffix()}")
            if index is not None:
                stand_for(pod, job, index, lost.get(index, 0))
            self.store.create("pods", pod)
            self.cluster.record(job, "SuccessfulCreate", f"Created pod: {pod['metadata']['name']}", source=SOURCE)
            status["active"] = status.get("active", 0) + 1

    def _fail(self, job: Object, pods: list[Object], reason: str, message: str) -> None:
        _add(job, manifests.condition("FailureTarget", self.cluster.clock.now(), reason, message))
        self._failing_since[job["metadata"]["uid"]] = self.cluster.clock.monotonic()
        self._delete_live(job, pods)
        self._wake(job, FAIL_SETTLE_S)

    def _finish_failing(self, job: Object, failing: Object, pods: list[Object]) -> None:
        live = [pod for pod in pods if pod["status"]["phase"] in ("Pending", "Running")]
        now = self.cluster.clock.now()
        since = self._failing_since.get(job["metadata"]["uid"], 0.0)
        if live or self.cluster.clock.monotonic() < since + FAIL_SETTLE_S:
            return
        job["status"].pop("active", None)
        _add(job, manifests.condition("Failed", now, failing["reason"], failing["message"]))
        self.cluster.record(job, failing["reason"], failing["message"], source=SOURCE, warning=True)

    def _complete(self, job: Object) -> None:
        now = self.cluster.clock.now()
        met = has_condition(job, "SuccessCriteriaMet") or {}
        job["status"].pop("active", None)
        job["status"]["completionTime"] = rfc3339(now)
        _add(job, manifests.condition("Complete", now, met.get("reason"), met.get("message")))
        self.cluster.record(job, "Completed", "Job completed", source=SOURCE)

    def _suspend(self, job: Object, pods: list[Object]) -> None:
        self._delete_live(job, pods)
        job["status"].pop("startTime", None)
        if not has_condition(job, "Suspended"):
            now = self.cluster.clock.now()
            _add(job, manifests.condition("Suspended", now, "JobSuspended", "Job suspended"))
            self.cluster.record(job, "Suspended", "Job suspended", source=SOURCE)

    def _delete_live(self, job: Object, pods: list[Object]) -> None:
        for pod in pods:
            meta = pod["metadata"]
            if pod["status"]["phase"] in ("Pending", "Running") and "deletionTimestamp" not in meta:
                changed = self.store.require("pods", meta["namespace"], meta["name"])
                changed["metadata"]["deletionTimestamp"] = rfc3339(self.cluster.clock.now())
                changed["metadata"]["deletionGracePeriodSeconds"] = 30
                self.store.update("pods", changed)
                self.cluster.record(job, "SuccessfulDelete", f"Deleted pod: {meta['name']}", source=SOURCE)

    def _wake(self, job: Object, delay_s: float) -> None:
        key = (job["metadata"]["namespace"], job["metadata"]["name"])
        self.cluster.after(delay_s, lambda: self._dirty.setdefault(key))


def _add(job: Object, condition: Object) -> None:
    kept = [old for old in job["status"].get("conditions", ()) if old["type"] != condition["type"]]
    job["status"]["conditions"] = [*kept, condition]


def _is_ready(pod: Object) -> bool:
    return any(item["type"] == "Ready" and item["status"] == "True" for item in pod["status"].get("conditions", ()))


def _restarts(pod: Object) -> int:
    return sum(status.get("restartCount", 0) for status in pod["status"].get("containerStatuses", ()))
