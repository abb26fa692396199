"""Which Kubernetes object is which box: by boot-id, by machine-id, and by name where neither tells."""

from dataclasses import dataclass
from datetime import date

import pytest

from homelab_tui.domain.node_findings import fleet, node_findings
from homelab_tui.domain.nodes import KubeNode, Node, NodeFacts
from homelab_tui.domain.reading import Reading
from homelab_tui.domain.state import ClusterJobs, LabState, NodeView
from homelab_tui.engine.node_views import NodeViews, node_views
from tests.fakes import START


@dataclass(frozen=True)
class Box:
    """One box: what its probe says; nothing where it was never probed."""

    machine_id: str | None = None
    boot_id: str | None = None
    hostname: str | None = None


@dataclass(frozen=True)
class Kubelet:
    """One object of the cluster, as its kubelet reported it last."""

    machine_id: str | None = None
    boot_id: str | None = None


def state_of(boxes: dict[str, Box], kubelets: dict[str, Kubelet]) -> LabState:
    probes = tuple(
        (name, Reading(NodeFacts(machine_id=box.machine_id, boot_id=box.boot_id, hostname=box.hostname), START))
        for name, box in boxes.items()
        if box != Box()
    )
    objects = tuple(
        KubeNode("pi", name, f"uid-{name}", True, machine_id=one.machine_id, boot_id=one.boot_id)
        for name, one in kubelets.items()
    )
    return LabState(
        nodes=tuple(Node(name, f"10.0.0.{number}") for number, name in enumerate(boxes, start=1)),
        probes=probes,
        clusters=(("pi", Reading(ClusterJobs("pi", nodes=objects), START)),),
    )


def joined(views: tuple[NodeView, ...]) -> dict[str, str | None]:
    return {view.node.name: view.kubernetes.name if view.kubernetes else None for view in views}


@pytest.mark.parametrize(
    ("boxes", "kubelets", "expected"),
    [
        pytest.param(
            {"a": Box("m1", "b1"), "b": Box("m2", "b2")},
            {"x": Kubelet("m1", "b1"), "y": Kubelet("m2", "b2")},
            {"a": "x", "b": "y"},
            id="both ids are equal, no name is",
        ),
        pytest.param(
            {"a": Box("m1"), "b": Box("m2")},
            {"b": Kubelet("m1"), "a": Kubelet("m2")},
            {"a": "b", "b": "a"},
            id="the machine-id decides against the names",
        ),
        pytest.param(
            {"a": Box("m", "b1"), "b": Box("m", "b2")},
            {"b": Kubelet("m", "b1"), "a": Kubelet("m", "b2")},
            {"a": "b", "b": "a"},
            id="of clones the boot-id decides against the names",
        ),
        pytest.param(
            {"a": Box("m1", "new"), "b": Box("m2", "b2")},
            {"x": Kubelet("m1", "old"), "b": Kubelet("m2", "b2")},
            {"a": "x", "b": "b"},
            id="the kubelet tells the boot before: the machine-id decides",
        ),
        pytest.param(
            {"a": Box("m1", "old")},
            {"x": Kubelet("m1", "new")},
            {"a": "x"},
            id="our probe is of the boot before: the machine-id decides",
        ),
        pytest.param(
            {"a": Box("m", "new1"), "b": Box("m", "new2")},
            {"a": Kubelet("m", "old1"), "b": Kubelet("m", "old2")},
            {"a": "a", "b": "b"},
            id="clones, every boot is an old one: the names decide",
        ),
        pytest.param(
            {"a": Box("m", "new1"), "b": Box("m", "new2")},
            {"x": Kubelet("m", "old1"), "y": Kubelet("m", "old2")},
            {"a": None, "b": None},
            id="clones, every boot is an old one, no name fits: nobody is anybody",
        ),
        pytest.param(
            {"a": Box("m", "b1"), "b": Box("m", "new")},
            {"a": Kubelet("m", "b1"), "b": Kubelet("m", "old")},
            {"a": "a", "b": "b"},
            id="clones, one of them was just booted",
        ),
        pytest.param(
            {"a": Box("m", "b1"), "b": Box()},
            {"a": Kubelet("m", "b1"), "b": Kubelet("m", "b2")},
            {"a": "a", "b": "b"},
            id="a clone that was never probed keeps the object that has its name",
        ),
        pytest.param(
            {"a": Box("m", "b1", "raspberrypi"), "b": Box("m", "b2", "raspberrypi")},
            {"raspberrypi": Kubelet("m", "b1")},
            {"a": "raspberrypi", "b": None},
            id="clones under one host name: it is the one whose boot the kubelet tells",
        ),
        pytest.param(
            {"a": Box("m1", "b1"), "b": Box()},
            {"b": Kubelet("m1", "b1")},
            {"a": "b", "b": None},
            id="the name of another box on an object that is this one's",
        ),
        pytest.param(
            {"a": Box("m1", "b2")},
            {"a-old": Kubelet("m1", "b1"), "a-new": Kubelet("m1", "b2")},
            {"a": "a-new"},
            id="joined anew under another name: the object of the present boot",
        ),
        pytest.param(
            {"a": Box("m1", "b1")},
            {"x": Kubelet("m9", "b9"), "a": Kubelet()},
            {"a": "a"},
            id="a kubelet that tells no ids: the name decides",
        ),
        pytest.param(
            {"a": Box("m1", "b1")},
            {"x": Kubelet("m1", "b7"), "y": Kubelet("m7", "b1")},
            {"a": "y"},
            id="the ids disagree: a boot belongs to one box, a machine-id can be copied",
        ),
    ],
)
def test_a_box_is_joined_to_the_object_that_can_only_be_its_own(
    boxes: dict[str, Box], kubelets: dict[str, Kubelet], expected: dict[str, str | None]
) -> None:
    assert joined(node_views(state_of(boxes, kubelets), {}, 180.0)) == expected


