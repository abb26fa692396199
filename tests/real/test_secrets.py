"""Passwords and passphrases: over whole journeys, against real servers, they are written nowhere."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.keygen import key_text
from tests.real.administered_sshd import administered
from tests.real.command_lines import CommandLine, Ended
from tests.real.sshd import make_key, needs_root
from tests.real.stepping import Steps, become_root_in_steps, walk_in_steps

PASSWORD, WRONG, PASSPHRASE = "correct-horse-battery", "wrong-donkey-charger", "staple-of-the-lock"
SECRETS = (PASSWORD, WRONG, PASSPHRASE)
PROGRAMS = ("sh", "id", "mv", "cat", "mktemp", "visudo", "sshd", "sudo")
_SPY = """
import sys
def heard(event, details):
    if event in ("subprocess.Popen", "os.exec", "os.posix_spawn", "os.system"):
        with open({log!r}, "a") as file:
            print(event, details[:2], file=file)
sys.addaudithook(heard)
with open("/proc/self/cmdline") as own, open({log!r}, "a") as file:
    print("self", own.read().replace("\\0", " "), file=file)
"""


class Spied(CommandLine):
    """A command line whose every child process is noted, with all of its arguments, before it is started."""

    def spy(self) -> Path:
        log = self.directory / "argv.log"
        place = self.directory / "spy"
        place.mkdir()
        (place / "sitecustomize.py").write_text(_SPY.format(log=str(log)))
        self.environment["PYTHONPATH"] = str(place)
        return log


def found(text: bytes) -> list[str]:
    """Secrets in it, as they are or in base64."""
    plain = [secret for secret in SECRETS if secret.encode() in text]
    return plain + [secret for secret in SECRETS if base64.b64encode(secret.encode())[:-4] in text]


def everything_written(directory: Path) -> Iterator[tuple[Path, bytes]]:
    for path in directory.rglob("*"):
        if path.is_file():
            yield path, path.read_bytes()


def test_what_looks_for_a_secret_finds_one(tmp_path: Path) -> None:
    (tmp_path / "a").write_text(f"x {PASSWORD} y")
    assert [found(text) for _, text in everything_written(tmp_path)] == [[PASSWORD]]
    assert found(base64.b64encode(PASSPHRASE.encode())) == [PASSPHRASE]
    assert found(json.dumps({"detail": "password for hl refused"}).encode()) == []


@needs_root
@pytest.mark.parametrize("given", ["file", "env"])
def test_no_secret_is_in_anything_that_is_written_or_started(tmp_path: Path, given: str) -> None:
    with administered(password=PASSWORD) as (server, account):
        house, kept = tmp_path / "house", tmp_path / "kept"
        house.mkdir()
        kept.mkdir()
        key = make_key(house, "mine")
        (server.base / "admin" / account.user).write_text("")  # no way in but the password
        steps = Steps(server.base / "steps", PROGRAMS, ("exec-seen", "proof-begins"))
        walk_in_steps(account, steps)
        become_root_in_steps(server, account, steps)
        server.let_become_root(account, asking=True)
        command = Spied(house)
        started = command.spy()
        command.configure(server, [account], [key], admin=False)
        ended: list[Ended] = []

        def run(*arguments: str, **secrets: str) -> Ended:
            words = list(arguments)
            for name, value in secrets.items():
                flag = f"--{name.replace('_', '-')}-{given}"
                if given == "file":
                    (kept / name).write_text(f"{value}\n")
                    words += [flag, str(kept / name)]
                else:
                    command.environment[f"HL_{name.upper()}"] = value
                    words += [flag, f"HL_{name.upper()}"]
            ended.append(command.run(*words))
            return ended[-1]

        push = ("keys", "push", key.path or "", "--node", "nuc01", "--yes", "--json")
        assert run(*push, password=WRONG).status == 1
        assert run(*push, password=PASSWORD).results[0]["proven"] is True
        sudo = ("keys", "sudo", "--node", "nuc01", "--yes", "--json")
        assert run(*sudo, sudo_password=WRONG).status == 1
        assert run(*sudo, sudo_password=PASSWORD).results[0]["proven"] is True
        made = run("keys", "generate", "--name", "new", "--json", passphrase=PASSPHRASE)
        assert made.status == 0, made
        assert run("keys", "harden", "--node", "nuc01", "--yes", "--json").results[0]["proven"] is True
        assert run(*push[:2], "no-such-key", *push[3:], password=PASSWORD).status == 2
        assert run("keys", "--json").document["nodes"][0]["sudo"] is True

        for each in ended:
            assert found((each.stdout + each.stderr).encode()) == []
        written = dict(everything_written(house))
        assert {path: found(text) for path, text in written.items() if found(text)} == {}
        names = {path.name for path in written}
        assert {"activity.jsonl", "journal.jsonl", "argv.log"} <= names
        assert "subprocess.Popen" in started.read_text()  # the spy was there
        on_the_node = "\n".join(steps.taken())
        assert "exec-seen sudo -k -S" in on_the_node  # and so was that one
        assert found(on_the_node.encode()) == []
        assert found(server.log().encode()) == []
        assert key_text(key.blob).encode() in account.keys_file.read_bytes()
