"""Sessions on nodes for asyncio: who may connect when, and a blocking body that runs while one is open."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from homelab_tui.config.model import KeysConfig, SshConfig
from homelab_tui.domain.errors import CredentialsNeeded
from homelab_tui.domain.keys import PublicKey
from homelab_tui.domain.nodes import Node
from homelab_tui.domain.secrets import Secret
from homelab_tui.domain.values import Frozen
from homelab_tui.sources.key_files import LoadedKeys
from homelab_tui.sources.known_hosts_files import KnownHostsFiles
from homelab_tui.sources.ssh_account_memory import AccountMemory
from homelab_tui.sources.ssh_commands import Output, run_command, running_command
from homelab_tui.sources.ssh_connection import Arrival, Dialer, LogIn
from homelab_tui.sources.ssh_doors import Door, Doors
from homelab_tui.sources.ssh_gates import Gates
from homelab_tui.sources.ssh_limits import Limits
from homelab_tui.sources.ssh_login import (
    LoggedIn,
    Signer,
    Unasked,
    Unheard,
    log_in,
    log_in_as_before,
    signer_of,
    signers_for,
)
from homelab_tui.sources.ssh_new_passwords import change_password
from homelab_tui.sources.ssh_refusals import Barred, Refusals, account_of
from homelab_tui.sources.ssh_routes import Route, Routes
from homelab_tui.sources.ssh_sftp import opened_sftp
from homelab_tui.sources.ssh_threads import Scope, WireThreads

if TYPE_CHECKING:
    import paramiko

T = TypeVar("T")

LOCAL_TIMEOUT_S = 5.0
"""For key files and the agent on this machine."""
_MAX_CALLERS = 64
"""Ports that are only knocked at, at a time: dead nodes take no place among those that log in."""


class Dial(Frozen):
    """What every connection is opened with."""

    limits: Limits
    known_hosts: KnownHostsFiles
    refusals: Refusals

    def on(self, route: Route, scope: Scope) -> Dialer:
        """Opens connections on one way, for one piece of work."""
        return Dialer(route, self.limits, scope, self.known_hosts, self.refusals)


class Session:
    """Logged in to a node; blocking. One command at a time: a server may allow no more (MaxSessions 1)."""

    def __init__(
        self,
        arrival: Arrival,
        login: LoggedIn,
        dial: Dial,
        scope: Scope,
        pass_on: LogIn = lambda _arrival: None,
        memory: AccountMemory | None = None,
    ) -> None:
        """`pass_on` logs in at jump hosts, for a second connection; `memory` goes from session to session."""
        self.memory = memory or AccountMemory()
        self.recent = self.memory.take_recent()
        """The account as it was read a moment ago, when nothing has been done since."""
        self._arrival = arrival
        self._pass_on = pass_on
        self._dial = dial
        self._limits = dial.limits
        self._scope = scope
        self.login = login

    @property
    def where(self) -> str:
        """The node's name in messages."""
        return self._arrival.where

    @property
    def server_version(self) -> str:
        """The server's greeting: `SSH-2.0-OpenSSH_9.2p1 Debian-2`."""
        return self._arrival.transport.remote_version

    def run(self, command: str, stdin: bytes = b"", timeout_s: float | None = None) -> Output:
        """One command, all of its input and output. Raises as `ssh_commands.run_command` does.

        `timeout_s`: for one that is known to take longer than the configured time.
        """
        self._scope.check()
        limit_s = self._limits.command_s if timeout_s is None else timeout_s
        return run_command(self._arrival.transport, command, self.where, stdin=stdin, timeout_s=limit_s)

    @property
    def user(self) -> str:
        """The account that is logged in."""
        return self._arrival.hop.user

    @contextmanager
    def sftp(self) -> "Iterator[paramiko.SFTPClient]":
        """The account's files over SFTP. Raises NoSftp where that is not to be had."""
        self._scope.check()
        with opened_sftp(self._arrival.transport, self.where, self._limits.command_s) as client:
            yield client

    @contextmanager
    def beside(self) -> Iterator[Arrival]:
        """Another connection to the same node, not logged in, while this one stays open."""
        dialer = self._dial.on(self._arrival.route, self._scope)
        try:
            arrival = dialer.approach(self._pass_on)
            arrival.demand_trust()
            yield arrival
        finally:
            dialer.close()

    @contextmanager
    def through(self, command: str) -> Iterator[Arrival]:
        """The door of a server that this command is, spoken to over this very session (`sshd -i`)."""
        hop, transport = self._arrival.hop, self._arrival.transport
        dialer = self._dial.on(self._arrival.route, self._scope)
        with running_command(transport, command, self.where, timeout_s=self._limits.command_s) as channel:
            try:
                arrival = dialer.approach_over(hop, channel)
                arrival.demand_trust()
                yield arrival
            finally:
                dialer.close()

    def on(self, arrival: Arrival, login: LoggedIn) -> "Session":
        """A session on a second connection that is logged in by now."""
        return Session(arrival, login, self._dial, self._scope, self._pass_on, self.memory)

    def wait(self, seconds: float) -> None:
        """Sleeps, as long as the work is wanted."""
        self._scope.wait(seconds)


