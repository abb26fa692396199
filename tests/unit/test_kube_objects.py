"""Kubernetes JSON becomes domain objects, whatever is missing in it."""

import json
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homelab_tui.domain.errors import SourceGarbled
from homelab_tui.domain.jobs import Job, JobPod, JobState
from homelab_tui.domain.nodes import KubeNode
from homelab_tui.sources import kube_resources
from homelab_tui.sources.kube_hosts import quantity
from homelab_tui.sources.kube_lists import Resource
from homelab_tui.sources.kube_manifests import MASK, readable_yaml
from homelab_tui.sources.kube_objects import moment, moment_in_name, oldest_first

JOBS = kube_resources.jobs("lab")
ALL: dict[str, Resource[Any]] = {
    "jobs": JOBS,
    "cronjobs": kube_resources.cronjobs("lab"),
    "pods": kube_resources.job_pods("lab"),
    "nodes": kube_resources.nodes("lab"),
    "events": kube_resources.events(),
}
AT = "2026-05-01T02:03:04Z"
WHEN = datetime(2026, 5, 1, 2, 3, 4, tzinfo=UTC)


def condition(kind: str, status: str = "True", **extra: object) -> dict[str, object]:
    return {"type": kind, "status": status, "lastTransitionTime": AT, **extra}


def job_of(
    *conditions: dict[str, object],
    spec: Mapping[str, object] | None = None,
    metadata: Mapping[str, object] | None = None,
    **status: object,
) -> Job:
    document = {
        "metadata": {"name": "backup", "namespace": "apps", "uid": "u1", "resourceVersion": "7", **(metadata or {})},
        "spec": spec or {},
        "status": {"conditions": list(conditions), **status},
    }
    return JOBS.read_one(json.dumps(document).encode())


@pytest.mark.parametrize(
    ("job", "state"),
    [
        (job_of(condition("Failed")), JobState.FAILED),
        (job_of(condition("Failed", "False"), active=1), JobState.RUNNING),
        (job_of(condition("Failed", "Unknown")), JobState.PENDING),
        (job_of(condition("Complete")), JobState.COMPLETE),
        (job_of(condition("FailureTarget"), active=1), JobState.FAILING),
        (job_of(condition("FailureTarget"), condition("Failed")), JobState.FAILED),
        (job_of(condition("SuccessCriteriaMet"), active=0), JobState.RUNNING),
        (job_of(condition("SuccessCriteriaMet"), condition("Complete")), JobState.COMPLETE),
        (job_of(condition("Suspended")), JobState.SUSPENDED),
        (job_of(condition("Suspended", "False"), active=2), JobState.RUNNING),
        (job_of(spec={"suspend": True}), JobState.SUSPENDED),
        (job_of(active=1), JobState.RUNNING),
        (job_of(failed=3, active=0), JobState.PENDING),
        (job_of(condition("Complete"), failed=2, succeeded=1), JobState.COMPLETE),
        (job_of(condition("Failed"), metadata={"deletionTimestamp": AT}), JobState.DELETING),
        (job_of(condition("SomethingNew"), active=1), JobState.RUNNING),
    ],
)
def test_a_job_is_what_its_true_conditions_say(job: Job, state: JobState) -> None:
    assert job.state is state


def test_a_failed_job_tells_reason_time_and_counts() -> None:
    failed = condition("Failed", reason="BackoffLimitExceeded", message="Job has reached the specified backoff limit")
    job = job_of(
        condition("FailureTarget", reason="Older", lastTransitionTime="2026-05-01T02:00:00Z"),
        failed,
        spec={"backoffLimit": 2, "completions": 5, "parallelism": 3, "ttlSecondsAfterFinished": 3600},
        failed=3,
        succeeded=1,
        startTime="2026-05-01T02:00:04Z",
        failedIndexes="1,3-5",
        metadata={"finalizers": ["foregroundDeletion"]},
    )
    assert (job.reason, job.message) == ("BackoffLimitExceeded", "Job has reached the specified backoff limit")
    assert job.failed_at == WHEN
    assert job.duration_s(datetime(2027, 1, 1, tzinfo=UTC)) == 180.0
    assert (job.attempts, job.backoff_limit, job.succeeded, job.completions, job.parallelism) == (3, 2, 1, 5, 3)
    assert job.failed_indexes == "1,3-5"
    assert job.ttl_seconds_after_finished == 3600
    assert job.finalizers == ("foregroundDeletion",)
    assert job.completed_at is None


