"""PodDisruptionBudgets: which Pods they hold on their node right now. Pure."""

from collections.abc import Iterable, Mapping, Sequence

from homelab_tui.domain.draining import NodePod
from homelab_tui.domain.values import Frozen


class Requirement(Frozen):
    """One of a selector's matchExpressions."""

    key: str
    operator: str
    """In, NotIn, Exists or DoesNotExist."""
    values: tuple[str, ...] = ()

    def holds(self, labels: Mapping[str, str]) -> bool:
        """Whether labels fulfil it; an operator that nobody knows is fulfilled by nothing."""
        if self.operator == "In":
            return labels.get(self.key) in self.values
        if self.operator == "NotIn":
            return labels.get(self.key) not in self.values
        if self.operator == "Exists":
            return self.key in labels
        return self.operator == "DoesNotExist" and self.key not in labels


class DisruptionBudget(Frozen):
    """One PodDisruptionBudget, as its controller sees it now."""

    namespace: str
    name: str
    allowed: int
    """status.disruptionsAllowed."""
    labels: tuple[tuple[str, str], ...] = ()
    """matchLabels; with no expressions either it means every Pod of the namespace."""
    expressions: tuple[Requirement, ...] = ()
    healthy: int | None = None
    desired: int | None = None
    has_selector: bool = True
    """False: it has none, and selects nothing."""

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"

    def selects(self, pod: NodePod) -> bool:
        """Whether it protects a Pod."""
        if not self.has_selector or pod.namespace != self.namespace:
            return False
        labels = dict(pod.labels)
        return all(labels.get(key) == value for key, value in self.labels) and all(
            one.holds(labels) for one in self.expressions
        )


def held(pods: Sequence[NodePod], budgets: Iterable[DisruptionBudget]) -> tuple[tuple[NodePod, str], ...]:
    """The Pods that could not be evicted now, each with what holds it."""
    known = tuple(budgets)
    found = []
    for pod in pods:
        selecting = [budget for budget in known if budget.selects(pod)]
        if len(selecting) > 1:
            names = ", ".join(sorted(map(str, selecting)))
            found.append((pod, f"several PodDisruptionBudgets select it ({names}), and then the API evicts it never"))
        elif selecting and selecting[0].allowed <= 0:
            found.append((pod, _words(selecting[0])))
    return tuple(found)


def _words(budget: DisruptionBudget) -> str:
    counts = "" if budget.healthy is None else f": {budget.healthy} healthy, {budget.desired} wanted"
    return f"PodDisruptionBudget {budget} allows no disruption now{counts}"
