"""A Kubernetes cluster, through its API server.

httpx and the few fields that are shown: the official package's typed models cost a multiple, and raise on a missing
field; what its reading of kubeconfigs costs, `kubeconfig` tells.
"""

from collections.abc import AsyncGenerator, Mapping
from typing import TypeVar
from urllib.parse import quote

import msgspec

from homelab_tui.config.model import ClusterConfig
from homelab_tui.domain.disruption import DisruptionBudget
from homelab_tui.domain.draining import NodePod
from homelab_tui.domain.errors import SourceConflict, SourceError, SourceMissing, SourceRefused
from homelab_tui.domain.jobs import CronJob, Event, Job, JobPod
from homelab_tui.domain.nodes import KubeNode
from homelab_tui.domain.values import replace
from homelab_tui.domain.watching import Watched
from homelab_tui.sources import kube_logs, kube_nodes, kube_resources
from homelab_tui.sources.kube_errors import Ask, refusal, understood
from homelab_tui.sources.kube_lists import Resource, read_list
from homelab_tui.sources.kube_objects import decode, oldest_first, status
from homelab_tui.sources.kube_schema import AccessReviewData, ServerVersionData
from homelab_tui.sources.kube_watch import watch
from homelab_tui.sources.kube_wire import Call, KubeWire

T = TypeVar("T")

MAX_LOG_BYTES = 2_000_000
PROPAGATIONS = ("Background", "Foreground", "Orphan")
_MERGE_PATCH = "application/merge-patch+json"