def test_a_failing_job_takes_time_and_reason_from_failure_target() -> None:
    job = job_of(condition("FailureTarget", reason="DeadlineExceeded"), active=1)
    assert (job.failed_at, job.reason) == (WHEN, "DeadlineExceeded")


def test_a_failed_condition_that_is_not_true_gives_neither_reason_nor_time() -> None:
    job = job_of(condition("Failed", "False", reason="BackoffLimitExceeded"))
    assert (job.failed_at, job.reason) == (None, None)


def test_the_backoff_limit_is_six_where_none_is_set_and_open_with_a_limit_per_index() -> None:
    assert job_of().backoff_limit == 6
    assert job_of(spec={"backoffLimit": 0}).backoff_limit == 0
    assert job_of(spec={"backoffLimitPerIndex": 1}).backoff_limit is None


OWNER = {"kind": "CronJob", "name": "tasmobackup", "uid": "c1", "controller": True}


def test_a_run_knows_its_tick_by_annotation_else_by_its_name() -> None:
    named = {"name": "tasmobackup-29381580", "ownerReferences": [OWNER]}
    assert job_of(metadata=named).scheduled_at == datetime(2025, 11, 11, 21, 0, tzinfo=UTC)
    annotated = {
        **named,
        "annotations": {"batch.kubernetes.io/cronjob-scheduled-timestamp": "2026-01-01T03:00:00+01:00"},
    }
    assert job_of(metadata=annotated).scheduled_at == datetime(2026, 1, 1, 2, 0, tzinfo=UTC)


def test_digits_at_the_end_of_a_name_without_an_owner_are_no_tick() -> None:
    assert job_of(metadata={"name": "tasmobackup-29381580"}).scheduled_at is None
    stranger = {"name": "other-29381580", "ownerReferences": [OWNER]}
    assert job_of(metadata=stranger).scheduled_at is None


def test_only_the_controlling_cronjob_is_the_owner() -> None:
    other = {"kind": "CronJob", "name": "not-me", "uid": "x", "controller": False}
    workflow = {"kind": "Workflow", "name": "argo", "uid": "y", "controller": True}
    assert job_of(metadata={"ownerReferences": [other, OWNER]}).cronjob == "tasmobackup"
    assert job_of(metadata={"ownerReferences": [other, OWNER]}).cronjob_uid == "c1"
    assert job_of(metadata={"ownerReferences": [workflow]}).cronjob is None


def test_a_run_by_hand_is_marked_and_has_no_tick() -> None:
    by_hand = {"cronjob.kubernetes.io/instantiate": "manual", "kubectl.kubernetes.io/last-applied-configuration": "{}"}
    job = job_of(metadata={"name": "tasmobackup-manual-x7", "annotations": by_hand, "ownerReferences": [OWNER]})
    assert job.manual
    assert job.scheduled_at is None


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("a-29381580", datetime(2025, 11, 11, 21, 0, tzinfo=UTC)),
        ("a-1609459200", datetime(2021, 1, 1, tzinfo=UTC)),
        ("a-12", None),
        ("a-manual", None),
        ("a-٢٩٣٨١٥٨٠", None),
        ("", None),
    ],
)
def test_the_tick_in_a_name(name: str, found: datetime | None) -> None:
    assert moment_in_name(name) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (AT, WHEN),
        ("2026-05-01T02:03:04.123456Z", WHEN.replace(microsecond=123456)),
        ("2026-05-01T02:03:04.123456789Z", WHEN.replace(microsecond=123456)),
        ("2026-05-01T04:03:04+02:00", WHEN),
        ("0001-01-01T00:00:00+10:00", None),
        ("yesterday", None),
        ("", None),
        (None, None),
    ],
)
def test_times_are_aware_utc_or_nothing(text: str | None, found: datetime | None) -> None:
    assert moment(text) == found


@pytest.mark.parametrize("kind", sorted(ALL))
@pytest.mark.parametrize(
    "document", [b"{}", b'{"metadata":null,"spec":null,"status":null}', b'{"metadata":{},"status":{}}']
)
def test_an_empty_object_of_any_kind_is_read(kind: str, document: bytes) -> None:
    assert ALL[kind].read_one(document) is not None


