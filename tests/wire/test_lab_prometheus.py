"""The lab's Prometheus answers as a real one does: asked with a bare HTTP client."""

import re
from typing import Any

import httpx
import pytest

from homelab_tui.demo.lab import DemoLab
from homelab_tui.demo.site import DemoSite
from tests.labs import api, start_lab, still_clock, until

Json = dict[str, Any]
FAILED = 'kube_job_failed{condition="true"} == 1'


def small_lab(**options: Any) -> DemoLab:
    """A lab without SSH and SNMP."""
    return start_lab(ssh=False, snmp=False, **options)


def client_of(site: DemoSite, timeout_s: float = 5.0) -> httpx.AsyncClient:
    """A bare client of a cluster's Prometheus."""
    return httpx.AsyncClient(base_url=site.prometheus.url, timeout=timeout_s)


async def query(client: httpx.AsyncClient, text: str, **params: str) -> list[Json]:
    """The vector that a query gives."""
    answer = await client.get("/api/v1/query", params={"query": text, **params})
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert (body["status"], body["data"]["resultType"]) == ("success", "vector")
    found: list[Json] = body["data"]["result"]
    return found


def jobs_in(rows: list[Json]) -> set[str]:
    """namespace/job_name of each row."""
    return {f"{row['metric']['namespace']}/{row['metric']['job_name']}" for row in rows}


async def test_the_article_s_query_finds_exactly_the_failed_jobs_of_the_api() -> None:
    async with small_lab(clock=still_clock()) as lab:
        for site in lab.sites.values():
            async with client_of(site) as client, api(site) as kubernetes:
                rows = await query(client, "kube_job_failed > 0")
                items = (await kubernetes.get("/apis/batch/v1/jobs")).json()["items"]
                failed = {
                    f"{item['metadata']['namespace']}/{item['metadata']['name']}"
                    for item in items
                    if any(c["type"] == "Failed" and c["status"] == "True" for c in item["status"]["conditions"])
                }
                assert jobs_in(rows) == failed != set()
                assert {row["metric"]["condition"] for row in rows} == {"true"}
                three = await query(client, "kube_job_failed")
                assert len(three) == 3 * len(rows)


async def test_post_and_get_say_the_same_and_values_are_strings() -> None:
    async with small_lab() as lab, client_of(lab.sites["nuc"]) as client:
        moment = str(lab.world.clock.now().timestamp())
        text = '{__name__=~"kube_(job|cronjob)_.+",namespace=~"back.*"}'
        got = await query(client, text, time=moment)
        posted = (await client.post("/api/v1/query", data={"query": text, "time": moment})).json()["data"]["result"]
        key = lambda row: sorted(row["metric"].items())  # noqa: E731
        assert sorted(posted, key=key) == sorted(got, key=key) != []
        assert all(isinstance(row["value"][0], float) and isinstance(row["value"][1], str) for row in got)
        assert {row["metric"]["namespace"] for row in got} == {"backup"}


async def test_a_deleted_job_vanishes_at_the_next_scrape_and_not_before() -> None:
    clock = still_clock()
    async with small_lab(clock=clock, interval_s=30.0) as lab:
        site = lab.sites["nuc"]
        async with client_of(site) as client, api(site) as kubernetes:
            name = sorted(jobs_in(await query(client, FAILED)))[0]
            space, job = name.split("/")
            path = f"/apis/batch/v1/namespaces/{space}/jobs/{job}"
            await kubernetes.request("DELETE", path, json={"propagationPolicy": "Background"})
            clock.advance(29)
            lab.step()
            assert name in jobs_in(await query(client, FAILED))
            clock.advance(1.5)
            lab.step()
            assert name not in jobs_in(await query(client, FAILED))
            before = str(clock.now().timestamp() - 10)
            assert name in jobs_in(await query(client, FAILED, time=before))


