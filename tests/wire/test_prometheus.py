"""The Prometheus source on the wire: what it asks, and what it makes of odd but good answers."""

import asyncio
import base64
import gzip
import json
import logging
import sys
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from homelab_tui.config.model import PrometheusConfig, SecretRef
from homelab_tui.domain.errors import (
    SourceGarbled,
    SourceMissing,
    SourceRefused,
    SourceUnreachable,
)
from homelab_tui.domain.jobs import AlertState
from homelab_tui.engine.ports import ReadsMetrics
from homelab_tui.sources.kube_state_metrics import QUERY, Collector
from homelab_tui.sources.prometheus import PrometheusSource
from homelab_tui.sources.prometheus_answers import Sample
from tests.wire.hostile_api import api
from tests.wire.prometheus_double import FAILED, Double, jobs_error, prometheus, vector

# -- asking -----------------------------------------------------------------------------------------------------------


async def test_the_source_is_what_the_engine_needs() -> None:
    source: ReadsMetrics = PrometheusSource(PrometheusConfig("main", url="http://127.0.0.1:1", cluster="nuc"))
    assert (source.name, source.cluster) == ("main", "nuc")
    assert PrometheusSource(PrometheusConfig("main", url="http://127.0.0.1:1")).cluster == "main"
    await source.close()


async def test_one_post_reads_jobs_at_one_instant() -> None:
    async with prometheus() as (source, server):
        snapshot = await source.read_jobs()
    [job] = snapshot.jobs
    assert (job.namespace, job.name, job.failed, job.cronjob) == ("ops", "backup-29923920", True, "backup")
    assert (snapshot.cluster, snapshot.heartbeat, snapshot.heartbeat_age_s) == ("nuc", True, 7.0)
    assert (snapshot.alerts, snapshot.warnings) == ((), ())
    asked = [(request.method, request.path) for request in server.requests]
    assert asked == [("POST", "/api/v1/query"), ("GET", "/api/v1/alerts"), ("POST", "/api/v1/query")]
    assert QUERY.encode() not in server.requests[0].path_qs.encode()


async def test_a_server_that_takes_no_post_is_asked_by_get_from_then_on() -> None:
    double = Double()

    async def no_post(request: web.Request) -> web.StreamResponse:
        return web.Response(status=405) if request.method == "POST" else await double.handle(request)

    async with api(no_post) as server:
        source = PrometheusSource(PrometheusConfig("main", url=server.url))
        for _ in range(2):
            assert len((await source.read_jobs()).jobs) == 1
        await source.close()
    assert [request.method for request in server.requests].count("POST") == 1


@pytest.mark.parametrize("slash", ["", "/"])
async def test_a_path_prefix_is_kept(slash: str) -> None:
    double = Double()
    double.prefix = "/select/0/prometheus"
    async with prometheus(double, prefix=double.prefix + slash) as (source, server):
        assert len((await source.read_jobs()).jobs) == 1
        assert await source.check() == "Prometheus 2.42.0"
    assert all(request.path.startswith("/select/0/prometheus/api/v1/") for request in server.requests)


async def test_a_missing_path_prefix_is_named() -> None:
    double = Double()
    double.prefix = "/prometheus"
    error = await jobs_error(double)
    assert isinstance(error, SourceMissing)
    assert "path prefix" in str(error)


async def test_extra_headers_are_sent() -> None:
    async with prometheus(headers=(("X-Scope-OrgID", "home"), ("X-Other", " b "))) as (source, server):
        await source.read_jobs()
    assert {request.headers["X-Scope-OrgID"] for request in server.requests} == {"home"}
    assert server.requests[0].headers["X-Other"] == "b"


