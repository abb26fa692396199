"""One SSH connection to a demo node, on paramiko's server side: login, commands, shells and forwardings."""

import contextlib
import hmac
import socket
import struct
import time
from dataclasses import dataclass, field
from threading import Event, Thread

import paramiko
from paramiko.common import (
    AUTH_FAILED,
    AUTH_SUCCESSFUL,
    OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED,
    OPEN_FAILED_CONNECT_FAILED,
    OPEN_FAILED_UNKNOWN_CHANNEL_TYPE,
    OPEN_SUCCEEDED,
)

from homelab_tui.demo.faults import SLOW_S
from homelab_tui.demo.ssh_accounts import Grant
from homelab_tui.demo.ssh_commands import RunningCommand, sftp_server
from homelab_tui.demo.ssh_doors import Door
from homelab_tui.demo.ssh_forwards import carry, connect, unreachable
from homelab_tui.demo.ssh_host_keys import HostKeys
from homelab_tui.demo.ssh_transports import LabTransport, UnusableKey

MAX_AUTH_TRIES = 6
MAX_SESSIONS = 10
"""Open channels of one connection, as sshd's default."""
LOGIN_GRACE_S = 30.0
_LOOK_S = 0.5
LOG_CHANNEL = "homelab_tui.demo.ssh.wire"


