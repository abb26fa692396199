"""Every act of the Jobs pane as a subcommand on the demo lab: what it does there, and how it is refused."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from homelab_tui.cli import main
from homelab_tui.demo.lab import DemoLab
from tests.labs import api, start_lab, until

Run = Callable[..., Awaitable[tuple[int, Any]]]
JOB = "/apis/batch/v1/namespaces/db/jobs/migrate-0042"
CRONJOB = "/apis/batch/v1/namespaces/backup/cronjobs/restic-nas"


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


def runner(lab: DemoLab, path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    def configured(user: str, extra: str) -> None:
        lab.write_config(path)
        path.write_text(path.read_text().replace("kubernetes-admin@", f"{user}@") + extra)

    async def run(*argv: str, user: str = "kubernetes-admin", extra: str = "") -> tuple[int, Any]:
        """Exit status and document of `homelab jobs ARGV --json`, as one of the lab's users."""
        configured(user, extra)
        capsys.readouterr()
        status = await asyncio.to_thread(main, ["--config", str(path), "jobs", *argv, "--json"])
        out, told = capsys.readouterr()
        assert out, f"no document, status {status}: {told}"
        return status, json.loads(out)

    return run


@pytest.fixture
def run(lab: DemoLab, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    return runner(lab, tmp_path / "lab.toml", capsys)


def only(document: Any) -> Any:
    [result] = document["results"]
    assert set(result) == {"target", "ok", "changed", "detail", "proven", "created"}
    return result


async def test_expire_ends_a_failed_job_that_long_from_now(lab: DemoLab, run: Run) -> None:
    status, document = await run("expire", "db/migrate-0042", "--in", "24h", "--yes")
    assert status == 0
    assert only(document)["changed"]
    async with api(lab.sites["nuc"]) as kubernetes:
        job = (await kubernetes.get(JOB)).json()
        failed = next(one for one in job["status"]["conditions"] if one["type"] == "Failed")
        ended_at = datetime.fromisoformat(failed["lastTransitionTime"])
        left_s = ended_at.timestamp() + job["spec"]["ttlSecondsAfterFinished"] - datetime.now(UTC).timestamp()
        assert abs(left_s - 86400) < 60
        await run("expire", "db/migrate-0042", "--in", "1s", "--yes")

        async def gone() -> bool:
            return (await kubernetes.get(JOB)).status_code == 404

        await until(gone)
    _, document = await run("expire", "db/migrate-0042", "--in", "1h", "--yes")
    assert not only(document)["changed"]


async def test_rerun_copies_a_plain_job_and_starts_a_cronjobs_run_anew(lab: DemoLab, run: Run) -> None:
    failed = next(
        one.body["metadata"]["name"]
        for one in lab.sites["nuc"].kubernetes.cluster.store.all("jobs", "backup")
        if one.body["metadata"]["name"].startswith("offsite-sync-")
    )
    status, document = await run("rerun", "db/migrate-0042", f"backup/{failed}", "db/no-such", "--yes")
    assert status == 1
    by_target = {one["target"]: one for one in document["results"]}
    assert not by_target["db/no-such"]["ok"]
    async with api(lab.sites["nuc"]) as kubernetes:
        copy = by_target["nuc/db/migrate-0042"]["created"]
        made = (await kubernetes.get(f"/apis/batch/v1/namespaces/db/jobs/{copy}")).json()
        old = (await kubernetes.get(JOB)).json()
        assert made["metadata"]["uid"] != old["metadata"]["uid"]
        assert "ownerReferences" not in made["metadata"]
        assert made["spec"]["template"]["spec"]["containers"] == old["spec"]["template"]["spec"]["containers"]
        assert made["spec"]["selector"] != old["spec"]["selector"]
        again = by_target[f"nuc/backup/{failed}"]["created"]
        made = (await kubernetes.get(f"/apis/batch/v1/namespaces/backup/jobs/{again}")).json()
        [owner] = made["metadata"]["ownerReferences"]
        assert (owner["kind"], owner["name"], owner["controller"]) == ("CronJob", "offsite-sync", True)
        assert "blockOwnerDeletion" not in owner
        assert made["metadata"]["annotations"]["cronjob.kubernetes.io/instantiate"] == "manual"


async def test_trigger_runs_a_cronjob_that_a_later_listing_knows(run: Run) -> None:
    status, document = await run("trigger", "backup/restic-nas", "db/vacuum", "--yes")
    assert status == 0
    created = [one["created"] for one in document["results"]]
    assert all(created)
    _, listing = await run()
    jobs = {job["name"]: job["cronjob"] for job in listing["jobs"]}
    assert [jobs[name] for name in created] == ["restic-nas", "vacuum"]


async def test_suspend_resume_and_limits_change_just_that(lab: DemoLab, run: Run) -> None:
    async with api(lab.sites["nuc"]) as kubernetes:
        before = (await kubernetes.get(CRONJOB)).json()["spec"]
        status, document = await run("suspend", "backup/restic-nas", "--yes")
        assert (status, only(document)["changed"]) == (0, True)
        assert (await kubernetes.get(CRONJOB)).json()["spec"] == {**before, "suspend": True}
        assert not only((await run("suspend", "backup/restic-nas", "--yes"))[1])["changed"]
        assert only((await run("resume", "backup/restic-nas", "--yes"))[1])["changed"]
        assert (await kubernetes.get(CRONJOB)).json()["spec"] == {**before, "suspend": False}
        arguments = ("limits", "backup/restic-nas", "--failed-history", "0", "--ttl", "24h", "--yes")
        status, document = await run(*arguments)
        assert status == 0
        assert only(document)["detail"] == (
            "failedJobsHistoryLimit: 1 → 0, jobTemplate.spec.ttlSecondsAfterFinished: unset → 86400"
        )
        after = (await kubernetes.get(CRONJOB)).json()["spec"]
        assert after["failedJobsHistoryLimit"] == 0
        assert after["jobTemplate"]["spec"]["ttlSecondsAfterFinished"] == 86400
        assert after["jobTemplate"]["spec"]["template"] == before["jobTemplate"]["spec"]["template"]
        assert not only((await run(*arguments))[1])["changed"]
        await run("limits", "backup/restic-nas", "--ttl", "none", "--yes")
        assert "ttlSecondsAfterFinished" not in (await kubernetes.get(CRONJOB)).json()["spec"]["jobTemplate"]["spec"]


async def alert_of(run: Run, name: str) -> str | None:
    _, listing = await run()
    alert: str | None = next(job["alert"] for job in listing["jobs"] if job["name"] == name)
    return alert


async def test_a_silenced_alert_is_silenced_in_the_listing_until_we_end_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with start_lab(ssh=False, snmp=False, for_s=0.2) as lab:
        run = runner(lab, tmp_path / "lab.toml", capsys)

        async def is_firing() -> bool:
            return await alert_of(run, "migrate-0042") == "firing"

        await until(is_firing)
        status, document = await run("silence", "db/migrate-0042", "--for", "2h", "--comment", "disk ordered", "--yes")
        assert status == 0
        assert only(document)["created"] in lab.alertmanager.silences.by_id
        assert await alert_of(run, "migrate-0042") == "silenced"
        assert await alert_of(run, "reindex-2022") == "firing"
        assert only((await run("silence", "db/migrate-0042", "--end", "--yes"))[1])["changed"]
        assert await alert_of(run, "migrate-0042") == "firing"
        assert not only((await run("silence", "db/migrate-0042", "--end", "--yes"))[1])["changed"]


ACTS = (
    ("expire", "db/migrate-0042", "--in", "1h"),
    ("rerun", "db/migrate-0042"),
    ("trigger", "backup/restic-nas"),
    ("suspend", "backup/restic-nas"),
    ("limits", "backup/restic-nas", "--failed-history", "0"),
)


async def test_a_viewer_is_told_which_verb_is_missing_and_nothing_changes(lab: DemoLab, run: Run) -> None:
    for act, missing in zip(ACTS, ("patch", "create", "create", "patch", "patch"), strict=True):
        status, document = await run(*act, "--yes", user="viewer")
        result = only(document)
        assert (status, result["ok"], result["changed"]) == (1, False, False), act
        assert missing in result["detail"], result["detail"]


async def test_read_only_no_terminal_and_dry_run_change_nothing(lab: DemoLab, run: Run) -> None:
    async with api(lab.sites["nuc"]) as kubernetes:
        before = [(await kubernetes.get(path)).json()["metadata"]["resourceVersion"] for path in (JOB, CRONJOB)]
        for act in (*ACTS, ("silence", "db/migrate-0042", "--for", "1h")):
            status, document = await run(*act, "--yes", extra="\n[safety]\nread_only = true\n")
            assert (status, only(document)["changed"]) == (1, False), act
            assert "read_only" in only(document)["detail"]
            status, document = await run(*act, "--dry-run")
            assert (status, document["dry_run"], only(document)["ok"]) == (0, True, True), act
            status, document = await run(*act)
            assert status == 2
            assert "--yes" in document["error"]
        assert before == [(await kubernetes.get(path)).json()["metadata"]["resourceVersion"] for path in (JOB, CRONJOB)]
    assert not lab.alertmanager.silences.by_id


@pytest.mark.parametrize(
    "argv",
    [
        ("silence", "db/migrate-0042"),
        ("silence", "db/migrate-0042", "--for", "2h", "--end"),
        ("silence", "db/migrate-0042", "--for", "soon"),
        ("expire", "db/migrate-0042", "--in", "later"),
        ("limits", "backup/restic-nas"),
        ("limits", "backup/restic-nas", "--ttl", "x"),
        ("trigger", "restic-nas"),
        ("expire", "migrate-0042", "--in", "1h"),
    ],
)
async def test_bad_usage_is_exit_2(run: Run, argv: tuple[str, ...]) -> None:
    status, document = await run(*argv, "--yes")
    assert status == 2
    assert document["error"]


async def test_without_an_answer_of_the_api_or_the_alertmanager_the_status_is_3(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    faults = ("kubernetes=refuse", "alertmanager=503")
    async with start_lab(faults=faults, ssh=False, snmp=False) as lab:
        run = runner(lab, tmp_path / "lab.toml", capsys)
        lab.write_config(tmp_path / "lab.toml")
        for act in (*ACTS, ("silence", "db/migrate-0042", "--for", "1h")):
            argv = ["--config", str(tmp_path / "lab.toml"), "jobs", *act, "--yes"]
            assert await asyncio.to_thread(main, argv) == 3, act
        status, _ = await run()
        assert status == 3


async def test_the_log_of_a_job_that_we_deleted_is_kept_and_says_from_when_it_is(lab: DemoLab, run: Run) -> None:
    _, live = await run("logs", "db/migrate-0042")
    assert "Not live" not in live["log"]
    assert (await run("delete", "db/migrate-0042", "--yes"))[0] == 0
    status, kept = await run("logs", "db/migrate-0042")
    assert status == 0
    assert "Not live: db/migrate-0042: no such Job" in kept["log"]
    assert "before it was deleted" in kept["log"]
    assert live["log"].strip() in kept["log"]
    status, events = await run("events", "db/migrate-0042")
    assert status == 0
    assert "Not live" in events["events"]
    lab.faults.apply("kubernetes=refuse")
    status, kept = await run("logs", "nuc/db/migrate-0042")
    assert status == 3
    assert live["log"].strip() in kept["log"]
    assert (await run("logs", "db/other"))[0] == 3
