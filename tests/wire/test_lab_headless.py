"""The lab as a process: ready, told to stop, orphaned, and what is left of it."""

import asyncio
import os
import signal
import stat
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from homelab_tui.demo.secrets_on_disk import PREFIX, Scratch, sweep
from tests.labs import until

_LAB = """
import sys
from pathlib import Path
from homelab_tui.demo.headless import run_headless
sys.exit(run_headless(Path(sys.argv[1]), sys.argv[3:], int(sys.argv[2]) or None))
"""
_PARENT = """
import subprocess, sys, os, time
child = subprocess.Popen([sys.executable, "-c", sys.argv[2], sys.argv[1], str(os.getpid())])
print(child.pid, flush=True)
time.sleep(60)
"""


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A temporary directory of the test's own, so that other labs of this machine do not count."""
    path = tmp_path / "tmp"
    path.mkdir()
    monkeypatch.setenv("TMPDIR", str(path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return path


@asynccontextmanager
async def child(*arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process that is gone at the end of the block."""
    pipe = subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*arguments, stdout=pipe, stderr=pipe)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


def scratches(temporary: Path) -> list[Path]:
    """What labs have left in it."""
    return list(temporary.glob(f"{PREFIX}*"))


def ignores(pid: int, number: signal.Signals) -> bool:
    """Whether a process has asked the kernel to drop that signal."""
    status = Path(f"/proc/{pid}/status").read_text()
    return bool(int(status.split("SigIgn:")[1].split()[0], 16) & 1 << number - 1)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
async def test_a_signal_ends_it_and_nothing_is_left(temporary: Path, tmp_path: Path, number: signal.Signals) -> None:
    config = tmp_path / "lab.toml"
    async with child(sys.executable, "-c", _LAB, str(config), "0") as process:
        assert process.stdout is not None
        assert await asyncio.wait_for(process.stdout.readline(), 30) == b"ready\n"
        assert stat.S_IMODE(config.stat().st_mode) == 0o600
        (scratch,) = scratches(temporary)
        assert stat.S_IMODE(scratch.stat().st_mode) == 0o700
        loose = [
            path
            for path in scratch.rglob("*")
            if path.is_file() and path.suffix in ("", ".pem") and "home" in path.parts
        ]
        assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in loose)
        process.send_signal(number)
        assert await asyncio.wait_for(process.wait(), 5) == 0
        assert process.stderr is not None
        assert await process.stderr.read() == b""
    assert scratches(temporary) == []
    assert not config.exists()


async def test_nohup_keeps_it_when_the_terminal_is_closed(temporary: Path, tmp_path: Path) -> None:
    config = tmp_path / "lab.toml"
    lab = (sys.executable, "-c", _LAB, str(config), "0")
    async with child("/bin/sh", "-c", "trap '' HUP; exec \"$@\"", "sh", *lab) as process:
        assert process.stdout is not None
        await asyncio.wait_for(process.stdout.readline(), 30)
        assert ignores(process.pid, signal.SIGHUP)
        process.terminate()
        assert await asyncio.wait_for(process.wait(), 5) == 0


async def test_a_config_that_somebody_edited_is_theirs(temporary: Path, tmp_path: Path) -> None:
    config = tmp_path / "lab.toml"
    async with child(sys.executable, "-c", _LAB, str(config), "0") as process:
        assert process.stdout is not None
        await asyncio.wait_for(process.stdout.readline(), 30)
        config.write_text("mine")
        process.terminate()
        await asyncio.wait_for(process.wait(), 5)
    assert config.read_text() == "mine"


async def test_it_ends_when_its_parent_is_killed(temporary: Path, tmp_path: Path) -> None:
    config = tmp_path / "lab.toml"
    async with child(sys.executable, "-c", _PARENT, str(config), _LAB) as parent:
        assert parent.stdout is not None
        pid = int(await asyncio.wait_for(parent.stdout.readline(), 10))
        await until(config.exists, 30)
        parent.kill()

        def gone() -> bool:
            try:
                os.kill(pid, 0)
                return Path(f"/proc/{pid}/stat").read_text().split(") ")[1].startswith("Z")
            except (ProcessLookupError, FileNotFoundError):  # the second when it goes between the two questions
                return True

        await until(gone)
    await until(lambda: not scratches(temporary))


_DASHBOARD = """
import subprocess, sys, os, time
from homelab_tui.demo.secrets_on_disk import Scratch
scratch = Scratch()
(scratch.path / "state").mkdir()
(scratch.path / "state" / "journal.jsonl").write_text("{}")
config = str(scratch.path / "config.toml")
child = subprocess.Popen([sys.executable, "-c", sys.argv[1], config, str(os.getpid())], stdout=subprocess.PIPE)
if sys.argv[2] == "ready":
    child.stdout.readline()
print(scratch.path, flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("moment", ["ready", "starting"])
async def test_what_a_killed_dashboard_kept_is_removed_by_its_lab(temporary: Path, moment: str) -> None:
    async with child(sys.executable, "-c", _DASHBOARD, _LAB, moment) as dashboard:
        assert dashboard.stdout is not None
        kept = Path((await asyncio.wait_for(dashboard.stdout.readline(), 30)).decode().strip())
        await until(lambda: len(scratches(temporary)) == 2, 30)
        assert (kept / "state" / "journal.jsonl").exists()
        dashboard.kill()
        await until(lambda: not scratches(temporary), 30)


async def test_a_bad_fault_is_exit_2_with_the_grammar_and_no_trace(temporary: Path, tmp_path: Path) -> None:
    config = tmp_path / "lab.toml"
    async with child(sys.executable, "-c", _LAB, str(config), "0", "ssh:rpi99=hang") as process:
        out, error = await asyncio.wait_for(process.communicate(), 30)
    assert (process.returncode, out) == (2, b"")
    assert b"no target 'rpi99'" in error
    assert b"server[:target]=fault" in error
    assert not config.exists()
    assert scratches(temporary) == []


_SHORT_OF_PORTS = (
    """
import resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (24, 24))
"""
    + _LAB
)


async def test_a_lab_that_gets_no_more_sockets_is_exit_2_in_words_and_leaves_nothing(
    temporary: Path, tmp_path: Path
) -> None:
    config = tmp_path / "lab.toml"
    async with child(sys.executable, "-c", _SHORT_OF_PORTS, str(config), "0") as process:
        out, error = await asyncio.wait_for(process.communicate(), 60)
    assert (process.returncode, out) == (2, b"")
    assert error.startswith(b"homelab demo: the lab could not start: ")
    assert b"Traceback" not in error
    assert not config.exists()
    assert scratches(temporary) == []


async def test_the_config_names_every_server_in_the_contract_s_names(temporary: Path, tmp_path: Path) -> None:
    config = tmp_path / "lab.toml"
    async with child(sys.executable, "-c", _LAB, str(config), "0") as process:
        assert process.stdout is not None
        await asyncio.wait_for(process.stdout.readline(), 30)
        found = tomllib.loads(config.read_text())
    assert [node["name"] for node in found["nodes"]] == [f"{kind}0{i}" for kind in ("nuc", "rpi") for i in (1, 2, 3, 4)]
    assert [node["host"] for node in found["nodes"]] == ["nuc01", "nuc02", "nuc03", "nuc04", *["127.0.0.1"] * 4]
    assert found["nodes"][6]["poe"] == "sw1/3"
    assert [cluster["context"] for cluster in found["clusters"]] == ["kubernetes-admin@nuc", "kubernetes-admin@pi"]
    assert [entry["cluster"] for entry in found["prometheus"]] == ["nuc", "pi"]
    assert found["switches"][0]["protected_ports"] == ["1/8"]


def test_a_killed_lab_s_directory_is_swept_and_a_living_one_s_is_not(temporary: Path) -> None:
    living = Scratch()
    dead = temporary / f"{PREFIX}dead"
    dead.mkdir(mode=0o700)
    (dead / "lock").touch()
    (dead / "secret").write_text("x")
    stranger = temporary / f"{PREFIX}notes"
    stranger.mkdir()
    sweep()
    assert living.path.exists()
    assert not dead.exists()
    assert stranger.exists()
    living.remove()
    assert not living.path.exists()


def test_a_removal_that_was_cut_off_is_finished_by_the_next_lab(temporary: Path) -> None:
    scratch = Scratch()
    (scratch.path / "host_keys").mkdir()
    (scratch.path / "a_secret").write_text("x")
    (scratch.path / "z_link").symlink_to(temporary)
    seen: list[set[str]] = []

    def watch(event: str, arguments: tuple[object, ...]) -> None:
        if event in ("os.remove", "os.rmdir") and scratch.path.is_dir() and watching:
            seen.append({entry.name for entry in scratch.path.iterdir()})

    watching = True
    sys.addaudithook(watch)
    scratch.remove()
    watching = False
    assert seen
    assert all("lock" in names for names in seen[:-1])
    assert temporary.is_dir()
    assert not scratch.path.exists()
