"""The SNMP engine that all switches share, and the wire's own classes. The only module that knows pysnmp's innards."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from homelab_tui.sources.threads import in_daemon_thread

Address = tuple[str, int]


@dataclass(slots=True)
class SnmpEngine:
    """One pysnmp engine with its UDP sockets, and what came in on them."""

    api: Any
    """pysnmp.hlapi.v3arch.asyncio"""
    engine: Any
    binding_class: Any
    """A request's variable: binding_class(object identifier, value)."""
    target_classes: dict[int, Any]
    """Address family number (4, 6) → transport target class."""
    arrivals: Counter[Address] = field(default_factory=Counter)
    """Datagrams that came from an address, readable or not."""
    socket_errors: list[OSError] = field(default_factory=list)
    """What the network said instead of carrying a datagram."""

    def unreadable(self) -> int:
        """How many datagrams were no SNMP so far."""
        (counter,) = self.engine.get_mib_builder().import_symbols("__SNMPv2-MIB", "snmpInASNParseErrs")
        return int(counter.syntax)

    def close(self) -> None:
        """Close the sockets; what is still waiting for an answer is given up."""
        self.engine.close_dispatcher()


class SnmpEngineHolder:
    """Makes the engine at its first use and closes it with its last user.

    Importing pysnmp (100 ms) and building an engine (70 ms) happen in a thread, beside the event loop. SNMPv2c switches
    share one engine; each SNMPv3 switch has its own, because an engine knows one key per user name.
    """

    def __init__(self) -> None:
        self._engines: dict[str, asyncio.Task[SnmpEngine]] = {}
        self._users = 0

    def join(self) -> None:
        """Count a user in."""
        self._users += 1

    def leave(self) -> None:
        """Count a user out; the last one closes the engines."""
        self._users -= 1
        if self._users <= 0:
            self.close()

    async def engine(self, key: str = "") -> SnmpEngine:
        """The engine for a key: "" for SNMPv2c, the switch's name for SNMPv3."""
        task = self._engines.get(key)
        if task is None or (task.done() and (task.cancelled() or task.exception() is not None)):
            task = asyncio.get_running_loop().create_task(new_engine(), name="snmp-engine")
            self._engines[key] = task
        return await asyncio.shield(task)

    def close(self) -> None:
        """Close every engine."""
        tasks, self._engines = self._engines, {}
        for task in tasks.values():
            if not task.done():
                task.cancel()
            elif not task.cancelled() and task.exception() is None:
                task.result().close()


async def new_engine() -> SnmpEngine:
    """An engine of one's own, to be closed by the caller."""
    return await in_daemon_thread(_build, name="snmp-engine")


def _build() -> SnmpEngine:
    # Imported here: pysnmp costs 100 ms, and nothing may pay that before the first paint.
    from pysnmp.carrier.asyncio.dgram.udp import UdpAsyncioTransport
    from pysnmp.carrier.asyncio.dgram.udp6 import Udp6AsyncioTransport
    from pysnmp.hlapi.v3arch import asyncio as api

    made = SnmpEngine(api=api, engine=api.SnmpEngine(), binding_class=_binding_class(api), target_classes={})
    made.target_classes[4] = _target_class(api.UdpTransportTarget, UdpAsyncioTransport, made)
    made.target_classes[6] = _target_class(api.Udp6TransportTarget, Udp6AsyncioTransport, made)
    return made


def _binding_class(api: Any) -> Any:
    """A variable that is nothing but numbers. pysnmp's own is looked up in its MIBs each time: a fifth of a request."""
    from pysnmp.proto.rfc1905 import unSpecified

    class Binding(api.ObjectType):  # type: ignore[misc]
        def __init__(self, oid: tuple[int, ...], value: Any = unSpecified) -> None:
            super().__init__(api.ObjectIdentity(oid), value)
            self._pair = (api.ObjectIdentifier(oid), value)

        def resolve_with_mib(self, *_: Any, **__: Any) -> Any:
            return self

        def __getitem__(self, place: int) -> Any:
            return self._pair[place]

    return Binding


def _target_class(base: Any, transport_base: Any, engine: SnmpEngine) -> Any:
    """A transport target that takes an address as it is, on a socket that counts what comes in.

    pysnmp's own would resolve the name in asyncio's default thread pool, and drops what it cannot read without a word.
    """

    class CountingTransport(transport_base):  # type: ignore[misc]
        def datagram_received(self, datagram: bytes, address: Any) -> None:
            engine.arrivals[(address[0], address[1])] += 1
            super().datagram_received(datagram, address)

        def error_received(self, error: OSError) -> None:
            engine.socket_errors.append(error)

    class LiteralTarget(base):  # type: ignore[misc]
        PROTO_TRANSPORT = CountingTransport

        def __init__(self, address: Address, *, timeout_s: float, retries: int) -> None:
            self.transport_address = address
            super().__init__(timeout=timeout_s, retries=retries)

    return LiteralTarget
