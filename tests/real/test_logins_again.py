"""A second login to the same account, against Debian's own sshd: what is not asked again, and when it is."""

from pathlib import Path

import pytest

from homelab_tui.domain.errors import CredentialsNeeded, SourceRefused
from homelab_tui.domain.keys import CellState, PublicKey
from homelab_tui.sources.ssh import SshSource
from tests.real.sshd import Account, Sshd, make_key, running_sshd, throw_away_account


def asked(server: Sshd) -> int:
    """How often somebody has asked what the server offers."""
    return server.log().count("method none [preauth]")


def connections(server: Sshd) -> int:
    return server.log().count("Connection from ")


def let_in(server: Sshd, account: Account, *keys: PublicKey) -> None:
    """From now on these keys open the account, and no others."""
    (server.base / "admin" / account.user).write_text("".join(Path(key.path or "").read_text() for key in keys))


def withdraw(server: Sshd, account: Account) -> None:
    """The admin key opens the account no more."""
    let_in(server, account, make_key(server.base / "keys", f"stranger-{account.user}"))


async def test_a_second_reading_says_the_same_and_does_not_ask_what_is_offered(server: Sshd, account: Account) -> None:
    source, node = server.source(), server.node(account)
    before = asked(server)
    first = await source.read_account(node)
    assert asked(server) == before + 1
    assert "publickey" in first.methods
    second = await source.read_account(node)
    assert asked(server) == before + 1
    assert second == first
    source.forget()
    assert await source.read_account(node) == first
    assert asked(server) == before + 2
    await source.close()


async def test_whoever_may_change_the_server_asks_and_so_does_the_next_reading(server: Sshd, account: Account) -> None:
    source, node = server.source(), server.node(account)
    before = asked(server)
    await source.read_account(node)
    await source.probe(node)
    await source.read_account(node)
    assert asked(server) == before + 3
    await source.close()


async def test_a_push_that_follows_a_reading_asks_nothing(server: Sshd, account: Account) -> None:
    source, node = server.source(), server.node(account)
    key = make_key(server.base / "keys", f"guest-{account.user}")
    await source.read_account(node)
    before = asked(server)
    write = await source.add_key(node, key)
    assert write.changed
    assert asked(server) == before
    assert {cell.state for cell in (await source.read_account(node)).cells if cell.fingerprint == key.fingerprint} == {
        CellState.PRESENT
    }
    await source.close()


async def closed_now(server: Sshd, account: Account, source: SshSource) -> Exception:
    """What a reading raises after a good one, when the key was withdrawn in between."""
    node = server.node(account)
    await source.read_account(node)
    withdraw(server, account)
    with pytest.raises(SourceRefused) as caught:
        await source.read_account(node)
    await source.close()
    return caught.value


async def test_a_key_that_opens_no_more_is_told_as_at_a_first_login(server: Sshd, account: Account) -> None:
    before = asked(server)
    error = await closed_now(server, account, server.source())
    assert isinstance(error, CredentialsNeeded)
    assert "the one key offered does not open it" in str(error)
    assert asked(server) == before + 2


@pytest.mark.parametrize("tries", [2, 3])
async def test_what_was_tried_as_before_does_not_count_against_the_next_key(tries: int, tmp_path: Path) -> None:
    """The first key opens no more, the second does: a server that takes few tries lets the second one in."""
    with running_sshd(f"MaxAuthTries {tries}") as server, throw_away_account(server) as account:
        second = make_key(tmp_path, "second")
        source, node = server.source(keys=(server.admin, second)), server.node(account)
        assert (await source.read_account(node)).login_fingerprint == server.admin.fingerprint
        let_in(server, account, second)
        assert (await source.read_account(node)).login_fingerprint == second.fingerprint
        await source.close()


async def test_a_key_that_was_replaced_in_place_is_told_as_the_one_that_it_is(
    server: Sshd, account: Account, tmp_path: Path
) -> None:
    mine, other = make_key(tmp_path, "mine"), make_key(tmp_path, "other")
    let_in(server, account, mine, other)
    source, node = server.source(keys=(mine,)), server.node(account)
    assert (await source.read_account(node)).login_fingerprint == mine.fingerprint
    for name in ("other", "other.pub"):
        (tmp_path / name).replace(tmp_path / name.replace("other", "mine"))
    assert (await source.read_account(node)).login_fingerprint == other.fingerprint
    await source.close()


async def test_a_server_that_hangs_up_at_the_first_wrong_key_is_asked_on_a_new_connection() -> None:
    with running_sshd("MaxAuthTries 1") as server, throw_away_account(server) as account:
        error = await closed_now(server, account, server.source())
        assert "ended the connection during the login" in str(error)
        assert asked(server) == 2
        # One for `speaks_ssh`, one that read, one that was refused, one that asked first.
        assert connections(server) == 4


async def test_the_cipher_authenticates_by_itself(server: Sshd, account: Account) -> None:
    source = server.source()
    await source.read_account(server.node(account))
    assert "kex: client->server cipher: aes128-gcm@openssh.com MAC: <implicit>" in server.log()
    await source.close()
