"""Which switch port feeds a node: what decides, what contradicts, and what is remembered."""

import os
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from homelab_tui.domain.cabling import Cable, Cabling, LastPort, layout
from homelab_tui.domain.node_findings import Fleet, node_findings
from homelab_tui.domain.nodes import Interface, Node, NodeFacts
from homelab_tui.domain.poe import Detection, PoePort, PortRef, SwitchReading
from homelab_tui.domain.reading import Reading
from homelab_tui.domain.state import LabState, NodeView
from homelab_tui.domain.values import replace
from homelab_tui.engine.node_views import NodeViews, node_views
from homelab_tui.engine.port_memory import PortMemory
from tests.fakes import START, FakeClock

MAC1, MAC2, MAC3 = "dc:a6:32:00:00:01", "dc:a6:32:00:00:02", "dc:a6:32:00:00:03"
RPI01 = Node("rpi01", "10.0.0.1", mac=MAC1)
RPI02 = Node("rpi02", "10.0.0.2", mac=MAC2)
RPI03 = Node("rpi03", "10.0.0.3", mac=MAC3)


def ref(port: int, switch: str = "sw1") -> PortRef:
    return PortRef(switch, 1, port)


def switch(name: str = "sw1", labels: Mapping[int, str] | None = None, **fields: object) -> SwitchReading:
    """Eight ports; the interface of port 3 is 103."""
    ports = tuple(
        PoePort(ref(n, name), (labels or {}).get(n), admin_on=True, detection=Detection.DELIVERING, if_index=100 + n)
        for n in range(1, 9)
    )
    return replace(SwitchReading(name, "snmp", ports), **fields)  # type: ignore[arg-type]


def facts(*macs: str) -> NodeFacts:
    return NodeFacts(interfaces=tuple(Interface(f"eth{n}", mac) for n, mac in enumerate(macs)))


def cable(
    node: Node,
    *switches: SwitchReading,
    others: tuple[Node, ...] = (),
    told: Mapping[str, NodeFacts | None] | None = None,
    last: Mapping[str, LastPort] | None = None,
) -> Cable:
    interfaces = {name: each.interfaces for name, each in (told or {}).items() if each is not None}
    return Cabling((node, *others), interfaces, map(layout, switches), last).cable(node)


def place(found: Cable) -> tuple[str | None, str | None]:
    return (str(found.ref) if found.ref else None), found.note


# What decides


def test_the_configuration_decides_even_if_labels_disagree() -> None:
    assert place(cable(replace(RPI01, poe=ref(3)), switch(labels={5: "rpi01"}))) == ("sw1/3", None)
    assert place(cable(replace(RPI01, poe=ref(3, "sw2")), switch())) == (None, None)


def test_a_label_that_is_the_nodes_name_decides_next() -> None:
    assert place(cable(RPI01, switch(labels={5: "RPI01", 6: "rpi01 spare"}))) == ("sw1/5", "by the port's label")


@pytest.mark.parametrize(
    "label",
    ["eth0.rpi01", "rpi01.home.lan", "*** Link to rpi01 int Gi0 ***", "rpi01/eth0", "RPI01 (rack 2)", "1:rpi01"],
)
def test_a_label_with_the_nodes_name_as_a_word_will_do(label: str) -> None:
    assert place(cable(RPI01, switch(labels={5: label, 6: "eth0.rpi010"}))) == ("sw1/5", "by the port's label")


@pytest.mark.parametrize("label", ["rpi01-old", "xrpi01", "rpi01_2", "rpi01 and rpi02", "lag.sw2", ""])
def test_a_label_that_means_something_else_is_no_label(label: str) -> None:
    assert place(cable(RPI01, switch(labels={5: label}), others=(RPI02,))) == (None, None)


def test_a_word_in_a_label_yields_to_an_address_that_was_learnt_there() -> None:
    """`uplink of rpi01's shelf`: somebody else is there."""
    reading = switch(labels={5: "shelf of rpi01"}, mac_ports=((MAC2, 105),))
    assert place(cable(RPI01, reading, others=(RPI02,))) == (None, None)


def test_the_same_label_twice_is_nobody_and_is_said() -> None:
    found = cable(RPI01, switch("sw1", {5: "rpi01"}), switch("sw2", {2: "rpi01"}))
    assert place(found) == (None, None)
    assert found.findings == ("by the port's label it is on sw1/5 and sw2/2: which of them feeds it is not known",)


