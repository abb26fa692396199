"""What a node's facts say that nobody asked for: cloned cards, slow links, old kernels, systems without updates."""

from datetime import UTC, date, datetime

import pytest

from homelab_tui.domain.lifecycles import end_of_life
from homelab_tui.domain.node_findings import Findings, KeptFleet, fleet, node_findings
from homelab_tui.domain.nodes import Disk, Interface, KubeNode, Node, NodeFacts, PoeHat
from homelab_tui.domain.poe import PoePort, PortRef
from homelab_tui.domain.state import LabState, NodeView
from homelab_tui.domain.values import replace
from homelab_tui.present.documents import nodes_document
from homelab_tui.present.nodes import rows

TODAY = date(2026, 11, 23)
PI = NodeFacts(
    model="Raspberry Pi 4 Model B Rev 1.4",
    machine_id="a" * 32,
    kernel="6.8.0-1013-raspi",
    os_id="ubuntu",
    os_version="24.04",
    interfaces=(Interface("eth0", speed_mbps=1000, is_up=True),),
)
PORT = PoePort(PortRef("sw1", 1, 3))


def pi(name: str, port: PoePort | None = PORT, **changes: object) -> NodeView:
    facts = replace(PI, **{"machine_id": name * 8, **changes})  # type: ignore[arg-type]
    return NodeView(Node(name, name), facts=facts, port=port)


def found(*views: NodeView) -> list[Findings]:
    return [node_findings(view, fleet(views), TODAY) for view in views]


def test_a_node_in_order_has_nothing_to_say_and_one_unmeasured_neither() -> None:
    assert found(pi("rpi1"), pi("rpi2"), NodeView(Node("gone", "gone"))) == [Findings()] * 3


def test_a_cloned_card_is_named_on_both_nodes() -> None:
    one, two, three = found(pi("rpi1", machine_id="c" * 32), pi("rpi2", machine_id="c" * 32), pi("rpi3"))
    assert one.warnings[0].startswith("same machine-id as rpi2")
    assert two.warnings[0].startswith("same machine-id as rpi1")
    assert three == Findings()


@pytest.mark.parametrize(
    ("view", "is_slow"),
    [
        (pi("a", interfaces=(Interface("eth0", speed_mbps=100, is_up=True),)), True),
        (pi("a", interfaces=(Interface("eth0", speed_mbps=100, is_up=False),)), False),
        (pi("a", interfaces=(Interface("eth0", speed_mbps=None, is_up=True),)), False),
        (pi("a", port=None, interfaces=(Interface("eth0", speed_mbps=100, is_up=True),)), False),
        (
            pi(
                "a", model="Raspberry Pi 3 Model B Rev 1.2", interfaces=(Interface("eth0", speed_mbps=100, is_up=True),)
            ),
            False,
        ),
        (
            pi("a", model="Raspberry Pi 3 Model B Plus", interfaces=(Interface("eth0", speed_mbps=100, is_up=True),)),
            True,
        ),
    ],
)
def test_a_hundred_megabits_on_a_gigabit_pi_with_poe_is_a_bad_cable(view: NodeView, is_slow: bool) -> None:
    assert bool(found(view)[0].warnings) is is_slow


def test_what_ails_a_box_is_named() -> None:
    (one,) = found(
        pi(
            "a",
            root_size_bytes=100,
            root_used_bytes=93,
            disks=(
                Disk("mmcblk0", 64, "microsd", read_only=True),
                Disk("sr0", 1, "disk", removable=True, read_only=True),
            ),
            failed_units=("a.service", "b.service", "c.service", "d.service"),
            hat=PoeHat(current_max_ma=2500, health="Overheat"),
            swap_bytes=1024,
            clock_synchronised=False,
        )
    )
    assert one.warnings == (
        "root filesystem 93% full",
        "mmcblk0 is read-only: a worn card?",
        "failed units: a.service, b.service, c.service and 1 more",
        "its PoE+ HAT was granted 802.3af only: 12.95 W at most",
        "its PoE+ HAT says Overheat",
    )
    assert one.notes == ("its clock is not synchronised",)
    in_cluster = replace(pi("a", swap_bytes=1024), kubernetes=KubeNode("pi", "a", "u", True))
    assert found(in_cluster)[0].notes == ("swap is on: the kubelet wants it off",)
    well = pi(
        "a", root_size_bytes=100, root_used_bytes=89, hat=PoeHat(current_max_ma=5000, health="Good"), failed_units=()
    )
    assert found(well) == [Findings()]


