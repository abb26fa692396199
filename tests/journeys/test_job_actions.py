"""Someone woken by KubeJobFailed ends the alert for the right reason, in two keys each."""

from functools import partial
from pathlib import Path

import httpx
import pytest

from homelab_tui.demo.lab import DemoLab
from homelab_tui.ui.log_view import LogView
from tests.journeys.dashboards import Dashboard, dashboard
from tests.labs import api, start_lab, until

JOB = "job:nuc/db/migrate-0042"
CRONJOB = "cronjob:nuc/backup/restic-nas"
JOB_PATH = "/apis/batch/v1/namespaces/db/jobs/migrate-0042"
CRONJOB_PATH = "/apis/batch/v1/namespaces/backup/cronjobs/restic-nas"


async def known(screen: Dashboard, key: str) -> None:
    """On the row, and it is what Kubernetes says."""
    await screen.go_to("jobs", key)
    await until(lambda: all(reading.value for _, reading in screen.lab.store.state.clusters))
    await screen.go_to("jobs", key)


async def confirmed(screen: Dashboard) -> None:
    """Say yes to the plan."""
    await screen.until_dialog("ConfirmScreen")
    await screen.press("right", "enter")


async def test_a_silenced_job_says_so_on_its_row_and_in_its_story_until_the_silence_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (
        start_lab(ssh=False, snmp=False, for_s=0.2) as lab,
        dashboard(lab, tmp_path, monkeypatch, extra='\n[ui]\nrefresh = "1s"\n', size=(180, 40)) as screen,
    ):
        await known(screen, JOB)
        await until(lambda: "firing" in screen.text_of(JOB))
        await screen.press("m")
        await screen.until_dialog("SilenceScreen")
        await screen.press("tab", *"!", "enter", "down", "enter")
        await confirmed(screen)
        await until(lambda: "silenced" in screen.row(JOB)[5])
        [silence] = lab.alertmanager.silences.by_id.values()
        assert silence.comment.endswith("!")
        assert {(one.name, one.value) for one in silence.matchers} == {
            ("alertname", "KubeJobFailed"),
            ("namespace", "db"),
            ("job_name", "migrate-0042"),
        }
        await screen.press("m")
        await confirmed(screen)
        await until(lambda: "firing" in screen.row(JOB)[5])


async def spec(kubernetes: httpx.AsyncClient, path: str) -> dict[str, object]:
    """What the API has."""
    found: dict[str, object] = (await kubernetes.get(path)).json()["spec"]
    return found


async def test_a_failed_job_is_given_an_end_and_run_again(
    lab: DemoLab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with dashboard(lab, tmp_path, monkeypatch) as screen, api(lab.sites["nuc"]) as kubernetes:
        await known(screen, JOB)
        await screen.press("x")
        await screen.until_dialog("PickScreen")
        await screen.press("down", "enter")
        await confirmed(screen)
        await until(lambda: "goes in 1 d" in screen.toasts)
        assert int(str((await spec(kubernetes, JOB_PATH))["ttlSecondsAfterFinished"])) > 86400

        await known(screen, JOB)
        await screen.press("r")
        await confirmed(screen)
        await until(lambda: "started as migrate-0042-rerun-" in screen.toasts)
        assert [entry.kind for entry in screen.lab.activity.entries()] == ["jobs.expire", "jobs.rerun"]


async def test_a_cronjob_is_suspended_triggered_and_limited(
    lab: DemoLab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with dashboard(lab, tmp_path, monkeypatch) as screen, api(lab.sites["nuc"]) as kubernetes:
        await known(screen, CRONJOB)
        await screen.press("s")
        await confirmed(screen)
        await until(lambda: "suspended" in screen.toasts)
        assert (await spec(kubernetes, CRONJOB_PATH))["suspend"] is True

        await screen.press("t")
        await confirmed(screen)
        await until(lambda: "started as restic-nas-manual-" in screen.toasts)
        await screen.until_dialog("LogScreen")
        await screen.press("escape")

        await screen.press("L")
        await screen.until_dialog("LimitsScreen")
        await screen.press("0", "enter")
        await confirmed(screen)
        await until(lambda: "failedJobsHistoryLimit: 1 → 0" in screen.toasts)
        assert (await spec(kubernetes, CRONJOB_PATH))["failedJobsHistoryLimit"] == 0
        kinds = [entry.kind for entry in screen.lab.activity.entries()]
        assert kinds == ["jobs.suspend", "jobs.trigger", "jobs.limits"]


async def test_several_cronjobs_are_triggered_at_once_and_one_that_cannot_stops_no_other(
    lab: DemoLab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with dashboard(lab, tmp_path, monkeypatch) as screen, api(lab.sites["nuc"]) as kubernetes:
        for key in (CRONJOB, "cronjob:nuc/db/vacuum"):
            await known(screen, key)
            await screen.press("space")
        await screen.press("t")
        await screen.until_dialog("ConfirmScreen")
        await kubernetes.delete(CRONJOB_PATH)
        await screen.press("right", "enter")
        await until(lambda: "2 started" in screen.toasts)
        results = {entry.target: entry for entry in screen.lab.activity.entries()}
        assert results["nuc/db/vacuum"].changed
        assert not results["nuc/backup/restic-nas"].changed


async def test_what_the_account_may_not_do_is_dim_and_says_why(
    lab: DemoLab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with dashboard(lab, tmp_path, monkeypatch, user="viewer") as screen:
        await known(screen, JOB)
        pane = screen.app.main.pane
        for command, missing in (
            ("jobs.delete", "delete jobs.batch"),
            ("jobs.expire", "patch jobs.batch"),
            ("jobs.rerun", "create jobs.batch"),
        ):
            assert f"may not {missing} in namespace db" in await until(partial(pane.why_not, command))
        assert pane.why_not("jobs.logs") is None
        await screen.press("d")
        await until(lambda: "may not delete jobs.batch" in screen.toasts)
        assert not screen.dialog
        await known(screen, CRONJOB)
        await until(lambda: "may not patch cronjobs.batch" in (pane.why_not("jobs.suspend") or ""))


async def test_the_log_of_a_failure_is_kept_while_it_happens_and_read_after_all_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "doomed", "namespace": "db"},
        "spec": {
            "backoffLimit": 0,
            "activeDeadlineSeconds": 1,
            "template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "a", "image": "busybox"}]}},
        },
    }
    async with (
        start_lab(ssh=False, snmp=False, interval_s=5.0) as lab,
        dashboard(lab, tmp_path, monkeypatch) as screen,
        api(lab.sites["nuc"]) as kubernetes,
    ):
        await known(screen, JOB)
        created = await kubernetes.post("/apis/batch/v1/namespaces/db/jobs", json=manifest)
        assert created.status_code == 201, created.text
        box = screen.lab.evidence.box
        await until(lambda: (kept := box.find("db/doomed")) is not None and kept.state == "failed")
        await known(screen, "job:nuc/db/doomed")
        pods = (await kubernetes.get("/api/v1/namespaces/db/pods?labelSelector=job-name=doomed")).json()["items"]
        for pod in pods:
            await kubernetes.delete(f"/api/v1/namespaces/db/pods/{pod['metadata']['name']}?gracePeriodSeconds=0")
        lab.faults.apply("kubernetes=refuse")
        await screen.press("l")
        await screen.until_dialog("LogScreen")
        view = screen.app.screen.query_one(LogView)
        await until(lambda: any("Not live" in line for line in view.lines))
        assert any("failed, DeadlineExceeded" in line for line in view.lines)
