"""Keys, agents, passwords and certificates at the door of Debian's own sshd."""

import contextlib
import os
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from homelab_tui.config.model import KeysConfig
from homelab_tui.domain.errors import ConfigError, CredentialsNeeded, SourceRefused
from homelab_tui.domain.keys import ProofState, PublicKey
from homelab_tui.domain.secrets import Secret
from homelab_tui.domain.values import replace
from homelab_tui.sources.key_files import read_public_key
from homelab_tui.sources.ssh import SshSource
from tests.keygen import key_text
from tests.real.sshd import Account, Sshd, make_key, needs_root, running_sshd, throw_away_account
from tests.servers import require_binary


@pytest.fixture
def agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A real ssh-agent of this test's own."""
    path = tmp_path / "agent.sock"
    process = subprocess.Popen([str(require_binary("ssh-agent")), "-D", "-a", str(path)], stdout=subprocess.DEVNULL)
    end = time.monotonic() + 5
    while not path.exists() and time.monotonic() < end:
        time.sleep(0.01)
    monkeypatch.setenv("SSH_AUTH_SOCK", str(path))
    yield path
    process.terminate()
    process.wait(timeout=5)


def load_into_agent(key: PublicKey, passphrase: str = "") -> None:
    """ssh-add, the passphrase by an askpass program as ssh-add wants it."""
    assert key.private_path is not None
    askpass = Path(key.private_path).with_name("askpass")
    askpass.write_text(f"#!/bin/sh\necho '{passphrase}'\n")
    askpass.chmod(0o700)
    environment = {**os.environ, "SSH_ASKPASS": str(askpass), "SSH_ASKPASS_REQUIRE": "force", "DISPLAY": ":9"}
    subprocess.run(
        [str(require_binary("ssh-add")), key.private_path],
        check=True,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
    )


def with_agent(server: Sshd, *keys: PublicKey) -> SshSource:
    """A source that may use the agent, and no admin key by file."""
    config = KeysConfig(paths=tuple(Path(key.path) for key in keys if key.path), agent=True)
    return SshSource(server.config(admin=False), config)


def lock(account: Account) -> None:
    """As `passwd -l` does: `!` before the password's hash."""
    subprocess.run([str(require_binary("usermod")), "-L", account.user], check=True)


async def test_a_key_with_a_passphrase_is_not_proven_and_never_asked_about(
    server: Sshd, account: Account, tmp_path: Path
) -> None:
    locked = make_key(tmp_path, "locked", "-t", "ed25519", "-N", "a passphrase")
    source = server.source()
    await source.add_key(server.node(account), locked)
    proof = await source.prove(server.node(account), locked)
    assert (proof.state, proof.proven) == (ProofState.NOT_POSSIBLE, None)
    assert f"{locked.private_path} is protected by a passphrase; load it into the agent" in proof.detail


@needs_root
@pytest.mark.parametrize("pam", ["yes", "no"])
async def test_a_locked_account_takes_a_key_under_pam_and_none_without(tmp_path: Path, pam: str) -> None:
    key = make_key(tmp_path, "mine")
    with running_sshd(f"UsePAM {pam}") as server, throw_away_account(server, password="before") as account:
        source, node = server.source(keys=(key,), admin=False), server.node(account)
        account.write(".ssh/authorized_keys", f"{key_text(key.blob)} mine\n".encode())
        assert (await source.prove(node, key)).proven is True
        lock(account)
        proof = await source.prove(node, key)
        assert proof.state is (ProofState.PROVEN if pam == "yes" else ProofState.FAILED)
        if pam == "no":
            with pytest.raises(CredentialsNeeded):
                await source.read_account(node)


async def test_a_configured_key_file_that_is_missing_keeps_nobody_out(server: Sshd, account: Account) -> None:
    keys = KeysConfig(paths=(server.base / "keys" / "not-here.pub",), agent=False)
    source = SshSource(server.config(), keys)
    assert (await source.read_account(server.node(account))).account == account.user
    with pytest.raises(ConfigError, match=r"not-here\.pub: cannot be read"):
        await source.read_my_keys()


async def test_a_key_without_its_private_half_is_not_proven(server: Sshd, account: Account, key: PublicKey) -> None:
    proof = await server.source().prove(server.node(account), replace(key, private_path=None))
    assert (proof.state, proof.proven) == (ProofState.NOT_POSSIBLE, None)
    assert "private half is not on this machine" in proof.detail


