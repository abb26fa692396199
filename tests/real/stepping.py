"""A node that stops before a step of ours: programs in front of the real ones, which wait until a test goes on.

What runs on the node is a shell script, so every program that it calls is a step. Each call is noted before it is
done; the one that a test has named waits at a gate (a FIFO), and everything that happens then happens in between.
"""

import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from tests.real.administered_sshd import AdministeredSshd
from tests.real.sshd import Account

_SHIM = r"""#!/bin/sh
d=@DIRECTORY; name=${0##*/}
exec 8>>"$d/lock"; /usr/bin/flock 8
printf '%s %s\n' "$name" "$(printf %s "$*" | tr '\n' ' ')" >>"$d/log"
n=$(/usr/bin/grep -c "^$name " "$d/log")
exec 8>&-
if [ "$(/bin/cat "$d/stop")" = "$name $n" ]; then : >"$d/reached"; /bin/cat "$d/gate" >/dev/null; fi
@THEN
"""
WAIT_S = 30.0


@dataclass(frozen=True)
class Step:
    """The nth call of a program."""

    program: str
    nth: int

    def __str__(self) -> str:
        return f"{self.program} {self.nth}"


class Steps:
    """The gate of one node."""

    def __init__(self, directory: Path, programs: tuple[str, ...], signs: tuple[str, ...] = ()) -> None:
        """`programs` are what may be stopped before; `signs` are steps without a program: calling them does nothing."""
        self.directory = directory
        self.bin = directory / "bin"
        self.bin.mkdir(parents=True)
        directory.chmod(0o755)
        for name in ("log", "lock", "stop"):
            (directory / name).touch()
            (directory / name).chmod(0o666)
        os.mkfifo(directory / "gate")
        (directory / "gate").chmod(0o644)
        directory.chmod(0o777)  # the mark that it was reached is made by the node's user
        for name in programs:
            real = shutil.which(name, path="/usr/bin:/bin:/usr/sbin:/sbin")
            assert real is not None, name
            self._write(name, f'exec {real} "$@"')
        for name in signs:
            self._write(name, "exit 0")

    def replace(self, name: str, then: str) -> None:
        """A program that does something else once its step is over."""
        self._write(name, then)

    def stop_before(self, step: Step) -> None:
        """From now on the node waits there; calls are counted anew."""
        self.forget()
        (self.directory / "stop").write_text(str(step))

    def forget(self) -> None:
        """No step stops anything; calls are counted anew."""
        (self.directory / "stop").write_text("")
        (self.directory / "log").write_text("")
        (self.directory / "reached").unlink(missing_ok=True)

    def is_reached(self) -> bool:
        """Whether the node waits."""
        return (self.directory / "reached").exists()

    def wait_until_reached(self) -> None:
        """Returns as soon as the node waits. Raises AssertionError when it never does."""
        end = time.monotonic() + WAIT_S
        while not self.is_reached():
            assert time.monotonic() < end, f"the step was never reached: {self.taken()}"
            time.sleep(0.01)

    def go_on(self) -> None:
        """Opens the gate for whoever waits there, and for nobody after."""
        end = time.monotonic() + WAIT_S
        while True:
            try:
                os.close(os.open(self.directory / "gate", os.O_WRONLY | os.O_NONBLOCK))
                return
            except OSError:  # ENXIO: it has said that it waits, and has not come to do it
                assert time.monotonic() < end, "nobody waits at the gate"
                time.sleep(0.01)

    def taken(self) -> list[str]:
        """Every call so far, with its arguments."""
        return (self.directory / "log").read_text(errors="replace").splitlines()

    def _write(self, name: str, then: str) -> None:
        path = self.bin / name
        path.write_text(_SHIM.replace("@DIRECTORY", str(self.directory)).replace("@THEN", then))
        path.chmod(0o755)


def walk_in_steps(account: Account, steps: Steps) -> None:
    """The account's commands meet the steps. bash reads this file for a command over SSH, too."""
    account.write(
        ".bashrc",
        f'PATH={steps.bin}:$PATH; export PATH\n[ -z "$BASH_EXECUTION_STRING" ] || exec-seen "$BASH_EXECUTION_STRING"\n'
        'case $BASH_EXECUTION_STRING in "echo homelab-proof"*) proof-begins;; esac\n'.encode(),
    )


def become_root_in_steps(server: AdministeredSshd, account: Account, steps: Steps) -> None:
    """What the account does as root meets the steps too: sudo gives root a PATH of its own."""
    server.let_become_root(account)
    path = f"{steps.bin}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    defaults = server.sudoers / "10-path"
    defaults.write_text(f'Defaults secure_path="{path}"\n')
    defaults.chmod(0o440)


class Timer:
    """The rollback's `sleep`, which ends when a test says so. Other sleeps are what they always were."""

    def __init__(self, steps: Steps, seconds: int) -> None:
        self._fifo = steps.directory / "timer"
        self._steps = steps
        self._seconds = seconds
        os.mkfifo(self._fifo)
        program = shutil.which("sleep")
        steps.replace(
            "sleep",
            f'[ "$1" = {seconds} ] || exec {program} "$@"\n: >{self._fifo}.set\nexec cat {self._fifo} >/dev/null',
        )

    @property
    def is_set(self) -> bool:
        """Whether the node has begun to wait."""
        return self._fifo.with_name("timer.set").exists()

    def fire(self) -> None:
        """The time is over."""
        end = time.monotonic() + WAIT_S
        while True:
            try:
                os.close(os.open(self._fifo, os.O_WRONLY | os.O_NONBLOCK))
                return
            except OSError:
                assert time.monotonic() < end, "no timer runs"
                time.sleep(0.01)
