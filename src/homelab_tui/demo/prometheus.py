"""The demo's Prometheus HTTP API: one server per cluster."""

import re
from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web

from homelab_tui.demo.alert_rules import AlertRules, alert_document, lab_rules
from homelab_tui.demo.clock import SkewedClock
from homelab_tui.demo.cluster import DemoCluster
from homelab_tui.demo.faults import Faults
from homelab_tui.demo.history import PastRun
from homelab_tui.demo.http_server import LoopbackServer
from homelab_tui.demo.prometheus_documents import (
    Document,
    bad_parameter,
    check_timeout,
    compressed,
    json_response,
    moment_of,
    number,
    parse_selector,
    refuse,
    rule_document,
    stamp,
    step_s,
)
from homelab_tui.demo.promql import Evaluator, Point, Value
from homelab_tui.demo.promql_errors import QueryError
from homelab_tui.demo.promql_syntax import parse
from homelab_tui.demo.promql_tree import Selector
from homelab_tui.demo.scraper import ScrapeOptions, Scraper
from homelab_tui.demo.timeseries import Labels

MAX_POINTS = 11_000
_POSTED = ("/api/v1/query", "/api/v1/query_range", "/api/v1/series", "/api/v1/labels")
"""What may be asked by POST as well."""
_LABEL = re.compile(r"[a-zA-Z_]\w*")
Route = Callable[[Mapping[str, str], web.BaseRequest], Awaitable[web.Response]]


