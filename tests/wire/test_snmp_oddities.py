"""SnmpSwitch against agents that misbehave: it ends, it says what was odd, and it never guesses."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from pysnmp.proto.rfc1902 import Gauge32, Integer32, ObjectIdentifier, OctetString
from pysnmp.proto.rfc1905 import noSuchObject

from homelab_tui.config.model import SecretRef, SwitchConfig
from homelab_tui.domain.errors import (
    SourceGarbled,
    SourceMissing,
    SourceRefused,
    SourceTimeout,
    SourceUnreachable,
)
from homelab_tui.domain.poe import Detection, PortRef, budget_mw, drawn_mw
from homelab_tui.domain.values import replace
from homelab_tui.sources.snmp import SnmpSwitch
from homelab_tui.sources.snmp_engines import SnmpEngineHolder
from tests.snmp_agent import Agent, Oid, oid, running

POE = oid("1.3.6.1.2.1.105")
PORTS, MAIN = (*POE, 1, 1, 1), (*POE, 1, 3, 1, 1)
IF, IFX = oid("1.3.6.1.2.1.2.2.1"), oid("1.3.6.1.2.1.31.1.1.1")
NETGEAR, TP_LINK, MIKROTIK = oid("1.3.6.1.4.1.4526.100.4"), oid("1.3.6.1.4.1.11863.5.190"), oid("1.3.6.1.4.1.14988.2")
WATTS = oid("1.3.6.1.4.1.4526.10.15.1.1.1.2")
TP_TABLE, MTXR = oid("1.3.6.1.4.1.11863.6.56.1.1.2.1.1"), oid("1.3.6.1.4.1.14988.1.1.15.1.1")


def system(object_id: Oid) -> dict[Oid, Any]:
    return {
        oid("1.3.6.1.2.1.1.1.0"): OctetString(b"A switch\r\nof some kind"),
        oid("1.3.6.1.2.1.1.2.0"): ObjectIdentifier(object_id),
    }


def good_switch(count: int = 8) -> dict[Oid, Any]:
    """A Netgear: ports 1.. deliver, with watts, names and interfaces of the same numbers."""
    rows = system(NETGEAR)
    for number in range(1, count + 1):
        for column, value in {3: 1, 6: 3, 8: 0, 10: 5, 12: 1, 13: 2, 14: 3}.items():
            rows[(*PORTS, column, 1, number)] = Integer32(value)
        rows[(*WATTS, 1, number)] = Gauge32(1000 * number)
        rows[(*IF, 3, number)] = Integer32(6)
        rows[(*IF, 8, number)] = Integer32(1 if number % 2 else 2)
        rows[(*IFX, 1, number)] = OctetString(f"g{number}".encode())
        rows[(*IFX, 15, number)] = Gauge32(1000)
        rows[(*IFX, 18, number)] = OctetString(b"rpi01" if number == 1 else b"")
    for column, value in {2: 60, 3: 1, 4: 19, 5: 80}.items():
        rows[(*MAIN, column, 1)] = Gauge32(value)
    return rows


def config(agent: Agent, **changes: Any) -> SwitchConfig:
    public = SecretRef(inline="public")
    # Patient: a test that is about silence gives its own time-out.
    given = SwitchConfig(name="sw1", host="127.0.0.1", port=agent.port, community=public, timeout_s=20, retries=0)
    return replace(given, **changes)


@asynccontextmanager
async def switch_of(agent: Agent, **changes: Any) -> AsyncIterator[SnmpSwitch]:
    async with running(agent):
        switch = SnmpSwitch(config(agent, **changes))
        try:
            yield switch
        finally:
            await switch.close()


def roots_asked(agent: Agent) -> set[Oid]:
    return {name[:7] for _, name in agent.asked}


async def test_a_good_switch_is_read_in_full() -> None:
    async with switch_of(Agent(good_switch())) as switch:
        reading = await switch.read()
    assert reading.findings == ()
    assert (reading.name, reading.source, reading.model) == ("sw1", "snmp", "A switch")
    assert (budget_mw(reading), drawn_mw(reading)) == (60_000, 19_000)
    first, second = reading.ports[:2]
    assert (first.label, second.label) == ("rpi01", "g2"), "ifAlias, else ifName"
    assert (first.if_index, first.link_up, second.link_up, first.speed_mbps) == (1, True, False, 1000)
    assert [port.power_mw for port in reading.ports] == [1000 * number for number in range(1, 9)]
    assert (first.detection, first.power_class, first.denied_count) == (Detection.DELIVERING, 4, 1)


async def test_only_what_is_shown_is_asked_and_names_are_not_asked_again() -> None:
    agent = Agent(good_switch(48))
    async with switch_of(agent) as switch:
        await switch.read()
        columns = {name[len(PORTS)] for command, name in agent.asked if command == "bulk" and name[:10] == PORTS}
        assert columns == {3, 6, 8, 10, 12, 13, 14}
        first, agent.asked = len(agent.asked), []
        await switch.read()
    assert len(agent.asked) < first
    interfaces = {name[: len(IFX) + 1] for _, name in agent.asked if name[: len(IFX)] == IFX}
    assert interfaces == {(*IFX, 15)}, "the link's speed, and no names"
    assert {command for command, _ in agent.asked} == {"bulk"}


async def test_names_are_read_again_after_a_minute() -> None:
    now = 0.0
    agent = Agent(good_switch())
    async with running(agent):
        switch = SnmpSwitch(config(agent), monotonic=lambda: now)
        assert (await switch.read()).ports[0].label == "rpi01"
        agent.rows[(*IFX, 18, 1)] = OctetString(b"rpi02")
        assert (await switch.read()).ports[0].label == "rpi01"
        now = 61
        assert (await switch.read()).ports[0].label == "rpi02"
        await switch.close()


@pytest.mark.parametrize(("bulk", "word"), [("genErr", "genErr"), ("silent", "does not answer GETBULK")])
async def test_an_agent_without_getbulk_is_read_with_getnext(bulk: str, word: str) -> None:
    agent = Agent(good_switch(), bulk=bulk)
    async with switch_of(agent, timeout_s=0.3) as switch:
        reading = await switch.read()
        assert any(word in sentence for sentence in reading.findings)
        agent.asked = []
        again = await switch.read()
    assert again == reading
    assert len(reading.ports) == 8
    assert [port.power_mw for port in reading.ports] == [1000 * number for number in range(1, 9)]
    assert "bulk" not in {command for command, _ in agent.asked}


async def test_an_agent_that_finds_answers_too_big_is_asked_for_less() -> None:
    agent = Agent(good_switch(24), bulk="tooBig")
    async with switch_of(agent) as switch:
        reading = await switch.read()
    assert len(reading.ports) == 24
    assert reading.findings == ()
    assert "next" not in {command for command, _ in agent.asked}


async def test_an_agent_that_is_silent_on_many_rows_is_asked_for_few() -> None:
    agent = Agent(good_switch(24), bulk="silent above 5")
    async with switch_of(agent, timeout_s=0.3) as switch:
        reading = await switch.read()
    assert [port.power_mw for port in reading.ports] == [1000 * number for number in range(1, 25)]
    assert reading.findings == ()
    assert "next" not in {command for command, _ in agent.asked}


async def test_a_mac_table_that_is_not_told_in_time_is_asked_for_again_ever_more_rarely() -> None:
    now, bridge = 0.0, oid("1.3.6.1.2.1.17")
    agent = Agent(good_switch(), silent_below=(bridge,))
    async with running(agent):
        switch = SnmpSwitch(config(agent, timeout_s=0.2), monotonic=lambda: now)

        async def asks_at(moment: float) -> bool:
            nonlocal now
            now, agent.asked = moment, []
            agent.dropped = 0
            reading = await switch.read()
            assert any("MAC table" in finding for finding in reading.findings)
            return agent.dropped > 0

        assert [await asks_at(at) for at in (0, 59, 60, 179, 181, 420, 422)] == [
            True, False, True, False, True, False, True,
        ]  # fmt: skip
        await switch.close()


async def test_a_walk_ends_on_identifiers_that_go_round_in_circles() -> None:
    agent = Agent(good_switch(), next_of={(*PORTS, 3, 1, 5): (*PORTS, 3, 1, 2)})
    async with switch_of(agent) as switch:
        reading = await asyncio.wait_for(switch.read(), 20)
    assert any("circles" in sentence for sentence in reading.findings)
    assert len(reading.ports) == 8, "the other columns know the ports after the circle"
    assert reading.ports[7].admin_on is None


async def test_a_walk_survives_identifiers_that_do_not_increase() -> None:
    out_of_order = {
        (*PORTS, 3): (*PORTS, 3, 1, 3),
        (*PORTS, 3, 1, 3): (*PORTS, 3, 1, 1),
        (*PORTS, 3, 1, 2): (*PORTS, 3, 1, 4),
        (*PORTS, 3, 1, 1): (*PORTS, 3, 1, 2),
    }
    async with switch_of(Agent(good_switch(), next_of=out_of_order)) as switch:
        reading = await switch.read()
    assert [port.admin_on for port in reading.ports] == [True] * 8
    assert any("do not increase" in sentence for sentence in reading.findings)


async def test_rows_that_are_not_there_in_the_middle_of_a_walk_are_skipped() -> None:
    rows = good_switch()
    rows[(*PORTS, 6, 1, 3)] = noSuchObject
    rows[(*WATTS, 1, 4)] = noSuchObject
    async with switch_of(Agent(rows)) as switch:
        reading = await switch.read()
    assert len(reading.ports) == 8
    assert (reading.ports[2].detection, reading.ports[3].power_mw) == (None, None)
    assert reading.ports[4].detection is Detection.DELIVERING


async def test_values_of_another_type_than_the_mib_says_are_missing_values() -> None:
    rows = good_switch()
    rows[(*PORTS, 6, 1, 1)] = OctetString(b"deliveringPower")
    rows[(*WATTS, 1, 1)] = OctetString(b"4.2 W")
    rows[(*MAIN, 2, 1)] = OctetString(b"60")
    async with switch_of(Agent(rows)) as switch:
        reading = await switch.read()
    assert (reading.ports[0].detection, reading.ports[0].power_mw, budget_mw(reading)) == (None, None, None)


async def test_a_tp_link_is_never_asked_for_what_it_does_not_know() -> None:
    rows = system(TP_LINK)
    for number in range(1, 5):
        for column, value in {2: 1, 7: 64, 8: 125, 9: 527, 10: 4, 11: 2}.items():
            rows[(*TP_TABLE, column, number)] = Integer32(value)
        rows[(*IF, 3, 49152 + number)] = Integer32(6)
        rows[(*IFX, 1, 49152 + number)] = OctetString(f"gigabitEthernet 1/0/{number}".encode())
    rows[(*IF, 3, 1)] = Integer32(6)
    rows[(*IFX, 1, 1)] = OctetString(b"Vlan-interface1")
    agent = Agent(rows, silent_below=(POE, NETGEAR[:7], MTXR[:7]))
    async with switch_of(agent) as switch:
        reading = await switch.read()
    assert [(port.power_mw, port.if_index) for port in reading.ports] == [(6400, 49152 + n) for n in range(1, 5)]
    assert reading.findings == ()
    first = next(name for command, name in agent.asked if command == "bulk")
    assert first[: len(TP_TABLE)] == TP_TABLE


async def test_a_swos_switch_whose_rows_contradict_themselves_is_mapped_to_nothing() -> None:
    rows = system(MIKROTIK)
    for row in range(2, 6):
        rows[(*MTXR, 1, row)] = Integer32(row - 1)
        rows[(*MTXR, 2, row)] = OctetString(f"Port{row - 1}".encode())
        rows[(*MTXR, 3, row)] = Integer32(0 if row == 2 else 3)
        rows[(*MTXR, 6, row)] = Integer32(21)
    for index in range(1, 7):
        rows[(*IF, 3, index)] = Integer32(6)
        rows[(*IFX, 1, index)] = OctetString(f"Port{index}".encode())
    async with switch_of(Agent(rows)) as switch:
        reading = await switch.read()
    assert [(port.ref.port, port.if_index, port.label) for port in reading.ports] == [
        (number, None, None) for number in range(2, 6)
    ]
    assert [port.power_mw for port in reading.ports] == [2100] * 4
    assert reading.ports[0].detection is None
    assert any("another interface" in sentence for sentence in reading.findings)


async def test_ports_whose_interface_cannot_be_told_have_no_name_and_no_link() -> None:
    rows = good_switch(8)
    rows[(*IF, 3, 3)] = Integer32(53)
    async with switch_of(Agent(rows)) as switch:
        reading = await switch.read()
    assert {(port.if_index, port.label, port.link_up) for port in reading.ports} == {(None, None, None)}
    assert any("cannot be told for certain" in sentence for sentence in reading.findings)


async def test_who_is_behind_a_port_is_read_with_it() -> None:
    rows = good_switch()
    rows[oid("1.3.6.1.2.1.17.1.4.1.2.5")] = Integer32(5)
    rows[oid("1.3.6.1.2.1.17.7.1.2.2.1.2.1.220.166.50.0.0.1")] = Integer32(5)
    rows[oid("1.0.8802.1.1.2.1.3.7.1.3.2")] = OctetString(b"g2")
    rows[oid("1.0.8802.1.1.2.1.4.1.1.9.0.2.1")] = OctetString(b"rpi02")
    async with switch_of(Agent(rows)) as switch:
        reading = await switch.read()
        topology = await switch.read_topology()
    assert reading.mac_ports == topology.mac_ports == (("dc:a6:32:00:00:01", 5),)
    assert reading.neighbours == topology.neighbours == ((2, "rpi02"),)


async def test_an_agent_that_falls_silent_on_a_side_question_still_gives_its_ports() -> None:
    agent = Agent(good_switch(), silent_below=(oid("1.3.6.1.2.1.17"), IF))
    async with switch_of(agent, timeout_s=0.3) as switch:
        reading = await switch.read()
    assert [port.power_mw for port in reading.ports] == [1000 * number for number in range(1, 9)]
    assert any("not everything was read" in sentence for sentence in reading.findings)


async def test_names_outlive_a_lost_answer() -> None:
    agent = Agent(good_switch())
    async with switch_of(agent, timeout_s=0.3) as switch:
        before = (await switch.read()).ports[0]
        agent.silent_below = (IFX,)
        after = (await switch.read()).ports[0]
    assert (after.label, after.if_index) == (before.label, before.if_index) == ("rpi01", 1)
    assert (before.link_up, after.link_up) == (True, None)


async def test_another_box_under_the_same_address_is_noticed() -> None:
    now = 0.0
    agent = Agent(good_switch())
    async with running(agent):
        switch = SnmpSwitch(config(agent), monotonic=lambda: now)
        assert len((await switch.read()).ports) == 8
        agent.rows = system(TP_LINK) | {(*TP_TABLE, column, 1): Integer32(2) for column in (2, 7, 11)}
        now = 61
        reading = await switch.read()
        await switch.close()
    assert [port.power_mw for port in reading.ports] == [200]


async def test_silence_on_the_ports_themselves_is_an_error() -> None:
    async with switch_of(Agent(good_switch(), silent_below=(POE,)), timeout_s=0.3) as switch:
        with pytest.raises(SourceTimeout):
            await switch.read()


async def test_an_agent_that_answers_every_walk_with_an_error_is_no_switch_without_ports() -> None:
    agent = Agent(good_switch(), bulk="genErr", refuses_next=True)
    async with switch_of(agent) as switch:
        with pytest.raises(SourceGarbled, match="genErr"):
            await switch.read()


async def test_a_wrong_community_is_silence_and_the_message_says_what_that_means() -> None:
    async with switch_of(Agent(good_switch(), community="other"), timeout_s=0.3, retries=1) as switch:
        with pytest.raises(SourceTimeout) as caught:
            await switch.read()
    message = str(caught.value)
    assert "no answer" in message
    assert "wrong community" in message
    assert "public" not in message


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.0 400 Bad Request\r\n\r\n",
        b"\x30\x82\xff\xff\x02\x01\x01",
        b"\x00" * 60,
        b"\x30\x05\x02\x01\x01\x04\x00",
    ],
)
async def test_an_answer_that_is_no_snmp_is_called_so(raw: bytes, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        async with switch_of(Agent({}, raw=raw), timeout_s=0.3) as switch:
            with pytest.raises(SourceGarbled, match="not with SNMP"):
                await switch.read()
    assert caplog.records == []


async def test_a_switch_that_comes_back_is_read_again_with_the_secret_as_it_is_then(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SW1_COMMUNITY", "old")
    async with switch_of(Agent(good_switch()), timeout_s=0.3, community=SecretRef(env="SW1_COMMUNITY")) as switch:
        with pytest.raises(SourceTimeout):
            await switch.read()
        monkeypatch.setenv("SW1_COMMUNITY", "public")
        assert len((await switch.read()).ports) == 8


async def test_a_switch_is_read_over_ipv6() -> None:
    agent = Agent(good_switch())
    try:
        async with running(agent, "::1"):
            switch = SnmpSwitch(config(agent, host="::1"))
            assert len((await switch.read()).ports) == 8
            await switch.close()
    except OSError as error:
        pytest.skip(f"this machine has no IPv6 loopback ({error.strerror})")


async def test_a_reading_that_is_given_up_leaves_nothing_behind() -> None:
    agent = Agent(good_switch(), community="other")
    async with switch_of(agent, timeout_s=30) as switch:
        waiting = asyncio.create_task(switch.read())
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(waiting, 0.5)
        agent.community = "public"
        assert len((await switch.read()).ports) == 8


async def test_a_host_that_is_no_name_is_unreachable() -> None:
    switch = SnmpSwitch(SwitchConfig(name="sw1", host="no-such-host.invalid", community=SecretRef(inline="x")))
    with pytest.raises(SourceUnreachable, match="is not known"):
        await switch.read()
    await switch.close()


async def test_without_a_community_nothing_is_sent() -> None:
    agent = Agent(good_switch())
    async with switch_of(agent, community=None) as switch:
        with pytest.raises(SourceRefused, match="community is not configured"):
            await switch.read()
    assert agent.asked == []


async def test_switches_share_an_engine_until_the_last_one_is_closed() -> None:
    engines = SnmpEngineHolder()
    agents = [Agent(good_switch()), Agent(good_switch(4)), Agent({}, community="other")]
    async with running(agents[0]), running(agents[1]), running(agents[2]):
        patience_s = (20, 20, 0.5)  # the last one stays silent
        switches = [
            SnmpSwitch(config(agent, name=f"sw{n}", timeout_s=patience_s[n]), engines) for n, agent in enumerate(agents)
        ]
        results = await asyncio.gather(*(switch.read() for switch in switches), return_exceptions=True)
        assert [len(result.ports) for result in results[:2] if not isinstance(result, BaseException)] == [8, 4]
        assert isinstance(results[2], SourceTimeout)
        await switches[0].close()
        await switches[0].close()
        assert len((await switches[1].read()).ports) == 4
        await switches[1].close()
        await switches[2].close()


def admin(number: int) -> Oid:
    return (*PORTS, 3, 1, number)


async def test_a_port_is_switched_with_the_write_community_alone() -> None:
    agent = Agent(good_switch(), writable={admin(2)})
    async with switch_of(agent, write_community=SecretRef(inline="public")) as switch:
        await switch.set_admin(PortRef("sw1", 1, 2), on=False)
        assert int(agent.rows[admin(2)]) == 2
        assert (await switch.read()).ports[1].admin_on is False
        await switch.set_admin(PortRef("sw1", 1, 2), on=True)
        assert int(agent.rows[admin(2)]) == 1
    assert [name for command, name in agent.asked if command == "set"] == [admin(2), admin(2)]


async def test_without_a_write_community_nothing_is_asked() -> None:
    agent = Agent(good_switch(), writable={admin(2)})
    async with switch_of(agent) as switch:
        with pytest.raises(SourceRefused, match="write_community is not configured"):
            await switch.set_admin(PortRef("sw1", 1, 2), on=False)
    assert agent.asked == []


@pytest.mark.parametrize("ref", [PortRef("sw1", 1, 99), PortRef("sw1", 2, 2), PortRef("sw2", 1, 2)])
async def test_a_port_that_the_switch_does_not_have_is_missing(ref: PortRef) -> None:
    agent = Agent(good_switch())
    async with switch_of(agent, write_community=SecretRef(inline="public")) as switch:
        with pytest.raises(SourceMissing, match=str(ref)):
            await switch.set_admin(ref, on=False)
    assert "set" not in {command for command, _ in agent.asked}


async def test_an_answer_without_an_error_and_without_effect_is_a_refusal() -> None:
    agent = Agent(good_switch(), ignores_writes=True)
    async with switch_of(agent, write_community=SecretRef(inline="public")) as switch:
        with pytest.raises(SourceRefused, match="nothing was switched"):
            await switch.set_admin(PortRef("sw1", 1, 2), on=False)


async def test_a_port_that_may_not_be_written_is_refused_with_what_to_do() -> None:
    async with switch_of(Agent(good_switch()), write_community=SecretRef(inline="public")) as switch:
        with pytest.raises(SourceRefused, match=r"notWritable.*write access"):
            await switch.set_admin(PortRef("sw1", 1, 2), on=False)


async def test_a_wrong_write_community_leaves_it_open_whether_it_happened() -> None:
    async with switch_of(Agent(good_switch()), timeout_s=0.3, write_community=SecretRef(inline="s3cret")) as switch:
        with pytest.raises(SourceTimeout, match="not known") as caught:
            await switch.set_admin(PortRef("sw1", 1, 2), on=False)
    assert "s3cret" not in str(caught.value)


async def test_a_tp_link_port_is_switched_through_its_own_table() -> None:
    status = (*TP_TABLE, 2, 3)
    rows = system(TP_LINK) | {(*TP_TABLE, 2, number): Integer32(1) for number in range(1, 5)}
    agent = Agent(rows, writable={status}, silent_below=(POE,))
    async with switch_of(agent, write_community=SecretRef(inline="public")) as switch:
        await switch.set_admin(PortRef("sw1", 1, 3), on=False)
        assert int(agent.rows[status]) == 0
        with pytest.raises(SourceMissing):
            await switch.set_admin(PortRef("sw1", 2, 3), on=False)


async def test_a_mikrotik_port_cannot_be_switched_over_snmp_and_the_message_says_how_else() -> None:
    rows = system(MIKROTIK) | {(*MTXR, 3, 5): Integer32(3), (*MTXR, 6, 5): Integer32(21)}
    agent = Agent(rows)
    async with switch_of(agent, write_community=SecretRef(inline="public")) as switch:
        with pytest.raises(SourceRefused, match="routeros"):
            await switch.set_admin(PortRef("sw1", 1, 5), on=False)
    assert "set" not in {command for command, _ in agent.asked}
