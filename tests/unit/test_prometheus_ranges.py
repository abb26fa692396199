"""Range queries: what is drawn of a machine."""

import json
from datetime import UTC, datetime

import pytest

from homelab_tui.domain.errors import SourceGarbled
from homelab_tui.sources.prometheus_ranges import Slots, curves, query

START = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)
AT = START.timestamp()


def answer(*series: tuple[str, dict[str, str], list[tuple[float, str]]]) -> bytes:
    rows = [
        {"metric": {"__name__": name} | labels, "values": [[AT + at, value] for at, value in values]}
        for name, labels, values in series
    ]
    return json.dumps({"status": "success", "data": {"resultType": "matrix", "result": rows}}).encode()


def test_the_processors_hottest_core_and_the_hats_watts_are_drawn_with_their_gaps() -> None:
    core = {"chip": "platform_coretemp_0"}
    found = curves(
        answer(
            ("node_hwmon_temp_celsius", {**core, "sensor": "temp1"}, [(0, "40"), (60, "41"), (120, "NaN")]),
            ("node_hwmon_temp_celsius", {**core, "sensor": "temp2"}, [(0, "44"), (60, "39"), (600, "99")]),
            ("node_hwmon_temp_celsius", {"chip": "nvme_nvme0"}, [(0, "70")]),
            ("node_power_supply_current_ampere", {"power_supply": "rpi-poe"}, [(120, "0.6")]),
            ("node_power_supply_current_ampere", {"power_supply": "BAT0"}, [(0, "9")]),
        ),
        Slots(START, 60.0, 4),
        "Prometheus nuc",
    )
    assert found.temperature_c is not None
    assert found.hat_w is not None
    assert found.temperature_c.values == (44.0, 41.0, None, None)
    assert found.hat_w.values == (None, None, 3.0, None)
    assert found.temperature_c.witness == "Prometheus nuc"


def test_nothing_is_drawn_of_nothing() -> None:
    found = curves(answer(("node_hwmon_temp_celsius", {"chip": "acpitz"}, [(0, "27")])), Slots(START, 60.0, 4), "x")
    assert (found.temperature_c, found.hat_w, found.port_w) == (None, None, None)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b'{"status":"error","error":"boom"}',
        b'{"status":"success","data":{"resultType":"vector","result":[]}}',
        b'{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[["a"]]}]}}',
    ],
)
def test_what_is_no_matrix_is_said_to_be_none(body: bytes) -> None:
    with pytest.raises(SourceGarbled):
        curves(body, Slots(START, 60.0, 4), "x")


def test_the_instance_is_quoted() -> None:
    assert query('a"b\\').endswith(', instance="a\\"b\\\\"}')
