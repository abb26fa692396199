"""Acting on nodes: wake, reboot, cordon, drain. Each gives one result; one dead node stops no other."""

from collections.abc import Callable, Sequence

from homelab_tui.domain.control_planes import is_member, stake
from homelab_tui.domain.draining import NodePod
from homelab_tui.domain.errors import ActionRefused, SourceError
from homelab_tui.domain.nodes import KubeNode
from homelab_tui.domain.operations import Plan, PlanStep, Result
from homelab_tui.domain.state import NodeView
from homelab_tui.domain.values import Frozen, replace
from homelab_tui.engine.draining import Drainer
from homelab_tui.engine.node_following import BootFollower
from homelab_tui.engine.operations import READ_ONLY, Operations, Progress, Work
from homelab_tui.engine.poe_safeguards import CONTROL_PLANE, is_this_machine
from homelab_tui.engine.ports import Clock, DrainsNodes, ReachesNodes, RebootsNodes, WakesNodes

VERBS = {
    "wake": "Wake",
    "reboot": "Reboot",
    "cordon": "Cordon",
    "uncordon": "Uncordon",
    "drain": "Drain",
    "rolling": "Rolling restart of",
}
"""What a plan's title says."""
_NAMED_PODS = 5
"""How many Pods a plan names."""
_IN_CLUSTER = ("cordon", "uncordon", "drain")
_ENDS = ("reboot", "rolling")
"""What takes a node away for a while."""


class NodeLimits(Frozen):
    """The safeguards, from `[safety]`, and what this machine is."""

    read_only: bool
    boot_grace_s: float
    own_macs: frozenset[str] = frozenset()
    own_addresses: frozenset[str] = frozenset()
    drain_s: float = 300.0
    """How long a drain waits for its Pods to go."""


class NodeWires(Frozen):
    """The sources that act on nodes."""

    ssh: ReachesNodes
    reboots: RebootsNodes | None = None
    lan: WakesNodes | None = None
    clusters: tuple[DrainsNodes, ...] = ()


