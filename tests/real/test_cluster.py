"""The Jobs journey on a real cluster, in a namespace of the test's own.

Set HOMELAB_E2E_KUBECONFIG to a kubeconfig whose current context may create namespaces and Jobs; for the second witness
also HOMELAB_E2E_PROMETHEUS to the URL of a Prometheus that scrapes that cluster's kube-state-metrics. A control plane
without kubelets is enough: the Job fails by its deadline, no image is pulled and no Pod has to run.

The demo lab will do too, to try the tests themselves: `homelab demo --headless --write-config lab.toml`, then the
kubeconfig and the first Prometheus of that file. It makes no service accounts; its users stand for them.
"""

import asyncio
import json
import os
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pytest
import yaml

from homelab_tui.cli import main
from homelab_tui.config.model import ClusterConfig, Config, PrometheusConfig
from homelab_tui.domain.errors import SourceConflict, SourceGarbled, SourceMissing
from homelab_tui.domain.jobs import Job, JobState
from homelab_tui.domain.watching import Watched
from homelab_tui.engine.access import NEEDED
from homelab_tui.engine.cronjobs import Limits
from homelab_tui.engine.lab import Lab
from homelab_tui.engine.wires import Sources
from homelab_tui.sources.kube_errors import Ask
from homelab_tui.sources.kube_wire import Call, KubeWire
from homelab_tui.sources.kubernetes import KubernetesSource
from homelab_tui.sources.prometheus import PrometheusSource
from tests.fakes import FakeSsh

T = TypeVar("T")
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
        "args": ["sleep 600"],  # which pause itself does not look at; the demo lab's kubelet does
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


def hourly(name: str) -> dict[str, object]:
    """A CronJob whose runs fail by their deadline; its tick is far away."""
    run = late(name)
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": name},
        "spec": {"schedule": "17 3 1 1 *", "jobTemplate": {"metadata": {"labels": {"of": name}}, "spec": run["spec"]}},
    }


@pytest.fixture
async def lab(config: ClusterConfig, tmp_path: Path) -> AsyncIterator[Lab]:
    """The engine on that cluster, its watches running."""
    source = KubernetesSource(config)
    made = Lab(Config(clusters=(config,)), Sources(FakeSsh(), clusters=(source,)), tmp_path)
    made.start()
    try:
        await until(lambda: is_listed(made))
        yield made
    finally:
        await made.close()


Cli = Callable[..., dict[str, Any]]


