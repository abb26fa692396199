"""The lab's SSH servers as a test wants them: started, with a key that fits, and two independent clients."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from time import monotonic
from typing import Any

import paramiko
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from homelab_tui.demo.faults import Faults
from homelab_tui.demo.ssh import DemoSshServers
from homelab_tui.demo.world import World
from tests.servers import require_binary

PASSWORD = "correct horse"
NUC, PI = "nuc01", "rpi01"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a command gave."""

    status: int
    out: bytes
    err: bytes = b""

    @property
    def text(self) -> str:
        """Standard output without its last newline."""
        return self.out.decode().rstrip("\n")


def new_key(path: Path, kind: str = "ed25519") -> str:
    """Write a private key (0600) and return its public line."""
    key: ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey = ed25519.Ed25519PrivateKey.generate()
    if kind == "rsa":
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    )
    path.touch(mode=0o600)
    path.write_bytes(private)
    public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    return f"{public.decode()} tester@laptop"


@dataclass(frozen=True, slots=True)
class SshLab:
    """Running servers and what it takes to get in."""

    world: World
    faults: Faults
    servers: DemoSshServers
    ports: dict[str, int]
    directory: Path
    key_path: Path
    public_line: str

    @property
    def known_hosts(self) -> Path:
        """A known_hosts file with every server's keys."""
        return self.directory / "known_hosts"

    def home(self, node: str) -> Path:
        """The node's home directory."""
        return self.servers.home(node)

    def authorize(self, node: str, text: str | bytes) -> None:
        """Replace the node's authorized_keys."""
        file = self.home(node) / ".ssh" / "authorized_keys"
        file.write_bytes(text.encode() if isinstance(text, str) else text)

    # -- paramiko (blocking: call in a thread) ---------------------------------------------------------------------

    @contextlib.contextmanager
    def connected(self, node: str, **how: Any) -> Iterator[paramiko.SSHClient]:
        """A logged-in client; by the lab's key unless `how` (arguments of SSHClient.connect) says otherwise."""
        client = paramiko.SSHClient()
        client.load_host_keys(str(self.known_hosts))
        arguments: dict[str, Any] = {
            "username": self.world.nodes[node].user,
            "look_for_keys": False,
            "allow_agent": False,
            "timeout": 5,
            "banner_timeout": 5,
            "auth_timeout": 10,
        }
        if not how.keys() & {"password", "key_filename", "pkey"}:
            how["key_filename"] = str(self.key_path)
        port = self.ports[node]
        try:
            client.connect("127.0.0.1", port, **(arguments | how))
            yield client
        finally:
            client.close()

    def login_and_run(self, node: str, command: str = "echo in", stdin: bytes = b"", **how: Any) -> Outcome:
        """One fresh login, one command."""
        with self.connected(node, **how) as client:
            return execute(client, command, stdin)

    async def run(self, node: str, command: str = "echo in", stdin: bytes = b"", **how: Any) -> Outcome:
        """`login_and_run`, beside the loop."""
        return await asyncio.to_thread(self.login_and_run, node, command, stdin, **how)

    async def is_let_in(self, node: str, **how: Any) -> bool:
        """Whether a fresh login works."""
        try:
            return (await self.run(node, **how)).text == "in"
        except paramiko.AuthenticationException:
            return False

    # -- OpenSSH ---------------------------------------------------------------------------------------------------

    async def ssh(self, node: str, *command: str, stdin: bytes = b"", options: tuple[str, ...] = ()) -> Outcome:
        """OpenSSH's own client, without this machine's configuration, agent or known hosts."""
        process = await asyncio.create_subprocess_exec(
            *(str(require_binary("ssh")), "-F", "none", "-i", str(self.key_path), "-p", str(self.ports[node])),
            *("-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes", "-o", "IdentityAgent=none"),
            *("-o", f"UserKnownHostsFile={self.known_hosts}", "-o", "GlobalKnownHostsFile=/dev/null"),
            *("-o", "StrictHostKeyChecking=yes", "-o", "ConnectTimeout=5", *options),
            *(f"{self.world.nodes[node].user}@127.0.0.1", *command),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate(stdin)
        return Outcome(process.returncode or 0, out, err)


def execute(client: paramiko.SSHClient, command: str, stdin: bytes = b"") -> Outcome:
    """Run a command; all three streams flow at once, so that none can block another."""
    transport = client.get_transport()
    assert transport is not None
    channel = transport.open_session(timeout=5)
    channel.settimeout(20)
    channel.exec_command(command)

    def send() -> None:
        with contextlib.suppress(OSError):
            channel.sendall(stdin)
            channel.shutdown_write()

    errors = bytearray()

    def receive_errors() -> None:
        with contextlib.suppress(OSError):
            while data := channel.recv_stderr(65536):
                errors.extend(data)

    threads = [Thread(target=send, daemon=True), Thread(target=receive_errors, daemon=True)]
    for thread in threads:
        thread.start()
    out = bytearray()
    while data := channel.recv(65536):
        out.extend(data)
    for thread in threads:
        thread.join(5)
    assert channel.status_event.wait(10), "no exit status and no end of the channel"
    return Outcome(channel.exit_status, bytes(out), bytes(errors))


@contextlib.asynccontextmanager
async def ssh_lab(
    directory: Path,
    *,
    nodes: int = 2,
    rsa_host_keys: bool = False,
    boot_s: float = 0.3,
    search_s: float = 0.2,
    authorize: bool = True,
) -> AsyncIterator[SshLab]:
    """Servers of a small world. Ed25519 host keys only unless asked: RSA keys take long to make."""
    world, faults = World(nodes=nodes, boot_s=boot_s, search_s=search_s), Faults()
    key_path = directory / "id"
    public_line = new_key(key_path)
    servers = DemoSshServers(
        world,
        faults,
        directory / "scratch",
        {name: [public_line] for name in world.nodes} if authorize else {},
        directory / "host_keys",
        {PI: PASSWORD},
        rsa_host_keys=rsa_host_keys,
    )
    ports = await servers.start()
    try:
        (directory / "known_hosts").write_text("".join(f"{line}\n" for line in servers.known_hosts_lines()))
        yield SshLab(world, faults, servers, ports, directory, key_path, public_line)
    finally:
        await servers.stop()


async def until(is_true: Callable[[], bool], what: str, timeout_s: float = 8.0) -> None:
    """Wait for a condition, looking every 20 ms."""
    deadline = monotonic() + timeout_s
    while not is_true():
        assert monotonic() < deadline, f"still not: {what}"
        await asyncio.sleep(0.02)


def accepts(port: int) -> bool:
    """Whether a TCP connection to the port is accepted."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=2).close()
    except OSError:
        return False
    return True


def is_running(pid: int) -> bool:
    """Whether the process still exists."""
    return Path(f"/proc/{pid}").exists()
