"""A PoE switch in words."""

import pytest

from homelab_tui.domain.poe import Detection, PoePort, PortRef, PseGroup, SwitchReading
from homelab_tui.domain.reading import Reading
from homelab_tui.domain.state import LabState
from homelab_tui.present.details import details
from homelab_tui.present.switches import room_words, switch_lines
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
    assert room_words(told) == words


def test_every_supply_of_a_stack_has_a_line_and_oddities_come_last() -> None:
    told = reading(PseGroup(1, 370_000, 115_000, True, 80), PseGroup(2, None, None, False), findings=("odd",))
    lines = dict(line for line in switch_lines(told) if isinstance(line[1], str))
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
