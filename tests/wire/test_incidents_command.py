"""`homelab incidents` against the demo lab, as a script calls it."""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from homelab_tui.demo.lab import DemoLab


async def incidents(lab: DemoLab, directory: Path, *words: str) -> tuple[int, Any]:
    """Exit status and document of the command."""
    config = lab.write_config(directory / "config.toml")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "homelab_tui", "--config", str(config), "incidents", "--json", *words),
        env={**os.environ, "XDG_STATE_HOME": str(directory / "state")},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(), 30)
    assert out, err
    return process.returncode or 0, json.loads(out)


async def test_a_pi_that_browns_out_is_told_with_its_port_and_what_to_do(lab: DemoLab, tmp_path: Path) -> None:
    lab.world.set_throttled("rpi03", 0x50005)
    status, document = await incidents(lab, tmp_path)
    assert status == 0
    found = {one["key"]: one for one in document["incidents"]}
    pi = found["node:rpi03"]
    assert (pi["node"], pi["port"], pi["cures"][0]) == ("rpi03", "sw1/3", "homelab poe cycle rpi03")
    assert any("under-voltage" in evidence["text"] for evidence in pi["evidence"])
    assert found["cronjob:nuc/media/thumbnails"]["title"].startswith("nuc/media/thumbnails missed its schedule")
    assert found["recovered:pi"]["severity"] == "notice"
    assert any(key.startswith("unknown:SHA256:") for key in found)


@pytest.mark.parametrize(("fault", "status"), [("kubernetes:pi=503", 0), ("snmp=refuse", 3)])
async def test_a_source_that_is_away_is_in_the_list(lab: DemoLab, tmp_path: Path, fault: str, status: int) -> None:
    lab.faults.apply(fault)
    found_status, document = await incidents(lab, tmp_path)
    assert found_status == status
    key = "cluster:pi" if fault.startswith("kubernetes") else "switch:sw1"
    assert key in {one["key"] for one in document["incidents"]}
