"""The demo's PoE switch as an SNMP agent (v2c, and v3 authPriv) on a loopback UDP port, on pysnmp's responder."""

import asyncio
import contextlib
import secrets
import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from pysnmp.carrier.asyncio.dgram import udp
from pysnmp.entity import config
from pysnmp.entity.engine import SnmpEngine
from pysnmp.entity.rfc3413 import cmdrsp, context

from homelab_tui.demo.faults import SLOW_S, Faults
from homelab_tui.demo.loopback import udp_socket
from homelab_tui.demo.snmp_requests import EVERYTHING, BulkResponder, Controller, SetResponder
from homelab_tui.demo.snmp_tree import SwitchTree
from homelab_tui.demo.snmp_vendors import Oid, Profile
from homelab_tui.demo.world import World

NOTHING: Oid = (1, 3, 6, 1, 6, 3, 99)
"""A subtree without a row in it: what the read community may write. pysnmp's VACM forgets to refuse (it returns its
error in place of raising it) where a view has no subtree at all."""
_READER, _WRITER = "reader", "writer"
_GARBAGE = b"\x30\x82\xff\xffnot an SNMP message \x1b[31m"
_REBIND_S = 0.05


@dataclass(frozen=True, slots=True)
class V3User:
    """A user of the User-based Security Model, authPriv with SHA and AES-128."""

    name: str
    auth_key: str = field(repr=False)
    priv_key: str = field(repr=False)
    writes: bool = False
    view: Oid = EVERYTHING
    """The subtree that this user sees."""


class DemoSnmpAgent:
    """The switch's agent. Lives in the loop that starts it."""

    def __init__(
        self,
        world: World,
        faults: Faults,
        community: str,
        write_community: str,
        *,
        users: Iterable[V3User] = (),
        profile: Profile = "netgear",
    ) -> None:
        """`community` reads; `write_community` reads and writes. Any other: silence, as real agents do."""
        self._world = world
        self._faults = faults
        self._communities = {_READER: community, _WRITER: write_community}
        self._users = tuple(users)
        self._tree = SwitchTree(world, profile)
        self._controller: Controller | None = None
        self._engine: SnmpEngine | None = None
        self._transport: _SwitchTransport | None = None
        self._port = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._opening: asyncio.Task[None] | None = None
        self._sock: socket.socket | None = None
        self._lock = Lock()
        self._unsubscribe: list[Callable[[], None]] = []

    async def start(self, sock: socket.socket | None = None) -> int:
        """Answer on this UDP socket, which is the agent's from now on, or on a free port; returns the port.

        Raises: OSError.
        """
        self._sock = sock or udp_socket()
        self._port = self._sock.getsockname()[1]
        self._loop = asyncio.get_running_loop()
        # Loads a dozen MIB modules; in a thread, so that the lab's other servers go on meanwhile.
        self._engine = engine = await asyncio.to_thread(_engine, self._communities, self._users)
        responder = context.SnmpContext(engine)
        responder.unregister_context_name(b"")
        self._controller = Controller(self._world, self._tree, self._fault)
        responder.register_context_name(b"", self._controller)
        for command in (cmdrsp.GetCommandResponder, cmdrsp.NextCommandResponder, BulkResponder, SetResponder):
            command(engine, responder)
        await self._open(self._sock)
        self._unsubscribe = [
            self._world.subscribe(self._tree.note_change),
            self._faults.subscribe(self._on_fault),
        ]
        self._settle()  # A fault may have been switched on before.
        return self._port

    async def stop(self) -> None:
        """Close the port. Calling it twice does no harm."""
        for unsubscribe in self._unsubscribe:
            unsubscribe()
        self._unsubscribe = []
        if self._opening is not None:
            await self._opening
        self._close()
        if self._engine is not None:
            self._engine.close_dispatcher()
            self._engine = None
        # The datagram transport closes its socket in the loop's next round.
        await asyncio.sleep(0)

    # -- faults ----------------------------------------------------------------------------------------------------

    def _fault(self) -> str | None:
        return self._faults.get("snmp", self._world.switch.name)

    def _is_mute(self) -> bool:
        return self._controller is not None and self._world.clock.monotonic() < self._controller.mute_until

    def _on_fault(self, server: str, _target: str) -> None:
        if server != "snmp" or self._loop is None:
            return
        # Bound in the thread that switched the fault, so that what is asked from now on waits in the socket's buffer;
        # the rest belongs to the loop's thread.
        self._bind()
        self._loop.call_soon_threadsafe(self._settle)

    def _settle(self) -> None:
        """Open or close the port: only a closed one makes the kernel answer "port unreachable"."""
        if self._engine is None:
            return
        if self._fault() == "refuse":
            self._close()
        elif self._transport is None and self._opening is None:
            self._bind()
            if self._sock is not None:
                self._opening = asyncio.ensure_future(self._open(self._sock))
            elif self._loop is not None:
                self._loop.call_later(_REBIND_S, self._settle)

    def _bind(self) -> None:
        """Bind the port unless it is, or should not be. Left to the next try when somebody else has it."""
        with self._lock, contextlib.suppress(OSError):
            if self._sock is None and self._fault() != "refuse":
                self._sock = udp_socket(self._port)

    async def _open(self, sock: socket.socket) -> None:
        transport = _SwitchTransport(self._fault, self._is_mute)
        try:
            # Awaited here, not left to pysnmp's open_server_mode: one that is closed half-way through its opening
            # would take the reader of the next socket, with the same descriptor, away with it.
            await asyncio.get_running_loop().create_datagram_endpoint(lambda: transport, sock=sock)
            if self._sock is sock and self._engine is not None:
                config.add_transport(self._engine, udp.DOMAIN_NAME, transport)
                self._transport = transport
            else:
                transport.close_transport()
        finally:
            self._opening = None
        # The fault may have changed while the socket was being opened.
        self._settle()

    def _close(self) -> None:
        with self._lock:
            sock, self._sock = self._sock, None
        if self._transport is not None and self._engine is not None:
            transport, self._transport = self._transport, None
            self._engine.transport_dispatcher.unregister_transport(udp.DOMAIN_NAME)
            transport.close_transport()
        elif sock is not None and self._opening is None:
            sock.close()