def test_a_reboot_that_the_kubelet_reports_later_does_not_part_a_box_from_its_object() -> None:
    """One look after the other, as they come: box up with a new boot, kubelet late, kubelet there."""
    views = NodeViews(180.0)
    looks = [("b1", "b1"), ("b2", "b1"), ("b2", "b2")]
    found = []
    for box_boot, kubelet_boot in looks:
        state = state_of(
            {"a": Box("m", box_boot), "b": Box("m", "c1")},
            {"a": Kubelet("m", kubelet_boot), "b": Kubelet("m", "c1")},
        )
        found.append(joined(views.of(state, {}, {})))
    assert found == [{"a": "a", "b": "b"}] * 3


def test_boots_that_differ_are_told_while_both_speak() -> None:
    (view,) = node_views(state_of({"a": Box("m1", "new")}, {"a": Kubelet("m1", "old")}), {}, 180.0)
    assert view.disagreements == ("boot-id: probe says new, kubernetes says old",)


def test_two_boxes_with_one_machine_id_are_a_finding_on_both_that_names_the_other() -> None:
    boxes = {"a": Box("m", "b1"), "b": Box("m", "b2"), "c": Box("m3", "b3")}
    views = node_views(state_of(boxes, {}), {}, 180.0)
    said = {view.node.name: node_findings(view, fleet(views), date(2026, 11, 28)).warnings for view in views}
    assert [one for one in said["a"] if one.startswith("same machine-id as b ")]
    assert [one for one in said["b"] if one.startswith("same machine-id as a ")]
    assert not [one for one in said["c"] if "machine-id" in one]


def test_a_clone_that_only_its_kubelet_tells_of_is_a_finding_too() -> None:
    boxes, kubelets = {"a": Box("m", "b1"), "b": Box()}, {"a": Kubelet("m", "b1"), "b": Kubelet("m", "b2")}
    views = node_views(state_of(boxes, kubelets), {}, 180.0)
    said = {view.node.name: node_findings(view, fleet(views), date(2026, 11, 28)).warnings for view in views}
    assert "same machine-id as b " in said["a"][0]
    assert "same machine-id as a " in said["b"][0]
