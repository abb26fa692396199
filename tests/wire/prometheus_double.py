"""A Prometheus that answers exactly what a test says, right or wrong."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from homelab_tui.config.model import PrometheusConfig
from homelab_tui.domain.errors import (
    SourceError,
)
from homelab_tui.sources.kube_state_metrics import AGE_QUERY
from homelab_tui.sources.prometheus import PrometheusSource
from tests.wire.hostile_api import HostileApi, api

FAILED = {"__name__": "kube_job_failed", "namespace": "ops", "job_name": "backup-29923920", "condition": "true"}
OWNER = {
    "__name__": "kube_job_owner",
    "namespace": "ops",
    "job_name": "backup-29923920",
    "owner_kind": "CronJob",
    "owner_name": "backup",
}


def vector(*metrics: Mapping[str, str], value: str = "1", **envelope: object) -> web.Response:
    """A successful answer to a query."""
    result = [{"metric": dict(metric), "value": [1700000000, value]} for metric in metrics]
    return web.json_response({"status": "success", "data": {"resultType": "vector", "result": result}, **envelope})


class Double:
    """A Prometheus that answers as a test says, by path; a query by default with one failed Job."""

    def __init__(self) -> None:
        self.jobs: web.Response | None = None
        self.alerts: web.Response | None = None
        self.age: web.Response | None = None
        self.past: Callable[[str, str], web.Response] | None = None
        """Query and time limit of a look at the past → its answer."""
        self.build: web.Response | None = None
        self.prefix = ""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        form = request.query if request.method == "GET" else await request.post()
        path = request.path.removeprefix(self.prefix)
        if not request.path.startswith(self.prefix):
            return web.Response(status=404, text="404 page not found\n")
        if path == "/api/v1/alerts":
            return self.alerts or web.json_response({"status": "success", "data": {"alerts": []}})
        if path == "/api/v1/status/buildinfo":
            return self.build or web.json_response({"status": "success", "data": {"version": "2.42.0"}})
        if path != "/api/v1/query":
            return web.Response(status=404, text="404 page not found\n")
        if form.get("query") == AGE_QUERY:
            return self.age or vector({}, value="7.4")
        query, limit = str(form.get("query")), str(form.get("timeout"))
        if query.startswith("last_over_time(") and self.past is not None:
            return self.past(query, limit)
        return self.jobs or vector(FAILED, OWNER)


@asynccontextmanager
async def prometheus(
    double: Double | None = None, **settings: Any
) -> AsyncIterator[tuple[PrometheusSource, HostileApi]]:
    """A source on a running double; `settings` are those of PrometheusConfig."""
    prefix = settings.pop("prefix", "")
    async with api((double or Double()).handle) as server:
        source = PrometheusSource(PrometheusConfig("main", url=server.url + prefix, cluster="nuc", **settings))
        try:
            yield source, server
        finally:
            await source.close()


async def jobs_error(double: Double, **settings: Any) -> SourceError:
    """What read_jobs() raises."""
    async with prometheus(double, **settings) as (source, _):
        with pytest.raises(SourceError) as caught:
            await source.read_jobs()
    assert str(caught.value).startswith("main: ")
    return caught.value