async def test_a_private_half_that_belongs_to_another_key_proves_nothing(
    server: Sshd, account: Account, key: PublicKey, tmp_path: Path
) -> None:
    other = make_key(tmp_path, "other")
    account.write(".ssh/authorized_keys", f"{key_text(other.blob)}\n".encode())
    proof = await server.source().prove(server.node(account), replace(key, private_path=other.private_path))
    assert proof.state is ProofState.NOT_POSSIBLE
    assert "is not the private half of" in proof.detail


@pytest.mark.parametrize("options", [("-t", "ed25519"), ("-t", "ecdsa", "-b", "384"), ("-t", "rsa", "-b", "2048")])
async def test_the_agent_proves_a_key_of_any_type_that_only_it_can_open(
    server: Sshd, account: Account, agent: Path, tmp_path: Path, options: tuple[str, ...]
) -> None:
    locked = make_key(tmp_path, "locked", *options, "-N", "a passphrase")
    load_into_agent(make_key(tmp_path, "decoy"))
    load_into_agent(locked, "a passphrase")
    await server.source().add_key(server.node(account), locked)
    source = with_agent(server, locked)
    logged = len(server.log())
    proof = await source.prove(server.node(account), locked)
    assert proof.state is ProofState.PROVEN, proof
    assert "decoy" not in server.log()[logged:]
    assert server.log()[logged:].count("Postponed publickey") <= 1
    assert (await source.read_account(server.node(account))).login_fingerprint == locked.fingerprint
    mine = {key.fingerprint: key for key in await source.read_my_keys()}
    assert mine[locked.fingerprint].in_agent
    assert len(mine) == 2


async def test_a_key_file_of_every_format_logs_in(server: Sshd, account: Account, tmp_path: Path) -> None:
    formats: dict[str, tuple[str, ...]] = {
        "pem-rsa": ("-t", "rsa", "-b", "2048", "-m", "PEM"),
        "pem-ecdsa": ("-t", "ecdsa", "-b", "256", "-m", "PEM"),
        "pkcs8-rsa": ("-t", "rsa", "-b", "2048", "-m", "PKCS8"),
        "openssh-rsa": ("-t", "rsa", "-b", "3072"),
        "openssh-p521": ("-t", "ecdsa", "-b", "521"),
    }
    for name, options in formats.items():
        key = make_key(tmp_path, name, *options)
        source = server.source()
        await source.add_key(server.node(account), key)
        assert (await source.prove(server.node(account), key)).state is ProofState.PROVEN, name


def sign(authority: Path, key: PublicKey, user: str) -> None:
    """A certificate beside the key."""
    command = [str(require_binary("ssh-keygen")), "-q", "-s", str(authority), "-I", "me", "-n", user, key.path or ""]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)


async def test_a_certificate_beside_the_key_never_proves_it(account: Account, tmp_path: Path, key: PublicKey) -> None:
    authority = make_key(tmp_path, "ca")
    sign(tmp_path / "ca", key, account.user)
    assert (tmp_path / "mine-cert.pub").exists()
    trusted = tmp_path / "trusted"
    trusted.write_text(f"{key_text(authority.blob)}\n")
    with running_sshd(f"TrustedUserCAKeys {trusted}") as server:
        server.authorize_admin(account)
        proof = await server.source().prove(server.node(account), key)
        assert proof.state is ProofState.FAILED
        assert "ED25519-CERT" not in server.log()


async def test_an_agent_full_of_wrong_keys_does_not_use_up_the_tries(
    server: Sshd, account: Account, agent: Path, tmp_path: Path, key: PublicKey
) -> None:
    for number in range(8):
        load_into_agent(make_key(tmp_path, f"wrong{number}"))
    await server.source().add_key(server.node(account), key)
    assert (await with_agent(server, key).read_account(server.node(account))).login_fingerprint == key.fingerprint
    with pytest.raises(CredentialsNeeded, match=r"none of the 5 keys.*only the first 5 keys were offered"):
        await with_agent(server, make_key(tmp_path, "unknown")).read_account(server.node(account))


async def test_a_server_with_fewer_tries_is_told_apart_from_a_refusal(
    account: Account, tmp_path: Path, agent: Path
) -> None:
    for number in range(4):
        load_into_agent(make_key(tmp_path, f"wrong{number}"))
    with running_sshd("MaxAuthTries 2") as strict:
        strict.authorize_admin(account)
        with pytest.raises(SourceRefused, match="ended the connection during the login"):
            await with_agent(strict, make_key(tmp_path, "unknown")).read_account(strict.node(account))


