"""Cordoning a node of a cluster, and emptying it of its Pods."""

from collections.abc import Sequence

from homelab_tui.domain.disruption import held
from homelab_tui.domain.draining import Drainage, NodePod, drainage
from homelab_tui.domain.errors import ActionRefused, SourceConflict, SourceError, SourceMissing
from homelab_tui.domain.nodes import KubeNode
from homelab_tui.domain.operations import Result
from homelab_tui.engine.operations import Operations, Progress
from homelab_tui.engine.ports import Clock, DrainsNodes, KnowsBudgets

_POLL_S = 1.0
_PATCH_TRIES = 3
"""A kubelet writes its Node's status every few seconds: a lost race is looked at again, and not a reason to give up."""
_NAMED = 4
"""How many Pods a sentence names."""


class Drainer:
    """One node's cordon and drain, on the API of its cluster."""

    def __init__(self, cluster: DrainsNodes, kube: KubeNode, operations: Operations, clock: Clock) -> None:
        """`kube`: the Node as it was seen; it is read again, and must be the same object, before anything is done."""
        self._cluster = cluster
        self._kube = kube
        self._operations = operations
        self._clock = clock

    async def cordon(self, *, on: bool) -> bool:
        """Set or clear `spec.unschedulable`; whether it changed anything.

        Raises: ActionRefused when the Node is another one by now; SourceError.
        """
        for tries_left in range(_PATCH_TRIES - 1, -1, -1):
            now = await self.read()
            if now.unschedulable is on:
                return False
            try:
                await self._cluster.patch_node(now, {"spec": {"unschedulable": True if on else None}})
            except SourceConflict:
                if not tries_left:
                    raise
            else:
                return True
        return False

    async def read(self) -> KubeNode:
        """The Node as it is now. Raises: ActionRefused when it is gone or another one."""
        try:
            now = await self._cluster.read_node(self._kube.name)
        except SourceMissing as error:
            raise ActionRefused(f"cluster {self._cluster.name} has no Node {self._kube.name} any more") from error
        if now.uid != self._kube.uid:
            raise ActionRefused(f"Node {self._kube.name} was replaced since it was looked at: look again")
        return now

    async def sorted_pods(self, *, force: bool) -> Drainage:
        """What a drain would do with the Pods that are on it now."""
        return drainage(await self._cluster.list_pods_on(self._kube.name), force=force)

    async def holders(self, pods: Sequence[NodePod]) -> tuple[tuple[NodePod, str], ...]:
        """Those of these Pods that a PodDisruptionBudget would hold, each with its name. Raises: SourceError."""
        if not pods or not isinstance(self._cluster, KnowsBudgets):
            return ()
        try:
            return held(pods, await self._cluster.list_disruption_budgets())
        except SourceMissing:
            return ()  # an API without that group has no budgets

    async def drain(self, name: str, progress: Progress, *, force: bool, timeout_s: float) -> Result:
        """Cordon, evict, wait until the Pods are gone. What blocks an eviction is asked again until the time is up.

        Raises: ActionRefused, with nothing done, when a Pod wants `--force`; SourceError.
        """
        await self.read()
        found = await self.sorted_pods(force=force)
        if found.refused:
            why = ", ".join(f"{pod} ({reason})" for pod, reason in found.refused[:_NAMED])
            more = f" and {len(found.refused) - _NAMED} more" if len(found.refused) > _NAMED else ""
            raise ActionRefused(f"not drained: {why}{more}; --force evicts them all the same")
        progress.stage("cordoning…")
        cordoned = await self.cordon(on=True)
        begun, blocked, evicted = self._clock.now(), dict[str, str](), set[str]()
        while True:
            left = (await self.sorted_pods(force=True)).evicted
            seconds = (self._clock.now() - begun).total_seconds()
            if not left:
                count = len(evicted) or "no"
                detail = f"drained: {count} Pods evicted in {seconds:.0f} s, {len(found.staying)} stay with the node"
                return Result(name, ok=True, changed=cordoned or bool(evicted), detail=detail)
            if seconds >= timeout_s:
                detail = f"cordoned, but not empty after {seconds:.0f} s: {_words(left, blocked)}"
                return Result(name, ok=False, changed=cordoned or bool(evicted), detail=detail)
            for pod in left:
                if not pod.is_going:
                    await self._evict(pod, blocked, evicted)
            progress.stage(f"draining, {len(left)} Pods left, {seconds:.0f} s" + (_blocker(blocked)))
            await self._operations.rest(_POLL_S)
            if self._operations.closing.is_set():
                return Result(name, ok=False, changed=True, detail="stopped while draining; it is cordoned")

    async def _evict(self, pod: NodePod, blocked: dict[str, str], evicted: set[str]) -> None:
        try:
            why = await self._cluster.evict_pod(pod)
        except SourceConflict:
            return  # another Pod of that name: the next list tells
        except SourceError as error:
            blocked[str(pod)] = str(error)
            return
        if why is None:
            blocked.pop(str(pod), None)
            evicted.add(pod.uid)
        else:
            blocked[str(pod)] = why


def _words(left: Sequence[NodePod], blocked: dict[str, str]) -> str:
    named = [f"{pod}: {blocked.get(str(pod), 'still ending')}" for pod in left[:_NAMED]]
    more = f"; and {len(left) - _NAMED} more" if len(left) > _NAMED else ""
    return "; ".join(named) + more


def _blocker(blocked: dict[str, str]) -> str:
    return f"; {next(iter(blocked))} is blocked" if blocked else ""