@pytest.fixture
def cli(
    config: ClusterConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Cli:
    """`homelab jobs … --json` on that cluster: its document."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "cli"))
    path = tmp_path / "config.toml"
    path.write_text(f"[[clusters]]\nname = 'e2e'\nkubeconfig = '{config.kubeconfig}'\n")

    def run(*argv: str) -> dict[str, Any]:
        capsys.readouterr()
        assert main(["--config", str(path), "jobs", *argv, "--json"]) == 0
        found: dict[str, Any] = json.loads(capsys.readouterr().out)
        return found

    return run


async def is_listed(lab: Lab) -> bool:
    reading = lab.store.state.clusters[0][1]
    return reading.value is not None or reading.problem is not None


async def create_cronjob(config: ClusterConfig, namespace: str, name: str) -> None:
    ask = Ask("e2e", "create", "cronjobs.batch", f"CronJob {namespace}/{name}")
    body = msgspec.json.encode(hourly(name))
    async with wire(config) as api:
        try:
            await api.fetch(Call(f"/apis/batch/v1/namespaces/{namespace}/cronjobs", ask, method="POST", body=body))
        except SourceMissing:
            pytest.skip("this cluster has no batch/v1 CronJobs: it is older than Kubernetes 1.21")


async def test_a_cronjob_is_triggered_limited_suspended_and_resumed(
    config: ClusterConfig, cluster: KubernetesSource, lab: Lab, namespace: str
) -> None:
    await create_cronjob(config, namespace, "nightly")
    target = await lab.cronjobs.resolve(await cluster.read_cronjob(namespace, "nightly"))
    assert target.cronjob is not None
    triggered = await lab.cronjobs.trigger(target.cronjob)
    assert triggered.ok, triggered.detail
    assert triggered.created is not None
    run = await cluster.read_job(namespace, triggered.created)
    assert (run.cronjob, run.cronjob_uid, run.manual) == ("nightly", target.cronjob.uid, True)

    suspended = await lab.cronjobs.set_suspended(await cluster.read_cronjob(namespace, "nightly"), suspend=True)
    assert suspended.changed, suspended.detail
    assert (await cluster.read_cronjob(namespace, "nightly")).suspended
    resumed = await lab.cronjobs.set_suspended(await cluster.read_cronjob(namespace, "nightly"), suspend=False)
    assert resumed.changed, resumed.detail
    stale = await lab.cronjobs.set_limits(target.cronjob, Limits(failed_history=5))
    assert not stale.ok, "it changed since it was read"
    limits = Limits(failed_history=0, successful_history=1, ttl_s=86400)
    limited = await lab.cronjobs.set_limits(await cluster.read_cronjob(namespace, "nightly"), limits)
    assert limited.changed, limited.detail
    now = await cluster.read_cronjob(namespace, "nightly")
    assert (now.failed_jobs_history_limit, now.successful_jobs_history_limit, now.job_ttl_s) == (0, 1, 86400)
    cleared = await lab.cronjobs.set_limits(now, Limits(without_ttl=True))
    assert cleared.changed, cleared.detail
    assert (await cluster.read_cronjob(namespace, "nightly")).job_ttl_s is None


async def test_a_failed_job_leaves_evidence_runs_again_and_goes_when_it_was_told_to(
    cluster: KubernetesSource, lab: Lab, namespace: str
) -> None:
    job = await failed(cluster, namespace, "late")
    kept = await until_found(
        lambda: lab.evidence.box.find(f"{namespace}/late", job.uid), lambda one: one.state == "failed"
    )
    assert kept.reason == "DeadlineExceeded"
    again = await lab.job_changes.rerun(job)
    assert again.ok, again.detail
    assert again.created is not None
    copy = await cluster.read_job(namespace, again.created)
    assert copy.uid != job.uid
    assert (copy.backoff_limit, copy.cronjob) == (0, None)

    later = await lab.job_changes.expire(job, 86400)
    assert later.changed, later.detail
    now = await cluster.read_job(namespace, "late")
    assert now.failed_at is not None
    assert now.ttl_seconds_after_finished is not None
    left_s = now.failed_at.timestamp() + now.ttl_seconds_after_finished - time.time()
    assert abs(left_s - 86400) < 30
    soon = await lab.job_changes.expire(now, 2)
    assert soon.changed, soon.detail
    await until(lambda: is_gone(cluster, namespace, "late"))
    text = await lab.looks.read_log(job)
    assert "failed, DeadlineExceeded" in text


async def test_a_viewers_acts_are_refused_with_the_missing_verb_and_its_keys_are_dim(
    config: ClusterConfig, cluster: KubernetesSource, namespace: str, tmp_path: Path
) -> None:
    """A service account without any right but to look."""
    job = await failed(cluster, namespace, "late")
    viewer = (await account(config, namespace, tmp_path / "kubeconfig", "viewer")).config(namespace)
    source = KubernetesSource(viewer)
    lab = Lab(Config(clusters=(viewer,)), Sources(FakeSsh(), clusters=(source,)), tmp_path / "state")
    try:
        assert [one.id.name for one in await source.list_jobs()] == ["late"]
        for act, verb in (
            (lab.jobs.delete(job), "delete"),
            (lab.job_changes.expire(job, 60), "patch"),
            (lab.job_changes.rerun(job), "create"),
        ):
            result = await act
            assert (result.ok, result.changed) == (False, False)
            assert verb in result.detail
        why = await until_found(lambda: lab.access.why_not("jobs.delete", "e2e", namespace), bool)
        assert "may not delete jobs.batch" in why
        assert lab.access.why_not("jobs.yaml", "e2e", namespace) is None
    finally:
        await lab.close()


async def test_only_what_a_later_success_superseded_is_cleared(
    config: ClusterConfig, cluster: KubernetesSource, lab: Lab, namespace: str, cli: Cli
) -> None:
    """Without a kubelet no run succeeds: the success is the CronJob's own word, as its controller would write it."""
    await create_cronjob(config, namespace, "nightly")
    target = await lab.cronjobs.resolve(await cluster.read_cronjob(namespace, "nightly"))
    assert target.cronjob is not None
    triggered = await lab.cronjobs.trigger(target.cronjob)
    assert triggered.created is not None, triggered.detail
    lone = await failed(cluster, namespace, "late")
    name = triggered.created

    async def has_failed() -> bool:
        return (await cluster.read_job(namespace, name)).state is JobState.FAILED

    await until(has_failed)
    before = await asyncio.to_thread(cli, "delete", "--recovered", "--namespace", namespace, "--yes")
    assert before == {"dry_run": False, "results": []}, "nothing has succeeded since"

    await set_status(config, namespace, "nightly", {"lastSuccessfulTime": rfc3339_now()})
    would = await asyncio.to_thread(cli, "delete", "--recovered", "--namespace", namespace, "--dry-run")
    assert [one["target"] for one in would["results"]] == [f"e2e/{namespace}/{name}"]
    done = await asyncio.to_thread(cli, "delete", "--recovered", "--namespace", namespace, "--yes")
    assert [(one["target"], one["changed"]) for one in done["results"]] == [(f"e2e/{namespace}/{name}", True)]
    await until(lambda: is_gone(cluster, namespace, name))
    assert (await cluster.read_job(namespace, "late")).uid == lone.uid


async def test_the_propagation_that_was_chosen_is_carried_out(
    config: ClusterConfig, cluster: KubernetesSource, lab: Lab, namespace: str
) -> None:
    """Foreground: the Job goes after its Pods. Orphan: it goes at once. Both are gone in the end."""
    for name, propagation in (("front", "foreground"), ("orphaned", "orphan")):
        job = await failed(cluster, namespace, name)
        result = await lab.jobs.delete(job, propagation=propagation)
        assert result.changed, result.detail
        await until(partial(is_gone, cluster, namespace, name))


async def test_an_account_of_one_namespace_sees_that_and_is_told_about_the_rest(
    config: ClusterConfig, cluster: KubernetesSource, namespace: str, tmp_path: Path
) -> None:
    """As kubeconfigs are handed out to people: without `namespaces` in the configuration everything is refused."""
    await failed(cluster, namespace, "late")
    person = await account(config, namespace, tmp_path / "kubeconfig", "backup-only")
    lab = lab_of(person.config(person.namespace), tmp_path)
    try:
        state = await lab.read(("clusters",))
        [(_, reading)] = state.clusters
        assert {job.id.namespace for job in state.jobs.jobs} == {person.namespace}
        assert reading.value is not None
        assert any("Nodes" in note for note in reading.value.notes), "they are in no namespace"
    finally:
        await lab.close()
    lab = lab_of(person.config(), tmp_path)
    try:
        [(_, reading)] = (await lab.read(("clusters",))).clusters
        assert reading.value is None
        assert "not allowed (403)" in (reading.problem or "")
        assert "set `namespaces` of this cluster" in (reading.problem or ""), "what to do about it"
    finally:
        await lab.close()


async def test_an_account_without_any_right_is_dim_everywhere_and_breaks_nothing(
    config: ClusterConfig, cluster: KubernetesSource, namespace: str, tmp_path: Path
) -> None:
    job = await failed(cluster, namespace, "late")
    nobody = await account(config, namespace, tmp_path / "kubeconfig", "nobody")
    lab = lab_of(nobody.config(namespace), tmp_path)
    lab.start()
    try:
        await until(lambda: is_listed(lab))
        [(_, reading)] = lab.store.state.clusters
        assert "ask for the permission: list on jobs.batch" in (reading.problem or "")
        for command_id in NEEDED:
            why = await until_found(partial(lab.access.why_not, command_id, "e2e", namespace), bool)
            assert "may not" in why
        target = await lab.jobs.resolve(job)
        assert "not allowed (403)" in (target.problem or "")
    finally:
        await lab.close()
    assert (await cluster.read_job(namespace, "late")).uid == job.uid


def lab_of(config: ClusterConfig, tmp_path: Path) -> Lab:
    """The engine with another account."""
    return Lab(Config(clusters=(config,)), Sources(FakeSsh(), clusters=(KubernetesSource(config),)), tmp_path / "other")


def rfc3339_now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


async def set_status(config: ClusterConfig, namespace: str, name: str, status: dict[str, object]) -> None:
    """What a CronJob's controller says of it."""
    place = f"/apis/batch/v1/namespaces/{namespace}/cronjobs/{name}/status"
    ask = Ask("e2e", "patch", "cronjobs.batch/status", place)
    body = msgspec.json.encode({"status": status})
    async with wire(config) as api:
        await api.fetch(Call(place, ask, method="PATCH", body=body, content_type="application/merge-patch+json"))


@dataclass(frozen=True)
class Account:
    """Another account than the one that runs the tests."""

    kubeconfig: str
    context: str | None
    namespace: str
    """Where it has its rights, if any."""

    def config(self, *namespaces: str) -> ClusterConfig:
        """The cluster as this account is to look at it."""
        return ClusterConfig("e2e", kubeconfig=self.kubeconfig, context=self.context, namespaces=namespaces)


LOOK: tuple[Mapping[str, object], ...] = (
    {"apiGroups": ["batch"], "resources": ["jobs", "cronjobs"], "verbs": ["get", "list", "watch"]},
    {"apiGroups": [""], "resources": ["pods", "pods/log", "events"], "verbs": ["get", "list", "watch"]},
)
"""What it takes to look."""
LAB_USERS = {"viewer": None, "backup-only": "backup", "nobody": None}
"""Users that the demo lab has ready, whose API makes no service accounts: name → the namespace of their rights."""


async def account(config: ClusterConfig, namespace: str, path: Path, user: str) -> Account:
    """A service account like that user of the demo lab; on the demo lab, that user."""
    rights = () if user == "nobody" else LOOK
    try:
        token = await new_token(config, namespace, rights)
    except (SourceMissing, SourceGarbled):  # 404, in a server's words or another's
        context = f"{user}@{current_context().partition('@')[2]}"
        return Account(str(config.kubeconfig), context, LAB_USERS[user] or namespace)
    return Account(str(kubeconfig_with(token, path)), None, namespace)


def kubeconfig_with(token: str, path: Path) -> Path:
    """The same cluster, another user."""
    raw = yaml.safe_load(Path(KUBECONFIG).expanduser().read_text())
    chosen = next(one["context"] for one in raw["contexts"] if one["name"] == raw["current-context"])
    chosen["user"] = "tester"
    raw["users"] = [{"name": "tester", "user": {"token": token}}]
    path.write_text(yaml.safe_dump(raw))
    path.chmod(0o600)
    return path


def current_context() -> str:
    return str(yaml.safe_load(Path(KUBECONFIG).expanduser().read_text())["current-context"])


async def new_token(config: ClusterConfig, namespace: str, rights: Sequence[Mapping[str, object]]) -> str:
    """A token of a new service account with these rights in this namespace."""
    subject = {"kind": "ServiceAccount", "name": "tester", "namespace": namespace}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "tester"}
    rbac = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}"
    accounts = f"/api/v1/namespaces/{namespace}/serviceaccounts"
    asked: tuple[tuple[str, dict[str, object]], ...] = (
        (accounts, {"kind": "ServiceAccount", "apiVersion": "v1", "metadata": {"name": "tester"}}),
        (f"{rbac}/roles", {"metadata": {"name": "tester"}, "rules": list(rights)}),
        (f"{rbac}/rolebindings", {"metadata": {"name": "tester"}, "subjects": [subject], "roleRef": role}),
        (f"{accounts}/tester/token", {"spec": {"expirationSeconds": 3600}}),
    )
    answer = b""
    async with wire(config) as api:
        for place, body in asked:
            ask = Ask("e2e", "create", place.rpartition("/")[2], place)
            answer = await api.fetch(Call(place, ask, method="POST", body=msgspec.json.encode(body)))
    return str(msgspec.json.decode(answer)["status"]["token"])


async def is_gone(cluster: KubernetesSource, namespace: str, name: str) -> bool:
    try:
        await cluster.read_job(namespace, name)
    except SourceMissing:
        return True
    return False


async def until_found(look: Callable[[], T | None], fits: Callable[[T], object]) -> T:
    """What `look` gives, once it gives something that fits: a minute."""
    deadline = time.monotonic() + 60
    while (found := look()) is None or not fits(found):
        assert time.monotonic() < deadline, f"not within a minute; last {found!r}"
        await asyncio.sleep(0.2)
    return found


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
