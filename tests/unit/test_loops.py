"""Running a subcommand to its end: what a signal does to it."""

import signal
import subprocess
import sys

import pytest

WORK = """
import asyncio, os, sys
from homelab_tui.cli.loops import leave, run_to_end

async def work():
    try:
        os.kill(os.getpid(), int(sys.argv[1]))
        for _ in range(100):
            await asyncio.sleep(0)
        print("went on")
        return 7
    finally:
        print("cleaned up")

leave(run_to_end(work()))
"""


def result(number: signal.Signals, shell: str) -> tuple[int, list[str]]:
    """Exit status and words of a process that sends itself that signal, started by a line of shell."""
    command = ["/bin/sh", "-c", f'{shell}; exec "$@"', "sh", sys.executable, "-c", WORK, str(int(number))]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.stderr == ""
    return done.returncode, done.stdout.splitlines()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_cancels_it_in_order_and_is_the_exit_status(number: signal.Signals) -> None:
    assert result(number, ":") == (128 + number, ["cleaned up"])


def test_nohup_lets_it_go_on_when_the_terminal_is_closed() -> None:
    assert result(signal.SIGHUP, "trap '' HUP") == (7, ["went on", "cleaned up"])
