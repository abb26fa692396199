"""What a client may get wrong at the lab's Kubernetes API: each is refused in the server's words; nothing breaks."""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from homelab_tui.demo.lab import DemoLab
from tests.labs import api, start_lab
from tests.wire.test_lab_kubernetes import JOBS, PODS, finished, job

CRONS = "/apis/batch/v1/namespaces/backup/cronjobs"
REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
MERGE, STRATEGIC, STEPS = (
    f"application/{kind}+json" for kind in ("merge-patch", "strategic-merge-patch", "json-patch")
)
Json = dict[str, Any]
DECODED = 'Job in version "v1" cannot be handled as a Job: json: cannot unmarshal '


def spec(**changes: Any) -> Json:
    """The Job `new` with another spec."""
    return job("new", **changes)


def meta(**changes: Any) -> Json:
    """The Job `new` with other metadata."""
    return {**job("new"), "metadata": {"name": "new", **changes}}


def cron(schedule: Any = "0 3 * * *", **changes: Any) -> Json:
    """A CronJob."""
    inner = {"schedule": schedule, "jobTemplate": {"spec": job("x")["spec"]}, **changes}
    return {"metadata": {"name": "new"}, "spec": inner}


MISTAKES: list[tuple[str, str, Any, int, str]] = [
    ("POST", JOBS, [], 400, "json parse error"),
    ("POST", JOBS, {"metadata": 5}, 400, DECODED + "number into Go struct field Job.metadata of type v1.ObjectMeta"),
    ("POST", JOBS, {**job("new"), "spec": None}, 422, "spec.template.spec.containers: Required value"),
    ("POST", JOBS, {**job("new"), "spec": {"template": 5}}, 400, "JobSpec.spec.template of type v1.PodTemplateSpec"),
    (
        "POST",
        JOBS,
        spec(backoffLimit="x"),
        400,
        DECODED + "string into Go struct field JobSpec.spec.backoffLimit of type int32",
    ),
    ("POST", JOBS, spec(parallelism=1.5), 400, DECODED + "number 1.5 into Go struct field JobSpec.spec.parallelism"),
    ("POST", JOBS, spec(suspend="yes"), 400, "JobSpec.spec.suspend of type bool"),
    (
        "POST",
        JOBS,
        spec(completions=-1),
        422,
        "spec.completions: Invalid value: -1: must be greater than or equal to 0",
    ),
    ("POST", JOBS, meta(labels=5), 400, "ObjectMeta.metadata.labels of type map[string]string"),
    ("POST", JOBS, meta(labels={"a": 5}), 400, "ObjectMeta.metadata.labels of type string"),
    ("POST", JOBS, meta(ownerReferences=[{}]), 422, "metadata.ownerReferences.apiVersion: Invalid value"),
    ("POST", CRONS, cron("x"), 422, 'spec.schedule: Invalid value: "x": expected exactly 5 fields, found 1: [x]'),
    ("POST", CRONS, cron("61 * * * *"), 422, "spec.schedule: Invalid value"),
    ("POST", CRONS, cron(5), 400, "CronJobSpec.spec.schedule of type string"),
    ("POST", CRONS, cron(""), 422, "spec.schedule: Required value"),
    ("POST", CRONS, cron(timeZone="Mars/X"), 422, 'spec.timeZone: Invalid value: "Mars/X": unknown time zone Mars/X'),
    (
        "POST",
        CRONS,
        cron(concurrencyPolicy="Maybe"),
        422,
        'Unsupported value: "Maybe": supported values: "Allow", "Forbid"',
    ),
    ("POST", CRONS, cron(jobTemplate={}), 422, "spec.jobTemplate.spec.template.spec.containers: Required value"),
    (MERGE, f"{JOBS}/one", {"spec": 5}, 422, "is invalid: patch: Invalid value"),
    (MERGE, f"{JOBS}/one", {"spec": {"suspend": "yes"}}, 422, "of type bool"),
    (MERGE, f"{JOBS}/one", {"metadata": {"managedFields": [5]}}, 422, "of type v1.ManagedFieldsEntry"),
    (MERGE, f"{JOBS}/one", {"kind": "Pod"}, 400, "cannot be handled as a Job"),
    (STEPS, f"{JOBS}/one", [{"op": "remove", "path": ""}], 422, "the server rejected our request"),
    (STEPS, f"{JOBS}/one", [{"op": "remove", "path": "/spec"}], 422, "containers: Required value"),
    (STRATEGIC, f"{JOBS}/one", {"spec": {"template": {"spec": {"containers": [[1]]}}}}, 422, "the server rejected"),
    ("PUT", f"{JOBS}/one", {"metadata": 5}, 400, "Job.metadata of type v1.ObjectMeta"),
    ("PUT", f"{JOBS}/one", {"metadata": {"name": "two"}}, 400, "does not match the name on the URL (one)"),
    ("DELETE", f"{JOBS}/one", {"preconditions": 5}, 400, "DeleteOptions.preconditions of type v1.Preconditions"),
    ("DELETE", f"{JOBS}/one", {"gracePeriodSeconds": "x"}, 400, "DeleteOptions.gracePeriodSeconds of type int64"),
    ("GET", f"{JOBS}?limit=x", None, 400, 'strconv.ParseInt: parsing "x": invalid syntax'),
    ("GET", f"{JOBS}?resourceVersion=x", None, 400, 'strconv.ParseUint: parsing "x": invalid syntax'),
    ("GET", f"{JOBS}?watch=1&timeoutSeconds=x", None, 400, 'strconv.ParseInt: parsing "x": invalid syntax'),
    ("POST", REVIEWS, {"spec": 5}, 400, "SelfSubjectAccessReview.spec"),
    ("POST", REVIEWS, {"spec": {}}, 422, "exactly one of nonResourceAttributes or resourceAttributes"),
]


