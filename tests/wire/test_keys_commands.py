"""`homelab keys revoke|undo|rotate|generate` against the demo lab, as a script calls them."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from homelab_tui.demo.lab import DemoLab
from tests.labs import start_lab

SECRET = "correct horse battery"


@dataclass(frozen=True)
class Shell:
    """Runs the command on one lab, without a terminal."""

    lab: DemoLab
    directory: Path

    async def run(self, *arguments: str, environment: dict[str, str] | None = None) -> tuple[int, Any, str]:
        """Exit status, the document on stdout, stderr."""
        config = self.directory / "config.toml"
        if not config.exists():
            self.lab.write_config(config)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "homelab_tui", "--config", str(config), *arguments, "--json"),
            env={**os.environ, "XDG_STATE_HOME": str(self.directory / "state"), **(environment or {})},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await asyncio.wait_for(process.communicate(), 20)
        return process.returncode or 0, json.loads(out) if out else None, err.decode()

    def keys_of(self, node: str) -> Path:
        """The authorized_keys behind a node's account."""
        user = self.lab.world.nodes[node].user
        return next((self.lab.scratch / "nodes").glob(f"{node}/**/home/{user}/.ssh/authorized_keys"))


@pytest.fixture
async def shell(tmp_path: Path) -> AsyncIterator[Shell]:
    async with start_lab() as lab:
        yield Shell(lab, tmp_path)


@pytest.fixture
async def behind_bastion(tmp_path: Path) -> AsyncIterator[Shell]:
    """The NUCs are reached through the jump host."""
    async with start_lab(bastion=True) as lab:
        yield Shell(lab, tmp_path)


async def test_a_key_is_previewed_revoked_proven_and_brought_back(shell: Shell) -> None:
    before = shell.keys_of("nuc01").read_bytes()
    status, document, _ = await shell.run("keys", "revoke", "id_laptop", "--node", "nuc01", "--dry-run")
    assert (status, document["dry_run"], document["results"][0]["changed"]) == (0, True, True)
    assert "laptop@homelab" in document["results"][0]["detail"]
    assert shell.keys_of("nuc01").read_bytes() == before
    status, _, err = await shell.run("keys", "revoke", "id_laptop", "--node", "nuc01")
    assert status == 2
    assert "--yes" in err
    status, document, _ = await shell.run("keys", "revoke", "id_laptop", "--node", "nuc01", "--node", "nuc03", "--yes")
    gone, absent = document["results"]
    assert (status, gone["target"], gone["changed"], gone["proven"]) == (0, "nuc01", True, True)
    assert (absent["target"], absent["ok"], absent["changed"], absent["proven"]) == ("nuc03", True, False, None)
    assert b"laptop" not in shell.keys_of("nuc01").read_bytes()
    status, document, _ = await shell.run("keys", "undo", "--yes")
    assert (status, [r["target"] for r in document["results"]]) == (0, ["nuc01"])
    assert shell.keys_of("nuc01").read_bytes() == before
    assert await shell.run("keys", "undo", "--yes") == (0, {"dry_run": False, "results": []}, "")


async def test_the_key_that_homelab_came_in_with_is_refused_and_a_stranger_is_not(shell: Shell) -> None:
    before = shell.keys_of("nuc03").read_bytes()
    status, document, _ = await shell.run("keys", "revoke", "id_ed25519", "--node", "nuc03", "--yes")
    assert (status, document["results"][0]["ok"]) == (1, False)
    assert "the key that this session logged in with" in document["results"][0]["detail"]
    assert shell.keys_of("nuc03").read_bytes() == before
    _, listing, _ = await shell.run("keys")
    stranger = next(node["unknown"][0] for node in listing["nodes"] if node["name"] == "nuc04")
    status, document, _ = await shell.run("keys", "revoke", stranger, "--node", "nuc04", "--yes")
    assert (status, document["results"][0]["changed"], document["results"][0]["proven"]) == (0, True, None)


async def test_a_new_key_is_made_and_takes_an_old_ones_place(shell: Shell) -> None:
    status, document, _ = await shell.run("keys", "generate", "--name", "id_next", "--no-passphrase")
    made = Path(document["results"][0]["created"])
    assert (status, made) == (0, shell.lab.home / ".ssh" / "id_next")
    assert (shell.lab.home / ".ssh" / "id_next").stat().st_mode & 0o777 == 0o600
    again, _, _ = await shell.run("keys", "generate", "--name", "id_next", "--no-passphrase")
    assert again == 1
    status, document, _ = await shell.run("keys", "rotate", "id_laptop", f"{made}.pub", "--node", "nuc01", "--yes")
    (result,) = document["results"]
    assert (status, result["ok"], result["proven"]) == (0, True, True)
    text = shell.keys_of("nuc01").read_text()
    assert (shell.lab.home / ".ssh" / "id_next.pub").read_text().split()[1] in text
    assert "laptop" not in text


