"""Finds the real servers (sshd, prometheus, snmpd, ...) that tests/real starts."""

import os
from pathlib import Path

import pytest

from scripts.debian import SERVERS, find_program


def in_ci() -> bool:
    """Whether this run is the gate, where a missing server is an error and not a skip."""
    return os.environ.get("CI", "").strip().lower() not in {"", "0", "false", "no"}


def require_binary(name: str) -> Path:
    """Path of a server's program; without it the test fails in CI and is skipped, by name, elsewhere."""
    found = find_program(name)
    if found is not None:
        return Path(found)
    reason = f"{name} is not installed (as root: apt-get install {SERVERS.get(name, name)})"
    if in_ci():
        pytest.fail(f"{reason}; CI runs every test against the real servers", pytrace=False)
    pytest.skip(reason)
