"""What `homelab check --nodes` says of nodes, and of what SSH needs on this machine."""

from pathlib import Path

import pytest

from homelab_tui.domain.checks import CheckStatus
from homelab_tui.domain.errors import (
    CredentialsNeeded,
    SourceRefused,
    SourceTimeout,
)
from homelab_tui.domain.keys import AccountKeys, HostKeyState
from homelab_tui.domain.nodes import NodeFacts
from homelab_tui.domain.values import replace
from tests.check_fakes import CONFIG, KEY, Ssh, of, report


@pytest.mark.parametrize(
    ("change", "check", "status", "says"),
    [
        ({"here": False}, "reach", CheckStatus.FAIL, "nothing listens"),
        ({"door": replace(Ssh.door, state=HostKeyState.UNKNOWN)}, "host key", CheckStatus.FAIL, "not known here"),
        ({"door": replace(Ssh.door, state=HostKeyState.NEW_TYPE)}, "host key", CheckStatus.WARN, "another type"),
        ({"door": replace(Ssh.door, state=HostKeyState.CHANGED)}, "host key", CheckStatus.FAIL, "is changed"),
        ({"door": replace(Ssh.door, state=HostKeyState.REVOKED)}, "host key", CheckStatus.FAIL, "is revoked"),
        ({"account": CredentialsNeeded("no key", password_possible=True)}, "login", CheckStatus.FAIL, "no key"),
        ({"account": SourceRefused("no shell")}, "login", CheckStatus.FAIL, "no shell"),
        ({"account": AccountKeys("me", "/", password_login=True)}, "password login", CheckStatus.WARN, "passwords"),
        ({"account": AccountKeys("me", "/", sudo=False)}, "sudo", CheckStatus.WARN, "sudo -n"),
        ({"account": AccountKeys("me", "/", problems=("0777",))}, "authorized_keys", CheckStatus.WARN, "0777"),
        ({"facts": SourceTimeout("slow")}, "probe", CheckStatus.FAIL, "slow"),
        ({"facts": NodeFacts(clock_skew_s=-95.0)}, "clock", CheckStatus.WARN, "95 s behind"),
    ],
)
async def test_a_node_is_checked_step_by_step(
    change: dict[str, object], check: str, status: CheckStatus, says: str
) -> None:
    ssh = Ssh()
    for name, value in change.items():
        setattr(ssh, name, value)
    found = of(await report(ssh=ssh, nodes=True), "node n", check)
    assert (found.status, says in found.detail) == (status, True), found


async def test_an_unknown_host_is_sent_nothing_and_told_how_to_be_trusted() -> None:
    ssh = Ssh()
    ssh.door = replace(Ssh.door, state=HostKeyState.UNKNOWN)
    found = await report(ssh=ssh, nodes=True)
    assert "homelab keys trust n --fingerprint SHA256:host" in str(of(found, "node n", "host key").fix)
    assert not [check for check in found.checks if check.subject == "node n" and check.check == "login"]


async def test_a_key_without_its_private_half_is_told() -> None:
    ssh = Ssh()
    ssh.keys = (replace(KEY, private_path=None), replace(KEY, path="/agent", private_path=None, in_agent=True))
    found = await report(ssh=ssh)
    assert of(found, "keys", "/home/me/.ssh/id.pub").status is CheckStatus.WARN
    assert of(found, "keys", "/agent").status is CheckStatus.OK
    ssh.keys = ()
    assert of(await report(ssh=ssh), "keys", "mine").status is CheckStatus.WARN


async def test_a_known_hosts_that_others_can_write_is_a_failure(tmp_path: Path) -> None:
    path = tmp_path / "known_hosts"
    config = replace(CONFIG, ssh=replace(CONFIG.ssh, known_hosts=path))
    assert of(await report(config), "ssh", "known_hosts").status is CheckStatus.WARN
    path.write_text("")
    path.chmod(0o600)
    assert of(await report(config), "ssh", "known_hosts").status is CheckStatus.OK
    path.chmod(0o666)
    assert of(await report(config), "ssh", "known_hosts").status is CheckStatus.FAIL