async def test_a_bearer_token_is_read_again_for_each_request(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("one\n")
    async with prometheus(bearer_token=SecretRef(file=token)) as (source, server):
        await source.check()
        token.write_text("two\n")
        await source.check()
    assert [request.headers["Authorization"] for request in server.requests] == ["Bearer one", "Bearer two"]


async def test_basic_authentication() -> None:
    async with prometheus(username="kkato", password=SecretRef(inline="pass:wörd")) as (source, server):
        await source.check()
    expected = base64.b64encode("kkato:pass:wörd".encode()).decode()
    assert server.requests[0].headers["Authorization"] == f"Basic {expected}"


async def test_credentials_in_the_url_are_used_and_never_shown() -> None:
    async with api(Double().handle) as server:
        url = server.url.replace("http://", "http://kkato:hunt%40er2@")
        source = PrometheusSource(PrometheusConfig("main", url=url))
        await source.check()
        assert base64.b64decode(server.requests[0].headers["Authorization"].removeprefix("Basic ")) == b"kkato:hunt@er2"
        await source.close()
    with pytest.raises(SourceUnreachable) as caught:  # nothing listens there any more
        await source.check()
    assert "hunt" not in str(caught.value)
    await source.close()


async def test_a_command_is_asked_once_and_again_after_a_401(tmp_path: Path) -> None:
    counter = tmp_path / "count"
    script = f"p = {str(counter)!r}; open(p, 'a').write('x'); print('t' + str(len(open(p).read())))"
    ref = SecretRef(command=(sys.executable, "-c", script))
    double = Double()
    async with prometheus(double, bearer_token=ref) as (source, server):
        await source.check()
        await source.check()
        double.build = web.Response(status=401, text="expired")
        with pytest.raises(SourceRefused, match="credentials"):
            await source.check()
        double.build = None
        await source.check()
    sent = [request.headers["Authorization"] for request in server.requests]
    assert sent == ["Bearer t1", "Bearer t1", "Bearer t1", "Bearer t2"]


async def test_a_missing_secret_is_named_and_nothing_is_sent(tmp_path: Path) -> None:
    async with prometheus(bearer_token=SecretRef(file=tmp_path / "none")) as (source, server):
        with pytest.raises(SourceRefused, match=r"main: prometheus\.main\.bearer_token: .*No such file"):
            await source.read_jobs()
    assert server.requests == []


@pytest.mark.parametrize(
    "settings",
    [
        {"bearer_token": SecretRef(inline="hunter2\r\nX-Evil: 1")},
        {"bearer_token": SecretRef(inline="hunter2-ü")},
        {"headers": (("X-Key", "hunter2\n"), ("X-Key2", "hunter2\x00"))},
        {"headers": (("Bad Name", "hunter2"),)},
    ],
)
async def test_a_secret_that_no_header_can_carry_is_refused_without_being_shown(settings: dict[str, Any]) -> None:
    error = await jobs_error(Double(), **settings)
    chain: BaseException | None = error
    while chain is not None:
        assert "hunter2" not in str(chain)
        chain = chain.__cause__ or chain.__context__


async def test_nothing_secret_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with prometheus(bearer_token=SecretRef(inline="hunter2"), headers=(("X-Key", "hunter3"),)) as (source, _):
        await source.read_jobs()
    own = [record.getMessage() for record in caplog.records if not record.name.startswith("aiohttp")]
    assert not [line for line in own if "hunter" in line]


# -- answers ----------------------------------------------------------------------------------------------------------


async def test_a_server_without_kube_state_metrics_has_no_heartbeat() -> None:
    double = Double()
    double.jobs = vector()
    async with prometheus(double) as (source, server):
        snapshot = await source.read_jobs()
    assert (snapshot.heartbeat, snapshot.jobs, snapshot.alerts) == (False, (), None)
    assert len(server.requests) == 1


async def test_no_failed_jobs_with_a_heartbeat_is_good_news() -> None:
    double = Double()
    double.jobs = vector({"__name__": "kube_node_info", "node": "nuc01"})
    async with prometheus(double) as (source, _):
        snapshot = await source.read_jobs()
    assert (snapshot.heartbeat, snapshot.jobs) == (True, ())


@pytest.mark.parametrize(
    "envelope",
    [{"warnings": ["store nas:10901 is unavailable"]}, {"isPartial": True}],
    ids=["Thanos", "VictoriaMetrics"],
)
async def test_a_partial_answer_says_so(envelope: dict[str, Any]) -> None:
    double = Double()
    double.jobs = vector(**envelope)
    async with prometheus(double) as (source, _):
        assert len((await source.read_jobs()).warnings) == 1


async def test_alerts_of_jobs_are_read() -> None:
    labels = {"alertname": "KubeJobFailed", "namespace": "ops", "job_name": "backup-29923920"}
    alert = {
        "labels": labels,
        "annotations": {},
        "state": "pending",
        "activeAt": "2026-11-23T07:00:14.5Z",
        "value": "1",
    }
    double = Double()
    double.alerts = web.json_response({"status": "success", "data": {"alerts": [alert]}})
    async with prometheus(double) as (source, _):
        [found] = (await source.read_jobs()).alerts or ()
    assert (found.state, found.active_at) == (AlertState.PENDING, datetime(2026, 11, 23, 7, 0, 14, 500_000, UTC))


@pytest.mark.parametrize(
    "answer",
    [
        web.Response(status=404, text="404 page not found\n"),
        web.Response(status=500, text="oops"),
        web.Response(text="<html>", content_type="text/html"),
    ],
    ids=["404", "500", "a page"],
)
async def test_a_server_without_alerts_still_tells_its_jobs(answer: web.Response) -> None:
    double = Double()
    double.alerts = answer
    async with prometheus(double) as (source, _):
        snapshot = await source.read_jobs()
    assert (len(snapshot.jobs), snapshot.alerts) == (1, None)


@pytest.mark.parametrize(("value", "expected"), [("NaN", None), ("-3", 0.0), ("61.6", 62.0)])
async def test_the_age_of_the_newest_sample(value: str, expected: float | None) -> None:
    double = Double()
    double.age = vector({}, value=value)
    async with prometheus(double) as (source, _):
        assert (await source.read_jobs()).heartbeat_age_s == expected


async def test_an_age_that_cannot_be_told_is_none() -> None:
    double = Double()
    for answer in (
        vector(),
        web.json_response({"status": "error", "errorType": "execution", "error": "x"}, status=422),
    ):
        double.age = answer
        async with prometheus(double) as (source, _):
            assert (await source.read_jobs()).heartbeat_age_s is None


async def test_a_compressed_answer_is_read() -> None:
    body = b'{"status":"success","data":{"resultType":"vector","result":[]}}'

    async def packed(_request: web.Request) -> web.StreamResponse:
        return web.Response(body=gzip.compress(body), headers={"Content-Encoding": "gzip"})

    async with api(packed) as server:
        source = PrometheusSource(PrometheusConfig("main", url=server.url))
        assert not (await source.read_jobs()).heartbeat
        await source.close()


async def test_the_version_or_at_least_an_answer() -> None:
    double = Double()
    for build in (web.Response(status=404, text="not here"), web.json_response({"status": "success", "data": {}})):
        double.build = build
        async with prometheus(double) as (source, _):
            assert "no version" in await source.check()


async def test_a_check_of_something_else_fails() -> None:
    async def page(_request: web.Request) -> web.StreamResponse:
        return web.Response(text="<!DOCTYPE html><title>Grafana</title>", content_type="text/html")

    async with api(page) as server:
        source = PrometheusSource(PrometheusConfig("main", url=server.url))
        with pytest.raises(SourceGarbled, match=r"main: .*web page"):
            await source.check()
        await source.close()


async def test_nodes_are_read() -> None:
    double = Double()
    target = {"job": "node", "instance": "rpi03:9100"}
    double.jobs = vector({"__name__": "up", **target}, {"__name__": "node_uname_info", "nodename": "rpi03", **target})
    async with prometheus(double) as (source, _):
        [node] = await source.read_nodes()
    assert (node.instance, node.hostname, node.machine_up) == ("rpi03:9100", "rpi03", True)


async def test_a_large_answer_is_taken_apart_in_small_steps_and_made_into_jobs_beside_the_loop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = [
        {
            "metric": FAILED | {"job_name": f"job-{number}", "pod": "kube-state-metrics-7c9d5b6f4-x2kqm"},
            "value": [1, "1"],
        }
        for number in range(60_000)
    ]
    body = json.dumps(
        {"status": "success", "data": {"resultType": "vector", "result": rows}}, separators=(",", ":")
    ).encode()
    double = Double()
    double.jobs = web.Response(body=body, content_type="application/json")
    turns = 0
    steps: list[tuple[int, int]] = []  # at which turn of the loop, how many series
    makers: list[int] = []
    add, series = Collector.add, Collector.series

    def counted(self: Collector, samples: list[Sample]) -> None:
        steps.append((turns, len(samples)))
        add(self, samples)

    def watched(self: Collector, *known: Any) -> Any:
        makers.append(threading.get_ident())
        return series(self, *known)

    monkeypatch.setattr(Collector, "add", counted)
    monkeypatch.setattr(Collector, "series", watched)

    async def turn() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async with prometheus(double) as (source, _):
        turner = asyncio.create_task(turn())
        snapshot = await source.read_jobs()
        turner.cancel()
    assert len(snapshot.jobs) == 60_000
    assert max(size for _, size in steps) < 60_000 / 20
    assert len({at for at, _ in steps}) > 20, "others have a turn between the steps"
    assert makers
    assert threading.get_ident() not in makers


# -- the service proxy ------------------------------------------------------------------------------------------------


class Proxy:
    """An API server's service proxy that answers as told."""

    def __init__(self, code: int = 200, body: bytes = b"") -> None:
        self.answer = (code, body)
        self.asked: list[tuple[str, str, dict[str, str]]] = []

    async def service_get(self, service: str, path: str, params: Mapping[str, str]) -> tuple[int, bytes]:
        self.asked.append((service, path, dict(params)))
        return self.answer


VIA = PrometheusConfig("main", cluster="nuc", via="kubernetes", service="monitoring/prometheus:9090")


async def test_through_the_service_proxy_everything_is_a_get() -> None:
    body = b'{"status":"success","data":{"resultType":"vector","result":[]}}'
    proxy = Proxy(body=body)
    source = PrometheusSource(VIA, proxy)
    assert not (await source.read_jobs()).heartbeat
    assert proxy.asked == [("monitoring/prometheus:9090", "/api/v1/query", {"query": QUERY})]


async def test_what_the_proxied_server_refuses_is_a_sentence_too() -> None:
    source = PrometheusSource(VIA, Proxy(401, b"no org id"))
    with pytest.raises(SourceRefused, match="X-Scope-OrgID"):
        await source.read_jobs()


async def test_a_service_proxy_needs_its_cluster() -> None:
    with pytest.raises(SourceUnreachable, match="'nuc'"):
        await PrometheusSource(VIA).read_jobs()
