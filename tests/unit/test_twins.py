"""Twins side by side: who belongs together, and what stands apart."""

import json

import pytest

from homelab_tui.domain.nodes import Disk, Interface, KubeNode, Node, NodeFacts, NodeSpec
from homelab_tui.domain.state import NodeView
from homelab_tui.domain.twins import compare, twin_groups, twins_of, twins_title
from homelab_tui.domain.values import replace
from homelab_tui.present.twins import columns, comparisons_document, rows, summary

NUC = NodeFacts(
    model="NUC11PAHi5",
    bios="PATGL357.0046",
    kernel="5.14.0-162.6.1.el9_1.x86_64",
    cores=4,
    memory_bytes=16_400_000_000,
    disks=(Disk("nvme0n1", 500_107_862_016, "nvme", "Samsung SSD 980 500GB"),),
    interfaces=(Interface("eno1", speed_mbps=1000, is_up=True),),
    swap_bytes=0,
)


def nuc(name: str, groups: tuple[str, ...] = (), **changes: object) -> NodeView:
    return NodeView(Node(name, name, groups=groups), facts=replace(NUC, **changes))  # type: ignore[arg-type]


def test_the_one_that_is_not_like_the_others_is_marked_and_nothing_else() -> None:
    found = compare([nuc("nuc01"), nuc("nuc02", memory_bytes=8_100_000_000), nuc("nuc03")], "3 x NUC11PAHi5")
    [memory] = found.differing
    assert (memory.field, memory.odd) == ("memory", (False, True, False))
    assert summary(found) == "3 x NUC11PAHi5: memory differs"


def test_of_two_that_differ_both_stand_apart_and_what_one_does_not_tell_does_not() -> None:
    found = compare([nuc("nuc01"), nuc("nuc02", kernel="5.14.0-284", bios=None)], "pair")
    assert [(one.field, one.odd) for one in found.differing] == [("kernel", (True, True))]
    assert next(one for one in found.fields if one.field == "BIOS").odd == (False, False)


def test_chips_of_one_size_are_alike_and_a_half_of_the_memory_is_not() -> None:
    near = compare([nuc("nuc01"), nuc("nuc02", memory_bytes=16_450_000_000)], "pair")
    assert near.differing == ()
    assert "alike" in summary(near)
    slow = (Interface("eno1", speed_mbps=100, is_up=True),)
    away = compare([nuc("nuc01"), nuc("nuc02"), nuc("nuc03", interfaces=slow, swap_bytes=4_000_000)], "three")
    assert [one.field for one in away.differing] == ["link", "swap"]


def test_what_differs_by_nature_is_not_compared() -> None:
    one = nuc("nuc01", uptime_s=5.0, load1=0.1, temperature_c=40.0, boot_id="a", hostname="nuc01")
    other = nuc("nuc02", uptime_s=9e6, load1=3.0, temperature_c=70.0, boot_id="b", hostname="nuc02")
    assert compare([one, other], "pair").differing == ()


def test_twins_are_of_one_model_whatever_its_revision_else_of_one_group() -> None:
    pi4, pi5 = "Raspberry Pi 4 Model B Rev 1.4", "Raspberry Pi 4 Model B Rev 1.5"
    views = (
        nuc("rpi01", model=pi4),
        nuc("rpi02", model=pi5),
        nuc("vm1", ("web",), model="VirtualBox"),
        nuc("vm2", ("web",), model=None),
        nuc("alone", model="NAS"),
        NodeView(Node("unread", "unread", spec=NodeSpec(model="Raspberry Pi 4 Model B"))),
    )

    def names(name: str) -> list[str]:
        return [one.node.name for one in twins_of(views, name)]

    assert names("rpi01") == ["rpi01", "rpi02", "unread"]
    assert names("vm1") == ["vm1", "vm2"]
    assert names("alone") == ["alone"]
    assert names("nobody") == []
    assert [one.nodes for one in twin_groups(views)] == [("rpi01", "rpi02", "unread"), ("vm1", "vm2")]
    assert twins_title(twins_of(views, "vm1")) == "group web"
    assert twins_title(twins_of(views, "rpi01")) == "3 x Raspberry Pi 4 Model B"


def test_what_differs_comes_first_and_is_marked_by_more_than_colour() -> None:
    found = compare([nuc("nuc01"), nuc("nuc02", cores=2), nuc("nuc03")], "three")
    first, *others = rows(found)
    assert [cell.text for cell in first.cells] == ["≠ cores", "4", "≠ 2", "4"]
    assert all("≠" not in cell.text for row in others for cell in row.cells)
    assert [row.key for row in rows(found, only_differing=True)] == ["field:cores"]


@pytest.mark.parametrize("available", [80, 140])
def test_four_twins_are_on_the_screen_at_once_and_what_differs_is_never_cut(available: int) -> None:
    four = [nuc(f"nuc0{number}") for number in range(1, 5)]
    fitting = columns(compare(four, "four"), available)
    assert sum(column.max_width + 2 for column in fitting[1:]) <= available - 30
    kernels = [replace(view, facts=replace(NUC, kernel=f"5.14.0-{n}.el9_1.x86_64")) for n, view in enumerate(four)]
    for column in columns(compare(kernels, "four"), available)[1:]:
        assert column.max_width >= len("≠ 5.14.0-1.el9_1.x86_64")


def test_a_script_gets_every_field_with_who_stands_apart() -> None:
    kube = KubeNode("nuc", "nuc01", "u", True, kubelet="v1.27.5")
    found = compare([replace(nuc("nuc01"), kubernetes=kube), nuc("nuc02", cores=2), nuc("nuc03")], "three")
    document = json.loads(json.dumps(comparisons_document([found], "2026-11-23T06:30:00Z")))
    [one] = document["comparisons"]
    assert one["nodes"] == ["nuc01", "nuc02", "nuc03"]
    fields = {field["field"]: field for field in one["fields"]}
    assert fields["cores"] == {
        "field": "cores",
        "differs": True,
        "values": {"nuc01": 4, "nuc02": 2, "nuc03": 4},
        "odd": ["nuc02"],
    }
    assert fields["kubelet"]["values"] == {"nuc01": "v1.27.5", "nuc02": None, "nuc03": None}
