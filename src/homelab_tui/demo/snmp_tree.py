"""What the demo's PoE switch answers: every OID it has, in order, each with the world's value of this moment."""

from bisect import bisect_right
from collections.abc import Callable, Iterable
from datetime import datetime

from pysnmp.proto.rfc1902 import (
    Counter32,
    Counter64,
    Gauge32,
    Integer32,
    ObjectIdentifier,
    OctetString,
    TimeTicks,
)

from homelab_tui.demo.snmp_topology import LLDP_REMOTE_ENTRY, Q_FDB_ENTRY, bridge_rows, lldp_rows
from homelab_tui.demo.snmp_vendors import (
    GROUP,
    NETGEAR_POE_ENTRY,
    POE_PORT_ENTRY,
    VENDORS,
    Oid,
    Profile,
    Read,
    Value,
    netgear_rows,
    table,
    tp_link_rows,
)
from homelab_tui.demo.world import DemoPort, World

SYSTEM: Oid = (1, 3, 6, 1, 2, 1, 1)
INTERFACES: Oid = (1, 3, 6, 1, 2, 1, 2)
IF_X_ENTRY: Oid = (1, 3, 6, 1, 2, 1, 31, 1, 1, 1)
# RFC 3621. The main table has one node more than the port table: 105.1.3.1.1 against 105.1.1.1.
POE_MAIN_ENTRY: Oid = (1, 3, 6, 1, 2, 1, 105, 1, 3, 1, 1)
# Entries whose instances have another number of arcs than one.
_INDEX_ARCS = (
    (POE_PORT_ENTRY, 2),
    (NETGEAR_POE_ENTRY, 2),
    (Q_FDB_ENTRY, 7),
    (LLDP_REMOTE_ENTRY, 3),
)
USAGE_THRESHOLD_PERCENT = 80
_PART_ARCS = 7