class NodeActions:
    """What can be done to nodes."""

    def __init__(
        self,
        wires: NodeWires,
        operations: Operations,
        clock: Clock,
        limits: NodeLimits,
        wake: Callable[[str], None] = lambda _name: None,
        kube_nodes: Callable[[], Sequence[KubeNode]] = tuple,
    ) -> None:
        """`wake`: asks a node again, after something was done to it. `kube_nodes`: every Node that is known."""
        self._wires = wires
        self._clusters = {cluster.name: cluster for cluster in wires.clusters}
        self._operations = operations
        self._clock = clock
        self.limits = limits
        self._wake = wake
        self._kube_nodes = kube_nodes

    def plan(self, verb: str, views: Sequence[NodeView], *, force: bool = False) -> Plan:
        """What will be done to these nodes, and why not, if a safeguard says no."""
        said = [f"{view.node.name}: {why}" for view in views for why in self._refusals(verb, view)]
        if self.limits.read_only:
            said.insert(0, READ_ONLY)
        risky = [view for view in views if verb in ("drain", *_ENDS) and is_control_plane(view)]
        names = [view.node.name for view in risky]
        if len(names) > 1 and verb != "rolling":
            said.append(f"these are control planes, to be done one at a time: {', '.join(sorted(names))}")
        warnings = [self._stake(view) for view in risky]
        if verb == "reboot":
            warnings += [
                f"{view.node.name} is in cluster {view.kubernetes.cluster}, and is not drained first (rolling does)"
                for view in views
                if view.kubernetes is not None
            ]
        what = views[0].node.name if len(views) == 1 else f"{len(views)} nodes"
        return Plan(
            kind=f"nodes.{verb}",
            title=f"{VERBS[verb]} {what}",
            steps=tuple(PlanStep(view.node.name, _step(verb, view)) for view in views),
            notes=_notes(verb, force=force),
            warnings=tuple(warnings),
            refusals=tuple(dict.fromkeys(said)),
            confirm_name=names[0] if names else None,
            danger=verb in ("drain", *_ENDS),
        )

    def _stake(self, view: NodeView) -> str:
        """What is lost while a control plane is away."""
        if view.kubernetes is None or not is_member(view.kubernetes):
            return f"{view.node.name} is declared a control plane: the API may be gone meanwhile"
        return stake(view.node.name, view.kubernetes, self._kube_nodes())

    async def with_drains(self, plan: Plan, views: Sequence[NodeView], *, force: bool) -> Plan:
        """The plan with what a drain of these nodes would meet right now: the Pods that go, and what holds them."""
        notes, warnings, refusals = list(plan.notes), list(plan.warnings), list(plan.refusals)
        for view in views:
            name = view.node.name
            if view.kubernetes is None or view.kubernetes.cluster not in self._clusters:
                continue
            drainer = self.drainer(view)
            try:
                found = await drainer.sorted_pods(force=force)
            except SourceError as error:
                warnings.append(f"{name}: which Pods run on it cannot be read: {error}")
                continue
            notes.append(f"{name}: {_pods(found.evicted)} evicted, {len(found.staying)} stay")
            refusals += [f"{name}: {pod}: {why}; --force evicts it all the same" for pod, why in found.refused]
            try:
                holders = await drainer.holders(found.evicted)
            except SourceError as error:
                warnings.append(f"{name}: whether PodDisruptionBudgets hold its Pods cannot be read: {error}")
            else:
                warnings += [f"{name}: {pod} waits: {why}" for pod, why in holders]
        return replace(plan, notes=tuple(notes), warnings=tuple(warnings), refusals=tuple(refusals))

    async def wake(self, view: NodeView) -> Result:
        """Send a magic packet, and follow the node until it answers."""

        async def work(progress: Progress) -> Result:
            self._check("wake", view)
            if self._wires.lan is None:
                raise ActionRefused("this lab has no way to send a magic packet")
            await self._wires.lan.wake(view.node)
            return await self._follower(view).until_awake(progress)

        return await self._run("wake", view, "sending a magic packet…", work)

    async def reboot(self, view: NodeView, *, to_ready: bool = True) -> Result:
        """Ask for a reboot over SSH, and follow the node until it answers as another boot.

        `to_ready`: and, where it is in a cluster, until its Node is Ready as that boot.
        """

        async def work(progress: Progress) -> Result:
            self._check("reboot", view)
            if self._wires.reboots is None:
                raise ActionRefused("this lab has no way to reboot a node")
            before = await self._wires.ssh.probe(view.node)
            progress.stage("asking for a reboot…")
            await self._wires.reboots.reboot(view.node)
            return await self._follower(view).until_rebooted(progress, before.boot_id)

        rebooted = await self._run("reboot", view, "reading its boot id…", work)
        if not rebooted.ok or not to_ready or not self.is_followable(view):
            return rebooted
        return then_ready(rebooted, await self.until_ready(view, view.kubernetes.boot_id if view.kubernetes else None))

    def are_drainable(self, views: Sequence[NodeView]) -> bool:
        """Whether a drain makes sense before their power goes: each in a cluster that can be asked, its kubelet alive.

        A Pod on a dead node is not evicted by any API: a drain of it would only wait.
        """
        return bool(views) and all(
            view.kubernetes is not None and view.kubernetes.ready and self.is_followable(view) for view in views
        )

    def is_followable(self, view: NodeView) -> bool:
        """Whether its Node can be asked for Ready."""
        return view.kubernetes is not None and view.kubernetes.cluster in self._clusters

    async def cordon(self, view: NodeView, *, on: bool) -> Result:
        """Keep new Pods away from a node, or let them come again."""
        verb = "cordon" if on else "uncordon"

        async def work(progress: Progress) -> Result:
            self._check(verb, view)
            changed = await self.drainer(view).cordon(on=on)
            word = "cordoned" if on else "takes Pods again"
            return Result(view.node.name, ok=True, changed=changed, detail=word if changed else f"{word} already")

        return await self._run(verb, view, f"{verb}ing…", work)

    async def drain(self, view: NodeView, *, force: bool = False) -> Result:
        """Cordon a node and evict its Pods, within the limits of their PodDisruptionBudgets."""

        async def work(progress: Progress) -> Result:
            self._check("drain", view)
            drainer = self.drainer(view)
            return await drainer.drain(view.node.name, progress, force=force, timeout_s=self.limits.drain_s)

        return await self._run("drain", view, "reading its Pods…", work)

    def drainer(self, view: NodeView) -> Drainer:
        """What acts on the Node object. Raises: ActionRefused when there is none."""
        kube = view.kubernetes
        cluster = self._clusters.get(kube.cluster) if kube else None
        if kube is None or cluster is None:
            raise ActionRefused(f"{view.node.name} is in no cluster that can be acted on")
        return Drainer(cluster, kube, self._operations, self._clock)

    async def until_ready(self, view: NodeView, was_boot_id: str | None, *, cordoned: bool = False) -> Result:
        """Wait until the Node object is Ready, as the boot after `was_boot_id`. `cordoned`: by us, before."""
        name = view.node.name

        async def work(progress: Progress) -> Result:
            begun = self._clock.now()
            while True:
                seconds = (self._clock.now() - begun).total_seconds()
                now = await self._quietly(view)
                if now is not None and now.ready and (was_boot_id is None or now.boot_id != was_boot_id):
                    return Result(name, ok=True, changed=False, detail=f"Ready after {seconds:.0f} s")
                if seconds >= self.limits.boot_grace_s or self._operations.closing.is_set():
                    left = "; it is left cordoned" if cordoned else ""
                    detail = f"its Node is not Ready after {seconds:.0f} s{left}"
                    return Result(name, ok=False, changed=False, detail=detail)
                progress.stage(f"waiting for Ready, {seconds:.0f} s")
                await self._operations.rest(1.0)

        return await self._run("ready", view, "waiting for Ready", work)

    async def _quietly(self, view: NodeView) -> KubeNode | None:
        """The Node, or None while the API does not answer: it may be this node that serves it."""
        try:
            return await self.drainer(view).read()
        except SourceError:
            return None

    def _refusals(self, verb: str, view: NodeView) -> list[str]:
        said = []
        if verb == "wake" and view.node.mac is None:
            said.append('no `mac = "…"` is declared, and a magic packet needs it')
        if verb == "wake" and view.reachable:
            said.append("it is awake: it answers on its SSH port")
        if verb in _ENDS and is_this_machine(view, self.limits.own_macs, self.limits.own_addresses):
            said.append("it is this machine: this program would end in the middle")
        if verb == "reboot" and view.reachable is False:
            said.append("it does not answer SSH; power-cycle its port (c), or wake it (w)")
        if verb in _IN_CLUSTER and (view.kubernetes is None or view.kubernetes.cluster not in self._clusters):
            said.append("it is in no cluster of the configuration, as far as they can be read")
        return said

    def _check(self, verb: str, view: NodeView) -> None:
        """The safeguards again, just before. Raises: ActionRefused."""
        said = [READ_ONLY] if self.limits.read_only else self._refusals(verb, view)
        if said:
            raise ActionRefused("; ".join(said))

    def _follower(self, view: NodeView) -> BootFollower:
        grace_s = self.limits.boot_grace_s
        return BootFollower(self._wires.ssh, view.node, self._operations, self._clock, boot_grace_s=grace_s)

    async def _run(self, verb: str, view: NodeView, stage: str, work: Work) -> Result:
        name = view.node.name
        result = await self._operations.run(f"nodes.{verb}", f"node:{name}", stage, work, name=name)
        self._wake(name)
        return result


