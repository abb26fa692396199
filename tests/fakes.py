"""Stand-ins for the world that satisfy the engine's Protocols: no wire, no waiting, and faults on demand."""

import asyncio
import resource
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

from homelab_tui.domain.curves import Curve, NodeCurves, PortSeries
from homelab_tui.domain.errors import (
    CredentialsNeeded,
    HostKeyChanged,
    HostKeyUnknown,
    SourceMissing,
    SourceTimeout,
)
from homelab_tui.domain.jobs import CronJob, CronJobPast, Event, Job, JobId, JobPod, JobState, MetricsSnapshot
from homelab_tui.domain.keys import (
    AccountKeys,
    AdminUser,
    BeforeWrite,
    HostKey,
    HostKeyState,
    KeyLogins,
    KeyRecipe,
    KeyRemoval,
    KeyWrite,
    ModesMended,
    NodeChange,
    Proof,
    ProofState,
    PublicKey,
    no_matter,
)
from homelab_tui.domain.loose_modes import LoosePath
from homelab_tui.domain.nodes import KubeNode, Node, NodeFacts, NodeMetrics
from homelab_tui.domain.poe import Detection, PoePort, PortRef, SwitchReading
from homelab_tui.domain.secrets import Secret
from homelab_tui.domain.values import replace
from homelab_tui.domain.watching import Watched

T = TypeVar("T")
START = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)


class FakeClock:
    """A clock that stands still until it is moved."""

    def __init__(self, at: datetime = START) -> None:
        self.at = at

    def now(self) -> datetime:
        """The time it was set to."""
        return self.at

    def advance(self, seconds: float) -> None:
        """Move it."""
        self.at += timedelta(seconds=seconds)

    async def sleep(self, seconds: float) -> None:
        """A pause that takes no time, and moves the clock by what it would have taken."""
        self.advance(seconds)
        await asyncio.sleep(0)


class FakeSwitch:
    """A PoE switch in memory.

    `fail_read` and `fail_set` are asked before each call (`fail_set` with the wanted state) and raise what they like.
    """

    def __init__(self, name: str = "sw1", ports: int = 8) -> None:
        self._name = name
        self.ports = {
            number: PoePort(
                PortRef(name, 1, number),
                admin_on=True,
                detection=Detection.DELIVERING,
                power_class=4,
                power_mw=6_000,
                denied_count=0,
                if_index=100 + number,
            )
            for number in range(1, ports + 1)
        }
        self.mac_ports: tuple[tuple[str, int], ...] = ()
        self.neighbours: tuple[tuple[int, str], ...] = ()
        self.sets: list[tuple[PortRef, bool]] = []
        """Every SET that arrived, refused ones too."""
        self.fail_read: Callable[[], None] = lambda: None
        self.fail_set: Callable[[bool], None] = lambda on: None
        self.deaf_to: set[bool] = set()
        """SETs that are accepted and change nothing."""
        self.delivers_after_on = True
        self.closed = False

    @property
    def name(self) -> str:
        """As in the configuration."""
        return self._name

    @property
    def kind(self) -> str:
        """Always snmp."""
        return "snmp"

    async def read(self) -> SwitchReading:
        """All ports."""
        await asyncio.sleep(0)
        self.fail_read()
        return SwitchReading(
            self._name, "snmp", tuple(self.ports.values()), mac_ports=self.mac_ports, neighbours=self.neighbours
        )

    async def set_admin(self, ref: PortRef, *, on: bool) -> None:
        """Switch, unless told otherwise."""
        await asyncio.sleep(0)
        self.sets.append((ref, on))
        self.fail_set(on)
        if ref.port not in self.ports:
            raise SourceMissing(f"{ref}: no such port")
        if on in self.deaf_to:
            return
        detection = Detection.DISABLED
        if on:
            detection = Detection.DELIVERING if self.delivers_after_on else Detection.SEARCHING
        self.ports[ref.port] = replace(self.ports[ref.port], admin_on=on, detection=detection)

    async def close(self) -> None:
        """Noted."""
        self.closed = True


TRUSTED = HostKey(HostKeyState.TRUSTED, "ssh-ed25519", "SHA256:host", "rpi01")


