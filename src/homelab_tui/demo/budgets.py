"""PodDisruptionBudgets: what their controller says of them, and which evictions they refuse."""

from homelab_tui.demo.cluster import DemoCluster
from homelab_tui.demo.kubernetes_status import ApiError
from homelab_tui.demo.objects import Change, Object, copied

_FINISHED = ("Succeeded", "Failed", "Pending")
"""Pods that no budget protects: they serve nobody."""


class DisruptionController:
    """Keeps the status of every budget of one cluster; it looks again only after a Pod or a budget changed."""

    def __init__(self, cluster: DemoCluster) -> None:
        self._store = cluster.store
        self._due = True
        self._store.subscribe(self._note)
        cluster.on_step.append(self.step)

    def _note(self, change: Change) -> None:
        self._due = self._due or change.resource in ("pods", "poddisruptionbudgets")

    def step(self) -> None:
        """Bring every status up to date."""
        if not self._due:
            return
        self._due = False
        for stored in self._store.all("poddisruptionbudgets"):
            status = self._status(stored.body)
            if stored.body.get("status") != status:
                budget = copied(stored.body)
                budget["status"] = status
                self._store.update("poddisruptionbudgets", budget)
        self._due = False  # what it wrote itself is no reason to look again

    def check(self, pod: Object) -> None:
        """Raises: ApiError 429, in the words of the API, when a budget does not let this Pod go now."""
        if pod["status"].get("phase") in _FINISHED or pod["metadata"].get("deletionTimestamp"):
            return
        for stored in self._store.all("poddisruptionbudgets"):
            status = self._status(stored.body)
            if _selects(stored.body, pod) and status["disruptionsAllowed"] < 1:
                name, wanted, has = stored.body["metadata"]["name"], status["desiredHealthy"], status["currentHealthy"]
                said = f"The disruption budget {name} needs {wanted} healthy pods and has {has} currently"
                message = "Cannot evict pod as it would violate the pod's disruption budget."
                raise ApiError(429, message, details={"causes": [{"reason": "DisruptionBudget", "message": said}]})

    def _status(self, budget: Object) -> Object:
        pods = [one.body for one in self._store.all("pods") if _selects(budget, one.body)]
        healthy = sum(_is_healthy(pod) for pod in pods)
        wanted = int(budget["spec"].get("minAvailable", 0))
        return {
            "currentHealthy": healthy,
            "desiredHealthy": wanted,
            "disruptionsAllowed": max(0, healthy - wanted),
            "expectedPods": len(pods),
            "observedGeneration": budget["metadata"].get("generation", 1),
        }


def _selects(budget: Object, pod: Object) -> bool:
    """By `matchLabels`: the lab's budgets have no others."""
    wanted = budget["spec"].get("selector", {}).get("matchLabels", {})
    labels = pod["metadata"].get("labels", {})
    is_its = budget["metadata"]["namespace"] == pod["metadata"]["namespace"]
    return is_its and all(labels.get(name) == value for name, value in wanted.items())


def _is_healthy(pod: Object) -> bool:
    conditions = pod.get("status", {}).get("conditions", ())
    is_ready = any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)
    return is_ready and "deletionTimestamp" not in pod["metadata"]