def then_ready(answered: Result, ready: Result) -> Result:
    """One result of a restart whose node answers, and of the wait for its Node."""
    word = "then" if ready.ok else "but"
    return replace(answered, ok=ready.ok, detail=f"{answered.detail}, {word} {ready.detail}")


def _pods(pods: Sequence[NodePod]) -> str:
    """`no Pods are`, `2 Pods (shop/a, shop/b) are`."""
    if not pods:
        return "no Pods are"
    named = ", ".join(map(str, pods[:_NAMED_PODS])) + (", …" if len(pods) > _NAMED_PODS else "")
    return f"{len(pods)} Pods ({named}) are" if len(pods) > 1 else f"1 Pod ({named}) is"


def is_control_plane(view: NodeView) -> bool:
    """Whether the API or its store lives on a node, by its cluster or by its groups."""
    groups = {group.casefold().replace("_", "-") for group in view.node.groups}
    roles = set(view.kubernetes.roles) if view.kubernetes else set()
    return bool(CONTROL_PLANE & (groups | roles))


def _step(verb: str, view: NodeView) -> str:
    kube = view.kubernetes
    where = f", {kube.cluster}{' control plane' if is_control_plane(view) else ''}" if kube else ""
    cordoned = ", cordoned" if kube and kube.unschedulable else ""
    return f"{view.state.value}{where}{cordoned}" + (f", {view.node.mac}" if verb == "wake" else "")


def _notes(verb: str, *, force: bool) -> tuple[str, ...]:
    evictions = "Pods of DaemonSets, of the kubelet and those that ended stay; PodDisruptionBudgets are honoured"
    forced = "with --force: Pods that nothing makes anew, and their emptyDir data, are lost"
    unforced = "a Pod that nothing makes anew, or with emptyDir data, stops it before anything is done"
    return {
        "wake": ("a magic packet to the declared MAC address; then it is followed until it answers",),
        "reboot": ("`systemctl reboot` by sudo without a password; then it is followed until it answers anew",),
        "cordon": ("no new Pods come to it; those that are there stay",),
        "drain": (evictions, forced if force else unforced),
        "rolling": (
            "one after the other, control planes last: cordon, drain, restart, wait for Ready, uncordon",
            "stops at the first failure; the others are left alone",
            evictions,
            forced if force else unforced,
        ),
    }.get(verb, ())
