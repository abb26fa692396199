"""The lab's Kubernetes API beside a real one: the same requests made to both, the answers compared.

Set HOMELAB_E2E_KUBECONFIG to a kubeconfig whose current context may create namespaces and Jobs. A control plane without
kubelets is enough: no Pod has to run. What differs between Kubernetes' versions, or by the lab's choice, is in
`KNOWN` with its reason, and in docs/lab.md.
"""

import asyncio
import base64
import json
import os
import re
import secrets
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.labs import api, start_lab

KUBECONFIG = os.environ.get("HOMELAB_E2E_KUBECONFIG", "")
pytestmark = pytest.mark.skipif(not KUBECONFIG, reason="HOMELAB_E2E_KUBECONFIG names no kubeconfig of a real cluster")
Json = dict[str, Any]
Told = dict[str, Any]
"""Request -> (status, content type, what matters of the body)."""
HEADERS = ("retry-after", "warning")


def _config() -> Json:
    found: Json = yaml.safe_load(Path(KUBECONFIG).expanduser().read_text(encoding="utf-8"))
    return found


@asynccontextmanager
async def real_cluster() -> AsyncIterator[httpx.AsyncClient]:
    """A client of the kubeconfig's current context, by token or client certificate."""
    config = _config()

    def named(kind: str, name: str) -> Json:
        found: Json = next(entry[kind] for entry in config[f"{kind}s"] if entry["name"] == name)
        return found

    context = named("context", config["current-context"])
    cluster, user = named("cluster", context["cluster"]), named("user", context["user"])
    ca = base64.b64decode(cluster.get("certificate-authority-data", "")).decode()
    trust = ssl.create_default_context(cadata=ca or None)
    trust.check_hostname = False
    headers = {"Authorization": f"Bearer {user['token']}"} if "token" in user else {}
    async with httpx.AsyncClient(base_url=cluster["server"], verify=trust, headers=headers, timeout=20) as client:
        yield client


def job(name: str = "first", **spec: Any) -> Json:
    """A Job that nothing will run soon."""
    container = {"name": "main", "image": "registry.k8s.io/pause:3.10", "command": ["sleep", "900"]}
    template = {"spec": {"containers": [container], "restartPolicy": "Never"}}
    meta = {"name": name, "labels": {"side": name}}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": meta, "spec": {"template": template, **spec}}


def without(body: Json, *path: str) -> Json:
    """A copy with one key removed."""
    copy: Json = json.loads(json.dumps(body))
    inner = copy
    for key in path[:-1]:
        inner = inner[key]
    del inner[path[-1]]
    return copy


def old(value: Any) -> Any:
    """An answer without `NEW_KEYS`."""
    if isinstance(value, dict):
        return {key: old(inner) for key, inner in value.items() if key not in NEW_KEYS}
    return [old(inner) for inner in value] if isinstance(value, (list, tuple)) else value


def shape(value: Any) -> Any:
    """The keys of a document, and the types of what they hold; times, ids and versions are told by their type alone."""
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in sorted(value.items())}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return type(value).__name__


class Asker:
    """Asks one API, and writes the answers down with all that differs by nature taken out."""

    def __init__(self, client: httpx.AsyncClient, namespace: str) -> None:
        self.client, self.namespace, self.told = client, namespace, dict[str, Any]()
        self.jobs = f"/apis/batch/v1/namespaces/{namespace}/jobs"

    async def __call__(self, what: str, method: str, path: str = "", **request: Any) -> Any:
        """Ask; `path` is below the namespace's Jobs unless it begins with a slash."""
        answer = await self.client.request(method, self._full(path), **request)
        is_json = answer.headers.get("content-type", "").startswith("application/json")
        body = answer.json() if is_json else answer.text
        headers = {name: answer.headers[name] for name in HEADERS if name in answer.headers}
        kind = answer.headers.get("content-type", "").partition(";")[0]
        self.told[what] = (answer.status_code, kind, (self._matters(body), headers))
        return body

    def _full(self, path: str) -> str:
        return path if path.startswith("/") else f"{self.jobs}/{path}".rstrip("/")

    def _matters(self, body: Any) -> Any:
        if not isinstance(body, dict):
            return body
        if body.get("kind") == "Status":
            return self._plain(body)
        return {"kind": body.get("kind"), "apiVersion": body.get("apiVersion"), "spec": shape(body.get("spec"))}

    def _plain(self, value: Any) -> Any:
        text = json.dumps(value).replace(self.namespace, "NS")
        text = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "UID", text)
        return json.loads(re.sub(r'(resourceVersion[^"0-9]*|\()\d+', r"\1N", text))


