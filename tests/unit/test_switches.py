"""A PoE switch in words."""

import pytest

from homelab_tui.domain.nodes import Node
from homelab_tui.domain.operations import Operation, OperationState
from homelab_tui.domain.poe import Detection, PoePort, PortRef, PseGroup, SwitchReading, has_room
from homelab_tui.domain.reading import Reading
from homelab_tui.domain.state import LabState, NodeView
from homelab_tui.domain.values import replace
from homelab_tui.present import nodes
from homelab_tui.present.details import details
from homelab_tui.present.switches import room_words, switch_lines
from homelab_tui.present.table import Row
from tests.fakes import START


def reading(*groups: PseGroup, findings: tuple[str, ...] = ()) -> SwitchReading:
    ports = tuple(
        PoePort(PortRef("sw1", group.group, 1), detection=Detection.DELIVERING, power_class=4, power_mw=6_000)
        for group in groups
    )
    return SwitchReading("sw1", "snmp", ports, groups, model="C2960X", findings=findings)


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (reading(PseGroup(1, 60_000, 6_000)), "one more PoE+ HAT fits"),
        (reading(PseGroup(1, 59_000, 6_000)), "no room for one more PoE+ HAT"),
        (reading(PseGroup(1, None, 6_000)), None),
    ],
)
def test_room_is_said_or_not_told(told: SwitchReading, words: str | None) -> None:
    assert room_words(has_room(told)) == words


def test_every_supply_of_a_stack_has_a_line_and_oddities_come_last() -> None:
    told = reading(PseGroup(1, 370_000, 115_000, True, 80), PseGroup(2, None, None, False), findings=("odd",))
    lines = {line[0]: line[1] for line in switch_lines(told)}
    assert (lines["drawn"], lines["reserved by class"], lines["budget"]) == ("115.0 W", "60.0 W", "370.0 W")
    assert lines["group 1"] == "115.0 W drawn of 370.0 W, warns at 80 %"
    assert lines["group 2"] == "– drawn no budget told, OFF"
    assert switch_lines(told)[-1] == ("finding", "odd")


def test_the_detail_screen_of_a_switch_shows_them() -> None:
    state = LabState(switches=(("sw1", Reading(reading(PseGroup(1, 60_000, 6_000), findings=("odd",)), START)),))
    shown = details(state, "switch:sw1", START)
    assert shown is not None
    title, text = shown
    assert "sw1" in title
    assert all(word in text.plain for word in ("C2960X", "6.0 W", "one more PoE+ HAT fits", "odd"))


def cells(told: SwitchReading, *views: NodeView) -> dict[str, list[str]]:
    """The rows of the pane as text, by key."""
    state = LabState(switches=(("sw1", Reading(told, START)),), node_views=views)
    return {row.key: [str(cell.text) for cell in row.cells] for row in nodes.rows(state, START)}


def test_the_row_of_a_switch_has_its_layers_and_its_room_where_a_narrow_screen_shows_them() -> None:
    _, bar, power, reserved, *_ = cells(reading(PseGroup(1, 120_000, 30_000)))["switch:sw1"]
    assert (bar, power, reserved) == ("███·········", "30.0 of 120.0 W", "+1 HAT, 30.0 W reserved")
    _, bar, power, reserved, *_ = cells(reading(PseGroup(1, 59_000, 6_000)))["switch:sw1"]
    assert (bar, reserved) == ("█▒▒▒▒▒······", "full, 30.0 W reserved")
    assert cells(reading(PseGroup(1, None, 6_000)))["switch:sw1"][1:4] == ["no budget told", "6.0 W", "30.0 W reserved"]


def test_watts_without_a_status_are_shown_as_watts() -> None:
    """Cisco's stack tells what a port draws, and not what it does."""
    port = PoePort(PortRef("sw1", 1, 1), power_mw=2_509)
    told = SwitchReading("sw1", "snmp", (port,))
    assert cells(told, NodeView(Node("rpi01", "rpi01"), port=port))["node:rpi01"][2] == "? 2.5 W sw1/1"
    idle = PoePort(PortRef("sw1", 1, 1), power_mw=0)
    assert cells(told, NodeView(Node("rpi01", "rpi01"), port=idle))["node:rpi01"][2] == "? unknown sw1/1"


def test_what_changed_alone_is_drawn_anew() -> None:
    kept = nodes.KeptNodeRows()
    told = reading(PseGroup(1, 60_000), PseGroup(2, 60_000))

    def drawn(value: SwitchReading, busy: str | None = None) -> dict[str, Row]:
        acting = (Operation("1", "poe.cycle", busy, OperationState.RUNNING, "off", START),) if busy else ()
        state = LabState(switches=(("sw1", Reading(value, START)),), operations=acting)
        return {row.key: row for row in nodes.rows(state, START, kept)}

    before = drawn(told)
    again = drawn(replace(told, ports=(replace(told.ports[0]), replace(told.ports[1], power_mw=7_000))))
    assert again["port:sw1/1"] is before["port:sw1/1"], "another object that says the same"
    assert again["port:sw1/2/1"] != before["port:sw1/2/1"]
    assert drawn(told, busy="port:sw1/1")["port:sw1/1"] != before["port:sw1/1"]
    assert drawn(told)["port:sw1/1"] == before["port:sw1/1"]