FULL: dict[str, dict[str, object]] = {
    "jobs": {
        "metadata": {"name": "a-29381580", "namespace": "n", "uid": "u", "ownerReferences": [OWNER], "annotations": {}},
        "spec": {"backoffLimit": 6, "suspend": False, "completions": 1},
        "status": {"conditions": [condition("Failed", reason="R", message="M")], "failed": 7, "startTime": AT},
    },
    "cronjobs": {
        "metadata": {"name": "a", "namespace": "n"},
        "spec": {"schedule": "@daily", "jobTemplate": {"spec": {"ttlSecondsAfterFinished": 1}}},
        "status": {"active": [{"name": "x"}], "lastScheduleTime": AT},
    },
    "pods": {
        "metadata": {"name": "p", "labels": {"job-name": "a"}, "ownerReferences": [OWNER]},
        "spec": {"nodeName": "n", "containers": [{"name": "c"}], "initContainers": [{"name": "i"}]},
        "status": {
            "phase": "Failed",
            "conditions": [condition("PodScheduled", "False")],
            "containerStatuses": [
                {"name": "c", "state": {"terminated": {"exitCode": 1, "finishedAt": AT}}, "lastState": {"waiting": {}}}
            ],
        },
    },
    "nodes": {
        "metadata": {"name": "n", "labels": {"node-role.kubernetes.io/etcd": ""}},
        "spec": {"unschedulable": True},
        "status": {
            "conditions": [condition("Ready")],
            "addresses": [{"type": "Hostname", "address": "n"}],
            "capacity": {"cpu": "4", "memory": "1Gi"},
            "nodeInfo": {"machineID": "m"},
        },
    },
    "events": {
        "metadata": {"creationTimestamp": AT},
        "involvedObject": {"kind": "Job", "name": "a"},
        "series": {"count": 2, "lastObservedTime": AT},
        "count": 2,
    },
}


def with_holes(draw: Callable[[st.SearchStrategy[str]], str], value: object) -> object:
    """The same document with any part of it missing, null, or beside a field nobody knows."""
    if isinstance(value, dict):
        fates = {key: draw(st.sampled_from(["keep", "keep", "null", "drop"])) for key in value}
        kept = {key: with_holes(draw, part) for key, part in value.items() if fates[key] == "keep"}
        is_map_of_text = all(isinstance(part, str) for part in value.values())
        nulls = {key: None for key, fate in fates.items() if fate == "null"}
        return {**kept, **nulls, "unknown": "x" if is_map_of_text else [{"a": None}]}
    if isinstance(value, list):
        return [None, *(with_holes(draw, part) for part in value)]
    return value


@given(data=st.data(), kind=st.sampled_from(sorted(FULL)))
def test_no_hole_in_a_document_ever_raises(data: st.DataObject, kind: str) -> None:
    document = with_holes(data.draw, FULL[kind])
    assert ALL[kind].read_one(json.dumps(document).encode()) is not None


def test_nulls_inside_lists_and_numbers_as_text_are_taken() -> None:
    document = {
        "metadata": {"name": "n", "ownerReferences": [None], "finalizers": [None, "f"], "labels": {"a": None}},
        "spec": {"backoffLimit": "4"},
        "status": {"conditions": [None, {"type": "Failed", "status": "True"}], "failed": "2", "active": None},
    }
    job = JOBS.read_one(json.dumps(document).encode())
    assert (job.state, job.backoff_limit, job.attempts, job.finalizers) == (JobState.FAILED, 4, 2, ("f",))


@pytest.mark.parametrize(
    "document", [b"", b"<html>", b"[]", b'"x"', b'{"status":[]}', b'{"metadata":{"name":"\xff"}}', b"{" * 5000]
)
def test_what_is_no_kubernetes_object_is_garbled_and_not_repeated(document: bytes) -> None:
    with pytest.raises(SourceGarbled) as caught:
        JOBS.read_one(document)
    assert "<html>" not in str(caught.value)


def test_a_page_tells_where_to_go_on() -> None:
    page = JOBS.read_page(
        b'{"metadata":{"resourceVersion":"42","continue":"abc"},"items":[{"metadata":{"name":"a"}},null]}'
    )
    assert (page.resource_version, page.proceed, [job.id.name for job in page.items]) == ("42", "abc", ["a"])
    last = JOBS.read_page(b'{"metadata":{"resourceVersion":"42","continue":""},"items":null}')
    assert (last.proceed, last.items) == (None, ())


