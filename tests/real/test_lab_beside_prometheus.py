"""The lab's Prometheus beside Debian's: the same objects scraped, the same questions asked, the answers compared."""

import asyncio
import json
import math
import re
import signal
import socket
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from aiohttp import web

from homelab_tui.demo.kube_state_metrics import object_metrics
from homelab_tui.demo.lab import DemoLab
from homelab_tui.demo.node_exporter import machine_metrics
from homelab_tui.demo.site import DemoSite
from homelab_tui.demo.world import Clock
from tests.labs import start_lab, until
from tests.servers import require_binary

Json = dict[str, Any]
JOBS = r'{__name__=~"kube_(job|cronjob)_(failed|owner|info|status_start_time)"}'
SAME_RESULT = (
    "kube_job_failed > 0",
    'kube_job_failed{condition="true"} == 1',
    "kube_job_status_failed > 0",
    'kube_job_owner{owner_kind=""}',
    JOBS,
    r'{__name__=~"kube_cronjob_.+",namespace!="backup"}',
    'kube_pod_info{node=~"nuc0[12]",created_by_kind="Job"}',
    "count(kube_node_info)",
    "count by (namespace) (kube_job_info)",
    "sum without (job_name, instance, pod, container, endpoint, service, job) (kube_job_status_active)",
    "max by (namespace, owner_name) (kube_job_owner)",
    "min(kube_cronjob_status_last_schedule_time)",
    "avg by (cronjob) (kube_cronjob_spec_suspend)",
    "kube_cronjob_status_last_schedule_time > kube_cronjob_status_last_successful_time",
    "kube_cronjob_info unless on (namespace, cronjob) kube_cronjob_status_last_successful_time",
    "(kube_cronjob_spec_suspend == 1) or (kube_cronjob_status_active > 0)",
    "kube_job_status_start_time * on (namespace, job_name) group_left (owner_name) kube_job_owner",
    "kube_job_status_completion_time - kube_job_status_start_time",
    'topk by (namespace) (1, kube_job_status_start_time{namespace="db"})',
    "node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes < 2",
    "(node_memory_MemTotal_bytes - node_memory_MemAvailable_bytes) / 1024 / 1024",
    "kube_job_complete == bool 1",
    'absent(nothing_like_it{job="x"})',
    "absent(kube_job_info)",
    "scalar(count(kube_node_info)) * 2",
    "vector(3) + 4",
    "1 / 0",
    "-kube_cronjob_spec_suspend",
    "2 + 3 * 4 % 3",
    "nothing_like_it",
    "max_over_time(kube_job_failed[2s])",
    "last_over_time(kube_job_info[2s])",
    # facts: the CronJobs whose latest Job failed
    'max by (namespace, job_name, owner_name) (kube_job_owner{owner_kind="CronJob"}) and on (namespace, job_name) '
    "topk by (namespace, owner_name) (1, max by (namespace, job_name) (kube_job_status_start_time) "
    "* on (namespace, job_name) group_left (owner_name) max by (namespace, job_name, owner_name) "
    '(kube_job_owner{owner_kind="CronJob"})) and on (namespace, job_name) '
    '(max by (namespace, job_name) (kube_job_failed{condition="true"}) == 1)',
)
SAME_ERROR = (
    "",
    "up{",
    "sum(",
    "{}",
    '{job=""}',
    "up ==",
    "))",
    'up{job=~"["}',
    "time() == 1",
    "1 and 2",
    "rate(kube_job_info)",
    "kube_job_failed * on (namespace) kube_job_info",
    "kube_job_info * on (namespace) group_left kube_job_owner",
    *("rate(up[5m]", "sum by (", "sum(up) by", "sum(up", "foo bar", "1 +", "up{a=b}", "up{a", "up{a='b' c", "up[5]"),
    *("nofunc(up)", "topk(up)", "avg_over_time(up)", "scalar(1)", "vector(up)", "abs(up, up)", "time(1)", "up or 1"),
    *("max_over_time(up[5])", "sum(up) > bool (1 == 2)", "up{a!~'*'}", "up{a=~'('}", "up * * up", "(up))", "up ]"),
)
REQUESTS: tuple[tuple[str, str, Json], ...] = (
    ("GET", "/api/v1/query", {}),
    ("POST", "/api/v1/query", {"data": {"query": "count(kube_node_info)"}}),
    ("POST", "/api/v1/query", {"json": {"query": "up"}}),
    *((method, "/api/v1/query", {}) for method in ("PUT", "DELETE", "PATCH")),
    *(("POST", path, {}) for path in ("/api/v1/alerts", "/api/v1/rules", "/api/v1/targets", "/api/v1/metadata")),
    *(("GET", f"/api/v1/query?query=up&{wrong}", {}) for wrong in ("time=soon", "time=1e400", "timeout=x")),
    *(
        ("GET", f"/api/v1/query_range?query=up&{wrong}", {})
        for wrong in ("start=2&end=1&step=1", "start=0&end=1&step=0")
    ),
    *(("GET", f"/api/v1/query_range?query=up&{wrong}", {}) for wrong in ("start=0&end=1&step=x", "end=1&step=1")),
    *(
        ("GET", f"/api/v1/query_range?query=up&{wrong}", {})
        for wrong in ("start=x&end=1&step=1", "start=0&end=1&step=-1")
    ),
    ("GET", "/api/v1/query_range?query=up&start=0&end=100000&step=1", {}),
    *(
        ("GET", f"/api/v1/series{what}", {})
        for what in ("", "?match[]=up{", "?match[]=up[5m]", "?match[]=kube_node_info")
    ),
    *(("GET", f"/api/v1/rules{what}", {}) for what in ("", "?type=x", "?type=record")),
    *(("GET", f"/api/v1/labels{what}", {}) for what in ("", "?start=x", "?end=x")),
    *(("GET", f"/api/v1/label/{name}/values", {}) for name in ("job", "1x", "__name__")),
    ("GET", "/api/v1/metadata?limit=x", {}),
    *(("GET", f"/api/v1/{what}", {}) for what in ("alerts", "targets", "status/buildinfo", "status/runtimeinfo")),
    *(("GET", path, {}) for path in ("/api/v1/nothing", "/api/v2/query", "/-/ready", "/-/healthy")),
)
"""What is asked of both: method, path, and what goes with it."""
TARGET = {"namespace": "monitoring", "container": "kube-state-metrics", "endpoint": "http"}