async def tell(client: httpx.AsyncClient, namespace: str) -> Told:
    """The whole conversation."""
    ask = Asker(client, namespace)
    missing = f"/api/v1/namespaces/{namespace}"
    await ask("no such job", "GET", "none")
    await ask("no such pod", "GET", f"{missing}/pods/none")
    await ask("log of no pod", "GET", f"{missing}/pods/none/log")
    await ask("no such namespace", "GET", "/api/v1/namespaces/there-is-none")
    await ask("no such path", "GET", "/apis/nothing.example/v1/things")
    await ask("anonymous", "GET", "", headers={"Authorization": ""})
    await ask("unknown token", "GET", "", headers={"Authorization": "Bearer nonsense"})
    await ask("not json", "POST", "", content=b"{nonsense", headers={"Content-Type": "application/json"})
    await ask("another kind", "POST", "", json={**job(), "kind": "Pod", "apiVersion": "v1"})
    await ask("no name", "POST", "", json=without(job(), "metadata", "name"))
    await ask("a bad name", "POST", "", json=job("Not_A_Name"))
    await ask("no containers", "POST", "", json=without(job(), "spec", "template", "spec", "containers"))
    always = job()
    always["spec"]["template"]["spec"]["restartPolicy"] = "Always"
    await ask("restart always", "POST", "", json=always)
    elsewhere = job()
    elsewhere["metadata"]["namespace"] = "kube-system"
    await ask("another namespace", "POST", "", json=elsewhere)
    await ask("dry run", "POST", "", json=job(), params={"dryRun": "All"})
    made = await ask("created", "POST", "", json=job(), params={"fieldManager": "e2e"})
    await ask("created again", "POST", "", json=job())
    await ask("read", "GET", "first")
    await _change(ask, made)
    await _list(ask)
    await _delete(ask)
    review = {"namespace": namespace, "verb": "delete", "group": "batch", "resource": "jobs"}
    body = {"kind": "SelfSubjectAccessReview", "apiVersion": "authorization.k8s.io/v1"}
    path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    answered = await ask("may I", "POST", path, json={**body, "spec": {"resourceAttributes": review}})
    ask.told["may I: allowed"] = (0, "", answered["status"]["allowed"])
    return ask.told


async def _change(ask: Asker, made: Json) -> None:
    merge = {"Content-Type": "application/merge-patch+json"}

    async def patch(what: str, body: Json, name: str = "first", headers: dict[str, str] = merge) -> None:
        await ask(what, "PATCH", name, content=json.dumps(body).encode(), headers=headers)

    await patch("expire", {"spec": {"ttlSecondsAfterFinished": 3600}})
    await patch("expire never", {"spec": {"ttlSecondsAfterFinished": -5}})
    await patch("labelled", {"metadata": {"labels": {"more": "x"}}})
    await patch("stale patch", {"metadata": {"resourceVersion": "1", "labels": {"more": "y"}}})
    await patch("patch of none", {"metadata": {"labels": {"more": "x"}}}, name="none")
    await patch("plain json patch type", {"metadata": {}}, headers={"Content-Type": "application/json"})
    strategic = {"Content-Type": "application/strategic-merge-patch+json"}
    await patch("strategic", {"metadata": {"labels": {"more": "z"}}}, headers=strategic)
    finalizers = {"metadata": {"finalizers": ["e2e/a", "e2e/b"]}}
    await patch("strategic list", finalizers, headers=strategic)
    await patch("strategic delete", {"metadata": {"$deleteFromPrimitiveList/finalizers": ["e2e/a"]}}, headers=strategic)
    await patch("a bad directive", {"metadata": {"$patch": "burn"}}, headers=strategic)
    await patch("no list to delete", {"metadata": {"$deleteFromPrimitiveList/finalizers": "x"}}, headers=strategic)
    await patch("no list to retain", {"spec": {"$retainKeys": "x"}}, headers=strategic)
    pod = {"containers": [{"image": "x"}]}
    await patch("a container without a name", {"spec": {"template": {"spec": pod}}}, headers=strategic)
    await patch("an apply", {"metadata": {}}, headers={"Content-Type": "application/apply-patch+yaml"})
    await _json_patch(ask)
    owned = (await ask.client.get(f"{ask.jobs}/first")).json()
    entry = next(e for e in owned["metadata"]["managedFields"] if "e2e" in e["manager"])
    ask.told["who owns what"] = (0, "", {key: value for key, value in entry.items() if key != "time"})
    await ask("replaced with the old", "PUT", "first", json=made)
    other = json.loads(json.dumps(made))
    other["metadata"]["name"] = "other"
    await ask("replaced under another name", "PUT", "first", json=other)


async def _json_patch(ask: Asker) -> None:
    steps: dict[str, Any] = {
        "a json patch": [{"op": "remove", "path": "/metadata/finalizers"}],
        "a failed test": [{"op": "test", "path": "/metadata/name", "value": "other"}],
        "an unknown step": [{"op": "burn", "path": "/metadata/name"}],
        "a path to nowhere": [{"op": "replace", "path": "/metadata/annotations/x/y", "value": "1"}],
        "no list of steps": {"op": "remove", "path": "/metadata/finalizers"},
    }
    headers = {"Content-Type": "application/json-patch+json"}
    for what, body in steps.items():
        await ask(what, "PATCH", "first", content=json.dumps(body).encode(), headers=headers)


