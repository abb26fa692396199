"""The demo's SSH servers: one loopback port per node, real logins, real commands in the node's scratch root."""

import asyncio
import contextlib
import logging
import secrets
import selectors
import socket
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event, RLock, Thread

from homelab_tui.demo.faults import Faults
from homelab_tui.demo.filesystem import NodeFilesystem
from homelab_tui.demo.filesystem_admin import Administration
from homelab_tui.demo.loopback import tcp_socket
from homelab_tui.demo.ssh_commands import end_leftovers
from homelab_tui.demo.ssh_doors import Door
from homelab_tui.demo.ssh_host_keys import HostKeys, load_host_keys, make_host_keys, public_line
from homelab_tui.demo.ssh_listeners import MAX_CONNECTIONS, Listener, reset
from homelab_tui.demo.ssh_power import PowerRequests
from homelab_tui.demo.ssh_sessions import LOG_CHANNEL, SshSession
from homelab_tui.demo.world import DemoNode, World

STRANGER = ("nuc04", "old-laptop@somewhere")
"""The node whose authorized_keys has a key that nobody knows, and that key's comment."""
_TICK_S = 0.2
_GARBAGE = b"\x00\xff\x1b]0;owned\x07HTTP/1.1 200 OK\r\n\x80[/red] not a banner \xfe\r\n"


