"""The past of a demo cluster: the runs that its CronJobs had before the lab was started, and Jobs by the thousand."""

import itertools
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from homelab_tui.demo import manifests
from homelab_tui.demo.catalogue import CronEntry, SingleEntry
from homelab_tui.demo.cluster import DemoCluster
from homelab_tui.demo.cronjobs import job_reference, new_run, run_name, ticks, with_defaults
from homelab_tui.demo.jobs import BACKOFF
from homelab_tui.demo.kubelet import Kubelet, Run, finished_conditions
from homelab_tui.demo.objects import Object, copied, rfc3339
from homelab_tui.demo.programs import Program, failed_run, ok_run

RUNS = 14
"""How many runs of a CronJob the past holds."""


@dataclass(frozen=True, slots=True)
class PastRun:
    """One run before the lab's start; Prometheus remembers it even when its Job was cleaned up."""

    cron: str
    namespace: str
    job: str
    tick: datetime
    ended: datetime
    failed: bool
    kept: bool
    gone: datetime | None = None
    """When its time to live was over; None: it had none."""


class History:
    """Writes finished Jobs with their pods into a cluster's store."""

    def __init__(self, cluster: DemoCluster, kubelet: Kubelet, seed: int) -> None:
        self.cluster = cluster
        self.store = cluster.store
        self.kubelet = kubelet
        self.seed = seed
        self.now = cluster.clock.now()
        self.past: list[PastRun] = []
        self._workers = sorted(name for name, m in kubelet.machines.items() if m.role == "worker") or ["-"]
        self._homes: dict[str, int] = {}

    def cron_job(self, entry: CronEntry, *, running: bool) -> None:
        """Store a CronJob with its past runs, those that its history limits still keep.

        `running`: its latest run is not finished yet.
        """
        if entry.new:
            self._new(entry)
            return
        cron = self.store.create("cronjobs", entry.manifest(), at=self.now - timedelta(days=47))
        before = ticks(entry.schedule, entry.zone, self.now, backwards=True)
        skipped = 2 if entry.quota else 0  # the quota already cost it two runs
        runs = [tick.astimezone(UTC) for tick in itertools.islice(before, RUNS + skipped)][skipped:]
        finished = runs[1:] if running else runs
        kept = self._kept(entry, finished)
        for age, tick in reversed(list(enumerate(finished))):
            failed = entry.fails(age, int(tick.timestamp()) // 60, self.seed)
            ended = min(tick + timedelta(seconds=1 + entry.duration_s * (2.2 if failed else 1)), self.now)
            name = run_name(cron, tick)
            ttl_s = entry.job.get("ttlSecondsAfterFinished")
            gone = None if ttl_s is None else ended + timedelta(seconds=ttl_s)
            is_kept = tick in kept and (gone is None or gone > self.now)
            self.past.append(PastRun(entry.name, entry.namespace, name, tick, ended, failed, is_kept, gone))
            if is_kept:
                job = new_run(cron, name, tick)
                self._finished(job, entry.app, tick, ended, failed=failed, node=entry.node)
                how = "Failed" if failed else "Complete"
                self._say(cron, "SuccessfulCreate", f"Created job {name}", tick, "cronjob-controller")
                said = f"Saw completed job: {name}, condition: {how}"
                self._say(cron, "SawCompletedJob", said, ended, "cronjob-controller")
        status: Object = {}
        if runs:
            status["lastScheduleTime"] = rfc3339(runs[0])
        succeeded = [
            run.ended
            for run in self.past
            if (run.cron, run.namespace) == (entry.name, entry.namespace) and not run.failed
        ]
        if succeeded:
            status["lastSuccessfulTime"] = rfc3339(max(succeeded))
        stored = self.store.require("cronjobs", entry.namespace, entry.name)
        if running and runs:
            job = self._running(new_run(cron, run_name(cron, runs[0]), runs[0]), entry, runs[0])
            status["active"] = [job_reference(job)]
        stored["status"] = status
        self.store.update("cronjobs", stored)

    def _node(self, owner: str, nth: int = 0) -> str:
        """The worker that a CronJob, or a Job of nobody's, runs on; `nth`: so many pods before its last.

        One after the other in the catalogue's order: what ran where does not depend on how many ticks there were.
        """
        home = self._homes.setdefault(owner, len(self._homes))
        return self._workers[(home - nth) % len(self._workers)]

    def _new(self, entry: CronEntry) -> None:
        """A CronJob that was made this morning, after its last tick."""
        last = next(ticks(entry.schedule, entry.zone, self.now, backwards=True)).astimezone(UTC)
        made = max(self.now - timedelta(hours=3), last + timedelta(seconds=1))
        self.store.create("cronjobs", entry.manifest(), at=min(made, self.now))

    def _kept(self, entry: CronEntry, runs: list[datetime]) -> set[datetime]:
        """Those ticks whose Jobs the history limits keep; `runs` newest first."""
        limits = {
            False: entry.extra.get("successfulJobsHistoryLimit", 3),
            True: entry.extra.get("failedJobsHistoryLimit", 1),
        }
        kept: set[datetime] = set()
        for age, tick in enumerate(runs):
            failed = entry.fails(age, int(tick.timestamp()) // 60, self.seed)
            if limits[failed] > 0:
                limits[failed] -= 1
                kept.add(tick)
        return kept

    def single(self, entry: SingleEntry) -> None:
        """Store a finished Job that no CronJob owns."""
        ended = self.now - timedelta(seconds=entry.age_s)
        started = ended - timedelta(seconds=entry.duration_s)
        template = manifests.pod_template(entry.app, "ghcr.io/kkato/tools:1.4", [f"/bin/{entry.app}"])
        job: Object = {
            "metadata": {"name": entry.name, "namespace": entry.namespace},
            "spec": manifests.job_spec(template, **copied(entry.job)),
        }
        self._finished(
            job,
            entry.app,
            started,
            ended,
            failed=entry.failed is not None,
            why=entry.failed,
            pods=entry.pods,
            more=entry.status,
        )

    def crowd(self, space: str, jobs: int, cronjobs: int) -> None:
        """Store many small Jobs (every tenth failed) and CronJobs, for benchmarks. The Jobs have no pods."""
        template = manifests.pod_template("crowd", "registry.k8s.io/pause:3.10", ["/pause"])
        books: dict[bool, list[Object]] = {}
        for number in range(jobs):
            # the pod's spec is one for all of them: nothing in the lab changes an object that is stored
            own = {**template, "metadata": copied(template["metadata"])}
            ended = self.now - timedelta(seconds=600 + number)
            start, failed = ended - timedelta(seconds=30), number % 10 == 0
            job: Object = {
                "metadata": {"name": f"crowd-{number:05d}", "namespace": space},
                "spec": manifests.job_spec(own, backoffLimit=0),
            }
            if failed in books:  # who wrote what is the same for all of them
                job["metadata"]["managedFields"] = [{**entry, "time": rfc3339(start)} for entry in books[failed]]
            self._finished(job, "crowd", start, ended, failed=failed, pods=0)
            books.setdefault(failed, job["metadata"]["managedFields"])
        cron_books: list[Object] = []
        for number in range(cronjobs):
            spec = manifests.job_spec(template)
            minute, hour = number % 60, number // 60 % 24
            cron = manifests.cron_job(space, f"crowd-{number:05d}", f"{minute} {hour} 1 1 *", spec)
            if cron_books:
                cron["metadata"]["managedFields"] = cron_books
            self.store.create("cronjobs", cron, at=self.now - timedelta(days=2))
            cron_books = cron["metadata"]["managedFields"]

    def _running(self, job: Object, entry: CronEntry, started: datetime) -> Object:
        """Store a Job whose one pod has been running since its tick and will be for a while."""
        with_defaults(job, self.cluster)
        job["status"] = {"startTime": rfc3339(started), "active": 1, "ready": 1, "terminating": 0}
        job["status"]["uncountedTerminatedPods"] = {}
        self.store.create("jobs", job, at=started)
        pod = manifests.pod(job, f"{job['metadata']['name']}-{self.cluster.random_suffix()}")
        pod["spec"]["nodeName"] = entry.node or self._node(f"{entry.namespace}/{entry.name}")
        left = (self.now - started).total_seconds() + (entry.running_s or 0.0)
        self.kubelet.adopt(pod, Run(ok_run(entry.app, left), started))
        return job

    # -- one finished Job ----------------------------------------------------------------------------------------------

    def _finished(
        self,
        job: Object,
        app: str,
        started: datetime,
        ended: datetime,
        *,
        failed: bool,
        node: str | None = None,
        why: tuple[str, str] | None = None,
        pods: int | None = None,
        more: Object | None = None,
    ) -> None:
        with_defaults(job, self.cluster)
        job["apiVersion"], job["kind"] = "batch/v1", "Job"
        count = pods if pods is not None else (1 + job["spec"]["backoffLimit"] if failed else 1)
        reason, message = why or BACKOFF
        status: Object = {"startTime": rfc3339(started), "ready": 0, "terminating": 0, "uncountedTerminatedPods": {}}
        if failed:
            status["failed"] = max(count, 1)
            status["conditions"] = [
                manifests.condition("FailureTarget", ended, reason, message),
                manifests.condition("Failed", ended, reason, message),
            ]
        else:
            done = ("CompletionsReached", "Reached expected number of succeeded pods")
            status["succeeded"], status["completionTime"] = 1, rfc3339(ended)
            status["conditions"] = [
                manifests.condition("SuccessCriteriaMet", ended, *done),
                manifests.condition("Complete", ended, *done),
            ]
        job["status"] = status | (more or {})
        self.store.create("jobs", job, at=started)
        span = (ended - started) / max(count, 1)
        owners = job["metadata"].get("ownerReferences") or [job["metadata"]]
        owner = f"{job['metadata']['namespace']}/{owners[0]['name']}"
        for number in range(count):
            program = (failed_run if failed else ok_run)(app, max(0.5, span.total_seconds() - 1))
            begin = started + span * number
            self._pod(job, program, begin, begin + span, node or self._node(owner, count - 1 - number))
        if failed:
            self._say(job, reason, message, ended, "job-controller", warning=True)
        else:
            self._say(job, "Completed", "Job completed", ended, "job-controller")

    def _say(
        self, about: Object, reason: str, message: str, at: datetime, source: str, *, warning: bool = False
    ) -> None:
        """An event of the past; one that is more than an hour old is forgotten already."""
        self.cluster.record(about, reason, message, source=source, warning=warning, at=at)

    def _pod(self, job: Object, program: Program, started: datetime, ended: datetime, node: str) -> None:
        pod = manifests.pod(job, f"{job['metadata']['name']}-{self.cluster.random_suffix()}")
        pod["metadata"].pop("finalizers")
        pod["spec"]["nodeName"] = node
        failed = program.exit_code != 0
        terminated: Object = {
            "exitCode": program.exit_code,
            "reason": program.reason or ("Error" if failed else "Completed"),
            "startedAt": rfc3339(started),
            "finishedAt": rfc3339(ended),
            "containerID": f"containerd://{self.cluster.rng.getrandbits(256):064x}",
        }
        if failed:
            terminated["message"] = "\n".join(program.log)[-2048:]
        container = pod["spec"]["containers"][0]
        pod["status"] = {
            "phase": "Failed" if failed else "Succeeded",
            "qosClass": "Burstable",
            "startTime": rfc3339(started),
            "hostIP": self.kubelet.machines[node].address if node in self.kubelet.machines else "",
            "conditions": finished_conditions(rfc3339(ended), failed=failed),
            "containerStatuses": [
                {
                    "name": container["name"],
                    "state": {"terminated": terminated},
                    "lastState": {},
                    "ready": False,
                    "started": False,
                    "restartCount": 0,
                    "image": container["image"],
                    "imageID": "",
                }
            ],
        }
        self.store.create("pods", pod, at=started)
        self.kubelet.runs[pod["metadata"]["uid"]] = [Run(program, started, ended)]
        name = pod["metadata"]["name"]
        self._say(job, "SuccessfulCreate", f"Created pod: {name}", started, "job-controller")
        assigned = f"Successfully assigned {pod['metadata']['namespace']}/{name} to {node}"
        self._say(pod, "Scheduled", assigned, started, "default-scheduler")
        pulled = f'Container image "{container["image"]}" already present on machine'
        self._say(pod, "Pulled", pulled, started, "kubelet")
        self._say(pod, "Created", f"Created container: {container['name']}", started, "kubelet")
        self._say(pod, "Started", f"Started container {container['name']}", started, "kubelet")
