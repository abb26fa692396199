"""The CronJob controller of a demo cluster: runs named by their minute, concurrency, deadlines, history limits."""

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from homelab_tui.demo.cluster import DemoCluster
from homelab_tui.demo.garbage import GarbageCollector
from homelab_tui.demo.jobs import has_condition, is_finished
from homelab_tui.demo.manifests import default_job, owner_reference
from homelab_tui.demo.objects import Change, Key, Object, copied, parse_rfc3339, rfc3339

SOURCE = "cronjob-controller"
SCHEDULED_AT = "batch.kubernetes.io/cronjob-scheduled-timestamp"
_MACROS = {"@hourly": "0 * * * *", "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@weekly": "0 0 * * 0"}
_MACROS |= {"@monthly": "0 0 1 * *", "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *"}


def ticks(schedule: str, time_zone: str | None, start: datetime, *, backwards: bool = False) -> CronSim:
    """The schedule's ticks after (or before) `start`, in order. Raises: CronSimError, or KeyError for the zone."""
    zone = ZoneInfo(time_zone) if time_zone else UTC
    return CronSim(_MACROS.get(schedule, schedule), start.astimezone(zone), reverse=backwards)


def new_run(cron: Object, name: str, tick: datetime | None, *, manual: bool = False) -> Object:
    """A Job from a CronJob's template, owned by it, not stored yet."""
    template = cron["spec"]["jobTemplate"]
    meta = copied(template.get("metadata") or {})
    annotations = meta.get("annotations") or {}
    if tick is not None:
        annotations[SCHEDULED_AT] = rfc3339(tick)
    if manual:
        annotations["cronjob.kubernetes.io/instantiate"] = "manual"
    return {
        "metadata": {
            "name": name,
            "namespace": cron["metadata"]["namespace"],
            "labels": meta.get("labels") or {},
            "annotations": annotations,
            "ownerReferences": [owner_reference(cron)],
        },
        "spec": copied(template["spec"]),
        "status": {},
    }


def run_name(cron: Object, tick: datetime) -> str:
    """`<cronjob>-<scheduled unix minutes>`."""
    return f"{cron['metadata']['name']}-{int(tick.timestamp()) // 60}"


