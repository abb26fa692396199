"""A log that is followed over the wire: taken up again where it broke, nothing twice, nothing lost."""

import asyncio
from pathlib import Path

import pytest
from aiohttp import web

from homelab_tui.config.load import load_config
from homelab_tui.domain.errors import SourceError, SourceForbidden, SourceMissing
from homelab_tui.domain.jobs import Job, JobId, JobPod, JobState
from homelab_tui.engine.manifests import run_of
from homelab_tui.sources import kube_logs
from homelab_tui.sources.kubernetes import KubernetesSource
from tests.labs import api as lab_api
from tests.labs import start_lab, until
from tests.wire.hostile_api import api, source, status, write_kubeconfig


def line(second: int, text: str, nanos: int = 0) -> str:
    """As the kubelet writes it with `timestamps=true`."""
    return f"2026-11-28T12:00:{second:02d}.{nanos:09d}Z {text}\n"


class Kubelet:
    """Answers each request with the next of these bodies; one that ends in "!" is cut off there."""

    def __init__(self, *bodies: str) -> None:
        self.left = list(bodies)
        self.queries: list[dict[str, str]] = []

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.queries.append(dict(request.query))
        body = self.left.pop(0) if self.left else ""
        response = web.StreamResponse(headers={"Content-Type": "text/plain"})
        response.enable_chunked_encoding()
        await response.prepare(request)
        for piece in (body[: len(body) // 2], body[len(body) // 2 :].removesuffix("!")):
            await response.write(piece.encode())
        if body.endswith("!"):
            assert request.transport is not None
            await asyncio.sleep(0.02)  # what was written is on its way before the connection goes
            request.transport.abort()
        return response


async def followed(kubelet: Kubelet, tmp_path: Path) -> list[str]:
    found: list[str] = []
    async with api(kubelet.handle) as hostile, source(write_kubeconfig(tmp_path, hostile.url)) as lab:
        async for lines in lab.follow_log("apps", "backup-x", container="main", tail_lines=5):
            found += lines
    return found


async def test_a_log_that_breaks_off_goes_on_where_it_was_without_a_line_twice(tmp_path: Path) -> None:
    first = line(1, "one") + line(2, "two", 5) + line(2, "two again", 5)
    # The server cuts sinceTime to seconds: it tells that second from its start.
    second = line(2, "before", 1) + line(2, "two", 5) + line(2, "two again", 5) + line(2, "two, thrice", 5)
    kubelet = Kubelet(f"{first}!", second + line(3, "three"), line(3, "three"))
    assert await followed(kubelet, tmp_path) == ["one", "two", "two again", "two, thrice", "three"]
    assert kubelet.queries[0] == {"follow": "true", "timestamps": "true", "container": "main", "tailLines": "5"}
    assert kubelet.queries[1]["sinceTime"] == "2026-11-28T12:00:02.000000005Z"
    assert "tailLines" not in kubelet.queries[1]
    assert len(kubelet.queries) == 3, "asked anew, it had nothing: the container has ended"


async def test_a_line_without_an_end_and_bytes_that_are_no_text_are_told(tmp_path: Path) -> None:
    assert await followed(Kubelet(line(1, "whole") + line(2, "cut \x1b[31m").rstrip("\n")), tmp_path) == [
        "whole",
        "cut \x1b[31m",
    ]


async def test_a_line_without_any_end_is_given_out_in_parts(tmp_path: Path) -> None:
    found = await followed(Kubelet(line(1, "x" * 200_000)), tmp_path)
    assert sum(len(one) for one in found) == pytest.approx(200_000, abs=2)
    assert len(found) > 1


async def test_silence_is_asked_about_again_and_is_no_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kube_logs, "_SILENCE_S", 0.2)
    asked = 0

    async def handle(request: web.Request) -> web.StreamResponse:
        nonlocal asked
        asked += 1
        response = web.StreamResponse()
        response.enable_chunked_encoding()
        await response.prepare(request)
        await response.write(line(1, "one").encode() if asked == 1 else b"")
        if asked < 3:
            await asyncio.sleep(30)
        await response.write(line(2, "two").encode() if asked == 3 else b"")
        return response

    found: list[str] = []
    async with api(handle) as hostile, source(write_kubeconfig(tmp_path, hostile.url)) as lab:
        async for lines in lab.follow_log("apps", "backup-x"):
            found += lines
    assert found == ["one", "two"]
    assert asked == 4


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        (status(400, 'container "main" is waiting to start: ContainerCreating'), SourceMissing, "waiting to start"),
        (status(404, 'pods "backup-x" not found'), SourceMissing, "not there"),
        (status(403, "pods/log is forbidden", reason="Forbidden"), SourceForbidden, "pods/log"),
    ],
)
async def test_a_log_that_cannot_be_had_is_told_at_once(
    answer: web.Response, error: type[SourceError], words: str, tmp_path: Path
) -> None:
    async def handle(_request: web.Request) -> web.StreamResponse:
        return web.Response(status=answer.status, body=answer.body, headers=dict(answer.headers))

    async with api(handle) as hostile, source(write_kubeconfig(tmp_path, hostile.url)) as lab:
        with pytest.raises(error, match=words):
            await anext(lab.follow_log("apps", "backup-x"))
    assert len(hostile.requests) == 1


