"""The Prometheus source against the demo lab: as it is, scraped otherwise, and with each fault."""

import asyncio
import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from homelab_tui.config.model import ClusterConfig, PrometheusConfig
from homelab_tui.domain.errors import (
    SourceError,
    SourceForbidden,
    SourceGarbled,
    SourceRefused,
    SourceTimeout,
    SourceUnreachable,
)
from homelab_tui.domain.jobs import JobState, Verdict
from homelab_tui.domain.merging import merge
from homelab_tui.engine.schedules import next_run
from homelab_tui.sources.kubernetes import KubernetesSource
from homelab_tui.sources.prometheus import PrometheusSource
from tests.labs import start_lab

VIA = PrometheusConfig("main", cluster="nuc", via="kubernetes", service="monitoring/prometheus:9090")
QUIET: dict[str, Any] = {"ssh": False, "snmp": False}


def lab_source(url: str, name: str = "nuc") -> PrometheusSource:
    """A source on a Prometheus of the lab, impatient."""
    return PrometheusSource(PrometheusConfig(name, url=url, connect_timeout_s=1.0, read_timeout_s=0.5))


async def test_the_lab_is_read_as_it_is() -> None:
    async with start_lab(**QUIET) as lab:
        site = lab.sites["nuc"]
        source = lab_source(site.prometheus.url)
        snapshot = await source.read_jobs()
        nodes = await source.read_nodes()
        version = await source.check()
        stored = {
            (one.body["metadata"]["namespace"], one.body["metadata"]["name"]) for one in site.cluster.store.all("jobs")
        }
        await source.close()
    assert version.startswith("Prometheus 2.")
    assert {(job.namespace, job.name) for job in snapshot.jobs} == stored
    assert {node.hostname for node in nodes} == {"nuc01", "nuc02", "nuc03", "nuc04"}
    assert snapshot.alerts
    assert snapshot.warnings == ()


async def test_a_machines_curves_come_from_one_range_query() -> None:
    async with start_lab(interval_s=0.2, **QUIET) as lab:
        site = lab.sites["pi"]
        source = lab_source(site.prometheus.url, "pi")
        machine = next(node for node in await source.read_nodes() if node.hostname == "rpi02")
        site.prometheus.scrape()
        end = lab.world.clock.now() + timedelta(seconds=1)  # the slots' grid is whole seconds
        curves = await source.read_curves(machine.instance, end=end, seconds=60.0, points=60)
        long = await source.read_curves(machine.instance, end=end, seconds=4 * 3600.0, points=48)
        nobody = await source.read_curves("no such machine", end=end, seconds=60.0, points=60)
        await source.close()
    assert curves.temperature_c is not None
    assert curves.hat_w is not None
    assert curves.port_w is None
    assert (len(curves.temperature_c.values), curves.temperature_c.step_s) == (60, 1.0)
    assert (curves.temperature_c.values[-1] or 0.0) == pytest.approx(machine.temperature_c, abs=6.0)
    assert (curves.hat_w.values[-1] or 0.0) == pytest.approx((machine.hat_ma or 0) * 5 / 1000, abs=1.0)
    assert long.temperature_c is not None
    assert 22 <= long.temperature_c.known <= 26, "the lab remembers two hours before its start"
    assert long.temperature_c.values[0] is None
    assert (nobody.temperature_c, nobody.hat_w) == (None, None)