class SwitchTree:
    """The switch's objects, ordered as a walk wants them. Values are read from the world when they are asked for."""

    def __init__(self, world: World, profile: Profile = "netgear") -> None:
        """`profile`: whose switch it is."""
        self._world = world
        self._switch = world.switch
        self._vendor = vendor = VENDORS[profile]
        self.admin = vendor.admin
        self.sulks_s = vendor.sulks_s
        self._changed_at: dict[int, float] = {}
        rows = dict(self._system_rows()) | dict(self._interface_rows())
        rows |= dict(bridge_rows(world, vendor)) | dict(lldp_rows(world, vendor))
        if vendor.has_rfc3621:
            rows |= dict(self._poe_rows()) | dict(netgear_rows(self._switch, self._now))
        else:
            rows |= dict(tp_link_rows(self._switch, self._now))
        self._oids = sorted(rows)
        self._rows = rows
        self._links = {number: port.has_link for number, port in self._switch.ports.items()}

    def read(self, oid: Oid) -> Value | None:
        """The value of exactly this instance; None if there is none."""
        row = self._rows.get(oid)
        return None if row is None else row()

    def following(self, oid: Oid) -> tuple[Oid, Value] | None:
        """The first instance behind `oid` in lexicographic order; None at the end."""
        for position in range(bisect_right(self._oids, oid), len(self._oids)):
            found = self._oids[position]
            value = self._rows[found]()
            if value is not None:
                return found, value
        return None

    def has_object(self, oid: Oid) -> bool:
        """True if `oid` lies below an object that has instances: then an absent one is noSuchInstance."""
        position = bisect_right(self._oids, oid)
        neighbours = self._oids[max(0, position - 1) : position + 1]
        return any(_object(row) == oid[: len(_object(row))] for row in neighbours)

    def knows(self, oid: Oid) -> bool:
        """True if the switch has a part of the tree that `oid` lies in, or that lies below it.

        Parts are told apart by their first seven arcs: a standard MIB below mib-2, or a vendor's whole tree.
        """
        part = oid[:_PART_ARCS]
        position = bisect_right(self._oids, part)
        return any(row[: len(part)] == part for row in self._oids[max(0, position - 1) : position + 1])

    def note_change(self, what: str) -> None:
        """Remember when a port's link changed (ifLastChange); `what` is the world's name of the port, "sw1/3"."""
        switch, _, number = what.partition("/")
        if switch != self._switch.name or not number.isdigit():
            return
        port = self._switch.ports.get(int(number))
        if port is not None and self._links[port.number] != port.has_link:
            self._links[port.number] = port.has_link
            self._changed_at[port.number] = self._world.clock.monotonic()

    # -- rows ------------------------------------------------------------------------------------------------------

    def _system_rows(self) -> Iterable[tuple[Oid, Read]]:
        switch = self._switch
        yield (*SYSTEM, 1, 0), lambda: _text(self._vendor.description or switch.sys_descr)
        yield (*SYSTEM, 2, 0), lambda: ObjectIdentifier(self._vendor.product)
        yield (*SYSTEM, 3, 0), lambda: TimeTicks(self._ticks(self._world.clock.monotonic()))
        yield (*SYSTEM, 4, 0), lambda: _text("homelab")
        yield (*SYSTEM, 5, 0), lambda: _text(switch.name)
        yield (*SYSTEM, 6, 0), lambda: _text("rack")
        yield (*SYSTEM, 7, 0), lambda: Integer32(2)

    def _interface_rows(self) -> Iterable[tuple[Oid, Read]]:
        yield (*INTERFACES, 1, 0), lambda: Integer32(len(self._switch.ports))
        columns: dict[int, Callable[[DemoPort], Value]] = {
            1: lambda port: Integer32(port.number + self._vendor.if_index_offset),
            2: lambda port: _text(f"Port: {port.number} Gigabit Level"),
            3: lambda port: Integer32(6),
            4: lambda port: Integer32(1500),
            5: lambda port: Gauge32(1_000_000_000 if port.has_link else 0),
            6: lambda port: OctetString(bytes.fromhex(self._switch.mac.replace(":", ""))),
            7: lambda port: Integer32(1),
            8: lambda port: Integer32(1 if port.has_link else 2),
            9: lambda port: TimeTicks(self._ticks(self._changed_at.get(port.number, self._switch.started_at))),
            10: lambda port: Counter32(self._octets(port) % 2**32),
            16: lambda port: Counter32(self._octets(port) * 3 % 2**32),
        }
        extended: dict[int, Callable[[DemoPort], Value]] = {
            1: lambda port: _text(self._vendor.if_name(port.number)),
            6: lambda port: Counter64(self._octets(port)),
            10: lambda port: Counter64(self._octets(port) * 3),
            15: lambda port: Gauge32(1000 if port.has_link else 0),
            18: lambda port: _text(port.label),
        }
        offset = self._vendor.if_index_offset
        yield from table((*INTERFACES, 2, 1), (), columns, self._switch, offset)
        yield from table(IF_X_ENTRY, (), extended, self._switch, offset)

    def _poe_rows(self) -> Iterable[tuple[Oid, Read]]:
        columns: dict[int, Callable[[DemoPort], Value]] = {
            3: lambda port: Integer32(port.admin),
            4: lambda port: Integer32(2),
            5: lambda port: Integer32(1),
            6: lambda port: Integer32(port.detection),
            7: lambda port: Integer32(port.priority),
            8: lambda port: Counter32(port.mps_absent),
            9: lambda port: OctetString(b""),
            # class0 is 1 on the wire, and what a port says that feeds nothing.
            10: lambda port: Integer32((port.poe_class or 0) + 1 if port.delivers_power else 1),
            11: lambda port: Counter32(port.invalid_signature),
            12: lambda port: Counter32(port.power_denied),
            13: lambda port: Counter32(port.overload),
            14: lambda port: Counter32(port.short),
        }
        yield from table(POE_PORT_ENTRY, (GROUP,), columns, self._switch)
        yield (*POE_MAIN_ENTRY, 2, GROUP), lambda: Gauge32(self._switch.budget_w)
        yield (*POE_MAIN_ENTRY, 3, GROUP), lambda: Integer32(1)
        yield (*POE_MAIN_ENTRY, 4, GROUP), lambda: Gauge32(round(self._switch.consumption_mw(self._now()) / 1000))
        yield (*POE_MAIN_ENTRY, 5, GROUP), lambda: Integer32(USAGE_THRESHOLD_PERCENT)

    def _now(self) -> datetime:
        return self._world.clock.now()

    def _ticks(self, monotonic_s: float) -> int:
        return int((monotonic_s - self._switch.started_at) * 100) % 2**32

    def _octets(self, port: DemoPort) -> int:
        """Bytes received since the start: steady traffic while something is plugged in."""
        up_s = self._world.clock.monotonic() - self._switch.started_at
        return int(up_s * 11_000 * port.number) if port.has_link or port.device else 0


def _object(oid: Oid) -> Oid:
    """The object (column or scalar) of an instance."""
    arcs = next((count for entry, count in _INDEX_ARCS if oid[: len(entry)] == entry), 1)
    return oid[:-arcs]


def _text(text: str) -> OctetString:
    return OctetString(text.encode())
