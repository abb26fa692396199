"""Pods and Nodes: where a Job's work ran and how it ended there. Pure, like `kube_objects`."""

from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation

from homelab_tui.domain.jobs import JobPod
from homelab_tui.domain.nodes import KubeNode
from homelab_tui.sources.kube_host_schema import (
    ContainerStateData,
    ContainerStatusData,
    NodeData,
    NodeInfoData,
    NodeMetaData,
    NodeStatusData,
    PodData,
    PodLabelsData,
    PodMetaData,
    PodSpecData,
    PodStatusData,
    TerminatedData,
    WaitingData,
)
from homelab_tui.sources.kube_objects import moment

_ROLE = "node-role.kubernetes.io/"
_ADDRESSES = ("InternalIP", "ExternalIP", "Hostname")
_NOT_YET = ("PodInitializing", "ContainerCreating")
"""Waiting reasons of a Pod that is on its way: no trouble."""
_UNITS = {
    "": Decimal(1),
    "m": Decimal("0.001"),
    **{unit: Decimal(1000) ** (power + 1) for power, unit in enumerate(("k", "M", "G", "T", "P", "E"))},
    **{unit: Decimal(1024) ** (power + 1) for power, unit in enumerate(("Ki", "Mi", "Gi", "Ti", "Pi", "Ei"))},
}


def job_pod(cluster: str, data: PodData) -> JobPod:
    """One Pod of a Job, with the end of the container whose log is worth reading."""
    meta = data.metadata or PodMetaData()
    spec = data.spec or PodSpecData()
    status = data.status or PodStatusData()
    labels = meta.labels or PodLabelsData()
    owner = next((ref for ref in meta.owners or () if ref and ref.controller and ref.kind == "Job"), None)
    names = tuple(box.name for box in (*(spec.init_containers or ()), *(spec.containers or ())) if box and box.name)
    first = next((box.name for box in spec.containers or () if box and box.name), None)
    states = tuple(one for one in (*(status.init_container_statuses or ()), *(status.container_statuses or ())) if one)
    failed, end = _failed(states)
    stuck, waiting = (None, None) if end else _waiting(states)
    reason, message = _pod_reason(status)
    is_over = status.phase in ("Succeeded", "Failed")
    return JobPod(
        cluster=cluster,
        namespace=meta.namespace or "",
        name=meta.name or "",
        uid=meta.uid or "",
        job_uid=labels.job_uid or labels.old_job_uid or (owner.uid if owner else None),
        job_name=labels.job_name or labels.old_job_name or (owner.name if owner else None),
        node=spec.node_name or None,
        phase=status.phase,
        reason=reason,
        exit_code=end.exit_code if end else _success(status, states),
        exit_reason=(end.reason if end else waiting.reason if waiting else None) or None,
        message=(end.message if end else None) or message or (waiting.message if waiting else None) or None,
        container=failed or stuck or first,
        containers=names,
        restarts=sum(one.restart_count or 0 for one in states),
        created_at=moment(meta.created),
        started_at=moment(status.started),
        finished_at=max((at for one in states if (at := _ended_at(one.state))), default=None) if is_over else None,
    )


def _failed(states: tuple[ContainerStatusData, ...]) -> tuple[str | None, TerminatedData | None]:
    """The container that failed first, and how. The later ones (side-cars) are mostly stopped because of it.

    A container that failed and was started again counts by its last end, unless another is down for good.
    """
    for of in ("state", "last_state"):
        ends: list[tuple[datetime, int, str | None, TerminatedData]] = []
        for index, one in enumerate(states):
            state: ContainerStateData | None = getattr(one, of)
            end = state.terminated if state else None
            healed = of == "last_state" and one.state is not None and one.state.terminated is not None
            if end is not None and end.exit_code not in (None, 0) and not healed:
                ends.append((moment(end.finished_at) or datetime.max.replace(tzinfo=UTC), index, one.name, end))
        if ends:
            _, _, name, end = min(ends, key=lambda entry: entry[:2])
            return name, end
    return None, None


def _waiting(states: tuple[ContainerStatusData, ...]) -> tuple[str | None, WaitingData | None]:
    """The first container that cannot start (ImagePullBackOff, CreateContainerConfigError, …), and why."""
    for one in states:
        waiting = one.state.waiting if one.state else None
        if waiting is not None and waiting.reason and waiting.reason not in _NOT_YET:
            return one.name, waiting
    return None, None


def _success(status: PodStatusData, states: tuple[ContainerStatusData, ...]) -> int | None:
    """0 for a Pod that ended well; None while it is unknown."""
    return 0 if status.phase == "Succeeded" and any(_ended_at(one.state) for one in states) else None


def _pod_reason(status: PodStatusData) -> tuple[str | None, str | None]:
    """(reason, message) of the Pod itself; for one that no node takes, the scheduler's."""
    if status.reason or status.phase != "Pending":
        return status.reason or None, status.message or None
    for entry in status.conditions or ():
        if entry and entry.type == "PodScheduled" and entry.status == "False":
            return entry.reason or None, entry.message or None
    return None, status.message or None


def _ended_at(state: ContainerStateData | None) -> datetime | None:
    return moment(state.terminated.finished_at) if state and state.terminated else None


def kube_node(cluster: str, data: NodeData) -> KubeNode:
    """One Node. `ready` is False where its kubelet no longer reports (Unknown), as in kubectl's NotReady."""
    meta = data.metadata or NodeMetaData()
    status = data.status or NodeStatusData()
    info = status.node_info or NodeInfoData()
    capacity = status.capacity or {}
    conditions = [entry for entry in status.conditions or () if entry and entry.type]
    ready = next((entry.status == "True" for entry in conditions if entry.type == "Ready"), None)
    cpus = quantity(capacity.get("cpu"))
    memory = quantity(capacity.get("memory"))
    return KubeNode(
        cluster=cluster,
        name=meta.name or "",
        uid=meta.uid or "",
        ready=ready,
        roles=_roles(meta.labels or {}),
        kubelet=info.kubelet_version,
        machine_id=info.machine_id,
        boot_id=info.boot_id,
        addresses=tuple(at.address for at in status.addresses or () if at and at.address and at.type in _ADDRESSES),
        unschedulable=bool(data.spec and data.spec.unschedulable),
        kernel=info.kernel_version,
        os=info.os_image,
        arch=info.architecture,
        cpus=None if cpus is None else int(cpus),
        memory_bytes=None if memory is None else int(memory),
        conditions=tuple(
            entry.type for entry in conditions if entry.type and entry.type != "Ready" and entry.status == "True"
        ),
        resource_version=meta.resource_version or "",
    )


def _roles(labels: dict[str, str | None]) -> tuple[str, ...]:
    """Roles as kubectl lists them: the names after `node-role.kubernetes.io/`, and the old `kubernetes.io/role`."""
    found = {name.removeprefix(_ROLE) for name in labels if name.startswith(_ROLE)} | {labels.get("kubernetes.io/role")}
    return tuple(sorted(role for role in found if role))


def quantity(text: str | None) -> Decimal | None:
    """A Kubernetes quantity (`4`, `500m`, `16265432Ki`, `12e6`) as a number; None for what is none."""
    if not text:
        return None
    number = text.rstrip("KMGTPEikm") if text[-1] in "KMGTPEikm" else text
    unit = text[len(number) :]
    try:
        found = Decimal(number) * _UNITS[unit]
    except (InvalidOperation, KeyError):
        return None
    return found if found.is_finite() else None
