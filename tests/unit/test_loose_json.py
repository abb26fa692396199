"""Whatever a controller, a router, a program or a Prometheus says: a reading or SourceGarbled, and nothing else."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homelab_tui.domain.errors import SourceGarbled
from homelab_tui.sources import poe_listing, poe_series, routeros_answers, unifi_answers
from homelab_tui.sources.json_values import number, scaled, truth, whole

ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(["3.24", "60.18", "Class 4", "auto", "off", "true", "1e999", "9" * 400, "-1", "aa:bb:cc:dd:ee:ff"]),
)
ANY = st.recursive(
    ODD, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
)


def rows(*names: str) -> st.SearchStrategy[list[Any]]:
    """Lists of objects that have some of these names, with anything under them."""
    return st.lists(ANY | st.fixed_dictionaries({}, optional=dict.fromkeys(names, ANY)), max_size=4)


PORT = ("port_idx", "port_poe", "poe_enable", "poe_mode", "poe_class", "poe_power", "poe_voltage", "poe_current", "up")
DEVICE = st.fixed_dictionaries(
    {"mac": st.just("aa:bb:cc:dd:ee:ff")},
    optional={
        "name": ANY,
        "port_table": rows(*PORT, "mac_table"),
        "port_overrides": rows(*PORT),
        "lldp_table": rows("chassis_id", "local_port_idx"),
        "total_max_power": ANY,
    },
)


@given(st.lists(DEVICE | ANY, max_size=2), rows("mac", "sw_mac", "sw_port", "is_wired"))
def test_a_controller_may_say_anything(found: list[Any], stations: list[Any]) -> None:
    behind = unifi_answers.clients(json.dumps({"data": stations}).encode(), "aa:bb:cc:dd:ee:ff")
    for device in unifi_answers.devices(json.dumps({"data": found}).encode()):
        reading = unifi_answers.reading("s", device, behind)
        assert all(port.power_mw is None or port.power_mw >= 0 for port in reading.ports)
        json.dumps(unifi_answers.with_mode(device, 3, "off"))


@given(rows(".id", "name", "poe-out"), rows("name", "default-name", "running", "speed"), ANY)
def test_a_router_may_say_anything(poe: list[Any], ethernet: list[Any], live: Any) -> None:
    found, by_name = routeros_answers.interfaces(json.dumps(poe).encode(), json.dumps(ethernet).encode())
    reading = routeros_answers.reading("s", found, by_name, json.dumps(live).encode(), None)
    assert len({port.ref for port in reading.ports}) == len(reading.ports)


@given(rows("port", "group", "status", "power_w", "class", "admin", "label"))
def test_a_program_may_print_anything(printed: list[Any]) -> None:
    with contextlib.suppress(SourceGarbled):
        poe_listing.reading("s", json.dumps(printed))


NAMES = st.sampled_from(
    (
        *("pethPsePortAdminEnable", "pethPsePortDetectionStatus", "pethPsePortPowerDeniedCounter", "x"),
        *("pethMainPsePower", "pethMainPseConsumptionPower", "mtxrPOEStatus", "mtxrPOEPower"),
        "unpoller_device_port_poe_watts",
    )
)
LABELS = st.fixed_dictionaries(
    {"__name__": NAMES},
    optional={
        "pethPsePortIndex": st.text(max_size=4) | st.just("3"),
        "pethPsePortGroupIndex": st.text(max_size=4) | st.just("1"),
        "port_num": st.just("3"),
    },
)
VALUE = st.floats().map(str) | st.sampled_from(["3", "1447362561", "-1", "NaN", "+Inf", "1e300"])


@given(st.lists(st.tuples(LABELS, VALUE), max_size=6))
def test_a_prometheus_may_hold_anything(samples: list[tuple[dict[str, str], str]]) -> None:
    result = [{"metric": labels, "value": [0, value]} for labels, value in samples]
    body = json.dumps({"status": "success", "data": {"resultType": "vector", "result": result}}).encode()
    poe_series.reading("s", poe_series.series(body))


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"status":"success","data":{"resultType":"vector","result":[1]}}']
)
def test_what_is_no_answer_of_a_prometheus_is_garbled(body: bytes) -> None:
    with pytest.raises(SourceGarbled):
        poe_series.series(body)


def test_numbers_come_in_every_dress() -> None:
    assert [number(v) for v in (3, "3", "3.24", "3.24 W", " -1 ", True, "x", None, "9" * 400, float("nan"))] == [
        *(3.0, 3.0, 3.24, 3.24, -1.0),
        *(None, None, None, None, None),
    ]
    assert [whole(v) for v in ("5", 5.0, 5.5, -1)] == [5, 5, None, None]
    assert [scaled(v, 1000) for v in ("3.24", -1, 1e12)] == [3240, None, None]
    assert [truth(v) for v in (True, "true", "OFF", 1, None)] == [True, True, False, None, None]
