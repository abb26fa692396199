"""The lab's Kubernetes API takes the patches of a real one, refuses them in its words, and notes who wrote what."""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from tests.labs import api, start_lab
from tests.wire.test_lab_kubernetes import JOBS, job

Json = dict[str, Any]
CRONS = "/apis/batch/v1/namespaces/backup/cronjobs"
JSON_PATCH, MERGE, STRATEGIC = (
    f"application/{kind}+json" for kind in ("json-patch", "merge-patch", "strategic-merge-patch")
)
KINDS = "application/json-patch+json, application/merge-patch+json, application/strategic-merge-patch+json"


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    """The API of an empty cluster, with a suspended Job `one` and a suspended CronJob `nightly` in it."""
    async with start_lab(ssh=False, snmp=False, catalogue=False) as lab, api(lab.sites["nuc"]) as client:
        main = {"name": "main", "image": "busybox:1", "command": ["sh"], "env": [{"name": "A", "value": "1"}]}
        main["ports"] = [{"containerPort": 80, "protocol": "TCP"}]
        side = {"name": "side", "image": "busybox:1"}
        scratch = {"name": "scratch", "emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}}
        spec = {
            "containers": [main, side],
            "restartPolicy": "Never",
            "volumes": [scratch],
            "tolerations": [{"key": "a"}],
        }
        body = {
            "apiVersion": "batch/v1",
            "kind": "CronJob",
            "metadata": {"name": "nightly", "finalizers": ["a/a", "a/b"]},
        }
        body["spec"] = {"schedule": "0 3 * * *", "suspend": True, "jobTemplate": {"spec": {"template": {"spec": spec}}}}
        made = (await client.post(CRONS, json=body), await client.post(JOBS, json=job("one", suspend=True)))
        assert [answer.status_code for answer in made] == [201, 201]
        yield client


async def patch(client: httpx.AsyncClient, path: str, kind: str, body: Any) -> httpx.Response:
    """One patch."""
    return await client.patch(path, content=json.dumps(body).encode(), headers={"Content-Type": kind})


def pod_patch(**spec: Any) -> Json:
    """A patch of the CronJob's pod."""
    return {"spec": {"jobTemplate": {"spec": {"template": {"spec": spec}}}}}


async def pod_of(client: httpx.AsyncClient, body: Json, kind: str = STRATEGIC) -> Json:
    """The CronJob's pod spec after a patch of it."""
    answer = await patch(client, f"{CRONS}/nightly", kind, body)
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    return found


# -- strategic merge ---------------------------------------------------------------------------------------------------


async def test_a_strategic_patch_merges_lists_by_their_keys_and_a_merge_patch_replaces_them(
    client: httpx.AsyncClient,
) -> None:
    changed = {
        "name": "main",
        "image": "busybox:2",
        "env": [{"name": "B", "value": "2"}],
        "ports": [{"containerPort": 81}],
    }
    spec = await pod_of(client, pod_patch(containers=[changed, {"name": "third", "image": "busybox:3"}]))
    assert [item["name"] for item in spec["containers"]] == ["main", "side", "third"]
    main = spec["containers"][0]
    assert (main["image"], main["command"]) == ("busybox:2", ["sh"])
    assert main["env"] == [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]
    assert [port["containerPort"] for port in main["ports"]] == [80, 81]
    spec = await pod_of(client, pod_patch(tolerations=[{"key": "b"}]))
    assert spec["tolerations"] == [{"key": "b"}]  # tolerations have no merge key
    spec = await pod_of(client, pod_patch(containers=[{"name": "only", "image": "x"}]), MERGE)
    assert [item["name"] for item in spec["containers"]] == ["only"]


async def test_the_directives_of_a_strategic_patch_delete_replace_retain_and_order(client: httpx.AsyncClient) -> None:
    spec = await pod_of(client, pod_patch(containers=[{"name": "side", "$patch": "delete"}]))
    assert [item["name"] for item in spec["containers"]] == ["main"]
    only = {"name": "new", "image": "busybox:9"}
    spec = await pod_of(client, pod_patch(containers=[{"$patch": "replace"}, only]))
    assert [item["name"] for item in spec["containers"]] == ["new"]
    volume = {"name": "scratch", "$retainKeys": ["name", "hostPath"], "hostPath": {"path": "/x"}}
    spec = await pod_of(client, pod_patch(volumes=[volume]))
    assert spec["volumes"] == [{"name": "scratch", "hostPath": {"path": "/x"}}]
    ordered = {
        "$setElementOrder/containers": [{"name": "late"}, {"name": "new"}],
        "containers": [{"name": "late", "image": "l"}],
    }
    spec = await pod_of(client, pod_patch(**ordered))
    assert [item["name"] for item in spec["containers"]] == ["late", "new"]
    spec = await pod_of(client, pod_patch(securityContext={"$patch": "replace", "runAsUser": 7}))
    assert spec["securityContext"] == {"runAsUser": 7}
    gone = {"metadata": {"$deleteFromPrimitiveList/finalizers": ["a/a"], "finalizers": ["a/c"]}}
    answer = await patch(client, f"{CRONS}/nightly", STRATEGIC, gone)
    assert answer.json()["metadata"]["finalizers"] == ["a/b", "a/c"]


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        (pod_patch(containers=[{"image": "x"}]), 500, "map: map[image:x] does not contain declared merge key: name"),
        (pod_patch(containers=[{"name": "main", "$patch": "burn"}]), 500, "unknown patch type [burn] in map"),
        (pod_patch(volumes=[{"name": "scratch", "$retainKeys": "name"}]), 400, "invalid patch format of retainKeys"),
        ({"metadata": {"$deleteFromPrimitiveList/finalizers": "a/a"}}, 400, "invalid patch format of primitive list"),
        ([], 400, "cannot unmarshal array into Go value of type map[string]interface {}"),
    ],
)
async def test_a_strategic_patch_that_does_not_fit_is_refused_and_changes_nothing(
    client: httpx.AsyncClient, body: Any, code: int, words: str
) -> None:
    before = (await client.get(f"{CRONS}/nightly")).json()
    answer = await patch(client, f"{CRONS}/nightly", STRATEGIC, body)
    assert answer.status_code == code
    assert words in answer.json()["message"]
    assert (await client.get(f"{CRONS}/nightly")).json() == before


