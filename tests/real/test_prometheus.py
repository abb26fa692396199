"""The Prometheus source against Debian's own Prometheus, which scrapes kube-state-metrics' exposition from the test."""

import asyncio
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from homelab_tui.config.model import SecretRef
from homelab_tui.domain.errors import SourceMissing, SourceRefused
from homelab_tui.domain.jobs import (
    AlertState,
    CronJob,
    CronJobSeries,
    Job,
    JobId,
    JobSeries,
    JobState,
    MetricsSnapshot,
    Verdict,
    Witness,
)
from homelab_tui.domain.merging import merge
from homelab_tui.domain.state import ClusterJobs
from homelab_tui.domain.values import replace
from homelab_tui.engine.schedules import next_run
from homelab_tui.sources.prometheus import PrometheusSource
from tests.exposition import expose, exposition
from tests.labs import until
from tests.real.prometheus_server import Exposition, ScrapeJob, Settings, exporter, running, source
from tests.servers import require_binary

NOW = datetime.now(UTC).replace(second=0, microsecond=0)
KSM_TARGET = {"namespace": "monitoring", "pod": "kube-state-metrics-0", "node": "nuc01"}
SECOND_TARGET = KSM_TARGET | {"pod": "kube-state-metrics-1", "node": "nuc02"}
MIXIN_RULE = """
groups:
  - name: kubernetes-apps
    rules:
      - alert: KubeJobFailed
        expr: kube_job_failed{condition="true"} > 0
        for: 15m
        labels: {severity: warning}
        annotations: {description: Removing failed job after investigation should clear this alert.}
      - alert: JobFailedAtOnce
        expr: max by (namespace, exported_namespace, job_name) (kube_job_failed{condition="true"}) == 1
"""


def ago(minutes: float) -> datetime:
    """That many minutes before the start of the tests."""
    return NOW - timedelta(minutes=minutes)


def run_name(cronjob: str, minutes: float) -> str:
    """The name a CronJob gives the Job of that tick."""
    return f"{cronjob}-{int(ago(minutes).timestamp()) // 60}"


NEVER = CronJobSeries(
    "backup",
    "offsite",
    schedule="0 3 * * *",
    time_zone="Etc/UTC",
    suspended=False,
    created_at=ago(9000),
    last_scheduled_at=ago(30),
    next_run_at=ago(-600),
    active=0,
)
RECOVERED = CronJobSeries(
    "backup",
    "restic",
    schedule="@hourly",
    suspended=False,
    created_at=ago(9000),
    last_scheduled_at=ago(30),
    last_succeeded_at=ago(28),
    next_run_at=ago(-30),
    active=0,
)
NEVER_RUN = JobSeries(
    "backup",
    run_name("offsite", 30),
    failed=True,
    cronjob="offsite",
    created_at=ago(30),
    started_at=ago(30),
    active=0,
    node="nuc03",
)
ECHO = replace(
    NEVER_RUN, name=run_name("restic", 90), cronjob="restic", created_at=ago(90), started_at=ago(90), node=None
)
SUCCESS = JobSeries(
    "backup",
    run_name("restic", 30),
    complete=True,
    cronjob="restic",
    created_at=ago(30),
    started_at=ago(30),
    completed_at=ago(28),
    active=0,
)
LONE = JobSeries("db", "migrate-0042", failed=True, created_at=ago(600), started_at=ago(600), active=0, node="rpi02")
ODD = JobSeries("db", 'odd-[/bold]-"quoted"\\n-ünï', complete=True, created_at=ago(5), active=0)
JOBS = tuple(sorted([NEVER_RUN, ECHO, SUCCESS, LONE, ODD], key=lambda job: (job.namespace, job.name)))
LINES = expose(JOBS, [NEVER, RECOVERED])


def ksm(exporter_: Exposition, *, honor_labels: bool, targets: tuple[dict[str, str], ...] = (KSM_TARGET,)) -> Settings:
    """A Prometheus that scrapes it as kube-state-metrics, with the mixin's alert."""
    return Settings((ScrapeJob("kube-state-metrics", exporter_.address, honor_labels, targets),), rules=MIXIN_RULE)


