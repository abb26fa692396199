"""Everything that is known at one moment, frozen all the way: equality is the change detection."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from homelab_tui.domain.ailments import Ailment
from homelab_tui.domain.alerts import AlertmanagerSnapshot
from homelab_tui.domain.job_families import FamilyRows
from homelab_tui.domain.jobs import CronJob, CronJobPast, Job, JobPod, JobState, MetricsSnapshot
from homelab_tui.domain.keys import AccountKeys, HostKey, KeyLogins, PublicKey, Sighting
from homelab_tui.domain.nodes import KubeNode, Node, NodeFacts, NodeMetrics, NodeState, PendingUpdates
from homelab_tui.domain.operations import Operation
from homelab_tui.domain.poe import PoePort, SwitchReading
from homelab_tui.domain.power import NodePower
from homelab_tui.domain.reading import Reading
from homelab_tui.domain.values import Frozen
from homelab_tui.domain.witnesses import Claim


class ClusterJobs(Frozen):
    """What the Kubernetes API of one cluster says, kept up to date by its watches."""

    cluster: str
    jobs: tuple[Job, ...] = ()
    cronjobs: tuple[CronJob, ...] = ()
    pods: tuple[JobPod, ...] = ()
    nodes: tuple[KubeNode, ...] = ()
    notes: tuple[str, ...] = ()
    """What this account may not read, each in a sentence (Pods or Nodes forbidden): the rest is still good."""
    is_whole: bool = True
    """False while a long list of Jobs or CronJobs is still being read."""


@dataclass(frozen=True, slots=True)
class JobsView:
    """Both worlds merged: the rows of the Jobs pane."""

    jobs: tuple[Job, ...] = ()
    cronjobs: tuple[CronJob, ...] = ()
    is_whole: bool = True
    """False while more is known to come: a verdict may still change without anything happening."""
    families: tuple[FamilyRows, ...] = field(default=(), compare=False, repr=False)
    """The same by family, in no order, for who shows it again and again: what did not change is the same object.

    Empty where nobody put the rows in families.
    """
    failed_first: int | None = field(default=None, compare=False, repr=False)
    """How many Jobs have failed, where it is known that they stand first; else None."""

    @property
    def failed(self) -> Sequence[Job]:
        """The Jobs that have failed."""
        if self.failed_first is not None:
            return self.jobs[: self.failed_first]
        return [job for job in self.jobs if job.state is JobState.FAILED]


class NodeView(Frozen):
    """One node with all that is known of it: a row of the Nodes pane."""

    node: Node
    state: NodeState = NodeState.UNKNOWN
    why: str | None = None
    reachable: bool | None = None
    """Whether its SSH port takes a TCP connection."""
    facts: NodeFacts | None = None
    """What the probe measured; what it did not tell, from the other witnesses. None: nobody told anything."""
    kubernetes: KubeNode | None = None
    metrics: NodeMetrics | None = None
    metrics_from: str | None = None
    """Name of the Prometheus that `metrics` come from."""
    claims: tuple[Claim, ...] = ()
    """Who says what, where several could."""
    disagreements: tuple[str, ...] = ()
    """Where they contradict each other, those that speak right now."""
    ailments: tuple[Ailment, ...] = ()
    """What its firmware complained of since it booted, as far as we saw it."""
    updates: PendingUpdates | None = None
    power: NodePower | None = None
    """Energy per day and usual draw, as remembered on this machine."""
    port: PoePort | None = None
    port_note: str | None = None
    """How the port was found when it was not declared (ifAlias, MAC table, LLDP, where it was last)."""
    port_is_remembered: bool = False
    """True: the switch does not tell the port now, it did once."""
    cabling: tuple[str, ...] = ()
    """What contradicts the configuration's cables (or itself), each in a sentence."""


class LabState(Frozen):
    """The whole truth the screen is drawn from. A poll that changed nothing yields an equal state."""

    nodes: tuple[Node, ...] = ()
    my_keys: tuple[PublicKey, ...] = ()
    my_keys_problem: str | None = None
    """Why my key files cannot be read: a configured one is missing or is no key."""
    probes: tuple[tuple[str, Reading[NodeFacts]], ...] = ()
    """Node name → probe."""
    updates: tuple[tuple[str, Reading[PendingUpdates | None]], ...] = ()
    """Node name → what its package manager says waits; asked seldom."""
    machines: tuple[tuple[str, Reading[tuple[NodeMetrics, ...]]], ...] = ()
    """Prometheus name → what its node_exporters say."""
    reachability: tuple[tuple[str, Reading[bool]], ...] = ()
    """Node name → whether TCP connects; a refused connection is a good reading of False."""
    accounts: tuple[tuple[str, Reading[AccountKeys]], ...] = ()
    """Node name → authorized_keys."""
    host_keys: tuple[tuple[str, HostKey], ...] = ()
    sightings: tuple[Sighting, ...] = ()
    """When each key was first seen in each account."""
    logins: tuple[tuple[str, Reading[KeyLogins]], ...] = ()
    """Account → what its node's log says of the keys there that are none of mine."""
    ways: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Account → the jump hosts on the way to its node; empty for a direct one."""
    switches: tuple[tuple[str, Reading[SwitchReading]], ...] = ()
    clusters: tuple[tuple[str, Reading[ClusterJobs]], ...] = ()
    prometheus: tuple[tuple[str, Reading[MetricsSnapshot]], ...] = ()
    """Prometheus name → snapshot."""
    pasts: tuple[tuple[str, Reading[tuple[CronJobPast, ...]]], ...] = ()
    """Prometheus name → what it remembers of earlier runs."""
    alertmanagers: tuple[tuple[str, Reading[AlertmanagerSnapshot]], ...] = ()
    """Alertmanager name → alerts and silences."""
    jobs: JobsView = JobsView()
    node_views: tuple[NodeView, ...] = ()
    operations: tuple[Operation, ...] = ()
    unfinished: tuple[str, ...] = ()
    """Sentences about must-finish work that an earlier run left undone (the journal), offered for repair."""
