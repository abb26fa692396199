"""The lab's Kubernetes API answers kubectl's questions for rows and for metadata alone."""

import json
from collections.abc import AsyncIterator

import httpx
import pytest

from homelab_tui.demo.kubernetes_tables import human_duration
from tests.labs import api, start_lab, still_clock

META = "g=meta.k8s.io;v=v1"
TABLE = {
    "Accept": f"application/json;as=Table;{META},application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json"
}
PARTIAL = {"Accept": f"application/json;as=PartialObjectMetadataList;{META}"}


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    """The NUCs' API of a lab that stands still."""
    async with start_lab(clock=still_clock(), ssh=False, snmp=False) as lab, api(lab.sites["nuc"]) as client:
        yield client


async def rows(client: httpx.AsyncClient, path: str) -> dict[str, dict[str, object]]:
    """Name -> column -> cell."""
    found = (await client.get(path, headers=TABLE)).json()
    assert (found["kind"], found["apiVersion"]) == ("Table", "meta.k8s.io/v1")
    heads = [column["name"] for column in found["columnDefinitions"]]
    by_name = {row["object"]["metadata"]["name"]: dict(zip(heads, row["cells"], strict=True)) for row in found["rows"]}
    assert all(row["object"]["kind"] == "PartialObjectMetadata" for row in found["rows"])
    return by_name


async def test_kubectl_s_table_tells_of_every_kind_what_kubectl_shows(client: httpx.AsyncClient) -> None:
    jobs = await rows(client, "/apis/batch/v1/namespaces/db/jobs")
    assert jobs["migrate-0042"]["Status"] == "Failed"
    assert jobs["migrate-0042"]["Completions"] == "0/1"
    assert jobs["migrate-0042"]["Age"] == "9h"
    vacuum = next(row for name, row in jobs.items() if name.startswith("vacuum-"))
    assert (vacuum["Status"], vacuum["Completions"], vacuum["Duration"]) == ("Complete", "1/1", "41s")
    crons = await rows(client, "/apis/batch/v1/cronjobs")
    assert (crons["dkim-rotate"]["Suspend"], crons["dkim-rotate"]["Active"]) == ("True", 0)
    assert crons["vacuum"]["Schedule"] == "15 2 * * *"
    nodes = await rows(client, "/api/v1/nodes")
    assert {name: row["Roles"] for name, row in nodes.items()}["nuc01"] == "control-plane"
    assert {row["Status"] for row in nodes.values()} == {"Ready"}
    pods = await rows(client, "/api/v1/namespaces/db/pods")
    assert {(row["Ready"], row["Status"]) for row in pods.values()} == {("0/1", "Completed"), ("0/1", "Error")}
    assert (await rows(client, "/api/v1/namespaces"))["backup"]["Status"] == "Active"
    assert (await rows(client, "/api/v1/services"))["prometheus"]["Port(s)"] == "9090/TCP"
    events = await rows(client, "/api/v1/events")
    assert {"Normal", "Warning"} >= {row["Type"] for row in events.values()} > set()


async def test_a_table_of_one_of_a_watch_and_with_whole_objects(client: httpx.AsyncClient) -> None:
    path = "/apis/batch/v1/namespaces/db/jobs"
    one = (await client.get(f"{path}/migrate-0042", headers=TABLE)).json()
    assert [row["cells"][0] for row in one["rows"]] == ["migrate-0042"]
    whole = (await client.get(path, headers=TABLE, params={"includeObject": "Object"})).json()
    assert {row["object"]["kind"] for row in whole["rows"]} == {"Job"}
    bare = (await client.get(path, headers=TABLE, params={"includeObject": "None"})).json()
    assert all("object" not in row for row in bare["rows"])
    async with client.stream("GET", path, params={"watch": "1"}, headers=TABLE) as stream:
        event = json.loads(await anext(stream.aiter_lines()))
    assert (event["type"], event["object"]["kind"], len(event["object"]["rows"])) == ("ADDED", "Table", 1)


async def test_metadata_alone_comes_in_chunks_too(client: httpx.AsyncClient) -> None:
    page = (await client.get("/apis/batch/v1/jobs", headers=PARTIAL, params={"limit": 2})).json()
    assert page["kind"] == "PartialObjectMetadataList"
    assert page["metadata"]["continue"]
    assert [sorted(item) for item in page["items"]] == [["apiVersion", "kind", "metadata"]] * 2


async def test_a_form_that_is_not_spoken_is_406_and_a_body_415(client: httpx.AsyncClient) -> None:
    path = "/apis/batch/v1/namespaces/db/jobs"
    refused = await client.get(path, headers={"Accept": "application/vnd.kubernetes.protobuf"})
    assert (refused.status_code, refused.json()["reason"]) == (406, "NotAcceptable")
    assert refused.json()["message"].startswith("only the following media types are accepted: application/json")
    both = await client.get(path, headers={"Accept": "application/vnd.kubernetes.protobuf,application/json"})
    assert both.json()["kind"] == "JobList"
    sent = await client.post(path, content=b"k8s\0", headers={"Content-Type": "application/vnd.kubernetes.protobuf"})
    assert (sent.status_code, sent.json()["reason"]) == (415, "UnsupportedMediaType")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        *((0.2, "0s"), (119, "119s"), (120, "2m"), (500, "8m20s"), (3000, "50m"), (3 * 3600 + 300, "3h5m")),
        *((30 * 3600, "30h"), (6 * 86400 + 7200, "6d2h"), (40 * 86400, "40d"), (800 * 86400, "2y70d")),
        (-60, "<invalid>"),
    ],
)
def test_ages_are_told_as_kubectl_tells_them(seconds: float, text: str) -> None:
    assert human_duration(seconds) == text
