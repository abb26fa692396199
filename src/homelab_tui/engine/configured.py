"""What follows from the configuration alone: the empty state, the safeguards, and what an answer must hold."""

from homelab_tui.config.model import Config
from homelab_tui.domain.jobs import Job, JobPod, MetricsSnapshot
from homelab_tui.domain.poe import SwitchReading
from homelab_tui.domain.reading import Reading
from homelab_tui.domain.state import LabState
from homelab_tui.engine.poe_safeguards import PoeLimits


def empty_state(config: Config) -> LabState:
    """Nothing is read yet: an empty reading for everything that is going to be."""
    return LabState(
        nodes=config.nodes,
        probes=tuple((node.name, Reading()) for node in config.nodes),
        reachability=tuple((node.name, Reading()) for node in config.nodes),
        accounts=tuple((node.name, Reading()) for node in config.nodes),
        machines=tuple((server.name, Reading()) for server in config.prometheus),
        switches=tuple((switch.name, Reading()) for switch in config.switches),
        clusters=tuple((cluster.name, Reading()) for cluster in config.clusters),
        prometheus=tuple((server.name, Reading()) for server in config.prometheus),
        pasts=tuple((server.name, Reading()) for server in config.prometheus),
        alertmanagers=tuple((server.name, Reading()) for server in config.alertmanagers),
    )


def poe_limits(config: Config, own_macs: frozenset[str], own_addresses: frozenset[str]) -> PoeLimits:
    """The safeguards of `[safety]` and of the switches' protected ports."""
    return PoeLimits(
        read_only=config.safety.read_only,
        cycle_off_s=config.safety.cycle_off_s,
        cycle_interval_s=config.safety.cycle_interval_s,
        boot_grace_s=config.safety.boot_grace_s,
        protected=frozenset(ref for switch in config.switches for ref in switch.protected_ports),
        own_macs=own_macs,
        own_addresses=own_addresses,
    )


def no_heartbeat(value: object) -> str | None:
    """Why an answer of Prometheus means nothing, or not everything; None when it can be taken at its word."""
    if not isinstance(value, MetricsSnapshot):
        return None
    partial = f"its answer may be partial: {'; '.join(value.warnings)}" if value.warnings else None
    if not value.heartbeat:
        why = partial or "is it scraped?"
        return f"Prometheus answers, but has no kube-state-metrics series: {why}"
    # A failed Job that a store did not tell must not look like a green cluster.
    return partial and f"Prometheus answers, but {partial}"


def no_ports(value: object) -> str | None:
    """Why an answer of a switch means nothing; None when it does."""
    if isinstance(value, SwitchReading) and not value.ports:
        return "the switch answers, but shows no PoE ports"
    return None


def pods_of(job: Job, state: LabState) -> tuple[JobPod, ...]:
    """The Pods of a Job, as the state knows them."""
    cluster = next((reading.value for name, reading in state.clusters if name == job.id.cluster), None)
    return tuple(pod for pod in cluster.pods if pod.job_uid == job.uid) if cluster is not None else ()