def test_a_kernel_older_than_its_twins_is_noted_by_number_and_not_by_letter() -> None:
    old, new, other = found(
        pi("rpi1", kernel="6.8.0-999-raspi"), pi("rpi2", kernel="6.8.0-1013-raspi"), pi("rpi3", kernel="5.1", model="x")
    )
    assert old.notes == ("kernel 6.8.0-999-raspi is older than that of its twin rpi2",)
    assert new.notes == other.notes == ()


@pytest.mark.parametrize(
    ("os_id", "version", "said"),
    [
        ("ubuntu", "22.10", "ubuntu 22.10 gets no updates since 2023-07-20"),
        ("ubuntu", "24.04", None),
        ("rocky", "9.1", "rocky 9.1 gets no updates since 2023-05-16, when 9.2 came"),
        ("rocky", "9.7", None),
        ("debian", "12", None),
        ("raspbian", "10", "raspbian 10 gets no updates since 2024-06-30"),
        ("alpine", "3.18.4", "alpine 3.18.4 gets no updates since 2025-05-09"),
        ("centos", "7", "centos 7 gets no updates since 2024-06-30"),
        ("arch", None, None),
        (None, "1", None),
        ("nixos", "99", None),
    ],
)
def test_a_system_without_updates_is_named_with_its_date(
    os_id: str | None, version: str | None, said: str | None
) -> None:
    assert end_of_life(os_id, version, TODAY) == said


def test_nothing_is_over_before_its_day() -> None:
    assert end_of_life("ubuntu", "22.10", date(2023, 7, 20)) is None
    assert end_of_life("ubuntu", "22.10", date(2023, 7, 21)) is not None


def test_findings_and_the_way_a_port_was_found_are_shown_and_told() -> None:
    view = replace(pi("rpi1", os_version="22.10"), port_note="by its MAC address")
    state = LabState(nodes=(view.node,), node_views=(view,))
    now = datetime(2026, 11, 23, tzinfo=UTC)
    note = rows(state, now)[0].cells[-1]
    assert note.text == "sw1/3 found by its MAC address; ubuntu 22.10 gets no updates since 2023-07-20"
    document = nodes_document(state, now)["nodes"]
    assert isinstance(document, list)
    assert document[0]["mapping"] == "by its MAC address"
    assert document[0]["findings"] == ["ubuntu 22.10 gets no updates since 2023-07-20"]


def test_the_fleet_is_gathered_anew_only_when_a_node_shows_something_else_of_itself() -> None:
    kept, views = KeptFleet(), (pi("rpi1", load1=0.1), pi("rpi2"))
    before = kept.of(views)
    assert kept.of((pi("rpi1", load1=2.5), views[1])) is before, "load is nothing that twins are compared by"
    newer = kept.of((pi("rpi1", kernel="6.9.0-1-raspi"), views[1]))
    assert newer is not before
    assert newer == fleet((pi("rpi1", kernel="6.9.0-1-raspi"), views[1]))
    assert kept.of(views[:1]) == fleet(views[:1])
    assert kept.of((views[0], NodeView(Node("rpi2", "rpi2")))) == fleet(views[:1])
    cloned = (views[0], pi("rpi2", machine_id="rpi1" * 8))
    assert kept.of(cloned).machine_ids == {"rpi1" * 8: ["rpi1", "rpi2"]}