def test_a_cronjob_keeps_its_limits_zone_and_deadline() -> None:
    document = {
        "metadata": {"name": "nightly", "namespace": "apps", "uid": "c", "creationTimestamp": AT},
        "spec": {
            "schedule": "0 3 * * *",
            "timeZone": "Europe/Berlin",
            "suspend": True,
            "concurrencyPolicy": "Forbid",
            "startingDeadlineSeconds": 200,
            "failedJobsHistoryLimit": 1,
            "successfulJobsHistoryLimit": 3,
            "jobTemplate": {"spec": {"ttlSecondsAfterFinished": 60}},
        },
        "status": {"active": [{"name": "x"}], "lastScheduleTime": AT, "lastSuccessfulTime": None},
    }
    found = kube_resources.cronjobs("lab").read_one(json.dumps(document).encode())
    assert (found.schedule, found.time_zone, found.suspended) == ("0 3 * * *", "Europe/Berlin", True)
    assert (found.concurrency_policy, found.starting_deadline_s, found.job_ttl_s) == ("Forbid", 200, 60)
    assert (found.failed_jobs_history_limit, found.successful_jobs_history_limit) == (1, 3)
    assert (found.active, found.last_scheduled_at, found.last_succeeded_at) == (1, WHEN, None)


def pod_of(status: dict[str, object], **spec: object) -> JobPod:
    document = {
        "metadata": {
            "name": "backup-x",
            "namespace": "apps",
            "uid": "p1",
            "labels": {"job-name": "old", "batch.kubernetes.io/job-name": "backup", "controller-uid": "u1"},
        },
        "spec": {"nodeName": "rpi02", "containers": [{"name": "main"}, {"name": "proxy"}], **spec},
        "status": status,
    }
    return kube_resources.job_pods("lab").read_one(json.dumps(document).encode())


def ended(name: str, code: int, at: str = AT, **extra: object) -> dict[str, object]:
    return {"name": name, "state": {"terminated": {"exitCode": code, "finishedAt": at, **extra}}}


def test_a_failed_pod_names_the_container_that_failed_first() -> None:
    later = ended("proxy", 143, "2026-05-01T02:03:09Z", reason="Error")
    pod = pod_of(
        {"phase": "Failed", "containerStatuses": [later, ended("main", 137, reason="OOMKilled", message="log tail")]}
    )
    assert (pod.container, pod.exit_code, pod.exit_reason, pod.message) == ("main", 137, "OOMKilled", "log tail")
    assert (pod.job_name, pod.job_uid, pod.node, pod.containers) == ("backup", "u1", "rpi02", ("main", "proxy"))
    assert pod.finished_at == datetime(2026, 5, 1, 2, 3, 9, tzinfo=UTC)


def test_a_failed_init_container_is_found() -> None:
    pod = pod_of(
        {
            "phase": "Failed",
            "initContainerStatuses": [ended("migrate", 1, reason="Error")],
            "containerStatuses": [{"name": "main", "state": {"waiting": {"reason": "PodInitializing"}}}],
        },
        initContainers=[{"name": "migrate"}],
    )
    assert (pod.container, pod.exit_code) == ("migrate", 1)
    assert pod.containers == ("migrate", "main", "proxy")


def test_a_container_that_restarts_tells_its_last_end_but_not_once_it_succeeded() -> None:
    crash = {"terminated": {"exitCode": 2, "reason": "Error", "finishedAt": AT}}
    loop = {"name": "main", "restartCount": 4, "state": {"waiting": {"reason": "CrashLoopBackOff"}}, "lastState": crash}
    pod = pod_of({"phase": "Running", "containerStatuses": [loop]})
    assert (pod.exit_code, pod.restarts, pod.finished_at) == (2, 4, None)
    healed = {
        "name": "main",
        "restartCount": 1,
        "state": {"terminated": {"exitCode": 0, "finishedAt": AT}},
        "lastState": crash,
    }
    assert pod_of({"phase": "Succeeded", "containerStatuses": [healed]}).exit_code == 0


def test_a_pod_that_cannot_start_says_why() -> None:
    waiting = {"reason": "ImagePullBackOff", "message": "Back-off pulling image"}
    pod = pod_of({"phase": "Pending", "containerStatuses": [{"name": "proxy", "state": {"waiting": waiting}}]})
    assert (pod.exit_code, pod.exit_reason, pod.message, pod.container) == (
        None,
        "ImagePullBackOff",
        "Back-off pulling image",
        "proxy",
    )


