"""Series about Kubernetes objects, named and shaped as kube-state-metrics 2.15 exposes them."""

from datetime import UTC, datetime

from cronsim import CronSimError

from homelab_tui.demo.cronjobs import ticks
from homelab_tui.demo.objects import Object, parse_rfc3339
from homelab_tui.demo.timeseries import Labels

Metric = tuple[str, Labels, float]
_ROLE = "node-role.kubernetes.io"
_FLAG_REASONS = ("BackoffLimitExceeded", "DeadlineExceeded", "Evicted")


def object_metrics(resource: str, body: Object) -> list[Metric]:
    """The series of one object; empty for a resource without any."""
    build = {"jobs": job_metrics, "cronjobs": cron_job_metrics, "pods": pod_metrics, "nodes": node_metrics}.get(
        resource
    )
    return build(body) if build else []


def job_metrics(job: Object) -> list[Metric]:
    """kube_job_*. kube_job_failed has no series at all until the Job has a Failed condition."""
    meta, spec, status = job["metadata"], job["spec"], job["status"]
    labels = {"namespace": meta["namespace"], "job_name": meta["name"]}
    found: list[Metric] = [
        ("kube_job_info", labels, 1.0),
        ("kube_job_created", labels, _unix(meta["creationTimestamp"])),
    ]
    for owner in meta.get("ownerReferences") or [{}]:
        controller = str(owner["controller"]).lower() if "controller" in owner else ""
        owned = {
            "owner_kind": owner.get("kind", ""),
            "owner_name": owner.get("name", ""),
            "owner_is_controller": controller,
        }
        found.append(("kube_job_owner", labels | owned, 1.0))
    specified = (
        ("parallelism", "kube_job_spec_parallelism"),
        ("completions", "kube_job_spec_completions"),
        ("activeDeadlineSeconds", "kube_job_spec_active_deadline_seconds"),
    )
    found += [(name, labels, float(spec[field])) for field, name in specified if spec.get(field) is not None]
    for field, name in (
        ("startTime", "kube_job_status_start_time"),
        ("completionTime", "kube_job_status_completion_time"),
    ):
        if field in status:
            found.append((name, labels, _unix(status[field])))
    for field in ("active", "succeeded", "ready"):
        found.append((f"kube_job_status_{field}", labels, float(status.get(field, 0))))
    return found + _job_verdict(labels, status)


def _job_verdict(labels: Labels, status: Object) -> list[Metric]:
    found: list[Metric] = []
    failed_reason = ""
    for condition in status.get("conditions", ()):
        if condition["type"] in ("Complete", "Failed"):
            name = "kube_job_complete" if condition["type"] == "Complete" else "kube_job_failed"
            found += _three(name, labels, "condition", condition["status"])
            if condition["type"] == "Failed" and condition["status"] == "True":
                failed_reason = condition.get("reason", "")
        elif condition["type"] == "Suspended":
            found.append(("kube_job_status_suspended", labels, float(condition["status"] == "True")))
    count = float(status.get("failed", 0))
    if not count or failed_reason not in _FLAG_REASONS:
        return [*found, ("kube_job_status_failed", labels, count)]
    # for these three reasons the metric is a flag per reason; for any other it counts pods
    return found + [
        ("kube_job_status_failed", labels | {"reason": reason}, float(reason == failed_reason))
        for reason in _FLAG_REASONS
    ]


def _three(name: str, labels: Labels, label: str, status: str) -> list[Metric]:
    return [(name, labels | {label: value}, float(status.lower() == value)) for value in ("true", "false", "unknown")]