async def test_a_failed_job_is_pending_then_firing_and_clears_when_deleted() -> None:
    clock = still_clock()
    async with small_lab(clock=clock, interval_s=5.0, for_s=60.0, catalogue=False, backoff_s=1.0) as lab:
        site = lab.sites["nuc"]

        async def alerts(client: httpx.AsyncClient) -> list[Json]:
            found = (await client.get("/api/v1/alerts")).json()["data"]["alerts"]
            return [alert for alert in found if alert["labels"]["alertname"] == "KubeJobFailed"]

        def pass_time(seconds: int) -> None:
            for _ in range(seconds):
                clock.advance(1)
                lab.step()

        container = {"name": "main", "image": "busybox", "command": ["false"]}
        spec = {"backoffLimit": 0, "template": {"spec": {"containers": [container], "restartPolicy": "Never"}}}
        async with client_of(site) as client, api(site) as kubernetes:
            path = "/apis/batch/v1/namespaces/backup/jobs"
            await kubernetes.post(path, json={"metadata": {"name": "bad"}, "spec": spec})
            pass_time(20)
            (alert,) = await alerts(client)
            assert (alert["state"], alert["value"], alert["labels"]["job_name"]) == ("pending", "1e+00", "bad")
            rules = (await client.get("/api/v1/rules", params={"type": "alert"})).json()["data"]["groups"][0]["rules"]
            rule = next(rule for rule in rules if rule["name"] == "KubeJobFailed")
            assert (rule["state"], rule["duration"], rule["alerts"][0]["activeAt"]) == (
                "pending",
                60,
                alert["activeAt"],
            )
            pass_time(60)
            assert (await alerts(client))[0]["state"] == "firing"
            series = await query(client, 'ALERTS{alertname="KubeJobFailed"}')
            assert [row["metric"]["alertstate"] for row in series] == ["firing"]
            await kubernetes.request("DELETE", f"{path}/bad", json={"propagationPolicy": "Background"})
            pass_time(6)
            assert await alerts(client) == []
            assert await query(client, 'ALERTS{alertname="KubeJobFailed"}') == []


async def test_honor_labels_false_moves_the_job_s_namespace_aside() -> None:
    async with small_lab(honor_labels=False) as lab, client_of(lab.sites["nuc"]) as client:
        rows = await query(client, FAILED)
        assert {row["metric"]["namespace"] for row in rows} == {"monitoring"}
        assert {"backup", "mail"} <= {row["metric"]["exported_namespace"] for row in rows}
        pods = await query(client, "kube_pod_info")
        assert all(row["metric"]["exported_pod"] != row["metric"]["pod"] for row in pods)


async def test_duplicates_break_a_careless_join_and_max_by_heals_it() -> None:
    async with small_lab(duplicates=True, clock=still_clock()) as lab, client_of(lab.sites["nuc"]) as client:
        join = "kube_job_failed == 1 and on (namespace, job_name) kube_job_info"
        assert len(await query(client, join)) == 2 * len(jobs_in(await query(client, FAILED)))
        careless = "kube_job_status_start_time * on (namespace, job_name) group_left (owner_name) kube_job_owner"
        answer = await client.get("/api/v1/query", params={"query": careless})
        assert (answer.status_code, answer.json()["errorType"]) == (422, "execution")
        assert "many-to-many matching not allowed" in answer.json()["error"]
        healed = await query(client, f"max by (namespace, job_name) ({FAILED})")
        assert len(healed) == len(jobs_in(healed))


async def test_without_kube_state_metrics_there_is_nothing_and_a_heartbeat_says_so() -> None:
    async with small_lab(kube_state_metrics=False) as lab, client_of(lab.sites["nuc"]) as client:
        assert await query(client, "kube_job_failed > 0") == []
        assert await query(client, "count(kube_node_info)") == []
        assert len(await query(client, 'up{job="node-exporter"}')) == 4
    async with small_lab() as lab, client_of(lab.sites["nuc"]) as client:
        assert [row["value"][1] for row in await query(client, "count(kube_node_info)")] == ["4"]
        (age,) = await query(client, "time() - max(timestamp(kube_node_info))")
        assert 0 <= float(age["value"][1]) < 2


async def test_a_range_remembers_jobs_that_were_cleaned_up_before_the_lab_began() -> None:
    async with small_lab() as lab, client_of(lab.sites["nuc"]) as client:
        end = lab.world.clock.now().timestamp()
        params = {
            "query": 'kube_job_complete{condition="true",namespace="monitoring"}',
            "start": f"{end - 6 * 3600}",
            "end": f"{end}",
            "step": "5m",
        }
        matrix = (await client.get("/api/v1/query_range", params=params)).json()["data"]
        assert matrix["resultType"] == "matrix"
        names = {row["metric"]["job_name"] for row in matrix["result"]}
        now = {row["metric"]["job_name"] for row in await query(client, "kube_job_info")}
        assert names - now
        assert all(re.fullmatch(r".+-\d{8}", name) for name in names - now)


