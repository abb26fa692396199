"""Indexed Jobs and pod failure policies in the lab's clusters."""

from typing import Any

import pytest

from homelab_tui.demo.job_indexes import format_indexes, parse_indexes
from tests.labs import api, start_lab, until

JOBS = "/apis/batch/v1/namespaces/backup/jobs"
Json = dict[str, Any]


def job(name: str, command: str, **spec: Any) -> Json:
    """A Job whose container obeys `command`."""
    container = {"name": "main", "image": "busybox", "command": ["sh", "-c", command]}
    template = {"spec": {"containers": [container], "restartPolicy": "Never"}}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": {"template": template, **spec}}


async def run(body: Json) -> tuple[Json, list[Json]]:
    """The finished Job and its pods."""
    async with (
        start_lab(ssh=False, snmp=False, catalogue=False, backoff_s=0.05) as lab,
        api(lab.sites["nuc"]) as client,
    ):
        name = body["metadata"]["name"]
        answer = await client.post(JOBS, json=body)
        assert answer.status_code == 201, answer.text

        async def finished() -> Json | None:
            found: Json = (await client.get(f"{JOBS}/{name}")).json()
            ends = [one["type"] for one in found["status"].get("conditions", ())]
            return found if {"Complete", "Failed"} & set(ends) else None

        done: Json = await until(finished)
        selector = {"labelSelector": f"job-name={name}"}
        pods: list[Json] = (await client.get("/api/v1/namespaces/backup/pods", params=selector)).json()["items"]
        return done, pods


def failure(done: Json) -> tuple[str, str]:
    """(reason, message) of its Failed condition."""
    [found] = [one for one in done["status"]["conditions"] if one["type"] == "Failed"]
    return found["reason"], found["message"]


async def test_each_index_gets_a_pod_and_the_job_completes_with_all_of_them() -> None:
    done, pods = await run(job("all", "sleep 0.1", completionMode="Indexed", completions=4, parallelism=2))
    assert (done["status"]["completedIndexes"], done["status"]["succeeded"]) == ("0-3", 4)
    label = "batch.kubernetes.io/job-completion-index"
    assert sorted(pod["metadata"]["labels"][label] for pod in pods) == ["0", "1", "2", "3"]
    for pod in pods:
        index = pod["metadata"]["annotations"][label]
        assert pod["metadata"]["name"].startswith(f"all-{index}-")
        assert pod["spec"]["hostname"] == f"all-{index}"


async def test_an_index_that_failed_too_often_is_named_and_the_others_still_run() -> None:
    spec = {"completionMode": "Indexed", "completions": 3, "parallelism": 3, "backoffLimitPerIndex": 1}
    done, pods = await run(job("some", "exit $JOB_COMPLETION_INDEX", **spec))
    assert failure(done) == ("FailedIndexes", "Job has failed indexes")
    status = done["status"]
    assert (status["completedIndexes"], status["failedIndexes"], status["failed"]) == ("0", "1,2", 4)
    counts = [pod["metadata"]["annotations"]["batch.kubernetes.io/job-index-failure-count"] for pod in pods]
    assert sorted(counts) == ["0", "0", "0", "1", "1"]


async def test_more_failed_indexes_than_allowed_end_the_job() -> None:
    spec = {"completionMode": "Indexed", "completions": 5, "parallelism": 1, "maxFailedIndexes": 1}
    done, _ = await run(job("many", "exit 3", **spec, backoffLimitPerIndex=0))
    assert failure(done)[0] == "MaxFailedIndexesExceeded"
    assert done["status"]["failedIndexes"] == "0,1"


async def test_a_rule_fails_the_job_at_once() -> None:
    rules = [{"action": "FailJob", "onExitCodes": {"containerName": "main", "operator": "In", "values": [42]}}]
    done, pods = await run(job("rule", "exit 42", backoffLimit=6, podFailurePolicy={"rules": rules}))
    reason, message = failure(done)
    assert reason == "PodFailurePolicy"
    name = pods[0]["metadata"]["name"]
    assert message == f"Container main for pod backup/{name} failed with exit code 42 matching FailJob rule at index 0"
    assert len(pods) == 1


@pytest.mark.parametrize(
    ("text", "indexes"), [("", set()), ("0", {0}), ("0,2", {0, 2}), ("3,4", {3, 4}), ("1-3,7", {1, 2, 3, 7})]
)
def test_indexes_are_written_as_the_controller_does(text: str, indexes: set[int]) -> None:
    assert parse_indexes(text) == indexes
    assert format_indexes(indexes) == text
