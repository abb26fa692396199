"""Indexed Jobs and pod failure policies of a demo cluster: which indexes are done, lost or still to run, and why."""

from collections.abc import Iterable

from homelab_tui.demo.objects import Object

INDEX = "batch.kubernetes.io/job-completion-index"
FAILURES = "batch.kubernetes.io/job-index-failure-count"
FAILED_INDEXES = ("FailedIndexes", "Job has failed indexes")
TOO_MANY = ("MaxFailedIndexesExceeded", "Job has exceeded the specified maximal number of failed indexes")


def is_indexed(job: Object) -> bool:
    """Whether each pod of the Job stands for an index."""
    return bool(job["spec"].get("completionMode") == "Indexed")


def index_of(pod: Object) -> int | None:
    """The completion index of a pod; None for a pod of another kind of Job."""
    text = (pod["metadata"].get("annotations") or {}).get(INDEX, "")
    return int(text) if text.isdigit() else None


def parse_indexes(text: str) -> set[int]:
    """The indexes of `0,2-4`."""
    found: set[int] = set()
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        found.update(range(int(first), int(last or first) + 1))
    return found


def format_indexes(indexes: Iterable[int]) -> str:
    """`0,2-4`: runs of three and more are joined, as the controller writes them."""
    runs: list[list[int]] = []
    for index in sorted(indexes):
        if runs and index == runs[-1][1] + 1:
            runs[-1][1] = index
        else:
            runs.append([index, index])
    return ",".join(
        str(first) if first == last else (f"{first},{last}" if last == first + 1 else f"{first}-{last}")
        for first, last in runs
    )


def count_indexes(job: Object, pods: list[Object]) -> None:
    """Write completedIndexes, failedIndexes and succeeded of an Indexed Job's status from its pods, in place."""
    status, spec = job["status"], job["spec"]
    completed = parse_indexes(status.get("completedIndexes", ""))
    completed |= {i for pod in pods if pod["status"]["phase"] == "Succeeded" and (i := index_of(pod)) is not None}
    status["completedIndexes"] = format_indexes(completed)
    if completed:
        status["succeeded"] = len(completed)
    limit = spec.get("backoffLimitPerIndex")
    if limit is not None:
        lost = parse_indexes(status.get("failedIndexes", ""))
        lost |= {index for index, count in failures(job, pods).items() if count > limit}
        status["failedIndexes"] = format_indexes(lost - completed)


def failures(job: Object, pods: list[Object]) -> dict[int, int]:
    """Index -> how often it failed, of what counts; `FailIndex` of the policy counts as more than any limit."""
    found: dict[int, int] = {}
    for pod in pods:
        index = index_of(pod)
        if index is None or pod["status"]["phase"] != "Failed":
            continue
        before = int((pod["metadata"].get("annotations") or {}).get(FAILURES, "0"))
        action = matching_rule(job, pod)[0]
        count = before + (action != "Ignore") + (1 << 30 if action == "FailIndex" else 0)
        found[index] = max(found.get(index, 0), count)
    return found


def missing_indexes(job: Object, pods: list[Object]) -> list[int]:
    """The indexes that want a pod and have none, lowest first."""
    status = job["status"]
    live = {index_of(pod) for pod in pods if pod["status"]["phase"] in ("Pending", "Running")}
    done = parse_indexes(status.get("completedIndexes", "")) | parse_indexes(status.get("failedIndexes", ""))
    return [index for index in range(job["spec"].get("completions") or 0) if index not in live and index not in done]


def indexed_failure(job: Object) -> tuple[str, str] | None:
    """(reason, message) when an Indexed Job has failed by its indexes; None while it has not."""
    spec, status = job["spec"], job["status"]
    lost = parse_indexes(status.get("failedIndexes", ""))
    most = spec.get("maxFailedIndexes")
    if most is not None and len(lost) > most:
        return TOO_MANY
    done = parse_indexes(status.get("completedIndexes", ""))
    return FAILED_INDEXES if lost and len(lost) + len(done) >= (spec.get("completions") or 0) else None


def matching_rule(job: Object, pod: Object) -> tuple[str, str]:
    """(action, message) of the first rule of the Job's podFailurePolicy that a failed pod matches; ("Count", "")."""
    meta = pod["metadata"]
    for number, rule in enumerate((job["spec"].get("podFailurePolicy") or {}).get("rules") or ()):
        where = f"matching {rule['action']} rule at index {number}"
        wanted = rule.get("onExitCodes")
        for status in pod["status"].get("containerStatuses", ()) if wanted else ():
            code = status.get("state", {}).get("terminated", {}).get("exitCode", 0)
            named = wanted.get("containerName") in (None, status["name"])
            if code and named and (code in wanted["values"]) is (wanted["operator"] == "In"):
                who = f"Container {status['name']} for pod {meta['namespace']}/{meta['name']}"
                return rule["action"], f"{who} failed with exit code {code} {where}"
        for pattern in rule.get("onPodConditions") or ():
            for condition in pod["status"].get("conditions", ()):
                same = condition["type"] == pattern["type"] and condition["status"] == pattern.get("status", "True")
                if same:
                    who = f"Pod {meta['namespace']}/{meta['name']}"
                    return rule["action"], f"{who} has condition {condition['type']} {where}"
    return "Count", ""


def policy_failure(job: Object, pods: list[Object]) -> tuple[str, str] | None:
    """(reason, message) when a failed pod matches a `FailJob` rule; None else."""
    for pod in pods:
        if pod["status"]["phase"] == "Failed":
            action, message = matching_rule(job, pod)
            if action == "FailJob":
                return "PodFailurePolicy", message
    return None


def stand_for(pod: Object, job: Object, index: int, failed: int) -> None:
    """Make a new pod the one of an index, in place: name, host name, label, annotations, environment."""
    meta, spec = pod["metadata"], pod["spec"]
    name = job["metadata"]["name"]
    meta["name"] = f"{name}-{index}-{meta['name'].rpartition('-')[2]}"
    meta["generateName"] = f"{name}-{index}-"
    meta["labels"][INDEX] = str(index)
    meta["annotations"] = {INDEX: str(index)}
    if job["spec"].get("backoffLimitPerIndex") is not None:
        meta["annotations"][FAILURES] = str(failed)
    spec["hostname"] = f"{name}-{index}"
    source = {"fieldRef": {"apiVersion": "v1", "fieldPath": f"metadata.labels['{INDEX}']"}}
    variable = {"name": "JOB_COMPLETION_INDEX", "valueFrom": source}
    spec["containers"] = [{**one, "env": [*one.get("env", ()), variable]} for one in spec["containers"]]
