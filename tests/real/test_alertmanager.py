"""Silences and alert states against Debian's Alertmanager: what we make there holds, and what we read there is so."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from homelab_tui.config.model import AlertmanagerConfig, Config
from homelab_tui.domain.alerts import AlertmanagerSnapshot, Matcher
from homelab_tui.domain.errors import SourceRefused
from homelab_tui.domain.jobs import Alert, AlertState, Job, JobId, JobState, MetricsSnapshot
from homelab_tui.domain.values import replace
from homelab_tui.engine.lab import Lab
from homelab_tui.engine.wires import Sources
from homelab_tui.sources.alertmanager import AlertmanagerSource
from tests.fakes import FakeCluster, FakePrometheus, FakeSsh
from tests.labs import until
from tests.real.test_lab_beside_alertmanager import real_alertmanager

JOB = Job(JobId("nuc", "backup", "restic-1"), JobState.FAILED, uid="u1")


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    async with real_alertmanager(tmp_path) as running:
        yield running


@pytest.fixture
async def source(client: httpx.AsyncClient) -> AsyncIterator[AlertmanagerSource]:
    made = AlertmanagerSource(AlertmanagerConfig(str(client.base_url), name="main"))
    try:
        yield made
    finally:
        await made.close()


def labels(job_name: str, pod: str, **more: str) -> dict[str, str]:
    """An alert as the mixin's rule makes it: with the labels of a kube-state-metrics Pod."""
    return {"alertname": "KubeJobFailed", "namespace": "backup", "job_name": job_name, "pod": pod, **more}


async def post(client: httpx.AsyncClient, *alerts: dict[str, str]) -> None:
    answer = await client.post("/api/v2/alerts", json=[{"labels": alert} for alert in alerts])
    assert answer.status_code == 200, answer.text


async def states(source: AlertmanagerSource) -> dict[str, set[AlertState]]:
    found: dict[str, set[AlertState]] = {}
    for alert in (await source.read()).alerts:
        found.setdefault(alert.job_name, set()).add(alert.state)
    return found


def lab_of(source: AlertmanagerSource, tmp_path: Path) -> tuple[Lab, FakePrometheus]:
    prometheus = FakePrometheus()
    alert = Alert("KubeJobFailed", "backup", "restic-1", AlertState.FIRING)
    prometheus.snapshot = MetricsSnapshot("nuc", alerts=(alert, replace(alert, job_name="other")))
    cluster = FakeCluster()
    cluster.add(JOB, replace(JOB, id=JOB.id._replace(name="other"), uid="u2"))
    config = Config(alertmanagers=(AlertmanagerConfig("", name="main"),))
    sources = Sources(FakeSsh(), clusters=(cluster,), prometheus=(prometheus,), alertmanagers=(source,))
    return Lab(config, sources, tmp_path / "state"), prometheus


async def alert_of(lab: Lab, name: str) -> AlertState | None:
    state = await lab.read(("clusters", "prometheus", "alertmanagers"))
    return next(job.alert for job in state.jobs.jobs if job.id.name == name)


async def test_a_silence_holds_for_its_job_alone_and_survives_a_restart_of_kube_state_metrics(
    client: httpx.AsyncClient, source: AlertmanagerSource, tmp_path: Path
) -> None:
    lab, _ = lab_of(source, tmp_path)
    await post(client, labels("restic-1", "ksm-1"), labels("other", "ksm-1"))
    await until(lambda: both(source))
    assert (await alert_of(lab, "restic-1"), await alert_of(lab, "other")) == (AlertState.FIRING, AlertState.FIRING)
    result = await lab.silences.silence(JOB, 7200, "known; disk is on its way")
    assert result.ok, result.detail
    silence = (await client.get(f"/api/v2/silence/{result.created}")).json()
    assert {(m["name"], m["value"], m["isRegex"], m["isEqual"]) for m in silence["matchers"]} == {
        ("alertname", "KubeJobFailed", False, True),
        ("namespace", "backup", False, True),
        ("job_name", "restic-1", False, True),
    }
    assert silence["comment"] == "known; disk is on its way"
    ends_at = datetime.fromisoformat(silence["endsAt"].replace("Z", "+00:00"))
    assert abs((ends_at - datetime.now(UTC)).total_seconds() - 7200) < 60
    await post(client, labels("restic-1", "ksm-2"))

    async def muted() -> bool:
        return await states(source) == {"restic-1": {AlertState.SILENCED}, "other": {AlertState.FIRING}}

    await until(muted)
    assert (await alert_of(lab, "restic-1"), await alert_of(lab, "other")) == (AlertState.SILENCED, AlertState.FIRING)
    await lab.close()


async def both(source: AlertmanagerSource) -> bool:
    return len(await states(source)) == 2


async def test_our_silence_is_ended_and_that_of_another_stays(
    client: httpx.AsyncClient, source: AlertmanagerSource, tmp_path: Path
) -> None:
    lab, _ = lab_of(source, tmp_path)
    now = datetime.now(UTC)
    matchers = (Matcher("alertname", "KubeJobFailed"), Matcher("job_name", "res.*", is_regex=True))
    theirs = await source.create_silence(
        matchers, starts_at=now, ends_at=now + timedelta(hours=1), created_by="grafana", comment="maintenance"
    )
    await lab.read(("alertmanagers",))
    assert not lab.silences.is_silenced_by_us(JOB)
    ours = await lab.silences.silence(JOB, 3600, "c")
    await lab.read(("alertmanagers",))
    assert lab.silences.is_silenced_by_us(JOB)
    assert (await lab.silences.unsilence(JOB)).ok
    left = {one.id for one in (await source.read()).silences}
    assert theirs in left
    assert ours.created not in left
    await lab.close()


async def test_a_silence_made_twice_is_one_and_lasts_as_the_second_says(
    client: httpx.AsyncClient, source: AlertmanagerSource, tmp_path: Path
) -> None:
    lab, _ = lab_of(source, tmp_path)
    first = await lab.silences.silence(JOB, 3600, "c")
    await lab.read(("alertmanagers",))
    second = await lab.silences.silence(JOB, 7200, "c")
    assert first.ok
    assert second.ok
    assert [one.id for one in (await source.read()).silences] == [second.created]
    await lab.close()


async def test_an_inhibited_alert_is_told_as_such(tmp_path: Path) -> None:
    rule = "  - source_matchers: ['alertname = ClusterDown']\n    target_matchers: ['alertname = KubeJobFailed']\n"
    async with real_alertmanager(tmp_path, rule) as client:
        source = AlertmanagerSource(AlertmanagerConfig(str(client.base_url), name="main"))
        await post(client, {"alertname": "ClusterDown"}, labels("restic-1", "ksm-1"))

        async def inhibited() -> bool:
            return await states(source) == {"restic-1": {AlertState.INHIBITED}}

        await until(inhibited, 20)
        await source.close()


async def test_what_the_server_objects_to_is_told_in_its_words(
    client: httpx.AsyncClient, source: AlertmanagerSource
) -> None:
    past = datetime.now(UTC) - timedelta(hours=1)
    with pytest.raises(SourceRefused, match=r"main: the Alertmanager does not take this \(400\): .*end time"):
        await source.create_silence(
            (Matcher("a", "b"),), starts_at=past, ends_at=past, created_by="me (homelab)", comment="c"
        )
    assert await source.expire_silence("3b1e7d1a-1f0e-4b6e-8d0d-0123456789ab") is False
    assert await source.check()
    assert await source.read() == AlertmanagerSnapshot("main")