# -- JSON patch --------------------------------------------------------------------------------------------------------


async def test_a_json_patch_tests_adds_moves_copies_and_removes(client: httpx.AsyncClient) -> None:
    steps: list[Json] = [
        {"op": "test", "path": "/spec/suspend", "value": True},
        {"op": "add", "path": "/metadata/labels", "value": {"a/b": "1", "c~d": "2"}},
        {"op": "copy", "from": "/metadata/labels/a~1b", "path": "/metadata/labels/copied"},
        {"op": "move", "from": "/metadata/labels/c~0d", "path": "/metadata/labels/moved"},
        {"op": "remove", "path": "/metadata/labels/a~1b"},
        {"op": "add", "path": "/metadata/finalizers/-", "value": "a/last"},
        {"op": "add", "path": "/metadata/finalizers/0", "value": "a/first"},
        {"op": "replace", "path": "/spec/schedule", "value": "5 5 * * *"},
    ]
    answer = await patch(client, f"{CRONS}/nightly", JSON_PATCH, steps)
    assert answer.status_code == 200
    found = answer.json()
    assert found["metadata"]["labels"] == {"copied": "1", "moved": "2"}
    assert found["metadata"]["finalizers"] == ["a/first", "a/a", "a/b", "a/last"]
    assert found["spec"]["schedule"] == "5 5 * * *"


@pytest.mark.parametrize(
    "steps",
    [
        [{"op": "test", "path": "/spec/suspend", "value": False}],
        [{"op": "replace", "path": "/spec/nothing", "value": 1}],
        [{"op": "remove", "path": "/metadata/finalizers/7"}],
        [{"op": "burn", "path": "/spec"}],
        [
            {"op": "add", "path": "/metadata/labels", "value": {"x": "y"}},
            {"op": "test", "path": "/spec/suspend", "value": 0},
        ],
    ],
)
async def test_a_json_patch_that_does_not_fit_is_422_as_a_whole(client: httpx.AsyncClient, steps: list[Json]) -> None:
    before = (await client.get(f"{CRONS}/nightly")).json()
    answer = await patch(client, f"{CRONS}/nightly", JSON_PATCH, steps)
    said = answer.json()
    assert (answer.status_code, said["reason"], said["details"]) == (422, "Invalid", {})
    assert said["message"] == "the server rejected our request due to an error in our request"
    assert (await client.get(f"{CRONS}/nightly")).json() == before


async def test_other_kinds_of_patch_are_415_and_name_what_is_taken(client: httpx.AsyncClient) -> None:
    for kind in ("application/json", "application/apply-patch+yaml", "text/plain"):
        answer = await patch(client, f"{JOBS}/one", kind, {"metadata": {"labels": {"a": "b"}}})
        said = answer.json()
        assert (answer.status_code, said["reason"]) == (415, "UnsupportedMediaType")
        words = "the body of the request was in an unknown format - accepted media types include: "
        assert said["message"] == words + KINDS
    assert (await patch(client, f"{JOBS}/one", JSON_PATCH, {"op": "add"})).status_code == 400
    assert (await patch(client, f"{JOBS}/none", JSON_PATCH, [])).status_code == 404


