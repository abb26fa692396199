"""Key-only sshd against Debian's own: what would lock its owner out is caught, put back, and access proven again."""

import asyncio
from pathlib import Path

import pytest

from homelab_tui.domain.errors import HomelabError, SourceRefused
from homelab_tui.domain.keys import PublicKey
from homelab_tui.domain.nodes import Node
from homelab_tui.sources.ssh import SshSource
from homelab_tui.sources.ssh_hardening_scripts import CONTENT
from tests.keygen import key_text
from tests.labs import until
from tests.real.administered_sshd import AdministeredSshd, administered
from tests.real.sshd import Account, make_key, needs_root

pytestmark = needs_root


def mine(server: AdministeredSshd, account: Account, tmp_path: Path) -> tuple[SshSource, PublicKey]:
    """A source whose one key opens the account."""
    key = make_key(tmp_path, "mine")
    account.write(".ssh/authorized_keys", f"{key_text(key.blob)} mine\n".encode())
    server.let_become_root(account)
    return server.source(keys=(key,), admin=False), key


async def offers_password(source: SshSource, server: AdministeredSshd, account: Account) -> bool | None:
    return (await source.read_account(server.node(account))).password_login


async def test_a_node_takes_keys_only_and_can_be_asked_back(tmp_path: Path) -> None:
    with administered(alone=True) as (server, account):
        (server.drop_ins / "50-cloud-init.conf").write_text("PasswordAuthentication yes\n")
        source, key = mine(server, account, tmp_path)
        node, stages = server.node(account), list[str]()
        assert await offers_password(source, server, account) is True
        change = await source.harden(node, stages.append)
        assert (change.changed, change.proven) == (True, True)
        assert server.drop_in.read_text() == CONTENT
        assert await offers_password(source, server, account) is False
        assert server.armed == []
        await asyncio.sleep(0)
        assert stages[0] == "proving the key…"
        assert stages[-1] == "disarming the rollback…"
        again = await source.harden(node, stages.append)
        assert (again.changed, again.proven) == (False, True)
        undone = await source.harden(node, stages.append, undo=True)
        assert (undone.changed, undone.proven) == (True, True)
        assert not server.drop_in.exists()
        assert await offers_password(source, server, account) is True
        assert (await source.prove(node, key)).proven


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("AllowUsers somebodyelse", "sshd lets only others in"),
        ("AllowGroups somebodyelse", "sshd lets only other groups in"),
        ("PubkeyAuthentication no", "pubkeyauthentication no"),
        ("RevokedKeys /nonexistent/krl", "cannot be read (RevokedKeys)"),
        ("AuthorizedKeysFile none\nAuthorizedKeysCommand none", "AuthorizedKeysFile none"),
        ("ForceCommand /bin/true", "ForceCommand"),
        ("PubkeyAcceptedAlgorithms rsa-sha2-512", "a fresh login with the key is refused"),
        ("Match LocalAddress 127.0.0.1\nPasswordAuthentication yes", "passwordauthentication yes"),
    ],
)
async def test_what_sshd_t_does_not_see_is_caught_before_it_comes_into_force(
    tmp_path: Path, line: str, why: str
) -> None:
    with administered(alone=True) as (server, account):
        source, key = mine(server, account, tmp_path)
        (server.base / "admin" / account.user).write_text("")  # no second way in
        # Written and never reloaded: a reload of ours would bring it into force.
        (server.drop_ins / "00-a-trap.conf").write_text(f"{line}\n")
        node = server.node(account)
        with pytest.raises(SourceRefused, match="not hardened") as caught:
            await source.harden(node, lambda _stage: None)
        assert why in str(caught.value)
        assert "it was put back, and access is proven again" in str(caught.value)
        assert not server.drop_in.exists()
        assert server.armed == []
        assert "Received SIGHUP" not in server.log()
        assert (await source.prove(node, key)).proven


