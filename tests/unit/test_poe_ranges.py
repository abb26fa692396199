"""Range queries: what a port of a switch gave."""

import json
from datetime import UTC, datetime

import pytest

from homelab_tui.domain.curves import PortSeries
from homelab_tui.domain.errors import SourceGarbled
from homelab_tui.domain.poe import PoePort, PortRef
from homelab_tui.sources.poe_ranges import curve, query
from homelab_tui.sources.prometheus_ranges import Slots

START = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)
SLOTS = Slots(START, 60.0, 4)
PORT = PoePort(PortRef("sw1", 1, 3), label="rpi03", if_name="ether3")
OURS = PortSeries(labels=(("instance", "sw1"),))
PETH = {"pethPsePortGroupIndex": "1", "pethPsePortIndex": "3"}


def answer(*series: tuple[dict[str, str], list[tuple[float, str]]]) -> bytes:
    rows = [
        {"metric": metric, "values": [[START.timestamp() + at, value] for at, value in values]}
        for metric, values in series
    ]
    return json.dumps({"status": "success", "data": {"resultType": "matrix", "result": rows}}).encode()


def values(*series: tuple[dict[str, str], list[tuple[float, str]]], by_name: bool = False) -> object:
    found = curve(answer(*series), PORT, PortSeries(OURS.labels, by_name=by_name), SLOTS, "Prometheus main")
    return None if found is None else found.values


@pytest.mark.parametrize(
    ("metric", "told", "watts"),
    [
        ({"__name__": "cpeExtPsePortPwrConsumption", **PETH}, "6400", 6.4),
        ({"__name__": "agentPethOutputPower", **PETH}, "6400", 6.4),
        ({"__name__": "hpicfPoePethPsePortActualPower", **PETH}, "6400", 6.4),
        ({"__name__": "hpicfPoePethPsePortPower", **PETH}, "6400", 6.4),
        ({"__name__": "arubaWiredPoePethPsePortPowerDrawn", **PETH}, "6400", 6.4),
        (
            {"__name__": "rlPethPsePortOutputPower", "rlPethPsePortGroupIndex": "1", "rlPethPsePortIndex": "3"},
            "6400",
            6.4,
        ),
        ({"__name__": "zyPoePsePortInfoPowerConsumption", "dot1dBasePort": "3"}, "6400", 6.4),
        ({"__name__": "tpPoePower", "tpPoePortIndex": "3"}, "64", 6.4),
        ({"__name__": "mtxrPOEPower", "mtxrPOEInterfaceIndex": "3", "mtxrPOEName": "ether9"}, "64", 6.4),
        ({"__name__": "unpoller_device_port_poe_watts", "port_num": "3"}, "6.4", 6.4),
    ],
    ids=lambda value: value["__name__"] if isinstance(value, dict) else None,
)
def test_each_vendors_power_is_drawn_in_watts(metric: dict[str, str], told: str, watts: float) -> None:
    assert values((metric, [(60, told)])) == (None, watts, None, None)


def test_another_port_another_group_and_another_metric_are_not_drawn() -> None:
    watts = "cpeExtPsePortPwrConsumption"
    assert (
        values(
            ({"__name__": watts, **PETH, "pethPsePortIndex": "13"}, [(0, "1")]),
            ({"__name__": watts, **PETH, "pethPsePortGroupIndex": "2"}, [(0, "2")]),
            ({"__name__": watts}, [(0, "3")]),
            ({"__name__": "pethPsePortPowerClassifications", **PETH}, [(0, "5")]),
        )
        is None
    )


def test_two_series_that_contradict_each_other_are_no_curve() -> None:
    one, other = ({"__name__": "agentPethOutputPower", **PETH, "instance": name} for name in ("sw1", "sw2"))
    assert values((one, [(0, "5000"), (60, "5000")]), (other, [(60, "9000")])) is None
    assert values((one, [(0, "5000"), (60, "5000")]), (other, [(60, "5000"), (120, "9000")])) == (5.0, 5.0, 9.0, None)


def test_the_measured_power_of_an_hp_counts_more_than_the_other_one() -> None:
    assert values(
        ({"__name__": "hpicfPoePethPsePortPower", **PETH}, [(0, "7000")]),
        ({"__name__": "hpicfPoePethPsePortActualPower", **PETH}, [(0, "5000")]),
    ) == (5.0, None, None, None)


def test_a_routers_port_is_known_by_its_name_alone() -> None:
    named = {"__name__": "mtxrPOEPower", "mtxrPOEInterfaceIndex": "7", "mtxrPOEName": "ether3"}
    numbered = {"__name__": "mtxrPOEPower", "mtxrPOEInterfaceIndex": "3", "mtxrPOEName": "ether9"}
    assert values((named, [(0, "50")]), (numbered, [(0, "90")]), by_name=True) == (5.0, None, None, None)
    assert values((named, [(0, "50")]), (numbered, [(0, "90")])) == (9.0, None, None, None)


def test_a_liar_leaves_a_gap() -> None:
    metric = {"__name__": "agentPethOutputPower", **PETH}
    told = values((metric, [(0, "1447362561"), (60, "-1"), (120, "NaN"), (180, "0")]))
    assert told == (None, None, None, 0.0)


def test_a_port_is_asked_for_by_every_label_that_may_name_it() -> None:
    asked = query(PortRef("sw1", 2, 3), PortSeries(labels=(("instance", 'a"b\\'),)))
    assert asked.startswith('{instance="a\\"b\\\\", __name__=~"')
    assert ', pethPsePortIndex=~"|3", ' in asked
    assert asked.endswith(', pethPsePortGroupIndex=~"|2", rlPethPsePortGroupIndex=~"|2"}')
    by_address = query(PortRef("sw1", 1, 3), PortSeries(instances=("10.0.0.2", "10.0.0.2:161")))
    assert by_address.startswith('{instance=~"10\\\\.0\\\\.0\\\\.2|10\\\\.0\\\\.0\\\\.2:161", ')
    assert "Index" not in query(PortRef("sw1", 1, 3), PortSeries(labels=(("a", "b"),), by_name=True))


@pytest.mark.parametrize("body", [b"", b'{"status":"error"}', b'{"status":"success","data":{"resultType":"vector"}}'])
def test_what_is_no_matrix_is_said_to_be_none(body: bytes) -> None:
    with pytest.raises(SourceGarbled):
        curve(body, PORT, OURS, SLOTS, "x")
