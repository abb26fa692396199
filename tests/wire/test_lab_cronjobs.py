"""CronJobs of the lab: concurrency, history limits, missed starts, manual runs, on a clock that the test moves."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from homelab_tui.demo.lab import DemoLab
from homelab_tui.demo.world import Clock
from tests.labs import api, start_lab

Json = dict[str, Any]
SPACE = "backup"
CRONS = f"/apis/batch/v1/namespaces/{SPACE}/cronjobs"
JOBS = f"/apis/batch/v1/namespaces/{SPACE}/jobs"


class Scene:
    """An empty cluster with one CronJob that the test made."""

    def __init__(self, lab: DemoLab, client: httpx.AsyncClient) -> None:
        self.lab, self.client = lab, client

    def pass_time(self, seconds: float, step_s: float = 1.0) -> None:
        """Let time pass in small steps, as it does."""
        while seconds > 0:
            self.lab.world.clock.advance(min(step_s, seconds))
            self.lab.step()
            seconds -= step_s

    async def make(self, command: str, **spec: Any) -> Json:
        """A CronJob `c` that runs every minute."""
        container = {"name": "main", "image": "busybox", "command": ["sh", "-c", command]}
        template = {"spec": {"containers": [container], "restartPolicy": "Never"}}
        job = {"spec": {"backoffLimit": 0, "template": template}}
        body = {"metadata": {"name": "c"}, "spec": {"schedule": "* * * * *", "jobTemplate": job, **spec}}
        answer = await self.client.post(CRONS, json=body)
        assert answer.status_code == 201, answer.text
        made: Json = answer.json()
        return made

    async def jobs(self) -> list[Json]:
        """Its Jobs, oldest first."""
        items: list[Json] = (await self.client.get(JOBS)).json()["items"]
        return sorted(items, key=lambda job: job["metadata"]["creationTimestamp"])

    async def cron(self) -> Json:
        """The CronJob now."""
        found: Json = (await self.client.get(f"{CRONS}/c")).json()
        return found

    async def reasons(self) -> list[str]:
        """The reasons of its events."""
        params = {"fieldSelector": "involvedObject.kind=CronJob"}
        items = (await self.client.get(f"/api/v1/namespaces/{SPACE}/events", params=params)).json()["items"]
        return [event["reason"] for event in items]


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    """Ten seconds after a full hour, nothing running."""
    clock = Clock()
    clock.freeze(clock.now().replace(minute=0, second=10, microsecond=0))
    lab: DemoLab
    async with (
        start_lab(clock=clock, ssh=False, snmp=False, catalogue=False, interval_s=3600.0) as lab,
        api(lab.sites["nuc"]) as client,
    ):
        yield Scene(lab, client)


def kinds(job: Json) -> set[str]:
    """Its condition types."""
    return {item["type"] for item in job["status"].get("conditions", ())}


async def test_history_limits_keep_the_newest_of_each_kind(scene: Scene) -> None:
    await scene.make("true", successfulJobsHistoryLimit=2)
    scene.pass_time(5 * 60)
    names = [job["metadata"]["name"] for job in await scene.jobs()]
    last = int(scene.lab.world.clock.now().timestamp()) // 60
    assert names == [f"c-{last - 1}", f"c-{last}"]
    assert {"SuccessfulCreate", "SawCompletedJob", "SuccessfulDelete"} <= set(await scene.reasons())
    cron = await scene.cron()
    assert cron["status"]["lastSuccessfulTime"] >= cron["status"]["lastScheduleTime"]
    assert "active" not in cron["status"]


async def test_forbid_waits_for_the_running_one_and_says_so(scene: Scene) -> None:
    await scene.make("sleep 100", concurrencyPolicy="Forbid")
    scene.pass_time(130)
    assert len(await scene.jobs()) == 1
    assert "JobAlreadyActive" in await scene.reasons()
    scene.pass_time(60)
    assert len(await scene.jobs()) == 2


async def test_allow_overlaps_and_replace_kills_the_old_one(scene: Scene) -> None:
    await scene.make("sleep 100", concurrencyPolicy="Allow")
    scene.pass_time(120)
    assert [job["status"].get("active") for job in await scene.jobs()] == [1, 1]
    assert len((await scene.cron())["status"]["active"]) == 2
    patch = b'{"spec":{"concurrencyPolicy":"Replace"}}'
    await scene.client.patch(f"{CRONS}/c", content=patch, headers={"Content-Type": "application/merge-patch+json"})
    first, second = [job["metadata"]["name"] for job in await scene.jobs()]
    scene.pass_time(60)
    names = [job["metadata"]["name"] for job in await scene.jobs()]
    assert first in names
    assert second not in names
    assert [ref["name"] for ref in (await scene.cron())["status"]["active"]] == [names[-1]]


async def test_a_start_that_the_quota_refuses_is_missed_after_its_deadline(scene: Scene) -> None:
    site = scene.lab.sites["nuc"]
    site.cronjobs.quota[SPACE] = "exceeded quota: x"
    await scene.make("true", startingDeadlineSeconds=20, schedule="*/10 * * * *")
    scene.pass_time(15 * 60, 10)
    assert await scene.jobs() == []
    assert "lastScheduleTime" not in (await scene.cron())["status"]
    assert "FailedCreate" in await scene.reasons()
    await scene.client.patch(
        f"{CRONS}/c",
        content=b'{"metadata":{"labels":{"x":"y"}}}',
        headers={"Content-Type": "application/merge-patch+json"},
    )
    scene.pass_time(1)
    assert "MissSchedule" in await scene.reasons()


async def test_a_failed_run_stays_until_another_fails_and_a_manual_success_counts(scene: Scene) -> None:
    await scene.make("false", schedule="*/5 * * * *")
    scene.pass_time(6 * 60)
    (failed,) = await scene.jobs()
    assert "Failed" in kinds(failed)
    cron = await scene.cron()
    assert "lastSuccessfulTime" not in cron["status"]
    owner = {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "name": "c",
        "uid": cron["metadata"]["uid"],
        "controller": True,
    }
    template = cron["spec"]["jobTemplate"]["spec"]
    template["template"]["spec"]["containers"][0]["command"] = ["true"]
    annotations = {"cronjob.kubernetes.io/instantiate": "manual"}
    meta = {"generateName": "c-manual-", "ownerReferences": [owner], "annotations": annotations}
    made = await scene.client.post(JOBS, json={"metadata": meta, "spec": template})
    assert made.json()["metadata"]["name"].startswith("c-manual-")
    scene.pass_time(10)
    assert "lastSuccessfulTime" in (await scene.cron())["status"]
    assert failed["metadata"]["name"] in [job["metadata"]["name"] for job in await scene.jobs()]
    scene.pass_time(5 * 60)
    assert failed["metadata"]["name"] not in [job["metadata"]["name"] for job in await scene.jobs()]


async def test_resuming_runs_the_latest_missed_tick_at_once(scene: Scene) -> None:
    merge = {"Content-Type": "application/merge-patch+json"}
    await scene.make("true", suspend=True)
    scene.pass_time(180)
    assert await scene.jobs() == []
    await scene.client.patch(f"{CRONS}/c", content=b'{"spec":{"suspend":false}}', headers=merge)
    (job,) = await scene.jobs()
    assert job["metadata"]["name"] == f"c-{int(scene.lab.world.clock.now().timestamp()) // 60}"


async def test_deleting_an_active_run_is_a_missing_job_and_does_not_run_it_again(scene: Scene) -> None:
    await scene.make("sleep 300", schedule="*/10 * * * *")
    scene.pass_time(10 * 60 + 5)
    (job,) = await scene.jobs()
    await scene.client.request("DELETE", f"{JOBS}/{job['metadata']['name']}", json={"propagationPolicy": "Background"})
    scene.pass_time(30)
    assert await scene.jobs() == []
    assert "MissingJob" in await scene.reasons()
    assert "active" not in (await scene.cron())["status"]


async def test_a_suspended_job_loses_its_pods_and_resumes(scene: Scene) -> None:
    merge = {"Content-Type": "application/merge-patch+json"}
    container = {"name": "main", "image": "busybox", "command": ["sleep", "30"]}
    template = {"spec": {"containers": [container], "restartPolicy": "Never"}}
    await scene.client.post(JOBS, json={"metadata": {"name": "j"}, "spec": {"template": template, "backoffLimit": 0}})
    scene.pass_time(5)
    await scene.client.patch(f"{JOBS}/j", content=b'{"spec":{"suspend":true}}', headers=merge)
    scene.pass_time(5)
    (job,) = await scene.jobs()
    assert kinds(job) == {"Suspended"}
    assert "startTime" not in job["status"]
    assert (await scene.client.get(f"/api/v1/namespaces/{SPACE}/pods")).json()["items"] == []
    await scene.client.patch(f"{JOBS}/j", content=b'{"spec":{"suspend":false}}', headers=merge)
    scene.pass_time(40)
    (job,) = await scene.jobs()
    assert "Complete" in kinds(job)
    assert "failed" not in job["status"]


async def test_a_deadline_ends_a_job_with_its_own_reason(scene: Scene) -> None:
    container = {"name": "main", "image": "busybox", "command": ["sleep", "300"]}
    template = {"spec": {"containers": [container], "restartPolicy": "Never"}}
    spec = {"template": template, "activeDeadlineSeconds": 20}
    await scene.client.post(JOBS, json={"metadata": {"name": "j"}, "spec": spec})
    scene.pass_time(30)
    (job,) = await scene.jobs()
    failed = next(item for item in job["status"]["conditions"] if item["type"] == "Failed")
    assert (failed["reason"], failed["message"]) == (
        "DeadlineExceeded",
        "Job was active longer than specified deadline",
    )
    pods = (await scene.client.get(f"/api/v1/namespaces/{SPACE}/pods")).json()["items"]
    assert pods == []