async def test_the_labs_cronjobs_get_the_verdicts_they_are_there_for() -> None:
    async with start_lab(**QUIET) as lab:
        snapshots = []
        for name, site in lab.sites.items():
            source = lab_source(site.prometheus.url, name)
            snapshots.append(await source.read_jobs())
            await source.close()
        view = merge([], snapshots, (), lab.world.clock.now(), 5.0, next_run)
    verdicts = {cronjob.key: cronjob.verdict for cronjob in view.cronjobs}
    assert verdicts["nuc/backup/restic-nas"] is Verdict.FAILING
    assert verdicts["nuc/backup/offsite-sync"] is Verdict.NEVER_SUCCEEDED
    assert verdicts["nuc/media/thumbnails"] is Verdict.MISSED
    assert verdicts["nuc/mail/dkim-rotate"] is Verdict.SUSPENDED
    assert verdicts["nuc/mail/imap-archive"] is Verdict.RECOVERED
    assert verdicts["pi/home/zigbee-export"] is Verdict.RECOVERED
    assert view.jobs[0].state is JobState.FAILED


@pytest.mark.parametrize("options", [{"honor_labels": False}, {"duplicates": True}], ids=["not honored", "roll-over"])
async def test_a_lab_that_scrapes_otherwise_tells_the_same(options: dict[str, Any]) -> None:
    async with start_lab(**QUIET) as lab:
        plain = await _names(lab.sites["nuc"].prometheus.url)
    async with start_lab(**QUIET, **options) as lab:
        assert await _names(lab.sites["nuc"].prometheus.url) == plain


async def _names(url: str) -> set[tuple[str, str, str | None, bool | None]]:
    source = lab_source(url)
    snapshot = await source.read_jobs()
    await source.close()
    # Numbers at the end are minutes of the start of the lab.
    return {(job.namespace, job.name.rstrip("0123456789"), job.cronjob, job.failed) for job in snapshot.jobs}


async def test_a_lab_without_kube_state_metrics_has_no_data() -> None:
    async with start_lab(**QUIET, kube_state_metrics=False) as lab:
        source = lab_source(lab.sites["nuc"].prometheus.url)
        assert not (await source.read_jobs()).heartbeat
        assert len(await source.read_nodes()) == 4
        await source.close()


FAULTS: Sequence[tuple[str, type[SourceError]]] = [
    ("refuse", SourceUnreachable),
    ("hang", SourceTimeout),
    ("slow", SourceTimeout),
    ("reset", SourceUnreachable),
    ("garbage", SourceGarbled),
    ("401", SourceRefused),
    ("403", SourceForbidden),
    ("429", SourceError),
    ("500", SourceError),
    ("503", SourceError),
]


async def test_each_fault_of_the_lab_is_an_error_and_passes() -> None:
    async with start_lab(**QUIET) as lab:
        source = lab_source(lab.sites["nuc"].prometheus.url)
        for fault, kind in FAULTS:
            lab.faults.set("prometheus", "nuc", fault)
            with pytest.raises(SourceError) as caught:
                await asyncio.wait_for(source.read_jobs(), 4)
            assert type(caught.value) is kind, f"{fault}: {caught.value!r}"
            lab.faults.set("prometheus", "nuc", None)
            assert (await _again(source)).jobs, fault
        await source.close()


async def _again(source: PrometheusSource) -> Any:
    """The next good snapshot: a `refuse` needs a moment to end."""
    deadline = time.monotonic() + 5
    while True:
        try:
            return await source.read_jobs()
        except SourceUnreachable:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.02)


async def test_half_an_answer_of_the_lab_comes_with_a_warning() -> None:
    async with start_lab(("prometheus:nuc=partial",), **QUIET) as lab:
        source = lab_source(lab.sites["nuc"].prometheus.url)
        assert (await source.read_jobs()).warnings
        await source.close()


async def test_the_labs_prometheus_through_its_api_server() -> None:
    async with start_lab(**QUIET) as lab:
        kubernetes = KubernetesSource(
            ClusterConfig("nuc", kubeconfig=str(lab.kubeconfig), context="kubernetes-admin@nuc")
        )
        source = PrometheusSource(VIA, kubernetes)
        snapshot = await source.read_jobs()
        version = await source.check()
        await source.close()
        await kubernetes.close()
    assert snapshot.jobs
    assert snapshot.alerts
    assert version.startswith("Prometheus 2.")
