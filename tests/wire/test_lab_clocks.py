"""A server of the lab whose clock is wrong, and one whose disk is full: the others go on, and time heals both."""

import re
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import pytest

from homelab_tui.demo.clock import Clock
from homelab_tui.demo.faults import CLOCK_SKEW_S, FAULTS
from homelab_tui.demo.lab import DemoLab
from tests.labs import api, start_lab, still_clock, until
from tests.wire.test_lab_kubernetes import JOBS, job

SKEW = timedelta(seconds=CLOCK_SKEW_S)
Json = dict[str, Any]


@pytest.fixture
def clock() -> Clock:
    """A clock that stands still."""
    return still_clock()


@pytest.fixture
async def lab(clock: Clock) -> AsyncIterator[DemoLab]:
    """A lab on that clock."""
    async with start_lab(clock=clock, ssh=False, snmp=False, catalogue=False, interval_s=1.0) as lab:
        yield lab


def date(answer: httpx.Response) -> datetime:
    """What the server's clock says."""
    return parsedate_to_datetime(answer.headers["date"])


async def ask(base: str, path: str, **params: str) -> httpx.Response:
    """One question to a server without TLS."""
    async with httpx.AsyncClient(base_url=base, timeout=10) as client:
        return await client.get(path, params=params)


async def test_every_server_dates_its_answers_by_the_lab_s_clock(lab: DemoLab, clock: Clock) -> None:
    prometheus, alertmanager = lab.sites["pi"].prometheus.url, lab.alertmanager.url
    async with api(lab.sites["nuc"]) as client:
        answers = [await client.get("/version"), await client.get(JOBS), await client.get("/nothing/here")]
        async with client.stream("GET", JOBS, params={"watch": "1", "timeoutSeconds": "0"}) as stream:
            answers.append(stream)
    answers += [await ask(prometheus, "/-/healthy"), await ask(alertmanager, "/api/v2/alerts")]
    assert {date(answer) for answer in answers} == {clock.now()}


async def test_a_control_plane_that_is_fast_dates_answers_and_objects_ahead(lab: DemoLab, clock: Clock) -> None:
    lab.faults.apply("kubernetes:nuc=clock-skew")
    async with api(lab.sites["nuc"]) as fast, api(lab.sites["pi"]) as right:
        made = await fast.post(JOBS, json=job("early"))
        assert date(made) == clock.now() + SKEW
        meta = made.json()["metadata"]
        assert datetime.fromisoformat(meta["creationTimestamp"]) == clock.now() + SKEW
        assert datetime.fromisoformat(meta["managedFields"][0]["time"]) == clock.now() + SKEW
        assert date(await right.get("/version")) == clock.now()
        lab.faults.apply("kubernetes=none")
        assert date(await fast.get("/version")) == clock.now()
        kept = (await fast.get(f"{JOBS}/early")).json()["metadata"]
        assert kept["creationTimestamp"] == meta["creationTimestamp"]


async def test_a_fast_prometheus_takes_its_samples_ahead_and_leaves_a_gap_when_it_is_set_right(
    lab: DemoLab, clock: Clock
) -> None:
    prometheus = lab.sites["nuc"].prometheus

    async def taken() -> datetime | None:
        answer = await ask(prometheus.url, "/api/v1/query", query="timestamp(up{job='prometheus'})")
        rows = answer.json()["data"]["result"]
        return datetime.fromtimestamp(float(rows[0]["value"][1]), clock.now().tzinfo) if rows else None

    before = clock.now()
    assert await taken() == before
    lab.faults.apply("prometheus:nuc=clock-skew")
    clock.advance(2)
    lab.step()
    assert await taken() == clock.now() + SKEW
    assert date(await ask(prometheus.url, "/-/healthy")) == clock.now() + SKEW
    assert date(await ask(lab.sites["pi"].prometheus.url, "/-/healthy")) == clock.now()
    lab.faults.apply("prometheus=none")
    clock.advance(2)
    lab.step()
    assert await taken() == before  # what it takes now is older than what it has: the TSDB refuses it
    clock.advance(CLOCK_SKEW_S + 2)
    lab.step()
    assert await taken() == clock.now()


async def test_a_fast_alertmanager_dates_its_silences_ahead(lab: DemoLab, clock: Clock) -> None:
    lab.faults.apply("alertmanager=clock-skew")
    matcher = {"name": "alertname", "value": "x", "isRegex": False, "isEqual": True}
    times = {"startsAt": clock.now().isoformat(), "endsAt": (clock.now() + timedelta(hours=1)).isoformat()}
    async with httpx.AsyncClient(base_url=lab.alertmanager.url) as client:
        made = await client.post(
            "/api/v2/silences", json={"matchers": [matcher], **times, "createdBy": "me", "comment": "x"}
        )
        assert date(made) == clock.now() + SKEW
        found = (await client.get("/api/v2/silences")).json()[0]
        assert datetime.fromisoformat(found["updatedAt"]) == clock.now() + SKEW
        soon = {"startsAt": clock.now().isoformat(), "endsAt": (clock.now() + timedelta(minutes=5)).isoformat()}
        over = await client.post(
            "/api/v2/silences", json={"matchers": [matcher], **soon, "createdBy": "me", "comment": "x"}
        )
    assert over.status_code == 400  # to this server those five minutes are over


