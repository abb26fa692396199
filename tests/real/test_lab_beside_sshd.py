"""The lab's SSH server beside Debian's sshd: OpenSSH's own client asks both the same, and hears the same."""

import asyncio
import os
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.real.sshd import IS_ROOT, Account, Sshd, make_key, running_sshd, throw_away_account
from tests.servers import require_binary
from tests.wire.ssh_lab import NUC, ssh_lab

Heard = tuple[int, str, str]
"""Exit status, output, complaint of the client."""
Client = Callable[["Question"], Awaitable[Heard]]


@dataclass(frozen=True, slots=True)
class Question:
    """One authorized_keys file, one login, one command."""

    keys: str = "{key}"
    """The file's content; `{key}` stands for the client's public line, `{other}` for somebody else's."""
    command: tuple[str, ...] = ("echo in",)
    options: tuple[str, ...] = ()
    stdin: bytes = b""
    mode: int = 0o600
    directory_mode: int = 0o700


QUESTIONS = {
    "a plain key": Question(),
    "an exit status": Question(command=("exit 7",)),
    "a signal": Question(command=("kill -KILL $$",)),
    "two streams": Question(command=("echo out; echo err >&2",)),
    "input": Question(command=("cat; echo; wc -c",), stdin=b"x" * 70_000),
    "no newline": Question(command=("printf abc",)),
    "comments and nonsense before it": Question("# one\n\nnonsense\nssh-ed25519 AAAA broken\n  {key}"),
    "carriage returns": Question("{key}\r\n"),
    "another key": Question("{other}"),
    "no line at all": Question(""),
    "a forced command": Question('command="echo forced; echo $SSH_ORIGINAL_COMMAND" {key}'),
    "from elsewhere": Question('from="10.1.2.3" {key}'),
    "from here": Question('from="127.0.0.*,!127.0.0.9" {key}'),
    "not from here": Question('from="*,!127.0.0.1" {key}'),
    "from a network": Question('from="127.0.0.0/8" {key}'),
    "the second line lets in": Question('from="10.1.2.3" {key}\n{key}'),
    "the first line counts": Question('command="echo first" {key}\n{key}'),
    "expired": Question('expiry-time="20200101" {key}'),
    "not yet expired": Question('expiry-time="20990101120000Z" {key}'),
    "an unknown option": Question("not-an-option {key}"),
    "an unbalanced quote": Question('command="echo {key}'),
    "a certificate authority": Question("cert-authority {key}"),
    "restricted, a terminal wanted": Question("restrict {key}", options=("-tt",)),
    "no pty": Question("no-pty {key}", options=("-tt",)),
    "restricted, with a terminal after all": Question("restrict,pty {key}", ("tty >/dev/null && echo yes",), ("-tt",)),
    "no forwarding": Question("no-port-forwarding {key}", (), ("-W", "127.0.0.1:1")),
    "a forwarding elsewhere": Question('permitopen="127.0.0.1:2" {key}', (), ("-W", "127.0.0.1:1")),
    "a forwarding to nobody": Question(command=(), options=("-W", "127.0.0.1:1")),
    "sftp": Question(command=("sftp",), options=("-s",), stdin=bytes([0, 0, 0, 5, 1, 0, 0, 0, 3])),
    "sftp through a forced command": Question('command="echo $SSH_ORIGINAL_COMMAND" {key}', ("sftp",), ("-s",)),
    "no such subsystem": Question(command=("nothing-like-it",), options=("-s",)),
    "an environment": Question(command=("echo [$WISH]",), options=("-o", "SetEnv=WISH=granted")),
    "no password": Question("{other}", options=("-o", "PreferredAuthentications=password")),
    "keyboard-interactive": Question("{other}", options=("-o", "PreferredAuthentications=keyboard-interactive")),
}
STRICT = {
    "a file that others write": Question(mode=0o666),
    "a file that others read": Question(mode=0o644),
    "a directory that others write": Question(directory_mode=0o777),
}
"""Asked as root alone: without it Debian's sshd runs with StrictModes off. A file that a private group may write is
left out: Debian's own patch allows it, upstream's code and Rocky's do not."""
PARTS = 3