async def test_a_server_that_stays_broken_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kube_logs, "_FIRST_PAUSE_S", 0.001)

    async def handle(_request: web.Request) -> web.StreamResponse:
        return status(500, 'Get "https://192.168.10.123:10250/containerLogs": no route to host')

    async with api(handle) as hostile, source(write_kubeconfig(tmp_path, hostile.url)) as lab:
        with pytest.raises(SourceError, match="no route to host"):
            await anext(lab.follow_log("apps", "backup-x"))
    assert len(hostile.requests) == 6


async def test_only_the_pods_of_that_very_job_are_listed(tmp_path: Path) -> None:
    pods = [
        {"metadata": {"name": f"backup-{uid}", "uid": uid, "labels": {"job-name": "backup", "controller-uid": uid}}}
        for uid in ("u1", "old")
    ]

    async def handle(request: web.Request) -> web.StreamResponse:
        assert request.path == "/api/v1/namespaces/apps/pods"
        assert request.query["labelSelector"] == "job-name=backup"
        return web.json_response({"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": pods})

    async with api(handle) as hostile, source(write_kubeconfig(tmp_path, hostile.url)) as lab:
        found = await lab.list_pods_of(Job(JobId("lab", "apps", "backup"), JobState.FAILED, uid="u1"))
    assert [pod.name for pod in found] == ["backup-u1"]


async def test_the_lab_writes_a_log_while_it_is_followed(tmp_path: Path) -> None:
    async with start_lab(ssh=False, snmp=False) as lab, lab_api(lab.sites["nuc"]) as kubernetes:
        lab.write_config(tmp_path / "config.toml")
        nuc = KubernetesSource(load_config(str(tmp_path / "config.toml")).clusters[0])
        found: list[str] = []
        try:
            run = run_of(await nuc.read_manifest("cronjobs", "monitoring", "heartbeat"), "beat-manual-1")
            job = await nuc.create_job("monitoring", run)
            pod = await until(lambda: _running(nuc, job))
            async with asyncio.timeout(20):
                async for lines in nuc.follow_log("monitoring", pod.name, container=pod.container):
                    found += lines
        finally:
            await nuc.close()
        whole = (await kubernetes.get(f"/api/v1/namespaces/monitoring/pods/{pod.name}/log")).text.splitlines()
    assert found == whole
    assert found[0] == "heartbeat: started"


async def _running(nuc: KubernetesSource, job: Job) -> JobPod | None:
    return next((pod for pod in await nuc.list_pods_of(job) if pod.phase == "Running"), None)