@pytest.mark.parametrize("source", ["unifi", "routeros"])
async def test_a_fast_controller_dates_its_answers_ahead(clock: Clock, source: str) -> None:
    faults = (f"{source}=clock-skew",)
    async with start_lab(faults, clock, ssh=False, catalogue=False, switch_source=source) as lab:
        assert lab.controller_url is not None
        assert date(await ask(lab.controller_url, "/rest/system/resource")) == clock.now() + SKEW


# -- full disks --------------------------------------------------------------------------------------------------------


async def test_a_full_etcd_reads_but_writes_nothing_and_its_controllers_stand_still(lab: DemoLab, clock: Clock) -> None:
    async with api(lab.sites["nuc"]) as client:
        assert (await client.post(JOBS, json=job("before"))).status_code == 201
        lab.faults.apply("kubernetes:nuc=disk-full")
        clock.advance(30)
        lab.step()
        for method, path, body in (
            ("POST", JOBS, job("after")),
            ("PATCH", f"{JOBS}/before", {"spec": {"suspend": True}}),
            ("DELETE", f"{JOBS}/before", {"propagationPolicy": "Background"}),
        ):
            kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
            refused = await client.request(method, path, json=body, headers={"Content-Type": kind})
            said: Json = refused.json()
            assert (refused.status_code, said["message"]) == (500, "etcdserver: mvcc: database space exceeded")
            assert "reason" not in said
        (found,) = (await client.get(JOBS)).json()["items"]
        assert "conditions" not in found["status"]
        lab.faults.apply("kubernetes=none")
        for _ in range(8):  # scheduled, started, ended, counted
            clock.advance(1)
            lab.step()
        assert (await client.get(f"{JOBS}/before")).json()["status"]["succeeded"] == 1


async def test_a_prometheus_with_a_full_disk_answers_with_what_it_has_until_that_is_stale(
    lab: DemoLab, clock: Clock
) -> None:
    url = lab.sites["nuc"].prometheus.url

    async def count() -> int:
        answer = await ask(url, "/api/v1/query", query="up")
        return len(answer.json()["data"]["result"])

    whole = await count()
    lab.faults.apply("prometheus:nuc=disk-full")
    clock.advance(120)
    lab.step()
    assert await count() == whole
    clock.advance(200)
    lab.step()
    assert await count() == 0
    lab.faults.apply("prometheus=none")
    clock.advance(2)
    lab.step()
    assert await count() == whole


# -- all faults --------------------------------------------------------------------------------------------------------

BROKEN = {"refuse", "hang", "reset", "garbage", "partial"}
"""Faults that leave no whole answer; Prometheus' `partial` is one with a warning."""


async def faulty_answer(client: httpx.AsyncClient, path: str) -> str:
    """How one question ended: a status, or "broken"."""
    try:
        answer = await client.get(path)
        if answer.status_code == 200:
            answer.json()
        return str(answer.status_code)
    except (httpx.HTTPError, ValueError):
        return "broken"


@pytest.mark.parametrize("server", ["kubernetes", "prometheus", "alertmanager", "unifi", "routeros"])
async def test_each_fault_of_each_server_is_switched_on_and_off_while_it_runs(server: str) -> None:
    source = server if server in ("unifi", "routeros") else "snmp"
    async with start_lab(ssh=False, snmp=source != "snmp", catalogue=False, switch_source=source) as lab:
        target = {"kubernetes": "nuc", "prometheus": "nuc", "alertmanager": "main"}.get(server, "sw1")
        urls = {"prometheus": lab.sites["nuc"].prometheus.url, "alertmanager": lab.alertmanager.url}
        path = {"kubernetes": "/apis/batch/v1/jobs", "prometheus": "/api/v1/query?query=up"}.get(
            server, "/api/v2/alerts"
        )
        path = path if source == "snmp" else "/"
        base = urls.get(server) or lab.controller_url or ""
        make = (
            api(lab.sites["nuc"], timeout_s=2.5)
            if server == "kubernetes"
            else httpx.AsyncClient(base_url=base, timeout=2.5)
        )
        async with make as client:
            sound = await faulty_answer(client, path)
            heard: dict[str, str] = {}
            for fault in FAULTS[server]:
                lab.faults.apply(f"{server}:{target}={fault}")
                assert lab.faults.active() == (f"{server}:{target}={fault}",)
                client.timeout = httpx.Timeout(0.4 if fault == "hang" else 4.0)
                heard[fault] = await faulty_answer(client, path)
                lab.faults.apply(f"{server}=none")

                async def well() -> bool:
                    return await faulty_answer(client, path) == sound

                await until(well)
    for fault, how in heard.items():
        if fault.isdigit():
            assert how == fault
        elif fault in BROKEN - ({"partial"} if server == "prometheus" else set()):
            assert how == "broken", fault
        else:
            assert how == sound, fault
    assert re.fullmatch(r"\d{3}", sound)
