"""kill -9 in the middle of a push: the file is the old one or the new one, sshd reads it, every door still opens."""

import contextlib
import os
import signal
import subprocess
from pathlib import Path

import pytest

from homelab_tui.domain.keys import PublicKey
from tests.keygen import key_text
from tests.labs import until
from tests.real.command_lines import CommandLine, kill
from tests.real.sshd import Account, Sshd, make_key, needs_root
from tests.real.stepping import Step, Steps, walk_in_steps
from tests.servers import require_binary

pytestmark = needs_root

BEFORE_THE_RENAME = (
    Step("date", 1),  # read for the plan
    Step("cp", 1),
    Step("head", 1),
    Step("sha256sum", 1),  # is the file still what was read, and did everything arrive?
    Step("sync", 1),
    Step("mv", 1),
)
AFTER_THE_RENAME = (
    Step("sha256sum", 2),  # read back
    Step("proof-begins", 1),
)
PROGRAMS = ("date", "sha256sum", "cp", "head", "sync", "mv")


@pytest.fixture
def steps(server: Sshd, account: Account) -> Steps:
    made = Steps(server.base / f"steps-{account.user}", PROGRAMS, ("proof-begins", "exec-seen"))
    walk_in_steps(account, made)
    return made


@pytest.fixture
def old(tmp_path: Path, account: Account) -> PublicKey:
    """The key that opens the account before the push."""
    key = make_key(tmp_path, "old")
    account.write(".ssh/authorized_keys", f"{key_text(key.blob)} old@test".encode())  # no final newline
    return key


@pytest.fixture
def command(tmp_path: Path, server: Sshd, account: Account, key: PublicKey) -> CommandLine:
    line = CommandLine(tmp_path)
    line.configure(server, [account], [key])
    return line


def processes_of(account: Account) -> list[int]:
    """What the account still runs on the node."""
    found = []
    for directory in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if directory.stat().st_uid == account.uid:
                found.append(int(directory.name))
    return found


def opens(server: Sshd, account: Account, key: PublicKey) -> bool:
    """Whether ssh itself gets in with this key alone."""
    options = ("-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes", "-o", f"UserKnownHostsFile={server.known_hosts()}")
    command = [str(require_binary("ssh")), "-F", "none", *options, "-i", key.private_path or "", "-p", str(server.port)]
    command += [f"{account.user}@127.0.0.1", "echo in"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=30)
    return done.stdout.strip() == b"in"


def litter(account: Account) -> list[str]:
    return [path.name for path in (account.home / ".ssh").iterdir() if path.name != "authorized_keys"]


def kill_all_of(account: Account) -> bool:
    """Whether nothing of it was left to kill."""
    found = processes_of(account)
    for pid in found:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return not found


@pytest.mark.parametrize("step", BEFORE_THE_RENAME + AFTER_THE_RENAME, ids=str)
async def test_a_program_that_is_killed_leaves_the_old_file_or_the_new_one(
    step: Step,
    steps: Steps,
    command: CommandLine,
    server: Sshd,
    account: Account,
    old: PublicKey,
    key: PublicKey,
) -> None:
    before = account.keys_file.read_bytes()
    after = before + f"\n{key_text(key.blob)} {key.comment}\n".encode()
    steps.stop_before(step)
    pushing = command.start("keys", "push", key.path or "", "--node", "nuc01", "--yes", "--json")
    steps.wait_until_reached()
    kill(pushing)
    steps.go_on()
    await until(lambda: not processes_of(account), 30)
    left = account.keys_file.read_bytes()
    assert left in ((before, after) if step in BEFORE_THE_RENAME else (after,))
    assert litter(account) == []
    steps.forget()
    assert opens(server, account, old)
    assert opens(server, account, key) == (left == after)
    if left == before:
        assert (await server.source().add_key(server.node(account), key)).changed
        assert account.keys_file.read_bytes() == after
        assert opens(server, account, key)
    else:  # what was there before was kept before the write: it can be undone
        undone = command.run("keys", "undo", "nuc01", "--yes", "--json")
        assert (undone.status, undone.results[0]["changed"]) == (0, True), undone
        assert account.keys_file.read_bytes() == before


@pytest.mark.parametrize("step", [*BEFORE_THE_RENAME[1:], AFTER_THE_RENAME[0]], ids=str)
async def test_a_node_whose_shell_is_killed_keeps_its_file_and_the_next_push_tidies_up(
    step: Step, steps: Steps, server: Sshd, account: Account, old: PublicKey, key: PublicKey, command: CommandLine
) -> None:
    before = account.keys_file.read_bytes()
    after = before + f"\n{key_text(key.blob)} {key.comment}\n".encode()
    steps.stop_before(step)
    pushing = command.start("keys", "push", key.path or "", "--node", "nuc01", "--yes", "--json")
    steps.wait_until_reached()
    left = account.keys_file.read_bytes()
    assert left == (before if step in BEFORE_THE_RENAME else after)
    kill(pushing)
    await until(lambda: kill_all_of(account), 30)
    assert account.keys_file.read_bytes() == left
    steps.forget()
    assert opens(server, account, old)
    assert opens(server, account, key) == (left == after)
    again = await server.source().add_key(server.node(account), key)
    assert again.changed == (left == before)
    assert account.keys_file.read_bytes() == after
    if again.changed:
        assert litter(account) == []
