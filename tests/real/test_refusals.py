"""An sshd that says no is not asked the same again at once: Debian's own, and one that bars this address."""

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from homelab_tui.config.model import Config, KeysConfig
from homelab_tui.domain.errors import CredentialsNeeded, SourceError, SourceUnreachable
from homelab_tui.domain.keys import PublicKey
from homelab_tui.domain.nodes import Node
from homelab_tui.domain.secrets import Secret
from homelab_tui.engine.lab import Lab
from homelab_tui.engine.wires import Sources
from homelab_tui.sources.ssh import SshSource
from tests.keygen import key_text
from tests.listeners import serving
from tests.real.sshd import Account, Sshd, make_key, needs_root, running_sshd, throw_away_account

PASSWORD = Secret("correct horse")
OPTIONS = ("UsePAM yes", "PasswordAuthentication yes", "KbdInteractiveAuthentication no")


def failures(server: Sshd) -> int:
    """Connections that newer servers would hold against us."""
    return server.log().count("Failed publickey")


@contextlib.contextmanager
def closed_account(tmp_path: Path) -> Iterator[tuple[Sshd, Account, SshSource, PublicKey]]:
    """An account that a password opens, and no key of mine."""
    with running_sshd(*OPTIONS) as server, throw_away_account(server, password=PASSWORD.reveal()) as account:
        (server.base / "admin" / account.user).write_text("")
        key = make_key(tmp_path, "mine")
        yield server, account, server.source(keys=(key,), admin=False), key


@needs_root
async def test_readings_of_a_closed_account_and_the_push_that_opens_it_are_refused_once(tmp_path: Path) -> None:
    """What a dashboard does in its first seconds. At 15 s, three refusals, OpenSSH 9.8 and later bar the address."""
    with closed_account(tmp_path) as (server, account, source, key):
        node = server.node(account)
        asks: tuple[Callable[[], object], ...] = (
            lambda: source.probe(node),
            lambda: source.read_account(node),
            lambda: source.add_key(node, key),
            lambda: source.pending_updates(node),
        )
        for ask in asks:
            with pytest.raises(CredentialsNeeded, match="the one key offered does not open it; it would take") as said:
                await ask()  # type: ignore[misc]
            assert said.value.password_possible
        assert failures(server) == 1
        assert (await source.add_key(node, key, password=PASSWORD)).changed
        assert (await source.read_account(node)).account == account.user  # at once: it is open now
        assert failures(server) == 2  # the key was offered before the password, on the same connection


@needs_root
async def test_no_password_is_asked_for_when_the_host_key_of_a_closed_account_has_changed(tmp_path: Path) -> None:
    """That no key opens it is remembered; that the server is another one since then must be seen all the same."""
    with closed_account(tmp_path) as (server, account, _, key):
        node = server.node(account)
        known = server.known_hosts()
        lab = Lab(Config(nodes=(node,)), Sources(server.source(known, keys=(key,), admin=False)), tmp_path / "state")
        try:
            assert "a password would do" in (await lab.keys.push(node, key)).detail
            assert lab.keys.wants_password(node)
            known.write_text(f"[127.0.0.1]:{server.port} {key_text(make_key(tmp_path, 'another').blob)}\n")
            result = await lab.keys.push(node, key)
            assert "HOST KEY CHANGED" in result.detail
            assert server.host_keys[0].fingerprint in result.detail
            assert not lab.keys.wants_password(node)
        finally:
            await lab.close()


async def refused_and_then_opened(server: Sshd, account: Account, source: SshSource, key: PublicKey) -> Node:
    """My key was refused, and then somebody else has let it in."""
    node = server.node(account)
    with pytest.raises(CredentialsNeeded):
        await source.read_account(node)
    account.write(".ssh/authorized_keys", f"{key_text(key.blob)} by somebody else\n".encode())
    return node


