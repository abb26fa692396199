"""The Protocols the engine needs of the world. Sources satisfy them by shape and import nothing from here.

Every method may raise a `domain.errors.SourceError`; nothing else is expected. Every method has its own time-out.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Protocol, runtime_checkable

from homelab_tui.domain.alerts import AlertmanagerSnapshot, Matcher
from homelab_tui.domain.curves import Curve, NodeCurves, PortSeries
from homelab_tui.domain.disruption import DisruptionBudget
from homelab_tui.domain.draining import NodePod
from homelab_tui.domain.jobs import CronJob, CronJobPast, Event, Job, JobPod, MetricsSnapshot
from homelab_tui.domain.keys import (
    AccountKeys,
    AdminUser,
    BeforeWrite,
    HostKey,
    KeyLogins,
    KeyRecipe,
    KeyRemoval,
    KeyWrite,
    ModesMended,
    NodeChange,
    Proof,
    PublicKey,
    no_matter,
)
from homelab_tui.domain.loose_modes import LoosePath
from homelab_tui.domain.nodes import KubeNode, Node, NodeFacts, NodeMetrics, PendingUpdates
from homelab_tui.domain.poe import PoePort, PortRef, SwitchReading
from homelab_tui.domain.secrets import Secret
from homelab_tui.domain.watching import Watched

Sleep = Callable[[float], Coroutine[object, object, None]]
"""Waits that many seconds: `asyncio.sleep`, or a test's own that takes none."""


class Clock(Protocol):
    """The time, so that a test can stand still."""

    def now(self) -> datetime:
        """Aware UTC."""
        ...


class ReadsMetrics(Protocol):
    """A Prometheus server."""

    @property
    def name(self) -> str:
        """Its name in the configuration."""
        ...

    @property
    def cluster(self) -> str:
        """The cluster its kube_* series speak of."""
        ...

    async def read_jobs(self) -> MetricsSnapshot:
        """Jobs, CronJobs and alerts at one instant, and whether kube-state-metrics is there at all."""
        ...

    async def read_past(self) -> tuple[CronJobPast, ...]:
        """The runs that it remembers of every CronJob, those of Jobs that are gone among them."""
        ...

    async def read_nodes(self) -> tuple[NodeMetrics, ...]:
        """What node_exporter says of every node it runs on."""
        ...

    async def read_curves(self, instance: str, *, end: datetime, seconds: float, points: int) -> NodeCurves:
        """Temperature and power of one machine over the time that ends at `end`."""
        ...

    async def read_port_power(
        self, port: PoePort, series: PortSeries, *, end: datetime, seconds: float, points: int
    ) -> Curve | None:
        """The watts of one port over the time that ends at `end`; None: not told, or not for certain of this port."""
        ...

    async def check(self) -> str:
        """Version text of the server."""
        ...

    async def close(self) -> None:
        """Let go of every connection."""
        ...


class HoldsAlerts(Protocol):
    """An Alertmanager."""

    @property
    def name(self) -> str:
        """Its name in the configuration."""
        ...

    async def check(self) -> str:
        """Version text of the server."""
        ...

    async def read(self) -> AlertmanagerSnapshot:
        """Alerts about Jobs, and the silences that have not ended."""
        ...

    async def create_silence(
        self, matchers: tuple[Matcher, ...], *, starts_at: datetime, ends_at: datetime, created_by: str, comment: str
    ) -> str:
        """Make a silence; returns its id."""
        ...

    async def expire_silence(self, silence_id: str) -> bool:
        """End a silence now. False: it was not there any more."""
        ...

    async def close(self) -> None:
        """Close every connection."""
        ...


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


