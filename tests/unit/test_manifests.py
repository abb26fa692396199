"""Jobs made of CronJobs and of other Jobs."""

import re
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from homelab_tui.engine.manifests import copy_name, copy_of, run_name, run_of

NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
names = st.from_regex(r"[a-z0-9]([-a-z0-9.]{0,60}[a-z0-9])?", fullmatch=True).filter(NAME.fullmatch)
CRONJOB: dict[str, Any] = {
    "metadata": {"name": "restic", "namespace": "backup", "uid": "c1", "labels": {"of": "cronjob"}},
    "spec": {
        "schedule": "@daily",
        "suspend": True,
        "jobTemplate": {
            "metadata": {"labels": {"app": "restic"}, "annotations": {"why": "nightly"}},
            "spec": {"backoffLimit": 2, "template": {"spec": {"containers": [{"name": "a", "env": [{"name": "P"}]}]}}},
        },
    },
}
JOB: dict[str, Any] = {
    "metadata": {
        "name": "migrate",
        "namespace": "db",
        "uid": "u1",
        "resourceVersion": "7",
        "labels": {"app": "db", "controller-uid": "u1", "batch.kubernetes.io/job-name": "migrate"},
        "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}", "note": "x"},
        "ownerReferences": [{"kind": "CronJob", "uid": "c9"}],
        "finalizers": ["x/y"],
    },
    "spec": {
        "backoffLimit": 1,
        "suspend": False,
        "selector": {"matchLabels": {"controller-uid": "u1"}},
        "manualSelector": False,
        "template": {
            "metadata": {"creationTimestamp": None, "labels": {"job-name": "migrate", "app": "db"}},
            "spec": {"restartPolicy": "Never"},
        },
    },
    "status": {"failed": 2},
}


@given(names)
def test_every_name_is_one_that_the_api_takes(name: str) -> None:
    for made in (run_name(name), copy_name(name), copy_name(copy_name(name))):
        assert len(made) <= 63
        assert NAME.fullmatch(made), made


def test_a_copy_of_a_copy_does_not_grow() -> None:
    assert len(copy_name(copy_name("migrate"))) == len(copy_name("migrate"))


def test_a_run_is_what_kubectl_create_job_from_makes() -> None:
    assert run_of(CRONJOB, "restic-manual-x") == {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": "restic-manual-x",
            "namespace": "backup",
            "labels": {"app": "restic"},
            "annotations": {"why": "nightly", "cronjob.kubernetes.io/instantiate": "manual"},
            "ownerReferences": [
                {"apiVersion": "batch/v1", "kind": "CronJob", "name": "restic", "uid": "c1", "controller": True}
            ],
        },
        "spec": CRONJOB["spec"]["jobTemplate"]["spec"],
    }


def test_a_copy_has_nothing_of_the_old_ones_identity() -> None:
    assert copy_of(JOB, "migrate-rerun-x") == {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": "migrate-rerun-x",
            "namespace": "db",
            "labels": {"app": "db"},
            "annotations": {"note": "x"},
        },
        "spec": {
            "backoffLimit": 1,
            "template": {"metadata": {"labels": {"app": "db"}}, "spec": {"restartPolicy": "Never"}},
        },
    }


def test_an_empty_or_odd_object_breaks_nothing() -> None:
    assert run_of({}, "x")["spec"] == {}
    assert copy_of({"metadata": None, "spec": {"template": 3}}, "x")["kind"] == "Job"