def test_the_mac_table_decides_after_labels() -> None:
    reading = switch(mac_ports=((MAC1, 104), (MAC1, 104), (MAC2, 105)))
    told = {"rpi01": facts(MAC1.upper())}
    assert place(cable(replace(RPI01, mac=None), reading, told=told)) == ("sw1/4", "by the switch's MAC table")


def test_a_mac_on_two_ports_is_nobody_and_is_said() -> None:
    found = cable(RPI01, switch(mac_ports=((MAC1, 104), (MAC1, 105))))
    assert place(found) == (None, None)
    assert "sw1/4 and sw1/5" in found.findings[0]
    assert (
        place(cable(RPI01, switch("sw1", mac_ports=((MAC1, 104),)), switch("sw2", mac_ports=((MAC1, 102),))))[0] is None
    )


def test_an_uplink_does_not_feed_a_node_that_is_behind_it() -> None:
    many = tuple((f"02:00:00:00:00:{n:02x}", 108) for n in range(100))
    assert cable(RPI01, switch(mac_ports=((MAC1, 108), *many))) == Cable()
    assert place(cable(RPI01, switch(mac_ports=((MAC1, 108), (MAC2, 108))), others=(RPI02,))) == (None, None)


def test_behind_two_switches_the_edge_port_is_found() -> None:
    core = switch("core", mac_ports=((MAC1, 108), (MAC2, 108)))
    edge = switch("edge", mac_ports=((MAC1, 101), (MAC2, 102)))
    assert place(cable(RPI01, core, edge, others=(RPI02,))) == ("edge/1", "by the switch's MAC table")


def test_lldp_is_asked_after_the_mac_table_and_ambiguity_is_nobody() -> None:
    assert place(cable(RPI01, switch(neighbours=((106, "RPI01.home"), (107, "rpi010"))))) == ("sw1/6", "by LLDP")
    both = switch(mac_ports=((MAC1, 104),), neighbours=((106, "rpi01"),))
    assert place(cable(RPI01, both)) == ("sw1/4", "by the switch's MAC table")
    assert place(cable(RPI01, switch(neighbours=((106, "rpi01"), (107, "rpi01")))))[0] is None


def test_ports_without_a_row_in_if_mib_match_nothing() -> None:
    reading = switch(mac_ports=((MAC1, 104),))
    blind = replace(reading, ports=tuple(replace(p, if_index=None) for p in reading.ports))
    assert cable(RPI01, blind) == Cable()


# What contradicts


def test_two_swapped_cables_are_told_at_both_nodes() -> None:
    one, two = replace(RPI01, poe=ref(1)), replace(RPI02, poe=ref(2))
    cabling = Cabling((one, two), {}, [layout(switch(mac_ports=((MAC1, 102), (MAC2, 101))))])
    assert cabling.cable(one).findings == (
        "mis-cabled: the configuration says sw1/1, its address was learnt on sw1/2, the port of rpi02: "
        "are the two swapped?",
    )
    assert "the port of rpi01: are the two swapped?" in cabling.cable(two).findings[0]
    assert place(cabling.cable(one)) == ("sw1/1", None), "the configuration still decides; a person must look"


def test_a_cable_on_another_port_than_declared_is_told() -> None:
    one = replace(RPI01, poe=ref(1))
    assert cable(one, switch(mac_ports=((MAC1, 105),))).findings == (
        "mis-cabled: the configuration says sw1/1, its address was learnt on sw1/5",
    )
    assert cable(one, switch(mac_ports=((MAC1, 101),))).findings == ()
    assert cable(one, switch(mac_ports=((MAC1, 101), (MAC1, 105)))).findings == (), "it is where it should be, too"


def test_a_stranger_on_a_declared_port_is_told_while_the_node_is_nowhere() -> None:
    one = replace(RPI01, poe=ref(1))
    reading = switch(mac_ports=((MAC2, 101),))
    assert cable(one, reading, others=(RPI02,)).findings == (
        "mis-cabled: on its port sw1/1 the address of rpi02 was learnt",
    )
    assert cable(RPI02, reading, others=(one,)).findings == (
        "mis-cabled: its address was learnt on sw1/1, the port of rpi01",
    )


