"""Power over Ethernet as the switch (the PSE) sees it. Names follow RFC 3621, POWER-ETHERNET-MIB."""

from enum import StrEnum

from homelab_tui.domain.values import Frozen, replace


class PortRef(Frozen, order=True):
    """Identity of a PoE port. `port` is the MIB's index, which need not be the printed number nor an ifIndex."""

    switch: str
    group: int
    port: int

    def __str__(self) -> str:
        return f"{self.switch}/{self.port}" if self.group == 1 else f"{self.switch}/{self.group}/{self.port}"


class Detection(StrEnum):
    """pethPsePortDetectionStatus. Only DELIVERING means that the device gets power."""

    DISABLED = "disabled"
    SEARCHING = "searching"
    DELIVERING = "delivering"
    FAULT = "fault"
    TEST = "test"
    OTHER_FAULT = "other-fault"


class PoePort(Frozen):
    """One PoE port at one reading. None always means: the switch did not say."""

    ref: PortRef
    label: str | None = None
    """The operator's name of the port (ifAlias), else the switch's own (ifName)."""
    admin_on: bool | None = None
    detection: Detection | None = None
    power_class: int | None = None
    """0–8; known only while power is delivered."""
    power_mw: int | None = None
    voltage_mv: int | None = None
    current_ma: int | None = None
    denied_count: int | None = None
    """pethPsePortPowerDeniedCounter: the budget was spent."""
    overload_count: int | None = None
    short_count: int | None = None
    mps_absent_count: int | None = None
    """How often the device was unplugged or stopped drawing."""
    if_index: int | None = None
    """The port's row in IF-MIB, where the mapping is certain."""
    link_up: bool | None = None
    speed_mbps: int | None = None
    allocated_mw: int | None = None
    """What the switch itself says that it keeps for the device; most leave it to the class."""
    if_name: str | None = None
    """The interface's own name, where the source tells it beside the label."""

    @property
    def delivers_power(self) -> bool | None:
        """Whether the device gets power; None when the detection status is unknown."""
        return None if self.detection is None else self.detection is Detection.DELIVERING


_EVENTS = (
    ("its device was unplugged or stopped drawing", "mps_absent_count"),
    ("it was overloaded", "overload_count"),
    ("it was shorted", "short_count"),
    ("it was denied power", "denied_count"),
)


def port_event(before: PoePort, after: PoePort) -> str | None:
    """What happened at a port between two readings, in words; None: nothing that it tells."""
    for words, name in _EVENTS:
        old, new = getattr(before, name), getattr(after, name)
        if old is not None and new is not None and new > old:
            return words
    if before.link_up and after.link_up is False:
        return "its link went down"
    return None


class PseGroup(Frozen):
    """The power supply of one group (a box of a stack, a module of a chassis): pethMainPseTable."""

    group: int
    budget_mw: int | None = None
    """None when the switch names none, or 0: there is no budget to divide by."""
    drawn_mw: int | None = None
    """Measured consumption, after the known liars were recognised."""
    operates: bool | None = None
    threshold_percent: int | None = None
    """1–99, else None."""


class SwitchReading(Frozen):
    """All that one switch said about PoE, at one moment."""

    name: str
    source: str
    """snmp, unifi, routeros, prometheus or command."""
    ports: tuple[PoePort, ...] = ()
    groups: tuple[PseGroup, ...] = ()
    model: str | None = None
    """sysDescr or the vendor's model text."""
    findings: tuple[str, ...] = ()
    """Oddities that were survived, each in a sentence (a threshold of 0, a status outside the enumeration, …)."""
    mac_ports: tuple[tuple[str, int], ...] = ()
    """(MAC, ifIndex) pairs from the bridge's table, where the switch has one; empty when not read."""
    neighbours: tuple[tuple[int, str], ...] = ()
    """(ifIndex, LLDP system name) pairs."""

    def port(self, ref: PortRef) -> PoePort | None:
        """The port with that identity, or None."""
        return next((port for port in self.ports if port.ref == ref), None)


def with_same_ports(before: SwitchReading | None, now: SwitchReading) -> SwitchReading:
    """A reading in which every port that is as it was is the same object, and which is `before` if all is as it was.

    A switch is read whole and hardly a port of it changes: what is made of the ports need not be compared again.
    """
    if before is None:
        return now
    known = {port.ref: port for port in before.ports}
    ports = tuple(same if (same := known.get(port.ref)) == port else port for port in now.ports)
    shared = replace(now, ports=before.ports if ports == before.ports else ports)
    return before if shared == before else shared


RESERVED_BY_CLASS_MW = {0: 15_400, 1: 4_000, 2: 7_000, 3: 15_400, 4: 30_000, 5: 45_000, 6: 60_000, 7: 75_000, 8: 90_000}
"""What a PSE reserves for a device of a class (IEEE 802.3af/at/bt)."""


def budget_mw(reading: SwitchReading) -> int | None:
    """Watts the switch can give in all, as mW; None when no group names a budget."""
    known = [group.budget_mw for group in reading.groups if group.budget_mw]
    return sum(known) if known else None


def drawn_mw(reading: SwitchReading) -> int | None:
    """What is drawn now, mW: the main table's figure, else the sum of the ports; None when neither is known."""
    known = [group.drawn_mw for group in reading.groups if group.drawn_mw is not None]
    if known:
        return sum(known)
    ports = [port.power_mw for port in reading.ports if port.power_mw is not None]
    return sum(ports) if ports else None


def reserved_mw(reading: SwitchReading) -> int | None:
    """What is kept for the delivering ports, mW: as the switch says, else by their classes.

    None when no delivering port tells either.
    """
    ports = [
        port for port in reading.ports if port.delivers_power or (port.delivers_power is None and port.allocated_mw)
    ]
    kept = [_kept_mw(port) for port in ports]
    known = [milliwatts for milliwatts in kept if milliwatts is not None]
    return sum(known) if known else None


def is_allocated(reading: SwitchReading) -> bool:
    """Whether it is the switch itself that says what it keeps, and not the classes alone."""
    return any(port.allocated_mw for port in reading.ports)


def _kept_mw(port: PoePort) -> int | None:
    """For one device. An allocation of 0 for one that gets power is none."""
    if port.allocated_mw:
        return port.allocated_mw
    return None if port.power_class is None else RESERVED_BY_CLASS_MW.get(port.power_class, 0)


def has_room(reading: SwitchReading, power_class: int = 4) -> bool | None:
    """Whether a supply has room for one more device of a class (4: a PoE+ HAT), as the switch reserves it.

    Each supply of a stack or chassis feeds its own ports, so that what is left of two does not add up. None when it
    cannot be told: no budget, no ports, or a port that may deliver and tells neither
    class nor allocation. What is drawn may still rule it
    out.
    """
    verdicts = [_has_room(group, reading, RESERVED_BY_CLASS_MW[power_class]) for group in reading.groups]
    if any(verdicts):
        return True
    return None if not verdicts or None in verdicts else False


def _has_room(group: PseGroup, reading: SwitchReading, wanted_mw: int) -> bool | None:
    if group.budget_mw is None:
        return None
    if group.operates is False or (group.drawn_mw or 0) + wanted_mw > group.budget_mw:
        return False
    ports = [port for port in reading.ports if port.ref.group == group.group]
    taken = [port for port in ports if port.delivers_power or (port.delivers_power is None and port.power_mw != 0)]
    kept = [_kept_mw(port) for port in taken]
    if not ports or None in kept:
        return None
    return sum(milliwatts or 0 for milliwatts in kept) + wanted_mw <= group.budget_mw