async def hear(port: int, user: str, key: Path, known_hosts: Path, question: Question) -> Heard:
    """What OpenSSH's client says to one question."""
    process = await asyncio.create_subprocess_exec(
        *(str(require_binary("ssh")), "-F", "none", "-i", str(key), "-p", str(port), "-o", "LogLevel=ERROR"),
        *("-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes", "-o", "IdentityAgent=none", "-o", "ConnectTimeout=5"),
        *("-o", f"UserKnownHostsFile={known_hosts}", "-o", "GlobalKnownHostsFile=/dev/null"),
        *("-o", "StrictHostKeyChecking=yes", *question.options, f"{user}@127.0.0.1", *question.command),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    first = b""
    if question.options == ("-s",) and question.stdin and process.stdin and process.stdout:
        # sftp-server ends at the end of its input, what it has not written yet included: the answer is awaited first.
        process.stdin.write(question.stdin)
        first = await asyncio.wait_for(process.stdout.read(1), 15)
        out, err = await asyncio.wait_for(process.communicate(b""), 15)
    else:
        out, err = await asyncio.wait_for(process.communicate(question.stdin), 15)
    out = first + out
    complaint = re.sub(rf"\b{port}\b", "PORT", err.decode().replace(user, "USER"))
    return process.returncode or 0, out.decode().replace(user, "USER"), complaint


def write_keys(home: Path, question: Question, lines: dict[str, str], owner: tuple[int, int] | None = None) -> None:
    """Put the question's file into a home."""
    directory = home / ".ssh"
    directory.mkdir(mode=0o700, exist_ok=True)
    file = directory / "authorized_keys"
    text = question.keys.replace("{key}", lines["key"]).replace("{other}", lines["other"])
    file.write_text(text + "\n", newline="")
    file.chmod(question.mode)
    directory.chmod(question.directory_mode)
    for path in (directory, file) if owner else ():
        os.chown(path, *(owner or ()))


def _new_line(directory: Path, name: str) -> str:
    make_key(directory, name)
    return (directory / f"{name}.pub").read_text().strip()


async def ask_lab(
    directory: Path, questions: dict[str, Question], key: Path, lines: dict[str, str]
) -> dict[str, Heard]:
    """What the lab's NUC answers."""
    async with ssh_lab(directory) as lab:
        user, port = lab.world.nodes[NUC].user, lab.ports[NUC]
        heard: dict[str, Heard] = {}
        for name, question in questions.items():
            write_keys(lab.home(NUC), question, lines)
            heard[name] = await hear(port, user, key, lab.known_hosts, question)
        return heard


async def ask_sshd(
    server: Sshd, account: Account, questions: dict[str, Question], key: Path, lines: dict[str, str]
) -> dict[str, Heard]:
    """What Debian's sshd answers."""
    known_hosts = server.known_hosts()
    heard: dict[str, Heard] = {}
    for name, question in questions.items():
        write_keys(account.home, question, lines, (account.uid, account.gid))
        heard[name] = await hear(server.port, account.user, key, known_hosts, question)
    return heard


@pytest.mark.parametrize("part", range(PARTS))
async def test_a_client_hears_the_same_from_both(tmp_path: Path, part: int) -> None:
    lines = {name: _new_line(tmp_path, name) for name in ("key", "other")}
    key = tmp_path / "key"
    every = QUESTIONS | (STRICT if IS_ROOT else {})
    questions = {name: every[name] for name in list(every)[part::PARTS]}
    left = await ask_lab(tmp_path, questions, key, lines)
    options = (
        "PasswordAuthentication no",
        "KbdInteractiveAuthentication no",
        "PermitRootLogin yes",
        "Subsystem sftp /usr/lib/openssh/sftp-server",
    )
    with running_sshd(*options) as server, throw_away_account(server, shell="/bin/sh") as account:
        right = await ask_sshd(server, account, questions, key, lines)
    different = {name: (left[name], right[name]) for name in questions if left[name] != right[name]}
    assert not different, "\n".join(f"{name}\n  lab:  {a}\n  sshd: {b}" for name, (a, b) in different.items())