class ReachesNodes(Protocol):
    """SSH, the read side."""

    async def answers(self, node: Node) -> bool:
        """Whether a TCP connection to the SSH port is taken, as that node is reached (jump hosts: the first hop).

        False: refused, or no route. Raises SourceTimeout when nothing answers in time.
        """
        ...

    async def way(self, node: Node) -> tuple[str, ...]:
        """The jump hosts on the way to the node, the first one first; empty for a direct one. Asks no node."""
        ...

    async def probe(self, node: Node) -> NodeFacts:
        """One read-only probe over one exec."""
        ...

    async def host_key(self, node: Node) -> HostKey:
        """The key the server shows now, judged against known_hosts. Sends nothing but the key exchange."""
        ...

    async def trust(self, node: Node, fingerprint: str) -> HostKey:
        """Append the offered key to known_hosts if, asked again, the server still shows exactly this fingerprint."""
        ...

    async def close(self) -> None:
        """Let go of every connection."""
        ...


class InstallsKeys(Protocol):
    """SSH, the authorized_keys side."""

    async def read_my_keys(self) -> tuple[PublicKey, ...]:
        """Key files of the configuration, and the agent's. Raises ConfigError for a configured file that is no key."""
        ...

    async def read_key_file(self, path: Path) -> PublicKey:
        """The key of one `.pub` file. Raises ConfigError naming the file."""
        ...

    async def make_key(self, recipe: KeyRecipe) -> PublicKey:
        """A new key pair beside my other keys. Raises ActionRefused for a file that is there already."""
        ...

    async def read_account(self, node: Node, *, password: Secret | None = None) -> AccountKeys:
        """Every authorized_keys file that sshd reads for the account."""
        ...

    async def last_logins(self, node: Node, fingerprints: Sequence[str]) -> KeyLogins:
        """When these keys last logged in to the node, by its own log. Raises SourceRefused where none can be read."""
        ...

    async def add_key(
        self, node: Node, key: PublicKey, *, password: Secret | None = None, before_write: BeforeWrite = no_matter
    ) -> KeyWrite:
        """Compare-and-swap: one line appended, every other byte as it was, `~/.ssh` 700 and the file 600 if created.

        `changed` is False when the key is already there as a plain line. `before_write` hears of each write before it
        is sent, in any thread; what it raises prevents it.
        """
        ...

    async def change_password(self, node: Node, old: Secret, new: Secret) -> None:
        """A new password for an account whose own has expired (PasswordExpired), shown by a fresh login.

        Raises CredentialsNeeded when the old one is refused, SourceRefused when the new one is.
        """
        ...

    async def remove_key(
        self,
        node: Node,
        fingerprint: str,
        *,
        using: PublicKey | None = None,
        everywhere: bool = False,
        dry_run: bool = False,
        before_write: BeforeWrite = no_matter,
    ) -> KeyRemoval:
        """Every line about a key out of the files that sshd reads; `using` is the one key to log in with.

        `everywhere`: out of the node's other accounts too, as far as sudo shows them; their files are called
        `~root/.ssh/authorized_keys`. `before_write` as in `add_key`.

        Raises SourceRefused, with nothing written, for the key that the session came in with and the last usable one.
        """
        ...

    async def restore_file(self, node: Node, file: str, left_sha256: str, before: bytes | None) -> KeyWrite:
        """A file as it was before a write of ours. Raises SourceConflict when it is not what that write left."""
        ...

    async def mend_modes(
        self, node: Node, wanted: Sequence[LoosePath], *, password: Secret | None = None
    ) -> ModesMended:
        """`chmod go-w` on these paths, as the account itself, if they still are as they were read; read back."""
        ...

    async def prove(self, node: Node, key: PublicKey) -> Proof:
        """A fresh connection with that key alone. Raises SourceError when the node cannot be reached."""
        ...