def test_a_pod_that_no_node_takes_and_an_evicted_one_say_so() -> None:
    unscheduled = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/8 nodes"}
    pod = pod_of({"phase": "Pending", "conditions": [unscheduled]}, nodeName=None)
    assert (pod.reason, pod.message, pod.node, pod.container) == ("Unschedulable", "0/8 nodes", None, "main")
    assert pod_of({"phase": "Failed", "reason": "Evicted"}).reason == "Evicted"


def test_a_pod_without_labels_is_tied_to_its_job_by_its_owner() -> None:
    document = b'{"metadata":{"ownerReferences":[{"kind":"Job","name":"j","uid":"u","controller":true}]}}'
    pod = kube_resources.job_pods("lab").read_one(document)
    assert (pod.job_name, pod.job_uid) == ("j", "u")


def node_of(*conditions: dict[str, object], **spec: object) -> KubeNode:
    document = {
        "metadata": {
            "name": "nuc01",
            "uid": "n1",
            "resourceVersion": "9",
            "labels": {"node-role.kubernetes.io/control-plane": "true", "node-role.kubernetes.io/etcd": "", "x": None},
        },
        "spec": spec,
        "status": {
            "conditions": list(conditions),
            "addresses": [
                {"type": "InternalIP", "address": "10.0.0.11"},
                {"type": "Hostname", "address": "nuc01"},
                {"type": "InternalDNS", "address": "x"},
            ],
            "capacity": {"cpu": "8", "memory": "16265432Ki", "pods": "110"},
            "nodeInfo": {"machineID": "m", "bootID": "b", "kubeletVersion": "v1.31.4+k3s1", "architecture": "arm64"},
        },
    }
    return kube_resources.nodes("lab").read_one(json.dumps(document).encode())


def test_a_node_tells_roles_addresses_and_size() -> None:
    node = node_of(
        condition("Ready"), condition("DiskPressure"), condition("MemoryPressure", "False"), unschedulable=True
    )
    assert (node.ready, node.conditions, node.unschedulable) == (True, ("DiskPressure",), True)
    assert node.roles == ("control-plane", "etcd")
    assert node.addresses == ("10.0.0.11", "nuc01")
    assert (node.cpus, node.memory_bytes) == (8, 16265432 * 1024)
    assert (node.machine_id, node.boot_id, node.kubelet, node.arch) == ("m", "b", "v1.31.4+k3s1", "arm64")
    assert node.resource_version == "9"


@pytest.mark.parametrize(("status", "ready"), [("True", True), ("False", False), ("Unknown", False)])
def test_a_node_whose_kubelet_is_silent_is_not_ready(status: str, ready: bool) -> None:
    assert node_of(condition("Ready", status)).ready is ready


def test_a_node_that_never_reported_is_neither() -> None:
    assert node_of().ready is None


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("4", Decimal(4)),
        ("500m", Decimal("0.5")),
        ("1Ki", Decimal(1024)),
        ("2G", Decimal(2_000_000_000)),
        ("12e6", Decimal(12_000_000)),
        ("1Ei", Decimal(2**60)),
        ("lots", None),
        ("", None),
        ("NaN", None),
        (None, None),
    ],
)
def test_quantities(text: str | None, found: Decimal | None) -> None:
    assert quantity(text) == found


def test_events_of_both_shapes_are_read_and_ordered() -> None:
    events = kube_resources.events()
    old = events.read_one(
        json.dumps(
            {
                "involvedObject": {"kind": "Job", "name": "backup"},
                "type": "Warning",
                "reason": "BackoffLimitExceeded",
                "message": "m",
                "count": 3,
                "lastTimestamp": AT,
            }
        ).encode()
    )
    new = events.read_one(
        json.dumps(
            {"eventTime": "2026-05-01T01:00:00.5Z", "series": {"count": 9, "lastObservedTime": None}, "note": "n"}
        ).encode()
    )
    assert (old.kind, old.object_name, old.type, old.reason, old.count, old.last_at) == (
        "Job",
        "backup",
        "Warning",
        "BackoffLimitExceeded",
        3,
        WHEN,
    )
    assert (new.type, new.message, new.count) == ("Normal", "n", 9)
    timeless = events.read_one(b"{}")
    assert oldest_first((old, timeless, new)) == (timeless, new, old)