class DemoSshServers:
    """Every node's sshd. `start` and `stop` belong to the lab's loop; the servers themselves live in daemon threads.

    They execute commands as the user who runs the demo, so they listen on 127.0.0.1 only, and nobody gets in without
    a password or key of this run.
    """

    def __init__(
        self,
        world: World,
        faults: Faults,
        scratch: Path,
        authorized: Mapping[str, Sequence[str]],
        host_keys_dir: Path,
        passwords: Mapping[str, str] | None = None,
        *,
        rsa_host_keys: bool = True,
        routes: Mapping[tuple[str, int], int] | None = None,
        bastion: bool = False,
    ) -> None:
        """`authorized`: node -> public key lines it starts with (none: not even a `.ssh`); `passwords`: node -> the
        password of its account (none: password login is off); `routes`: (host, port) -> loopback port of what else a
        forwarding may reach; `bastion`: the jump host has a server too. RSA keys cost a start 0.3 s."""
        self._world = world
        self._faults = faults
        self._scratch = scratch
        self._authorized = authorized
        self._host_keys_dir = host_keys_dir
        self._passwords = dict(passwords or {})
        self._rsa_host_keys = rsa_host_keys
        self._routes = dict(routes or {})
        self._machines = (*world.nodes.values(), *((world.bastion,) if bastion else ()))
        self._power: PowerRequests | None = None
        self._run_id = secrets.token_hex(16)
        self._listeners: dict[str, Listener] = {}
        self._sockets: dict[str, socket.socket] = {}
        self._selector = selectors.DefaultSelector()
        self._lock = RLock()
        self._stopping = Event()
        self._wake, self._woken = socket.socketpair()
        # A full pipe wakes as well as one byte more would.
        self._wake.setblocking(False)
        self._woken.setblocking(False)
        self._thread: Thread | None = None
        self._unsubscribe: list[Callable[[], None]] = []

    # -- life ------------------------------------------------------------------------------------------------------

    async def prepare(self, sockets: Mapping[str, socket.socket] | None = None) -> None:
        """Write every node's files and make the host keys. `sockets`: node -> its bound port, the servers' from now on.

        Raises: OSError.
        """
        self._sockets = dict(sockets or {})
        await asyncio.to_thread(self._prepare)

    async def start(self) -> dict[str, int]:
        """Open every port; returns node -> port. Prepares first, where that is not done. Raises: OSError."""
        logger = logging.getLogger(LOG_CHANNEL)
        logger.addHandler(logging.NullHandler())
        logger.propagate = False
        if not self._listeners:
            await self.prepare()
        self._selector.register(self._woken, selectors.EVENT_READ, None)
        if self._power is not None:
            self._selector.register(self._power.descriptor, selectors.EVENT_READ, self._power)
        self._unsubscribe = [self._world.subscribe(self._on_world), self._faults.subscribe(self._on_fault)]
        for listener in self._listeners.values():
            self._settle(listener)
        self._thread = Thread(target=self._accept_for_ever, daemon=True, name="demo-ssh-accept")
        self._thread.start()
        return {name: listener.door.port for name, listener in self._listeners.items()}

    async def stop(self) -> None:
        """Close every port and connection, end every process of every session. Calling it twice does no harm."""
        if self._stopping.is_set():
            return
        self._stopping.set()
        for unsubscribe in self._unsubscribe:
            unsubscribe()
        self._wake_up()
        await asyncio.to_thread(self._tear_down)

    def known_hosts_lines(self) -> list[str]:
        """known_hosts lines of all servers, every key type. Valid once they are prepared."""
        entries = self._listeners.values()
        return [line for entry in entries for line in entry.host_keys.known_hosts_lines(entry.door.port)]

    def home(self, node: str) -> Path:
        """The home directory, in scratch, of the node's account. Raises: KeyError."""
        return self._listeners[node].door.filesystem.home

    # -- start -----------------------------------------------------------------------------------------------------

    def _prepare(self) -> None:
        self._scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._scratch.chmod(0o700)
        impostor = make_host_keys(rsa_too=False)
        nodes = self._machines
        self._power = PowerRequests(self._scratch / "power", self._world)
        # Two at a time: making RSA keys is what a start spends its time on.
        with ThreadPoolExecutor(2) as pool:
            all_keys = pool.map(self._host_keys_of, nodes)
            for node, keys in zip(nodes, all_keys, strict=True):
                reserved = self._sockets.pop(node.name, None) or tcp_socket()
                admin = Administration(self._power.path, node.name in self._passwords, reserved.getsockname()[1])
                filesystem = NodeFilesystem(self._scratch, node, admin)
                filesystem.install()
                self._write_authorized_keys(node, filesystem)
                self._listeners[node.name] = Listener(
                    self._door(node, filesystem, reserved.getsockname()[1]), keys, impostor, reserved
                )

    def _host_keys_of(self, node: DemoNode) -> HostKeys:
        return load_host_keys(self._host_keys_dir, node.name, rsa_too=self._rsa_host_keys)

    def _door(self, node: DemoNode, filesystem: NodeFilesystem, port: int) -> Door:
        return Door(
            node=node,
            filesystem=filesystem,
            world=self._world,
            faults=self._faults,
            run_id=self._run_id,
            port=port,
            password=self._passwords.get(node.name),
            resolve=self._resolve,
        )

    def _write_authorized_keys(self, node: DemoNode, filesystem: NodeFilesystem) -> None:
        lines = list(self._authorized.get(node.name, ()))
        if node.name == STRANGER[0]:
            lines.append(public_line(STRANGER[1]))
        if not lines:
            return
        directory = filesystem.home / ".ssh"
        directory.mkdir(mode=0o700, exist_ok=True)
        file = directory / "authorized_keys"
        file.write_text("".join(f"{line.rstrip()}\n" for line in lines), encoding="utf-8")
        file.chmod(0o600)

    def _resolve(self, host: str, port: int) -> int | None:
        """The loopback port behind (host, port): another node by name or declared address, or one of `routes`."""
        route = self._routes.get((host, port))
        if route is not None:
            return route
        for listener in self._listeners.values():
            door = listener.door
            by_name = port == 22 and host in (door.node.name, door.node.address)
            if by_name or (port == door.port and host in ("127.0.0.1", "localhost")):
                return door.port
        return None

    # -- up and down -----------------------------------------------------------------------------------------------

    def _on_world(self, what: str) -> None:
        listener = self._listeners.get(what)
        if listener is not None:
            self._settle(listener)

    def _on_fault(self, server: str, _target: str) -> None:
        if server == "ssh":
            for listener in self._listeners.values():
                self._settle(listener)

    def _settle(self, listener: Listener) -> None:
        """Make the port what the node's power and its fault say.

        Done in the thread that changed them, so that the change is true once the call that made it returns.
        """
        with self._lock:
            if self._stopping.is_set():
                return
            if listener.answers and listener.open is None:
                self._selector.register(listener.listen(), selectors.EVENT_READ, listener)
                self._wake_up()
            elif not listener.answers and listener.open is not None:
                self._selector.unregister(listener.open)
                listener.shut()
            broken = tuple(listener.sessions) if listener.door.node.power != "on" else ()
            released = () if listener.is_silent else tuple(listener.held)
            if released:
                listener.held.clear()
        for sock in released:
            reset(sock)
        for session in broken:
            # Not in this thread: it may be the loop's, and a reset waits for the connection's own thread.
            Thread(target=session.reset, daemon=True, name="demo-ssh-reset").start()

    # -- connections -----------------------------------------------------------------------------------------------

    def _accept_for_ever(self) -> None:
        while not self._stopping.is_set():
            events = self._selector.select(_TICK_S)
            self._world.tick()
            for key, _mask in events:
                if key.data is None:
                    with contextlib.suppress(BlockingIOError):
                        self._woken.recv(4096)
                elif isinstance(key.data, PowerRequests):
                    key.data.read()
                else:
                    self._accept(key.data)
            if self._power is not None:
                self._power.carry_out()

    def _accept(self, listener: Listener) -> None:
        with self._lock:
            sock = listener.accept()
        if sock is None:
            return
        if listener.is_silent:
            with self._lock:
                if len(listener.held) < MAX_CONNECTIONS:
                    listener.held.append(sock)
                    return
            reset(sock)
        elif listener.door.fault == "garbage":
            with contextlib.suppress(OSError):
                sock.sendall(_GARBAGE)
            sock.close()
        else:
            self._serve(listener, sock)

    def _serve(self, listener: Listener, sock: socket.socket) -> None:
        keys = listener.impostor if listener.door.fault == "wrong-host-key" else listener.host_keys
        session = SshSession(sock, listener.door, keys)
        with self._lock:
            if len(listener.sessions) >= MAX_CONNECTIONS or self._stopping.is_set():
                with contextlib.suppress(OSError):
                    sock.sendall(b"Exceeded MaxStartups\r\n")
                sock.close()
                return
            listener.sessions.add(session)

        def serve() -> None:
            try:
                session.serve()
            finally:
                with self._lock:
                    listener.sessions.discard(session)

        Thread(target=serve, daemon=True, name=f"demo-ssh-{listener.door.node.name}").start()

    # -- end -------------------------------------------------------------------------------------------------------

    def _wake_up(self) -> None:
        with contextlib.suppress(OSError):
            self._wake.send(b"\0")

    def _tear_down(self) -> None:
        if self._thread is not None:
            self._thread.join(2 * _TICK_S + 1.0)
        with self._lock:
            listeners = tuple(self._listeners.values())
            sessions = [session for listener in listeners for session in listener.sessions]
        resets = [Thread(target=session.reset, daemon=True) for session in sessions]
        for thread in resets:
            thread.start()
        for thread in resets:
            thread.join(1.0)
        end_leftovers(self._run_id)
        for listener in listeners:
            listener.close()
        self._selector.close()
        if self._power is not None:
            self._power.close()
        self._wake.close()
        self._woken.close()
