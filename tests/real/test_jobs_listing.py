"""`homelab jobs --json` with nothing but Debian's Prometheus, however that scrapes kube-state-metrics.

The oracle is not ours: the same server is asked the PromQL that was verified for these questions.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from homelab_tui.cli import main
from homelab_tui.domain.jobs import CronJobSeries, JobSeries
from homelab_tui.domain.values import replace
from tests.exposition import Exposed, expose, exposition
from tests.labs import until
from tests.real.prometheus_server import ScrapeJob, Settings, exporter, running, source
from tests.real.test_prometheus import ECHO, KSM_TARGET, LONE, NEVER, NEVER_RUN, NOW, RECOVERED, SECOND_TARGET, SUCCESS

Listing = Callable[[str], Awaitable[dict[str, Any]]]


def ago(minutes: float) -> datetime:
    return NOW - timedelta(minutes=minutes)


def run(namespace: str, cronjob: str, minutes: float, **end: object) -> JobSeries:
    """A run of a CronJob, that many minutes ago."""
    name = f"{cronjob}-{int(ago(minutes).timestamp()) // 60}"
    made = JobSeries(namespace, name, cronjob=cronjob, created_at=ago(minutes), started_at=ago(minutes), active=0)
    return replace(made, **end)  # type: ignore[arg-type]


def cronjob(namespace: str, name: str, last: float, succeeded: float | None) -> CronJobSeries:
    """An hourly CronJob that is not late."""
    return CronJobSeries(
        namespace, name, schedule="@hourly", suspended=False, created_at=ago(9000), last_scheduled_at=ago(last),
        last_succeeded_at=None if succeeded is None else ago(succeeded), next_run_at=ago(-60), active=0,
    )  # fmt: skip


def ok(minutes: float) -> dict[str, object]:
    return {"complete": True, "completed_at": ago(minutes)}


FAILED: dict[str, object] = {"failed": True}
# Of one name in two namespaces: the one in a retried and succeeded, the one in b fails.
TWINS = [
    run("a", "backup", 30, **ok(29)),
    run("b", "backup", 90, **ok(89)),
    run("b", "backup", 30, **FAILED),
]
JOBS = [NEVER_RUN, ECHO, SUCCESS, LONE, *TWINS]
CRONJOBS = [NEVER, RECOVERED, cronjob("a", "backup", 30, 29), cronjob("b", "backup", 30, 89)]
RETRIED: list[Exposed] = [
    # Failed Pods of a Job that succeeded: no failure, whatever so many alert rules say.
    ("kube_job_status_failed", {"namespace": "a", "job_name": TWINS[0].name}, 2.0)
]
LINES = [*expose(JOBS, CRONJOBS), *RETRIED]

LATEST_FAILED = """
max by (namespace, job_name, owner_name) (kube_job_owner{owner_kind="CronJob"})
and on (namespace, job_name) topk by (namespace, owner_name) (1,
      max by (namespace, job_name) (kube_job_status_start_time)
      * on (namespace, job_name) group_left (owner_name)
      max by (namespace, job_name, owner_name) (kube_job_owner{owner_kind="CronJob"}))
and on (namespace, job_name) (max by (namespace, job_name) (kube_job_failed{condition="true"}) == 1)
"""
ALONE_AND_FAILED = """
(max by (namespace, job_name) (kube_job_failed{condition="true"}) == 1)
  unless on (namespace, job_name) kube_job_owner{owner_kind="CronJob"}
"""
FAILED_RUNS = """
count by (namespace, owner_name) (
  (max by (namespace, job_name) (max_over_time(kube_job_failed{condition="true"}[7d])) == 1)
  * on (namespace, job_name) group_left (owner_name)
    max by (namespace, job_name, owner_name) (last_over_time(kube_job_owner{owner_kind="CronJob"}[7d])))
