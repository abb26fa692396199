"""The demo's story from its first minute to its cures, seen and ended with the product's own engine and commands.

The lab's clock is the test's: it stands at seven minutes past the hour, and runs twenty times as fast as the wall's
where time is to pass.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from homelab_tui.cli import main
from homelab_tui.config.load import load_config
from homelab_tui.demo.lab import DemoLab
from homelab_tui.demo.world import Clock
from homelab_tui.domain import cronjobs
from homelab_tui.domain.jobs import AlertState, Job, JobState, Run, RunResult, Verdict
from homelab_tui.domain.state import LabState
from homelab_tui.engine.lab import Lab
from homelab_tui.wiring import build_lab
from tests.labs import still_clock, until

BEAT_S = 0.05
SAFETY = '\n[safety]\ncycle_off = "1s"\nboot_grace = "20s"\n'
JOBS = ("prometheus", "clusters", "alertmanagers")
VERDICTS = {
    "backup/restic-nas": Verdict.FAILING,
    "backup/offsite-sync": Verdict.NEVER_SUCCEEDED,
    "media/thumbnails": Verdict.MISSED,
    "mail/imap-archive": Verdict.RECOVERED,
    "home/zigbee-export": Verdict.RECOVERED,
    "backup/sd-image-rpi03": Verdict.RUNNING,
    "db/logical-dump": Verdict.RUNNING,
    "home/photo-import": Verdict.NEW,
    "mail/dkim-rotate": Verdict.SUSPENDED,
    "backup/etcd-snapshot": Verdict.OK,
}


@asynccontextmanager
async def running_fast(clock: Clock) -> AsyncIterator[None]:
    """Twenty seconds of the lab in each second of the test."""

    async def run() -> None:
        while True:
            clock.advance(20 * BEAT_S)
            await asyncio.sleep(BEAT_S)

    task = asyncio.create_task(run())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@asynccontextmanager
async def demo_and_engine(tmp_path: Path) -> AsyncIterator[tuple[DemoLab, Lab, Path]]:
    """The lab of `homelab demo` at its start, and the product on its configuration."""
    clock = still_clock()
    async with DemoLab(clock=clock, bastion=True) as demo:
        path = demo.write_config(tmp_path / "config.toml")
        path.write_text(path.read_text() + SAFETY)
        lab = build_lab(load_config(str(path)), clock)
        try:
            yield demo, lab, path
        finally:
            await lab.close()


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


async def homelab(config: Path, *words: str) -> int:
    """One command, as a person types it."""
    return await asyncio.to_thread(main, ["--config", str(config), *words])


def verdicts(state: LabState) -> dict[str, Verdict]:
    """NS/NAME of each CronJob -> its verdict."""
    return {f"{one.namespace}/{one.name}": one.verdict for one in state.jobs.cronjobs}


def backup(state: LabState) -> Job:
    """The story's own Job: rpi03's first backup."""
    return min(
        (job for job in state.jobs.jobs if job.cronjob == "sd-image-rpi03" and job.state is not JobState.COMPLETE),
        key=lambda job: job.id.name,
    )


async def remembered(demo: DemoLab, cluster: str, cronjob: str) -> list[Run]:
    """The runs that Prometheus has seen of a CronJob, whatever is left of them."""
    runs: list[Run] = []
    async with httpx.AsyncClient(base_url=demo.sites[cluster].prometheus.url) as client:
        for metric, result in (("kube_job_failed", RunResult.FAILED), ("kube_job_complete", RunResult.OK)):
            query = f'last_over_time({metric}{{condition="true",job_name=~"{cronjob}-.*"}}[4h]) == 1'
            answer = (await client.get("/api/v1/query", params={"query": query})).json()
            for series in answer["data"]["result"]:
                minutes = int(series["metric"]["job_name"].rpartition("-")[2])
                runs.append(Run(datetime.fromtimestamp(60 * minutes, UTC), result))
    return runs


async def test_every_verdict_is_there_when_the_demo_starts(tmp_path: Path) -> None:
    clock = still_clock()
    async with DemoLab(clock=clock, ssh=False, snmp=False) as demo:
        lab = build_lab(load_config(str(demo.write_config(tmp_path / "config.toml"))), clock)
        try:
            state = await lab.read(JOBS)
        finally:
            await lab.close()
        history = await remembered(demo, "nuc", "link-check")
    found = verdicts(state)
    assert {name: found[name] for name in VERDICTS} == VERDICTS
    # What makes it flaky is gone from Kubernetes: it takes Prometheus' memory to see it.
    flaky = next(one for one in state.jobs.cronjobs if one.name == "link-check")
    runs = cronjobs.runs_of(flaky, (), history=history)
    assert cronjobs.verdict(flaky, runs, clock.now(), 10.0) is Verdict.FLAKY


async def test_an_unknown_key_and_a_drifted_twin_are_seen_and_a_pushed_key_lets_in(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with demo_and_engine(tmp_path) as (demo, _, config):
        assert await homelab(config, "nodes", "--json") == 0
        nodes = {node["name"]: node for node in json.loads(capsys.readouterr().out)["nodes"]}
        assert [entry["field"] for entry in nodes["nuc02"]["drift"]] == ["memory_bytes"]
        assert nodes["nuc03"]["drift"] == []

        async def keys() -> dict[str, Any]:
            capsys.readouterr()
            assert await homelab(config, "keys", "--json") == 0
            document: dict[str, Any] = json.loads(capsys.readouterr().out)
            return {node["name"]: node for node in document["nodes"]}

        before = await keys()
        assert {name for name, node in before.items() if node["unknown"]} == {"nuc04"}
        laptop = demo.home / ".ssh" / "id_laptop.pub"
        assert await homelab(config, "keys", "push", str(laptop), "--node", "rpi02", "--node", "nuc03", "--yes") == 0
        after = await keys()
        assert [len(after[name]["authorized"]) - len(before[name]["authorized"]) for name in ("rpi02", "nuc03")] == [
            1,
            1,
        ]


async def test_the_pi_browns_out_pages_and_is_cured(tmp_path: Path) -> None:
    async with demo_and_engine(tmp_path) as (demo, lab, config), running_fast(demo.world.clock):
        alerts: list[AlertState | None] = []

        async def see(alert: AlertState | None) -> bool:
            job = backup(await lab.read(JOBS))
            if not alerts or alerts[-1] is not job.alert:
                alerts.append(job.alert)
            return job.alert is alert

        job = backup(await lab.read(JOBS))
        assert job.state is JobState.RUNNING
        await until(lambda: see(AlertState.FIRING), 19)
        assert alerts == [None, AlertState.PENDING, AlertState.FIRING]
        failed = backup(lab.store.state)
        assert (failed.id, failed.state, failed.exit_code, failed.node) == (job.id, JobState.FAILED, 5, "rpi03")
        assert demo.world.nodes["rpi03"].throttled & 1

        boot_id = demo.world.nodes["rpi03"].boot_id
        assert await homelab(config, "poe", "cycle", "rpi03", "--yes") == 0
        assert (demo.world.nodes["rpi03"].throttled, demo.world.nodes["rpi03"].power) == (0, "on")
        assert demo.world.nodes["rpi03"].boot_id != boot_id

        assert await homelab(config, "jobs", "delete", str(job.id), "--yes") == 0

        async def quiet() -> bool:
            state = await lab.read(JOBS)
            return job.id not in {one.id for one in state.jobs.jobs if one.alert is not None}

        await until(quiet)


async def test_deleting_the_echo_ends_the_page_of_a_recovered_cronjob(tmp_path: Path) -> None:
    async with demo_and_engine(tmp_path) as (demo, lab, config), running_fast(demo.world.clock):
        assert verdicts(await lab.read(JOBS))["mail/imap-archive"] is Verdict.RECOVERED
        words = ("jobs", "delete", "--recovered", "--cluster", "nuc", "--namespace", "mail", "--yes")
        assert await homelab(config, *words) == 0

        async def ok() -> bool:
            return verdicts(await lab.read(JOBS))["mail/imap-archive"] is Verdict.OK

        await until(ok)
