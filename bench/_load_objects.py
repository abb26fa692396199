"""The objects of the load as an API server writes them, and what Prometheus says of them."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

SPACE = "crowd"
_PER_HOUR = 60
_IMAGE = "registry.example.org/platform/backup:2026.11.3@sha256:" + "5f" * 32


def _stamp(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def _uid(kind: int, number: int) -> str:
    return f"{kind:08x}-5a1d-4c3e-9b7f-{number:012x}"


def _template(cronjob: str) -> dict[str, Any]:
    """A Pod template of the size that people have: most of a Job's bytes, and none of them shown."""
    return {
        "metadata": {"labels": {"app.kubernetes.io/name": cronjob, "app.kubernetes.io/managed-by": "Helm"}},
        "spec": {
            "containers": [
                {
                    "name": "run",
                    "image": _IMAGE,
                    "command": ["/bin/sh", "-c", f"set -eu; /usr/local/bin/backup --of {cronjob} --to /target"],
                    "env": [
                        {
                            "name": f"SETTING_{one}",
                            "valueFrom": {"secretKeyRef": {"name": cronjob, "key": f"key-{one}"}},
                        }
                        for one in range(4)
                    ],
                    "resources": {"limits": {"memory": "256Mi"}, "requests": {"cpu": "50m", "memory": "128Mi"}},
                    "volumeMounts": [{"name": "target", "mountPath": "/target"}],
                    "terminationMessagePath": "/dev/termination-log",
                    "terminationMessagePolicy": "File",
                    "imagePullPolicy": "IfNotPresent",
                }
            ],
            "volumes": [{"name": "target", "persistentVolumeClaim": {"claimName": cronjob}}],
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": 30,
            "dnsPolicy": "ClusterFirst",
            "securityContext": {"runAsNonRoot": True, "runAsUser": 10001},
            "schedulerName": "default-scheduler",
        },
    }


def _managed(manager: str, at: datetime) -> dict[str, Any]:
    names = ("backoffLimit", "completionMode", "completions", "parallelism", "suspend")
    fields: dict[str, Any] = {f"f:{name}": {} for name in names}
    return {
        "manager": manager,
        "operation": "Update",
        "apiVersion": "batch/v1",
        "time": _stamp(at),
        "fieldsType": "FieldsV1",
        "fieldsV1": {"f:metadata": {"f:annotations": {}, "f:ownerReferences": {}}, "f:spec": fields},
    }


