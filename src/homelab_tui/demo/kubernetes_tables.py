"""The cells of `kubectl get`: what the demo's API answers to who asks for a Table (meta.k8s.io/v1)."""

from collections.abc import Callable
from datetime import datetime

from homelab_tui.demo.objects import Kind, Object, parse_rfc3339

Cells = tuple[object, ...]
NONE = "<none>"
_ROLE = "node-role.kubernetes.io/"
COLUMNS: dict[str, tuple[tuple[str, str, int], ...]] = {
    "jobs": (
        *(("Name", "string", 0), ("Status", "string", 0), ("Completions", "string", 0), ("Duration", "string", 0)),
        *(("Age", "string", 0), ("Containers", "string", 1), ("Images", "string", 1), ("Selector", "string", 1)),
    ),
    "cronjobs": (
        *(("Name", "string", 0), ("Schedule", "string", 0), ("Timezone", "string", 0), ("Suspend", "boolean", 0)),
        *(("Active", "integer", 0), ("Last Schedule", "string", 0), ("Age", "string", 0)),
        *(("Containers", "string", 1), ("Images", "string", 1), ("Selector", "string", 1)),
    ),
    "pods": (
        *(("Name", "string", 0), ("Ready", "string", 0), ("Status", "string", 0), ("Restarts", "string", 0)),
        *(("Age", "string", 0), ("IP", "string", 1), ("Node", "string", 1), ("Nominated Node", "string", 1)),
        ("Readiness Gates", "string", 1),
    ),
    "nodes": (
        *(("Name", "string", 0), ("Status", "string", 0), ("Roles", "string", 0), ("Age", "string", 0)),
        *(("Version", "string", 0), ("Internal-IP", "string", 1), ("External-IP", "string", 1)),
        *(("OS-Image", "string", 1), ("Kernel-Version", "string", 1), ("Container-Runtime", "string", 1)),
    ),
    "events": (
        *(("Last Seen", "string", 0), ("Type", "string", 0), ("Reason", "string", 0), ("Object", "string", 0)),
        *(("Subobject", "string", 1), ("Source", "string", 1), ("Message", "string", 0)),
        *(("First Seen", "string", 1), ("Count", "string", 1), ("Name", "string", 1)),
    ),
    "namespaces": (("Name", "string", 0), ("Status", "string", 0), ("Age", "string", 0)),
    "poddisruptionbudgets": (
        *(("Name", "string", 0), ("Min Available", "string", 0), ("Max Unavailable", "string", 0)),
        *(("Allowed Disruptions", "integer", 0), ("Age", "string", 0)),
    ),
    "services": (
        *(("Name", "string", 0), ("Type", "string", 0), ("Cluster-IP", "string", 0), ("External-IP", "string", 0)),
        *(("Port(s)", "string", 0), ("Age", "string", 0), ("Selector", "string", 1)),
    ),
}
"""Resource -> (name, type, priority) of each column, as kubectl 1.32 shows them."""


def column_definitions(kind: Kind) -> list[Object]:
    """The head of a table."""
    return [
        {
            "name": name,
            "type": kind_of,
            "format": "name" if name == "Name" else "",
            "description": "",
            "priority": priority,
        }
        for name, kind_of, priority in COLUMNS[kind.resource]
    ]


def cells(kind: Kind, body: Object, now: datetime) -> Cells:
    """One row."""
    return _BUILDERS[kind.resource](body, now)


def human_duration(seconds: float) -> str:
    """`90s`, `5m20s`, `47m`, `3h5m`, `30h`, `6d2h`, `40d`, `3y20d`: as kubectl tells an age."""
    s = int(seconds)
    minutes, hours, days = s // 60, s // 3600, s // 86400
    if s < -1:
        return "<invalid>"
    if s < 120:
        return f"{max(s, 0)}s"
    if minutes < 10:
        return f"{minutes}m" + (f"{s % 60}s" if s % 60 else "")
    if hours < 3:
        return f"{minutes}m"
    if hours < 8:
        return f"{hours}h" + (f"{minutes % 60}m" if minutes % 60 else "")
    if hours < 48:
        return f"{hours}h"
    if days < 8:
        return f"{days}d" + (f"{hours % 24}h" if hours % 24 else "")
    if days < 2 * 365:
        return f"{days}d"
    return f"{days // 365}y" + (f"{days % 365}d" if days < 8 * 365 and days % 365 else "")


def _age(body: Object, now: datetime) -> str:
    return _since(body["metadata"].get("creationTimestamp"), now)


def _since(stamp: str | None, now: datetime) -> str:
    return human_duration((now - parse_rfc3339(stamp)).total_seconds()) if stamp else "<unknown>"


def _containers(pod_spec: Object) -> tuple[str, str]:
    found = pod_spec.get("containers") or ()
    return ",".join(item["name"] for item in found), ",".join(str(item.get("image", "")) for item in found)


def _labels(labels: Object | None) -> str:
    return ",".join(f"{key}={value}" for key, value in sorted((labels or {}).items())) or NONE