class DemoPrometheus:
    """A Prometheus that scrapes one cluster of the lab and answers on a loopback port."""

    def __init__(self, cluster: DemoCluster, faults: Faults, options: ScrapeOptions, for_s: float = 60.0) -> None:
        """`for_s`: how long KubeJobFailed stays pending."""
        self.name = cluster.name
        self.clock = SkewedClock(cluster.world.clock, lambda: faults.skew_s("prometheus", cluster.name))
        self.options = options
        self.scraper = Scraper(cluster, options, self.clock)
        self.storage = self.scraper.storage
        self.rules = AlertRules(self.storage, lab_rules(for_s))
        self.started = self.clock.now()
        self.notify: Callable[[DemoPrometheus], None] = lambda _: None
        """Told after each evaluation: the Alertmanager."""
        self.queries: list[str] = []
        """The latest PromQL that was asked, for tests."""
        self._server = LoopbackServer(
            faults, "prometheus", cluster.name, self.handle, refuse, clock=self.clock, partial=self._half
        )
        self._partial = False
        self._due = 0.0
        self._routes: dict[str, Route] = {
            "/api/v1/query": self._query,
            "/api/v1/query_range": self._query_range,
            "/api/v1/series": self._series,
            "/api/v1/labels": self._labels,
            "/api/v1/metadata": self._metadata,
            "/api/v1/alerts": self._alerts,
            "/api/v1/rules": self._rules,
            "/api/v1/targets": self._targets,
            "/api/v1/status/buildinfo": self._build_info,
            "/api/v1/status/runtimeinfo": self._runtime_info,
        }

    @property
    def url(self) -> str:
        """Base URL of the running server."""
        return f"http://127.0.0.1:{self._server.port}"

    def open(self) -> None:
        """Take connections, which wait until `start` for their answer. Raises: OSError."""
        self._server.open()

    async def start(self, past: list[PastRun]) -> int:
        """Remember the past, scrape once, listen; returns the port."""
        self.scraper.remember(past)
        self.scrape()
        return await self._server.start()

    async def stop(self) -> None:
        """Close the port."""
        await self._server.stop()

    def scrape(self) -> None:
        """Scrape every target and evaluate the rules now, ahead of the interval."""
        self._due = self.clock.monotonic() + self.options.interval_s
        if self._server.fault == "disk-full" or not self.scraper.scrape():
            return  # what cannot be stored cannot be alerted on either
        self.rules.evaluate(self.clock.now().timestamp())
        self.notify(self)

    def beat(self) -> None:
        """Scrape when the interval has passed; the lab's clock decides, so that a test can move it."""
        if self.clock.monotonic() >= self._due:
            self.scrape()

    # -- one request ---------------------------------------------------------------------------------------------------

    async def handle(self, request: web.BaseRequest, path: str | None = None) -> web.Response:
        """Answer a request; `path` when the server sits behind a proxy that stripped a prefix."""
        path = path or request.path
        if path == "/":
            return web.Response(status=302, headers={"Location": "/graph"})
        if path in ("/-/healthy", "/-/ready"):
            return web.Response(text=f"Prometheus Server is {'Healthy' if path == '/-/healthy' else 'Ready'}.\n")
        route = self._routes.get(path)
        if path.startswith("/api/v1/label/") and path.endswith("/values"):
            route = self._label_values
        if route is None:
            return web.Response(text="404 page not found\n", status=404)
        allowed = ("GET", "OPTIONS", "POST") if path in _POSTED else ("GET", "OPTIONS")
        if request.method == "OPTIONS":
            return web.Response(status=204)
        if request.method not in allowed:
            return web.Response(text="Method Not Allowed\n", status=405, headers={"Allow": ", ".join(allowed)})
        form: dict[str, str] = dict(request.query)
        if request.method == "POST" and request.content_type == "application/x-www-form-urlencoded":
            posted = await request.post()
            form |= {key: value for key, value in posted.items() if isinstance(value, str)}
        try:
            answer = await route(form, request)
        except QueryError as error:
            body: Document = {"status": "error", "errorType": error.kind, "error": error.message}
            answer = json_response(body, error.code)
        return compressed(request, answer)

    async def _half(self, request: web.BaseRequest) -> web.StreamResponse:
        """The fault `partial`, as Thanos shows it: 200 with a warning, and half of the series."""
        self._partial = True
        try:
            return await self.handle(request)
        finally:
            self._partial = False

    async def _query(self, form: Mapping[str, str], request: web.BaseRequest) -> web.Response:
        now = self.clock.now().timestamp()
        moment = moment_of(form["time"], "time") if form.get("time") else now
        check_timeout(form)
        self._note(form)
        expr = parse(form.get("query", ""))
        value = Evaluator(self.storage, moment).value(expr)
        if isinstance(value, float):
            return self._success({"resultType": "scalar", "result": [moment, number(value)]})
        limited, warnings = self._limited(value, form)
        rows = [{"metric": point.labels, "value": [moment, number(point.value)]} for point in limited]
        return self._success({"resultType": "vector", "result": rows}, warnings)

    def _limited(self, points: list[Point], form: Mapping[str, str]) -> tuple[list[Point], list[str]]:
        warnings: list[str] = []
        if self._partial:
            points = points[: len(points) // 2]
            warnings.append("No StoreAPIs matched for this query: store nas.home:10901 is unavailable")
        limit = int(form.get("limit") or 0)
        if limit and len(points) > limit:
            points = points[:limit]
            warnings.append("results truncated due to limit")
        return points, warnings

    async def _query_range(self, form: Mapping[str, str], request: web.BaseRequest) -> web.Response:
        start, end = moment_of(form.get("start", ""), "start"), moment_of(form.get("end", ""), "end")
        step = step_s(form.get("step", ""))
        if end < start:
            raise bad_parameter("end", "end timestamp must not be before start time")
        if (end - start) / step > MAX_POINTS:
            raise QueryError(
                400,
                "bad_data",
                "exceeded maximum resolution of 11,000 points per timeseries. "
                "Try decreasing the query resolution (?step=XX)",
            )
        self._note(form)
        expr = parse(form.get("query", ""))
        rows: dict[tuple[tuple[str, str], ...], tuple[Labels, list[list[object]]]] = {}
        for index in range(int((end - start) / step + 1e-9) + 1):
            moment = start + index * step
            value: Value = Evaluator(self.storage, moment).value(expr)
            points = [Point({}, value, moment)] if isinstance(value, float) else value
            for point in points:
                row = rows.setdefault(tuple(sorted(point.labels.items())), (point.labels, []))
                row[1].append([moment, number(point.value)])
        found = list(rows.values())[: len(rows) // 2] if self._partial else list(rows.values())
        matrix = [{"metric": labels, "values": values} for labels, values in found]
        return self._success({"resultType": "matrix", "result": matrix})

    async def _series(self, form: Mapping[str, str], request: web.BaseRequest) -> web.Response:
        wanted = [
            *request.query.getall("match[]", []),
            *([form["match[]"]] if request.method == "POST" and "match[]" in form else []),
        ]
        if not wanted:
            raise QueryError(400, "bad_data", "no match[] parameter provided")
        now = self.clock.now().timestamp()
        found: list[Labels] = []
        for text in wanted:
            expr = parse_selector(text)
            points = Evaluator(self.storage, now).value(expr)
            found += [point.labels for point in points] if isinstance(points, list) else []
        return self._success(found)

    async def _labels(self, form: Mapping[str, str], request: web.BaseRequest) -> web.Response:
        for name in ("start", "end"):
            if form.get(name):
                moment_of(form[name], name, twice=True)
        return self._success(sorted({label for series in self.storage.named(None) for label, _ in series.key}))

    async def _label_values(self, form: Mapping[str, str], request: web.BaseRequest) -> web.Response:
        label = request.path.split("/")[-2]
        if not _LABEL.fullmatch(label):
            raise QueryError(400, "bad_data", f'invalid label name: "{label}"')
        if label == "__name__":
            return self._success(self.storage.names())
        return self._success(
            sorted({value for series in self.storage.named(None) for name, value in series.key if name == label})
        )

    async def _metadata(self, form: Mapping[str, str], request: web.BaseRequest) -> web.Response:
        limit = form.get("limit", "")
        if limit and not limit.lstrip("-").isdigit():
            raise QueryError(400, "bad_data", "limit must be a number")
        names = [name for name in self.storage.names() if form.get("metric") in (None, "", name)]
        names = names[: int(limit)] if limit and int(limit) >= 0 else names
        return self._success({name: [{"type": "gauge", "help": "", "unit": ""}] for name in names if name != "ALERTS"})

    async def _alerts(self, form: Mapping[str, str], request: web.BaseRequest) -> web.Response:
        return self._success({"alerts": [alert_document(alert) for _, alert in self.rules.active()]})

    async def _rules(self, form: Mapping[str, str], request: web.BaseRequest) -> web.Response:
        names, kind = request.query.getall("rule_name[]", []), form.get("type", "")
        if kind not in ("", "alert", "record"):
            raise bad_parameter("type", f'not supported value "{kind}"')
        rules = [rule_document(state) for state in self.rules.states if not names or state.rule.name in names]
        group: Document = {
            "name": "kubernetes-apps",
            "file": "/etc/prometheus/rules/homelab.yaml",
            "rules": rules if kind != "record" else [],
            "interval": self.options.interval_s,
            "limit": 0,
            "evaluationTime": 0.0004,
            "lastEvaluation": stamp(self.clock.now()),
        }
        return self._success({"groups": [group] if group["rules"] else []})

    async def _targets(self, form: Mapping[str, str], request: web.BaseRequest) -> web.Response:
        found = Evaluator(self.storage, self.clock.now().timestamp()).value(Selector("up", ()))
        active: list[Document] = []
        for point in found if isinstance(found, list) else []:
            labels = {key: value for key, value in point.labels.items() if key != "__name__"}
            up = point.value == 1
            active.append(
                {
                    "discoveredLabels": {},
                    "labels": labels,
                    "scrapePool": labels["job"],
                    "scrapeUrl": f"http://{labels['instance']}/metrics",
                    "lastError": "" if up else f'Get "http://{labels["instance"]}/metrics": context deadline exceeded',
                    "lastScrape": stamp(self.clock.now()),
                    "health": "up" if up else "down",
                }
            )
        return self._success({"activeTargets": active, "droppedTargets": []})

    async def _build_info(self, form: Mapping[str, str], request: web.BaseRequest) -> web.Response:
        info = {
            "version": "2.53.4",
            "revision": "c3e8e1b6e0d4",
            "branch": "HEAD",
            "buildUser": "",
            "goVersion": "go1.22.12",
        }
        return self._success(info | {"buildDate": "20250318-12:01:41"})

    async def _runtime_info(self, form: Mapping[str, str], request: web.BaseRequest) -> web.Response:
        info = {"startTime": stamp(self.started), "CWD": "/prometheus", "reloadConfigSuccess": True}
        info |= {"lastConfigTime": stamp(self.started), "corruptionCount": 0, "goroutineCount": 42, "GOMAXPROCS": 4}
        return self._success(info | {"GOGC": "75", "GODEBUG": "", "storageRetention": "7d"})

    def _note(self, form: Mapping[str, str]) -> None:
        del self.queries[:-200]
        self.queries.append(form.get("query", ""))

    def _success(self, data: object, warnings: list[str] | None = None) -> web.Response:
        body: Document = {"status": "success", "data": data}
        if warnings:
            body["warnings"] = warnings
        elif self._partial:
            body["warnings"] = ["partial response: store nas.home:10901 is unavailable"]
        return json_response(body)
