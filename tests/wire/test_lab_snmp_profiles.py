"""The lab's switch beyond v2c and Netgear: SNMPv3 users and views, TP-Link's own table, and who is behind each port."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from homelab_tui.config.load import load_config
from homelab_tui.demo.faults import Faults
from homelab_tui.demo.snmp import DemoSnmpAgent, V3User
from homelab_tui.demo.snmp_topology import LLDP_TTL_S, MAC_AGEING_S
from homelab_tui.demo.world import Clock, World
from homelab_tui.domain.poe import Detection
from homelab_tui.wiring import build_lab
from tests.labs import start_lab, still_clock
from tests.servers import require_binary

AUTH, PRIV = "an authentication phrase", "a privacy phrase"
USERS = (
    V3User("operator", AUTH, PRIV, writes=True),
    V3User("reader", AUTH, PRIV),
    V3User("narrow", AUTH, PRIV, writes=True, view=(1, 3, 6, 1, 2, 1, 105)),
)
ADMIN = "1.3.6.1.2.1.105.1.1.1.3.1"
SYS_NAME = "1.3.6.1.2.1.1.5.0"


@asynccontextmanager
async def switch(state: Path) -> AsyncIterator[tuple[World, int]]:
    """A switch with three v3 users, and its port."""
    world = World()
    agent = DemoSnmpAgent(world, Faults(), "public", "private", users=USERS)
    port = await agent.start()
    (state / "cert_indexes").mkdir(exist_ok=True)
    try:
        yield world, port
    finally:
        await agent.stop()


async def ask(state: Path, port: int, tool: str, *words: str, user: str = "reader", **keys: str) -> tuple[int, str]:
    """(exit status, all that was printed) of a net-snmp tool as a v3 user."""
    secrets = ("-a", "SHA", "-A", keys.get("auth", AUTH), "-x", "AES", "-X", keys.get("priv", PRIV))
    process = await asyncio.create_subprocess_exec(
        *(str(require_binary(tool)), "-v3", "-l", keys.get("level", "authPriv"), "-u", user, *secrets),
        *("-On", "-t", "2", "-r", "0", f"127.0.0.1:{port}", *words),
        env={**os.environ, "MIBS": "", "SNMP_PERSISTENT_DIR": str(state)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out, _ = await process.communicate()
    return process.returncode or 0, out.decode()


async def test_v3_users_read_write_and_see_what_their_views_allow(tmp_path: Path) -> None:
    async with switch(tmp_path) as (world, port):
        assert await ask(tmp_path, port, "snmpget", SYS_NAME) == (0, f'.{SYS_NAME} = STRING: "sw1"\n')
        status, said = await ask(tmp_path, port, "snmpset", f"{ADMIN}.3", "i", "2")
        assert (status, "noAccess" in said, world.switch.ports[3].admin) == (2, True, 1)
        assert (await ask(tmp_path, port, "snmpset", f"{ADMIN}.3", "i", "2", user="operator"))[0] == 0
        assert world.switch.ports[3].admin == 2
        assert "No Such" in (await ask(tmp_path, port, "snmpget", SYS_NAME, user="narrow"))[1]
        assert (await ask(tmp_path, port, "snmpget", f"{ADMIN}.3", user="narrow"))[1].endswith("INTEGER: 2\n")


@pytest.mark.parametrize(
    ("keys", "complaint"),
    [
        ({"user": "nobody"}, "Unknown user name"),
        ({"auth": "another phrase"}, "Authentication failure"),
        ({"level": "authNoPriv"}, "Unsupported security level"),
    ],
)
async def test_a_wrong_user_or_phrase_is_told_in_usm_s_words(
    tmp_path: Path, keys: dict[str, str], complaint: str
) -> None:
    async with switch(tmp_path) as (_, port):
        status, said = await ask(tmp_path, port, "snmpget", SYS_NAME, **keys)
    assert status != 0
    assert complaint in said


@pytest.mark.parametrize(
    "options",
    [{"snmp_version": "3"}, {"switch_profile": "tp-link"}, {"snmp_version": "3", "switch_profile": "tp-link"}],
)
async def test_the_product_reads_and_cycles_ports_of_every_kind_of_switch(
    tmp_path: Path, options: dict[str, Any]
) -> None:
    async with start_lab(ssh=False, catalogue=False, **options) as demo:
        lab = build_lab(load_config(str(demo.write_config(tmp_path / "config.toml"))))
        try:
            (_, reading), *_ = (await lab.read(("switches",))).switches
            assert reading.value is not None, reading.problem
            ports = {port.ref.port: port for port in reading.value.ports}
            assert [ports[number].detection for number in (1, 2, 3, 4, 5)] == [Detection.DELIVERING] * 5
            watts = [port.power_mw for port in ports.values() if port.power_mw]
            assert len(watts) == 5
            assert all(5_000 < power < 9_000 for power in watts)
            (source,) = lab.sources.switches
            await source.set_admin(ports[3].ref, on=False)
            assert demo.world.switch.ports[3].admin == 2
            await source.set_admin(ports[3].ref, on=True)
            assert demo.world.switch.ports[3].admin == 1
        finally:
            await lab.close()


@pytest.mark.parametrize("profile", ["netgear", "tp-link"])
async def test_the_mac_table_and_lldp_name_the_port_of_each_pi_while_it_is_up(tmp_path: Path, profile: str) -> None:
    clock = still_clock()
    async with start_lab(clock=clock, ssh=False, catalogue=False, switch_profile=profile) as demo:
        lab = build_lab(load_config(str(demo.write_config(tmp_path / "config.toml"))))
        try:
            (_, reading), *_ = (await lab.read(("switches",))).switches
            assert reading.value is not None, reading.problem
            nodes, offset = demo.world.nodes, 49152 if profile == "tp-link" else 0
            behind, said = dict(reading.value.mac_ports), dict(reading.value.neighbours)
            for number in (1, 2, 3, 4):
                assert behind[nodes[f"rpi0{number}"].mac] == number + offset
                assert behind[nodes[f"nuc0{number}"].mac] == 8 + offset
                assert said[number + offset] == f"rpi0{number}"
            assert [port.if_index for port in reading.value.ports] == [number + offset for number in range(1, 9)]
            demo.world.hang("rpi03")
            demo.world.set_port_admin(4, False)
            (source,) = lab.sources.switches

            async def known() -> tuple[set[str], set[str]]:
                topology = await source.read_topology()  # type: ignore[attr-defined]
                named = {name for name in nodes if nodes[name].mac in dict(topology.mac_ports)}
                return named & {"rpi03", "rpi04"}, {"rpi03", "rpi04"} & set(dict(topology.neighbours).values())

            # a link that goes down is forgotten at once, a machine that hangs when its entry is too old
            assert await known() == ({"rpi03"}, {"rpi03"})
            clock.advance(LLDP_TTL_S)
            assert await known() == ({"rpi03"}, set())
            clock.advance(MAC_AGEING_S - LLDP_TTL_S)
            assert await known() == (set(), set())
        finally:
            await lab.close()


async def test_a_tp_link_falls_silent_after_a_question_about_what_it_does_not_have() -> None:
    world, faults = World(Clock()), Faults()
    world.clock.freeze()
    agent = DemoSnmpAgent(world, faults, "reader", "writer", profile="tp-link")
    port = await agent.start()

    async def answers(*oid: str) -> bool:
        """Whether a GET gets an answer within half a second."""
        process = await asyncio.create_subprocess_exec(
            *(str(require_binary("snmpget")), "-v2c", "-c", "reader", "-t", "0.5", "-r", "0", f"127.0.0.1:{port}"),
            *oid,
            env={**os.environ, "MIBS": ""},
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        return await asyncio.wait_for(process.wait(), 10) == 0

    try:
        assert await answers("1.3.6.1.2.1.1.2.0")
        assert await answers("1.3.6.1.4.1.11863.6.56.1.1.2.1.1.99.1")  # no such column, but its own table
        assert not await answers("1.3.6.1.2.1.105.1.1.1.3.1.1")  # RFC 3621: it never heard of it
        assert not await answers("1.3.6.1.2.1.1.2.0")
        world.clock.advance(4.1)
        assert await answers("1.3.6.1.2.1.1.2.0")
    finally:
        await agent.stop()
