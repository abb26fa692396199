"""The lab's objects satisfy the official client's strict models, which raise on any missing required field."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from homelab_tui.demo.lab import DemoLab
from tests.labs import start_lab


@pytest.fixture
async def story_lab() -> AsyncIterator[DemoLab]:
    """A lab with its story: running, pending, failed and finished Jobs at once."""
    async with start_lab(ssh=False, snmp=False, story=True) as lab:
        yield lab


def read_everything(kubeconfig: str, context: str) -> dict[str, Any]:
    """Lists of every kind through the typed client, and one Job deleted through it."""
    from kubernetes import client, config

    api = config.new_client_from_config(kubeconfig, context=context)
    batch, core = client.BatchV1Api(api), client.CoreV1Api(api)
    try:
        found: dict[str, Any] = {
            "jobs": batch.list_job_for_all_namespaces().items,
            "cronjobs": batch.list_cron_job_for_all_namespaces().items,
            "pods": core.list_pod_for_all_namespaces().items,
            "nodes": core.list_node().items,
            "namespaces": core.list_namespace().items,
            "services": core.list_service_for_all_namespaces().items,
            "events": core.list_event_for_all_namespaces().items,
            "version": client.VersionApi(api).get_code(),
        }
        failed = next(job for job in found["jobs"] if job.status.failed)
        options = client.V1DeleteOptions(
            propagation_policy="Background", preconditions=client.V1Preconditions(uid=failed.metadata.uid)
        )
        batch.delete_namespaced_job(failed.metadata.name, failed.metadata.namespace, body=options)
        with pytest.raises(client.ApiException) as gone:
            batch.read_namespaced_job(failed.metadata.name, failed.metadata.namespace)
        found["gone"] = gone.value.status
    finally:
        api.rest_client.pool_manager.clear()
    return found


@pytest.mark.parametrize("context", ["kubernetes-admin@nuc", "kubernetes-admin-certificate@pi"])
async def test_every_kind_deserialises_and_tls_certificates_and_tokens_work(story_lab: DemoLab, context: str) -> None:
    found = await asyncio.to_thread(read_everything, str(story_lab.kubeconfig), context)
    assert {node.status.node_info.architecture for node in found["nodes"]} == {"amd64" if "nuc" in context else "arm64"}
    assert all(found[kind] for kind in ("jobs", "cronjobs", "pods", "namespaces", "services", "events"))
    assert found["version"].git_version == "v1.32.4"
    assert found["gone"] == 404
