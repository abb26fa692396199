"""`homelab jobs logs` on the demo lab: as it stands, of a container, followed to the end, into a private file."""

import asyncio
import json
import stat
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from homelab_tui.cli import main
from homelab_tui.demo.lab import DemoLab
from tests.labs import start_lab

Run = Callable[..., Awaitable[tuple[int, str, str]]]
LINES = "applying 0042_index_events\nERROR: canceling statement due to lock timeout\n"


@pytest.fixture
def homelab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Run]:
    """Give it a lab, and it runs `homelab jobs …`: status, stdout, stderr."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))

    def of(lab: DemoLab) -> Run:
        path = tmp_path / "lab.toml"
        lab.write_config(path)

        async def run(*argv: str) -> tuple[int, str, str]:
            capsys.readouterr()
            status = await asyncio.to_thread(main, ["--config", str(path), "jobs", *argv])
            return status, *capsys.readouterr()

        return run

    return of


async def test_a_log_of_a_container_its_end_and_what_is_not_there(homelab: Callable[..., Run]) -> None:
    async with start_lab(ssh=False, snmp=False) as lab:
        run = homelab(lab)
        assert (await run("logs", "db/migrate-0042"))[:2] == (0, LINES)
        assert (await run("logs", "db/migrate-0042", "--tail", "1"))[:2] == (0, LINES.splitlines(keepends=True)[1])
        assert (await run("logs", "db/migrate-0042", "--container", "db-migrate"))[:2] == (0, LINES)
        status, out, err = await run("logs", "db/migrate-0042", "--container", "sidecar")
        assert (status, out) == (2, "")
        assert "there are: migrate-0042-" in err
        status, _, err = await run("logs", "db/migrate-0042", "--previous")
        assert status == 2
        assert "there is no such log" in err


async def test_a_log_is_written_to_a_new_private_file_and_to_no_other(
    homelab: Callable[..., Run], tmp_path: Path
) -> None:
    target = tmp_path / "why.log"
    async with start_lab(ssh=False, snmp=False) as lab:
        run = homelab(lab)
        status, out, err = await run("logs", "db/migrate-0042", "--output", str(target))
        assert (status, out) == (0, "")
        assert f"writing to {target}" in err
        assert target.read_text() == LINES
        assert stat.S_IMODE(target.stat().st_mode) == 0o600
        target.write_text("precious")
        status, _, err = await run("logs", "db/migrate-0042", "--output", str(target))
        assert status == 2
        assert "is there already, and is not overwritten" in err
        assert target.read_text() == "precious"
        other = tmp_path / "other.log"
        assert (await run("logs", "db/nothing", "--output", str(other)))[0] == 1
        assert not other.exists(), "nothing to write makes no file"


async def test_a_run_is_followed_to_its_end_and_the_status_is_how_it_ended(homelab: Callable[..., Run]) -> None:
    async with start_lab(ssh=False, snmp=False) as lab:
        run = homelab(lab)
        started = await run("trigger", "monitoring/heartbeat", "--yes", "--json")
        name = json.loads(started[1])["results"][0]["created"]
        status, out, _ = await run("logs", f"monitoring/{name}", "--follow")
        lines = out.splitlines()
        assert status == 0
        assert lines[0].startswith(f"── {name}-")
        assert lines[1:] == ["heartbeat: started", "heartbeat: done", f"── nuc/monitoring/{name} is complete ──"]
        status, out, _ = await run("logs", "db/migrate-0042", "--follow")
        assert status == 1
        assert out.splitlines()[-1] == "── nuc/db/migrate-0042 failed: BackoffLimitExceeded ──"


@pytest.mark.parametrize(
    "options",
    [
        ("--follow", "--json"),
        ("--follow", "--previous"),
        ("--follow", "--container", "c"),
        ("--output", "never-made.log", "--json"),
    ],
)
async def test_what_does_not_go_together_is_bad_usage(options: tuple[str, ...], homelab: Callable[..., Run]) -> None:
    async with start_lab(ssh=False, snmp=False) as lab:
        assert (await homelab(lab)("logs", "db/migrate-0042", *options))[0] == 2
