"""The lab's PoE switch, asked by net-snmp's own tools."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from homelab_tui.demo.faults import FAULTS, Faults
from homelab_tui.demo.snmp import DemoSnmpAgent
from homelab_tui.demo.world import World
from tests.servers import require_binary
from tests.wire.ssh_lab import PI, accepts, ssh_lab, until

READ, WRITE = "read-only", "read-write"
POE = "1.3.6.1.2.1.105"
ADMIN, DETECTION = f"{POE}.1.1.1.3.1", f"{POE}.1.1.1.6.1"
WATTS = "1.3.6.1.4.1.4526.11.15.1.1.1.2.1"


@dataclass(frozen=True, slots=True)
class Switch:
    """A running agent and the tools to ask it."""

    world: World
    faults: Faults
    agent: DemoSnmpAgent
    port: int
    state: Path

    async def ask(self, tool: str, *arguments: str, community: str = READ, seconds: float = 5) -> tuple[int, str, str]:
        """(exit status, output, complaint) of snmpget, snmpset, snmpwalk, snmpbulkwalk..."""
        process = await asyncio.create_subprocess_exec(
            *(str(require_binary(tool)), "-v2c", "-c", community, "-On", "-t", str(seconds), "-r", "0"),
            *(f"127.0.0.1:{self.port}", *arguments),
            # Without a directory of its own the tool would write to /var/lib/snmp.
            env={**os.environ, "MIBS": "", "SNMP_PERSISTENT_DIR": str(self.state)},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate()
        return process.returncode or 0, out.decode(), err.decode()

    async def get(self, *oids: str) -> list[str]:
        """Values as the tool prints them ("INTEGER: 1")."""
        status, out, complaint = await self.ask("snmpget", *oids)
        assert status == 0, complaint
        return [line.partition(" = ")[2] for line in out.splitlines()]

    async def set(self, oid: str, kind: str, value: str, *more: str, community: str = WRITE) -> str:
        """ "" when it was set, else the agent's error and the OID it names."""
        status, out, complaint = await self.ask("snmpset", oid, kind, value, *more, community=community)
        assert (status == 0) == (complaint == ""), out
        reason = complaint.partition("Reason: ")[2].split("\n")[0].split(" ")[0]
        failed = complaint.partition("Failed object: ")[2].split("\n")[0]
        return f"{reason} {failed}".strip()


@asynccontextmanager
async def running_switch(world: World, faults: Faults, state: Path) -> AsyncIterator[Switch]:
    agent = DemoSnmpAgent(world, faults, READ, WRITE)
    port = await agent.start()
    (state / "cert_indexes").mkdir(exist_ok=True)
    try:
        yield Switch(world, faults, agent, port, state)
    finally:
        await agent.stop()


@pytest.fixture
async def switch(tmp_path: Path) -> AsyncIterator[Switch]:
    async with running_switch(World(boot_s=0.3, search_s=0.2), Faults(), tmp_path) as running:
        yield running


def oids(walk: str) -> list[tuple[int, ...]]:
    """The OIDs of a walk, in its order."""
    rows = (line.partition(" = ")[0] for line in walk.splitlines() if " = No more" not in line)
    return [tuple(map(int, row.strip(".").split("."))) for row in rows]


@pytest.mark.parametrize("tool", ["snmpwalk", "snmpbulkwalk"])
async def test_a_walk_of_everything_ends_and_is_in_order(switch: Switch, tool: str) -> None:
    status, out, complaint = await switch.ask(tool, ".1")
    assert (status, complaint) == (0, "")
    assert out.count("No more variables left") == 1
    found = oids(out)
    assert found == sorted(set(found))
    bridge_and_neighbours = 1 + 8 + 2 * (2 + 8 + 1) + 8 * 3 + 6 * 7
    assert len(found) == 7 + 1 + 8 * (11 + 5) + 8 * 12 + 4 + 8 * 5 + bridge_and_neighbours


