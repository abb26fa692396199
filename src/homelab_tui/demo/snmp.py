"""The demo's PoE switch as an SNMP v2c agent on a loopback UDP port, on pysnmp's responder."""

import asyncio
import contextlib
import secrets
import socket
from collections.abc import Callable
from threading import Lock
from typing import Any

from pysnmp.carrier.asyncio.dgram import udp
from pysnmp.entity import config
from pysnmp.entity.engine import SnmpEngine
from pysnmp.entity.rfc3413 import cmdrsp, context
from pysnmp.proto.api import v2c
from pysnmp.proto.rfc1902 import Integer32
from pysnmp.proto.rfc1905 import endOfMibView, noSuchInstance, noSuchObject
from pysnmp.smi import error
from pysnmp.smi.instrum import AbstractMibInstrumController

from homelab_tui.demo.faults import SLOW_S, Faults
from homelab_tui.demo.snmp_tree import GROUP, POE_ADMIN_ENABLE, Oid, SwitchTree, Value
from homelab_tui.demo.world import World

EVERYTHING: Oid = (1, 3, 6, 1)
"""What both communities may read, and the write community may write."""
NOTHING: Oid = (1, 3, 6, 1, 6, 3, 99)
"""A subtree without a row in it: what the read community may write. pysnmp's VACM forgets to refuse (it returns its
error in place of raising it) where a view has no subtree at all."""
_READER, _WRITER = "reader", "writer"
_GARBAGE = b"\x30\x82\xff\xffnot an SNMP message \x1b[31m"
_REBIND_S = 0.05


class DemoSnmpAgent:
    """The switch's agent. Lives in the loop that starts it."""

    def __init__(self, world: World, faults: Faults, community: str, write_community: str) -> None:
        """`community` reads; `write_community` reads and writes. Any other: silence, as real agents do."""
        self._world = world
        self._faults = faults
        self._communities = {_READER: community, _WRITER: write_community}
        self._tree = SwitchTree(world)
        self._engine: SnmpEngine | None = None
        self._transport: _SwitchTransport | None = None
        self._port = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._opening: asyncio.Task[None] | None = None
        self._sock: socket.socket | None = None
        self._lock = Lock()
        self._unsubscribe: list[Callable[[], None]] = []

    async def start(self) -> int:
        """Open a free UDP port on 127.0.0.1 and return it. Raises: OSError."""
        self._loop = asyncio.get_running_loop()
        # Loads a dozen MIB modules; in a thread, so that the lab's other servers go on meanwhile.
        self._engine = engine = await asyncio.to_thread(_engine, self._communities)
        responder = context.SnmpContext(engine)
        responder.unregister_context_name(b"")
        responder.register_context_name(b"", _Controller(self._world, self._tree, self._fault))
        for command in (cmdrsp.GetCommandResponder, cmdrsp.NextCommandResponder, _BulkResponder, _SetResponder):
            command(engine, responder)
        self._sock = _bound(0)
        self._port = self._sock.getsockname()[1]
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
                self._sock = _bound(self._port)

    async def _open(self, sock: socket.socket) -> None:
        transport = _SwitchTransport(self._fault)
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


def _bound(port: int) -> socket.socket:
    """A UDP socket bound to a loopback port (0: a free one), which only this user's own sockets can share.

    Shared, because a closed socket keeps its port until the loop's next round. Raises: OSError.
    """
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.bind(("127.0.0.1", port))
    except OSError:
        sock.close()
        raise
    return sock


def _engine(communities: dict[str, str]) -> SnmpEngine:
    engine = SnmpEngine()
    for name, community in communities.items():
        config.add_v1_system(engine, name, community)
        for model in (1, 2):
            writable = EVERYTHING if name == _WRITER else NOTHING
            config.add_vacm_user(engine, model, name, "noAuthNoPriv", EVERYTHING, writable)
    return engine


