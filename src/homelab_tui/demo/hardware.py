"""The machines and the PoE switch of the demo lab: mutable objects that every server reads."""

import math
import uuid
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Literal

Kind = Literal["nuc", "raspberry-pi"]
Power = Literal["on", "off", "booting", "hung"]

UPLINK_PORT = 8

# Bits of the Raspberry Pi firmware's `get_throttled`; the "since boot" twin of each is 16 bits higher.
UNDER_VOLTAGE = 0x1
FREQUENCY_CAPPED = 0x2
THROTTLED = 0x4
SOFT_TEMPERATURE_LIMIT = 0x8


@dataclass(slots=True)
class DemoNode:
    """One machine. The SSH server, the Kubernetes node, the scrape target and the switch port all read this object."""

    name: str
    kind: Kind
    cluster: Literal["nuc", "pi"]
    role: Literal["control-plane", "worker"]
    user: str
    address: str
    """The address the seed declares; the lab's servers listen on loopback only."""
    mac: str
    model: str
    board: str
    """DMI board name of a NUC, revision code of a Pi (c03114 is a 4 GB 4B)."""
    serial: str
    os_pretty: str
    os_id: str
    os_version: str
    kernel: str
    arch: str
    """As `uname -m` says it."""
    cores: int
    threads: int
    memory_bytes: int
    """MemTotal: what the kernel sees, so less than the modules add up to."""
    disk_bytes: int
    """Raw size of the one fixed disk (NVMe or microSD)."""
    machine_id: str
    boot_id: str
    booted_at: datetime
    power: Power = "on"
    port: int | None = None
    """PoE port of sw1 that feeds it; None for a NUC, which has its own brick."""
    throttled: int = 0
    """The Pi's get_throttled bits; 0 for a NUC."""
    base_temperature_c: float = 45.0
    base_load: float = 0.3
    disk_used_ratio: float = 0.3
    clock_skew_s: float = 0.0
    """How far this node's own wall clock runs ahead of the lab's."""
    phase: float = 0.0
    """Radians; keeps the gentle waves of twins apart."""
    silent_since: float | None = None
    """Monotonic second at which it hung: since when it has sent nothing; None while it may talk."""
    boot_ready_at: float | None = None
    """Monotonic second at which a booting node's OS answers; None unless booting."""

    def wave(self, at: datetime, period_s: float) -> float:
        """A smooth number in -1..1 that depends on the time alone, so that all servers tell the same."""
        return math.sin(at.timestamp() * 2 * math.pi / period_s + self.phase)

    def temperature_c(self, at: datetime) -> float:
        """Package temperature; hotter while it is under-volted and throttling."""
        hot = 14.0 if self.throttled & THROTTLED else 0.0
        return round(self.base_temperature_c + hot + 2.5 * self.wave(at, 180), 1)

    def load1(self, at: datetime) -> float:
        """One-minute load average."""
        return round(max(0.01, self.base_load * (1 + 0.6 * self.wave(at, 95))), 2)

    def memory_used_bytes(self, at: datetime) -> int:
        """MemTotal minus MemAvailable."""
        return int(self.memory_bytes * (0.34 + 0.05 * self.wave(at, 240)))

    def disk_used_bytes(self) -> int:
        """Used bytes of the root file system."""
        return int(self.disk_bytes * self.disk_used_ratio)


@dataclass(slots=True)
class DemoPort:
    """One PoE port, in the terms and numbers of RFC 3621."""

    number: int
    if_name: str
    label: str
    """ifAlias, as the operator wrote it."""
    admin: int = 1
    """pethPsePortAdminEnable: 1 true, 2 false."""
    detection: int = 2
    """pethPsePortDetectionStatus: 1 disabled, 2 searching, 3 deliveringPower, 4 fault, 5 test, 6 otherFault."""
    poe_class: int | None = None
    """Class 0..4 of what hangs on it (on the wire: class + 1, valid only while delivering); None: nothing does."""
    device: str | None = None
    """Name of the machine on this port; None when nothing that takes power is plugged in."""
    base_power_mw: int = 0
    strain_mw: int = 0
    """What its device draws more than it should; gone with the power."""
    priority: int = 3
    """pethPsePortPowerPriority: 1 critical, 2 high, 3 low."""
    has_link: bool = False
    mps_absent: int = 0
    invalid_signature: int = 0
    power_denied: int = 0
    overload: int = 0
    short: int = 0
    powered_at: float | None = None
    """Monotonic second at which searching ends in delivering; None while nothing is pending."""

    @property
    def delivers_power(self) -> bool:
        """True in deliveringPower(3)."""
        return self.detection == 3

    def power_mw(self, at: datetime) -> int:
        """Milliwatts drawn now; 0 while it does not deliver."""
        if not self.delivers_power:
            return 0
        wave = math.sin(at.timestamp() * 2 * math.pi / 47 + self.number)
        return int((self.base_power_mw + self.strain_mw) * (1 + 0.06 * wave)) // 100 * 100

    def voltage_v(self) -> int:
        """Whole volts on the pairs; 0 while it does not deliver."""
        return 53 if self.delivers_power else 0

    def current_ma(self, at: datetime) -> int:
        """Milliamperes on the pairs."""
        return self.power_mw(at) // 53 if self.delivers_power else 0


