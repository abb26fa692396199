"""What a person gets wrong: the error names file and line, the exit status is 2, and no node hears of it."""

from pathlib import Path

import pytest

from homelab_tui.domain.keys import PublicKey
from tests.real.command_lines import CommandLine
from tests.real.sshd import Account, Sshd

ACTS = [
    ("keys",),
    ("keys", "push", "mine", "--all", "--yes"),
    ("keys", "revoke", "mine", "--all", "--yes"),
    ("keys", "rotate", "mine", "other", "--all", "--yes"),
]
ON_NODES = [
    *ACTS,
    ("keys", "harden", "--all", "--yes"),
    ("keys", "sudo", "--all", "--yes"),
    ("keys", "hosts", "--all", "--yes"),
    ("keys", "modes", "--all", "--yes"),
]
IDS = [words[1] if len(words) > 1 else "listing" for words in ON_NODES]


@pytest.fixture
def command(tmp_path: Path, server: Sshd, account: Account, key: PublicKey) -> CommandLine:
    line = CommandLine(tmp_path)
    line.configure(server, [account], [key])
    return line


def connections(server: Sshd) -> int:
    return server.log().count("Connection from")


def refused(command: CommandLine, server: Sshd, *words: str) -> str:
    """What is said; nothing may have been sent."""
    before = connections(server)
    ended = command.run(*words)
    assert ended.status == 2, ended
    assert "Traceback" not in ended.stderr
    assert connections(server) == before
    return ended.stderr


@pytest.mark.parametrize("words", ON_NODES, ids=IDS)
def test_a_broken_configuration_stops_everything_with_file_and_line(
    command: CommandLine, server: Sshd, words: tuple[str, ...]
) -> None:
    text = command.config.read_text()
    command.config.write_text(f"{text}[keys\n")
    said = refused(command, server, *words)
    assert f"{command.config}:{text.count(chr(10)) + 1}" in said
    command.config.write_text(f'{text}usr = "typo"\n')
    said = refused(command, server, *words)
    assert f"{command.config}:{text.count(chr(10)) + 1}" in said
    assert "usr" in said


@pytest.mark.parametrize("words", ON_NODES, ids=IDS)
@pytest.mark.parametrize("what", ["missing", "a directory", "no key", "a private key"])
def test_a_key_file_that_is_none_stops_everything_with_its_name(
    command: CommandLine, server: Sshd, key: PublicKey, what: str, words: tuple[str, ...]
) -> None:
    public, private = Path(key.path or ""), Path(key.private_path or "")
    secret = private.read_text()
    public.unlink()
    if what == "a directory":
        public.mkdir()
    elif what == "no key":
        public.write_text("# my key\nhello\n")
    elif what == "a private key":
        public.write_text(secret)
    said = refused(command, server, *words)
    assert str(public) in said
    if what in ("no key", "a private key"):
        assert f"{public}:" in said
    assert secret.splitlines()[1] not in said


@pytest.mark.parametrize("verb", ["push", "revoke", "rotate"])
def test_a_private_key_given_as_the_key_is_refused_by_name(
    command: CommandLine, server: Sshd, key: PublicKey, verb: str
) -> None:
    private = Path(key.private_path or "")
    names = (str(private), str(private)) if verb == "rotate" else (str(private),)
    said = refused(command, server, "keys", verb, *names, "--all", "--yes")
    assert f"{private}.pub" in said
    assert private.read_text().splitlines()[1] not in said
    renamed = private.with_name("renamed.pub")
    renamed.write_text(private.read_text())
    names = (str(renamed), str(renamed)) if verb == "rotate" else (str(renamed),)
    said = refused(command, server, "keys", verb, *names, "--all", "--yes")
    assert f"{renamed}:1: is a private key" in said