class KubernetesSource:
    """One cluster. Nothing is read or contacted before the first call; every method may raise a SourceError."""

    def __init__(self, config: ClusterConfig) -> None:
        self._config = config
        self._wire = KubeWire(config)
        self._jobs = kube_resources.jobs(config.name)
        self._cronjobs = kube_resources.cronjobs(config.name)
        self._job_pods = kube_resources.job_pods(config.name)
        self._nodes = kube_resources.nodes(config.name)
        self._events = kube_resources.events()

    @property
    def name(self) -> str:
        """The cluster's name in the configuration."""
        return self._config.name

    @property
    def context(self) -> str | None:
        """The kubeconfig's context that is spoken to; None before the first request, and inside a cluster."""
        return self._wire.context

    async def close(self) -> None:
        """Close every connection."""
        await self._wire.close()

    def watch_jobs(self) -> AsyncGenerator[Watched[Job], None]:
        """All Jobs, then what changes."""
        return watch(self._wire, self._jobs, self._config.namespaces)

    def watch_cronjobs(self) -> AsyncGenerator[Watched[CronJob], None]:
        """All CronJobs, then what changes."""
        return watch(self._wire, self._cronjobs, self._config.namespaces)

    def watch_job_pods(self) -> AsyncGenerator[Watched[JobPod], None]:
        """All Pods with the label `job-name`, then what changes."""
        return watch(self._wire, self._job_pods, self._config.namespaces)

    def watch_nodes(self) -> AsyncGenerator[Watched[KubeNode], None]:
        """All Nodes, then what changes. They are in no namespace: who may read only some gets SourceForbidden."""
        return watch(self._wire, self._nodes, ())

    async def list_jobs(self) -> tuple[Job, ...]:
        """All Jobs."""
        return await self._all(self._jobs)

    async def list_cronjobs(self) -> tuple[CronJob, ...]:
        """All CronJobs."""
        return await self._all(self._cronjobs)

    async def list_job_pods(self) -> tuple[JobPod, ...]:
        """All Pods with the label `job-name`."""
        return await self._all(self._job_pods)

    async def list_pods_of(self, job: Job) -> tuple[JobPod, ...]:
        """The Pods of one Job."""
        # The name's label is on every version's Pods; the uid tells them from those of an earlier Job of that name.
        own = replace(self._job_pods, label_selector=f"job-name={job.id.name}")
        listed = await read_list(self._wire, own, job.id.namespace)
        return tuple(pod for pod in listed.items if pod.job_uid == job.uid)

    async def list_nodes(self) -> tuple[KubeNode, ...]:
        """All Nodes."""
        return (await read_list(self._wire, self._nodes, None)).items

    async def read_job(self, namespace: str, name: str) -> Job:
        """One Job as it is now. Raises: SourceMissing when it is gone."""
        return await self._one(self._jobs, "get", namespace, name)

    async def read_cronjob(self, namespace: str, name: str) -> CronJob:
        """One CronJob as it is now, without a verdict. Raises: SourceMissing when it is gone."""
        return await self._one(self._cronjobs, "get", namespace, name)

    async def read_manifest(self, plural: str, namespace: str, name: str) -> Mapping[str, object]:
        """A whole object of `jobs` or `cronjobs`, to make another of. Nothing in it is masked: never show it.

        Raises: SourceMissing when it is gone.
        """
        resource = self._cronjobs if plural == "cronjobs" else self._jobs
        ask = resource.ask(self.name, "get", namespace, name)
        body = await self._wire.fetch(Call(resource.path(namespace, name), ask))
        return understood(ask, lambda data: decode(data, dict[str, object]), body)

    async def read_version(self) -> str:
        """The server's version, e.g. `v1.31.4+k3s1`: the cheapest proof that the API answers."""
        ask = Ask(self.name, "get", "version", "the server's version")
        body = await self._wire.fetch(Call("/version", ask))
        found = understood(ask, lambda data: decode(data, ServerVersionData), body)
        return found.git_version or "unknown"

    async def read_log(
        self,
        namespace: str,
        pod: str,
        *,
        container: str | None = None,
        previous: bool = False,
        tail_lines: int = 200,
    ) -> str:
        """The end of a container's log, at most 2 MB; bytes that are no UTF-8 become U+FFFD.

        Raises: SourceMissing when the Pod is gone, or has no log (yet, or no previous one).
        """
        ask = Ask(self.name, "get", "pods/log", f"log of Pod {namespace}/{pod}")
        params = {"tailLines": str(tail_lines), "limitBytes": str(MAX_LOG_BYTES)}
        params |= {"container": container} if container else {}
        params |= {"previous": "true"} if previous else {}
        call = Call(kube_logs.log_path(namespace, pod), ask, params=params, max_bytes=MAX_LOG_BYTES)
        answer = await self._wire.request(call)
        if answer.code != 200:
            raise kube_logs.no_log(ask, answer.code, answer.headers, answer.body)
        return answer.body.decode(errors="replace")

    def follow_log(
        self, namespace: str, pod: str, *, container: str | None = None, tail_lines: int = 200
    ) -> AsyncGenerator[tuple[str, ...], None]:
        """A container's last lines, then what it writes, until it has ended. Close it (`aclose`) to stop.

        Raises: SourceMissing when there is no log (yet), SourceError when the wire stays broken.
        """
        return kube_logs.follow(self._wire, namespace, pod, container, tail_lines)

    async def read_events(self, namespace: str, *, object_names: tuple[str, ...]) -> tuple[Event, ...]:
        """Events about any of the named objects, oldest first. The server forgets them after about an hour."""
        # One name is the server's work; for several, one list of the namespace is cheaper than a request each.
        selector = f"involvedObject.name={object_names[0]}" if len(object_names) == 1 else None
        listed = await read_list(self._wire, self._events, namespace, field_selector=selector)
        return oldest_first(tuple(one for one in listed.items if one.object_name in object_names))

    async def read_yaml(self, namespace: str, name: str) -> str:
        """The Job as YAML, without managedFields, secrets in it masked. Raises: SourceMissing when it is gone."""
        from homelab_tui.sources.kube_manifests import readable_yaml  # its expressions take 20 ms to compile

        ask = self._jobs.ask(self.name, "get", namespace, name)
        return understood(ask, readable_yaml, await self._wire.fetch(Call(self._jobs.path(namespace, name), ask)))

    async def is_allowed(self, verb: str, resource: str, namespace: str) -> bool | None:
        """Whether we may (SelfSubjectAccessReview); resource as `jobs.batch` or `pods/log`, namespace `""` for all.

        None when the question was not answered.
        """
        kind, _, subresource = resource.partition("/")
        plural, _, group = kind.partition(".")
        attributes = {"verb": verb, "group": group, "resource": plural, "namespace": namespace}
        attributes |= {"subresource": subresource} if subresource else {}
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": attributes},
        }
        ask = Ask(self.name, "create", "selfsubjectaccessreviews.authorization.k8s.io", "access review")
        path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
        try:
            body = await self._wire.fetch(Call(path, ask, method="POST", body=msgspec.json.encode(review)))
            found = decode(body, AccessReviewData).status
        except SourceError:
            return None
        return found.allowed if found else None

    async def delete_job(self, job: Job, *, propagation: str = "Background") -> bool:
        """Delete exactly this object: uid and resourceVersion as preconditions, and the policy, all in the body.

        True: accepted; a Job with finalizers stays for a while, with `deleted_at`. False: it was already gone.
        Never sent a second time by itself, but for a 401. Raises: SourceConflict when it changed since it was read.
        """
        if propagation not in PROPAGATIONS:
            raise ValueError(f"propagation {propagation!r} is none of {', '.join(PROPAGATIONS)}")
        ask = self._jobs.ask(self.name, "delete", job.id.namespace, job.id.name)
        if job.uid is None:
            raise SourceMissing(f"{ask}: Prometheus alone knows it; there is no object to delete")
        preconditions = {"uid": job.uid, "resourceVersion": job.resource_version}
        # All in the body: the server ignores the query once there is a body, and its default for Jobs orphans the Pods.
        options = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": propagation,
            "preconditions": {key: value for key, value in preconditions.items() if value is not None},
        }
        path = self._jobs.path(job.id.namespace, job.id.name)
        try:
            await self._wire.fetch(Call(path, ask, method="DELETE", body=msgspec.json.encode(options)))
        except SourceMissing:
            return False
        except SourceConflict as conflict:
            try:
                now = await self.read_job(job.id.namespace, job.id.name)
            except SourceMissing:
                return False
            except SourceError:
                raise conflict from None
            raise SourceConflict(f"{ask}: {_difference(job, now)}; nothing was deleted, look again") from conflict
        return True

    async def patch_job(self, job: Job, patch: Mapping[str, object]) -> Job:
        """Merge `patch` into exactly this object. Raises: SourceConflict when it changed since it was read."""
        versioned = _versioned(patch, job.uid, job.resource_version)
        return await self._one(self._jobs, "patch", job.id.namespace, job.id.name, versioned)

    async def patch_cronjob(self, cronjob: CronJob, patch: Mapping[str, object]) -> CronJob:
        """Merge `patch` into exactly this object. Raises: SourceConflict when it changed since it was read."""
        versioned = _versioned(patch, cronjob.uid, cronjob.resource_version)
        return await self._one(self._cronjobs, "patch", cronjob.namespace, cronjob.name, versioned)

    async def create_job(self, namespace: str, manifest: Mapping[str, object]) -> Job:
        """Create a Job. Raises: SourceConflict when the name is taken, SourceRefused when the server objects to it."""
        metadata = manifest.get("metadata")
        named = metadata if isinstance(metadata, Mapping) else {}
        name = str(named.get("name") or named.get("generateName") or "without a name")
        ask = self._jobs.ask(self.name, "create", namespace, name)
        call = Call(self._jobs.path(namespace), ask, method="POST", body=msgspec.json.encode(manifest))
        return understood(ask, self._jobs.read_one, await self._wire.fetch(call))

    async def read_node(self, name: str) -> KubeNode:
        """One Node as it is now. Raises: SourceMissing when it is gone."""
        return await kube_nodes.read_node(self._wire, name)

    async def patch_node(self, node: KubeNode, patch: Mapping[str, object]) -> KubeNode:
        """Merge into exactly this Node. Raises: SourceConflict when it changed since it was read."""
        return await kube_nodes.patch_node(self._wire, node, patch)

    async def list_pods_on(self, node: str) -> tuple[NodePod, ...]:
        """Every Pod on a node, in all namespaces."""
        return await kube_nodes.list_pods_on(self._wire, node)

    async def list_disruption_budgets(self) -> tuple[DisruptionBudget, ...]:
        """Every PodDisruptionBudget of the cluster."""
        return await kube_nodes.list_disruption_budgets(self._wire)

    async def evict_pod(self, pod: NodePod) -> str | None:
        """None: accepted, or it was gone already; else what blocks the eviction, in words."""
        return await kube_nodes.evict_pod(self._wire, pod)

    async def service_get(self, service: str, path: str, params: Mapping[str, str]) -> tuple[int, bytes]:
        """GET from a service inside the cluster, through the API server. `service`: `namespace/name:port`.

        Gives the service's own status and body. Raises: SourceError for what the API server itself says: no such
        service, nothing behind it, not allowed.
        """
        namespace, slash, name = service.partition("/")
        if not (namespace and slash and name):
            raise SourceRefused(f"{self.name}: service {service!r} is not `namespace/name:port`")
        ask = Ask(self.name, "get", "services/proxy", f"service {service}")
        root = f"/api/v1/namespaces/{quote(namespace, safe='')}/services/{quote(name, safe=':')}/proxy/"
        answer = await self._wire.request(Call(root + quote(path.lstrip("/")), ask, params=params))
        if answer.code >= 300 and status(answer.body) is not None:
            raise refusal(ask, answer.code, answer.headers, answer.body)
        return answer.code, answer.body

    async def _all(self, resource: Resource[T]) -> tuple[T, ...]:
        found: list[T] = []
        for namespace in self._config.namespaces or (None,):
            found += (await read_list(self._wire, resource, namespace)).items
        return tuple(found)

    async def _one(
        self, resource: Resource[T], verb: str, namespace: str, name: str, patch: Mapping[str, object] | None = None
    ) -> T:
        ask, path = resource.ask(self.name, verb, namespace, name), resource.path(namespace, name)
        if patch is None:
            return understood(ask, resource.read_one, await self._wire.fetch(Call(path, ask)))
        body = msgspec.json.encode(patch)
        call = Call(path, ask, method="PATCH", body=body, content_type=_MERGE_PATCH)
        return understood(ask, resource.read_one, await self._wire.fetch(call))


def _versioned(patch: Mapping[str, object], uid: str | None, version: str | None) -> Mapping[str, object]:
    """The patch with uid and resourceVersion in it: the server then refuses it for any other object or version."""
    metadata = patch.get("metadata")
    identity = {"uid": uid, "resourceVersion": version}
    given = dict(metadata) if isinstance(metadata, Mapping) else {}
    return {**patch, "metadata": {**given, **{key: value for key, value in identity.items() if value is not None}}}


def _difference(before: Job, now: Job) -> str:
    """Why a delete met a conflict."""
    if now.uid != before.uid:
        return "another Job of this name has taken its place"
    if now.state is not before.state:
        return f"it was {before.state}, now it is {now.state}"
    return "it changed since it was read"
