"""The kinds of objects that are read: where each one is, and how its JSON becomes ours."""

from homelab_tui.domain.jobs import CronJob, Event, Job, JobPod
from homelab_tui.domain.nodes import KubeNode
from homelab_tui.sources.kube_host_schema import NodeData, PodData
from homelab_tui.sources.kube_hosts import job_pod, kube_node
from homelab_tui.sources.kube_lists import Resource
from homelab_tui.sources.kube_objects import cronjob, decode, event, job, page
from homelab_tui.sources.kube_schema import CronJobData, EventData, JobData, ListData


def jobs(cluster: str) -> Resource[Job]:
    """Jobs of a cluster."""
    return Resource(
        plural="jobs",
        group="batch",
        words="Jobs",
        read_page=lambda data: page(data, ListData[JobData], lambda one: job(cluster, one)),
        read_one=lambda data: job(cluster, decode(data, JobData)),
        uid=lambda one: one.uid or str(one.id),
        # Failed, failing, running and waiting ones.
        first_selector="status.successful=0",
    )


def cronjobs(cluster: str) -> Resource[CronJob]:
    """CronJobs of a cluster."""
    return Resource(
        plural="cronjobs",
        group="batch",
        words="CronJobs",
        read_page=lambda data: page(data, ListData[CronJobData], lambda one: cronjob(cluster, one)),
        read_one=lambda data: cronjob(cluster, decode(data, CronJobData)),
        uid=lambda one: one.uid or one.key,
    )


def job_pods(cluster: str) -> Resource[JobPod]:
    """Pods of Jobs."""
    return Resource(
        plural="pods",
        words="Pods",
        # The label of every version; the prefixed one came with 1.27.
        label_selector="job-name",
        read_page=lambda data: page(data, ListData[PodData], lambda one: job_pod(cluster, one)),
        read_one=lambda data: job_pod(cluster, decode(data, PodData)),
        uid=lambda one: one.uid or f"{one.namespace}/{one.name}",
    )


def nodes(cluster: str) -> Resource[KubeNode]:
    """Nodes of a cluster."""
    return Resource(
        plural="nodes",
        words="Nodes",
        has_namespace=False,
        read_page=lambda data: page(data, ListData[NodeData], lambda one: kube_node(cluster, one)),
        read_one=lambda data: kube_node(cluster, decode(data, NodeData)),
        uid=lambda one: one.uid or one.name,
    )


def events() -> Resource[Event]:
    """Events, as core/v1 has them (the API server shows the newer kind there too)."""
    return Resource(
        plural="events",
        words="Events",
        read_page=lambda data: page(data, ListData[EventData], event),
        read_one=lambda data: event(decode(data, EventData)),
        uid=lambda one: one.object_name,
    )