class FakeSsh:
    """Nodes in memory. Each dictionary holds an answer, or an error to raise, by node name."""

    def __init__(self) -> None:
        self.reachable: dict[str, bool | Exception] = {}
        self.facts: dict[str, NodeFacts | Exception] = {}
        self.host_keys: dict[str, HostKey | Exception] = {}
        self.accounts: dict[str, AccountKeys | Exception] = {}
        self.logins: dict[str, KeyLogins | Exception] = {}
        self.writes: dict[str, KeyWrite | Exception] = {}
        self.changes: dict[str, NodeChange | Exception] = {}
        self.removals: dict[str, KeyRemoval | Exception] = {}
        self.closed: list[tuple[str, ...]] = []
        """Whose last line each removal might take."""
        self.proven_as: list[str | None] = []
        """The account of each proof."""
        self.passwords: dict[str, None | Exception] = {}
        self.closed_since_before: dict[str, CredentialsNeeded] = {}
        """What a write is answered without a connection: it is remembered that no key opens the account."""
        self.proofs: dict[str, Proof | Exception] = {}
        self.trust_says: dict[str, HostKey | Exception] = {}
        self.my_keys: tuple[PublicKey, ...] | Exception = ()
        self.behind_password: dict[str, AccountKeys] = {}
        """What a password opens, where the account's answer is CredentialsNeeded."""
        self.modes: dict[str, ModesMended | Exception] = {}
        self.mended: list[tuple[LoosePath, ...]] = []
        """What each call was to mend."""
        self.calls: list[tuple[str, str]] = []
        """(method, node) in order."""
        self.forgot = 0
        """How often everything was to be asked anew."""
        self.before_write: Callable[[], None] = lambda: None
        self.sent: dict[str, KeyWrite] = {}
        """Writes that are sent, whatever is heard of them then."""
        self.hold: asyncio.Event | None = None
        """Where set, a write waits for it."""
        self.hold_host_key: asyncio.Event | None = None
        """Where set, showing the host key waits for it."""

    def called(self, method: str) -> list[str]:
        """The nodes that a method was called for."""
        return [node for name, node in self.calls if name == method]

    async def answers(self, node: Node) -> bool:
        """Whether the node takes a connection."""
        self.calls.append(("answers", node.name))
        await asyncio.sleep(0)
        return _given(self.reachable.get(node.name, True))

    async def way(self, node: Node) -> tuple[str, ...]:
        """Direct."""
        return ()

    async def probe(self, node: Node) -> NodeFacts:
        """What was put there."""
        self.calls.append(("probe", node.name))
        await asyncio.sleep(0)
        return _given(self.facts.get(node.name, NodeFacts(hostname=node.name)))

    async def host_key(self, node: Node) -> HostKey:
        """Trusted, if nothing else was put there."""
        self.calls.append(("host_key", node.name))
        await (self.hold_host_key.wait() if self.hold_host_key else asyncio.sleep(0))
        return _given(self.host_keys.get(node.name, TRUSTED))

    async def trust(self, node: Node, fingerprint: str) -> HostKey:
        """From now on trusted."""
        self.calls.append(("trust", node.name))
        await asyncio.sleep(0)
        self.host_keys[node.name] = _given(self.trust_says.get(node.name, TRUSTED))
        return _given(self.host_keys[node.name])

    async def read_my_keys(self) -> tuple[PublicKey, ...]:
        """My keys."""
        await asyncio.sleep(0)
        return _given(self.my_keys)

    async def read_key_file(self, path: Path) -> PublicKey:
        """A key called like the file."""
        return PublicKey("ssh-ed25519", b"file", fingerprint=f"SHA256:{path.stem}", path=str(path))

    async def make_key(self, recipe: KeyRecipe) -> PublicKey:
        """A key called as wished."""
        return PublicKey("ssh-ed25519", b"made", fingerprint=f"SHA256:{recipe.name}", path=f"/keys/{recipe.name}.pub")

    def forget(self) -> None:
        self.forgot += 1

    async def read_account(self, node: Node, *, password: Secret | None = None) -> AccountKeys:
        """An empty account, if nothing else was put there; an error is lifted by a password."""
        self.calls.append(("read_account", node.name))
        await asyncio.sleep(0)
        if password is not None and isinstance(self.accounts.get(node.name), CredentialsNeeded):
            return self.behind_password[node.name]
        return _given(self.accounts.get(node.name, AccountKeys(node.user or "me", "/home/me")))

    async def last_logins(self, node: Node, fingerprints: Sequence[str]) -> KeyLogins:
        """What was put there."""
        self.calls.append(("last_logins", node.name))
        await asyncio.sleep(0)
        return _given(self.logins.get(node.name, KeyLogins()))

    async def add_key(
        self, node: Node, key: PublicKey, *, password: Secret | None = None, before_write: BeforeWrite = no_matter
    ) -> KeyWrite:
        """A line added, behind a host key that is trusted."""
        _given(self.closed_since_before.get(node.name))
        await (self.hold_host_key.wait() if self.hold_host_key else asyncio.sleep(0))
        _demand_trust(_given(self.host_keys.get(node.name, TRUSTED)))
        self.calls.append(("add_key", node.name))
        self.before_write()
        write = self.writes.get(node.name, KeyWrite(True, "one line added", b"old\n", b"old\nnew\n"))
        sent = self.sent.get(node.name, write)
        if isinstance(sent, KeyWrite) and sent.changed:
            before_write(sent)
        await (self.hold.wait() if self.hold else asyncio.sleep(0))
        return _given(write)

    async def change_password(self, node: Node, old: Secret, new: Secret) -> None:
        """Changed: from now on the account takes what is written."""
        self.calls.append(("change_password", node.name))
        await asyncio.sleep(0)
        _given(self.passwords.get(node.name, None))
        self.writes.pop(node.name, None)

    async def remove_key(
        self,
        node: Node,
        fingerprint: str,
        *,
        using: PublicKey | None = None,
        everywhere: bool = False,
        dry_run: bool = False,
        before_write: BeforeWrite = no_matter,
        may_close: Collection[str] = (),
    ) -> KeyRemoval:
        """One line removed."""
        self.calls.append(("remove_key", node.name))
        self.closed.append(tuple(may_close))
        await asyncio.sleep(0)
        writes = () if dry_run else (KeyWrite(True, "removed", b"old\nnew\n", b"old\n"),)
        for write in writes:
            before_write(write)
        return _given(self.removals.get(node.name, KeyRemoval("removed", ("line 2",), writes)))

    async def restore_file(self, node: Node, file: str, left_sha256: str, before: bytes | None) -> KeyWrite:
        """As it was."""
        self.calls.append(("restore_file", node.name))
        await asyncio.sleep(0)
        return _given(self.writes.get(node.name, KeyWrite(True, "as it was before", b"old\nnew\n", before, file)))

    async def mend_modes(
        self, node: Node, wanted: Sequence[LoosePath], *, password: Secret | None = None
    ) -> ModesMended:
        """All of it done, if nothing else was put there."""
        self.calls.append(("mend_modes", node.name))
        self.mended.append(tuple(wanted))
        await asyncio.sleep(0)
        if password is not None and isinstance(self.modes.get(node.name), CredentialsNeeded):
            del self.modes[node.name]
        return _given(self.modes.get(node.name, ModesMended(tuple(wanted), AccountKeys("me", "/home/me"))))

    async def harden(self, node: Node, tell: Callable[[str], None], *, undo: bool = False) -> NodeChange:
        """Hardened."""
        self.calls.append(("harden", node.name))
        tell("proving…")
        await asyncio.sleep(0)
        return _given(self.changes.get(node.name, NodeChange(True, "takes keys only", proven=True)))

    async def allow_sudo(self, node: Node, password: Secret | None, *, undo: bool = False) -> NodeChange:
        """Allowed."""
        self.calls.append(("allow_sudo", node.name))
        await asyncio.sleep(0)
        return _given(self.changes.get(node.name, NodeChange(True, "written", proven=True)))

    async def make_user(self, node: Node, request: AdminUser, password: Secret | None) -> NodeChange:
        """Made."""
        self.calls.append(("make_user", node.name))
        await asyncio.sleep(0)
        return _given(self.changes.get(node.name, NodeChange(True, f"{request.name} was made", proven=True)))

    async def remove_user(self, node: Node, name: str, password: Secret | None) -> NodeChange:
        """Gone."""
        self.calls.append(("remove_user", node.name))
        await asyncio.sleep(0)
        return _given(self.changes.get(node.name, NodeChange(True, f"{name} is gone")))

    async def address(self, node: Node) -> str | None:
        """The host, where it is a number."""
        await asyncio.sleep(0)
        return node.host if node.host[:1].isdigit() else None

    async def write_hosts(self, node: Node, entries: Sequence[tuple[str, str]], password: Secret | None) -> NodeChange:
        """Written."""
        self.calls.append(("write_hosts", node.name))
        await asyncio.sleep(0)
        return _given(self.changes.get(node.name, NodeChange(True, f"{len(entries)} names")))

    async def write_hosts_here(self, entries: Sequence[tuple[str, str]], password: Secret | None) -> NodeChange:
        """Written."""
        self.calls.append(("write_hosts_here", "here"))
        await asyncio.sleep(0)
        return _given(self.changes.get("here", NodeChange(True, f"{len(entries)} names")))

    async def prove(self, node: Node, key: PublicKey) -> Proof:
        """Proven."""
        self.calls.append(("prove", node.name))
        self.proven_as.append(node.user)
        await asyncio.sleep(0)
        return _given(self.proofs.get(node.name, Proof(ProofState.PROVEN, "proven by a fresh login")))

    async def close(self) -> None:
        """Nothing to close."""