@needs_root
async def test_who_wants_to_know_is_told_anew(tmp_path: Path) -> None:
    with closed_account(tmp_path) as (server, account, source, key):
        node = await refused_and_then_opened(server, account, source, key)
        with pytest.raises(CredentialsNeeded):
            await source.read_account(node)
        source.forget()  # ctrl+r
        assert (await source.read_account(node)).account == account.user
        assert failures(server) == 1


@needs_root
async def test_a_proof_is_never_answered_from_memory(tmp_path: Path) -> None:
    with closed_account(tmp_path) as (server, account, source, key):
        node = await refused_and_then_opened(server, account, source, key)
        assert (await source.prove(node, key)).proven
        assert (await source.read_account(node)).account == account.user  # the proof was a login, too


@needs_root
async def test_a_jump_host_that_no_key_opens_is_asked_once_for_all_nodes_behind_it(tmp_path: Path) -> None:
    with closed_account(tmp_path) as (server, account, _, key):
        ssh = tmp_path / "ssh_config"
        ssh.write_text(
            f"Host jump\n  HostName 127.0.0.1\n  Port {server.port}\n  User {account.user}\n"
            f"Host behind*\n  ProxyJump jump\n"
            f"Host *\n  IdentityFile {key.private_path}\n  UserKnownHostsFile {server.known_hosts()}\n"
        )
        keys = KeysConfig(paths=(Path(key.path or ""),), agent=False)
        source = SshSource(replace(server.config(admin=False), config=ssh), keys)
        for number in range(6):
            node = Node(f"n{number}", f"behind{number}", user=account.user, port=22)
            with pytest.raises(CredentialsNeeded, match="jump"):
                await source.read_account(node)
        assert failures(server) == 1


@dataclass
class Barring:
    """What OpenSSH 9.8 and later do to an address that has failed too often: a line, and the end."""

    said: bytes
    connections: int = 0
    listener: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))

    @property
    def port(self) -> int:
        return int(self.listener.getsockname()[1])

    def serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                wire, _ = self.listener.accept()
                self.connections += 1
                with wire, contextlib.suppress(OSError):
                    wire.sendall(self.said)


@contextlib.contextmanager
def barring(said: bytes) -> Iterator[Barring]:
    server = Barring(said)
    with serving(server.listener, server.serve):
        yield server


def at(port: int, name: str = "nuc01") -> Node:
    return Node(name, "127.0.0.1", user="me", port=port)


async def test_a_server_that_bars_this_address_is_named_with_its_cure_and_left_in_peace(
    server: Sshd, key: PublicKey
) -> None:
    with barring(b"Not allowed at this time\r\n") as bars:
        source = server.source(keys=(key,), admin=False)
        words = r"^nuc01: its sshd takes no connection from here .*PerSourcePenalties.*Wait 15 s.*PenaltyExemptList"
        with pytest.raises(SourceUnreachable, match=words):
            await source.host_key(at(bars.port))
        assert bars.connections == 3  # it may be MaxStartups, which says the same
        work = (source.read_account, source.probe, source.host_key)
        results = await asyncio.gather(*(ask(at(bars.port)) for ask in work), return_exceptions=True)
        assert all(isinstance(result, SourceUnreachable) for result in results)
        assert bars.connections == 3
        source.forget()
        with pytest.raises(SourceUnreachable):
            await source.host_key(at(bars.port))
        assert bars.connections == 6


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (b"Exceeded MaxStartups\r\n", r"hung up before its greeting.*too many logins at once \(MaxStartups\)"),
        (b"", "hung up before its greeting.*or barred"),
        (b"\x1b]0;owned\x07 go away\r\n", "hung up before its greeting.*or barred"),
        (b"Not allowed at this time\r\n" * 10_000, "is not an SSH server"),
    ],
)
async def test_whatever_is_said_instead_of_a_greeting_is_an_error_in_words(
    server: Sshd, key: PublicKey, said: bytes, words: str
) -> None:
    with barring(said) as bars:
        with pytest.raises(SourceError, match=words) as error:
            await server.source(keys=(key,), admin=False).host_key(at(bars.port))
        assert "\x1b" not in str(error.value)