async def test_getnext_and_getbulk_walk_the_same_rows_whatever_the_repetitions(switch: Switch) -> None:
    switch.world.clock.freeze()
    reference = (await switch.ask("snmpwalk", POE))[1]
    for repetitions in ("1", "7", "25", "200"):
        assert (await switch.ask("snmpbulkwalk", f"-Cr{repetitions}", POE))[1] == reference
    several = await switch.ask("snmpbulkget", "-Cn1", "-Cr3", "1.3.6.1.2.1.1.4", ADMIN, DETECTION)
    rows = [line.split(" = ")[0] for line in several[1].splitlines()]
    assert rows[0] == ".1.3.6.1.2.1.1.4.0"
    assert rows[1:] == [f".{base}.{port}" for port in (1, 2, 3) for base in (ADMIN, DETECTION)]


async def test_the_port_table_has_the_columns_of_rfc_3621_and_the_worlds_values(switch: Switch) -> None:
    switch.world.count_fault(3, overload=2, denied=1)
    out = (await switch.ask("snmpbulkwalk", f"{POE}.1.1"))[1]
    columns = sorted({oid[10] for oid in oids(out)})
    assert columns == list(range(3, 15))
    values = dict(line.split(" = ") for line in out.splitlines())
    entry = f".{POE}.1.1.1"
    for number, port in switch.world.switch.ports.items():
        assert values[f"{entry}.3.1.{number}"] == f"INTEGER: {port.admin}"
        assert values[f"{entry}.6.1.{number}"] == f"INTEGER: {port.detection}"
    # Class 4 is 5 on the wire; a port that feeds nothing has no class worth reading.
    assert [values[f"{entry}.10.1.{number}"] for number in (1, 5, 6)] == ["INTEGER: 5", "INTEGER: 4", "INTEGER: 1"]
    assert values[f"{entry}.13.1.3"] == "Counter32: 2"
    assert values[f"{entry}.12.1.3"] == "Counter32: 1"
    assert values[f"{entry}.14.1.3"] == "Counter32: 0"


async def test_the_main_table_sums_up_what_the_netgear_column_says_per_port(switch: Switch) -> None:
    switch.world.clock.freeze()
    main = await switch.get(*(f"{POE}.1.3.1.1.{column}.1" for column in (2, 3, 4, 5)))
    assert main[:2] == ["Gauge32: 60", "INTEGER: 1"]
    watts = await switch.get(*(f"{WATTS}.{number}" for number in range(1, 9)))
    drawn_mw = [int(value.removeprefix("Gauge32: ")) for value in watts]
    assert drawn_mw == [port.power_mw(switch.world.clock.now()) for port in switch.world.switch.ports.values()]
    assert [value > 0 for value in drawn_mw] == [True] * 5 + [False] * 3
    assert main[2] == f"Gauge32: {round(sum(drawn_mw) / 1000)}"


async def test_system_and_interfaces_name_the_switch_and_its_ports(switch: Switch) -> None:
    system = await switch.get(*(f"1.3.6.1.2.1.1.{number}.0" for number in (1, 2, 5)))
    assert system[0] == f'STRING: "{switch.world.switch.sys_descr}"'
    assert system[1].startswith("OID: .1.3.6.1.4.1.4526.100.")
    assert system[2] == 'STRING: "sw1"'
    first, up = [int((await switch.get("1.3.6.1.2.1.1.3.0"))[0].split("(")[1].split(")")[0]) for _ in range(2)]
    assert up >= first > 0
    alias = await switch.get("1.3.6.1.2.1.31.1.1.1.18.3", "1.3.6.1.2.1.31.1.1.1.1.3", "1.3.6.1.2.1.31.1.1.1.15.3")
    assert alias == ['STRING: "rpi03"', 'STRING: "g3"', "Gauge32: 1000"]
    operation = await switch.get("1.3.6.1.2.1.2.2.1.3.3", "1.3.6.1.2.1.2.2.1.8.3", "1.3.6.1.2.1.2.2.1.8.6")
    assert operation == ["INTEGER: 6", "INTEGER: 1", "INTEGER: 2"]


