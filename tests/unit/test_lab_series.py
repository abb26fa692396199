"""The lab's Prometheus keeps the series of many objects small."""

import tracemalloc
from datetime import UTC, datetime

import pytest

from homelab_tui.demo import manifests
from homelab_tui.demo.cluster import DemoCluster
from homelab_tui.demo.history import History
from homelab_tui.demo.kubelet import Kubelet
from homelab_tui.demo.objects import parse_rfc3339, rfc3339
from homelab_tui.demo.programs import ok_run
from homelab_tui.demo.scraper import ScrapeOptions, Scraper
from homelab_tui.demo.timeseries import named_key, series_key
from homelab_tui.demo.world import World

JOBS = 200


@pytest.fixture
def cluster() -> DemoCluster:
    """A cluster with a crowd of finished Jobs."""
    cluster = DemoCluster("nuc", World())
    kubelet = Kubelet(cluster, lambda _pod, _now: ok_run("main", 1.0))
    cluster.store.create("namespaces", manifests.namespace("crowd"))
    History(cluster, kubelet, seed=1).crowd("crowd", JOBS, 0)
    return cluster


def test_what_the_series_of_a_job_have_in_common_is_kept_once(cluster: DemoCluster) -> None:
    scraper = Scraper(cluster, ScrapeOptions(), cluster.clock)
    tracemalloc.start()
    try:
        scraper.remember([])
        each = tracemalloc.get_traced_memory()[0] / JOBS
    finally:
        tracemalloc.stop()
    assert len(scraper.storage.named(None)) > 10 * JOBS
    assert each < 9_000  # with labels of its own for every series it was 17,700, now it is 5,900


def test_a_scrape_writes_what_changed_and_ends_what_is_gone(cluster: DemoCluster) -> None:
    scraper = Scraper(cluster, ScrapeOptions(), cluster.clock)
    scraper.remember([])
    scraper.scrape()
    job = cluster.store.require("jobs", "crowd", "crowd-00001")
    job["status"]["active"] = 4
    cluster.store.update("jobs", job)
    cluster.store.remove("jobs", "crowd", "crowd-00002")
    cluster.clock.advance(5)
    scraper.scrape()
    now = cluster.clock.now().timestamp()
    active = {s.labels["job_name"]: s.at(now) for s in scraper.storage.named("kube_job_status_active")}
    assert active["crowd-00002"] is None
    assert {name: run.value for name, run in active.items() if run is not None and run.value} == {"crowd-00001": 4.0}


def test_a_key_is_sorted_wherever_its_name_falls() -> None:
    assert series_key("up", {"job": "a", "B": "c", "empty": ""}) == (("B", "c"), ("__name__", "up"), ("job", "a"))
    assert named_key("up", (("job", "a"),)) == (("__name__", "up"), ("job", "a"))


def test_times_are_written_in_whole_seconds_of_utc_and_read_back() -> None:
    assert rfc3339(datetime(2026, 11, 28, 1, 2, 3, 999_999, tzinfo=UTC)) == "2026-11-28T01:02:03Z"
    assert parse_rfc3339("2026-11-28T02:02:03.5+01:00") == datetime(2026, 11, 28, 1, 2, 3, 500_000, tzinfo=UTC)
