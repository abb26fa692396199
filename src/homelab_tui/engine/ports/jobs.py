"""A Kubernetes cluster, as the engine reads and changes Jobs in it."""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from typing import Protocol

from homelab_tui.domain.jobs import CronJob, Event, Job, JobPod
from homelab_tui.domain.nodes import KubeNode
from homelab_tui.domain.watching import Watched


class ReadsJobs(Protocol):
    """A Kubernetes cluster, read side. Each watch lists first, re-lists on 410, and raises when the wire breaks."""

    @property
    def name(self) -> str:
        """The cluster's name in the configuration."""
        ...

    def watch_jobs(self) -> AsyncIterator[Watched[Job]]:
        """Jobs of the configured namespaces."""
        ...

    def watch_cronjobs(self) -> AsyncIterator[Watched[CronJob]]:
        """CronJobs of the configured namespaces."""
        ...

    def watch_job_pods(self) -> AsyncIterator[Watched[JobPod]]:
        """Pods that carry the `job-name` label."""
        ...

    def watch_nodes(self) -> AsyncIterator[Watched[KubeNode]]:
        """Every Node object."""
        ...

    async def list_jobs(self) -> tuple[Job, ...]:
        """What `watch_jobs` would list first."""
        ...

    async def list_cronjobs(self) -> tuple[CronJob, ...]:
        """What `watch_cronjobs` would list first."""
        ...

    async def list_job_pods(self) -> tuple[JobPod, ...]:
        """What `watch_job_pods` would list first."""
        ...

    async def list_pods_of(self, job: Job) -> tuple[JobPod, ...]:
        """The Pods of one Job, told from those of an earlier one of its name by its uid."""
        ...

    async def list_nodes(self) -> tuple[KubeNode, ...]:
        """What `watch_nodes` would list first."""
        ...

    async def read_job(self, namespace: str, name: str) -> Job:
        """Raises SourceMissing when it is gone."""
        ...

    async def read_cronjob(self, namespace: str, name: str) -> CronJob:
        """Raises SourceMissing when it is gone."""
        ...

    async def read_version(self) -> str:
        """The heartbeat: cheap, and proof that the API answers."""
        ...

    async def read_log(
        self,
        namespace: str,
        pod: str,
        *,
        container: str | None = None,
        previous: bool = False,
        tail_lines: int = 200,
    ) -> str:
        """The end of a container's log. Raises SourceMissing when the Pod is gone."""
        ...

    def follow_log(
        self, namespace: str, pod: str, *, container: str | None = None, tail_lines: int = 200
    ) -> AsyncGenerator[tuple[str, ...], None]:
        """A container's last lines, then what it writes, until it has ended; an empty step says that it is open.

        Raises SourceMissing without a log.
        """
        ...

    async def read_events(self, namespace: str, *, object_names: tuple[str, ...]) -> tuple[Event, ...]:
        """Events about objects of these names, in no order."""
        ...

    async def read_yaml(self, namespace: str, name: str) -> str:
        """The Job as YAML, without managedFields, secrets in environment values masked."""
        ...

    async def is_allowed(self, verb: str, resource: str, namespace: str) -> bool | None:
        """SelfSubjectAccessReview; resource as `jobs.batch` or `pods/log`. None when the question was not answered."""
        ...

    async def close(self) -> None:
        """Let go of every connection."""
        ...


class NamesContext(Protocol):
    """A Kubernetes cluster that was found through a kubeconfig."""

    @property
    def name(self) -> str:
        """The cluster's name in the configuration."""
        ...

    @property
    def context(self) -> str | None:
        """The kubeconfig's context that is spoken to; None before the first request, and inside a cluster."""
        ...


class DeletesJobs(Protocol):
    """A Kubernetes cluster, the one write of the Jobs pane that every user has."""

    async def delete_job(self, job: Job, *, propagation: str = "Background") -> bool:
        """Delete exactly this object: uid and resourceVersion as preconditions, and the policy, all in the body.

        Returns True when it was deleted, False when it was already gone (404).
        Raises: SourceConflict when it changed since it was read; SourceForbidden with the missing verb.
        """
        ...


class ChangesJobs(Protocol):
    """A Kubernetes cluster, the writes beside deleting."""

    async def read_manifest(self, plural: str, namespace: str, name: str) -> Mapping[str, object]:
        """A whole object of `jobs` or `cronjobs`, to make another of: secrets in it are not masked."""
        ...

    async def patch_job(self, job: Job, patch: Mapping[str, object]) -> Job:
        """Merge into exactly this object. Raises SourceConflict when it changed, SourceMissing when it is gone."""
        ...

    async def patch_cronjob(self, cronjob: CronJob, patch: Mapping[str, object]) -> CronJob:
        """Merge into exactly this object. Raises SourceConflict when it changed, SourceMissing when it is gone."""
        ...

    async def create_job(self, namespace: str, manifest: Mapping[str, object]) -> Job:
        """Raises SourceConflict when the name is taken, SourceRefused when the server objects to it."""
        ...


class ActsOnJobs(ReadsJobs, NamesContext, DeletesJobs, ChangesJobs, Protocol):
    """A Kubernetes cluster with everything the engine asks of one."""