def test_two_nodes_that_share_a_declared_port_are_not_mis_cabled() -> None:
    one, two = replace(RPI01, poe=ref(1)), replace(RPI02, poe=ref(1))
    assert cable(one, switch(mac_ports=((MAC2, 101),)), others=(two,)).findings == ()


def test_behind_an_uplink_nobody_is_mis_cabled() -> None:
    one = replace(RPI01, poe=ref(1, "sw2"))
    many = tuple((f"02:00:00:00:00:{n:02x}", 108) for n in range(100))
    assert cable(one, switch(mac_ports=((MAC1, 108), *many)), switch("sw2", mac_ports=((MAC3, 105),))).findings == ()
    core, edge = switch(mac_ports=((MAC1, 108),)), switch("sw2", mac_ports=((MAC1, 101),))
    assert cable(one, core, edge).findings == ()


def test_a_switch_that_tells_no_addresses_contradicts_nothing() -> None:
    one = replace(RPI01, poe=ref(1, "sw2"))
    core = switch(mac_ports=((MAC1, 108),))
    assert cable(one, core, switch("sw2")).findings == (), "it is behind sw1/8 on its way to sw2"
    assert cable(one, core).findings == ()


def test_a_mac_that_two_nodes_claim_finds_nobodys_port_and_is_told() -> None:
    twin = replace(RPI02, mac=MAC1)
    found = cable(RPI01, switch(mac_ports=((MAC1, 104),)), others=(twin,))
    assert place(found) == (None, None)
    assert found.findings == (f"its address {MAC1} is claimed by rpi02 too: by it no port is found",)


def test_a_declared_port_that_the_switch_does_not_have_is_told() -> None:
    found = cable(replace(RPI01, poe=ref(30)), switch())
    assert found.findings == ("the configuration says sw1/30, and that switch has no such PoE port",)
    assert cable(replace(RPI01, poe=ref(30, "sw9")), switch()).findings == (), "a switch that was not read says nothing"


def test_a_label_beside_the_address_is_told() -> None:
    found = cable(RPI01, switch(labels={5: "rpi01"}, mac_ports=((MAC1, 106),)))
    assert place(found) == ("sw1/5", "by the port's label")
    assert found.findings == ("mis-cabled: the label of sw1/5 names it, its address was learnt on sw1/6",)


def test_a_mis_cabled_node_says_so_also_when_it_was_never_measured() -> None:
    view = NodeView(RPI01, cabling=("mis-cabled: …",))
    assert node_findings(view, Fleet(), START.date()).warnings == ("mis-cabled: …",)
    assert node_findings(replace(view, facts=NodeFacts()), Fleet(), START.date()).warnings == ("mis-cabled: …",)


# What is remembered


LAST = {"rpi01": LastPort(ref(4), "by the switch's MAC table", START)}


def test_a_node_that_aged_out_is_where_it_was_last_with_the_time() -> None:
    found = cable(RPI01, switch(), last=LAST)
    assert place(found) == ("sw1/4", f"by the switch's MAC table, last told {START:%Y-%m-%d %H:%M} UTC")
    assert found.is_remembered


def test_what_is_told_now_wins_over_what_was_told_once() -> None:
    found = cable(RPI01, switch(mac_ports=((MAC1, 106),)), last=LAST)
    assert (place(found)[0], found.is_remembered) == ("sw1/6", False)


@pytest.mark.parametrize(
    ("reading", "other"),
    [
        (switch(), replace(RPI02, poe=ref(4))),
        (switch(mac_ports=((MAC2, 104),)), RPI02),
        (switch(labels={4: "rpi02"}), RPI02),
        (switch(mac_ports=tuple((f"02:00:00:00:00:{n:02x}", 104) for n in range(20))), RPI02),
        (replace(switch(), ports=()), RPI02),
    ],
    ids=["declared for another", "another learnt there", "labelled for another", "an uplink now", "no such port now"],
)
def test_a_place_that_is_somebody_elses_by_now_is_forgotten(reading: SwitchReading, other: Node) -> None:
    assert place(cable(RPI01, reading, others=(other,), last=LAST)) == (None, None)


def state_of(reading: SwitchReading, problem: str | None = None) -> LabState:
    return LabState(nodes=(RPI01,), switches=((reading.name, Reading(reading, START, problem)),))