def _demand_trust(shown: HostKey) -> None:
    if shown.state in (HostKeyState.UNKNOWN, HostKeyState.NEW_TYPE):
        raise HostKeyUnknown("it is not known yet", shown)
    if shown.state is not HostKeyState.TRUSTED:
        raise HostKeyChanged("it is another one", shown)


def _given(value: T | Exception) -> T:
    if isinstance(value, Exception):
        raise value
    return value


class FakeCluster:
    """A Kubernetes cluster in memory. What is put into a feed is what its watch yields; an exception breaks it."""

    def __init__(self, name: str = "nuc") -> None:
        self._name = name
        self.jobs: dict[str, Job] = {}
        """By uid."""
        self.cronjobs: tuple[CronJob, ...] = ()
        self.pods: tuple[JobPod, ...] = ()
        self.nodes: tuple[KubeNode, ...] = ()
        self.feed: asyncio.Queue[Watched[Job] | Exception] = asyncio.Queue()
        self.watches = 0
        """How often the Jobs were watched anew."""
        self.down: Exception | None = None
        """Where set, nothing answers."""
        self.forbidden: dict[str, Exception] = {}
        """Plural name → what its watch and list raise."""
        self.delete_says: Exception | None = None
        self.deleted: list[tuple[str, str]] = []
        """(uid, propagation)."""
        self.beats = 0
        self.events: tuple[Event, ...] = ()
        self.logs: list[tuple[str, str | None]] = []
        self.says: dict[tuple[str, str | None, bool], str | Exception] = {}
        """(Pod, container, previous) → log."""
        self.manifests: dict[tuple[str, str, str], Mapping[str, object]] = {}
        """(plural, namespace, name) → object."""
        self.patch_says: Exception | None = None
        self.patches: list[tuple[str, Mapping[str, object]]] = []
        self.created: list[Mapping[str, object]] = []
        self.created_live = True

    @property
    def name(self) -> str:
        """As in the configuration."""
        return self._name

    @property
    def context(self) -> str | None:
        """As if its kubeconfig named it so."""
        return f"admin@{self._name}"

    def add(self, *jobs: Job) -> None:
        """Put Jobs there, without telling a watch."""
        self.jobs.update({job.uid or "": job for job in jobs})

    def _check(self, what: str) -> None:
        if self.down is not None:
            raise self.down
        if what in self.forbidden:
            raise self.forbidden[what]

    async def watch_jobs(self) -> AsyncIterator[Watched[Job]]:
        """The list, then whatever is fed."""
        self.watches += 1
        self._check("jobs")
        yield Watched(tuple(self.jobs.values()), is_list=True)
        while True:
            step = await self.feed.get()
            if isinstance(step, Exception):
                raise step
            yield step

    async def watch_cronjobs(self) -> AsyncIterator[Watched[CronJob]]:
        """The list, then nothing."""
        self._check("cronjobs")
        yield Watched(self.cronjobs, is_list=True)
        await self._silence()

    async def watch_job_pods(self) -> AsyncIterator[Watched[JobPod]]:
        """The list, then nothing."""
        self._check("pods")
        yield Watched(self.pods, is_list=True)
        await self._silence()

    async def watch_nodes(self) -> AsyncIterator[Watched[KubeNode]]:
        """The list, then nothing."""
        self._check("nodes")
        yield Watched(self.nodes, is_list=True)
        await self._silence()

    async def _silence(self) -> None:
        await asyncio.Event().wait()

    async def list_jobs(self) -> tuple[Job, ...]:
        """All Jobs."""
        self._check("jobs")
        return tuple(self.jobs.values())

    async def list_cronjobs(self) -> tuple[CronJob, ...]:
        """All CronJobs."""
        self._check("cronjobs")
        return self.cronjobs

    async def list_job_pods(self) -> tuple[JobPod, ...]:
        """All Pods."""
        self._check("pods")
        return self.pods

    async def list_pods_of(self, job: Job) -> tuple[JobPod, ...]:
        """The Pods of one Job."""
        self._check("pods")
        return tuple(pod for pod in self.pods if pod.job_uid == job.uid)

    async def list_nodes(self) -> tuple[KubeNode, ...]:
        """All Nodes."""
        self._check("nodes")
        return self.nodes

    async def read_job(self, namespace: str, name: str) -> Job:
        """The one of that name."""
        await asyncio.sleep(0)
        self._check("jobs")
        for job in self.jobs.values():
            if (job.id.namespace, job.id.name) == (namespace, name):
                return job
        raise SourceMissing(f"{namespace}/{name} is gone")

    async def read_cronjob(self, namespace: str, name: str) -> CronJob:
        """The one of that name."""
        await asyncio.sleep(0)
        self._check("cronjobs")
        for cronjob in self.cronjobs:
            if (cronjob.namespace, cronjob.name) == (namespace, name):
                return cronjob
        raise SourceMissing(f"{namespace}/{name} is gone")

    async def read_manifest(self, plural: str, namespace: str, name: str) -> Mapping[str, object]:
        """What was put there."""
        await asyncio.sleep(0)
        self._check(plural)
        if (plural, namespace, name) not in self.manifests:
            raise SourceMissing(f"{namespace}/{name} is gone")
        return self.manifests[plural, namespace, name]

    async def patch_job(self, job: Job, patch: Mapping[str, object]) -> Job:
        """The same Job with its new TTL, unless told otherwise."""
        await asyncio.sleep(0)
        if self.patch_says is not None:
            raise self.patch_says
        self.patches.append((str(job.id), patch))
        spec = patch.get("spec")
        ttl_s = spec.get("ttlSecondsAfterFinished") if isinstance(spec, Mapping) else None
        return replace(job, ttl_seconds_after_finished=ttl_s)

    async def patch_cronjob(self, cronjob: CronJob, patch: Mapping[str, object]) -> CronJob:
        """Noted."""
        await asyncio.sleep(0)
        if self.patch_says is not None:
            raise self.patch_says
        self.patches.append((cronjob.key, patch))
        return cronjob

    async def create_job(self, namespace: str, manifest: Mapping[str, object]) -> Job:
        """A new Job, which lives if `created_live`."""
        await asyncio.sleep(0)
        self.created.append(manifest)
        metadata = manifest["metadata"]
        assert isinstance(metadata, Mapping)
        name = str(metadata["name"])
        made = Job(JobId(self._name, namespace, name), JobState.RUNNING, uid=f"uid-of-{name}")
        if self.created_live:
            self.add(made)
        return made

    async def read_version(self) -> str:
        """The heartbeat."""
        self.beats += 1
        await asyncio.sleep(0)
        self._check("version")
        return "v1.30.0"

    async def read_log(
        self,
        namespace: str,
        pod: str,
        *,
        container: str | None = None,
        previous: bool = False,
        tail_lines: int = 200,
    ) -> str:
        """Which log it would be."""
        self.logs.append((pod, container))
        said = self.says.get((pod, container, previous), f"log of {pod}")
        if isinstance(said, Exception):
            raise said
        return said

    async def follow_log(
        self, namespace: str, pod: str, *, container: str | None = None, tail_lines: int = 200
    ) -> AsyncGenerator[tuple[str, ...], None]:
        """What was put there, line by line."""
        for line in (await self.read_log(namespace, pod, container=container)).splitlines():
            await asyncio.sleep(0)
            yield (line,)

    async def read_events(self, namespace: str, *, object_names: tuple[str, ...]) -> tuple[Event, ...]:
        """Those about the names."""
        return tuple(event for event in self.events if event.object_name in object_names)

    async def read_yaml(self, namespace: str, name: str) -> str:
        """Not much."""
        return f"kind: Job\nmetadata: {{name: {name}}}\n"

    async def is_allowed(self, verb: str, resource: str, namespace: str) -> bool | None:
        """Everything is."""
        return True

    async def delete_job(self, job: Job, *, propagation: str = "Background") -> bool:
        """Gone; False when it was not there."""
        await asyncio.sleep(0)
        if self.delete_says is not None:
            raise self.delete_says
        self.deleted.append((job.uid or "", propagation))
        return self.jobs.pop(job.uid or "", None) is not None

    async def close(self) -> None:
        """Nothing to close."""


