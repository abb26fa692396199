"""One SSH connection, hop by hop, blocking: TCP, key exchange, host key, login, commands.

Nothing secret leaves before the host key of that hop is known, and everything that is opened is closed.
"""

import contextlib
import logging
import random
import socket
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from homelab_tui.domain.errors import (
    HostKeyChanged,
    HostKeyUnknown,
    SourceError,
    SourceGarbled,
    SourceRefused,
    SourceTimeout,
    SourceUnreachable,
)
from homelab_tui.domain.key_blobs import blob_type
from homelab_tui.domain.keys import HostKey, HostKeyState
from homelab_tui.sources.known_hosts_files import KnownHostsFiles, judge_host_key, preferred_types
from homelab_tui.sources.ssh_greetings import OverheardLink
from homelab_tui.sources.ssh_limits import MAX_CONNECT_TRIES, Deadline, Limits
from homelab_tui.sources.ssh_refusals import Barred, Refusals
from homelab_tui.sources.ssh_routes import Hop, Route, printable
from homelab_tui.sources.ssh_threads import Scope
from homelab_tui.sources.ssh_tunnels import Tunnel

if TYPE_CHECKING:
    import paramiko

_ALGORITHMS = {"ssh-rsa": ("rsa-sha2-512", "rsa-sha2-256")}
"""Key types whose signatures have names of their own."""


class HungUp(SourceUnreachable):
    """The server closed the connection before its greeting: too many at once, or it bars us. Worth another try."""


class Arrival:
    """At the door of a server: keys exchanged, its host key judged, not logged in."""

    def __init__(self, route: Route, hop: Hop, transport: "paramiko.Transport", host_key: HostKey) -> None:
        self.route = route
        self.hop = hop
        self.transport = transport
        self.host_key = host_key
        self.was_tried = False
        """Whether a key or a password was offered."""
        self.was_opened = False
        """Whether somebody was logged in."""

    @property
    def where(self) -> str:
        """The server's name in messages."""
        return self.route.words(self.hop)

    def demand_trust(self) -> None:
        """Raises HostKeyUnknown or HostKeyChanged unless the host key is the known one."""
        key = self.host_key
        shown = f"{key.key_type} {key.fingerprint}"
        if key.state is HostKeyState.TRUSTED:
            return
        if key.state in (HostKeyState.UNKNOWN, HostKeyState.NEW_TYPE):
            is_new_type = key.state is HostKeyState.NEW_TYPE
            known = "is known by a key of another type only" if is_new_type else "is in no known_hosts file"
            raise HostKeyUnknown(
                f"{self.where}: {key.host} {known}; it shows {shown}. Compare it on the console, then trust it",
                key,
            )
        is_revoked = key.state is HostKeyState.REVOKED
        what = f"is marked @revoked in {key.known_at}" if is_revoked else f"is not the one in {key.known_at}"
        cure = "" if is_revoked else f"; if it was reinstalled: {key.removal_command}"
        raise HostKeyChanged(
            f"{self.where}: THE HOST KEY {shown} {what}. Nothing was sent{cure}",
            key,
        )


LogIn = Callable[[Arrival], None]
"""Logs in at a jump host; raises a SourceError when that fails."""