async def test_a_patch_of_the_status_leaves_the_rest_alone_and_the_other_way_round(client: httpx.AsyncClient) -> None:
    both = {"spec": {"ttlSecondsAfterFinished": 5}, "status": {"failed": 9}}
    changed = (await patch(client, f"{JOBS}/one", MERGE, both)).json()
    assert changed["spec"]["ttlSecondsAfterFinished"] == 5
    assert "failed" not in changed["status"]
    both["spec"]["ttlSecondsAfterFinished"] = 6
    changed = (await patch(client, f"{JOBS}/one/status", MERGE, both)).json()
    assert (changed["spec"]["ttlSecondsAfterFinished"], changed["status"]["failed"]) == (5, 9)


# -- managedFields -----------------------------------------------------------------------------------------------------


def books(body: Json) -> dict[tuple[str, str | None], Json]:
    """(manager, subresource) -> fieldsV1."""
    entries = body["metadata"]["managedFields"]
    assert all(entry["operation"] == "Update" and entry["fieldsType"] == "FieldsV1" for entry in entries)
    assert all(entry["apiVersion"] == body["apiVersion"] and entry["time"].endswith("Z") for entry in entries)
    return {(entry["manager"], entry.get("subresource")): entry["fieldsV1"] for entry in entries}


async def test_who_writes_a_field_owns_it_until_another_does(client: httpx.AsyncClient) -> None:
    cron = (await client.get(f"{CRONS}/nightly")).json()
    mine = books(cron)["python-httpx", None]
    assert mine["f:metadata"] == {"f:finalizers": {".": {}, 'v:"a/a"': {}, 'v:"a/b"': {}}}
    pod = mine["f:spec"]["f:jobTemplate"]["f:spec"]["f:template"]["f:spec"]
    assert sorted(pod["f:containers"]) == ['k:{"name":"main"}', 'k:{"name":"side"}']
    main = pod["f:containers"]['k:{"name":"main"}']
    assert (main["."], main["f:image"], main["f:command"]) == ({}, {}, {})
    assert main["f:env"] == {".": {}, 'k:{"name":"A"}': {".": {}, "f:name": {}, "f:value": {}}}
    assert pod["f:tolerations"] == {}
    body = {"spec": {"schedule": "1 1 * * *"}, "metadata": {"labels": {"team": "x"}}}
    path = f"{CRONS}/nightly?fieldManager=mallory"
    after = books((await patch(client, path, MERGE, body)).json())
    assert after["mallory", None] == {
        "f:metadata": {"f:labels": {".": {}, "f:team": {}}},
        "f:spec": {"f:schedule": {}},
    }
    assert "f:schedule" not in after["python-httpx", None]["f:spec"]
    removed = books((await patch(client, path, MERGE, {"metadata": {"labels": None}})).json())
    assert removed["mallory", None] == {"f:spec": {"f:schedule": {}}}


async def test_the_status_is_booked_apart_and_a_watch_shows_the_books(client: httpx.AsyncClient) -> None:
    found = books((await client.get(f"{JOBS}/one")).json())
    assert found["kube-controller-manager", "status"]["f:status"]["f:conditions"] == {}  # owned as a whole
    mine = found["python-httpx", None]
    assert sorted(mine) == ["f:spec"]  # neither the status nor what the server put on it: its labels, its selector
    assert "f:selector" not in mine["f:spec"]
    assert sorted(mine["f:spec"]["f:template"]) == ["f:spec"]
    listed = (await client.get(JOBS)).json()["items"][0]["metadata"]["managedFields"]
    async with client.stream("GET", JOBS, params={"watch": "1"}) as stream:
        event = json.loads(await anext(stream.aiter_lines()))
    assert event["object"]["metadata"]["managedFields"] == listed


async def test_a_replace_that_leaves_the_books_out_keeps_them_and_an_empty_entry_closes_them(
    client: httpx.AsyncClient,
) -> None:
    one = (await client.get(f"{JOBS}/one")).json()
    kept = one["metadata"].pop("managedFields")
    same = (await client.put(f"{JOBS}/one", json=one)).json()
    assert same["metadata"]["managedFields"] == kept
    assert same["metadata"]["resourceVersion"] == one["metadata"]["resourceVersion"]
    closed = (await patch(client, f"{JOBS}/one", MERGE, {"metadata": {"managedFields": [{}]}})).json()
    assert "managedFields" not in closed["metadata"]
