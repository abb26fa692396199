"""The shapes of Pods and Nodes, like `kube_schema`: only what is read, everything optional."""

from msgspec import Struct, field

from homelab_tui.sources.kube_schema import ConditionData, OwnerData


class PodLabelsData(Struct, gc=False):
    """The labels that tie a Pod to its Job: the present ones and those of before Kubernetes 1.27."""

    job_name: str | None = field(name="batch.kubernetes.io/job-name", default=None)
    old_job_name: str | None = field(name="job-name", default=None)
    job_uid: str | None = field(name="batch.kubernetes.io/controller-uid", default=None)
    old_job_uid: str | None = field(name="controller-uid", default=None)


class PodMetaData(Struct, gc=False, rename="camel"):
    """metadata of a Pod."""

    name: str | None = None
    namespace: str | None = None
    uid: str | None = None
    created: str | None = field(name="creationTimestamp", default=None)
    labels: PodLabelsData | None = None
    owners: list[OwnerData | None] | None = field(name="ownerReferences", default=None)


class ContainerData(Struct, gc=False):
    """A container of a Pod's spec."""

    name: str | None = None


class PodSpecData(Struct, gc=False, rename="camel"):
    """spec of a Pod."""

    node_name: str | None = None
    init_containers: list[ContainerData | None] | None = None
    containers: list[ContainerData | None] | None = None


class TerminatedData(Struct, gc=False, rename="camel"):
    """How a container ended."""

    exit_code: int | None = None
    reason: str | None = None
    message: str | None = None
    finished_at: str | None = None


class WaitingData(Struct, gc=False):
    """Why a container does not run yet."""

    reason: str | None = None
    message: str | None = None


class ContainerStateData(Struct, gc=False):
    """State of a container: at most one of these."""

    terminated: TerminatedData | None = None
    waiting: WaitingData | None = None


class ContainerStatusData(Struct, gc=False, rename="camel"):
    """Status of a container."""

    name: str | None = None
    restart_count: int | None = None
    state: ContainerStateData | None = None
    last_state: ContainerStateData | None = None


class PodStatusData(Struct, gc=False, rename="camel"):
    """status of a Pod."""

    phase: str | None = None
    reason: str | None = None
    message: str | None = None
    started: str | None = field(name="startTime", default=None)
    conditions: list[ConditionData | None] | None = None
    init_container_statuses: list[ContainerStatusData | None] | None = None
    container_statuses: list[ContainerStatusData | None] | None = None


class PodData(Struct, gc=False):
    """A Pod."""

    metadata: PodMetaData | None = None
    spec: PodSpecData | None = None
    status: PodStatusData | None = None


class NodeMetaData(Struct, gc=False, rename="camel"):
    """metadata of a Node; its roles are label names."""

    name: str | None = None
    uid: str | None = None
    resource_version: str | None = None
    labels: dict[str, str | None] | None = None


class NodeSpecData(Struct, gc=False):
    """spec of a Node."""

    unschedulable: bool | None = None


class NodeInfoData(Struct, gc=False, rename="camel"):
    """status.nodeInfo of a Node."""

    machine_id: str | None = field(name="machineID", default=None)
    boot_id: str | None = field(name="bootID", default=None)
    kernel_version: str | None = None
    os_image: str | None = None
    architecture: str | None = None
    kubelet_version: str | None = None


class AddressData(Struct, gc=False):
    """An address of a Node."""

    type: str | None = None
    address: str | None = None


class NodeStatusData(Struct, gc=False, rename="camel"):
    """status of a Node."""

    conditions: list[ConditionData | None] | None = None
    addresses: list[AddressData | None] | None = None
    capacity: dict[str, str | None] | None = None
    node_info: NodeInfoData | None = None


class NodeData(Struct, gc=False):
    """A Node."""

    metadata: NodeMetaData | None = None
    spec: NodeSpecData | None = None
    status: NodeStatusData | None = None
