"""Whether one more PoE+ HAT fits: by what classes reserve, never by what is drawn."""

import pytest

from homelab_tui.domain.poe import Detection, PoePort, PortRef, PseGroup, SwitchReading, has_room, with_same_ports
from homelab_tui.domain.values import replace


def reading(budget_w: int | None, *classes: int | None, idle: int = 0) -> SwitchReading:
    """A switch whose ports deliver at these classes."""
    ports = [
        PoePort(PortRef("s", 1, number), detection=Detection.DELIVERING, power_class=power_class, power_mw=6_000)
        for number, power_class in enumerate(classes, start=1)
    ]
    ports += [PoePort(PortRef("s", 1, 20 + number), detection=Detection.SEARCHING) for number in range(idle)]
    groups = (PseGroup(1, budget_mw=None if budget_w is None else budget_w * 1000),)
    return SwitchReading("s", "snmp", ports=tuple(ports), groups=groups)


@pytest.mark.parametrize(
    ("told", "fits"),
    [
        (reading(120, 4, 4, 4, idle=5), True),
        (reading(119, 4, 4, 4), False),
        (reading(60, 4, 3), False),
        (reading(30, idle=8), True),
        (reading(29, idle=8), False),
        (reading(None, 4), None),
        (reading(120, 4, None), None),
    ],
)
def test_room_is_counted_as_the_switch_reserves_it(told: SwitchReading, fits: bool | None) -> None:
    assert has_room(told) is fits


def in_group(told: SwitchReading, group: int) -> SwitchReading:
    ports = tuple(replace(port, ref=replace(port.ref, group=group)) for port in told.ports)
    return replace(told, ports=ports, groups=tuple(replace(each, group=group) for each in told.groups))


def stack(*boxes: SwitchReading) -> SwitchReading:
    numbered = [in_group(box, number) for number, box in enumerate(boxes, start=1)]
    groups = tuple(group for box in numbered for group in box.groups)
    return replace(boxes[0], ports=tuple(port for box in numbered for port in box.ports), groups=groups)


@pytest.mark.parametrize(
    ("boxes", "fits"),
    [
        ((reading(80, 4, 4), reading(80, 4, 4)), False),
        ((reading(80, 4, 4), reading(90, 4, 4)), True),
        ((reading(80, 4, 4), reading(90, None)), None),
        ((reading(80, 4, 4), reading(None, 4)), None),
    ],
)
def test_what_is_left_of_two_supplies_does_not_add_up(boxes: tuple[SwitchReading, ...], fits: bool | None) -> None:
    assert has_room(stack(*boxes)) is fits


def test_what_is_drawn_rules_it_out_where_no_classes_are_told() -> None:
    told = reading(120, None)
    assert has_room(replace(told, groups=(PseGroup(1, budget_mw=120_000, drawn_mw=91_000),))) is False
    assert has_room(replace(told, groups=(PseGroup(1, budget_mw=120_000, drawn_mw=80_000),))) is None


def test_nothing_is_promised_of_ports_that_are_not_told() -> None:
    supply = (PseGroup(1, budget_mw=370_000, drawn_mw=115_000),)
    told = SwitchReading("s", "snmp", groups=supply)
    assert has_room(told) is None, "a chassis that tells its supplies alone"
    watts = replace(told, ports=(PoePort(PortRef("s", 1, 1), power_mw=2_509), PoePort(PortRef("s", 1, 2), power_mw=0)))
    assert has_room(watts) is None, "a stack that tells watts, and neither status nor class"
    assert has_room(replace(watts, ports=watts.ports[1:])) is True
    assert has_room(replace(told, ports=(PoePort(PortRef("s", 1, 1)),))) is None


def test_a_supply_that_does_not_operate_has_no_room() -> None:
    assert has_room(replace(reading(120), groups=(PseGroup(1, budget_mw=120_000, operates=False),))) is False


def test_ports_that_did_not_change_stay_the_same_objects() -> None:
    before, now = reading(120, 4, 3, idle=2), reading(120, 4, 2, idle=2)
    assert with_same_ports(None, now) is now
    assert with_same_ports(before, reading(120, 4, 3, idle=2)) is before
    shared = with_same_ports(before, now)
    assert shared == now
    assert [mine is theirs for mine, theirs in zip(shared.ports, before.ports, strict=True)] == [
        True,
        False,
        True,
        True,
    ]
    other_budget = with_same_ports(before, reading(60, 4, 3, idle=2))
    assert other_budget.ports is before.ports
    assert other_budget.groups[0].budget_mw == 60_000
