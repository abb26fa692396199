"""kill -9 in the middle of a hardening: the node ends as it was, or hardened and proven; and the key opens it."""

import contextlib
import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from homelab_tui.domain.errors import HomelabError
from homelab_tui.domain.keys import PublicKey
from homelab_tui.sources.ssh import SshSource
from homelab_tui.sources.ssh_hardening import ROLLBACK_S
from tests.keygen import key_text
from tests.labs import until
from tests.real.administered_sshd import AdministeredSshd, administered
from tests.real.command_lines import CommandLine, kill
from tests.real.sshd import Account, make_key, needs_root
from tests.real.stepping import Step, Steps, Timer, become_root_in_steps, walk_in_steps

pytestmark = needs_root

PROGRAMS = ("mv", "rm", "cp", "base64", "chmod", "sync", "sshd", "setsid", "sleep")
UNARMED = (
    Step("exec-seen", 3),  # the key is proven
    Step("sshd", 3),  # is the configuration sound as it is?
    Step("base64", 3),  # the rollback is written
    Step("sync", 1),
    Step("setsid", 1),  # its timer starts
)
ARMED = (
    Step("base64", 4),  # the drop-in is written
    Step("chmod", 1),
    Step("mv", 1),  # it comes to its place
    Step("sync", 2),
    Step("sshd", 4),  # -t
    Step("sshd", 5),  # -T
    Step("sshd", 7),  # -i: tried out
    Step("sshd", 9),  # -t, the last thing before the reload
    Step("sleep", 2),  # reloaded
    Step("exec-seen", 10),  # the fresh login that decides
)
PROVEN = (
    Step("mv", 2),  # disarmed
    Step("rm", 1),
    Step("exec-seen", 12),  # the account is read again
)


@dataclass
class Place:
    """A node that walks in steps, and the command that hardens it."""

    server: AdministeredSshd
    account: Account
    key: PublicKey
    steps: Steps
    timer: Timer
    command: CommandLine

    @property
    def source(self) -> SshSource:
        return self.server.source(keys=(self.key,), admin=False)

    def walkers(self) -> dict[int, str]:
        """Every process that met a step: the scripts, and the timer."""
        found = {}
        for directory in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if f"PATH={self.steps.bin}:".encode() in (directory / "environ").read_bytes():
                    found[int(directory.name)] = (directory / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        return found

    def scripts(self) -> list[int]:
        """All of them but the timer, which has a session of its own."""
        timer = (f"sleep {ROLLBACK_S}", str(self.steps.directory / "timer"))
        return [pid for pid, line in self.walkers().items() if not any(word in line for word in timer)]

    async def scripts_end(self, *, killed: bool = False) -> None:
        """Three looks in a row: a process that is between two programs has no environment for a moment."""
        quiet = 0

        def ended() -> bool:
            nonlocal quiet
            scripts = self.scripts()
            for pid in scripts if killed else ():  # each time: the gate's own process may only just have come
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            quiet = 0 if scripts else quiet + 1
            return quiet == 3

        await until(ended, 30)

    async def opens(self) -> bool:
        """Whether the key opens the account now."""
        with contextlib.suppress(HomelabError):
            return (await self.source.prove(self.server.node(self.account), self.key)).proven is True
        return False

    async def offers_password(self) -> bool | None:
        return (await self.source.read_account(self.server.node(self.account))).password_login


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with administered(alone=True) as (server, account):
        key = make_key(tmp_path, "mine")
        account.write(".ssh/authorized_keys", f"{key_text(key.blob)} mine\n".encode())
        steps = Steps(server.base / "steps", PROGRAMS, ("exec-seen", "proof-begins"))
        timer = Timer(steps, ROLLBACK_S)
        walk_in_steps(account, steps)
        become_root_in_steps(server, account, steps)
        command = CommandLine(tmp_path)
        command.configure(server, [account], [key], admin=False)
        made = Place(server, account, key, steps, timer, command)
        try:
            yield made
        finally:
            for pid in made.walkers():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


async def killed_at(place: Place, step: Step) -> None:
    """The command is gone, the node still waits before the step."""
    place.steps.stop_before(step)
    hardening = place.command.start("keys", "harden", "--node", "nuc01", "--yes", "--json")
    place.steps.wait_until_reached()
    kill(hardening)


async def all_is_well(place: Place, *, hardened: bool) -> None:
    assert place.server.armed == []
    assert [path.name for path in place.server.drop_ins.iterdir()] == (["00-homelab.conf"] if hardened else [])
    await until(place.opens)
    assert await place.offers_password() is not hardened


@pytest.mark.parametrize("step", UNARMED + ARMED + PROVEN, ids=str)
async def test_a_killed_hardening_is_put_back_by_the_node_or_was_proven(place: Place, step: Step) -> None:
    await killed_at(place, step)
    place.steps.go_on()
    await place.scripts_end()
    if place.walkers():  # the timer is all that is left
        await until(lambda: place.timer.is_set)
        place.timer.fire()
    await until(lambda: place.server.armed == [] and not place.walkers(), 30)
    await all_is_well(place, hardened=step in PROVEN)


@pytest.mark.parametrize("step", [ARMED[2], ARMED[4], ARMED[7], ARMED[8], PROVEN[0]], ids=str)
async def test_a_node_whose_own_script_is_killed_too_is_put_back_by_its_timer(place: Place, step: Step) -> None:
    await killed_at(place, step)
    await until(lambda: place.timer.is_set)
    await place.scripts_end(killed=True)
    place.timer.fire()
    await until(lambda: place.server.armed == [] and not place.walkers(), 30)
    (place.server.drop_ins / "00-homelab.conf.new").unlink(missing_ok=True)  # sshd reads *.conf only
    await all_is_well(place, hardened=False)


async def test_the_next_start_tells_of_a_hardening_that_nobody_saw_the_end_of(place: Place) -> None:
    await killed_at(place, ARMED[7])
    place.steps.go_on()
    await until(lambda: place.timer.is_set and not place.scripts(), 30)
    told = place.command.run("keys", "--json")
    assert told.status == 0
    assert "homelab: unfinished: keys.harden on nuc01, begun 20" in told.stderr
    assert told.document["nodes"][0]["name"] == "nuc01"  # stdout is the document and nothing else
    place.timer.fire()
    await until(lambda: place.server.armed == [] and not place.walkers(), 30)
    await until(place.opens)
    place.steps.forget()
    again = place.command.run("keys", "harden", "--node", "nuc01", "--yes", "--json")
    assert (again.status, again.results[0]["ok"], again.results[0]["proven"]) == (0, True, True)
    assert "unfinished" in again.stderr
    assert "unfinished" not in place.command.run("keys", "--json").stderr