async def test_a_missing_instance_and_a_missing_object_are_told_apart(switch: Switch) -> None:
    values = await switch.get(f"{ADMIN}.1", f"{ADMIN}.99", "1.3.6.1.2.1.99.1.0", "1.3.6.1.2.1.1.1", f"{ADMIN}.1.1")
    assert values[0] == "INTEGER: 1"
    assert [value.split(" currently")[0].split(" available")[0] for value in values[1:]] == [
        "No Such Instance",
        "No Such Object",
        "No Such Instance",
        "No Such Instance",
    ]
    assert "past the end" in (await switch.ask("snmpgetnext", "1.3.6.1.6"))[1]


async def test_what_cannot_be_set_is_refused_with_the_right_error_and_changes_nothing(switch: Switch) -> None:
    before = (await switch.ask("snmpbulkwalk", ADMIN))[1]
    assert await switch.set(f"{ADMIN}.1", "i", "2", community=READ) == f"noAccess .{ADMIN}.1"
    assert await switch.set(f"{ADMIN}.1", "i", "3") == f"wrongValue .{ADMIN}.1"
    assert await switch.set(f"{ADMIN}.1", "i", "0") == f"wrongValue .{ADMIN}.1"
    assert await switch.set(f"{ADMIN}.1", "s", "2") == f"wrongType .{ADMIN}.1"
    assert await switch.set(f"{ADMIN}.1", "u", "2") == f"wrongType .{ADMIN}.1"
    assert await switch.set(f"{DETECTION}.1", "i", "3") == f"notWritable .{DETECTION}.1"
    assert await switch.set(f"{POE}.1.1.1.7.1.1", "i", "1") == f"notWritable .{POE}.1.1.1.7.1.1"
    assert await switch.set("1.3.6.1.2.1.1.5.0", "s", "mine") == "notWritable .1.3.6.1.2.1.1.5.0"
    assert await switch.set(f"{ADMIN}.99", "i", "2") == f"noCreation .{ADMIN}.99"
    # All or nothing: the first of both was right.
    assert await switch.set(f"{ADMIN}.1", "i", "2", f"{ADMIN}.2", "i", "9") == f"wrongValue .{ADMIN}.2"
    assert (await switch.ask("snmpbulkwalk", ADMIN))[1] == before
    assert all(port.delivers_power for port in switch.world.switch.ports.values() if port.device)


async def test_a_cycled_port_goes_off_then_searches_then_delivers(switch: Switch) -> None:
    # The world's own clock is stopped, so that no step can slip by between two questions.
    switch.world.clock.freeze()
    seen = [(await switch.get(f"{DETECTION}.2", f"{WATTS}.2"))[0]]
    for value in ("2", "1"):
        assert await switch.set(f"{ADMIN}.2", "i", value) == ""
        seen.append((await switch.get(f"{DETECTION}.2"))[0])
        assert (await switch.get(f"{ADMIN}.2", f"{WATTS}.2")) == [f"INTEGER: {value}", "Gauge32: 0"]
    switch.world.clock.advance(1)
    seen.append((await switch.get(f"{DETECTION}.2"))[0])
    assert seen == [f"INTEGER: {state}" for state in (3, 1, 2, 3)]
    assert (await switch.get("1.3.6.1.2.1.2.2.1.9.2"))[0] != (await switch.get("1.3.6.1.2.1.2.2.1.9.1"))[0]


async def test_a_power_cycle_by_snmp_takes_the_nodes_ssh_down_and_brings_it_back_booted_anew(tmp_path: Path) -> None:
    async with ssh_lab(tmp_path) as lab, running_switch(lab.world, lab.faults, tmp_path) as switch:
        read_boot_id = "cat $PROBE_ROOT/proc/sys/kernel/random/boot_id; cat $PROBE_ROOT/proc/uptime"
        before = (await lab.run(PI, read_boot_id)).text.split()
        assert await switch.set(f"{ADMIN}.1", "i", "2") == ""
        assert not accepts(lab.ports[PI])
        assert (await lab.ssh(PI, "true")).status == 255
        assert await switch.set(f"{ADMIN}.1", "i", "1") == ""
        assert not accepts(lab.ports[PI]), "power is not yet an operating system"
        await until(lambda: accepts(lab.ports[PI]), "the node answers again")
        after = (await lab.run(PI, read_boot_id)).text.split()
        assert after[0] != before[0]
        assert float(after[1]) < 60 < float(before[1])


