"""How often a server is connected to and logged in to: no more than what is done there needs."""

import asyncio
from pathlib import Path

import pytest

from homelab_tui.config.model import Config, KeysConfig
from homelab_tui.domain.errors import HostKeyUnknown
from homelab_tui.domain.keys import PublicKey
from homelab_tui.domain.nodes import Node
from homelab_tui.domain.values import replace
from homelab_tui.engine.lab import Lab
from homelab_tui.engine.wires import Sources
from homelab_tui.sources.ssh import SshSource
from tests.keygen import key_text
from tests.labs import until
from tests.real.links import Link, running
from tests.real.sshd import Account, Sshd


def known_hosts(server: Sshd, link: Link, tmp_path: Path) -> Path:
    known = tmp_path / "link_known_hosts"
    known.write_text(f"[127.0.0.1]:{link.port} {key_text(server.host_keys[0].blob)}\n")
    return known


def logins(server: Sshd, account: Account) -> int:
    return server.log().count(f"Accepted publickey for {account.user}")


def reach(server: Sshd, account: Account, link: Link, tmp_path: Path) -> tuple[SshSource, Node]:
    keys = KeysConfig(paths=(server.base / "keys" / "admin.pub",), agent=False)
    source = SshSource(server.config(known_hosts(server, link, tmp_path)), keys)
    return source, replace(server.node(account), port=link.port)


async def test_who_has_looked_at_the_host_key_logs_in_on_the_same_connection(
    server: Sshd, account: Account, tmp_path: Path
) -> None:
    with running(Link(server.port)) as link:
        source, node = reach(server, account, link, tmp_path)
        await source.host_key(node)
        assert (await source.read_account(node)).account == account.user
        assert (link.connections, logins(server, account)) == (1, 1)
        await source.read_account(node)
        assert link.connections == 2
        await source.close()


async def test_another_look_and_a_proof_are_connections_of_their_own(
    server: Sshd, account: Account, key: PublicKey, tmp_path: Path
) -> None:
    account.write(".ssh/authorized_keys", f"{key_text(key.blob)}\n".encode())
    with running(Link(server.port)) as link:
        source, node = reach(server, account, link, tmp_path)
        await source.host_key(node)
        await source.host_key(node)
        assert link.connections == 2
        assert (await source.prove(node, key)).proven
        assert link.connections == 3
        await source.close()


async def test_the_door_of_a_server_that_nobody_trusts_is_not_left_open(
    server: Sshd, account: Account, tmp_path: Path
) -> None:
    with running(Link(server.port)) as link:
        source, node = reach(server, account, link, tmp_path)
        (tmp_path / "link_known_hosts").write_text("")
        await source.host_key(node)
        (tmp_path / "link_known_hosts").write_text(f"[127.0.0.1]:{link.port} {key_text(server.host_keys[0].blob)}\n")
        assert (await source.read_account(node)).account == account.user
        (tmp_path / "link_known_hosts").write_text("")
        with pytest.raises(HostKeyUnknown):
            await source.read_account(node)
        await source.close()


async def test_a_door_that_was_shut_meanwhile_is_no_error(server: Sshd, account: Account, tmp_path: Path) -> None:
    with running(Link(server.port)) as link:
        source, node = reach(server, account, link, tmp_path)
        await source.host_key(node)
        link.cut()
        assert (await source.read_account(node)).account == account.user
        assert link.connections == 2
        await source.close()


async def test_closing_shuts_a_door_that_was_left_open(server: Sshd, account: Account, tmp_path: Path) -> None:
    with running(Link(server.port)) as link:
        source, node = reach(server, account, link, tmp_path)
        await source.host_key(node)
        logged = len(server.log())
        await source.close()
        await until(lambda: "Connection closed by" in server.log()[logged:])


async def test_a_push_costs_two_logins_and_brings_the_matrix_up_to_date(
    server: Sshd, account: Account, key: PublicKey, tmp_path: Path
) -> None:
    with running(Link(server.port)) as link:
        source, node = reach(server, account, link, tmp_path)
        lab = Lab(Config(nodes=(node,)), Sources(source), tmp_path / "state")
        await lab.read(("keys",))
        assert (link.connections, logins(server, account)) == (1, 1)
        result = await lab.keys.push(node, key)
        assert (result.ok, result.proven) == (True, True)
        assert (link.connections, logins(server, account)) == (3, 3)
        ((_, reading),) = lab.store.state.accounts
        assert reading.value is not None
        assert [cell.fingerprint for cell in reading.value.cells] == [key.fingerprint]
        by_itself = await source.read_account(node)
        assert reading.value == replace(by_itself, server_version=reading.value.server_version)
        await asyncio.wait_for(lab.close(), 5)