async def test_a_hung_agent_holds_nothing_up(
    server: Sshd, account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: PublicKey
) -> None:
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as deaf:
        path = tmp_path / "hung.sock"
        deaf.bind(str(path))
        deaf.listen(8)
        monkeypatch.setenv("SSH_AUTH_SOCK", str(path))
        await server.source().add_key(server.node(account), key)
        source = with_agent(server, key)
        started = time.monotonic()
        keys = await source.read_my_keys()
        assert [each.fingerprint for each in keys] == [key.fingerprint]
        assert (await source.read_account(server.node(account))).account == account.user
        assert time.monotonic() - started < 5.0


async def test_an_agent_that_refuses_to_sign_leaves_the_next_key_its_chance(
    server: Sshd, account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: PublicKey
) -> None:
    await server.source().add_key(server.node(account), key)
    held = make_key(tmp_path, "held")
    with refusing_agent(tmp_path / "no.sock", held) as path:
        monkeypatch.setenv("SSH_AUTH_SOCK", str(path))
        source = SshSource(
            server.config(admin=False), KeysConfig(paths=(Path(held.path or ""), Path(key.path or "")), agent=True)
        )
        os.unlink(held.private_path or "")
        source_key = (await source.read_account(server.node(account))).login_fingerprint
        assert source_key == key.fingerprint
        proof = await source.prove(server.node(account), read_public_key(Path(held.path or "")))
        assert proof.state is ProofState.FAILED


@contextlib.contextmanager
def refusing_agent(path: Path, key: PublicKey) -> Iterator[Path]:
    """An agent that lists a key and signs with none, as one does whose owner says no."""

    def field(data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + data

    listing = field(b"\x0c" + (1).to_bytes(4, "big") + field(key.blob) + field(b"held"))

    def serve() -> None:
        while True:
            try:
                wire, _ = listener.accept()
            except OSError:
                return
            with wire:
                request = wire.recv(65536)
                wire.sendall(listing if request[4:5] == b"\x0b" else field(b"\x05"))

    with contextlib.closing(socket.socket(socket.AF_UNIX)) as listener:
        listener.bind(str(path))
        listener.listen(8)
        threading.Thread(target=serve, daemon=True).start()
        yield path
        listener.shutdown(socket.SHUT_RDWR)


@needs_root
async def test_a_password_opens_a_fresh_account_once_and_is_nowhere_to_be_seen(
    server: Sshd, key: PublicKey, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with throw_away_account(server, password="correct horse") as account:
        source = server.source(keys=(key,), admin=False)
        node = server.node(account)
        with pytest.raises(CredentialsNeeded, match="it would take a password") as caught:
            await source.add_key(node, key)
        assert caught.value.password_possible
        with pytest.raises(CredentialsNeeded, match=f"the password for {account.user} was refused") as refused:
            await source.add_key(node, key, password=Secret("wrong horse"))
        write = await source.add_key(node, key, password=Secret("correct horse"))
        proof = await source.prove(node, key)
        assert (write.changed, proof.proven) == (True, True)
        for text in (str(refused.value), repr(refused.value), write.detail, proof.detail, caplog.text, server.log()):
            assert "horse" not in text


@needs_root
async def test_a_right_password_never_helps_a_wrong_key_to_its_proof(server: Sshd, key: PublicKey) -> None:
    with throw_away_account(server, password="correct horse") as account:
        proof = await server.source(keys=(key,)).prove(server.node(account), key)
        assert proof.state is ProofState.FAILED


@needs_root
async def test_a_server_without_passwords_says_so(key: PublicKey) -> None:
    lines = ("PasswordAuthentication no", "KbdInteractiveAuthentication no")
    with running_sshd(*lines) as closed, throw_away_account(closed, password="correct horse") as account:
        source = closed.source(keys=(key,), admin=False)
        with pytest.raises(CredentialsNeeded, match="it takes no password either") as caught:
            await source.add_key(closed.node(account), key, password=Secret("correct horse"))
        assert not caught.value.password_possible
        assert (await closed.source().read_account(closed.node(account))).password_login is False


@needs_root
async def test_a_key_alone_is_not_enough_where_two_methods_are_asked_for(key: PublicKey) -> None:
    both = "AuthenticationMethods publickey,password"
    with running_sshd(both) as strict, throw_away_account(strict, password="correct horse") as account:
        source = strict.source()
        with pytest.raises(CredentialsNeeded, match="the key is accepted, but the server wants password too"):
            await source.read_account(strict.node(account))
