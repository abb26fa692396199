"""The demo's first two minutes, on a clock that the test moves."""

import asyncio
import json
from typing import Any

import httpx

from homelab_tui.demo.lab import DemoLab
from tests.labs import api, start_lab, still_clock, until

Json = dict[str, Any]
JOBS = "/apis/batch/v1/namespaces/backup/jobs"


async def backup_of(lab: DemoLab) -> Json:
    """The newest backup Job of rpi03."""
    async with api(lab.sites["pi"]) as client:
        items = (await client.get(JOBS)).json()["items"]
    found: Json = [job for job in items if job["metadata"]["name"].startswith("sd-image-rpi03-")][-1]
    return found


def conditions(job: Json) -> list[str]:
    """Its condition types."""
    return [item["type"] for item in job["status"].get("conditions", ())]


async def alert_state(lab: DemoLab, job: str) -> str | None:
    """The state of KubeJobFailed for a Job in Prometheus."""
    async with httpx.AsyncClient(base_url=lab.sites["pi"].prometheus.url) as client:
        alerts = (await client.get("/api/v1/alerts")).json()["data"]["alerts"]
    states = [alert["state"] for alert in alerts if alert["labels"].get("job_name") == job]
    return states[0] if states else None


async def test_a_pi_browns_out_its_backup_fails_an_alert_fires_and_a_power_cycle_cures_it() -> None:
    clock = still_clock()
    slow: dict[str, Any] = {"boot_s": 4.0, "search_s": 2.0, "interval_s": 5.0, "backoff_s": 10.0}
    async with start_lab(clock=clock, story=True, ssh=False, snmp=False, **slow) as lab:

        def pass_time(seconds: int) -> None:
            for _ in range(seconds):
                clock.advance(1)
                lab.step()

        job = await backup_of(lab)
        name = job["metadata"]["name"]
        assert (job["status"]["active"], conditions(job)) == (1, [])
        pass_time(14)
        assert lab.world.nodes["rpi03"].throttled == 0x50005
        port, neighbour = lab.world.switch.ports[3], lab.world.switch.ports[2]
        assert port.overload == 1
        assert port.power_mw(clock.now()) > 1.6 * neighbour.power_mw(clock.now())
        assert conditions(await backup_of(lab)) == []
        pass_time(22)
        failed = await backup_of(lab)
        assert failed["metadata"]["name"] == name
        assert conditions(failed) == ["FailureTarget", "Failed"]
        async with api(lab.sites["pi"]) as client:
            pods = (
                await client.get("/api/v1/namespaces/backup/pods", params={"labelSelector": f"job-name={name}"})
            ).json()
        ends = [pod["status"]["containerStatuses"][0]["state"]["terminated"] for pod in pods["items"]]
        assert [end["exitCode"] for end in ends] == [5, 5]
        assert "Input/output error" in json.dumps(ends)
        assert {pod["spec"]["nodeName"] for pod in pods["items"]} == {"rpi03"}
        pass_time(6)
        assert await alert_state(lab, name) == "pending"
        pass_time(62)
        assert await alert_state(lab, name) == "firing"

        lab.world.set_port_admin(3, False)
        pass_time(2)
        lab.world.set_port_admin(3, True)
        pass_time(10)
        assert (lab.world.is_up("rpi03"), lab.world.nodes["rpi03"].throttled) == (True, 0)
        assert port.power_mw(clock.now()) < 1.4 * neighbour.power_mw(clock.now())
        pass_time(31 * 60)
        later = await backup_of(lab)
        assert later["metadata"]["name"] != name
        assert "Complete" in conditions(later)
        assert await alert_state(lab, name) == "firing"
        async with api(lab.sites["pi"]) as client:
            await client.request("DELETE", f"{JOBS}/{name}", json={"propagationPolicy": "Background"})
        pass_time(6)
        assert await alert_state(lab, name) is None


async def ready_condition(lab: DemoLab, node: str) -> str:
    """Its Ready condition's status in Kubernetes."""
    async with api(lab.sites["pi"]) as client:
        found = (await client.get(f"/api/v1/nodes/{node}")).json()
    return next(str(item["status"]) for item in found["status"]["conditions"] if item["type"] == "Ready")


async def up_metric(lab: DemoLab, node: str) -> str:
    """Prometheus' `up` of its node_exporter."""
    query = f'up{{instance="{lab.world.nodes[node].address}:9100"}}'
    async with httpx.AsyncClient(base_url=lab.sites["pi"].prometheus.url) as client:
        found = (await client.get("/api/v1/query", params={"query": query})).json()["data"]["result"]
    return str(found[0]["value"][1])