async def test_a_wrong_community_hears_nothing(switch: Switch) -> None:
    for community in ("public", "", READ + "x", READ[:-1]):
        status, out, complaint = await switch.ask("snmpget", f"{ADMIN}.1", community=community, seconds=0.3)
        assert (status, out) == (1, "")
        assert complaint.startswith("Timeout: No Response")


@pytest.mark.parametrize("fault", ["refuse", "hang", "garbage", "reset", "partial", "401"])
async def test_a_mute_switch_answers_again_when_the_fault_is_over(switch: Switch, fault: str) -> None:
    switch.faults.set("snmp", "sw1", fault)
    await asyncio.sleep(0)
    status, out, _ = await switch.ask("snmpget", f"{ADMIN}.1", seconds=0.4)
    assert (status, out) == (1, "")
    switch.faults.set("snmp", "sw1", None)
    assert await switch.get(f"{ADMIN}.1") == ["INTEGER: 1"]


async def test_a_port_that_is_shut_and_opened_in_one_breath_still_answers(tmp_path: Path) -> None:
    for beats in range(6):
        async with running_switch(World(), Faults(), tmp_path) as switch:
            for fault in ("refuse", None, "refuse", None):
                switch.faults.set("snmp", "sw1", fault)
                for _ in range(beats):
                    await asyncio.sleep(0)
            # The first question may still reach the socket that is being closed; a client asks again.
            answers = [await switch.ask("snmpget", f"{ADMIN}.1", seconds=0.5) for _ in range(2)]
            assert answers[1][1] == f".{ADMIN}.1 = INTEGER: 1\n"


async def test_reset_carries_the_order_out_and_loses_the_answer(switch: Switch) -> None:
    switch.faults.set("snmp", "sw1", "reset")
    assert (await switch.ask("snmpset", f"{ADMIN}.1", "i", "2", community=WRITE, seconds=0.4))[0] == 1
    assert switch.world.switch.ports[1].admin == 2


async def test_slow_is_late_but_right(switch: Switch) -> None:
    switch.faults.set("snmp", "sw1", "slow")
    assert (await switch.ask("snmpget", f"{ADMIN}.1", seconds=0.5))[0] == 1
    assert await switch.get(f"{ADMIN}.1") == ["INTEGER: 1"]


async def test_403_reads_but_does_not_write(switch: Switch) -> None:
    switch.faults.set("snmp", "sw1", "403")
    assert await switch.get(f"{ADMIN}.1") == ["INTEGER: 1"]
    assert await switch.set(f"{ADMIN}.1", "i", "2") == f"noAccess .{ADMIN}.1"
    assert switch.world.switch.ports[1].admin == 1


@pytest.mark.parametrize("fault", ["500", "503", "429"])
async def test_a_general_error_is_answered_as_one(switch: Switch, fault: str) -> None:
    switch.faults.set("snmp", "sw1", fault)
    for tool, more in (("snmpget", ()), ("snmpset", ("i", "2"))):
        _, _, complaint = await switch.ask(tool, f"{ADMIN}.1", *more, community=WRITE)
        assert "genError" in complaint
    assert switch.world.switch.ports[1].admin == 1


def test_every_snmp_fault_of_the_lab_is_tried_here() -> None:
    tests = Path(__file__).read_text(encoding="utf-8")
    assert [fault for fault in FAULTS["snmp"] if f'"{fault}"' not in tests] == []


async def test_stopping_frees_the_port_and_can_be_done_twice(tmp_path: Path) -> None:
    async with running_switch(World(), Faults(), tmp_path) as switch:
        await switch.agent.stop()
        assert (await switch.ask("snmpget", f"{ADMIN}.1", seconds=0.3))[0] == 1
        await switch.agent.stop()