"""
SCRAPES: dict[str, tuple[bool, bool, tuple[dict[str, str], ...]]] = {
    "v2, honor_labels true": (True, False, (KSM_TARGET,)),
    "v2, honor_labels false": (False, False, (KSM_TARGET,)),
    "v1 names, honor_labels true": (True, True, (KSM_TARGET,)),
    "v1 names, honor_labels false": (False, True, (KSM_TARGET,)),
    "a roll-over, two of everything": (True, False, (KSM_TARGET, SECOND_TARGET)),
}


@pytest.fixture
def listing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Listing:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    path = tmp_path / "config.toml"

    async def listed(url: str) -> dict[str, Any]:
        path.write_text(f'[[prometheus]]\nname = "main"\nurl = "{url}"\ncluster = "nuc"\n')
        capsys.readouterr()
        status = await asyncio.to_thread(main, ["--config", str(path), "jobs", "--json"])
        found: dict[str, Any] = json.loads(capsys.readouterr().out)
        assert status == 0, found
        return found

    return listed


async def asked(url: str, promql: str) -> dict[tuple[str, str], float]:
    """(namespace, CronJob or Job) → value."""
    async with httpx.AsyncClient() as client:
        answer = (await client.post(f"{url}/api/v1/query", data={"query": promql})).json()
    assert answer["status"] == "success", answer
    found: dict[tuple[str, str], float] = {}
    for one in answer["data"]["result"]:
        labels = one["metric"]
        found[labels["namespace"], labels.get("owner_name") or labels["job_name"]] = float(one["value"][1])
    return found


@pytest.mark.parametrize("scrape", SCRAPES)
async def test_the_listing_says_what_the_verified_promql_says(scrape: str, listing: Listing, tmp_path: Path) -> None:
    honor_labels, old_names, targets = SCRAPES[scrape]
    async with exporter(exposition(LINES, old_names=old_names)) as target:
        settings = Settings((ScrapeJob("kube-state-metrics", target.address, honor_labels, targets),))
        async with running(tmp_path, settings) as url:

            async def scraped() -> dict[str, Any] | None:
                found = await listing(url)
                return found if len(found["jobs"]) == len(JOBS) and len(found["cronjobs"]) == len(CRONJOBS) else None

            document = await until(scraped, 30)
            oracle = honor_labels and not old_names
            failing = await asked(url, LATEST_FAILED) if oracle else None
            alone = await asked(url, ALONE_AND_FAILED) if oracle else None
    verdicts = {(one["namespace"], one["name"]): one["verdict"] for one in document["cronjobs"]}
    assert verdicts == {
        ("backup", "offsite"): "never-succeeded",
        ("backup", "restic"): "recovered",
        ("a", "backup"): "ok",
        ("b", "backup"): "failing",
    }
    failed = {(one["namespace"], one["name"]) for one in document["jobs"] if one["state"] == "failed"}
    assert failed == {(job.namespace, job.name) for job in JOBS if job.failed}
    if failing is not None and alone is not None:
        assert set(failing) == {key for key, word in verdicts.items() if word in ("failing", "never-succeeded")}
        assert set(alone) == {
            (one["namespace"], one["name"])
            for one in document["jobs"]
            if one["state"] == "failed" and one["cronjob"] is None
        }
    assert {tuple(one["seen_by"]) for one in document["jobs"]} == {("prometheus",)}
    assert {one["uid"] for one in document["jobs"]} == {None}
    assert document["sources"]["kubernetes"]["state"] == "off"
    assert document["sources"]["prometheus"]["state"] == "ok"
    superseded = {one["name"] for one in document["jobs"] if one["superseded"]}
    assert superseded == {ECHO.name}


async def test_runs_whose_jobs_are_gone_stay_in_the_history(listing: Listing, tmp_path: Path) -> None:
    gone = [run("b", "backup", minutes, **(FAILED if minutes == 150 else ok(minutes - 1))) for minutes in (150, 210)]
    async with exporter(exposition([*LINES, *expose(gone, [])])) as target:
        targets = (KSM_TARGET, SECOND_TARGET)
        settings = Settings((ScrapeJob("kube-state-metrics", target.address, honor_labels=True, targets=targets),))
        async with running(tmp_path, settings) as url:

            async def history() -> list[str]:
                document = await listing(url)
                twin = [one for one in document["cronjobs"] if (one["namespace"], one["name"]) == ("b", "backup")]
                return [run["result"] for one in twin for run in one["history"]]

            whole = ["ok", "failed", "ok", "failed"]
            await until(lambda: _is(history, whole), 30)
            target.text = exposition(LINES)

            async def are_gone() -> bool:
                names = {one["name"] for one in (await listing(url))["jobs"]}
                return not names & {job.name for job in gone} and TWINS[0].name in names

            await until(are_gone, 30)
            assert await history() == whole
            assert (await asked(url, FAILED_RUNS))["b", "backup"] == 2
            # An impatient reader: the server is told its limit in words that it takes.
            async with source(url, read_timeout_s=1.5) as prometheus:
                past = {(one.namespace, one.cronjob): one.runs for one in await prometheus.read_past()}
            assert [one.result.value for one in past["b", "backup"]] == whole


async def _is(read: Callable[[], Awaitable[list[str]]], wanted: list[str]) -> bool:
    return await read() == wanted


async def test_an_empty_answer_without_a_heartbeat_is_no_data_and_never_all_green(
    listing: Listing, tmp_path: Path
) -> None:
    async with exporter("node_load1 0.25\n") as target:
        settings = Settings((ScrapeJob("node", target.address),))
        async with running(tmp_path, settings) as url:
            document = await listing(url)
    assert document["jobs"] == []
    assert document["sources"]["prometheus"]["state"] == "no-data"
    assert "kube-state-metrics" in document["sources"]["prometheus"]["problem"]
