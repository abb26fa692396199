"""A server's banner, a stranger's comment, a host's name: on a terminal and in a pipe they are shown, never obeyed."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from homelab_tui.domain.keys import PublicKey
from tests.keygen import ed25519_blob, key_text
from tests.real.command_lines import CommandLine
from tests.real.sshd import Account, Sshd, running_sshd, throw_away_account

HOSTILE = "\x1b]0;owned\x07\x1b[31m[/boom][@click=app.quit]x\u202e\x9b5m"
OBEYED = (b"\x1b]0;", b"\x1b[31m", b"\x07", "\u202e".encode(), "\x9b".encode())


def in_a_terminal(command: CommandLine, *arguments: str) -> tuple[int, bytes]:
    """Exit status, and every byte that a command writes to its terminal."""
    words = [sys.executable, "-m", "homelab_tui", "--config", str(command.config), *arguments]
    environment = {
        **os.environ,
        "HOME": str(command.directory),
        "XDG_STATE_HOME": str(command.directory / "state"),
        "SSH_AUTH_SOCK": "",
        "TERM": "xterm-256color",
        "COLUMNS": "200",
    }
    ours, theirs = pty.openpty()
    process = subprocess.Popen(words, env=environment, stdin=theirs, stdout=theirs, stderr=theirs, close_fds=True)
    os.close(theirs)
    said = b""
    try:
        while data := os.read(ours, 65536):
            said += data
    except OSError:  # EIO: the other end is closed
        pass
    finally:
        os.close(ours)
    return process.wait(timeout=30), said


@pytest.fixture
def hostile(tmp_path: Path) -> str:
    """A banner that the server shows before the login."""
    (tmp_path / "banner").write_bytes(HOSTILE.encode() + b"\n")
    return str(tmp_path / "banner")


def furnish(account: Account, tmp_path: Path, server: Sshd, key: PublicKey) -> CommandLine:
    stranger = f"{key_text(ed25519_blob(3))} {HOSTILE}\n"
    account.write(".ssh/authorized_keys", f'command="{HOSTILE}" {stranger}{HOSTILE}\n'.encode())
    account.write(".bashrc", f"printf '%s\\n' '{HOSTILE}'; printf '%s\\n' '{HOSTILE}' >&2\n".encode())
    public = Path(key.path or "")
    public.write_text(f"{key_text(key.blob)} {HOSTILE}\n")
    command = CommandLine(tmp_path)
    command.configure(server, [account], [key])
    return command


async def test_nothing_that_a_server_says_reaches_the_terminal_as_it_is(
    hostile: str, tmp_path: Path, key: PublicKey
) -> None:
    with running_sshd(f"Banner {hostile}") as server, throw_away_account(server) as account:
        command = furnish(account, tmp_path, server, key)
        push = ("keys", "push", key.path or "", "--node", "nuc01")
        undo, check = ("keys", "undo", "--yes"), ("check", "--nodes")
        for words in (("keys",), (*push, "--dry-run"), (*push, "--yes"), ("keys",), undo, check):
            status, said = in_a_terminal(command, *words)
            assert status == 0, said
            assert b"boom" in said or words in (undo, check)
            assert [word for word in OBEYED if word in said] == []
            ended = command.run(*words)
            assert [word for word in OBEYED if word in (ended.stdout + ended.stderr).encode()] == []


@pytest.mark.parametrize(
    "document", [("keys", "--json"), ("keys", "push", "mine", "--node", "nuc01", "--yes", "--json")]
)
async def test_a_document_has_no_raw_control_character(
    hostile: str, tmp_path: Path, key: PublicKey, document: tuple[str, ...]
) -> None:
    with running_sshd(f"Banner {hostile}") as server, throw_away_account(server) as account:
        ended = furnish(account, tmp_path, server, key).run(*document)
        assert ended.status == 0
        assert ended.document
        assert [char for char in ended.stdout if ord(char) < 0x20 and char != "\n"] == []


@pytest.mark.parametrize(
    ("host", "words"), [(HOSTILE, b"has control characters"), ("[/boom][@click=app.quit]x.invalid", b"[/boom]")]
)
def test_a_host_that_has_a_hostile_name_is_an_error_in_words(
    tmp_path: Path, server: Sshd, key: PublicKey, host: str, words: bytes
) -> None:
    command = CommandLine(tmp_path)
    command.configure(server, [], [key])
    with command.config.open("a", encoding="utf-8") as file:
        file.write(f'[[nodes]]\nname = "evil"\nhost = {json.dumps(host)}\n')
    status, said = in_a_terminal(command, "keys")
    assert status in (2, 3)
    assert words in said
    assert [word for word in OBEYED if word in said] == []