@pytest.mark.parametrize("name", ["a/b", "..", "-x", "id.pub", ""])
async def test_a_name_that_is_no_file_name_is_bad_usage_and_nothing_is_made(shell: Shell, name: str) -> None:
    before = sorted((shell.lab.home / ".ssh").iterdir())
    status, _, err = await shell.run("keys", "generate", f"--name={name}", "--comment", "x", "--no-passphrase")
    assert (status, sorted((shell.lab.home / ".ssh").iterdir())) == (2, before), err
    assert repr(name) in err


async def test_a_passphrase_is_never_asked_for_blindly_and_never_written_down(shell: Shell) -> None:
    status, _, err = await shell.run("keys", "generate", "--name", "id_x")
    assert status == 2
    assert "--passphrase-env" in err
    locked = {"KEY_PASSPHRASE": SECRET}
    status, document, err = await shell.run(
        "keys", "generate", "--name", "id_x", "--passphrase-env", "KEY_PASSPHRASE", environment=locked
    )
    assert status == 0
    written = [path for path in (shell.directory / "state").rglob("*") if path.is_file()]
    assert written
    for text in (json.dumps(document), err, *(path.read_text(errors="replace") for path in written)):
        assert SECRET not in text


@pytest.mark.parametrize("words", [("revoke", "id_laptop", "--all"), ("rotate", "id_laptop", "id_ed25519", "--all")])
async def test_a_private_key_in_the_place_of_mine_stops_everything_before_anything_is_sent(
    shell: Shell, words: tuple[str, ...]
) -> None:
    public = shell.lab.home / ".ssh" / "id_laptop.pub"
    public.write_bytes((shell.lab.home / ".ssh" / "id_laptop").read_bytes())
    status, _, err = await shell.run("keys", *words, "--yes")
    assert status == 2
    assert "id_laptop.pub" in err
    assert "is a private key" in err


async def test_an_account_that_cannot_become_root_is_not_hardened_and_the_next_is_not_begun(shell: Shell) -> None:
    status, document, _ = await shell.run("keys", "harden", "--node", "nuc02", "--node", "nuc01", "--yes")
    first, second = document["results"]
    assert (status, first["ok"], first["changed"]) == (1, False, False)
    assert "nothing was changed" in first["detail"]
    assert second["detail"] == "not begun: nuc02 did not end as it should"
    status, document, _ = await shell.run("keys", "hosts", "--all", "--yes")
    assert status == 1
    assert "all of them are loopback" in document["results"][0]["detail"]


async def test_strangers_say_since_when_they_are_there_and_each_account_how_it_is_reached(
    behind_bastion: Shell,
) -> None:
    status, listing, _ = await behind_bastion.run("keys")
    (stranger,) = listing["unknown_keys"]
    assert (status, stranger["accounts"], stranger["last_used_at"]) == (0, ["nuc04"], None)
    _, again, _ = await behind_bastion.run("keys")
    assert again["unknown_keys"][0]["first_seen_at"] == stranger["first_seen_at"] is not None
    nodes = {node["name"]: node for node in listing["nodes"]}
    assert (nodes["nuc01"]["via"], nodes["rpi01"]["via"]) == (["bastion"], [])
    assert "publickey" in nodes["nuc01"]["methods"]
    assert nodes["nuc01"]["password_by_config"] == nodes["nuc01"]["password_login"]
    assert all(key["has_passphrase"] is False and key["made_at"] for key in listing["keys"])


async def test_what_is_wanted_of_a_user_or_of_hosts_is_said_before_anything_is_sent(behind_bastion: Shell) -> None:
    for words, why in (
        (("sudo", "--node", "nuc01", "--create"), "name one"),
        (("hosts",), "--here"),
        (("hosts", "--node", "nuc01", "--all"), "not allowed with"),
    ):
        status, _, err = await behind_bastion.run("keys", *words, "--yes")
        assert (status, why in err) == (2, True)
    status, document, _ = await behind_bastion.run(
        "keys", "sudo", "--node", "nuc01", "--user", "kubespray", "--create", "--dry-run"
    )
    (would,) = document["results"]
    assert (status, document["dry_run"], would["changed"]) == (0, True, True)
    assert "kubespray: made if it is not there" in would["detail"]
    status, document, _ = await behind_bastion.run(
        "keys", "sudo", "--node", "nuc01", "--user", "kubespray", "--create", "--yes"
    )
    assert (status, document["results"][0]["ok"]) == (1, False)
    assert "nothing was changed" in document["results"][0]["detail"]  # the lab's sudo makes nobody on this machine
    config = behind_bastion.directory / "config.toml"
    config.write_text(config.read_text().replace("[ssh]\n", '[ssh]\nbastion = "localhost"\n'))
    status, document, _ = await behind_bastion.run("keys", "hosts", "--here", "--bastion", "--yes")
    assert (status, [result["target"] for result in document["results"]]) == (1, ["localhost", "this machine"])
    assert all("all of them are loopback" in result["detail"] for result in document["results"])


async def test_a_dry_run_shows_the_line_that_would_be_added(shell: Shell) -> None:
    text = (shell.lab.home / ".ssh" / "id_laptop.pub").read_text().strip()
    status, document, _ = await shell.run("keys", "push", "id_laptop", "--node", "nuc03", "--dry-run")
    assert (status, f"+ {text}" in document["results"][0]["detail"]) == (0, True)