async def first_snapshot(source_: PrometheusSource, jobs: int) -> MetricsSnapshot:
    """The first one with that many Jobs and their alerts: it takes a scrape and an evaluation."""

    async def complete() -> MetricsSnapshot | None:
        snapshot = await source_.read_jobs()
        firing = [alert for alert in snapshot.alerts or () if alert.state is AlertState.FIRING]
        failed = [job for job in snapshot.jobs if job.failed]
        return snapshot if len(snapshot.jobs) == jobs and len(firing) >= len(failed) else None

    found: MetricsSnapshot = await until(complete, 20)
    return found


async def test_every_scrape_configuration_gives_the_same_jobs(tmp_path: Path) -> None:
    """Four servers side by side: a Prometheus takes five seconds before its first scrape."""

    async def check(honor_labels: bool, old_names: bool) -> None:
        directory = tmp_path / f"{honor_labels}-{old_names}"
        directory.mkdir()
        async with exporter(exposition(LINES, old_names=old_names)) as target:
            settings = replace(ksm(target, honor_labels=honor_labels), rules="")
            async with running(directory, settings) as url, source(url) as prometheus:
                snapshot = await until(lambda: _with_heartbeat(prometheus), 30)
        assert snapshot.jobs == JOBS
        assert snapshot.cronjobs == (NEVER, RECOVERED)
        assert snapshot.alerts == ()
        assert snapshot.warnings == ()
        assert snapshot.heartbeat_age_s is not None
        assert snapshot.heartbeat_age_s < 10

    async with asyncio.TaskGroup() as group:
        for honor_labels in (True, False):
            for old_names in (True, False):
                group.create_task(check(honor_labels, old_names))


async def _with_heartbeat(prometheus: PrometheusSource) -> MetricsSnapshot | None:
    snapshot = await prometheus.read_jobs()
    return snapshot if snapshot.heartbeat else None


async def test_a_roll_over_doubles_the_series_and_nothing_else(tmp_path: Path) -> None:
    async with exporter(exposition(LINES)) as target:
        settings = ksm(target, honor_labels=True, targets=(KSM_TARGET, SECOND_TARGET))
        async with running(tmp_path, settings) as url, source(url) as prometheus:

            async def with_both_targets() -> MetricsSnapshot | None:
                snapshot = await prometheus.read_jobs()
                # The mixin's rule keeps every scrape label: two alerts for each of three Jobs.
                mixin = [alert for alert in snapshot.alerts or () if alert.name == "KubeJobFailed"]
                return snapshot if len(mixin) == 2 * 3 else None

            snapshot: MetricsSnapshot = await until(with_both_targets, 20)
    assert snapshot.jobs == JOBS
    assert snapshot.cronjobs == (NEVER, RECOVERED)
    rows = merge([], [snapshot], (), NOW, 5.0, next_run).jobs
    assert sorted(row.id.name for row in rows) == sorted(job.name for job in JOBS)


async def test_verdicts_and_alerts_from_prometheus_alone(tmp_path: Path) -> None:
    async with (
        exporter(exposition(LINES)) as target,
        running(tmp_path, ksm(target, honor_labels=False)) as url,
        source(url) as prometheus,
    ):
        snapshot = await first_snapshot(prometheus, len(JOBS))
    assert {(alert.name, alert.state) for alert in snapshot.alerts or ()} == {
        ("KubeJobFailed", AlertState.PENDING),
        ("JobFailedAtOnce", AlertState.FIRING),
    }
    view = merge([], [snapshot], (), NOW, 5.0, next_run)
    cronjobs = {row.name: (row.verdict, row.failed_jobs, row.next_run_at) for row in view.cronjobs}
    assert cronjobs == {
        "offsite": (Verdict.NEVER_SUCCEEDED, 1, ago(-600)),
        "restic": (Verdict.RECOVERED, 1, ago(-30)),
    }
    failed = {row.id.name: (row.superseded, row.alert, row.node, row.uid) for row in view.jobs if row.alert}
    assert failed == {
        ECHO.name: (True, AlertState.FIRING, None, None),
        NEVER_RUN.name: (False, AlertState.FIRING, "nuc03", None),
        LONE.name: (False, AlertState.FIRING, "rpi02", None),
    }
    assert {row.seen_by for row in view.jobs} == {(Witness.PROMETHEUS,)}


