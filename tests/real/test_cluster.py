"""The Jobs journey on a real cluster, in a namespace of the test's own.

Set HOMELAB_E2E_KUBECONFIG to a kubeconfig whose current context may create namespaces and Jobs; for the second witness
also HOMELAB_E2E_PROMETHEUS to the URL of a Prometheus that scrapes that cluster's kube-state-metrics. A control plane
without kubelets is enough: the Job fails by its deadline, no image is pulled and no Pod has to run.
"""

import asyncio
import os
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from homelab_tui.config.model import ClusterConfig, PrometheusConfig
from homelab_tui.domain.errors import SourceConflict, SourceMissing
from homelab_tui.domain.jobs import Job, JobState
from homelab_tui.domain.watching import Watched
from homelab_tui.sources.kube_errors import Ask
from homelab_tui.sources.kube_wire import Call, KubeWire
from homelab_tui.sources.kubernetes import KubernetesSource
from homelab_tui.sources.prometheus import PrometheusSource

KUBECONFIG = os.environ.get("HOMELAB_E2E_KUBECONFIG", "")
PROMETHEUS = os.environ.get("HOMELAB_E2E_PROMETHEUS", "")
needs_cluster = pytest.mark.skipif(
    not KUBECONFIG, reason="HOMELAB_E2E_KUBECONFIG names no kubeconfig of a real cluster"
)
needs_prometheus = pytest.mark.skipif(
    not (KUBECONFIG and PROMETHEUS), reason="HOMELAB_E2E_PROMETHEUS names no Prometheus of that cluster"
)
pytestmark = [needs_cluster, pytest.mark.timeout(300)]


@pytest.fixture
def config() -> ClusterConfig:
    return ClusterConfig(name="e2e", kubeconfig=str(Path(KUBECONFIG).expanduser()))


@pytest.fixture
async def cluster(config: ClusterConfig) -> AsyncIterator[KubernetesSource]:
    source = KubernetesSource(config)
    try:
        yield source
    finally:
        await source.close()


@pytest.fixture
async def namespace(config: ClusterConfig) -> AsyncIterator[str]:
    """A namespace that is there for one test; its removal takes everything in it along."""
    name = f"homelab-e2e-{secrets.token_hex(4)}"
    ask = Ask("e2e", "create", "namespaces", f"namespace {name}")
    body = msgspec.json.encode({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    async with wire(config) as api:
        await api.fetch(Call("/api/v1/namespaces", ask, method="POST", body=body))
        try:
            yield name
        finally:
            await api.fetch(Call(f"/api/v1/namespaces/{name}", ask, method="DELETE"))


@pytest.fixture
async def metrics() -> AsyncIterator[PrometheusSource]:
    source = PrometheusSource(PrometheusConfig(name="e2e", url=PROMETHEUS, cluster="e2e"))
    try:
        yield source
    finally:
        await source.close()


@asynccontextmanager
async def wire(config: ClusterConfig) -> AsyncIterator[KubeWire]:
    api = KubeWire(config)
    try:
        yield api
    finally:
        await api.close()


def late(name: str, **spec: object) -> dict[str, object]:
    """A Job that fails two seconds after it started, whatever becomes of its Pod."""
    container = {
        "name": "main",
        "image": "registry.k8s.io/pause:3.9",
        "env": [{"name": "DB_PASSWORD", "value": "s3cret-of-the-test"}],
    }
    template = {"spec": {"restartPolicy": "Never", "terminationGracePeriodSeconds": 0, "containers": [container]}}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name},
        "spec": {"backoffLimit": 0, "activeDeadlineSeconds": 2, "template": template, **spec},
    }


async def seen(steps: AsyncIterator[Watched[Job]], claim: Callable[[Watched[Job]], bool]) -> Watched[Job]:
    async with asyncio.timeout(120):
        async for step in steps:
            if claim(step):
                return step
    raise AssertionError("the watch ended")


async def failed(cluster: KubernetesSource, namespace: str, name: str) -> Job:
    """Create a Job and watch it fail."""
    steps = cluster.watch_jobs()
    try:
        first = await anext(steps)
        assert first.is_list
        assert name not in [job.id.name for job in first.items if job.id.namespace == namespace]
        created = await cluster.create_job(namespace, late(name))

        def is_failed(step: Watched[Job]) -> bool:
            return any(job.uid == created.uid and job.state is JobState.FAILED for job in step.items)

        step = await seen(steps, is_failed)
        return await settled(cluster, next(job for job in step.items if job.uid == created.uid))
    finally:
        await steps.aclose()


