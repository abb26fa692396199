"""First contact, changed keys and known_hosts, against Debian's own sshd."""

import asyncio
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from homelab_tui.config.model import KeysConfig, SshConfig
from homelab_tui.domain.errors import HostKeyChanged, HostKeyUnknown, SourceConflict, SourceRefused, SourceUnreachable
from homelab_tui.domain.keys import HostKeyState, PublicKey
from homelab_tui.domain.secrets import Secret
from homelab_tui.domain.values import replace
from homelab_tui.sources.ssh import SshSource
from tests.keygen import ed25519_blob, key_text
from tests.real.sshd import Account, Sshd, make_key, running_sshd
from tests.real.test_known_hosts import ssh_decision
from tests.servers import require_binary

RSA_TOO = (("-t", "ed25519"), ("-t", "rsa", "-b", "2048"))


@pytest.fixture(scope="module")
def server() -> Iterator[Sshd]:
    with running_sshd(host_keys=RSA_TOO) as sshd:
        yield sshd


def line(server: Sshd, key: PublicKey, marker: str = "") -> str:
    return f"{marker}[127.0.0.1]:{server.port} {key_text(key.blob)}\n"


def ssh_keygen_finds(name: str, known: Path) -> bool:
    command = [str(require_binary("ssh-keygen")), "-F", name, "-f", str(known)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


async def test_nothing_is_sent_to_a_server_whose_key_is_unknown(
    server: Sshd, account: Account, key: PublicKey, tmp_path: Path
) -> None:
    source = server.source(tmp_path / "none")
    node = server.node(account)
    logged = len(server.log())
    with pytest.raises(HostKeyUnknown) as caught:
        await source.add_key(node, key, password=Secret("do-not-send"))
    assert caught.value.shown.fingerprint == server.host_keys[0].fingerprint
    assert f"is in no known_hosts file; it shows ssh-ed25519 {caught.value.shown.fingerprint}" in str(caught.value)
    assert "userauth-request" not in server.log()[logged:]
    assert account.user not in server.log()[logged:]
    assert not (tmp_path / "none").exists()


def run_in_a_shell(command: str) -> None:
    """As a person does, who has copied it."""
    subprocess.run(["sh", "-c", command], check=True, capture_output=True)


@pytest.mark.parametrize("marker", ["", "@revoked "])
async def test_a_changed_or_revoked_key_is_a_hard_stop_with_the_way_out(
    server: Sshd, account: Account, key: PublicKey, tmp_path: Path, marker: str
) -> None:
    known = tmp_path / "known_hosts"
    shown = server.host_keys[0]
    old = shown if marker else replace(shown, blob=ed25519_blob(1))
    known.write_text("# the house\n" + line(server, old, marker))
    source = server.source(known)
    logged = len(server.log())
    for act in (source.add_key, source.prove):
        with pytest.raises(HostKeyChanged, match=f"{known}:2") as caught:
            await act(server.node(account), key)
        assert (caught.value.shown.state is HostKeyState.REVOKED) == bool(marker)
        assert shown.fingerprint in str(caught.value)
        assert ("ssh-keygen -R '[127.0.0.1]:" in str(caught.value)) == (not marker)
        assert (f"' -f {known}" in str(caught.value)) == (not marker)
    with pytest.raises(HostKeyChanged):
        await source.trust(server.node(account), shown.fingerprint)
    assert "userauth-request" not in server.log()[logged:]
    assert known.read_text() == "# the house\n" + line(server, old, marker)
    judged = await source.host_key(server.node(account))
    assert judged.state is (HostKeyState.REVOKED if marker else HostKeyState.CHANGED)
    assert judged.known_at == f"{known}:2"
    if not marker:  # the way out, as it is told, is one
        run_in_a_shell(judged.removal_command)
        assert (await server.source(known).host_key(server.node(account))).state is HostKeyState.UNKNOWN


async def test_the_key_type_that_is_known_is_the_one_that_is_asked_for(
    server: Sshd, account: Account, tmp_path: Path
) -> None:
    known = tmp_path / "known_hosts"
    known.write_text(line(server, server.host_keys[1]))
    assert server.host_keys[1].type == "ssh-rsa"
    judged = await server.source(known).host_key(server.node(account))
    assert (judged.state, judged.key_type) == (HostKeyState.TRUSTED, "ssh-rsa")
    # A right rsa key does not excuse a wrong ed25519 one.
    known.write_text(
        line(server, replace(server.host_keys[0], blob=ed25519_blob(1))) + line(server, server.host_keys[1])
    )
    assert (await server.source(known).host_key(server.node(account))).state is HostKeyState.CHANGED


async def test_a_known_host_with_another_type_only_is_asked_about(account: Account, tmp_path: Path) -> None:
    with running_sshd() as lonely:  # has no rsa key to offer
        known = tmp_path / "known_hosts"
        rsa = make_key(tmp_path, "rsa", "-t", "rsa", "-b", "2048")
        known.write_text(line(lonely, rsa))
        source = lonely.source(known)
        judged = await source.host_key(lonely.node(account))
        assert judged.state is HostKeyState.NEW_TYPE
        with pytest.raises(HostKeyUnknown, match="another type only") as caught:
            await source.read_account(lonely.node(account))
        assert caught.value.shown.state is HostKeyState.NEW_TYPE


@pytest.mark.parametrize("before", [None, "", "# house\n", "# no newline at the end"])
async def test_trust_appends_one_line_that_ssh_itself_accepts(
    server: Sshd, account: Account, tmp_path: Path, before: str | None
) -> None:
    known = tmp_path / "new" / "known_hosts"
    if before is not None:
        known.parent.mkdir()
        known.write_text(before)
        known.chmod(0o644)
    source = server.source(known)
    node = server.node(account)
    shown = await source.host_key(node)
    trusted = await source.trust(node, shown.fingerprint)
    start = (before or "") + ("\n" if before and not before.endswith("\n") else "")
    assert known.read_text() == start + line(server, server.host_keys[0])
    assert (trusted.state, trusted.known_at) == (HostKeyState.TRUSTED, f"{known}:{start.count(chr(10)) + 1}")
    assert stat.S_IMODE(known.stat().st_mode) == (0o600 if before is None else 0o644)
    if before is None:
        assert stat.S_IMODE(known.parent.stat().st_mode) == 0o700
    assert ssh_decision(server.port, known) is HostKeyState.TRUSTED
    assert (await source.read_account(node)).account == account.user
    again = await source.trust(node, shown.fingerprint)
    assert again.state is HostKeyState.TRUSTED
    assert known.read_text() == start + line(server, server.host_keys[0])


async def test_trust_writes_nothing_when_the_server_shows_another_key_by_now(
    server: Sshd, account: Account, tmp_path: Path
) -> None:
    known = tmp_path / "known_hosts"
    with pytest.raises(SourceConflict, match="nothing was written"):
        await server.source(known).trust(server.node(account), make_key(tmp_path, "other").fingerprint)
    assert not known.exists()


async def test_the_name_is_hashed_when_ssh_would_hash_it(server: Sshd, account: Account, tmp_path: Path) -> None:
    known = tmp_path / "known_hosts"
    config = tmp_path / "config"
    config.write_text("Host *\n  HashKnownHosts yes\n  GlobalKnownHostsFile /dev/null\n")
    source = SshSource(SshConfig(config=config, known_hosts=known), KeysConfig(agent=False))
    node = server.node(account)
    await source.trust(node, (await source.host_key(node)).fingerprint)
    text = known.read_text()
    assert text.startswith("|1|")
    assert "127.0.0.1" not in text
    assert ssh_keygen_finds(f"[127.0.0.1]:{server.port}", known)
    assert ssh_decision(server.port, known) is HostKeyState.TRUSTED


async def test_eight_who_trust_at_once_lose_no_line(server: Sshd, account: Account, tmp_path: Path) -> None:
    known = tmp_path / "known_hosts"
    known.write_text("# first")
    node = server.node(account)
    fingerprint = server.host_keys[0].fingerprint
    results = await asyncio.gather(*(server.source(known).trust(node, fingerprint) for _ in range(8)))
    assert {result.state for result in results} == {HostKeyState.TRUSTED}
    lines = known.read_text().splitlines()
    assert lines[0] == "# first"
    assert set(lines[1:]) == {line(server, server.host_keys[0]).strip()}


async def test_a_known_hosts_file_that_cannot_be_read_stops_everything_by_name(
    server: Sshd, account: Account, key: PublicKey, tmp_path: Path
) -> None:
    known = tmp_path / "known_hosts"
    known.mkdir()
    with pytest.raises(SourceRefused, match=f"{known} cannot be read"):
        await server.source(known).add_key(server.node(account), key)


# --- jump hosts -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def bastion() -> Iterator[Sshd]:
    with running_sshd() as sshd:
        yield sshd


def by_way_of(
    bastion: Sshd, account: Account, server: Sshd, tmp_path: Path, *, knows: tuple[Sshd, ...], bastion_key: bool = True
) -> SshSource:
    """A source that reaches everything through the bastion, each with its own admin key."""
    bastion.authorize_admin(account)
    config = tmp_path / "jump_config"
    offered = f"IdentityFile {bastion.base}/keys/admin" if bastion_key else "IdentityFile none"
    config.write_text(
        f"Host the-bastion\n  HostName 127.0.0.1\n  Port {bastion.port}\n  User {account.user}\n  {offered}\n"
        f"Host 127.0.0.1\n  IdentityFile {server.base}/keys/admin\n  ProxyJump the-bastion\n"
        "Host *\n  GlobalKnownHostsFile /dev/null\n"
    )
    known = tmp_path / "known_hosts"
    known.write_text("".join(line(each, each.host_keys[0]) for each in knows))
    stranger = make_key(tmp_path, "stranger")
    assert stranger.path is not None
    return SshSource(SshConfig(config=config, known_hosts=known), KeysConfig(paths=(Path(stranger.path),), agent=False))


async def test_a_key_is_pushed_and_proven_through_a_jump_host(
    server: Sshd, bastion: Sshd, account: Account, key: PublicKey, tmp_path: Path
) -> None:
    source = by_way_of(bastion, account, server, tmp_path, knows=(bastion, server))
    node = server.node(account)
    assert await source.answers(node)
    assert (await source.add_key(node, key)).changed
    assert (await source.prove(node, key)).proven
    assert f"target 127.0.0.1 port {server.port}" in bastion.log()


async def test_eight_nodes_behind_one_jump_host_do_not_flood_it(
    server: Sshd, bastion: Sshd, account: Account, tmp_path: Path
) -> None:
    source = by_way_of(bastion, account, server, tmp_path, knows=(bastion, server))
    logged = len(bastion.log())
    nodes = [replace(server.node(account), name=f"n{number}") for number in range(8)]
    keys = await asyncio.gather(*(source.host_key(node) for node in nodes))
    assert {each.state for each in keys} == {HostKeyState.TRUSTED}
    assert "MaxStartups" not in bastion.log()[logged:]


async def test_an_unknown_jump_host_is_the_one_to_be_trusted_first(
    server: Sshd, bastion: Sshd, account: Account, tmp_path: Path
) -> None:
    source = by_way_of(bastion, account, server, tmp_path, knows=())
    node = server.node(account)
    first = await source.host_key(node)
    assert (first.state, first.host) == (HostKeyState.UNKNOWN, f"[127.0.0.1]:{bastion.port}")
    with pytest.raises(HostKeyUnknown, match=r"^nuc01: jump host the-bastion: "):
        await source.read_account(node)
    await source.trust(node, first.fingerprint)
    second = await source.host_key(node)
    assert (second.state, second.host) == (HostKeyState.UNKNOWN, f"[127.0.0.1]:{server.port}")
    await source.trust(node, second.fingerprint)
    assert (await source.read_account(node)).account == account.user


async def test_a_jump_host_that_forwards_nothing_is_named(server: Sshd, account: Account, tmp_path: Path) -> None:
    with running_sshd("AllowTcpForwarding no") as closed:
        source = by_way_of(closed, account, server, tmp_path, knows=(closed, server))
        with pytest.raises(SourceRefused, match="nuc01: jump host the-bastion does not forward"):
            await source.read_account(server.node(account))


async def test_a_jump_host_that_cannot_reach_the_node_is_named(
    server: Sshd, bastion: Sshd, account: Account, tmp_path: Path
) -> None:
    source = by_way_of(bastion, account, server, tmp_path, knows=(bastion, server))
    gone = replace(server.node(account), port=1)
    with pytest.raises(SourceUnreachable, match=r"nuc01: jump host the-bastion cannot reach 127\.0\.0\.1 port 1"):
        await source.read_account(gone)


async def test_the_configured_bastion_is_the_way_to_every_node_but_itself(
    server: Sshd, bastion: Sshd, account: Account, key: PublicKey, tmp_path: Path
) -> None:
    bastion.authorize_admin(account)
    config = tmp_path / "plain_config"
    config.write_text(
        f"Host *\n  IdentityFile {bastion.base}/keys/admin\n  IdentityFile {server.base}/keys/admin\n"
        "  GlobalKnownHostsFile /dev/null\n"
    )
    known = tmp_path / "known_hosts"
    known.write_text(line(bastion, bastion.host_keys[0]) + line(server, server.host_keys[0]))
    ssh = SshConfig(config=config, known_hosts=known, bastion=f"{account.user}@127.0.0.1:{bastion.port}")
    source = SshSource(ssh, KeysConfig(paths=(Path(key.path or ""),), agent=False))
    forward, before = f"target 127.0.0.1 port {server.port}", bastion.log()
    assert (await source.add_key(server.node(account), key)).changed
    assert bastion.log().count(forward) == before.count(forward) + 1
    itself = replace(bastion.node(account), name="bastion")
    assert (await source.read_account(itself)).account == account.user
    assert f"target 127.0.0.1 port {bastion.port}" not in bastion.log()


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ("ProxyCommand nc %h %p", "ProxyCommand, which homelab does not run"),
        ("ProxyJump a\nHost a\n  ProxyJump b\nHost b\n  ProxyJump a", "lead in a circle"),
        ("NoSuchKeyword yes", "ssh does not accept its configuration: .*nosuchkeyword"),
    ],
)
async def test_a_way_that_cannot_be_gone_is_said(
    server: Sshd, account: Account, tmp_path: Path, lines: str, why: str
) -> None:
    config = tmp_path / "config"
    config.write_text(f"Host 127.0.0.1\n  {lines}\n")
    source = SshSource(SshConfig(config=config), KeysConfig(agent=False))
    with pytest.raises(SourceRefused, match=f"(?i){why}"):
        await source.host_key(server.node(account))
