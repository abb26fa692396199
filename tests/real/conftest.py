"""What the tests against Debian's sshd share: a server, a throw-away account on it, a key of one's own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from homelab_tui.domain.keys import PublicKey
from tests.real.sshd import Account, Sshd, make_key, running_sshd, throw_away_account


@pytest.fixture(scope="module")
def server() -> Iterator[Sshd]:
    """One server for all tests of a file; a file that needs another one says so with a fixture of this name."""
    with running_sshd() as sshd:
        yield sshd


@pytest.fixture
def account(server: Sshd) -> Iterator[Account]:
    """A user of this test's own."""
    with throw_away_account(server) as throw_away:
        yield throw_away


@pytest.fixture
def key(tmp_path: Path) -> PublicKey:
    """A fresh key pair that no account knows yet."""
    return make_key(tmp_path, "mine")
