"""A failed Job appears, is understood, and is deleted for the right reason."""

import shlex
from pathlib import Path

import pytest

from homelab_tui.demo.lab import DemoLab
from tests.journeys.dashboards import Dashboard, dashboard
from tests.labs import api, start_lab, until

JOB = "job:nuc/db/migrate-0042"
PATH = "/apis/batch/v1/namespaces/db/jobs/migrate-0042"


async def test_a_failed_job_is_confirmed_deleted_and_gone_from_the_cluster(
    lab: DemoLab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with dashboard(lab, tmp_path, monkeypatch) as screen, api(lab.sites["nuc"]) as kubernetes:
        await screen.go_to("jobs", JOB)
        await until(lambda: "failed" in screen.text_of(JOB) and "BackoffLimitExceeded" in screen.text_of(JOB))
        await screen.press("d")
        await screen.until_dialog("DeleteScreen")
        await screen.press("right", "enter")
        await until(lambda: not screen.row(JOB))
        assert (await kubernetes.get(PATH)).status_code == 404
        pods = (await kubernetes.get("/api/v1/namespaces/db/pods")).json()["items"]
        assert not [pod for pod in pods if pod["metadata"]["labels"].get("job-name") == "migrate-0042"]
        assert [(entry.kind, entry.ok) for entry in screen.lab.activity.entries()] == [("jobs.delete", True)]


async def test_enter_on_the_plan_is_the_safe_answer(
    lab: DemoLab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with dashboard(lab, tmp_path, monkeypatch) as screen, api(lab.sites["nuc"]) as kubernetes:
        await screen.go_to("jobs", JOB)
        await until(lambda: "BackoffLimitExceeded" in screen.text_of(JOB))
        await screen.press("d")
        await screen.until_dialog("DeleteScreen")
        await screen.press("enter")
        await until(lambda: not screen.dialog)
        assert (await kubernetes.get(PATH)).status_code == 200


async def test_a_job_that_was_replaced_by_another_of_its_name_is_not_deleted(
    lab: DemoLab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with dashboard(lab, tmp_path, monkeypatch) as screen, api(lab.sites["nuc"]) as kubernetes:
        await screen.go_to("jobs", JOB)
        await until(lambda: "BackoffLimitExceeded" in screen.text_of(JOB))
        await screen.press("d")
        await screen.until_dialog("DeleteScreen")
        old = (await kubernetes.get(PATH)).json()
        await kubernetes.delete(f"{PATH}?propagationPolicy=Background")
        metadata = {"name": "migrate-0042", "namespace": "db"}
        spec = {"template": old["spec"]["template"]}
        spec["template"]["metadata"].pop("labels", None)
        created = await kubernetes.post(
            "/apis/batch/v1/namespaces/db/jobs",
            json={"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": spec},
        )
        assert created.status_code == 201, created.text
        await screen.press("right", "enter")
        await until(lambda: "not deleted" in screen.toasts)
        assert (await kubernetes.get(PATH)).json()["metadata"]["uid"] == created.json()["metadata"]["uid"]


async def test_a_job_that_changed_meanwhile_is_read_anew_and_asked_about_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (
        start_lab(ssh=False, snmp=False) as lab,
        dashboard(lab, tmp_path, monkeypatch) as screen,
        api(lab.sites["nuc"]) as kubernetes,
    ):
        await screen.go_to("jobs", JOB)
        await until(lambda: "BackoffLimitExceeded" in screen.text_of(JOB))
        await screen.press("d")
        await screen.until_dialog("DeleteScreen")
        first = screen.app.screen
        touched = await kubernetes.patch(
            PATH,
            content=b'{"metadata": {"labels": {"touched": "yes"}}}',
            headers={"Content-Type": "application/merge-patch+json"},
        )
        assert touched.status_code == 200, touched.text
        await screen.press("right", "enter")
        await until(lambda: "it was changed meanwhile" in screen.toasts)
        await until(lambda: screen.dialog == "DeleteScreen" and screen.app.screen is not first)
        assert (await kubernetes.get(PATH)).status_code == 200, "nothing is deleted on stale data"
        await screen.pilot.pause()
        await screen.press("right", "enter")
        await until(lambda: "deleted (background)" in screen.toasts)
        assert (await kubernetes.get(PATH)).status_code == 404


async def test_clear_recovered_deletes_only_what_a_later_success_superseded(
    still_lab: DemoLab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with dashboard(still_lab, tmp_path, monkeypatch) as screen:
        await screen.press("3")
        await until(lambda: screen.app.main.pane.why_not("jobs.clear-recovered") is None)
        await until(lambda: all(r.value for _, r in screen.lab.store.state.clusters))
        before = screen.lab.store.state.jobs.jobs
        superseded = {str(job.id) for job in before if job.superseded and job.state.value == "failed"}
        failed = {str(job.id) for job in before if job.state.value == "failed"}
        assert superseded
        assert failed - superseded
        await screen.press("D")
        await screen.until_dialog("DeleteScreen")
        await screen.press("right", "enter")

        def cleared() -> bool:
            now = {str(job.id) for job in screen.lab.store.state.jobs.jobs if job.state.value == "failed"}
            return not now & superseded and failed - superseded <= now

        await until(cleared)


async def test_a_job_that_fails_at_the_api_is_on_the_screen_at_once_by_the_watch(
    lab: DemoLab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with dashboard(lab, tmp_path, monkeypatch) as screen, api(lab.sites["nuc"]) as kubernetes:
        await screen.go_to("jobs", JOB)
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
        created = await kubernetes.post("/apis/batch/v1/namespaces/db/jobs", json=manifest)
        assert created.status_code == 201, created.text
        await until(lambda: "fail" in screen.text_of("job:nuc/db/doomed"))


async def test_logs_events_and_yaml_of_a_failed_job_can_be_read(
    lab: DemoLab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with dashboard(lab, tmp_path, monkeypatch) as screen:
        await screen.go_to("jobs", JOB)
        await until(lambda: "BackoffLimitExceeded" in screen.text_of(JOB))
        for key, dialog in (("l", "LogScreen"), ("e", "TextScreen"), ("v", "TextScreen"), ("enter", "StoryScreen")):
            await screen.press(key)
            await screen.until_dialog(dialog)
            await screen.press("escape")
            await until(lambda: not screen.dialog)


async def test_with_prometheus_alone_jobs_are_shown_and_delete_says_why_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with start_lab(faults=("kubernetes=refuse",)) as lab, dashboard(lab, tmp_path, monkeypatch) as screen:
        await screen.go_to("jobs", JOB)
        assert "failed" in screen.text_of(JOB)
        await screen.press("d")
        await until(lambda: "only Prometheus knows it" in screen.toasts)
        assert not screen.dialog


async def test_the_pods_stay_when_that_is_chosen_and_the_command_says_so_too(
    lab: DemoLab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with dashboard(lab, tmp_path, monkeypatch) as screen, api(lab.sites["nuc"]) as kubernetes:
        await screen.go_to("jobs", JOB)
        await until(lambda: "BackoffLimitExceeded" in screen.text_of(JOB))
        await screen.press("d")
        await screen.until_dialog("DeleteScreen")
        assert "its Pods and their logs go with it" in screen.words
        await screen.press("o")
        await until(lambda: "their logs stay, without an owner" in screen.words)
        await screen.press("Y")
        copied = shlex.split(screen.app.clipboard)
        assert copied[0] == "kubectl"
        assert copied[copied.index("--context") + 1] == "kubernetes-admin@nuc"
        assert copied[-6:] == ["-n", "db", "delete", "job", "migrate-0042", "--cascade=orphan"]
        await screen.press("right", "enter")
        await until(lambda: "deleted (orphan)" in screen.toasts)
        place = "/api/v1/namespaces/db/pods?labelSelector=job-name=migrate-0042"

        async def freed() -> bool:
            # As in a real cluster: it is the garbage collector that takes the owner off, once the deletion is accepted.
            pods = (await kubernetes.get(place)).json()["items"]
            assert pods
            return not any(pod["metadata"].get("ownerReferences") for pod in pods)

        await until(freed)


async def test_two_presses_do_not_delete_twice(lab: DemoLab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with dashboard(lab, tmp_path, monkeypatch) as screen:
        await _delete_named(screen)
        results = [entry for entry in screen.lab.activity.entries() if entry.changed]
        assert len(results) == 1


async def _delete_named(screen: Dashboard) -> None:
    await screen.go_to("jobs", JOB)
    await until(lambda: "BackoffLimitExceeded" in screen.text_of(JOB))
    await screen.press("d")
    await screen.until_dialog("DeleteScreen")
    await screen.press("right", "enter", "enter", "d", "d")
    await until(lambda: not screen.row(JOB))
