"""Every oddity of the two worlds, over the wire: what a scrape, a store or a missing world makes of Jobs."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from homelab_tui.cli import main
from homelab_tui.demo.lab import DemoLab
from homelab_tui.domain.jobs import JobState, MetricsSnapshot, Verdict
from homelab_tui.domain.merging import merge
from homelab_tui.engine.configured import no_heartbeat
from homelab_tui.engine.schedules import next_run
from tests.job_worlds import NOW
from tests.labs import start_lab
from tests.wire.prometheus_double import Double, prometheus, vector

NAME = "backup-29923920"
FAILED = {"__name__": "kube_job_failed", "condition": "true"}
OWNER = {"__name__": "kube_job_owner", "owner_kind": "CronJob", "owner_name": "backup"}
HEARTBEAT = {"__name__": "kube_node_info", "node": "nuc01", "job": "ksm"}
KSM = {"namespace": "monitoring", "pod": "kube-state-metrics-0", "job": "ksm", "instance": "10.0.0.7:8080"}


async def told(*metrics: dict[str, str], **envelope: Any) -> MetricsSnapshot:
    double = Double()
    double.jobs = vector(*metrics, **envelope)
    async with prometheus(double) as (source, _):
        return await source.read_jobs()


Labelled = Callable[[dict[str, str]], list[dict[str, str]]]
SCRAPES: dict[str, Labelled] = {
    "honored": lambda own: [KSM | {"namespace": "ops", "job_name": NAME} | own],
    "exported_namespace": lambda own: [KSM | {"exported_namespace": "ops", "job_name": NAME} | own],
    "v1, honored": lambda own: [KSM | {"namespace": "ops", "job": NAME} | own],
    "v1, exported_job": lambda own: [KSM | {"exported_namespace": "ops", "exported_job": NAME} | own],
    "a roll-out": lambda own: [
        KSM | {"pod": f"kube-state-metrics-{number}", "namespace": "ops", "job_name": NAME} | own for number in (0, 1)
    ],
    "UTF-8 labels": lambda own: [
        KSM | {"namespace": "ops", "job_name": NAME, "my.label": "x", "größe": "‮evil", "": "nameless"} | own
    ],
}


@pytest.mark.parametrize("scrape", SCRAPES)
async def test_whatever_the_scrape_does_to_labels_it_is_one_failed_run_of_one_cronjob(scrape: str) -> None:
    labelled = SCRAPES[scrape]
    snapshot = await told(HEARTBEAT, *labelled(FAILED), *labelled(OWNER))
    [job] = snapshot.jobs
    assert (job.namespace, job.name, job.cronjob, job.failed) == ("ops", NAME, "backup", True)
    [row] = merge([], [snapshot], (), NOW, 5.0, next_run).jobs
    assert (str(row.id), row.state, row.uid) == (f"nuc/ops/{NAME}", JobState.FAILED, None)


@pytest.mark.parametrize("owner", [{}, {"owner_kind": "", "owner_name": ""}, dict.fromkeys(OWNER, "<none>")])
async def test_a_job_without_an_owner_stands_alone(owner: dict[str, str]) -> None:
    base = {"namespace": "ops", "job_name": NAME}
    snapshot = await told(HEARTBEAT, FAILED | base, {**owner, "__name__": "kube_job_owner"} | base)
    assert [job.cronjob for job in snapshot.jobs] == [None]


async def test_nan_infinity_and_histograms_are_no_values() -> None:
    double = Double()
    base = {"namespace": "ops", "job_name": NAME}

    def sample(name: str, value: str) -> dict[str, object]:
        return {"metric": {"__name__": name, **base}, "value": [1700000000, value]}

    result = [
        sample("kube_job_info", "1"),
        sample("kube_job_status_start_time", "NaN"),
        sample("kube_job_created", "+Inf"),
        sample("kube_job_status_active", "-Inf"),
        {"metric": {"__name__": "kube_job_failed", "condition": "true", **base}, "histogram": [1700000000, {}]},
    ]
    body = {"status": "success", "data": {"resultType": "vector", "result": result}}
    double.jobs = vector()
    double.jobs.text = json.dumps(body)
    async with prometheus(double) as (source, _):
        [job] = (await source.read_jobs()).jobs
    assert (job.started_at, job.created_at, job.active, job.failed) == (None, None, None, None)


async def test_a_cronjob_that_never_succeeded_has_no_such_series_and_is_never_ok() -> None:
    own = {"namespace": "ops", "cronjob": "backup"}
    snapshot = await told(
        HEARTBEAT,
        {"__name__": "kube_cronjob_info", "schedule": "@hourly", **own},
        FAILED | {"namespace": "ops", "job_name": NAME},
        OWNER | {"namespace": "ops", "job_name": NAME},
    )
    [row] = merge([], [snapshot], (), NOW, 5.0, next_run).cronjobs
    assert row.verdict is Verdict.NEVER_SUCCEEDED


async def test_of_several_clusters_in_one_server_only_the_one_that_is_meant_is_told() -> None:
    base = {"namespace": "ops", "job_name": NAME}
    snapshot = await told(
        HEARTBEAT | {"cluster": "nuc"},
        HEARTBEAT | {"cluster": "edge"},
        FAILED | base | {"cluster": "edge"},
        {"__name__": "kube_job_info", "cluster": "nuc", **base},
    )
    assert [(job.name, job.failed) for job in snapshot.jobs] == [(NAME, None)]


@pytest.mark.parametrize(
    ("envelope", "words"),
    [
        ({}, "has no kube-state-metrics series: is it scraped?"),
        ({"warnings": ["store nas:10901 is unavailable"]}, "may be partial: store nas:10901"),
        ({"isPartial": True}, "may be partial: the answer is partial (isPartial)"),
    ],
    ids=["empty", "Thanos", "VictoriaMetrics"],
)
async def test_an_empty_answer_means_nothing_without_a_heartbeat(envelope: dict[str, Any], words: str) -> None:
    missing = no_heartbeat(await told(**envelope))
    assert missing is not None
    assert words in missing


async def test_half_an_answer_with_a_heartbeat_is_not_taken_for_all_there_is() -> None:
    half = await told(HEARTBEAT, warnings=["store nas:10901 is unavailable"])
    assert half.heartbeat
    assert "Prometheus answers, but its answer may be partial: store nas" in (no_heartbeat(half) or "")
    assert no_heartbeat(await told(HEARTBEAT)) is None


# -- the listing ------------------------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


async def jobs(capsys: pytest.CaptureFixture[str], path: Path, *argv: str) -> tuple[int, Any]:
    """Exit status and document of `homelab jobs ARGV --json`."""
    capsys.readouterr()
    status = await asyncio.to_thread(main, ["--config", str(path), "jobs", *argv, "--json"])
    return status, json.loads(capsys.readouterr().out)


def written(lab: DemoLab, path: Path, *tables: str) -> Path:
    """A configuration of one cluster, with these tables alone."""
    prometheus_url, context = lab.sites["nuc"].prometheus.url, "kubernetes-admin@nuc"
    texts = {
        "kubernetes": f"[[clusters]]\nname = 'nuc'\nkubeconfig = '{lab.kubeconfig}'\ncontext = '{context}'\n",
        "prometheus": f"[[prometheus]]\nname = 'main'\nurl = '{prometheus_url}'\ncluster = 'nuc'\n",
        "via": "[[prometheus]]\nname = 'main'\ncluster = 'nuc'\nvia = 'kubernetes'\n"
        "service = 'monitoring/prometheus:9090'\n",
    }
    path.write_text("".join(texts[table] for table in tables))
    return path


async def test_half_an_answer_is_no_data_in_the_listing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with start_lab(("prometheus:nuc=partial",), ssh=False, snmp=False) as lab:
        path = written(lab, tmp_path / "c.toml", "prometheus")
        status, document = await jobs(capsys, path)
    assert status == 0, "it answered; what it said is printed"
    assert document["sources"]["prometheus"]["state"] == "no-data"
    assert "partial" in document["sources"]["prometheus"]["problem"]


async def test_prometheus_alone_lists_and_refuses_every_act_with_the_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with start_lab(ssh=False, snmp=False) as lab:
        path = written(lab, tmp_path / "c.toml", "prometheus")
        _, document = await jobs(capsys, path)
        status, refused = await jobs(capsys, path, "delete", "db/migrate-0042", "--yes")
        there = lab.sites["nuc"].cluster.store.get("jobs", "db", "migrate-0042")
    assert {tuple(job["seen_by"]) for job in document["jobs"]} == {("prometheus",)}
    assert any(len(cronjob["history"]) == 14 for cronjob in document["cronjobs"])
    [result] = refused["results"]
    assert (status, result["ok"], result["changed"]) == (1, False, False)
    assert "Prometheus alone cannot delete a Job" in result["detail"]
    assert there is not None


async def test_kubernetes_alone_lists_all_but_what_only_prometheus_remembers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with start_lab(ssh=False, snmp=False) as lab:
        status, alone = await jobs(capsys, written(lab, tmp_path / "c.toml", "kubernetes"))
        _, both = await jobs(capsys, written(lab, tmp_path / "c.toml", "kubernetes", "prometheus"))
    assert status == 0
    assert alone["sources"]["prometheus"]["state"] == "off"
    assert {tuple(job["seen_by"]) for job in alone["jobs"]} == {("kubernetes",)}
    lengths = [
        {cronjob["name"]: len(cronjob["history"]) for cronjob in document["cronjobs"]} for document in (alone, both)
    ]
    assert lengths[0]["restic-nas"] < lengths[1]["restic-nas"] == 14


async def test_through_the_api_servers_proxy_prometheus_tells_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with start_lab(ssh=False, snmp=False) as lab:
        status, document = await jobs(capsys, written(lab, tmp_path / "c.toml", "kubernetes", "via"))
    assert status == 0
    assert document["sources"]["prometheus"]["state"] == "ok"
    assert ["prometheus", "kubernetes"] in [job["seen_by"] for job in document["jobs"]]
    assert any(len(cronjob["history"]) == 14 for cronjob in document["cronjobs"])
