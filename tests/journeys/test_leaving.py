"""Leaving: by the key, by a signal, by a closed terminal. The terminal is restored and nobody waits."""

import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from homelab_tui.demo.lab import DemoLab

ALTERNATE_ON, ALTERNATE_OFF = b"\x1b[?1049h", b"\x1b[?1049l"
MODES = {"mouse": b"\x1b[?1000", "paste in brackets": b"\x1b[?2004", "focus reports": b"\x1b[?1004"}


class Process:
    """The dashboard in a pseudo-terminal of its own."""

    def __init__(self, config: Path, state: Path) -> None:
        self.master, slave = pty.openpty()
        self.modes_before = termios.tcgetattr(slave)
        env = {**os.environ, "XDG_STATE_HOME": str(state), "TERM": "xterm-256color", "COLUMNS": "120", "LINES": "40"}
        command = [sys.executable, "-m", "homelab_tui", "--config", str(config)]
        self.process = subprocess.Popen(
            command, stdin=slave, stdout=slave, stderr=slave, env=env, start_new_session=True
        )
        os.close(slave)
        self.seen = b""

    def read_until(self, text: bytes, timeout_s: float = 30.0) -> None:
        """Read the screen until the text was on it."""
        deadline = time.monotonic() + timeout_s
        while text not in self.seen:
            left_s = deadline - time.monotonic()
            assert left_s > 0, f"no {text!r}; last {self.seen[-300:]!r}"
            self._read(left_s)

    def ended_within(self, seconds: float) -> int:
        """The exit status, when the process ends in time."""
        deadline = time.monotonic() + seconds
        while self.process.poll() is None:
            assert time.monotonic() < deadline, "it does not leave"
            self._read(0.05)
        self._read(0.2)
        return self.process.returncode

    def _read(self, timeout_s: float) -> None:
        ready, _, _ = select.select([self.master], [], [], timeout_s)
        if ready:
            try:
                self.seen += os.read(self.master, 65536)
            except OSError:
                time.sleep(0.01)  # the other side is closed: nothing more will come

    def close(self) -> None:
        """End it, whatever state it is in."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


@pytest.fixture
def dashboard(lab: DemoLab, tmp_path: Path) -> Iterator[Process]:
    """The dashboard, painted."""
    config = lab.write_config(tmp_path / "config.toml")
    process = Process(config, tmp_path / "state")
    try:
        yield process
    finally:
        process.close()
        os.close(process.master)


async def in_thread_until(process: Process, text: bytes) -> None:
    """The lab lives in this loop: read the pty beside it."""
    import asyncio

    await asyncio.to_thread(process.read_until, text)


async def ended(process: Process, seconds: float) -> int:
    """The exit status, the lab running meanwhile."""
    import asyncio

    return await asyncio.to_thread(process.ended_within, seconds)


async def test_q_leaves_and_gives_the_terminal_back(dashboard: Process) -> None:
    await in_thread_until(dashboard, b"nuc01")
    os.write(dashboard.master, b"q")
    assert await ended(dashboard, 5.0) == 0
    assert dashboard.seen.rindex(ALTERNATE_OFF) > dashboard.seen.rindex(ALTERNATE_ON)


async def test_leaving_puts_back_every_mode_of_the_terminal(dashboard: Process) -> None:
    await in_thread_until(dashboard, b"nuc01")
    assert termios.tcgetattr(dashboard.master) != dashboard.modes_before, "keys are read one by one"
    os.write(dashboard.master, b"q")
    assert await ended(dashboard, 5.0) == 0
    assert termios.tcgetattr(dashboard.master) == dashboard.modes_before
    for name, mode in MODES.items():
        assert dashboard.seen.rindex(mode + b"l") > dashboard.seen.rindex(mode + b"h"), name


async def test_q_leaves_from_the_first_frame_on_while_the_rest_is_still_loading(dashboard: Process) -> None:
    await in_thread_until(dashboard, b"1 Nodes")
    os.write(dashboard.master, b"q")
    assert await ended(dashboard, 5.0) == 0
    assert dashboard.seen.rindex(ALTERNATE_OFF) > dashboard.seen.rindex(ALTERNATE_ON)
    assert b"Traceback" not in dashboard.seen


@pytest.mark.parametrize("fault", ["ssh=hang", "snmp=hang", "kubernetes=hang", "prometheus=hang"])
async def test_q_leaves_while_a_source_hangs(lab: DemoLab, dashboard: Process, fault: str) -> None:
    lab.faults.apply(fault)
    await in_thread_until(dashboard, b"nuc01")
    os.write(dashboard.master, b"q")
    assert await ended(dashboard, 5.0) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
async def test_a_signal_ends_it_in_order(dashboard: Process, number: signal.Signals) -> None:
    await in_thread_until(dashboard, b"nuc01")
    dashboard.process.send_signal(number)
    assert await ended(dashboard, 5.0) == 128 + number
    assert dashboard.seen.rindex(ALTERNATE_OFF) > dashboard.seen.rindex(ALTERNATE_ON)
    assert b"Traceback" not in dashboard.seen


async def test_ctrl_c_does_not_leave_by_accident(dashboard: Process) -> None:
    await in_thread_until(dashboard, b"nuc01")
    os.write(dashboard.master, b"\x03")
    os.write(dashboard.master, b"3")
    await in_thread_until(dashboard, b"migrate-0042")
    assert dashboard.process.poll() is None


async def test_without_a_terminal_it_says_so_and_exits_2(lab: DemoLab, tmp_path: Path) -> None:
    import asyncio

    config = lab.write_config(tmp_path / "config.toml")
    command = [sys.executable, "-m", "homelab_tui", "--config", str(config)]
    done = await asyncio.to_thread(
        subprocess.run, command, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=30
    )
    assert done.returncode == 2
    assert b"terminal" in done.stderr