def views_of(memory: PortMemory, state: LabState) -> tuple[NodeView, ...]:
    views = node_views(state, {}, 180, memory.last())
    memory.learn(views, [name for name, reading in state.switches if reading.problem is None])
    return views


def test_the_last_place_survives_a_restart_and_the_ageing_of_the_table(tmp_path: Path) -> None:
    clock = FakeClock()
    views_of(PortMemory(tmp_path, clock), state_of(switch(mac_ports=((MAC1, 104),))))
    clock.advance(7200)
    (view,) = views_of(PortMemory(tmp_path, clock), state_of(switch()))
    assert view.port is not None
    assert (str(view.port.ref), view.port_is_remembered) == ("sw1/4", True)
    assert view.port_note == f"by the switch's MAC table, last told {START:%Y-%m-%d %H:%M} UTC"
    assert PortMemory(tmp_path, clock).last()["rpi01"].at == START, "remembering is not finding"
    assert oct((tmp_path / "ports.json").stat().st_mode & 0o777) == "0o600"


def test_a_switch_that_is_away_teaches_nothing(tmp_path: Path) -> None:
    memory = PortMemory(tmp_path, FakeClock())
    views_of(memory, state_of(switch(mac_ports=((MAC1, 104),)), problem="no answer"))
    assert not memory.last()


def test_the_file_is_written_for_news_and_every_ten_minutes_only(tmp_path: Path) -> None:
    clock = FakeClock()
    memory, state = PortMemory(tmp_path, clock), state_of(switch(mac_ports=((MAC1, 104),)))

    def times_written(seconds: float) -> int:
        clock.advance(seconds)
        before = (tmp_path / "ports.json").stat().st_ino
        views_of(memory, state)
        return int((tmp_path / "ports.json").stat().st_ino != before)

    views_of(memory, state)
    assert [times_written(10), times_written(300), times_written(300)] == [0, 0, 1]
    assert PortMemory(tmp_path, clock).last()["rpi01"].at == START + timedelta(seconds=610)
    state = state_of(switch(mac_ports=((MAC1, 105),)))
    assert times_written(1) == 1
    assert PortMemory(tmp_path, clock).last()["rpi01"].ref == ref(5)


def test_views_of_which_nothing_changed_stay_the_same_objects() -> None:
    views = NodeViews(180)
    one, other = switch(mac_ports=((MAC1, 104),)), switch("sw2")

    def of(first: SwitchReading, rpi02_up: bool = True) -> tuple[NodeView, ...]:
        return views.of(
            LabState(
                nodes=(RPI01, RPI02),
                reachability=(("rpi01", Reading(True, START)), ("rpi02", Reading(rpi02_up, START))),
                switches=(("sw1", Reading(first, START)), ("sw2", Reading(other, START))),
            ),
            {},
            {},
        )

    before = of(one)
    assert of(replace(one, model="another object")) is before
    hungry = replace(one.ports[3], power_mw=7000)
    fed = of(replace(one, ports=(*one.ports[:3], hungry, *one.ports[4:])))
    assert fed[0].port is hungry, "watts come through, though no cable moved"
    assert fed[1] is before[1]
    assert of(one, rpi02_up=False)[1].reachable is False
    moved = of(replace(one, mac_ports=((MAC1, 105),)))
    assert moved[0].port is one.ports[4]


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"rpi01": 3}', '{"rpi01": {"switch": "sw1", "group": 1, "port": "x"}}']
)
def test_a_broken_file_is_no_memory_and_is_put_right(tmp_path: Path, text: str) -> None:
    (tmp_path / "ports.json").write_text(text)
    memory = PortMemory(tmp_path, FakeClock())
    assert not memory.last()
    views_of(memory, state_of(switch(mac_ports=((MAC1, 104),))))
    assert PortMemory(tmp_path, FakeClock()).last()["rpi01"].ref == ref(4)


def test_a_place_that_cannot_be_written_is_no_reason_to_stop(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    memory = PortMemory(blocked / "state", FakeClock())
    (view,) = views_of(memory, state_of(switch(mac_ports=((MAC1, 104),))))
    assert view.port is not None
    assert memory.last()["rpi01"].ref == ref(4)
    assert os.listdir(tmp_path) == ["file"]