class Sessions:
    """Opens sessions: one at a time per node, few through one jump host, `max_parallel` in all."""

    def __init__(self, ssh: SshConfig, keys: KeysConfig) -> None:
        self._keys = keys
        self._loaded = LoadedKeys()
        self._limits = Limits.of(ssh)
        self.known_hosts = KnownHostsFiles()
        self._refusals = Refusals()
        self._dial = Dial(self._limits, self.known_hosts, self._refusals)
        self._routes = Routes(ssh)
        self._threads = WireThreads(ssh.max_parallel, "homelab-ssh")
        self._callers = WireThreads(_MAX_CALLERS, "homelab-reach")
        self._known_routes: dict[Node, Route] = {}
        self._doors = Doors()
        self._first_logins: dict[tuple[str, int, str], threading.Lock] = {}
        self._gates = Gates()
        self._last_key: dict[tuple[str, int, str], str] = {}
        self._memories: dict[tuple[str, int, str], AccountMemory] = {}

    def use_keys(self, keys: KeysConfig) -> None:
        """From now on these are my keys: one was made."""
        self._keys = keys
        self._refusals.forget()

    def forget(self) -> None:
        """What earlier readings told of the accounts."""
        self._memories = {}
        self._refusals.forget()

    async def in_thread(self, work: Callable[[Scope], T], *, deadline_s: float, late: str) -> T:
        """Blocking work that needs no node."""
        return await self._threads.run(work, deadline_s=deadline_s, late=late)

    async def signer(self, key: PublicKey) -> Signer:
        """What signs with a key. Raises PrivateKeyUnusable where nothing here can."""
        return await self.in_thread(
            lambda _: signer_of(key, self._loaded.load, use_agent=self._keys.agent),
            deadline_s=LOCAL_TIMEOUT_S,
            late=f"the private half of {key.comment or key.fingerprint} could not be read in time",
        )

    async def way(self, node: Node) -> tuple[str, ...]:
        """The jump hosts on the way to the node. Raises as `ssh_routes.Routes.route` does."""
        return tuple(hop.name for hop in (await self._route(node)).hops[:-1])

    async def reach(self, node: Node) -> None:
        """Opens the TCP port of the way's first server, and closes it again. Raises when it does not open."""
        route = await self._route(node)

        def body(scope: Scope) -> None:
            dialer = self._dial.on(route, scope)
            try:
                dialer.reach()
            finally:
                dialer.close()

        first = route.hops[0]
        late = f"{route.words(first)}: no answer within {self._limits.connect_s:g} s (port {first.port})"
        await self._callers.run(body, deadline_s=self._limits.connect_s + 1.0, late=late)

    async def at_door(
        self,
        node: Node,
        work: Callable[[Arrival, Scope], T],
        *,
        commands: int = 1,
        leave_open: bool = False,
        enter: bool = False,
    ) -> T:
        """Runs `work` at the node's door, not logged in, on a connection of its own.

        The arrival is at the first jump host whose host key is not trusted, if there is such a one. With `leave_open`
        `work` only looks, and whoever comes with `enter` within a moment goes through the same door.
        """
        route = await self._route(node)
        loop = asyncio.get_running_loop()

        def body(scope: Scope) -> T:
            door = self._doors.enter(route, scope) if enter else None
            if door is None:
                self._doors.shut(route)
            dialer = self._dial.on(route, scope) if door is None else door.dialer
            left_open = False
            try:
                arrival = dialer.approach(self._pass) if door is None else door.arrival
                try:
                    result = work(arrival, scope)
                except Unheard:
                    if door is None:
                        raise
                    dialer.close()  # the server has shut it in the meantime
                    dialer = self._dial.on(route, scope)
                    result = work(dialer.approach(self._pass), scope)
                left_open = leave_open and self._doors.leave(Door(route, dialer, arrival), scope, loop)
                return result
            finally:
                if not left_open:
                    dialer.close()

        deadline_s = self._limits.overall_s(commands) * len(route.hops)
        late = f"{node.name}: gave up after {deadline_s:g} s"
        async with self._gates.turn(route):
            self._refusals.demand_not_barred(route.hops)
            for hop in route.hops[:-1]:
                self._refusals.demand_not_closed(hop)
            await asyncio.sleep(self._refusals.pause_s(route.hops))
            try:
                return await self._threads.run(body, deadline_s=deadline_s, late=late)
            except Barred as error:
                self._refusals.barred(error)
                raise

    async def with_session(
        self,
        node: Node,
        work: Callable[[Session], T],
        *,
        password: Secret | None = None,
        only: Signer | None = None,
        commands: int = 1,
        as_before: bool = False,
    ) -> T:
        """Runs `work` while logged in to a node with the keys that ssh would use, else with the password.

        `only` is the one key to log in with. With `as_before`, for those who decide nothing by what the server offers,
        it is not asked again for a while.
        """

        def body(arrival: Arrival, scope: Scope) -> T:
            arrival.demand_trust()
            memory = self._memories.setdefault(account_of(arrival.hop), AccountMemory())
            known = memory.take_login()
            login = log_in_as_before(arrival, known[0]) if known is not None and as_before else None
            asked_at = None if known is None or login is None else known[1]
            if login is None:
                login = self._log_in(arrival, password) if only is None else log_in(arrival, (only,))
            if as_before:
                memory.keep_login(login, asked_at)
            self._refusals.opened(arrival.hop)
            return work(Session(arrival, login, self._dial, scope, self._pass, memory))

        if password is None and only is None:
            self._refusals.demand_not_closed((await self._route(node)).target)
        try:
            return await self.at_door(node, body, commands=commands, enter=True)
        except Unasked:
            return await self.at_door(node, body, commands=commands, enter=True)  # and this time it is asked

    async def change_password(self, node: Node, old: Secret, new: Secret) -> None:
        """Goes through the change of an expired password. Raises as `ssh_new_passwords.change_password` does."""

        def work(arrival: Arrival, _scope: Scope) -> None:
            arrival.demand_trust()
            signers = signers_for(arrival.hop, self._keys, self._loaded.load)
            change_password(arrival, signers, old, new, self._limits.command_s)

        await self.at_door(node, work, commands=2)

    def session(self, arrival: Arrival, login: LoggedIn, scope: Scope) -> Session:
        """A session on a connection that was logged in by other means (a proof)."""
        self._refusals.opened(arrival.hop)
        return Session(arrival, login, self._dial, scope)

    async def close(self) -> None:
        """Ends every connection."""
        self._doors.close()
        await self._callers.close()
        await self._threads.close()

    def _pass(self, arrival: Arrival) -> None:
        """Logs in at a jump host. The password is never for it.

        Until somebody came through, one after the other: where no key opens it, one try is enough for all.
        """
        account = account_of(arrival.hop)
        if account in self._last_key:
            self._log_in(arrival, None)
            return
        with self._first_logins.setdefault(account, threading.Lock()):
            self._log_in(arrival, None)

    def _log_in(self, arrival: Arrival, password: Secret | None) -> LoggedIn:
        hop = arrival.hop
        account = account_of(hop)
        if password is None:
            self._refusals.demand_not_closed(hop)
        signers = signers_for(hop, self._keys, self._loaded.load, self._last_key.get(account))
        try:
            login = log_in(arrival, signers, password)
        except CredentialsNeeded as error:
            if password is None:
                self._refusals.closed(hop, error)
            raise
        if login.fingerprint is not None:
            self._last_key[account] = login.fingerprint
        return login

    async def _route(self, node: Node) -> Route:
        known = self._known_routes.get(node)
        if known is None:
            late = f"{node.name}: `ssh -G` did not answer in time"
            known = await self._threads.run(lambda _: self._routes.route(node), deadline_s=20.0, late=late)
            self._known_routes[node] = known
        return known
