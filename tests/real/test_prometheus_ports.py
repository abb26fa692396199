"""What a switch's port gave, out of Debian's Prometheus: stored before it starts, asked as promtool asks it."""

import re
import textwrap
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from homelab_tui.config.load import parse_config
from homelab_tui.domain.curves import Curve
from homelab_tui.domain.poe import PoePort, PortRef
from homelab_tui.engine.lab import Lab
from homelab_tui.wiring import build_lab
from tests.fakes import FakeClock
from tests.real.prometheus_server import Settings, promtool, running

EVERY_S = 30
HOURS = 2
ADDRESS = "192.168.10.2"
Line = tuple[str, str, Callable[[int], float]]
"""Metric, labels, value of the n-th sample."""


def watts(port: int) -> Callable[[int], float]:
    """A saw tooth of its own for each port, in mW."""
    return lambda n: 4000 + 1000 * port + n % 10 * 100


def stored(end: datetime, *lines: Line) -> str:
    """OpenMetrics with a sample of each every half minute until `end`."""
    text: dict[str, list[str]] = {}
    for name, labels, value in lines:
        rows = text.setdefault(name, [f"# TYPE {name} gauge"])
        for number in range(HOURS * 3600 // EVERY_S):
            at = end.timestamp() - (HOURS * 3600 // EVERY_S - 1 - number) * EVERY_S
            rows.append(f"{name}{{{labels}}} {value(number)} {at:.3f}")
    return "\n".join([row for rows in text.values() for row in rows] + ["# EOF", ""])


def peth(port: int, instance: str = ADDRESS, group: int = 1) -> str:
    return f'instance="{instance}",job="snmp",pethPsePortGroupIndex="{group}",pethPsePortIndex="{port}"'


def lab_of(directory: Path, url: str, switches: str, end: datetime) -> Lab:
    text = f'[[prometheus]]\nname = "main"\nurl = "{url}"\ncluster = "nuc"\n{textwrap.dedent(switches)}'
    return build_lab(parse_config(text, directory / "config.toml"), FakeClock(end))


async def drawn(lab: Lab, ref: PortRef, if_name: str | None = None) -> Curve | None:
    return (await lab.memory.port_curves(lab.store.state, PoePort(ref, if_name=if_name))).port_w


async def test_a_port_is_drawn_from_the_prometheus_whoever_reads_its_switch(tmp_path: Path) -> None:
    end = datetime.fromtimestamp(datetime.now(UTC).timestamp() // EVERY_S * EVERY_S, UTC)
    names = "agentPethOutputPower"
    history = stored(
        end,
        *((names, peth(port), watts(port)) for port in (1, 3, 13)),
        (names, peth(3, group=2), watts(20)),
        (names, peth(3, instance="192.168.10.3"), watts(30)),
        ("pethPsePortDetectionStatus", peth(3), lambda _: 3),
        ("unpoller_device_port_poe_watts", 'name="usw",port_num="3",port_name="rpi03"', lambda n: 3 + n % 4),
        (
            "mtxrPOEPower",
            'instance="192.168.88.1",mtxrPOEInterfaceIndex="7",mtxrPOEName="ether3"',
            lambda n: 40 + n % 5,
        ),
    )
    switches = f"""
        [[switches]]
        name = "snmp"
        host = "{ADDRESS}"
        [[switches]]
        name = "scraped"
        source = "prometheus"
        match = {{ instance = "{ADDRESS}" }}
        [[switches]]
        name = "both"
        source = "prometheus"
        match = {{ job = "snmp" }}
        [[switches]]
        name = "usw"
        source = "unifi"
        url = "https://192.168.10.1"
        api_key = "k"
        match = {{ name = "usw" }}
        [[switches]]
        name = "router"
        source = "routeros"
        url = "https://192.168.88.1"
        username = "u"
        password = "p"
        match = {{ instance = "192.168.88.1" }}
        [[switches]]
        name = "nobody"
        host = "192.168.10.99"
        """
    async with running(tmp_path, Settings(scrapes=(), history=history)) as url:
        lab = lab_of(tmp_path, url, switches, end)
        try:
            by_snmp, of_group_2 = [await drawn(lab, PortRef("snmp", group, 3)) for group in (1, 2)]
            scraped = await drawn(lab, PortRef("scraped", 1, 3))
            ambiguous = await drawn(lab, PortRef("both", 1, 3))
            certain = await drawn(lab, PortRef("both", 1, 1))
            usw = await drawn(lab, PortRef("usw", 1, 3))
            router = await drawn(lab, PortRef("router", 1, 3), "ether3")
            renamed = await drawn(lab, PortRef("router", 1, 7), "ether7")
            nobody = await drawn(lab, PortRef("nobody", 1, 3))
            read = await next(one for one in lab.sources.switches if one.name == "scraped").read()
        finally:
            await lab.close()
        expected = _promtool_range(url, f"{names}{{{peth(3)}}} / 1000", end)
    assert by_snmp is not None
    assert scraped == by_snmp
    assert list(by_snmp.values) == expected
    assert (by_snmp.known, by_snmp.step_s, by_snmp.ends_at) == (240, 30.0, end)
    assert by_snmp.witness == "Prometheus main"
    assert of_group_2 is not None
    assert max(value or 0 for value in of_group_2.values) == 24.9
    assert ambiguous is None
    assert certain is not None
    assert usw is not None
    assert {*usw.values} == {3.0, 4.0, 5.0, 6.0}
    assert router is not None
    assert {*router.values} == {4.0, 4.1, 4.2, 4.3, 4.4}
    assert renamed is None
    assert nobody is None
    assert {str(port.ref): port.power_mw for port in read.ports}["scraped/3"] == 7900


def _promtool_range(url: str, query: str, end: datetime) -> list[float]:
    """The same question, asked and answered by Prometheus' own tool."""
    start = end - timedelta(hours=HOURS) + timedelta(seconds=EVERY_S)
    told = promtool(
        "query",
        "range",
        f"--start={start.timestamp():.0f}",
        f"--end={end.timestamp():.0f}",
        f"--step={EVERY_S}s",
        url,
        query,
    )
    return [float(value) for value in re.findall(r"([0-9.]+) @\[", told)]
