"""Whether one more PoE+ HAT fits: by what classes reserve, never by what is drawn."""

import pytest

from homelab_tui.domain.poe import Detection, PoePort, PortRef, PseGroup, SwitchReading, has_room


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