def test_yaml_shows_no_bookkeeping_and_no_secret() -> None:
    document = {
        "metadata": {
            "name": "backup",
            "managedFields": [{"manager": "kubectl"}],
            "annotations": {
                "kubectl.kubernetes.io/last-applied-configuration": '{"password":"s3cret-a"}',
                "example.org/api-token": "s3cret-b",
                "example.org/team": "home",
            },
        },
        "spec": {
            "template": {
                "spec": {
                    "containers": [
                        {
                            "command": [
                                "sh",
                                "-c",
                                "restic --password s3cret-c && curl -H 'Authorization: Bearer s3cret-d'",
                            ],
                            "args": [
                                "--db-password=s3cret-e",
                                "--token",
                                "s3cret-f",
                                "--verbose",
                                "--repo",
                                "keep-repo",
                            ],
                            "env": [
                                {"name": "DB_PASSWORD", "value": "s3cret-g"},
                                {"name": "AWS_SECRET_ACCESS_KEY", "value": "s3cret-h"},
                                {"name": "DATABASE_URL", "value": "postgres://me:s3cret-i@db/x"},
                                {"name": "KEYBOARD", "value": "keep-us"},
                                {
                                    "name": "TOKEN",
                                    "valueFrom": {"secretKeyRef": {"name": "keep-ref", "key": "keep-key"}},
                                },
                            ],
                        }
                    ],
                    "volumes": [{"secret": {"secretName": "keep-volume"}}],
                }
            },
            "automountServiceAccountToken": True,
        },
        "data": {"k": "s3cret-j"},
    }
    text = readable_yaml(json.dumps(document).encode())
    assert "s3cret" not in text
    assert "managedFields" not in text
    assert MASK in text
    for kept in (
        "keep-us",
        "keep-ref",
        "keep-key",
        "keep-volume",
        "keep-repo",
        "team: home",
        "postgres://me:",
        "--verbose",
    ):
        assert kept in text
    assert "automountServiceAccountToken: true" in text


def test_masking_a_huge_argument_takes_no_quadratic_time() -> None:
    args = ["x-" * 300_000, "token" * 100_000, "://" * 300_000, "--" * 300_000, "A1b2" * 200_000]
    began = time.perf_counter()
    readable_yaml(json.dumps({"args": args}).encode())
    assert time.perf_counter() - began < 20


def test_yaml_of_something_that_is_no_object_is_garbled() -> None:
    for document in (b"<html>", b"[1]"):
        with pytest.raises(SourceGarbled):
            readable_yaml(document)


def test_a_thousand_jobs_are_decoded_in_a_blink() -> None:
    """Aim: 20 ms for 1,000 Jobs. Held here against json.loads of the same bytes, so that a slow machine agrees."""
    item = {
        "metadata": {
            "name": "backup-29381580",
            "namespace": "apps",
            "uid": "u",
            "resourceVersion": "1",
            "creationTimestamp": AT,
            "annotations": {"batch.kubernetes.io/cronjob-scheduled-timestamp": AT, "other": "x" * 200},
            "labels": {f"label-{number}": "value" for number in range(8)},
            "ownerReferences": [OWNER],
            "managedFields": [{"fieldsV1": {f"f:{number}": {} for number in range(60)}}],
        },
        "spec": {
            "backoffLimit": 6,
            "template": {"spec": {"containers": [{"env": [{"name": "A", "value": "b"}] * 20}]}},
        },
        "status": {"conditions": [condition("Failed", reason="BackoffLimitExceeded")], "failed": 7, "startTime": AT},
    }
    data = msgspec.json.encode({"metadata": {"resourceVersion": "1"}, "items": [item] * 1000})

    def best_of(work: Callable[[], object]) -> float:
        times = []
        for _ in range(5):
            began = time.perf_counter()
            work()
            times.append(time.perf_counter() - began)
        return min(times)

    ours, plain = best_of(lambda: JOBS.read_page(data)), best_of(lambda: json.loads(data))
    print(f"1,000 Jobs, {len(data) // 1024} KiB: {ours * 1000:.1f} ms; json.loads alone {plain * 1000:.1f} ms")
    assert ours < plain * 1.5