async def test_errors_have_the_codes_and_words_of_prometheus() -> None:
    async with small_lab() as lab, client_of(lab.sites["nuc"]) as client:

        async def problem(path: str, **params: str) -> tuple[int, str, str]:
            answer = await client.get(path, params=params)
            body = answer.json()
            assert body["status"] == "error"
            return answer.status_code, body["errorType"], body["error"]

        for text in ("histogram_quantile(0.9, x)", "rate(x[5m:1m])", "up offset 5m", "up @ 1", "label_replace(up)"):
            code, kind, error = await problem("/api/v1/query", query=text)
            assert (code, kind) == (422, "execution"), text
            assert error.startswith("the demo lab does not speak this"), text
        for text in ("up{", "", "sum(", "{}", 'up{job="x"', "up ==", "))"):
            code, kind, error = await problem("/api/v1/query", query=text)
            assert (code, kind) == (400, "bad_data"), text
            assert "parse error" in error, text
        code, _, error = await problem("/api/v1/query_range", query="up", start="0", end="100000", step="1")
        assert code == 400
        assert error.startswith("exceeded maximum resolution of 11,000 points per timeseries.")
        code, _, error = await problem("/api/v1/query_range", query="up", start="2", end="1", step="1")
        assert error == 'invalid parameter "end": end timestamp must not be before start time'
        missing = await client.get("/api/v1/nothing")
        assert (missing.status_code, missing.text) == (404, "404 page not found\n")
        assert (await client.get("/-/ready")).text == "Prometheus Server is Ready.\n"


async def test_a_dead_machine_is_up_0_and_its_own_series_end() -> None:
    async with small_lab() as lab, client_of(lab.sites["pi"]) as client:
        lab.world.set_port_admin(3, False)

        async def down() -> list[Json]:
            return await query(client, 'up{job="node-exporter"} == 0')

        rows = await until(down)
        assert [row["metric"]["instance"] for row in rows] == ["192.168.10.133:9100"]
        assert await query(client, 'node_uname_info{nodename="rpi03"}') == []
        assert len(await query(client, "node_uname_info")) == 3


async def test_the_service_proxy_of_the_api_server_reaches_the_same_prometheus() -> None:
    async with small_lab() as lab:
        site = lab.sites["nuc"]
        path = "/api/v1/namespaces/monitoring/services/prometheus:9090/proxy/api/v1/query"
        async with api(site) as client, api(site, "nobody") as nobody:
            answer = await client.get(path, params={"query": "count(kube_node_info)"})
            assert answer.json()["data"]["result"][0]["value"][1] == "4"
            assert (await nobody.get(path, params={"query": "up"})).status_code == 403


@pytest.mark.parametrize("code", [401, 403, 429, 500, 503])
async def test_a_status_fault_hits_one_prometheus_and_not_the_other(code: int) -> None:
    async with (
        small_lab(faults=(f"prometheus:nuc={code}",)) as lab,
        client_of(lab.sites["nuc"]) as broken,
        client_of(lab.sites["pi"]) as sound,
    ):
        assert (await broken.get("/api/v1/query", params={"query": "up"})).status_code == code
        assert (await sound.get("/api/v1/query", params={"query": "up"})).status_code == 200
        lab.faults.set("prometheus", "nuc", None)
        assert await query(broken, "up")


async def test_partial_is_a_200_with_a_warning_and_fewer_series() -> None:
    async with small_lab() as lab, client_of(lab.sites["nuc"]) as client:
        whole = len(await query(client, "kube_job_info"))
        lab.faults.set("prometheus", "nuc", "partial")
        body = (await client.get("/api/v1/query", params={"query": "kube_job_info"})).json()
        assert body["status"] == "success"
        assert body["warnings"]
        assert 0 < len(body["data"]["result"]) < whole


@pytest.mark.parametrize("fault", ["refuse", "hang", "reset", "garbage"])
async def test_a_fault_gives_no_json_at_all(fault: str) -> None:
    async with small_lab(faults=(f"prometheus={fault}",)) as lab, client_of(lab.sites["nuc"], 0.5) as client:
        with pytest.raises((httpx.HTTPError, ValueError)):
            (await client.get("/api/v1/query", params={"query": "up"})).json()
