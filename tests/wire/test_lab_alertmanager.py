"""The lab's Alertmanager: what its Prometheus servers fire arrives there, and silences hold it back."""

from typing import Any

import httpx

from homelab_tui.demo.lab import DemoLab
from tests.labs import api, start_lab, still_clock

Json = dict[str, Any]


async def failed_job_alerts(client: httpx.AsyncClient, **params: str) -> list[Json]:
    """KubeJobFailed in the Alertmanager."""
    answer = await client.get("/api/v2/alerts", params={"filter": 'alertname="KubeJobFailed"', **params})
    found: list[Json] = answer.json()
    return found


async def test_a_firing_alert_arrives_is_silenced_and_goes_with_its_job() -> None:
    clock = still_clock()
    lab: DemoLab
    async with (
        start_lab(clock=clock, ssh=False, snmp=False) as lab,
        httpx.AsyncClient(base_url=lab.alertmanager.url) as client,
    ):
        alerts = await failed_job_alerts(client)
        assert {alert["labels"]["cluster"] for alert in alerts} == {"nuc", "pi"}
        assert {alert["status"]["state"] for alert in alerts} == {"active"}
        one = next(alert["labels"] for alert in alerts if alert["labels"]["cluster"] == "nuc")
        wanted = {name: one[name] for name in ("alertname", "namespace", "job_name")}
        matchers = [{"name": name, "value": value, "isRegex": False, "isEqual": True} for name, value in wanted.items()]
        now = clock.now()
        body = {
            "matchers": matchers,
            "startsAt": now.isoformat(),
            "endsAt": now.replace(year=now.year + 1).isoformat(),
            "createdBy": "me",
            "comment": "known",
        }
        silence = (await client.post("/api/v2/silences", json=body)).json()["silenceID"]
        muted = [alert for alert in await failed_job_alerts(client) if alert["status"]["state"] == "suppressed"]
        assert [alert["labels"]["job_name"] for alert in muted] == [one["job_name"]]
        assert muted[0]["status"]["silencedBy"] == [silence]
        assert one["job_name"] not in {
            a["labels"]["job_name"] for a in await failed_job_alerts(client, silenced="false")
        }

        async with api(lab.sites["nuc"]) as kubernetes:
            path = f"/apis/batch/v1/namespaces/{one['namespace']}/jobs/{one['job_name']}"
            await kubernetes.request("DELETE", path, json={"propagationPolicy": "Background"})
        clock.advance(1)
        lab.step()
        assert one["job_name"] not in {a["labels"]["job_name"] for a in await failed_job_alerts(client)}


async def test_a_pi_that_is_down_holds_the_alert_about_its_voltage_back() -> None:
    clock = still_clock()
    async with (
        start_lab(clock=clock, ssh=False, snmp=False, catalogue=False, for_s=2.0) as lab,
        httpx.AsyncClient(base_url=lab.alertmanager.url) as client,
    ):
        lab.world.set_throttled("rpi03", 0x1)
        clock.advance(1)
        lab.step()

        async def voltage(**params: str) -> list[Json]:
            found: list[Json] = (
                await client.get("/api/v2/alerts", params={"filter": 'alertname="NodeUnderVoltage"', **params})
            ).json()
            return found

        assert [alert["status"]["state"] for alert in await voltage()] == ["active"]
        lab.world.hang("rpi02")  # another Pi's outage says nothing of this one
        for _ in range(3):
            clock.advance(1)
            lab.step()
        down = (await client.get("/api/v2/alerts", params={"filter": 'alertname="NodeDown"'})).json()
        assert [alert["status"]["inhibitedBy"] for alert in [*down, *(await voltage())]] == [[], []]
        labels = {**(await voltage())[0]["labels"], "alertname": "NodeDown", "severity": "critical"}
        await client.post("/api/v2/alerts", json=[{"labels": labels}])
        (held,) = await voltage()
        assert (held["status"]["state"], len(held["status"]["inhibitedBy"])) == ("suppressed", 1)
        assert await voltage(inhibited="false") == []


async def test_its_faults_are_its_own() -> None:
    async with start_lab(("alertmanager=503",), ssh=False, snmp=False, catalogue=False) as lab:
        async with httpx.AsyncClient(base_url=lab.alertmanager.url) as client:
            assert (await client.get("/api/v2/status")).status_code == 503
            lab.faults.apply("alertmanager=none")
            assert (await client.get("/api/v2/status")).json()["cluster"]["status"] == "disabled"
        async with httpx.AsyncClient(base_url=lab.sites["nuc"].prometheus.url) as client:
            assert (await client.get("/-/ready")).status_code == 200
