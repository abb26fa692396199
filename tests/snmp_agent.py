"""An SNMPv2c agent inside the test, for oddities that no real agent can be made to show. It answers from recordings."""

import asyncio
import bisect
import contextlib
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from pyasn1.codec.ber import decoder, encoder
from pysnmp.proto.api import PROTOCOL_MODULES, SNMP_VERSION_2C
from pysnmp.proto.rfc1902 import (
    Counter32,
    Counter64,
    Gauge32,
    Integer32,
    IpAddress,
    ObjectIdentifier,
    OctetString,
    TimeTicks,
)
from pysnmp.proto.rfc1905 import endOfMibView, noSuchInstance, noSuchObject

Oid = tuple[int, ...]
PROTOCOL: Any = PROTOCOL_MODULES[SNMP_VERSION_2C]
TOO_BIG, GEN_ERR, NO_ACCESS, NOT_WRITABLE = 1, 5, 6, 17

_TYPES: dict[str, Any] = {
    "2": Integer32,
    "4": OctetString,
    "6": ObjectIdentifier,
    "64": IpAddress,
    "65": Counter32,
    "66": Gauge32,
    "67": TimeTicks,
    "70": Counter64,
}


def oid(dotted: str) -> Oid:
    """An object identifier from its dotted form."""
    return tuple(int(arc) for arc in dotted.strip(".").split("."))


def parse_snmprec(lines: Iterable[str]) -> dict[Oid, Any]:
    """A recording in snmpsim's format: `oid|type|value`, an `x` after the type for hexadecimal.

    Type `none` stands for noSuchObject, which real agents put into the middle of a walk.
    """
    rows: dict[Oid, Any] = {}
    for line in lines:
        name, _, rest = line.strip("\r\n").partition("|")
        tag, _, value = rest.partition("|")
        if not name.replace(".", "").isdigit():
            continue
        kind = _TYPES.get(tag.split(":")[0].rstrip("x"))
        if tag == "none":
            rows[oid(name)] = noSuchObject
        elif kind is IpAddress:
            rows[oid(name)] = kind(hexValue=value) if tag.endswith("x") else kind(value)
        elif kind is OctetString:
            rows[oid(name)] = kind(hexValue=value) if tag.endswith("x") else kind(value.encode())
        elif kind is ObjectIdentifier:
            rows[oid(name)] = kind(oid(value))
        elif kind is not None:
            rows[oid(name)] = kind(int(value))
    return rows


_NUMBERS: dict[str, Any] = {"INTEGER": Integer32, "Counter32": Counter32, "Gauge32": Gauge32}


def parse_walk(lines: Iterable[str]) -> dict[Oid, Any]:
    """The text of `snmpbulkwalk -On`. Its "No Such Object" lines become that answer, where they stand."""
    rows: dict[Oid, Any] = {}
    for line in lines:
        name, _, rest = line.strip("\r\n").partition(" = ")
        word, _, value = rest.partition(": ")
        if rest.startswith("No Such"):
            rows[oid(name)] = noSuchObject if "Object" in rest else noSuchInstance
        elif rest == '""':
            rows[oid(name)] = OctetString(b"")
        elif word == "Hex-STRING":
            rows[oid(name)] = OctetString(bytes.fromhex(value))
        elif word == "STRING":
            rows[oid(name)] = OctetString(value.strip('"').encode())
        elif word == "OID":
            rows[oid(name)] = ObjectIdentifier(oid(value))
        elif word == "Timeticks":
            rows[oid(name)] = TimeTicks(int(value[1 : value.index(")")]))
        elif word in _NUMBERS:
            rows[oid(name)] = _NUMBERS[word](int(value))
    return rows


def read_recording(path: Path) -> dict[Oid, Any]:
    """A recording from a file: snmpsim's `.snmprec`, else the text of a walk."""
    parse = parse_snmprec if path.suffix == ".snmprec" else parse_walk
    return parse(path.read_text(encoding="utf-8", errors="replace").splitlines())


