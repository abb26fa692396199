"""The known_hosts table against ssh itself: on every file it must decide as we do."""

import subprocess
from pathlib import Path

import pytest

from homelab_tui.domain.keys import HostKeyState
from homelab_tui.domain.known_hosts import judge, parse_known_hosts
from tests.keygen import ed25519_blob, key_text
from tests.known_hosts_table import CASES, Case
from tests.real.sshd import Sshd, make_key
from tests.servers import require_binary


@pytest.fixture(scope="module")
def rsa(server: Sshd) -> str:
    return key_text(make_key(server.base / "keys", "other-rsa", "-t", "rsa", "-b", "2048").blob)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_ssh_decides_as_we_do(case: Case, server: Sshd, rsa: str, tmp_path: Path) -> None:
    shown = server.host_keys[0]
    data = case.data(
        host="127.0.0.1", port=server.port, key=key_text(shown.blob), other=key_text(ed25519_blob(9)), rsa=rsa
    )
    file = tmp_path / "known_hosts"
    file.write_bytes(data)
    ours = judge(parse_known_hosts(data, str(file)), "127.0.0.1", server.port, shown.type, shown.blob).state
    assert ours is case.expected
    assert ssh_decision(server.port, file) is (case.ssh_says or case.expected)


def ssh_decision(port: int, known_hosts: Path) -> HostKeyState:
    """What ssh says of the server before it logs in (it cannot: no key, no password)."""
    options = {
        "BatchMode": "yes",
        "StrictHostKeyChecking": "yes",
        "UserKnownHostsFile": str(known_hosts),
        "GlobalKnownHostsFile": "/dev/null",
        "UpdateHostKeys": "no",
        "PreferredAuthentications": "none",
        "IdentityFile": "none",
    }
    words = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
    command = [str(require_binary("ssh")), "-F", "none", *words, "-p", str(port), "nobody@127.0.0.1", "true"]
    said = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False).stderr
    if b"REVOKED HOST KEY" in said or b"revoked" in said.lower():
        return HostKeyState.REVOKED
    if b"IDENTIFICATION HAS CHANGED" in said:
        return HostKeyState.CHANGED
    if b"host key is known" in said:  # "No ED25519 host key is known for …"
        return HostKeyState.UNKNOWN
    assert b"Permission denied" in said, said
    return HostKeyState.TRUSTED