async def settled(cluster: KubernetesSource, job: Job) -> Job:
    """The Job once its controller has let go of it: it writes the status again after it has said Failed."""
    while True:
        await asyncio.sleep(1)
        now = await cluster.read_job(job.id.namespace, job.id.name)
        if now == job:
            return job
        job = now


async def test_a_job_is_listed_watched_to_its_failure_deleted_and_gone(
    cluster: KubernetesSource, namespace: str
) -> None:
    job = await failed(cluster, namespace, "late")
    assert job.reason == "DeadlineExceeded"
    assert job.started_at is not None
    assert job.failed_at is not None
    assert job.failed_at >= job.started_at
    assert job.backoff_limit == 0
    assert job in await cluster.list_jobs()
    assert await cluster.is_allowed("delete", "jobs.batch", namespace) is True

    steps = cluster.watch_jobs()
    assert (await anext(steps)).is_list
    assert await cluster.delete_job(job) is True
    await seen(steps, lambda step: job.uid in step.gone)
    await steps.aclose()
    assert job.uid not in {other.uid for other in await cluster.list_jobs()}
    assert await cluster.delete_job(job) is False
    with pytest.raises(SourceMissing):
        await cluster.read_job(namespace, "late")


async def test_a_delete_never_hits_a_job_that_changed_or_took_the_name(
    cluster: KubernetesSource, namespace: str
) -> None:
    first = await failed(cluster, namespace, "late")
    patched = await cluster.patch_job(first, {"metadata": {"labels": {"touched": "yes"}}})
    assert patched.resource_version != first.resource_version
    with pytest.raises(SourceConflict, match="changed since it was read; nothing was deleted"):
        await cluster.delete_job(first)
    with pytest.raises(SourceConflict):
        await cluster.patch_job(first, {"metadata": {"labels": {"touched": "again"}}})
    assert await cluster.delete_job(patched)
    second = await cluster.create_job(namespace, late("late"))
    with pytest.raises(SourceConflict, match="another Job of this name"):
        await cluster.delete_job(patched)
    assert (await cluster.read_job(namespace, "late")).uid == second.uid


async def test_one_namespace_alone_events_and_yaml(config: ClusterConfig, namespace: str) -> None:
    alone = KubernetesSource(ClusterConfig(name="e2e", kubeconfig=config.kubeconfig, namespaces=(namespace,)))
    try:
        job = await failed(alone, namespace, "late")
        assert [other.id.namespace for other in await alone.list_jobs()] == [namespace]
        reasons = {event.reason for event in await alone.read_events(namespace, object_names=("late",))}
        assert "DeadlineExceeded" in reasons
        text = await alone.read_yaml(namespace, "late")
        assert "activeDeadlineSeconds: 2" in text
        assert "s3cret-of-the-test" not in text
        assert "managedFields" not in text
        assert await alone.read_version()
        assert job.id.namespace == namespace
    finally:
        await alone.close()


@needs_prometheus
async def test_prometheus_knows_the_failed_job_and_then_forgets_it(
    cluster: KubernetesSource, metrics: PrometheusSource, namespace: str
) -> None:
    job = await failed(cluster, namespace, "late")

    async def series() -> tuple[bool | None, ...]:
        snapshot = await metrics.read_jobs()
        assert snapshot.heartbeat, "this Prometheus scrapes no kube-state-metrics"
        return tuple(one.failed for one in snapshot.jobs if (one.namespace, one.name) == (namespace, "late"))

    await until(lambda: series_is(series, (True,)))
    assert await cluster.delete_job(job)
    await until(lambda: series_is(series, ()))


async def series_is(read: Callable[[], Awaitable[tuple[bool | None, ...]]], wanted: tuple[bool | None, ...]) -> bool:
    return await read() == wanted


async def until(claim: Callable[[], Awaitable[bool]]) -> None:
    """Wait for what becomes true with a scrape: three minutes, asked every second."""
    deadline = time.monotonic() + 180
    while not await claim():
        assert time.monotonic() < deadline, "kube-state-metrics was not scraped in three minutes"
        await asyncio.sleep(1)