async def greeting(port: int) -> str:
    """What its SSH port says within half a second: a version, nothing, or that it is closed."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except ConnectionRefusedError:
        return "closed"
    try:
        async with asyncio.timeout(0.5):
            return (await reader.readline()).decode().partition("-Open")[0]
    except TimeoutError:
        return "silent"
    finally:
        writer.close()


async def test_all_servers_tell_the_same_of_a_pi_without_power_of_one_that_hangs_and_of_their_return() -> None:
    async with start_lab(catalogue=False) as lab:

        async def truth(node: str) -> tuple[str, str, str, int]:
            lab.step()
            port = lab.world.switch.ports[int(node[-1])]
            ssh = await greeting(lab.ssh_ports[node])
            return ssh, await ready_condition(lab, node), await up_metric(lab, node), port.detection

        async def becomes(node: str, wanted: tuple[str, str, str, int]) -> None:
            async def same() -> bool:
                return await truth(node) == wanted

            await until(same)

        well = ("SSH-2.0", "True", "1", 3)
        await becomes("rpi02", well)
        lab.world.set_port_admin(2, False)
        lab.world.hang("rpi04")
        await becomes("rpi02", ("closed", "Unknown", "0", 1))
        await becomes("rpi04", ("silent", "Unknown", "0", 3))
        await becomes("rpi01", well)
        for number in (2, 4):
            lab.world.set_port_admin(number, False)
            lab.world.set_port_admin(number, True)
        await becomes("rpi02", well)
        await becomes("rpi04", well)


async def test_one_seed_and_one_clock_make_the_same_lab_twice_and_another_seed_another() -> None:
    clock = still_clock()

    async def objects(seed: int) -> list[Json]:
        async with start_lab(clock=clock, seed=seed, ssh=False, snmp=False) as lab, api(lab.sites["nuc"]) as client:
            found: list[Json] = []
            for path in ("/apis/batch/v1/jobs", "/apis/batch/v1/cronjobs", "/api/v1/pods", "/api/v1/nodes"):
                found += (await client.get(path)).json()["items"]
            return found

    first = await objects(1)
    assert first == await objects(1)
    assert first != await objects(2)


async def test_the_cron_jobs_tell_every_story() -> None:
    async with start_lab(clock=still_clock(), ssh=False, snmp=False) as lab:
        found: dict[str, Json] = {}
        owned: dict[str, list[Json]] = {}
        for site in lab.sites.values():
            async with api(site) as client:
                for cron in (await client.get("/apis/batch/v1/cronjobs")).json()["items"]:
                    found[cron["metadata"]["name"]] = cron
                for job in (await client.get("/apis/batch/v1/jobs")).json()["items"]:
                    for owner in job["metadata"].get("ownerReferences", ()):
                        owned.setdefault(owner["name"], []).append(job)

    def results(name: str) -> list[str]:
        return ["Failed" if "Failed" in conditions(job) else "Complete" for job in owned[name]]

    assert results("offsite-sync") == ["Failed"] * 3
    assert "lastSuccessfulTime" not in found["offsite-sync"]["status"]
    assert results("restic-nas")[-1] == "Failed"
    assert results("imap-archive")[-2:] == ["Failed", "Complete"]
    assert found["dkim-rotate"]["spec"]["suspend"] is True
    missed = found["thumbnails"]["status"]["lastScheduleTime"]
    assert missed < found["imap-archive"]["status"]["lastScheduleTime"]
    assert set(results("etcd-snapshot")) == {"Complete"}
    assert len(owned["etcd-snapshot"]) == 10


async def test_a_flaky_cron_job_left_no_failed_job_but_prometheus_remembers() -> None:
    """Its Jobs have a time to live: what makes it flaky is a matter of memory."""
    async with start_lab(clock=still_clock(), ssh=False, snmp=False) as lab:
        site = lab.sites["nuc"]
        async with api(site) as client:
            jobs = (await client.get("/apis/batch/v1/namespaces/monitoring/jobs")).json()["items"]
        left = [job for job in jobs if job["metadata"]["name"].startswith("link-check-")]
        assert [kind for job in left for kind in conditions(job) if kind == "Failed"] == []
        query = 'last_over_time(kube_job_{}{{condition="true",job_name=~"link-check-.*"}}[4h]) == 1'
        ended: dict[str, set[str]] = {}
        async with httpx.AsyncClient(base_url=site.prometheus.url) as client:
            for word in ("failed", "complete"):
                answer = await client.get("/api/v1/query", params={"query": query.format(word)})
                ended[word] = {item["metric"]["job_name"] for item in answer.json()["data"]["result"]}
    assert len(ended["failed"]) >= 2
    assert max(ended["complete"] | ended["failed"]) in ended["complete"]
