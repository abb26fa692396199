"""Leaving: by the key, by a signal, by a closed terminal. The terminal is restored and nobody waits."""

import asyncio
import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from homelab_tui.demo.faults import EVERY
from homelab_tui.demo.lab import DemoLab
from tests.labs import PATIENCE_S, until

ALTERNATE_ON, ALTERNATE_OFF = b"\x1b[?1049h", b"\x1b[?1049l"
MODES = {"mouse": b"\x1b[?1000", "paste in brackets": b"\x1b[?2004", "focus reports": b"\x1b[?1004"}


class Process:
    """The dashboard in a pseudo-terminal of its own."""

    def __init__(self, config: Path, state: Path, *leader: str) -> None:
        """`leader`: what starts it in its place, and is told instead of it."""
        self.master, slave = pty.openpty()
        self.modes_before = termios.tcgetattr(slave)
        self.name = os.ttyname(slave)
        env = {**os.environ, "XDG_STATE_HOME": str(state), "TERM": "xterm-256color", "COLUMNS": "120", "LINES": "40"}
        # A session of its own, led by the dashboard: the kernel tells it when its terminal is closed.
        command = ["setsid", "--ctty", *leader, sys.executable, "-m", "homelab_tui", "--config", str(config)]
        self.process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, env=env)
        os.close(slave)
        self.seen = b""

    def read_until(self, text: bytes, timeout_s: float = PATIENCE_S) -> None:
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
        while self._read(0.2):  # a terminal hands out a page at a time: what is left may be more than one
            pass
        return self.process.returncode

    @contextmanager
    def other_writer(self) -> Iterator[select.poll]:
        """Tells whether the terminal would take what somebody else writes."""
        descriptor = os.open(self.name, os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK)
        try:
            room = select.poll()
            room.register(descriptor, select.POLLOUT)
            yield room
        finally:
            os.close(descriptor)

    def close_terminal(self) -> None:
        """As closing the window does, or a connection that breaks."""
        os.close(self.master)
        self.master = -1

    def _read(self, timeout_s: float) -> bool:
        """Whether something came."""
        ready, _, _ = select.select([self.master], [], [], timeout_s)
        if not ready:
            return False
        try:
            came = os.read(self.master, 65536)
        except OSError:
            time.sleep(0.01)  # the other side is closed: nothing more will come
            return False
        self.seen += came
        return bool(came)

    def close(self) -> None:
        """End it, whatever state it is in."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)  # it leads a session, and with it a group of its own
        self.process.wait()
        if self.master >= 0:
            os.close(self.master)


@pytest.fixture
def dashboard(lab: DemoLab, tmp_path: Path) -> Iterator[Process]:
    """The dashboard, painted."""
    config = lab.write_config(tmp_path / "config.toml")
    process = Process(config, tmp_path / "state")
    try:
        yield process
    finally:
        process.close()


async def in_thread_until(process: Process, text: bytes) -> None:
    """The lab lives in this loop: read the pty beside it."""
    await asyncio.to_thread(process.read_until, text)


async def ended(process: Process, seconds: float) -> int:
    """The exit status, the lab running meanwhile."""
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
    assert await ended(dashboard, PATIENCE_S) == 0  # the imports have the processor; `make bench` times it
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


async def test_a_closed_terminal_ends_it(dashboard: Process) -> None:
    await in_thread_until(dashboard, b"nuc01")
    dashboard.close_terminal()
    assert await asyncio.to_thread(dashboard.process.wait, 10) == 128 + signal.SIGHUP


async def test_a_closed_terminal_ends_it_though_whoever_started_it_keeps_that_to_itself(
    lab: DemoLab, tmp_path: Path
) -> None:
    """As `make` does: it is the session's leader, hears of it, and waits for what it has started."""
    keeps_it = ("sh", "-c", 'trap : HUP; "$@"; exit $?', "sh")
    dashboard = Process(lab.write_config(tmp_path / "config.toml"), tmp_path / "state", *keeps_it)
    try:
        await in_thread_until(dashboard, b"nuc01")
        dashboard.close_terminal()
        assert await asyncio.to_thread(dashboard.process.wait, 10) == 128 + signal.SIGHUP
    finally:
        dashboard.close()


async def test_a_closed_terminal_leaves_no_port_switched_off(lab: DemoLab, dashboard: Process) -> None:
    port = lab.world.switch.ports[3]
    await in_thread_until(dashboard, b"delivering")
    os.write(dashboard.master, b"\x1b[B" * 6 + b"c")
    await in_thread_until(dashboard, b"Power-cycle rpi03")
    os.write(dashboard.master, b"\x1b[C\r")
    await until(lambda: port.admin == 2, 20)
    dashboard.close_terminal()
    assert await asyncio.to_thread(dashboard.process.wait, 20) == 128 + signal.SIGHUP
    assert port.admin == 1


async def test_a_second_signal_says_what_is_still_going(lab: DemoLab, dashboard: Process) -> None:
    port = lab.world.switch.ports[3]
    await in_thread_until(dashboard, b"delivering")
    os.write(dashboard.master, b"\x1b[B" * 6 + b"c")
    await in_thread_until(dashboard, b"Power-cycle rpi03")
    os.write(dashboard.master, b"\x1b[C\r")
    await until(lambda: port.admin == 2)
    lab.faults.apply("snmp=hang")
    dashboard.process.terminate()
    await in_thread_until(dashboard, b"half-way: poe.cycle sw1/3")
    dashboard.seen = b""
    dashboard.process.terminate()
    await in_thread_until(dashboard, b"half-way: poe.cycle sw1/3: ")
    lab.faults.set("snmp", EVERY, None)
    assert await ended(dashboard, PATIENCE_S) == 128 + signal.SIGTERM
    assert port.admin == 1


async def test_a_terminal_that_stands_still_does_not_hold_it(dashboard: Process) -> None:
    await in_thread_until(dashboard, b"nuc01")
    with dashboard.other_writer() as terminal:

        def takes_no_more() -> bool:
            if terminal.poll(0):
                os.write(dashboard.master, b"?\x1b")
                return False
            return True

        await until(takes_no_more, 60)
    os.write(dashboard.master, b"123" * 40)  # more than any queue on the way holds
    dashboard.process.terminate()
    assert await asyncio.to_thread(dashboard.process.wait, 20) == 128 + signal.SIGTERM


async def test_ctrl_c_does_not_leave_by_accident(dashboard: Process) -> None:
    await in_thread_until(dashboard, b"nuc01")
    os.write(dashboard.master, b"\x03")
    os.write(dashboard.master, b"3")
    await in_thread_until(dashboard, b"migrate-0042")
    assert dashboard.process.poll() is None


async def test_without_a_terminal_it_says_so_and_exits_2(lab: DemoLab, tmp_path: Path) -> None:
    config = lab.write_config(tmp_path / "config.toml")
    command = [sys.executable, "-m", "homelab_tui", "--config", str(config)]
    done = await asyncio.to_thread(
        subprocess.run, command, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=30
    )
    assert done.returncode == 2
    assert b"terminal" in done.stderr