@dataclass(slots=True)
class Agent:
    """What the agent knows, and how it misbehaves."""

    rows: dict[Oid, Any]
    community: str = "public"
    port: int = 0
    asked: list[tuple[str, Oid]] = field(default_factory=list)
    """(command, object), in order."""
    writable: set[Oid] = field(default_factory=set)
    ignores_writes: bool = False
    """Answers a SET without an error and with noSuchInstance, as snmpsim does."""
    next_of: dict[Oid, Oid] = field(default_factory=dict)
    """Successors that override the order: an agent whose object identifiers do not increase."""
    bulk: str = "good"
    """good, silent, "silent above 5" (rows), genErr, or tooBig (for more than 4 rows)."""
    refuses_next: bool = False
    """Answers GETNEXT with genErr."""
    silent_below: tuple[Oid, ...] = ()
    """Requests for these objects, or what follows them, are not answered."""
    dropped: int = 0
    """How many of those there were."""
    raw: bytes | None = None
    """Answered to everything, instead of SNMP."""
    _order: list[Oid] = field(default_factory=list)

    def answer(self, datagram: bytes) -> bytes | None:
        """The agent's answer; None: silence."""
        if self.raw is not None:
            return self.raw
        request, _ = decoder.decode(datagram, asn1Spec=PROTOCOL.Message())
        if bytes(PROTOCOL.apiMessage.get_community(request)).decode() != self.community:
            return None
        response = PROTOCOL.apiMessage.get_response(request)
        asked, told = PROTOCOL.apiMessage.get_pdu(request), PROTOCOL.apiMessage.get_pdu(response)
        names = [tuple(name) for name, _ in PROTOCOL.apiPDU.get_varbinds(asked)]
        if any(name[: len(root)] == root for name in names for root in self.silent_below):
            self.dropped += 1
            return None
        pairs = self._handle(asked, told, names)
        if pairs is None:
            return None
        PROTOCOL.apiPDU.set_varbinds(told, pairs)
        encoded: bytes = encoder.encode(response)
        return encoded

    def _handle(self, asked: Any, told: Any, names: list[Oid]) -> list[tuple[Oid, Any]] | None:
        kind = asked.tagSet
        if kind == PROTOCOL.GetRequestPDU.tagSet:
            self.asked += [("get", name) for name in names]
            return [(name, self.rows.get(name, noSuchInstance)) for name in names]
        if kind == PROTOCOL.GetNextRequestPDU.tagSet:
            self.asked += [("next", name) for name in names]
            if self.refuses_next:
                PROTOCOL.apiPDU.set_error_status(told, GEN_ERR)
                return []
            return [self._after(name) for name in names]
        if kind == PROTOCOL.SetRequestPDU.tagSet:
            self.asked += [("set", name) for name in names]
            return self._write(PROTOCOL.apiPDU.get_varbinds(asked), told)
        self.asked += [("bulk", name) for name in names]
        repetitions = int(PROTOCOL.apiBulkPDU.get_max_repetitions(asked))
        if self.bulk == "silent" or (self.bulk == "silent above 5" and repetitions > 5):
            return None
        if self.bulk == "genErr" or (self.bulk == "tooBig" and repetitions > 4):
            PROTOCOL.apiPDU.set_error_status(told, GEN_ERR if self.bulk == "genErr" else TOO_BIG)
            return []
        pairs = [self._after(names[0])]
        while len(pairs) < repetitions and pairs[-1][1] is not endOfMibView:
            pairs.append(self._after(pairs[-1][0]))
        return pairs

    def _write(self, bindings: Any, told: Any) -> list[tuple[Oid, Any]]:
        if self.ignores_writes:
            return [(tuple(name), noSuchInstance) for name, _ in bindings]
        for name, value in bindings:
            if tuple(name) not in self.writable:
                PROTOCOL.apiPDU.set_error_status(told, NOT_WRITABLE)
                PROTOCOL.apiPDU.set_error_index(told, 1)
                break
            self.rows[tuple(name)] = value
        return [(tuple(name), value) for name, value in bindings]

    def _after(self, name: Oid) -> tuple[Oid, Any]:
        if name in self.next_of:
            return self.next_of[name], self.rows[self.next_of[name]]
        if len(self._order) != len(self.rows):
            self._order = sorted(self.rows)
        place = bisect.bisect_right(self._order, name)
        return (self._order[place], self.rows[self._order[place]]) if place < len(self._order) else (name, endOfMibView)


class _Protocol(asyncio.DatagramProtocol):
    def __init__(self, agent: Agent) -> None:
        self._agent = agent
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, address: Any) -> None:
        answer = self._agent.answer(data)
        if answer is not None and self._transport is not None:
            self._transport.sendto(answer, address)


@contextlib.asynccontextmanager
async def running(agent: Agent, host: str = "127.0.0.1") -> AsyncIterator[Agent]:
    """The agent, listening on a free UDP port of loopback."""
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: _Protocol(agent), local_addr=(host, 0))
    agent.port = transport.get_extra_info("sockname")[1]
    try:
        yield agent
    finally:
        transport.close()