def _job(job: Object, now: datetime) -> Cells:
    spec, status = job["spec"], job.get("status", {})
    true = {item["type"] for item in status.get("conditions", ()) if item["status"] == "True"}
    order = ("Complete", "Failed", "Suspended", "FailureTarget", "SuccessCriteriaMet")
    shown = next((name for name in order if name in true), "Running")
    if "deletionTimestamp" in job["metadata"] and not true & {"Complete", "Failed"}:
        shown = "Terminating"
    took = ""
    if started := status.get("startTime"):
        ended = parse_rfc3339(status["completionTime"]) if "completionTime" in status else now
        took = _since(started, ended)
    done = f"{status.get('succeeded', 0)}/{spec.get('completions') or 1}"
    names, images = _containers(spec["template"]["spec"])
    chosen = _labels((spec.get("selector") or {}).get("matchLabels"))
    return job["metadata"]["name"], shown, done, took, _age(job, now), names, images, chosen


def _cron_job(cron: Object, now: datetime) -> Cells:
    spec, status = cron["spec"], cron.get("status", {})
    last = _since(status["lastScheduleTime"], now) if "lastScheduleTime" in status else NONE
    names, images = _containers(spec["jobTemplate"]["spec"]["template"]["spec"])
    suspended, active = "True" if spec.get("suspend") else "False", len(status.get("active", ()))
    head = (cron["metadata"]["name"], spec["schedule"], spec.get("timeZone") or NONE, suspended, active)
    return (*head, last, _age(cron, now), names, images, NONE)


def _pod(pod: Object, now: datetime) -> Cells:
    spec, status = pod["spec"], pod["status"]
    found = status.get("containerStatuses", ())
    shown = str(status.get("reason") or status["phase"])
    for state in (item["state"] for item in found):
        ended = state.get("terminated")
        shown = str((state.get("waiting") or {}).get("reason") or (ended or {}).get("reason") or shown)
    if "deletionTimestamp" in pod["metadata"]:
        shown = "Terminating"
    ready = f"{sum(item['ready'] for item in found)}/{len(spec['containers'])}"
    restarts = str(sum(item["restartCount"] for item in found))
    where = (status.get("podIP") or NONE, spec.get("nodeName") or NONE, NONE, NONE)
    return (pod["metadata"]["name"], ready, shown, restarts, _age(pod, now), *where)


def _node(node: Object, now: datetime) -> Cells:
    info, labels = node["status"]["nodeInfo"], node["metadata"].get("labels") or {}
    ready = next(item["status"] for item in node["status"]["conditions"] if item["type"] == "Ready")
    shown = "Ready" if ready == "True" else "NotReady"
    shown += ",SchedulingDisabled" if node["spec"].get("unschedulable") else ""
    roles = ",".join(sorted(key.removeprefix(_ROLE) for key in labels if key.startswith(_ROLE))) or NONE
    inside = next((item["address"] for item in node["status"]["addresses"] if item["type"] == "InternalIP"), NONE)
    wide = (inside, NONE, info["osImage"], info["kernelVersion"], info["containerRuntimeVersion"])
    return (node["metadata"]["name"], shown, roles, _age(node, now), info["kubeletVersion"], *wide)


def _event(event: Object, now: datetime) -> Cells:
    about, count = event["involvedObject"], event.get("count", 1)
    last, first = _since(event["lastTimestamp"], now), _since(event["firstTimestamp"], now)
    object_name = f"{about['kind'].lower()}/{about['name']}"
    source = event.get("source", {}).get("component", "")
    head = (last, event["type"], event["reason"], object_name, about.get("fieldPath", ""), source)
    return (*head, event["message"].strip(), first, count, event["metadata"]["name"])


def _namespace(space: Object, now: datetime) -> Cells:
    return space["metadata"]["name"], space.get("status", {}).get("phase", "Active"), _age(space, now)


def _service(service: Object, now: datetime) -> Cells:
    spec = service["spec"]
    ports = ",".join(f"{item['port']}/{item.get('protocol', 'TCP')}" for item in spec.get("ports", ())) or NONE
    head = (service["metadata"]["name"], spec.get("type", "ClusterIP"), spec.get("clusterIP") or NONE, NONE)
    return (*head, ports, _age(service, now), _labels(spec.get("selector")))


def _budget(budget: Object, now: datetime) -> Cells:
    spec, allowed = budget["spec"], budget.get("status", {}).get("disruptionsAllowed", 0)
    return budget["metadata"]["name"], str(spec.get("minAvailable", "N/A")), "N/A", allowed, _age(budget, now)


_BUILDERS: dict[str, Callable[[Object, datetime], Cells]] = {
    "jobs": _job,
    "cronjobs": _cron_job,
    "pods": _pod,
    "nodes": _node,
    "events": _event,
    "namespaces": _namespace,
    "services": _service,
    "poddisruptionbudgets": _budget,
}
