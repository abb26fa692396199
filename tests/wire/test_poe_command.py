"""`homelab poe` as a process of its own on the demo lab: ended in every way while a port is off."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from homelab_tui.demo.lab import DemoLab
from homelab_tui.engine.journal import Journal
from homelab_tui.engine.lab import SystemClock
from tests.labs import start_lab, until


class Command:
    """One run of the command on a lab, with a state directory of the test's own."""

    def __init__(self, lab: DemoLab, folder: Path, cycle_off: str = "30s") -> None:
        self.lab, self.folder = lab, folder
        self.config = folder / "lab.toml"
        lab.write_config(self.config)
        self.config.write_text(self.config.read_text() + f'\n[safety]\ncycle_off = "{cycle_off}"\n')
        self.environment = {**os.environ, "XDG_STATE_HOME": str(folder / "state")}

    async def start(self, *arguments: str) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "homelab_tui", "--config", str(self.config), *arguments),
            env=self.environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )

    async def run(self, *arguments: str) -> tuple[int | None, str, str]:
        process = await self.start(*arguments)
        out, told = await asyncio.wait_for(process.communicate(), 60)
        return process.returncode, out.decode(), told.decode()

    @property
    def is_off(self) -> bool:
        """What the switch itself says of rpi03's port."""
        return self.lab.world.switch.ports[3].admin == 2

    def unfinished(self) -> int:
        return len(Journal(self.folder / "state" / "homelab", SystemClock()).unfinished())


@pytest.fixture
async def command(tmp_path: Path) -> AsyncIterator[Command]:
    async with start_lab() as lab:
        yield Command(lab, tmp_path)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_a_command_that_is_ended_while_the_port_is_off_switches_it_on_first(
    command: Command, number: signal.Signals
) -> None:
    process = await command.start("poe", "cycle", "rpi03", "--yes")
    await until(lambda: command.is_off, 60)
    process.send_signal(number)
    _, told = await asyncio.wait_for(process.communicate(), 30)
    assert not command.is_off
    assert command.unfinished() == 0
    assert process.returncode != 0, "it did not do what it was told to"
    assert "Traceback" not in told.decode()


async def test_a_command_that_is_killed_while_the_port_is_off_is_told_of_by_the_next_one(command: Command) -> None:
    process = await command.start("poe", "cycle", "rpi03", "--yes")
    await until(lambda: command.is_off, 60)
    process.kill()
    await process.communicate()
    assert command.is_off
    status, out, told = await command.run("poe", "--json")
    assert status == 0
    assert "unfinished: poe.cycle on sw1/3" in told
    port = next(port for port in json.loads(out)["switches"][0]["ports"] if port["port"] == 3)
    assert (port["admin"], port["detection"], port["node"]) == ("off", "disabled", "rpi03")
    status, _, told = await command.run("poe", "on", "rpi03", "--yes")
    assert (status, command.is_off) == (0, False)


async def test_two_commands_within_a_minute_cycle_once(command: Command) -> None:
    quick = Command(command.lab, command.folder, cycle_off="1s")
    status, out, _ = await quick.run("poe", "cycle", "rpi03", "--yes", "--json")
    assert (status, json.loads(out)["results"][0]["ok"]) == (0, True)
    status, out, _ = await quick.run("poe", "cycle", "rpi03", "--yes", "--json")
    (result,) = json.loads(out)["results"]
    assert (status, result["ok"], result["changed"]) == (1, False, False)
    assert "wait" in result["detail"]


async def test_a_listing_tells_budget_room_and_findings(command: Command) -> None:
    status, out, told = await command.run("poe")
    assert status == 0
    assert "sw1:" in told
    assert "PoE+ HAT" in told
    assert "rpi03" in out
    status, out, _ = await command.run("poe", "--json")
    (switch,) = json.loads(out)["switches"]
    assert (status, switch["health"]["state"], switch["findings"]) == (0, "ok", [])
    assert {port["node"] for port in switch["ports"] if port["node"]} == {f"rpi0{n}" for n in range(1, 5)}
