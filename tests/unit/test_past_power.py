"""Which Prometheus is asked what a port gave, and under which labels."""

from pathlib import Path

import pytest

from homelab_tui.config.model import SwitchConfig
from homelab_tui.domain.curves import Curve, PortSeries
from homelab_tui.domain.errors import SourceTimeout
from homelab_tui.domain.nodes import Node
from homelab_tui.domain.poe import PoePort, PortRef, SwitchReading
from homelab_tui.domain.reading import Reading
from homelab_tui.domain.state import LabState, NodeView
from homelab_tui.domain.values import replace
from homelab_tui.engine.node_memory import NodeMemory
from homelab_tui.engine.past_power import series_of
from tests.fakes import FakeClock, FakePrometheus

PORT = PoePort(PortRef("sw1", 1, 3), power_mw=5_000)
MATCH = (("instance", "switch-a"),)
SNMP = SwitchConfig("sw1", host="192.168.10.2")
VIEW = NodeView(Node("rpi03", "rpi03"), port=PORT)


@pytest.mark.parametrize(
    ("switch", "series"),
    [
        (SNMP, PortSeries(instances=("192.168.10.2", "192.168.10.2:161"))),
        (replace(SNMP, port=1161), PortSeries(instances=("192.168.10.2:1161",))),
        (replace(SNMP, host="fd00::2"), PortSeries(instances=("fd00::2", "[fd00::2]:161"))),
        (replace(SNMP, match=MATCH), PortSeries(labels=MATCH)),
        (replace(SNMP, host="127.0.0.1"), None),
        (replace(SNMP, host="::1"), None),
        (replace(SNMP, host="localhost"), None),
        (replace(SNMP, host="127.0.0.1", match=MATCH), PortSeries(labels=MATCH)),
        (SwitchConfig("sw1", "unifi", url="https://192.168.10.1"), None),
        (SwitchConfig("sw1", "unifi", match=MATCH), PortSeries(labels=MATCH)),
        (SwitchConfig("sw1", "routeros", match=MATCH), PortSeries(labels=MATCH, by_name=True)),
        (SwitchConfig("sw1", "command", host="192.168.10.2"), None),
        (SwitchConfig("sw1", "prometheus", match=MATCH), PortSeries(labels=MATCH)),
    ],
)
def test_a_switch_is_known_by_its_labels_or_by_its_address_and_never_guessed(
    switch: SwitchConfig, series: PortSeries | None
) -> None:
    assert series_of(switch) == series


def told(witness: str, *values: float | None) -> Curve:
    return Curve(values, 30.0, witness)


async def test_the_fullest_of_all_servers_is_drawn_and_one_that_fails_costs_itself_alone(tmp_path: Path) -> None:
    servers = [FakePrometheus(name) for name in ("a", "b", "c", "d")]
    servers[0].port_power = told("Prometheus a", 5.0, None)
    servers[1].port_power = told("Prometheus b", 5.0, 6.0)
    servers[2].port_power = SourceTimeout("c: no answer within 5 s")
    memory = NodeMemory(tmp_path, FakeClock(), servers, [SNMP])
    curves = await memory.curves(VIEW)
    assert curves.port_w == servers[1].port_power
    assert [one.asked_for for one in servers] == [
        [(PORT.ref, PortSeries(instances=("192.168.10.2", "192.168.10.2:161")))]
    ] * 4


async def test_only_the_server_that_is_named_is_asked(tmp_path: Path) -> None:
    servers = [FakePrometheus("a"), FakePrometheus("b")]
    switch = replace(SNMP, prometheus="b")
    await NodeMemory(tmp_path, FakeClock(), servers, [switch]).curves(VIEW)
    assert [len(one.asked_for) for one in servers] == [0, 1]


async def test_without_a_series_a_port_is_drawn_from_this_sessions_readings(tmp_path: Path) -> None:
    clock = FakeClock()
    memory = NodeMemory(tmp_path, clock, [FakePrometheus()], [SNMP])
    reading = Reading(SwitchReading("sw1", "snmp", ports=(PORT,)), taken_at=clock.now())
    state = LabState(switches=(("sw1", reading),), node_views=(VIEW,))
    memory.sample(state)
    for key in ("node:rpi03", "port:sw1/3"):
        curves = await memory.curves_for(state, key)
        assert curves is not None
        assert curves.port_w is not None
        assert (curves.port_w.values, curves.port_w.witness) == ((5.0,), "this session")
    assert await memory.curves_for(state, "port:sw1/4") is None
    assert await memory.curves_for(state, "switch:sw1") is None


async def test_a_port_that_feeds_no_known_node_has_its_curve_from_prometheus(tmp_path: Path) -> None:
    server = FakePrometheus()
    server.port_power = told("Prometheus main", 5.0)
    memory = NodeMemory(tmp_path, FakeClock(), [server], [SNMP])
    state = LabState(switches=(("sw1", Reading(SwitchReading("sw1", "snmp", ports=(PORT,)))),))
    curves = await memory.curves_for(state, "port:sw1/3")
    assert curves is not None
    assert curves.port_w == server.port_power