class CronJobController:
    """Wakes at each CronJob's next tick, and whenever one of its Jobs or the CronJob itself changed."""

    def __init__(self, cluster: DemoCluster, garbage: GarbageCollector) -> None:
        self.cluster = cluster
        self.store = cluster.store
        self.garbage = garbage
        self.quota: dict[str, str] = {}
        """Namespace -> the API server's quota complaint: creating a Job there fails with it."""
        self._dirty: dict[Key, None] = {}
        self._armed: dict[Key, datetime] = {}
        self.store.subscribe(self._changed)
        cluster.on_step.append(self.sync_dirty)

    def _changed(self, change: Change) -> None:
        meta = change.stored.body["metadata"]
        if change.resource == "cronjobs":
            self._dirty[meta["namespace"], meta["name"]] = None
        elif change.resource == "jobs":
            for owner in meta.get("ownerReferences", ()):
                if owner["kind"] == "CronJob":
                    self._dirty[meta["namespace"], owner["name"]] = None

    def adopt_all(self) -> None:
        """Look at every CronJob that was there before this controller."""
        for stored in self.store.unordered("cronjobs"):
            self._dirty[stored.body["metadata"]["namespace"], stored.body["metadata"]["name"]] = None

    def sync_dirty(self) -> None:
        """Bring every CronJob that changed or is due up to date."""
        keys, self._dirty = list(self._dirty), {}
        for key in keys:
            self.sync(key)

    def sync(self, key: Key) -> None:
        """One CronJob: note finished runs, clear old ones, start the run that is due, arm the next."""
        cron = self.store.body("cronjobs", *key)
        if cron is None or "deletionTimestamp" in cron["metadata"]:
            self._armed.pop(key, None)
            return
        owned = self._owned(cron)
        self._note_finished(cron, owned)
        self._trim_history(cron, owned)
        try:
            self._run_due(cron)
        except (CronSimError, KeyError) as problem:
            message = f"unparseable schedule {cron['spec']['schedule']!r}: {problem}"
            self.cluster.record(cron, "UnparseableSchedule", message, source=SOURCE, warning=True)
        self.store.update("cronjobs", cron)

    def _owned(self, cron: Object) -> list[Object]:
        uid = cron["metadata"]["uid"]

        def controls(body: Object) -> bool:
            return any(ref["uid"] == uid and ref.get("controller") for ref in body["metadata"]["ownerReferences"])

        return [body for body in self.cluster.owned_by(uid) if body["kind"] == "Job" and controls(body)]

    def _note_finished(self, cron: Object, owned: list[Object]) -> None:
        status = cron["status"]
        by_uid = {job["metadata"]["uid"]: job for job in owned}
        listed = {ref["uid"]: ref for ref in status.get("active", ())}
        for uid, ref in list(listed.items()):
            job = by_uid.get(uid)
            if job is None:
                message = f"Active job went missing: {ref['name']}"
                self.cluster.record(cron, "MissingJob", message, source=SOURCE)
                del listed[uid]
            elif is_finished(job):
                how = "Complete" if has_condition(job, "Complete") else "Failed"
                message = f"Saw completed job: {ref['name']}, condition: {how}"
                self.cluster.record(cron, "SawCompletedJob", message, source=SOURCE)
                del listed[uid]
        for job in owned:
            done = job["status"].get("completionTime")
            if has_condition(job, "Complete") and done and done > status.get("lastSuccessfulTime", ""):
                status["lastSuccessfulTime"] = done
        status.pop("active", None)
        if listed:
            status["active"] = list(listed.values())

    def _trim_history(self, cron: Object, owned: list[Object]) -> None:
        for kind, limit_name, default in (
            ("Complete", "successfulJobsHistoryLimit", 3),
            ("Failed", "failedJobsHistoryLimit", 1),
        ):
            limit = cron["spec"].get(limit_name, default)
            done = sorted((job for job in owned if has_condition(job, kind)), key=_started)
            for job in done[: max(0, len(done) - limit)]:
                name = job["metadata"]["name"]
                self.garbage.delete_now("jobs", job["metadata"]["namespace"], name)
                self.cluster.record(cron, "SuccessfulDelete", f"Deleted job {name}", source=SOURCE)

    def _run_due(self, cron: Object) -> None:
        spec, now = cron["spec"], self.cluster.clock.now()
        if spec.get("suspend"):
            return
        since = parse_rfc3339(cron["status"].get("lastScheduleTime") or cron["metadata"]["creationTimestamp"])
        before = ticks(spec["schedule"], spec.get("timeZone"), now + timedelta(minutes=1), backwards=True)
        latest = next((tick for tick in before if tick <= now), None)
        if latest is not None and latest > since:
            self._start(cron, latest.astimezone(UTC), now)
        self._arm(cron, now)

    def _arm(self, cron: Object, now: datetime) -> None:
        spec, key = cron["spec"], (cron["metadata"]["namespace"], cron["metadata"]["name"])
        upcoming: datetime = next(ticks(spec["schedule"], spec.get("timeZone"), now))
        if self._armed.get(key) == upcoming:
            return
        self._armed[key] = upcoming
        self.cluster.after((upcoming - now).total_seconds(), lambda: self._due(key, upcoming))

    def _due(self, key: Key, tick: datetime) -> None:
        if self._armed.get(key) == tick:
            del self._armed[key]
            self._dirty[key] = None

    def _start(self, cron: Object, tick: datetime, now: datetime) -> None:
        spec, meta, status = cron["spec"], cron["metadata"], cron["status"]
        deadline = spec.get("startingDeadlineSeconds")
        if deadline is not None and now > tick + timedelta(seconds=deadline):
            message = f"Missed scheduled time to start a job: {tick:%a, %d %b %Y %H:%M:%S} +0000"
            self.cluster.record(cron, "MissSchedule", message, source=SOURCE, warning=True)
            return
        if spec.get("concurrencyPolicy") == "Forbid" and status.get("active"):
            message = "Not starting job because prior execution is running and concurrency policy is Forbid"
            self.cluster.record(cron, "JobAlreadyActive", message, source=SOURCE)
            return
        name = run_name(cron, tick)
        if meta["namespace"] in self.quota:
            message = f'Error creating job: jobs.batch "{name}" is forbidden: {self.quota[meta["namespace"]]}'
            self.cluster.record(cron, "FailedCreate", message, source=SOURCE, warning=True)
            return
        if spec.get("concurrencyPolicy") == "Replace":
            for ref in status.pop("active", ()):
                self.garbage.delete_now("jobs", meta["namespace"], ref["name"])
        if self.store.get("jobs", meta["namespace"], name) is None:
            job = new_run(cron, name, tick)
            self.store.create("jobs", with_defaults(job, self.cluster))
            self.cluster.record(cron, "SuccessfulCreate", f"Created job {name}", source=SOURCE)
            status["active"] = [*status.get("active", ()), job_reference(job)]
        status["lastScheduleTime"] = rfc3339(tick)


def with_defaults(job: Object, cluster: DemoCluster) -> Object:
    """A new Job with its uid and every default that the API server fills in."""
    bits = f"{cluster.rng.getrandbits(128):032x}"
    job["metadata"]["uid"] = re.sub(r"(.{8})(.{4}).(.{3}).(.{3})(.{12})", r"\1-\2-4\3-a\4-\5", bits)
    default_job(job)
    return job


def job_reference(job: Object) -> Object:
    """The entry of a Job in `status.active` of its CronJob."""
    meta = job["metadata"]
    return {
        "kind": "Job",
        "namespace": meta["namespace"],
        "name": meta["name"],
        "uid": meta["uid"],
        "apiVersion": "batch/v1",
        "resourceVersion": meta["resourceVersion"],
    }


def _started(job: Object) -> str:
    return str(job["status"].get("startTime") or job["metadata"]["creationTimestamp"])
