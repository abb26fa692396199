"""The Kubernetes source against the demo lab's API servers, well and with every fault."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import pytest

from homelab_tui.config.model import ClusterConfig
from homelab_tui.demo.lab import DemoLab
from homelab_tui.domain.errors import (
    SourceConflict,
    SourceError,
    SourceForbidden,
    SourceGarbled,
    SourceMissing,
    SourceRefused,
    SourceTimeout,
    SourceUnreachable,
)
from homelab_tui.domain.jobs import Job, JobState, Witness
from homelab_tui.domain.values import replace
from homelab_tui.domain.watching import Watched
from homelab_tui.engine.ports import DeletesJobs, ReadsJobs
from homelab_tui.sources.kubernetes import KubernetesSource
from tests.labs import start_lab, until

T = TypeVar("T")
SPACE = "backup"


@pytest.fixture
async def lab() -> AsyncIterator[DemoLab]:
    """A lab without SSH and SNMP."""
    async with start_lab(ssh=False, snmp=False) as running:
        yield running


@asynccontextmanager
async def cluster(
    lab: DemoLab,
    name: str = "nuc",
    *,
    user: str = "kubernetes-admin",
    namespaces: tuple[str, ...] = (),
    read_timeout_s: float = 5.0,
) -> AsyncIterator[KubernetesSource]:
    config = ClusterConfig(
        name=name,
        kubeconfig=str(lab.kubeconfig),
        context=f"{user}@{name}",
        namespaces=namespaces,
        read_timeout_s=read_timeout_s,
    )
    source = KubernetesSource(config)
    try:
        yield source
    finally:
        await source.close()


@pytest.fixture
async def nuc(lab: DemoLab) -> AsyncIterator[KubernetesSource]:
    """The NUC cluster, as its administrator."""
    async with cluster(lab) as source:
        yield source


def manifest(name: str, command: str = "echo no space left; sleep 0.1; exit 3") -> dict[str, object]:
    container = {"name": "main", "image": "busybox", "command": ["sh", "-c", command]}
    template = {"spec": {"containers": [container], "restartPolicy": "Never"}}
    meta = {"name": name, "namespace": SPACE}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": meta,
        "spec": {"backoffLimit": 0, "template": template},
    }


async def failed_job(source: KubernetesSource, name: str = "bad") -> Job:
    """A Job that was created here and has failed."""
    await source.create_job(SPACE, manifest(name))

    async def look() -> Job | None:
        found = await source.read_job(SPACE, name)
        return found if found.state is JobState.FAILED else None

    found: Job = await until(look)
    return found


async def seen(
    steps: AsyncIterator[Watched[T]], claim: Callable[[Watched[T]], bool], timeout_s: float = 20.0
) -> Watched[T]:
    """The first step of a watch of which the claim is true."""
    async with asyncio.timeout(timeout_s):
        async for step in steps:
            if claim(step):
                return step
    raise AssertionError("the watch ended")


async def no_end(pending: asyncio.Future[Watched[T]], steps: AsyncIterator[Watched[T]]) -> None:
    """Take steps until the watch raises."""
    while True:
        await asyncio.wait_for(pending, 20)
        pending = asyncio.ensure_future(anext(steps))


def test_the_source_is_what_the_engine_asks_for() -> None:
    source = KubernetesSource(ClusterConfig(name="nuc"))
    reads: ReadsJobs = source
    deletes: DeletesJobs = source
    assert reads.name == "nuc"
    assert deletes is source


# Reading


@pytest.mark.parametrize("user", ["kubernetes-admin", "kubernetes-admin-certificate", "viewer"])
async def test_everything_is_listed_whoever_asks(lab: DemoLab, user: str) -> None:
    async with cluster(lab, user=user) as source:
        jobs = {str(job.id): job for job in await source.list_jobs()}
        migrate = jobs["nuc/db/migrate-0042"]
        assert (migrate.state, migrate.reason) == (JobState.FAILED, "BackoffLimitExceeded")
        assert migrate.uid
        assert migrate.failed_at is not None
        assert migrate.seen_by == (Witness.KUBERNETES,)
        runs = [job for job in jobs.values() if job.cronjob == "restic-nas"]
        assert runs
        assert all(job.scheduled_at and job.cronjob_uid for job in runs)
        cronjobs = {one.name: one for one in await source.list_cronjobs()}
        assert cronjobs["restic-nas"].concurrency_policy == "Forbid"
        assert cronjobs["dkim-rotate"].suspended
        nodes = {node.name: node for node in await source.list_nodes()}
        assert nodes["nuc01"].ready
        assert nodes["nuc01"].addresses
        pods = await source.list_job_pods()
        failed = [pod for pod in pods if pod.job_uid == migrate.uid]
        assert failed
        assert all(pod.exit_code and pod.node in nodes for pod in failed)
        assert (await source.read_version()).startswith("v1.")


async def test_clusters_do_not_mix(lab: DemoLab) -> None:
    async with cluster(lab) as nuc, cluster(lab, "pi") as pi:
        theirs = {job.id for job in await pi.list_jobs()}
        assert {job.id.cluster for job in await nuc.list_jobs()} == {"nuc"}
        assert {job.cluster for job in theirs} == {"pi"}
        indexed = next(job for job in await pi.list_jobs() if job.id.name == "ota-firmware")
        assert (indexed.failed_indexes, indexed.completions, indexed.succeeded) == ("2,4", 6, 4)


async def test_a_thousand_jobs_come_in_pages() -> None:
    async with start_lab(ssh=False, snmp=False, jobs=1000) as lab, cluster(lab) as source:
        jobs = await source.list_jobs()
        assert len({job.uid for job in jobs}) == len(jobs) > 1000
        asked = [path for _, path in lab.sites["nuc"].kubernetes.requests if "/jobs" in path]
        assert len(asked) >= 3
        assert all("limit=250" in path for path in asked)
        assert sum("continue=" in path for path in asked) == len(asked) - 1


async def test_log_events_and_yaml_of_a_failed_job(nuc: KubernetesSource) -> None:
    job = await failed_job(nuc)

    async def pod_of_it() -> Any:
        return next((pod for pod in await nuc.list_job_pods() if pod.job_uid == job.uid and pod.exit_code), None)

    pod = await until(pod_of_it)
    assert (pod.exit_code, pod.job_name, pod.container) == (3, "bad", "main")
    assert "no space left" in await nuc.read_log(SPACE, pod.name, container="main", tail_lines=5)
    reasons = {event.reason for event in await nuc.read_events(SPACE, object_names=("bad", pod.name))}
    assert "BackoffLimitExceeded" in reasons
    text = await nuc.read_yaml(SPACE, "bad")
    assert "backoffLimit: 0" in text
    assert "managedFields" not in text


async def test_what_is_not_there_is_missing(nuc: KubernetesSource) -> None:
    for question in (nuc.read_job(SPACE, "nope"), nuc.read_yaml(SPACE, "nope"), nuc.read_log(SPACE, "nope")):
        with pytest.raises(SourceMissing, match="nope"):
            await question


async def test_prometheus_answers_through_the_service_proxy(nuc: KubernetesSource) -> None:
    async def samples() -> bytes | None:
        code, body = await nuc.service_get(
            "monitoring/prometheus:9090", "/api/v1/query", {"query": "kube_job_failed > 0"}
        )
        return body if code == 200 and b"migrate-0042" in body else None

    assert await until(samples)
    with pytest.raises(SourceError, match="service monitoring/nothing:1"):
        await nuc.service_get("monitoring/nothing:1", "/", {})


# Watching


async def test_a_job_is_watched_from_its_creation_to_its_end(nuc: KubernetesSource) -> None:
    steps = nuc.watch_jobs()
    first = await anext(steps)
    assert first.is_list
    created = await nuc.create_job(SPACE, manifest("watched"))
    states: list[JobState] = []

    def has_failed(step: Watched[Job]) -> bool:
        assert not step.is_list
        states.extend(job.state for job in step.items if job.uid == created.uid)
        return JobState.FAILED in states

    await seen(steps, has_failed)
    assert states[0] in (JobState.PENDING, JobState.RUNNING)
    assert await nuc.delete_job(await nuc.read_job(SPACE, "watched"))
    await seen(steps, lambda step: created.uid in step.gone)
    await steps.aclose()
    assert "watched" not in [job.id.name for job in await nuc.list_jobs()]


async def test_pods_cronjobs_and_nodes_are_watched_too(lab: DemoLab, nuc: KubernetesSource) -> None:
    pods, cronjobs, nodes = nuc.watch_job_pods(), nuc.watch_cronjobs(), nuc.watch_nodes()
    known = (await anext(cronjobs)).items
    assert (await anext(pods)).is_list
    assert {node.name for node in (await anext(nodes)).items} >= {"nuc01", "nuc02"}
    await nuc.create_job(SPACE, manifest("short"))
    await seen(pods, lambda step: any(pod.job_name == "short" and pod.exit_code == 3 for pod in step.items))
    sleeper = next(one for one in known if not one.suspended)
    changed = await nuc.patch_cronjob(sleeper, {"spec": {"suspend": True}})
    assert changed.suspended
    await seen(cronjobs, lambda step: any(one.uid == sleeper.uid and one.suspended for one in step.items))
    for steps in (pods, cronjobs, nodes):
        await steps.aclose()


async def test_history_that_was_compacted_away_leads_to_a_new_list(lab: DemoLab, nuc: KubernetesSource) -> None:
    steps = nuc.watch_jobs()
    first = await anext(steps)
    await nuc.create_job(SPACE, manifest("meanwhile"))
    lab.sites["nuc"].kubernetes.forget_history()
    second = await seen(steps, lambda step: True)
    assert second.is_list
    assert "meanwhile" in {job.id.name for job in second.items} - {job.id.name for job in first.items}
    await steps.aclose()


async def test_one_namespace_is_enough(lab: DemoLab) -> None:
    async with cluster(lab, user="backup-only", namespaces=(SPACE,)) as source:
        steps = source.watch_jobs()
        assert {job.id.namespace for job in (await anext(steps)).items} == {SPACE}
        await steps.aclose()
        with pytest.raises(SourceForbidden):
            await source.list_nodes()


# Rights


async def test_a_viewer_is_told_which_verb_is_missing(lab: DemoLab) -> None:
    async with cluster(lab, user="viewer") as source:
        job = next(job for job in await source.list_jobs() if job.state is JobState.FAILED)
        with pytest.raises(SourceForbidden) as caught:
            await source.delete_job(job)
        assert (caught.value.verb, caught.value.resource) == ("delete", "jobs.batch")
        assert await source.is_allowed("list", "jobs.batch", job.id.namespace) is True
        assert await source.is_allowed("delete", "jobs.batch", job.id.namespace) is False
        assert job.id in [other.id for other in await source.list_jobs()]


async def test_a_user_of_one_namespace_is_told_to_name_it(lab: DemoLab) -> None:
    async with cluster(lab, user="backup-only") as source:
        with pytest.raises(SourceForbidden, match="set `namespaces`"):
            await source.list_jobs()
        with pytest.raises(SourceForbidden, match="set `namespaces`"):
            await anext(source.watch_jobs())
        assert await source.is_allowed("delete", "jobs.batch", SPACE) is True
        assert await source.is_allowed("delete", "jobs.batch", "db") is False


# Acting


async def test_a_delete_takes_the_pods_along(nuc: KubernetesSource) -> None:
    job = await failed_job(nuc)
    assert await nuc.delete_job(job)

    async def all_gone() -> bool:
        return not any(pod.job_uid == job.uid for pod in await nuc.list_job_pods())

    await until(all_gone)
    assert not await nuc.delete_job(job), "deleted already"


async def test_orphaned_pods_stay(nuc: KubernetesSource) -> None:
    job = await failed_job(nuc)
    assert await nuc.delete_job(job, propagation="Orphan")

    async def is_gone() -> bool:
        try:
            await nuc.read_job(SPACE, "bad")
        except SourceMissing:
            return True
        return False

    await until(is_gone)
    assert any(pod.job_name == "bad" for pod in await nuc.list_job_pods())


async def test_a_job_that_changed_is_not_deleted(nuc: KubernetesSource) -> None:
    job = await failed_job(nuc)
    patched = await nuc.patch_job(job, {"spec": {"ttlSecondsAfterFinished": 3600}})
    assert patched.ttl_seconds_after_finished == 3600
    with pytest.raises(SourceConflict, match="changed since it was read; nothing was deleted"):
        await nuc.delete_job(job)
    with pytest.raises(SourceConflict):
        await nuc.patch_job(job, {"spec": {"ttlSecondsAfterFinished": 1}})
    assert await nuc.delete_job(patched)


async def test_a_job_whose_name_was_used_again_is_not_deleted(nuc: KubernetesSource) -> None:
    job = await failed_job(nuc)
    assert await nuc.delete_job(job)
    second = await failed_job(nuc)
    assert second.uid != job.uid
    with pytest.raises(SourceConflict, match="another Job of this name"):
        await nuc.delete_job(replace(job, resource_version=None))
    assert (await nuc.read_job(SPACE, "bad")).uid == second.uid


async def test_a_name_that_is_taken_is_a_conflict(nuc: KubernetesSource) -> None:
    await failed_job(nuc)
    with pytest.raises(SourceConflict, match="already exists"):
        await nuc.create_job(SPACE, manifest("bad"))


# Faults


@pytest.mark.parametrize(
    ("fault", "errors"),
    [
        ("refuse", (SourceUnreachable,)),
        ("hang", (SourceTimeout,)),
        ("reset", (SourceUnreachable, SourceGarbled)),
        ("partial", (SourceUnreachable, SourceGarbled)),
        ("garbage", (SourceGarbled,)),
        ("401", (SourceRefused,)),
        ("403", (SourceForbidden,)),
        ("429", (SourceError,)),
        ("500", (SourceError,)),
        ("503", (SourceError,)),
    ],
)
async def test_a_fault_is_one_error_of_ours_and_over_when_it_is_over(
    lab: DemoLab, fault: str, errors: tuple[type[SourceError], ...]
) -> None:
    async with cluster(lab, read_timeout_s=1.0) as source:
        before = len(await source.list_jobs())
        lab.faults.apply(f"kubernetes:nuc={fault}")

        async def problem() -> SourceError | None:
            try:
                await source.list_jobs()
            except SourceError as error:
                return error
            return None  # A fault that closes the port takes effect a moment later.

        found = await until(problem)
        assert isinstance(found, errors)
        assert str(found).startswith("nuc: list Jobs")
        lab.faults.apply("kubernetes:nuc=none")

        async def is_back() -> bool:
            try:
                return len(await source.list_jobs()) >= before
            except SourceError:
                return False

        await until(is_back)


async def test_a_slow_server_is_waited_for_within_the_time_out(lab: DemoLab) -> None:
    lab.faults.apply("kubernetes:nuc=slow")
    async with cluster(lab, read_timeout_s=5.0) as patient, cluster(lab, read_timeout_s=0.3) as hasty:
        assert await patient.list_jobs()
        with pytest.raises(SourceTimeout, match=r"no answer within 0\.3 s"):
            await hasty.list_jobs()


@pytest.mark.parametrize("fault", ["refuse", "reset", "503"])
async def test_a_watch_notices_that_its_server_went_away(lab: DemoLab, nuc: KubernetesSource, fault: str) -> None:
    steps = nuc.watch_jobs()
    assert (await anext(steps)).is_list
    pending = asyncio.ensure_future(anext(steps))
    api = lab.sites["nuc"].kubernetes
    await until(lambda: any("watch=true" in path for _, path in api.requests))
    lab.faults.apply(f"kubernetes:nuc={fault}")
    with pytest.raises(SourceError, match=r"^nuc: watch Jobs"):
        await no_end(pending, steps)


async def test_no_key_of_the_kubeconfig_is_left_in_a_file(lab: DemoLab, tmp_path: Any, monkeypatch: Any) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    async with cluster(lab, user="kubernetes-admin-certificate") as source:
        assert await source.list_jobs()
        assert os.listdir(tmp_path) == []