class AdministersNodes(Protocol):
    """SSH, as root on the node."""

    async def harden(self, node: Node, tell: Callable[[str], None], *, undo: bool = False) -> NodeChange:
        """Key-only sshd, with a rollback that the node does by itself; `tell` hears the stages.

        Raises SourceRefused when it was not done; its message says what was put back, and what is proven.
        """
        ...

    async def allow_sudo(self, node: Node, password: Secret | None, *, undo: bool = False) -> NodeChange:
        """sudo without a password for the node's account, or with one again.

        Raises CredentialsNeeded when sudo wants a password.
        """
        ...

    async def make_user(self, node: Node, request: AdminUser, password: Secret | None) -> NodeChange:
        """A user with a key and passwordless sudo, proven by a fresh login, else taken back. Raises as `allow_sudo`."""
        ...

    async def remove_user(self, node: Node, name: str, password: Secret | None) -> NodeChange:
        """Take back what `make_user` did: its sudo, and the account where homelab made it."""
        ...

    async def address(self, node: Node) -> str | None:
        """What the other nodes are to know the node by; None for loopback, and for a name that is not found."""
        ...

    async def write_hosts(self, node: Node, entries: Sequence[tuple[str, str]], password: Secret | None) -> NodeChange:
        """Names and addresses into the node's /etc/hosts; without any, the block goes. Raises as `allow_sudo`."""
        ...

    async def write_hosts_here(self, entries: Sequence[tuple[str, str]], password: Secret | None) -> NodeChange:
        """The same on this machine, by its own sudo. Raises as `allow_sudo`."""
        ...


class ReachesAndInstalls(ReachesNodes, InstallsKeys, AdministersNodes, Protocol):
    """SSH with everything the engine asks of it."""


class SwitchesPoe(Protocol):
    """One PoE switch."""

    @property
    def name(self) -> str:
        """Its name in the configuration."""
        ...

    @property
    def kind(self) -> str:
        """snmp, unifi, routeros, prometheus or command."""
        ...

    async def read(self) -> SwitchReading:
        """Every PoE port now."""
        ...

    async def set_admin(self, ref: PortRef, *, on: bool) -> None:
        """Switch the port's power. Returns when the switch accepted it; whether it happened is read back.

        Raises: SourceRefused for a read-only credential or port.
        """
        ...

    async def close(self) -> None:
        """Let go of every connection."""
        ...


@runtime_checkable
class CyclesPoe(Protocol):
    """A PoE switch with a command of its own that power-cycles a port, where off and on may not cut the power."""

    @property
    def cycles_by_itself(self) -> bool:
        """Whether this one, as it is configured, has such a command."""
        ...

    async def power_cycle(self, ref: PortRef) -> None:
        """Have the switch cycle the port. Returns when it accepted the command.

        Raises: SourceRefused or SourceMissing when it did not, and nothing was touched.
        """
        ...


class RebootsNodes(Protocol):
    """SSH, the power side."""

    async def reboot(self, node: Node) -> None:
        """Ask the node to boot anew; returns when it obeys. Raises SourceRefused when it may not be asked so."""
        ...


class LooksForUpdates(Protocol):
    """SSH, the package manager's side."""

    async def pending_updates(self, node: Node) -> PendingUpdates | None:
        """What waits to be updated, by the node's own caches. None: it has no package manager that we know."""
        ...


class WakesNodes(Protocol):
    """Wake-on-LAN."""

    async def wake(self, node: Node) -> int:
        """Send a magic packet to the node's MAC address; how many ways it went. Raises SourceRefused without one."""
        ...


class DrainsNodes(Protocol):
    """A Kubernetes cluster, its Nodes as something to act on."""

    @property
    def name(self) -> str:
        """The cluster's name in the configuration."""
        ...

    async def read_node(self, name: str) -> KubeNode:
        """One Node as it is now. Raises SourceMissing when it is gone."""
        ...

    async def patch_node(self, node: KubeNode, patch: Mapping[str, object]) -> KubeNode:
        """Merge into exactly this Node. Raises SourceConflict when it changed since it was read."""
        ...

    async def list_pods_on(self, node: str) -> tuple[NodePod, ...]:
        """Every Pod on a node, in all namespaces."""
        ...

    async def evict_pod(self, pod: NodePod) -> str | None:
        """Ask for the Pod's eviction. None: accepted, or it was gone already; else what blocks it, in words."""
        ...


@runtime_checkable
class KnowsBudgets(Protocol):
    """A Kubernetes cluster that tells beforehand what an eviction would meet."""

    async def list_disruption_budgets(self) -> tuple[DisruptionBudget, ...]:
        """Every PodDisruptionBudget. Raises SourceForbidden where the account may not see them."""
        ...