async def test_a_deleted_job_leaves_with_the_next_scrape(tmp_path: Path) -> None:
    """And until then a tombstone hides it."""
    async with (
        exporter(exposition(LINES)) as target,
        running(tmp_path, ksm(target, honor_labels=True)) as url,
        source(url) as prometheus,
    ):
        before = await first_snapshot(prometheus, len(JOBS))
        kubernetes = _cluster_without(LONE)
        shown = {str(row.id) for row in merge([kubernetes], [before], (), NOW, 5.0).jobs}
        hidden = {str(row.id) for row in merge([kubernetes], [before], ["nuc/db/migrate-0042"], NOW, 5.0).jobs}
        target.text = exposition(expose([job for job in JOBS if job != LONE], [NEVER, RECOVERED]))
        after: MetricsSnapshot = await until(lambda: _without_job(prometheus, LONE), 20)
    assert shown - hidden == {"nuc/db/migrate-0042"}
    assert len(after.jobs) == len(JOBS) - 1
    assert after.heartbeat
    assert not any(alert.job_name == LONE.name for alert in after.alerts or ())


async def _without_job(prometheus: PrometheusSource, job: JobSeries) -> MetricsSnapshot | None:
    snapshot = await prometheus.read_jobs()
    gone = job not in snapshot.jobs and not any(alert.job_name == job.name for alert in snapshot.alerts or ())
    return snapshot if gone else None


def _cluster_without(gone: JobSeries) -> ClusterJobs:
    jobs = [
        Job(JobId("nuc", job.namespace, job.name), JobState.COMPLETE, uid=job.name, created_at=job.created_at)
        for job in JOBS
        if job != gone
    ]
    crons = [CronJob("nuc", cron.namespace, cron.name, created_at=cron.created_at) for cron in (NEVER, RECOVERED)]
    return ClusterJobs("nuc", tuple(jobs), tuple(crons))


async def test_a_kube_state_metrics_that_goes_takes_the_heartbeat_along(tmp_path: Path) -> None:
    async with (
        exporter(exposition(LINES)) as target,
        running(tmp_path, ksm(target, honor_labels=True)) as url,
        source(url) as prometheus,
    ):
        await until(lambda: _with_heartbeat(prometheus), 20)
        target.text = None

        async def without_heartbeat() -> bool:
            return not (await prometheus.read_jobs()).heartbeat

        await until(without_heartbeat, 20)


async def test_a_prometheus_without_kube_state_metrics_has_no_data_and_still_its_nodes(tmp_path: Path) -> None:
    lines = 'node_uname_info{nodename="rpi03",machine="aarch64"} 1\nnode_load1 0.25\nnode_boot_time_seconds 1.7e9\n'
    async with exporter(lines) as target:
        settings = Settings((ScrapeJob("node", target.address),))
        async with running(tmp_path, settings) as url, source(url) as prometheus:
            [node] = await until(prometheus.read_nodes, 20)
            snapshot = await prometheus.read_jobs()
            version = await prometheus.check()
            target.text = None

            async def is_down() -> bool:
                return [one.machine_up for one in await prometheus.read_nodes()] == [False]

            await until(is_down, 20)
    assert (node.hostname, node.load1, node.machine_up) == ("rpi03", 0.25, True)
    assert node.boot_time == datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
    assert (snapshot.heartbeat, snapshot.jobs, snapshot.cronjobs) == (False, (), ())
    assert version.removeprefix("Prometheus ") in _installed_version()


def _installed_version() -> str:
    command = [str(require_binary("prometheus")), "--version"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


# bcrypt of "hunter2", cost 4: Prometheus takes nothing else.
BASIC_AUTH = "basic_auth_users:\n  kkato: $2b$04$abcdefghijklmnopqrstuuV3duMsC0HpUex6N9qapiuOHHWkwRXVm\n"


async def test_a_path_prefix_and_a_password(tmp_path: Path) -> None:
    async with exporter(exposition(LINES)) as target:
        settings = replace(ksm(target, honor_labels=True), prefix="/monitoring/prom", web_config=BASIC_AUTH, rules="")
        async with running(tmp_path, settings) as url:
            password = SecretRef(inline="hunter2")
            async with source(url + "/", username="kkato", password=password) as prometheus:
                assert (await until(lambda: _with_heartbeat(prometheus), 20)).jobs == JOBS
            async with source(url, username="kkato", password=SecretRef(inline="wrong")) as prometheus:
                with pytest.raises(SourceRefused, match=r"main: .*credentials"):
                    await prometheus.read_jobs()
            async with source(url.removesuffix("/monitoring/prom"), username="kkato", password=password) as prometheus:
                with pytest.raises(SourceMissing, match="path prefix"):
                    await prometheus.read_jobs()