def exposition(site: DemoSite) -> str:
    """What kube-state-metrics and node_exporter of a cluster would expose, in the text format."""
    found: list[tuple[str, dict[str, str], float]] = []
    for resource in ("jobs", "cronjobs", "pods", "nodes"):
        for stored in site.cluster.store.unordered(resource):
            found += object_metrics(resource, stored.body)
    for machine in site.kubelet.machines.values():
        metrics = machine_metrics(machine, None, site.cluster.clock.now())
        found += [(name, {**labels, "machine_name": machine.name}, value) for name, labels, value in metrics]
    return "".join(
        f"{name}{{{','.join(f'{key}={json.dumps(text)}' for key, text in labels.items())}}} {value!r}\n"
        for name, labels, value in found
    )


@asynccontextmanager
async def exporter(text: str) -> AsyncIterator[int]:
    """A scrape target on a free port."""

    async def answer(_: web.BaseRequest) -> web.Response:
        return web.Response(text=text, content_type="text/plain")

    runner = web.ServerRunner(web.Server(answer))
    await runner.setup()
    sock = socket.create_server(("127.0.0.1", 0))
    await web.SockSite(runner, sock).start()
    try:
        yield sock.getsockname()[1]
    finally:
        await runner.cleanup()


@asynccontextmanager
async def real_prometheus(directory: Path, target: int) -> AsyncIterator[httpx.AsyncClient]:
    """Debian's prometheus, scraping that port once a second."""
    binary = require_binary("prometheus")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    labels = "".join(f"          {key}: {value}\n" for key, value in TARGET.items())
    (directory / "prometheus.yml").write_text(
        "global: {scrape_interval: 1s, evaluation_interval: 1s}\nscrape_configs:\n"
        "  - job_name: kube-state-metrics\n    honor_labels: true\n    static_configs:\n"
        f"      - targets: ['127.0.0.1:{target}']\n        labels:\n{labels}"
    )
    process = await asyncio.create_subprocess_exec(
        str(binary),
        f"--config.file={directory / 'prometheus.yml'}",
        f"--storage.tsdb.path={directory / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=10) as client:

            async def scraped() -> bool:
                try:
                    answer = await client.get("/api/v1/query", params={"query": "count(kube_node_info)"})
                except httpx.ConnectError:
                    return False
                return answer.status_code == 200 and bool(answer.json()["data"]["result"])

            await until(scraped, 30)
            yield client
    finally:
        process.send_signal(signal.SIGTERM)
        await process.wait()


def shape(answer: httpx.Response) -> object:
    """What must agree: status, envelope, result type, every series with its value; not the target's own labels."""
    body: Json = answer.json()
    if body["status"] == "error":
        # which of many series clashed first is chance
        return answer.status_code, sorted(body), body["errorType"], re.sub(r"\{[^}]*\}", "{}", body["error"])
    data = body["data"]
    if data["resultType"] == "scalar":
        return answer.status_code, "scalar", data["result"][1]
    ignored = {"instance", "pod", "service", *TARGET}
    rows: list[tuple[tuple[tuple[str, str], ...], str]] = []
    for row in data["result"]:
        metric = row["metric"]
        of_pod = metric.get("__name__", "").startswith("kube_pod")
        kept = {k: v for k, v in metric.items() if k not in ignored or k == "namespace" or (of_pod and k == "pod")}
        rows.append((tuple(sorted(kept.items())), _rounded(row["value"][1])))
    return answer.status_code, data["resultType"], sorted(rows)


def _rounded(text: str) -> str:
    value = float(text)
    return text if math.isnan(value) or math.isinf(value) else f"{value:.9g}"


def quiet_lab(clock: Clock) -> DemoLab:
    """A lab whose Jobs and machines stand still while both are asked."""
    return start_lab(clock=clock, ssh=False, snmp=False, interval_s=1.0)


async def test_both_give_the_same_answers_and_refuse_the_same_questions(tmp_path: Path) -> None:
    clock = Clock()
    clock.freeze()
    async with quiet_lab(clock) as lab:
        site = lab.sites["nuc"]
        text = exposition(site)
        async with exporter(text) as port, real_prometheus(tmp_path, port) as real:
            moment = clock.now().timestamp()
            differences: list[str] = []
            async with httpx.AsyncClient(base_url=site.prometheus.url, timeout=10) as ours:
                for query in (*SAME_RESULT, *SAME_ERROR):
                    if "node_memory" in query:
                        continue
                    left = shape(await ours.get("/api/v1/query", params={"query": query, "time": str(moment)}))
                    right = shape(await real.post("/api/v1/query", data={"query": query}))
                    if left != right:
                        differences.append(f"{query}\n  lab:  {str(left)[:700]}\n  real: {str(right)[:700]}")
            assert not differences, "\n".join(differences)


def heard(answer: httpx.Response) -> object:
    """What must agree: status, headers, an error whole, and the names and types of what is told otherwise."""
    headers = {name: answer.headers.get(name) for name in ("content-type", "content-encoding", "allow")}
    if not (answer.headers.get("content-type") or "").startswith("application/json"):
        return answer.status_code, headers, answer.text if answer.status_code != 200 else ""
    body = answer.json()
    if body["status"] == "error":
        return answer.status_code, headers, body
    data = body["data"]
    inside = (
        {key: type(value).__name__ for key, value in data.items()} if isinstance(data, dict) else type(data).__name__
    )
    return answer.status_code, headers, sorted(body), inside


async def test_both_answer_every_kind_of_request_with_the_same_status_headers_and_words(tmp_path: Path) -> None:
    clock = Clock()
    async with quiet_lab(clock) as lab:
        site = lab.sites["nuc"]
        async with (
            exporter(exposition(site)) as port,
            real_prometheus(tmp_path, port) as real,
            httpx.AsyncClient(base_url=site.prometheus.url, timeout=10) as ours,
        ):
            differences = []
            for method, path, more in REQUESTS:
                left, right = [heard(await client.request(method, path, **more)) for client in (ours, real)]
                if left != right:
                    differences.append(f"{method} {path}\n  lab:  {left}\n  real: {right}")
            assert not differences, "\n".join(differences)
