"""PodDisruptionBudgets and control planes: what a drain would meet, and what a cluster would lose."""

import pytest

from homelab_tui.domain.control_planes import stake
from homelab_tui.domain.disruption import DisruptionBudget, Requirement, held
from homelab_tui.domain.draining import NodePod
from homelab_tui.domain.nodes import KubeNode

WEB = NodePod("shop", "web-1", "u1", labels=(("app", "web"), ("tier", "front")))


@pytest.mark.parametrize(
    ("budget", "selects"),
    [
        (DisruptionBudget("shop", "b", 0, (("app", "web"),)), True),
        (DisruptionBudget("shop", "b", 0, (("app", "web"), ("tier", "back"))), False),
        (DisruptionBudget("other", "b", 0, (("app", "web"),)), False),
        (DisruptionBudget("shop", "b", 0), True),
        (DisruptionBudget("shop", "b", 0, has_selector=False), False),
        (DisruptionBudget("shop", "b", 0, expressions=(Requirement("tier", "In", ("front", "mid")),)), True),
        (DisruptionBudget("shop", "b", 0, expressions=(Requirement("tier", "NotIn", ("front",)),)), False),
        (DisruptionBudget("shop", "b", 0, expressions=(Requirement("zone", "NotIn", ("a",)),)), True),
        (DisruptionBudget("shop", "b", 0, expressions=(Requirement("app", "Exists"),)), True),
        (DisruptionBudget("shop", "b", 0, expressions=(Requirement("app", "DoesNotExist"),)), False),
        (DisruptionBudget("shop", "b", 0, expressions=(Requirement("app", "Near", ("web",)),)), False),
    ],
)
def test_a_budget_holds_the_pods_it_selects(budget: DisruptionBudget, selects: bool) -> None:
    assert budget.selects(WEB) is selects
    assert bool(held([WEB], [budget])) is selects


def test_a_budget_with_room_holds_nothing_and_two_hold_for_ever() -> None:
    roomy = DisruptionBudget("shop", "a", 1, (("app", "web"),))
    assert held([WEB], [roomy]) == ()
    [(pod, why)] = held([WEB], [roomy, DisruptionBudget("shop", "b", 5)])
    assert pod is WEB
    assert "shop/a, shop/b" in why


def plane(name: str, *, ready: bool = True, cluster: str = "nuc") -> KubeNode:
    return KubeNode(cluster, name, name, ready, roles=("control-plane",))


def test_what_a_cluster_loses_with_a_control_plane_is_said_by_what_is_left() -> None:
    one, two, three = plane("a"), plane("b"), plane("c")
    others = (KubeNode("nuc", "w", "w", True, roles=("worker",)), plane("x", cluster="pi"))
    assert (
        stake("a", one, (one, *others))
        == "a is the only control plane of cluster nuc: its API is gone until it is back"
    )
    assert "2 are left, and etcd needs 2" in stake("a", one, (one, two, three, *others))
    assert "the API is gone" in stake("a", one, (one, two, plane("c", ready=False)))
    assert "the API is gone" in stake("a", one, (one, two))
