"""What is the vendor's own in the demo's switch: its names, its watts per port, and the column that switches a port."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from pysnmp.proto.rfc1902 import Gauge32, Integer32

from homelab_tui.demo.world import DemoPort, DemoSwitch

Oid = tuple[int, ...]
Value = Any
"""A value of one of rfc1902's types; pysnmp comes without types of Python's kind."""
Read = Callable[[], Value | None]
"""The value of this moment; None: there is no such row now."""
Profile = Literal["netgear", "tp-link"]

POE_PORT_ENTRY: Oid = (1, 3, 6, 1, 2, 1, 105, 1, 1, 1)
# Netgear's watts per port, which RFC 3621 does not have (NETGEAR-POWER-ETHERNET-MIB, agentPethPortEntry): under 11 in
# the smart switches, which this one is by its sysObjectID; under 10 in the managed ones.
NETGEAR_POE_ENTRY: Oid = (1, 3, 6, 1, 4, 1, 4526, 11, 15, 1, 1, 1)
# TPLINK-POWER-OVER-ETHERNET-MIB: the ports' table, and the scalars of the supply.
TP_LINK_POE_ENTRY: Oid = (1, 3, 6, 1, 4, 1, 11863, 6, 56, 1, 1, 2, 1, 1)
TP_LINK_SUPPLY: Oid = (1, 3, 6, 1, 4, 1, 11863, 6, 56, 1, 1, 1)
GROUP = 1
"""The only group: RFC 3621 wants 1 for a switch that is not modular."""


@dataclass(frozen=True, slots=True)
class AdminColumn:
    """The writable column that switches ports."""

    oid: Oid
    index: Oid
    """What stands before the port's number in an instance."""
    on: int
    off: int

    def port_of(self, oid: Oid) -> int | None:
        """The port's number in an instance of this column; None for an instance of another shape."""
        instance = oid[len(self.oid) :]
        return instance[-1] if len(instance) == len(self.index) + 1 and instance[:-1] == self.index else None


@dataclass(frozen=True, slots=True)
class Vendor:
    """One make of switch."""

    product: Oid
    """sysObjectID"""
    description: str | None
    """sysDescr; None: as the world has it."""
    if_index_offset: int
    if_name: Callable[[int], str]
    has_rfc3621: bool
    sulks_s: float
    """How long it answers nothing at all after a question about what it does not have."""
    admin: AdminColumn


NETGEAR = Vendor(
    (1, 3, 6, 1, 4, 1, 4526, 100, 4, 44),
    None,
    0,
    "g{}".format,
    True,
    0.0,
    AdminColumn((*POE_PORT_ENTRY, 3), (GROUP,), 1, 2),
)
TP_LINK = Vendor(
    (1, 3, 6, 1, 4, 1, 11863, 5, 173),
    "JetStream 8-Port Gigabit Easy Managed Switch with 8-Port PoE+",
    49152,
    "gigabitEthernet 1/0/{}".format,
    False,
    4.0,
    AdminColumn((*TP_LINK_POE_ENTRY, 2), (), 1, 0),
)
VENDORS: dict[Profile, Vendor] = {"netgear": NETGEAR, "tp-link": TP_LINK}


def netgear_rows(switch: DemoSwitch, now: Callable[[], datetime]) -> Iterable[tuple[Oid, Read]]:
    """Limit, milliwatts, milliamperes, volts and degrees of each port."""
    columns: dict[int, Callable[[DemoPort], Value]] = {
        1: lambda port: Gauge32(30_000),
        2: lambda port: Gauge32(port.power_mw(now())),
        3: lambda port: Gauge32(port.current_ma(now())),
        4: lambda port: Gauge32(port.voltage_v()),
        5: lambda port: Integer32(41),
    }
    yield from table(NETGEAR_POE_ENTRY, (GROUP,), columns, switch)


def tp_link_rows(switch: DemoSwitch, now: Callable[[], datetime]) -> Iterable[tuple[Oid, Read]]:
    """TP-Link has no RFC 3621 at all: power and voltage in tenths, class 7 for none, states of its own."""
    # RFC 3621's searching is off there, and off is off.
    status = {1: 0, 2: 0, 3: 2, 4: 3, 5: 0, 6: 8}
    columns: dict[int, Callable[[DemoPort], Value]] = {
        1: lambda port: Integer32(port.number),
        2: lambda port: Integer32(1 if port.admin == 1 else 0),
        3: lambda port: Integer32(3 - port.priority),
        4: lambda port: Integer32(300),
        7: lambda port: Integer32(port.power_mw(now()) // 100),
        8: lambda port: Integer32(port.current_ma(now())),
        9: lambda port: Integer32(port.voltage_v() * 10),
        10: lambda port: Integer32(port.poe_class if port.delivers_power and port.poe_class is not None else 7),
        11: lambda port: Integer32(status[port.detection]),
    }
    yield from table(TP_LINK_POE_ENTRY, (), columns, switch)
    limit = switch.budget_w * 10
    yield (*TP_LINK_SUPPLY, 1, 0), lambda: Integer32(limit)
    yield (*TP_LINK_SUPPLY, 3, 0), lambda: Integer32(switch.consumption_mw(now()) // 100)
    yield (*TP_LINK_SUPPLY, 4, 0), lambda: Integer32(limit - switch.consumption_mw(now()) // 100)


def table(
    entry: Oid, index: Oid, columns: dict[int, Callable[[DemoPort], Value]], switch: DemoSwitch, offset: int = 0
) -> Iterable[tuple[Oid, Read]]:
    """A row per port; `offset` is added to the port's number in the index."""
    for column, value in columns.items():
        for number, port in switch.ports.items():
            yield (*entry, column, *index, number + offset), lambda value=value, port=port: value(port)  # type: ignore[misc]