class FakePrometheus:
    """A Prometheus server that tells one snapshot."""

    def __init__(self, name: str = "main", cluster: str = "nuc") -> None:
        self._name = name
        self._cluster = cluster
        self.snapshot: MetricsSnapshot | Exception = MetricsSnapshot(cluster)
        self.past: tuple[CronJobPast, ...] | Exception = ()
        self.port_power: Curve | None | Exception = None
        self.asked_for: list[tuple[PortRef, PortSeries]] = []

    @property
    def name(self) -> str:
        """As in the configuration."""
        return self._name

    @property
    def cluster(self) -> str:
        """Whose series it has."""
        return self._cluster

    async def read_jobs(self) -> MetricsSnapshot:
        """The snapshot."""
        await asyncio.sleep(0)
        return _given(self.snapshot)

    async def read_past(self) -> tuple[CronJobPast, ...]:
        """What it remembers."""
        await asyncio.sleep(0)
        return _given(self.past)

    async def read_nodes(self) -> tuple[NodeMetrics, ...]:
        """None."""
        return ()

    async def read_curves(self, instance: str, *, end: datetime, seconds: float, points: int) -> NodeCurves:
        """Nothing to draw."""
        return NodeCurves()

    async def read_port_power(
        self, port: PoePort, series: PortSeries, *, end: datetime, seconds: float, points: int
    ) -> Curve | None:
        """What it was given to remember; it notes what it is asked."""
        self.asked_for.append((port.ref, series))
        return _given(self.port_power)

    async def check(self) -> str:
        """A version."""
        return "2.53.0"

    async def close(self) -> None:
        """Nothing to close."""


def failed_job(name: str = "backup-1", uid: str = "u1", *, cluster: str = "nuc", namespace: str = "backup") -> Job:
    """A Job that failed a minute before the clock's start."""
    return Job(
        JobId(cluster, namespace, name),
        JobState.FAILED,
        uid=uid,
        resource_version="100",
        reason="BackoffLimitExceeded",
        failed_at=START - timedelta(minutes=1),
        started_at=START - timedelta(minutes=2),
    )


@contextmanager
def disk_space(size: int) -> Iterator[None]:
    """No file of this process can grow beyond `size` bytes meanwhile: what a full disk is like."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def lost() -> None:
    """A fault for a switch: nothing answers."""
    raise SourceTimeout("sw1: no answer within 2 s (port 161)")