@dataclass(slots=True)
class DemoSwitch:
    """The 8-port PoE switch: ports 1-4 feed rpi01-rpi04, 5 an access point, 6 and 7 are free, 8 is the uplink."""

    name: str
    budget_w: int
    mac: str
    sys_descr: str
    ports: dict[int, DemoPort] = field(default_factory=dict)
    started_at: float = 0.0
    """Monotonic second that sysUpTime counts from."""

    def consumption_mw(self, at: datetime) -> int:
        """What all ports draw together."""
        return sum(port.power_mw(at) for port in self.ports.values())


def _machine(rng: Random, **facts: object) -> DemoNode:
    hexes = f"{rng.getrandbits(128):032x}"
    boot = str(uuid.UUID(int=rng.getrandbits(128), version=4))
    return DemoNode(machine_id=hexes, boot_id=boot, phase=rng.uniform(0, 6.28), **facts)  # type: ignore[arg-type]


def nuc(number: int, rng: Random, now: datetime, *, drifts: bool) -> DemoNode:
    """NUC number `number` (1-based); one that `drifts` lost a memory module and a kernel update."""
    subnet, host = (10, 120 + number) if number <= 4 else (20 + number // 200, number % 200 + 10)
    return _machine(
        rng,
        name=f"nuc{number:02d}",
        kind="nuc",
        cluster="nuc",
        role="control-plane" if number == 1 else "worker",
        user="kkato",
        address=f"192.168.{subnet}.{host}",
        mac=f"1c:69:7a:00:{number >> 8:02x}:{number & 255:02x}",
        model="NUC11PAHi5",
        board="NUC11PABi5",
        serial=f"G6PA{number:08d}",
        os_pretty="Rocky Linux 9.1 (Blue Onyx)",
        os_id="rocky",
        os_version="9.1",
        kernel="5.14.0-162.6.1.el9_1.x86_64" if drifts else "5.14.0-162.23.1.el9_1.x86_64",
        arch="x86_64",
        cores=4,
        threads=8,
        memory_bytes=(8_033_412 if drifts else 16_052_308) * 1024,
        disk_bytes=500_107_862_016,
        booted_at=now - timedelta(days=41, seconds=rng.randrange(80_000)),
        base_temperature_c=43.0 + number % 4,
        base_load=0.55,
        disk_used_ratio=0.21 + 0.03 * (number % 4),
    )


def bastion(rng: Random, now: datetime) -> DemoNode:
    """The old NUC by the door that the others are reached through. It belongs to no cluster."""
    return replace(
        nuc(9, rng, now, drifts=False), name="bastion", address="192.168.10.2", mac="1c:69:7a:00:00:fe", base_load=0.1
    )


def raspberry_pi(number: int, rng: Random, now: datetime) -> DemoNode:
    """Raspberry Pi number `number` (1-based); the first four hang on ports 1-4 of the switch."""
    subnet, host = (10, 130 + number) if number <= 4 else (40 + number // 200, number % 200 + 10)
    return _machine(
        rng,
        name=f"rpi{number:02d}",
        kind="raspberry-pi",
        cluster="pi",
        role="control-plane" if number == 1 else "worker",
        user="ubuntu",
        address=f"192.168.{subnet}.{host}",
        mac=f"dc:a6:32:00:{number >> 8:02x}:{number & 255:02x}",
        model="Raspberry Pi 4 Model B Rev 1.4",
        board="c03114",
        serial=f"10000000{number:08x}",
        os_pretty="Ubuntu 22.10",
        os_id="ubuntu",
        os_version="22.10",
        kernel="5.19.0-1015-raspi",
        arch="aarch64",
        cores=4,
        threads=4,
        memory_bytes=3_884_312 * 1024,
        disk_bytes=63_864_569_856,
        booted_at=now - timedelta(days=12, seconds=rng.randrange(80_000)),
        port=number if number <= 4 else None,
        base_temperature_c=51.0 + number % 4,
        base_load=0.8,
        disk_used_ratio=0.38 + 0.04 * (number % 4),
    )


def poe_switch(nodes: dict[str, DemoNode], started_at: float) -> DemoSwitch:
    """The lab's switch, all fed ports delivering."""
    switch = DemoSwitch(
        name="sw1",
        budget_w=60,
        mac="28:94:01:00:00:01",
        sys_descr="GS110TPv3 8-Port Gigabit PoE+ Smart Managed Pro Switch, 7.0.9.7",
        started_at=started_at,
    )
    by_port = {node.port: node.name for node in nodes.values() if node.port is not None}
    for number in range(1, 9):
        port = DemoPort(number=number, if_name=f"g{number}", label="")
        if number in by_port:
            port.device, port.label = by_port[number], by_port[number]
            port.poe_class, port.base_power_mw, port.detection, port.has_link = 4, 5600 + 300 * number, 3, True
        elif number == 5:
            port.device, port.label = "ap-livingroom", "ap-livingroom"
            port.poe_class, port.base_power_mw, port.detection, port.has_link = 3, 7200, 3, True
        elif number == UPLINK_PORT:
            port.label, port.admin, port.detection, port.has_link = "uplink", 2, 1, True
        switch.ports[number] = port
    return switch


EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