async def test_what_shows_only_in_a_real_login_is_put_back_after_the_reload(tmp_path: Path) -> None:
    with administered(alone=True) as (server, account):
        source, key = mine(server, account, tmp_path)
        (server.base / "admin" / account.user).write_text("")  # no second way in
        trap = server.drop_ins / "00-a-trap.conf"
        trap.write_text("Match Address 127.0.0.1\nPubkeyAcceptedAlgorithms rsa-sha2-512\n")
        node = server.node(account)

        async def mend() -> None:
            """The trap is the owner's own; when he has mended it, the second reload lets the key in again."""
            # Not at "Received SIGHUP": the configuration is read after that, and the mended one would be.
            await until(lambda: server.log().count("Server listening on") == 2)
            trap.unlink()

        mending = asyncio.create_task(mend())
        with pytest.raises(SourceRefused, match=r"fresh login with the key is refused.*access is proven again"):
            await source.harden(node, lambda _stage: None)
        await mending
        assert server.log().count("Server listening on") == 3  # the start, our reload, and the rollback's
        assert not server.drop_in.exists()
        assert server.armed == []
        assert (await source.prove(node, key)).proven


async def test_an_older_drop_in_of_ours_comes_back(tmp_path: Path) -> None:
    with administered(alone=True) as (server, account):
        source, _ = mine(server, account, tmp_path)
        server.drop_in.write_text("# older\nMaxAuthTries 7\n")
        (server.drop_ins / "00-a-trap.conf").write_text("PasswordAuthentication yes\n")
        with pytest.raises(SourceRefused, match=r"passwordauthentication yes.*access is proven again"):
            await source.harden(server.node(account), lambda _stage: None)
        assert server.drop_in.read_text() == "# older\nMaxAuthTries 7\n"
        assert server.armed == []


async def test_a_configuration_that_is_broken_already_is_left_alone(tmp_path: Path) -> None:
    with administered(alone=True) as (server, account):
        source, _ = mine(server, account, tmp_path)
        (server.drop_ins / "90-typo.conf").write_text("PermitRotLogin no\n")
        with pytest.raises(SourceRefused, match=r"broken already .*PermitRotLogin.*nothing was changed"):
            await source.harden(server.node(account), lambda _stage: None)
        assert server.armed == []
        assert not server.drop_in.exists()


async def test_nothing_is_written_where_the_rollbacks_timer_cannot_be_started(tmp_path: Path) -> None:
    with administered(programs={"setsid": "exit 1"}, alone=True) as (server, account):
        source, _ = mine(server, account, tmp_path)
        with pytest.raises(SourceRefused, match=r"timer cannot be started.*nothing was changed"):
            await source.harden(server.node(account), lambda _stage: None)
        assert server.armed == []
        assert not server.drop_in.exists()


@pytest.mark.parametrize("at", ["writing the drop-in…", "reloading sshd…", "proving by a fresh login…"])
async def test_when_homelab_dies_half_way_the_node_puts_everything_back_by_itself(tmp_path: Path, at: str) -> None:
    with administered(alone=True) as (server, account):
        source, key = mine(server, account, tmp_path)
        source.rollback_s = 2
        await died_at(at, source, server.node(account))
        await until(lambda: server.armed == [] and not server.drop_in.exists())
        other = server.source(keys=(key,), admin=False)
        await until(lambda: proves(other, server, account, key))
        assert await offers_password(other, server, account) is True


async def test_without_sudo_or_without_a_key_nothing_is_begun(tmp_path: Path) -> None:
    with administered(alone=True) as (server, account):
        key = make_key(tmp_path, "mine")
        account.write(".ssh/authorized_keys", f"{key_text(key.blob)} mine\n".encode())
        source = server.source(keys=(key,), admin=False)
        with pytest.raises(SourceRefused, match=r"needs sudo without a password .*nothing was changed"):
            await source.harden(server.node(account), lambda _stage: None)
        assert server.armed == []


async def died_at(stage: str, source: SshSource, node: Node) -> None:
    """A hardening whose program died there: every connection is closed under it, as a kill -9 would."""
    reached = asyncio.Event()
    work = asyncio.create_task(source.harden(node, lambda text: reached.set() if text == stage else None))
    await asyncio.wait_for(reached.wait(), 30)
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)


async def proves(source: SshSource, server: AdministeredSshd, account: Account, key: PublicKey) -> bool:
    """Whether the key opens the account just now."""
    try:
        return (await source.prove(server.node(account), key)).proven is True
    except HomelabError:
        return False