class Dialer:
    """Opens what one piece of work needs, and closes all of it."""

    def __init__(
        self, route: Route, limits: Limits, scope: Scope, known_hosts: KnownHostsFiles, refusals: Refusals
    ) -> None:
        self._known_hosts = known_hosts
        self._refusals = refusals
        self._route = route
        self._limits = limits
        self._scope = scope
        self._sockets: list[socket.socket] = []
        self._transports: list[paramiko.Transport] = []
        self._arrivals: list[Arrival] = []

    def reach(self) -> None:
        """Opens the first hop's TCP port and no more. Raises as `approach` does."""
        self._open_socket(self._route.hops[0])

    def approach(self, log_in: LogIn) -> Arrival:
        """Goes as far as the node's door, or to the first jump host whose key is not trusted.

        A server that hangs up at once is tried again, up to three times, a little later each time.
        """
        for attempt in range(1, MAX_CONNECT_TRIES):
            try:
                return self._approach_once(log_in)
            except (HungUp, Barred):
                self.close()
                self._scope.wait(attempt * random.uniform(0.15, 0.45))  # noqa: S311 - jitter, not a secret
        return self._approach_once(log_in)

    def approach_over(self, hop: Hop, channel: "paramiko.Channel") -> Arrival:
        """The door of a server that speaks over a channel: one that a command of ours started on the node."""
        return self._shake_hands(hop, Tunnel(channel))

    def hand_over(self, scope: Scope) -> None:
        """From now on another piece of work holds what is open, and ends it."""
        self._scope = scope
        for wire in self._sockets:
            scope.add(lambda wire=wire: _shut(wire))  # type: ignore[misc]

    def close(self) -> None:
        """Closes everything. The sockets are shut first, so that nothing waits for an answer any more, and closed
        last, so that no transport's thread finds its file number in other hands."""
        sockets, self._sockets = self._sockets, []
        transports, self._transports = self._transports, []
        arrivals, self._arrivals = self._arrivals, []
        for arrival in arrivals:
            if not arrival.was_opened:
                version = arrival.transport.remote_version
                self._refusals.left_unopened(arrival.hop, version, tried=arrival.was_tried)
        for wire in sockets:
            _shut(wire)
        for transport in transports:
            with contextlib.suppress(Exception):  # closing what is broken fails in many ways; none matters any more
                transport.close()
        for wire in sockets:
            wire.close()

    def _approach_once(self, log_in: LogIn) -> Arrival:
        arrival: Arrival | None = None
        for hop in self._route.hops:
            if arrival is None:
                link: socket.socket | Tunnel = self._open_socket(hop)
            else:
                arrival.demand_trust()
                log_in(arrival)
                link = self._open_tunnel(arrival, hop)
            arrival = self._shake_hands(hop, link)
            self._arrivals.append(arrival)
            if arrival.host_key.state is not HostKeyState.TRUSTED:
                return arrival
        if arrival is None:
            raise SourceUnreachable("there is no way to the node")
        return arrival

    def _open_socket(self, hop: Hop) -> socket.socket:
        where, limit_s = self._route.words(hop), self._limits.connect_s
        deadline = Deadline(limit_s)
        try:
            addresses = socket.getaddrinfo(hop.host, hop.port, type=socket.SOCK_STREAM)
        except (socket.gaierror, UnicodeError) as error:
            raise SourceUnreachable(f"{where}: the name {hop.host} is not found; check `host`") from error
        failure: OSError | None = None
        for tried, (family, kind, protocol, _, address) in enumerate(addresses):
            wire = socket.socket(family, kind, protocol)
            self._sockets.append(wire)
            self._scope.add(lambda wire=wire: _shut(wire))  # type: ignore[misc]
            wire.settimeout(max(deadline.left_s / (len(addresses) - tried), 0.001))
            try:
                wire.connect(address)
                wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                return wire
            except OSError as error:
                failure = error
        self._scope.check()
        if isinstance(failure, TimeoutError):
            raise SourceTimeout(f"{where}: no answer within {limit_s:g} s (port {hop.port})") from failure
        if isinstance(failure, ConnectionRefusedError):
            raise SourceUnreachable(f"{where}: connection refused (port {hop.port}); is sshd running?") from failure
        why = failure.strerror if failure is not None and failure.strerror else "no address"
        raise SourceUnreachable(f"{where}: cannot be reached: {why} (port {hop.port})") from failure

    def _open_tunnel(self, arrival: Arrival, hop: Hop) -> Tunnel:
        """direct-tcpip to the next hop; the name is looked up at the jump host, as ssh does."""
        import paramiko  # heavy: nothing may import it before the first paint

        where, jump = self._route.words(hop), arrival.hop.name
        try:
            channel = arrival.transport.open_channel(
                "direct-tcpip", (hop.host, hop.port), ("127.0.0.1", 0), timeout=self._limits.connect_s
            )
            return Tunnel(channel)
        except paramiko.ChannelException as error:
            if error.code == 1:
                raise SourceRefused(f"{where}: jump host {jump} does not forward connections") from error
            raise SourceUnreachable(
                f"{where}: jump host {jump} cannot reach {hop.host} port {hop.port} ({printable(error.text)})"
            ) from error
        except (paramiko.SSHException, EOFError, OSError) as error:
            raise SourceTimeout(
                f"{where}: jump host {jump} opened no connection within {self._limits.connect_s:g} s"
            ) from error

    def _shake_hands(self, hop: Hop, link: socket.socket | Tunnel) -> Arrival:
        """Greeting and key exchange. The key types that the server is known by are asked for first."""
        entries = self._known_hosts.read(hop.known_hosts)
        from homelab_tui.sources.ssh_packets import Packetizer, Transport

        silence_paramiko()
        where, overheard = self._route.words(hop), OverheardLink(link)
        with self._explained(where, hop, overheard):
            transport = Transport(overheard, packetizer_class=Packetizer)  # type: ignore[arg-type]
        self._transports.append(transport)
        # Only start_client() may run out of time: paramiko tells its own time-outs and a lost link apart by no word.
        transport.banner_timeout = 10 * self._limits.connect_s
        transport.auth_timeout = self._limits.auth_s
        transport.channel_timeout = self._limits.command_s
        options = transport.get_security_options()
        wanted = [name for kind in preferred_types(hop, entries) for name in _ALGORITHMS.get(kind, (kind,))]
        first = [name for name in wanted if name in options.key_types]
        options.key_types = tuple(first) + tuple(name for name in options.key_types if name not in first)
        with self._explained(where, hop, overheard):
            transport.start_client(timeout=self._limits.connect_s)
            if not transport.initial_kex_done:
                stage = "key exchange" if transport.remote_version else "greeting"
                raise SourceTimeout(f"{where}: no SSH {stage} within {self._limits.connect_s:g} s (port {hop.port})")
            blob = transport.get_remote_server_key().asbytes()
        return Arrival(self._route, hop, transport, judge_host_key(hop, entries, blob_type(blob), blob))

    @contextlib.contextmanager
    def _explained(self, where: str, hop: Hop, overheard: OverheardLink) -> Iterator[None]:
        """Maps whatever paramiko raises during the greeting and the key exchange."""
        import paramiko  # heavy: nothing may import it before the first paint

        try:
            yield
        except SourceError:
            raise
        except paramiko.ssh_exception.IncompatiblePeer as error:
            raise SourceUnreachable(
                f"{where}: no common algorithm with its SSH server, which is very old or very strict"
            ) from error
        except (paramiko.SSHException, EOFError, OSError) as error:
            self._scope.check()
            raise _greeting_error(str(error), f"{where}: ", hop, overheard.said) from error
        except Exception as error:
            # A peer that talks nonsense brings paramiko to raise nearly anything, from struct.error to IndexError.
            raise SourceGarbled(f"{where}: what answers on port {hop.port} does not speak proper SSH") from error