@dataclass(eq=False)
class SshSession(paramiko.ServerInterface):
    """Serves one accepted socket. `serve` blocks until the connection is over; `reset` breaks it, from any thread.

    What runs on its channels ends with them: each command watches its own.
    """

    sock: socket.socket
    door: Door
    host_keys: HostKeys
    """The keys that this connection shows: the node's own, or an impostor's."""
    _transport: LabTransport | None = None
    _grant: Grant | None = None
    _failures: int = 0
    _over: Event = field(default_factory=Event)
    _channels: list[paramiko.Channel] = field(default_factory=list)
    _terminals: set[int] = field(default_factory=set)
    _waiting: dict[int, RunningCommand] = field(default_factory=dict)
    _forwards: dict[int, socket.socket] = field(default_factory=dict)

    def serve(self) -> None:
        """Talk to the client until it leaves, fails to log in in time, or `reset` is called."""
        transport = LabTransport(self.sock, opened=self._keep, answered=self._start_waiting)
        self._transport = transport
        transport.local_version = f"SSH-2.0-{self.door.version}"
        # A log of its own, with a handler: paramiko would else write tracebacks of broken clients to the terminal.
        transport.set_log_channel(LOG_CHANNEL)
        try:
            for key in self.host_keys.keys:
                transport.add_server_key(key)
            self._dawdle()
            transport.start_server(server=self)
            deadline = time.monotonic() + LOGIN_GRACE_S
            while transport.is_active() and not self._over.is_set():
                if not transport.is_authenticated() and time.monotonic() > deadline:
                    break
                transport.join(_LOOK_S)
        except (paramiko.SSHException, OSError, EOFError):
            pass  # A client that left or spoke nonsense; the server goes on.
        finally:
            self._close()

    def reset(self) -> None:
        """Break the connection as a machine without power does: no goodbye, a TCP reset."""
        self._over.set()
        with contextlib.suppress(OSError):
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if self._transport is not None:
            self._transport.close()
        self.sock.close()

    def _close(self) -> None:
        self._over.set()
        if self._transport is not None:
            self._transport.close()
        self.sock.close()

    def _dawdle(self) -> None:
        if self.door.fault == "slow":
            self._over.wait(SLOW_S)

    # -- login -----------------------------------------------------------------------------------------------------

    def get_banner(self) -> tuple[str | None, str | None]:
        """Shown before the login."""
        return self.door.banner, "en"

    def get_allowed_auths(self, username: str) -> str:
        """The methods that may go on, as sshd lists them."""
        return "publickey" if self.door.password is None else "publickey,password"

    def check_auth_none(self, username: str) -> int:
        """Always refused; asking for it is how a client learns the methods, and costs no try."""
        return AUTH_FAILED

    def check_auth_password(self, username: str, password: str | bytes) -> int:
        """The account's password, compared in constant time."""
        self._dawdle()
        # Undecodable passwords come as the bytes they are.
        given = password.encode() if isinstance(password, str) else bytes(password)
        expected = self.door.password
        # Compared even for a wrong name: the time must not tell which of both was wrong.
        right = hmac.compare_digest(given, (expected or "").encode())
        return self._decide(Grant() if right and expected and username == self.door.node.user else None)

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        """What authorized_keys says at this moment. A certificate is no plain key, and no CA is trusted here."""
        self._dawdle()
        unusable = isinstance(key, UnusableKey) or getattr(key, "public_blob", None) is not None
        grant = None if unusable else self.door.find_grant(key.get_name(), key.asbytes())
        return self._decide(grant if username == self.door.node.user else None)

    def _decide(self, grant: Grant | None) -> int:
        self._grant = None if self.door.fault == "401" else grant
        if self._grant is not None:
            return AUTH_SUCCESSFUL
        self._failures += 1
        if self._failures >= MAX_AUTH_TRIES and self._transport is not None:
            self._transport.disconnect("Too many authentication failures")
        return AUTH_FAILED

    # -- channels --------------------------------------------------------------------------------------------------

    def check_channel_request(self, kind: str, chanid: int) -> int:
        """A session, if there are not too many."""
        if kind != "session":
            return OPEN_FAILED_UNKNOWN_CHANNEL_TYPE
        busy = sum(not channel.closed for channel in self._channels)
        return OPEN_SUCCEEDED if busy < MAX_SESSIONS else OPEN_FAILED_CONNECT_FAILED

    def check_channel_env_request(self, channel: paramiko.Channel, name: bytes, value: bytes) -> bool:
        """AcceptEnv takes nothing: a session's environment is the node's."""
        return False

    def check_channel_pty_request(
        self,
        channel: paramiko.Channel,
        term: bytes,
        width: int,
        height: int,
        pixelwidth: int,
        pixelheight: int,
        modes: bytes,
    ) -> bool:
        """A terminal for what comes next, unless the key's options forbid it."""
        if self._grant is None or not self._grant.pty:
            return False
        self._terminals.add(channel.get_id())
        return True

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        """Run a command with /bin/sh -c."""
        return self._prepare(channel, command.decode("utf-8", "surrogateescape"))

    def check_channel_shell_request(self, channel: paramiko.Channel) -> bool:
        """An interactive shell."""
        return self._prepare(channel, None)

    def check_channel_subsystem_request(self, channel: paramiko.Channel, name: str) -> bool:
        """SFTP, by this machine's own sftp-server in the node's home; sshd has no other either."""
        program = sftp_server() if name == "sftp" else None
        return program is not None and self._prepare(channel, str(program))

    def check_channel_window_change_request(
        self, channel: paramiko.Channel, width: int, height: int, pixelwidth: int, pixelheight: int
    ) -> bool:
        """Taken note of, no more."""
        return True

    def _prepare(self, channel: paramiko.Channel, text: str | None) -> bool:
        if self._grant is None or channel.get_id() in self._waiting:
            return False
        surroundings = self.door.surroundings()
        if self._grant.command is not None:
            if text is not None:
                surroundings.environment["SSH_ORIGINAL_COMMAND"] = text
            text = self._grant.command
        self._waiting[channel.get_id()] = RunningCommand(
            channel,
            text,
            surroundings,
            terminal=channel.get_id() in self._terminals,
            disk_full=self.door.fault == "disk-full",
            cut_output=self.door.fault in ("reset", "partial"),
        )
        return True

    def _keep(self, channel: paramiko.Channel) -> None:
        self._channels = [*(known for known in self._channels if not known.closed), channel]
        sock = self._forwards.pop(channel.get_id(), None)
        if sock is not None:
            carry(channel, sock)

    def _start_waiting(self, channel: paramiko.Channel) -> None:
        """Start what the channel's last request prepared, now that the request was answered."""
        command = self._waiting.pop(channel.get_id(), None)
        if command is not None:
            Thread(target=self._run, args=(command,), daemon=True, name=f"demo-ssh-{self.door.node.name}").start()

    def _run(self, command: RunningCommand) -> None:
        self._dawdle()
        while self.door.fault == "hang" and not self._over.wait(0.1):
            pass
        if not self._over.is_set():
            command.run()
        if self.door.fault == "reset":
            self.reset()
        elif self.door.fault == "partial":
            command.channel.close()

    # -- forwardings -----------------------------------------------------------------------------------------------

    def check_channel_direct_tcpip_request(
        self, chanid: int, origin: tuple[str, int], destination: tuple[str, int]
    ) -> int:
        """A connection onwards, to what the lab has: other nodes by name or declared address."""
        grant = self._grant
        host, port = destination
        if grant is None or not grant.port_forwarding:
            return OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED
        if grant.permit_open and f"{host}:{port}" not in grant.permit_open:
            return OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED
        target = self.door.resolve(host, port)
        try:
            self._forwards[chanid] = connect(target) if target is not None else unreachable(host)
        except OSError as error:
            if self._transport is not None:
                self._transport.refusal = error.strerror or str(error)
            return OPEN_FAILED_CONNECT_FAILED
        return OPEN_SUCCEEDED