@pytest.fixture
async def lab() -> AsyncIterator[DemoLab]:
    """A lab with one suspended Job."""
    async with start_lab(ssh=False, snmp=False, catalogue=False) as lab:
        async with api(lab.sites["nuc"]) as client:
            assert (await client.post(JOBS, json=job("one", suspend=True))).status_code == 201
        yield lab


async def send(client: httpx.AsyncClient, how: str, path: str, body: Any) -> httpx.Response:
    """One request; for a patch `how` is its media type."""
    method, kind = ("PATCH", how) if "/" in how else (how, "application/json")
    content = None if body is None else json.dumps(body).encode()
    return await client.request(method, path, content=content, headers={"Content-Type": kind} if content else {})


async def test_every_mistake_is_refused_in_words_and_the_cluster_works_on(lab: DemoLab) -> None:
    async with api(lab.sites["nuc"]) as client:
        before = (await client.get(f"{JOBS}/one")).json()
        for how, path, body, code, words in MISTAKES:
            answer = await send(client, how, path, body)
            said = answer.json()
            assert (answer.status_code, said["kind"]) == (code, "Status"), (how, path, body, said)
            assert words in said["message"], (how, path, body)
        assert (await client.get(f"{JOBS}/one")).json() == before
        assert (await client.get(CRONS)).json()["items"] == []
        await client.post(JOBS, json=job("after", "true"))
        await finished(client, "after", "Complete")


async def test_the_options_of_a_log_are_checked_and_obeyed(lab: DemoLab) -> None:
    async with api(lab.sites["nuc"]) as client:
        await client.post(JOBS, json=job("talks", "echo one; echo two; echo three; sleep 0.1"))
        await finished(client, "talks", "Complete")
        pods = (await client.get(PODS, params={"labelSelector": "job-name=talks"})).json()["items"]
        path = f"{PODS}/{pods[0]['metadata']['name']}/log"

        async def log(**options: str) -> str:
            return (await client.get(path, params=options)).text

        assert await log() == "one\ntwo\nthree\n"
        assert await log(tailLines="1") == "three\n"
        assert await log(tailLines="0") == ""
        assert await log(limitBytes="5") == "one\nt"
        assert (await log(timestamps="true")).splitlines()[0].endswith("Z one")
        assert await log(sinceSeconds="3600") == "one\ntwo\nthree\n"
        assert await log(sinceTime="2099-01-01T00:00:00Z") == ""
        for options, code, words in (
            ({"tailLines": "x"}, 400, "strconv.ParseInt"),
            ({"tailLines": "-1"}, 422, "tailLines: Invalid value: -1: must be greater than or equal to 0"),
            ({"limitBytes": "0"}, 422, "limitBytes: Invalid value: 0: must be greater than 0"),
            ({"sinceSeconds": "-5"}, 422, "sinceSeconds: Invalid value: -5: must be greater than 0"),
            ({"sinceTime": "soon"}, 400, 'cannot parse "soon"'),
            ({"container": "none"}, 400, "container none is not valid for pod"),
        ):
            refused = await client.get(path, params=options)
            assert (refused.status_code, words in refused.json()["message"]) == (code, True), options