def _greeting_error(text: str, where: str, hop: Hop, said: str) -> SourceError:
    """`said`: what the server said before its greeting."""
    port = f"(port {hop.port})"
    if "Error reading SSH protocol banner" in text:
        if "codec" in text:
            return SourceGarbled(f"{where}what answers on port {hop.port} is not an SSH server")
        if "Not allowed at this time" in said:
            return Barred(
                f"{where}its sshd takes no connection from here just now {port}: too many logins at once, or failed "
                "ones (PerSourcePenalties). Wait 15 s to 10 min, or exempt this address there "
                "(PerSourcePenaltyExemptList)",
                hop,
            )
        why = "too many logins at once (MaxStartups)" if "MaxStartups" in said else "too many logins at once, or barred"
        return HungUp(f"{where}hung up before its greeting {port}: {why}")
    if "Indecipherable protocol" in text or "Incompatible version" in text:
        return SourceGarbled(f"{where}what answers on port {hop.port} is not an SSH server")
    if any(word in text for word in ("Mismatched MAC", "Invalid packet", "Bad", "Expecting packet", "Signature")):
        return SourceGarbled(f"{where}the key exchange was garbled ({printable(text)})")
    return SourceUnreachable(f"{where}the connection was lost during the key exchange {port}")


def silence_paramiko() -> None:
    """Keeps paramiko's log to itself: without a handler its tracebacks land on stderr, over the screen."""
    logger = logging.getLogger("paramiko")
    if logger.propagate:
        logger.addHandler(logging.NullHandler())
        logger.propagate = False


def _shut(wire: socket.socket) -> None:
    """Ends a socket under those who wait on it; safe from any thread, and never blocks."""
    with contextlib.suppress(OSError):
        wire.shutdown(socket.SHUT_RDWR)
