"""How many packages wait: what package managers print, and the script that asks them, under every shell."""

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homelab_tui.domain.nodes import PendingUpdates
from homelab_tui.sources.probe_updates import UPDATES_SCRIPT, parse_updates
from tests.servers import require_binary

RECORDED = Path(__file__).parent.parent / "fixtures" / "updates"
SHELLS = {"dash": ["dash"], "bash": ["bash"], "busybox": ["busybox", "sh"]}
NEEDED = ("timeout", "true", "nice")


def recorded(name: str) -> PendingUpdates | None:
    return parse_updates((RECORDED / f"{name}.txt").read_text())


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("apt-raspberry-pi-os-12", PendingUpdates(3, "apt", 2)),
        ("dnf-rocky-9.1", PendingUpdates(4, "dnf")),
        ("apk-alpine-3.18", PendingUpdates(2, "apk")),
    ],
)
def test_each_package_manager_is_understood(name: str, expected: PendingUpdates) -> None:
    assert recorded(name) == expected


@pytest.mark.parametrize("manager", ["apt", "dnf", "apk"])
@pytest.mark.parametrize("status", [1, 124, 127])
def test_a_package_manager_that_failed_told_nothing(manager: str, status: int) -> None:
    assert parse_updates(f"@@ probe 3\n@@ cmd {manager}\n@@ rc {status}\n@@ end\n") is None
    assert parse_updates(f"@@ probe 3\n@@ cmd {manager}\n@@ rc 0\n@@ end\n") == PendingUpdates(
        0, manager, 0 if manager == "apt" else None
    )


def test_a_node_without_any_of_them_tells_nothing() -> None:
    assert parse_updates("@@ probe 3\n@@ end\n") is None


@given(st.text())
def test_nothing_that_a_node_prints_makes_it_raise(text: str) -> None:
    parse_updates(text)
    parse_updates(f"@@ probe 3\n@@ cmd apt\n{text}\n@@ rc 0\n")


def run(shell: str, path: str) -> str:
    """The script as it is sent, with these programs and no others."""
    program = [str(require_binary(shell)), *SHELLS[shell][1:]]
    done = subprocess.run(
        [*program, "-s"], input=UPDATES_SCRIPT.encode(), env={"PATH": path}, capture_output=True, timeout=170
    )
    assert (done.returncode, done.stderr) == (0, b"")
    return done.stdout.decode()


def bin_of(folder: Path, scripts: dict[str, str]) -> str:
    folder.mkdir()
    for name in NEEDED:
        found = next(Path(place) / name for place in ("/usr/bin", "/bin") if (Path(place) / name).exists())
        (folder / name).symlink_to(found)
    for name, body in scripts.items():
        (folder / name).write_text(f"#!/bin/sh\n{body}\n")
        (folder / name).chmod(0o755)
    return str(folder)


@pytest.mark.parametrize("shell", SHELLS)
def test_every_shell_asks_without_a_lock_and_without_the_network(shell: str, tmp_path: Path) -> None:
    apt = 'printf "%s\\n" "$*" >"$0.asked"; echo "Inst a [1] (2 Debian-Security:12 [all])"; echo warning >&2'
    path = bin_of(tmp_path / "apt", {"apt-get": apt, "dnf": "exit 1"})
    assert parse_updates(run(shell, path)) == PendingUpdates(1, "apt", 1)
    asked = (tmp_path / "apt" / "apt-get.asked").read_text()
    assert "-s" in asked.split()
    assert "Debug::NoLocking=true" in asked
    lying_about = {"apt-get": "exit 100", "apk": "echo a < b"}
    dnf = 'case "$*" in "-C "*) echo "kernel.x86_64 5.14 baseos"; exit 100;; esac; exit 1'
    assert parse_updates(run(shell, bin_of(tmp_path / "dnf", {"dnf": dnf, **lying_about}))) == PendingUpdates(1, "dnf")


@pytest.mark.parametrize("shell", SHELLS)
def test_this_machine_counts_what_its_own_apt_counts(shell: str) -> None:
    apt = require_binary("apt-get")
    lines = subprocess.run(
        [str(apt), "-s", "-o", "Debug::NoLocking=true", "upgrade"], capture_output=True, text=True, timeout=170
    ).stdout.splitlines()
    found = parse_updates(run(shell, os.environ["PATH"]))
    assert found is not None
    assert found.count == sum(line.startswith("Inst ") for line in lines)