async def _list(ask: Asker) -> None:
    await ask("second", "POST", "", json=job("second"))
    await ask("third", "POST", "", json=job("third"))
    page = await ask("a page", "GET", "", params={"limit": "2"})
    ask.told["a page: meta"] = (
        len(page["items"]),
        "",
        (sorted(page["metadata"]), page["metadata"]["remainingItemCount"]),
    )
    rest = await ask("the rest", "GET", "", params={"limit": "2", "continue": page["metadata"]["continue"]})
    names = [item["metadata"]["name"] for item in rest["items"]]
    ask.told["the rest: meta"] = (0, "", (names, rest["metadata"].get("continue", "")))
    ask.told["items have no kind"] = (0, "", sorted({"kind", "apiVersion"} & set(rest["items"][0])))
    for what, query in {
        "by label": {"labelSelector": "side in (first, third),side!=third"},
        "by name": {"fieldSelector": "metadata.name=second"},
        "by status": {"fieldSelector": "status.successful=0"},
    }.items():
        found = await ask(what, "GET", "", params=query)
        ask.told[f"{what}: found"] = (0, "", [item["metadata"]["name"] for item in found["items"]])
    await ask("a bad label selector", "GET", "", params={"labelSelector": "a=b=c"})
    await ask("an unknown field", "GET", "", params={"fieldSelector": "spec.nothing=1"})
    await ask("a bad continue", "GET", "", params={"continue": "nonsense!"})
    await ask("a bad limit", "GET", "", params={"limit": "many"})


async def _delete(ask: Asker) -> None:
    other = {"kind": "DeleteOptions", "apiVersion": "v1"}
    await ask("delete none", "DELETE", "none")
    wrong = {"uid": "11111111-2222-3333-4444-555555555555"}
    await ask("delete another uid", "DELETE", "first", json={**other, "preconditions": wrong})
    await ask("delete another version", "DELETE", "first", json={**other, "preconditions": {"resourceVersion": "1"}})
    await ask("delete as what", "DELETE", "first", json={**other, "propagationPolicy": "Sideways"})
    await ask(
        "delete a dry run", "DELETE", "first", json={**other, "dryRun": ["All"], "propagationPolicy": "Background"}
    )
    await ask(
        "the body beats the query",
        "DELETE",
        "first?propagationPolicy=Foreground",
        json={**other, "propagationPolicy": "Background"},
    )
    for _ in range(200):
        if (await ask("deleted", "GET", "first")).get("code") == 404:
            break
        await asyncio.sleep(0.05)
    await ask("delete again", "DELETE", "first")
    orphaning = await ask.client.delete(f"{ask.jobs}/second")
    ask.told["by default"] = (orphaning.status_code, "", orphaning.json().get("metadata", {}).get("finalizers"))


KNOWN: dict[str, str] = {
    "an apply": "server-side apply is not played: the lab refuses it as a server that has it switched off",
    "plain json patch type": "the list of accepted types is shorter by server-side apply's",
    "not json": "what Go's JSON parser complains of is not worded again; the rest of the message is compared below",
}
"""Request -> why the answers differ."""
BEFORE: dict[str, int] = {"plain json patch type": 29, "expire never": 21}
"""Request -> the minor version that began to answer as the lab (1.32) does."""
NEW_KEYS = {
    *("completionMode", "podReplacementPolicy", "suspend", "ttlSecondsAfterFinished"),
    *("batch.kubernetes.io/controller-uid", "batch.kubernetes.io/job-name", "controller-uid"),
}
"""Keys of a Job that a server before 1.29 does not have, or has elsewhere."""


async def test_the_same_requests_get_the_same_answers() -> None:
    name = f"homelab-e2e-{secrets.token_hex(4)}"
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    async with start_lab(ssh=False, snmp=False, catalogue=False) as lab, api(lab.sites["nuc"]) as ours:
        assert (await ours.post("/api/v1/namespaces", json=body)).status_code == 201
        left = await tell(ours, name)
        async with real_cluster() as real:
            assert (await real.post("/api/v1/namespaces", json=body)).status_code == 201
            minor = int(re.sub(r"\D", "", (await real.get("/version")).json()["minor"]))
            try:
                right = await tell(real, name)
            finally:
                await real.delete(f"/api/v1/namespaces/{name}")
    assert list(left) == list(right)
    if minor < 29:
        left, right = ({what: old(answer) for what, answer in told.items()} for told in (left, right))
    known = {*KNOWN, *(what for what, since in BEFORE.items() if minor < since)}
    different = [what for what in left if left[what] != right[what] and what not in known]
    assert not different, "\n".join(f"{what}\n  lab:  {left[what]}\n  real: {right[what]}" for what in different)
    begins = [told["not json"][2][0]["message"].partition("json parse error")[0] for told in (left, right)]
    assert begins[0] == begins[1]