def _engine(communities: dict[str, str], users: tuple[V3User, ...]) -> SnmpEngine:
    engine = SnmpEngine()
    for name, community in communities.items():
        config.add_v1_system(engine, name, community)
        for model in (1, 2):
            writable = EVERYTHING if name == _WRITER else NOTHING
            config.add_vacm_user(engine, model, name, "noAuthNoPriv", EVERYTHING, writable)
    for user in users:
        config.add_v3_user(
            engine, user.name, config.USM_AUTH_HMAC96_SHA, user.auth_key, config.USM_PRIV_CFB128_AES, user.priv_key
        )
        config.add_vacm_user(engine, 3, user.name, "authPriv", user.view, user.view if user.writes else NOTHING)
    return engine


class _SwitchTransport(udp.UdpAsyncioTransport):  # type: ignore[misc]  # pysnmp is untyped
    """A UDP socket with the switch's current fault between the wire and the agent."""

    def __init__(self, fault: Callable[[], str | None], is_mute: Callable[[], bool]) -> None:
        super().__init__(loop=asyncio.get_running_loop())
        self._fault, self._is_mute = fault, is_mute

    def datagram_received(self, datagram: bytes, address: Any) -> None:
        fault = self._fault()
        if self._callback_function is None or fault in ("hang", "refuse", "401") or self._is_mute():
            return
        if fault == "garbage" and self.transport is not None:
            self.transport.sendto(_GARBAGE + secrets.token_bytes(32), address)
        elif fault == "slow":
            self.loop.call_later(SLOW_S, self._receive_late, datagram, address)
        else:
            super().datagram_received(datagram, address)

    def _receive_late(self, datagram: bytes, address: Any) -> None:
        if self._callback_function is not None:
            super().datagram_received(datagram, address)

    def send_message(self, message: bytes, address: Any) -> None:
        fault = self._fault()
        if fault == "reset" or self._is_mute():
            return  # The request was carried out; its answer is lost.
        if fault == "partial":
            message = message[: len(message) // 2]
        super().send_message(message, address)