class Crowd:
    """Jobs and CronJobs: Job i is run i // CRONJOBS of CronJob i % CRONJOBS; every tenth Job failed."""

    def __init__(self, jobs: int, cronjobs: int) -> None:
        self.now = datetime.now(UTC).replace(second=0, microsecond=0)
        self.cronjob_count = cronjobs
        self.runs = max(1, jobs // max(1, cronjobs))
        self.version = 100_000
        self.jobs: dict[str, dict[str, Any]] = {}
        self.cronjobs: dict[str, dict[str, Any]] = {}
        for number in range(cronjobs):
            self._add_cronjob(number)
        made = [self._finished(number) for number in range(jobs)]
        # An API server lists by name.
        self.jobs = {job["metadata"]["name"]: job for job in sorted(made, key=lambda job: str(job["metadata"]["name"]))}

    def next_version(self) -> str:
        """Another resourceVersion."""
        self.version += 1
        return str(self.version)

    def _tick(self, number: int) -> datetime:
        """When Job `number` was due: the newest run of each CronJob within the last hour, the others a day apart."""
        cronjob, run = number % max(1, self.cronjob_count), number // max(1, self.cronjob_count)
        return self.now - timedelta(minutes=3 + cronjob % 50, days=self.runs - 1 - run)

    def _add_cronjob(self, number: int) -> None:
        name = f"crowd-{number:04d}"
        last = self._tick((self.runs - 1) * self.cronjob_count + number)
        spec = {
            "schedule": f"{last.minute} {last.hour} * * *",
            "timeZone": "Etc/UTC",
            "concurrencyPolicy": "Forbid",
            "suspend": False,
            "successfulJobsHistoryLimit": 5,
            "failedJobsHistoryLimit": 5,
            "jobTemplate": {"spec": {"backoffLimit": 0, "template": _template(name)}},
        }
        self.cronjobs[name] = {
            "apiVersion": "batch/v1",
            "kind": "CronJob",
            "metadata": {
                "name": name,
                "namespace": SPACE,
                "uid": _uid(1, number),
                "resourceVersion": self.next_version(),
                "generation": 1,
                "creationTimestamp": _stamp(self.now - timedelta(days=30)),
                "managedFields": [_managed("helm", self.now)],
            },
            "spec": spec,
            "status": {"lastScheduleTime": _stamp(last), "lastSuccessfulTime": _stamp(last + timedelta(seconds=30))},
        }

    def job(self, name: str, number: int, cronjob: str, due: datetime) -> dict[str, Any]:
        """A Job that runs."""
        cronjob_uid = _uid(1, int(cronjob.rpartition("-")[2]))
        return {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {
                "name": name,
                "namespace": SPACE,
                "uid": _uid(2, number),
                "resourceVersion": self.next_version(),
                "generation": 1,
                "creationTimestamp": _stamp(due),
                "labels": {"app.kubernetes.io/name": cronjob, "batch.kubernetes.io/job-name": name},
                "annotations": {"batch.kubernetes.io/cronjob-scheduled-timestamp": _stamp(due)},
                "ownerReferences": [
                    {
                        "apiVersion": "batch/v1",
                        "kind": "CronJob",
                        "name": cronjob,
                        "uid": cronjob_uid,
                        "controller": True,
                        "blockOwnerDeletion": True,
                    }
                ],
                "managedFields": [_managed("kube-controller-manager", due)],
            },
            "spec": {
                "parallelism": 1,
                "completions": 1,
                "backoffLimit": 0,
                "selector": {"matchLabels": {"batch.kubernetes.io/controller-uid": _uid(2, number)}},
                "template": _template(cronjob),
                "completionMode": "NonIndexed",
                "suspend": False,
                "podReplacementPolicy": "TerminatingOrFailed",
            },
            "status": {"startTime": _stamp(due), "active": 1, "ready": 1, "terminating": 0},
        }

    def _finished(self, number: int) -> dict[str, Any]:
        due, cronjob = self._tick(number), f"crowd-{number % max(1, self.cronjob_count):04d}"
        job = self.job(f"{cronjob}-{int(due.timestamp()) // 60}", number, cronjob, due)
        finish(job, due + timedelta(seconds=30), failed=number % 10 == 0)
        return job


def finish(job: dict[str, Any], at: datetime, *, failed: bool) -> None:
    """Let a Job end."""
    stamp, status = _stamp(at), job["status"]
    status.update(active=0, ready=0)
    if failed:
        told = ("BackoffLimitExceeded", "Job has reached the specified backoff limit")
        status["failed"] = 1
    else:
        told = ("CompletionsReached", "Reached expected number of succeeded pods")
        status["succeeded"], status["completionTime"] = 1, stamp
    status["conditions"] = [
        {
            "type": kind,
            "status": "True",
            "lastProbeTime": stamp,
            "lastTransitionTime": stamp,
            "reason": told[0],
            "message": told[1],
        }
        for kind in (("FailureTarget", "Failed") if failed else ("SuccessCriteriaMet", "Complete"))
    ]


def encoded(body: object) -> bytes:
    """Compact JSON."""
    return json.dumps(body, separators=(",", ":")).encode()


def series(crowd: Crowd) -> Iterator[tuple[dict[str, str], float]]:
    """What kube-state-metrics says of the crowd (labels, value), without the conditions that are not true."""

    def at(text: str) -> float:
        return datetime.fromisoformat(text).timestamp()

    scraped = {"job": "kube-state-metrics", "instance": "10.42.0.17:8080"}
    yield {"__name__": "kube_node_info", "node": "nuc01", **scraped}, 1.0
    for name, job in crowd.jobs.items():
        labels = {"namespace": SPACE, "job_name": name, **scraped}
        status, owner = job["status"], job["metadata"]["ownerReferences"][0]["name"]
        started = at(status["startTime"])
        owned = {"owner_kind": "CronJob", "owner_name": owner, "owner_is_controller": "true"}
        yield {"__name__": "kube_job_info", **labels}, 1.0
        yield {"__name__": "kube_job_owner", **labels, **owned}, 1.0
        yield {"__name__": "kube_job_created", **labels}, started
        yield {"__name__": "kube_job_status_start_time", **labels}, started
        yield {"__name__": "kube_job_status_active", **labels}, 0.0
        failed = "failed" in status
        state = "failed" if failed else "complete"
        yield {"__name__": f"kube_job_{state}", **labels, "condition": "true"}, 1.0
        if not failed:
            yield {"__name__": "kube_job_status_completion_time", **labels}, started + 30
    for name, cronjob in crowd.cronjobs.items():
        labels = {"namespace": SPACE, "cronjob": name, **scraped}
        spec, last = cronjob["spec"], at(cronjob["status"]["lastScheduleTime"])
        info = {"schedule": spec["schedule"], "concurrency_policy": "Forbid", "timezone": "Etc/UTC"}
        yield {"__name__": "kube_cronjob_info", **labels, **info}, 1.0
        yield {"__name__": "kube_cronjob_created", **labels}, at(cronjob["metadata"]["creationTimestamp"])
        yield {"__name__": "kube_cronjob_spec_suspend", **labels}, 0.0
        yield {"__name__": "kube_cronjob_status_active", **labels}, 0.0
        yield {"__name__": "kube_cronjob_status_last_schedule_time", **labels}, last
        yield {"__name__": "kube_cronjob_status_last_successful_time", **labels}, last + 30
        yield {"__name__": "kube_cronjob_next_schedule_time", **labels}, last + 86400


def vector(samples: Iterator[tuple[dict[str, str], float]], at: float) -> bytes:
    """The answer to an instant query."""
    result = [{"metric": labels, "value": [at, f"{value:.15g}"]} for labels, value in samples]
    return encoded({"status": "success", "data": {"resultType": "vector", "result": result}})
