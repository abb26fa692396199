"""A server that counts failed logins (OpenSSH 9.8 and later) is given the time to forget them."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from time import monotonic

import paramiko
import pytest
from paramiko.common import AUTH_FAILED

from homelab_tui.config.model import KeysConfig, SshConfig
from homelab_tui.domain.errors import CredentialsNeeded
from homelab_tui.domain.nodes import Node
from homelab_tui.sources.ssh import SshSource
from tests.listeners import serving
from tests.wire.ssh_lab import new_key


class Refuses(paramiko.ServerInterface):
    """Nobody's key opens anything."""

    def get_allowed_auths(self, username: str) -> str:
        return "publickey,password"

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        return int(AUTH_FAILED)


class Refusing:
    """A server of some version, and when it was connected to."""

    def __init__(self, version: str) -> None:
        self.version = version
        self.at: list[float] = []
        self.host_key = paramiko.RSAKey.generate(2048)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self.listener.getsockname()[1])
        self.transports: list[paramiko.Transport] = []

    def serve(self) -> None:
        """Until the listener is closed."""
        with contextlib.suppress(OSError):
            while True:
                wire, _ = self.listener.accept()
                self.at.append(monotonic())
                transport = paramiko.Transport(wire)
                transport.local_version = f"SSH-2.0-{self.version}"
                transport.add_server_key(self.host_key)
                transport.start_server(threading.Event(), Refuses())
                self.transports.append(transport)


@contextlib.contextmanager
def refusing(version: str) -> Iterator[Refusing]:
    server = Refusing(version)
    try:
        with serving(server.listener, server.serve):
            yield server
    finally:
        for transport in server.transports:
            transport.close()


async def test_the_third_account_that_is_closed_waits_until_the_server_has_forgotten_enough(tmp_path: Path) -> None:
    key = tmp_path / "id_test"
    key.with_suffix(".pub").write_text(new_key(key))
    with refusing("OpenSSH_9.9p2") as server:
        known = tmp_path / "known_hosts"
        known.write_text(f"[127.0.0.1]:{server.port} ssh-rsa {server.host_key.get_base64()}\n")
        config = tmp_path / "config"
        config.write_text("")
        keys = KeysConfig(paths=(key.with_suffix(".pub"),), agent=False)
        source = SshSource(SshConfig(config=config, known_hosts=known), keys)
        for user in ("kkato", "root", "pi"):
            with pytest.raises(CredentialsNeeded):
                await source.read_account(Node("rpi01", "127.0.0.1", user=user, port=server.port))
        await source.close()
        _, second, third = server.at
        assert third - second > 0.9  # 10 s are on our account, less what has passed: one of them is waited for