class _SwitchTransport(udp.UdpAsyncioTransport):  # type: ignore[misc]  # pysnmp is untyped
    """A UDP socket with the switch's current fault between the wire and the agent."""

    def __init__(self, fault: Callable[[], str | None]) -> None:
        super().__init__(loop=asyncio.get_running_loop())
        self._fault = fault

    def datagram_received(self, datagram: bytes, address: Any) -> None:
        fault = self._fault()
        if self._callback_function is None or fault in ("hang", "refuse", "401"):
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
        if fault == "reset":
            return  # The request was carried out; its answer is lost.
        if fault == "partial":
            message = message[: len(message) // 2]
        super().send_message(message, address)


class _SetResponder(cmdrsp.SetCommandResponder):  # type: ignore[misc]  # pysnmp is untyped
    """pysnmp's, but with the error index of the variable that failed, not always 1."""

    def send_varbinds(self, engine: SnmpEngine, reference: Any, status: Any, index: Any, variables: Any) -> None:
        controller = self.snmpContext.get_mib_instrum(b"")
        if status and isinstance(controller, _Controller):
            index = controller.failed_index
        super().send_varbinds(engine, reference, status, index, variables)


class _BulkResponder(cmdrsp.BulkCommandResponder):  # type: ignore[misc]  # pysnmp is untyped
    """pysnmp's, but it stops where the MIB ends, as agents do; not one endOfMibView for each repetition asked for."""

    _shape = (0, 0)

    def handle_management_operation(self, engine: SnmpEngine, reference: Any, context_name: Any, pdu: Any) -> None:
        asked = len(v2c.apiBulkPDU.get_varbinds(pdu))
        once = min(max(0, int(v2c.apiBulkPDU.get_non_repeaters(pdu))), asked)
        self._shape = (once, asked - once)
        super().handle_management_operation(engine, reference, context_name, pdu)

    def send_varbinds(self, engine: SnmpEngine, reference: Any, status: Any, index: Any, variables: Any) -> None:
        once, repeated = self._shape
        if repeated:
            for start in range(once, len(variables), repeated):
                if all(value is endOfMibView for _, value in variables[start : start + repeated]):
                    variables = variables[: start + repeated]
                    break
        super().send_varbinds(engine, reference, status, index, variables)


class _Controller(AbstractMibInstrumController):  # type: ignore[misc]  # pysnmp is untyped
    """Answers pysnmp's requests for variables out of the switch's tree, with the errors of RFC 3416, 4.2."""

    def __init__(self, world: World, tree: SwitchTree, fault: Callable[[], str | None]) -> None:
        self._world = world
        self._tree = tree
        self._fault = fault
        self.failed_index = 0
        """1-based place of the variable that the last SET failed at."""

    def read_variables(self, *variables: Any, **context: Any) -> list[tuple[Any, Any]]:
        """GET."""
        self._prepare()
        answers = []
        for name, _ in variables:
            oid = tuple(name)
            value: Any = None if self._hidden(name, context) else self._tree.read(oid)
            if value is None:
                value = noSuchInstance if self._tree.has_object(oid) else noSuchObject
            answers.append((name, value))
        return answers

    def read_next_variables(self, *variables: Any, **context: Any) -> list[tuple[Any, Any]]:
        """GETNEXT, and one repetition of GETBULK."""
        self._prepare()
        answers: list[tuple[Any, Any]] = []
        for name, _ in variables:
            found: tuple[Oid, Value] | None = self._tree.following(tuple(name))
            if found is None or self._hidden(found[0], context):
                answers.append((name, endOfMibView))
            else:
                answers.append((name.clone(found[0]), found[1]))
        return answers

    def write_variables(self, *variables: Any, **context: Any) -> list[tuple[Any, Any]]:
        """SET: every variable is checked before the first one is changed."""
        self._prepare()
        wanted = []
        for index, (name, value) in enumerate(variables):
            self.failed_index = index + 1
            wanted.append(self._checked(tuple(name), value, index, context))
        self.failed_index = 0
        for port, on in wanted:
            self._world.set_port_admin(port, on)
        return list(variables)

    def _checked(self, oid: Oid, value: Any, index: int, context: dict[str, Any]) -> tuple[int, bool]:
        facts = {"name": oid, "idx": index}
        if self._fault() == "403" or context["acFun"]("write", (oid, value), **(context | {"idx": index})):
            raise error.NoAccessError(**facts)
        if oid[: len(POE_ADMIN_ENABLE)] != POE_ADMIN_ENABLE:
            raise error.NotWritableError(**facts)
        if value.getTagSet() != Integer32.tagSet:
            raise error.WrongTypeError(**facts)
        if int(value) not in (1, 2):
            raise error.WrongValueError(**facts)
        instance = oid[len(POE_ADMIN_ENABLE) :]
        if len(instance) != 2 or instance[0] != GROUP or instance[1] not in self._world.switch.ports:
            raise error.NoCreationError(**facts)
        return instance[1], int(value) == 1

    def _hidden(self, oid: Any, context: dict[str, Any]) -> bool:
        """True if the community's view does not show it."""
        return bool(context["acFun"]("read", (oid, None), **context))

    def _prepare(self) -> None:
        """Let the world's time pass, and play the faults that answer with an error."""
        if self._fault() in ("500", "503", "429"):
            self.failed_index = 1
            raise error.GenError(name=EVERYTHING, idx=0)
        self._world.tick()