def cron_job_metrics(cron: Object) -> list[Metric]:
    """kube_cronjob_*. The next schedule time is counted from the last run, so that it lies in the past after a miss."""
    meta, spec, status = cron["metadata"], cron["spec"], cron["status"]
    labels = {"namespace": meta["namespace"], "cronjob": meta["name"]}
    info = {
        "schedule": spec["schedule"],
        "concurrency_policy": spec.get("concurrencyPolicy", "Allow"),
        "timezone": spec.get("timeZone") or "local",
    }
    found: list[Metric] = [
        ("kube_cronjob_info", labels | info, 1.0),
        ("kube_cronjob_created", labels, _unix(meta["creationTimestamp"])),
        ("kube_cronjob_spec_suspend", labels, float(bool(spec.get("suspend")))),
        ("kube_cronjob_status_active", labels, float(len(status.get("active", ())))),
        ("kube_cronjob_metadata_resource_version", labels, float(meta["resourceVersion"])),
    ]
    for field, name in (
        ("lastScheduleTime", "kube_cronjob_status_last_schedule_time"),
        ("lastSuccessfulTime", "kube_cronjob_status_last_successful_time"),
    ):
        if field in status:
            found.append((name, labels, _unix(status[field])))
    for field, name in (
        ("startingDeadlineSeconds", "kube_cronjob_spec_starting_deadline_seconds"),
        ("successfulJobsHistoryLimit", "kube_cronjob_spec_successful_job_history_limit"),
        ("failedJobsHistoryLimit", "kube_cronjob_spec_failed_job_history_limit"),
    ):
        if spec.get(field) is not None:
            found.append((name, labels, float(spec[field])))
    if not spec.get("suspend"):
        since = parse_rfc3339(status.get("lastScheduleTime") or meta["creationTimestamp"])
        try:
            upcoming: datetime = next(ticks(spec["schedule"], spec.get("timeZone"), since))
        except (CronSimError, KeyError, StopIteration):
            return found
        found.append(("kube_cronjob_next_schedule_time", labels, upcoming.astimezone(UTC).timestamp()))
    return found


def pod_metrics(pod: Object) -> list[Metric]:
    """kube_pod_*: where a pod of a Job runs, whose it is, how it ended."""
    meta, spec, status = pod["metadata"], pod["spec"], pod["status"]
    labels = {"namespace": meta["namespace"], "pod": meta["name"], "uid": meta["uid"]}
    owner = (meta.get("ownerReferences") or [{}])[0]
    info = {
        "host_ip": status.get("hostIP", ""),
        "pod_ip": status.get("podIP", ""),
        "node": spec.get("nodeName", ""),
        "created_by_kind": owner.get("kind", ""),
        "created_by_name": owner.get("name", ""),
        "host_network": "false",
    }
    owned = {
        "owner_kind": owner.get("kind", ""),
        "owner_name": owner.get("name", ""),
        "owner_is_controller": str(owner["controller"]).lower() if "controller" in owner else "",
    }
    found: list[Metric] = [("kube_pod_info", labels | info, 1.0), ("kube_pod_owner", labels | owned, 1.0)]
    phases = ("Pending", "Succeeded", "Failed", "Unknown", "Running")
    found += [("kube_pod_status_phase", labels | {"phase": name}, float(status["phase"] == name)) for name in phases]
    for container in status.get("containerStatuses", ()):
        named = labels | {"container": container["name"]}
        found.append(("kube_pod_container_status_restarts_total", named, float(container["restartCount"])))
        if ended := container["state"].get("terminated"):
            reason = {"reason": ended["reason"]}
            found.append(("kube_pod_container_status_terminated_reason", named | reason, 1.0))
        if last := container.get("lastState", {}).get("terminated"):
            name = "kube_pod_container_status_last_terminated_exitcode"
            found.append((name, named, float(last["exitCode"])))
    return found


def node_metrics(node: Object) -> list[Metric]:
    """kube_node_*."""
    name, spec = node["metadata"]["name"], node["spec"]
    info, labels = node["status"]["nodeInfo"], {"node": name}
    details = {
        "kernel_version": info["kernelVersion"],
        "os_image": info["osImage"],
        "container_runtime_version": info["containerRuntimeVersion"],
        "kubelet_version": info["kubeletVersion"],
        "kubeproxy_version": "deprecated",
        "pod_cidr": spec.get("podCIDR", ""),
        "system_uuid": info["systemUUID"],
        "internal_ip": node["status"]["addresses"][0]["address"],
    }
    found: list[Metric] = [
        ("kube_node_info", labels | details, 1.0),
        ("kube_node_created", labels, _unix(node["metadata"]["creationTimestamp"])),
        ("kube_node_spec_unschedulable", labels, float(bool(spec.get("unschedulable")))),
    ]
    names = (label.partition("/") for label in node["metadata"]["labels"])
    found += [("kube_node_role", labels | {"role": role}, 1.0) for prefix, _, role in names if prefix == _ROLE]
    for condition in node["status"]["conditions"]:
        found += _three(
            "kube_node_status_condition", labels | {"condition": condition["type"]}, "status", condition["status"]
        )
    return found


def _unix(stamp: str) -> float:
    return parse_rfc3339(stamp).timestamp()
