"""What a `list` command may print: every form of docs/switch-commands.md, and what is none."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homelab_tui.domain.errors import SourceGarbled
from homelab_tui.domain.poe import Detection, PortRef, budget_mw
from homelab_tui.sources.poe_listing import reading

OPENWRT = """{"firmware": "v80.1", "mcu": "ST Micro", "budget": 77.0, "consumption": 5.3,
 "ports": {"lan1": {"priority": 2, "mode": "PoE", "status": "Delivering power", "consumption": 5.3},
           "lan8": {"priority": 2, "mode": "PoE+", "status": "Searching"}}}"""
TABLE = """
port  status      class  power_w
1     delivering  4      6.2
2     disabled    -      -
"""
BARRED = """
| Port ID | Port Name | Status           | Pwr (W) | Current (mA) |
|---------|-----------|------------------|---------|--------------|
| 1       | rpi 1     | Delivering Power | 5.5     | 104          |
| 2       |           | Searching        |         | 0            |
"""


def test_openwrts_own_words_are_read() -> None:
    found = reading("s", OPENWRT)
    assert [port.ref for port in found.ports] == [PortRef("s", 1, 1), PortRef("s", 1, 8)]
    assert [port.detection for port in found.ports] == [Detection.DELIVERING, Detection.SEARCHING]
    assert [port.power_mw for port in found.ports] == [5300, None]
    assert budget_mw(found) == 77_000


def test_a_table_between_blanks_is_read_and_a_dash_is_no_number() -> None:
    one, two = reading("s", TABLE).ports
    assert (one.detection, one.power_class, one.power_mw, one.admin_on) == (Detection.DELIVERING, 4, 6200, True)
    assert (two.detection, two.power_class, two.power_mw, two.admin_on) == (Detection.DISABLED, None, None, False)


def test_a_table_between_bars_may_hold_blanks_and_units() -> None:
    one, two = reading("s", BARRED.replace("Pwr (W)", "Watts (W)")).ports
    assert (one.label, one.power_mw, one.current_ma) == ("rpi 1", 5500, 104)
    assert (two.label, two.power_mw, two.detection) == (None, None, Detection.SEARCHING)


def test_json_with_groups_and_booleans_is_read() -> None:
    rows = [
        {"group": 2, "port": "7", "enabled": True, "status": "on", "class": "Class 3", "voltage": "53.1 V"},
        {"port": 7, "admin": "off", "power": "0.0"},
    ]
    one, two = reading("s", json.dumps(rows)).ports
    assert (str(one.ref), one.admin_on, one.power_mw) == ("s/7", False, 0)
    assert (str(two.ref), two.admin_on, two.power_class, two.voltage_mv) == ("s/2/7", True, 3, 53_100)


def test_what_is_odd_is_named_and_the_rest_is_kept() -> None:
    rows = [{"port": 1, "status": "glowing"}, {"port": 1, "status": "off"}, {"name": "no number"}]
    found = reading("s", json.dumps(rows))
    assert len(found.ports) == 1
    assert found.ports[0].detection is None
    assert found.ports[0].admin_on is None
    assert len(found.findings) == 3


@pytest.mark.parametrize(
    "output", ["", "hello", "{", "[1, 2]", "[" * 9999, "port name\n1 my pi", '{"ports": 3}', "null"]
)
def test_what_is_no_list_of_ports_is_refused(output: str) -> None:
    with pytest.raises(SourceGarbled):
        reading("s", output)


@given(st.text(max_size=300))
def test_no_output_is_worse_than_garbled(output: str) -> None:
    for text in (output, f"port status\n{output}", f'[{{"port": {json.dumps(output)}, "power": "9e999"}}]'):
        try:
            reading("s", text)
        except SourceGarbled:
            pass
