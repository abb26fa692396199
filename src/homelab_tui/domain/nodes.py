"""The boxes: what the configuration declares of them, and what was measured."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from homelab_tui.domain.poe import PortRef
from homelab_tui.domain.values import Frozen

AF_CURRENT_MA = 2500
"""What a PoE+ HAT may draw at 5 V when the switch granted no more than 802.3af; 5,000 with 802.3at."""


@dataclass(frozen=True, slots=True)
class NodeSpec:
    """What the owner says a node has. None: not declared."""

    model: str | None = None
    """As its maker calls it: `NUC11PAHi5`, `Raspberry Pi 4 Model B`."""
    cores: int | None = None
    """Physical cores."""
    memory_bytes: int | None = None
    """As sold: a measured size within -12 % / +8 % agrees."""
    disk_bytes: int | None = None
    """The largest fixed disk, as sold."""
    os: str | None = None
    """As its os-release says: `Rocky Linux 9.1`."""


@dataclass(frozen=True, slots=True)
class Node:
    """A node as the configuration names it. `name` is its identity everywhere in the program."""

    name: str
    """What it is called on the command line and on the screen."""
    host: str
    """Name or address to connect to (an ssh alias works); the default is the node's name."""
    user: str | None = None
    """Account to log in with; None: what `ssh -G` says, else the local user."""
    port: int | None = None
    """SSH port; None: what `ssh -G` says, else 22."""
    groups: tuple[str, ...] = ()
    """The owner's own words."""
    poe: PortRef | None = None
    """The switch port that feeds it, as declared: `switch/port` or `switch/group/port`."""
    mac: str | None = None
    """MAC address of the interface that is wired; lower case, colons."""
    spec: NodeSpec = NodeSpec()
    """What the owner says it has."""
    other_account: bool = False
    """True for `user@name`: an account that is not the configured one."""

    @property
    def account(self) -> str:
        """Identity of the account: the node's name, or `user@name` for another one than the configured."""
        return f"{self.user}@{self.name}" if self.other_account else self.name


class NodeState(StrEnum):
    """A node in one word."""

    UP = "up"
    DOWN = "down"
    HUNG = "hung"
    REBOOTING = "rebooting"
    UNKNOWN = "unknown"


class Disk(Frozen):
    """One fixed block device."""

    name: str
    size_bytes: int
    kind: str
    """nvme, ssd, hdd, microsd, emmc or disk."""
    model: str | None = None
    removable: bool = False
    read_only: bool = False
    wear_percent: int | None = None
    """eMMC: how much of its life is used, as its maker reckons, rounded up to tens; 110: beyond it. SD cards and disks
    that need root to ask: None."""
    reserve: str | None = None
    """eMMC: normal, warning (80 % of the spare blocks are used) or urgent (90 %)."""


class Fan(Frozen):
    """What cools a Raspberry Pi: the fan of its PoE HAT, or of its case."""

    level: int | None = None
    """Step of the cooling device, 0 is off."""
    levels: int | None = None
    """Its highest step."""
    duty_percent: int | None = None
    """Of its pulse width; what it turns is told by none of the HATs."""


class PendingUpdates(Frozen):
    """Packages that wait to be updated, as the node's own caches tell it: nothing was downloaded for the answer."""

    count: int
    witness: str
    """apt, dnf, apk, or update-notifier (Ubuntu's note of what apt said last)."""
    security: int | None = None
    """How many of them the distribution calls security updates; None where that is not told."""
    as_of: datetime | None = None
    """When a note was written; None: asked at the reading."""


class Interface(Frozen):
    """One physical network interface."""

    name: str
    mac: str | None = None
    speed_mbps: int | None = None
    is_up: bool | None = None
    addresses: tuple[str, ...] = ()


class PoeHat(Frozen):
    """The powered side as a Raspberry Pi PoE+ HAT reports it (rpi-poe power supply): 5 V side."""

    product: str | None = None
    online: bool | None = None
    current_ma: int | None = None
    current_max_ma: int | None = None
    """2,500: the switch granted 802.3af only; 5,000: 802.3at."""
    health: str | None = None
    """Good; Overheat is how the driver says over-current."""
    vendor: str | None = None
    version: str | None = None
    """Of its EEPROM: `0x0003`."""

    @property
    def granted(self) -> str | None:
        """What it negotiated with the switch: 802.3af or 802.3at; None when it does not tell."""
        if self.current_max_ma is None:
            return None
        return "802.3at" if self.current_max_ma > AF_CURRENT_MA else "802.3af"

    @property
    def power_mw(self) -> int | None:
        """Power at the 5 V side; the driver has no voltage reading, so 5.0 V is assumed."""
        return None if self.current_ma is None else self.current_ma * 5


class NodeFacts(Frozen):
    """What one read-only probe over SSH measured. None always means: the node does not tell."""

    hostname: str | None = None
    model: str | None = None
    kind: str = "other"
    """nuc, raspberry-pi or other."""
    arch: str | None = None
    """`uname -m`."""
    kernel: str | None = None
    os: str | None = None
    """PRETTY_NAME."""
    os_id: str | None = None
    os_version: str | None = None
    cpu_model: str | None = None
    cores: int | None = None
    """Physical cores."""
    threads: int | None = None
    memory_bytes: int | None = None
    """MemTotal as the kernel sees it."""
    board_memory_bytes: int | None = None
    """Raspberry Pi: decoded from the revision code; None elsewhere."""
    memory_used_bytes: int | None = None
    """MemTotal − MemAvailable."""
    swap_bytes: int | None = None
    swap_used_bytes: int | None = None
    root_size_bytes: int | None = None
    root_used_bytes: int | None = None
    disks: tuple[Disk, ...] = ()
    interfaces: tuple[Interface, ...] = ()
    bios: str | None = None
    bios_date: str | None = None
    """As the maker writes it: `06/08/2022`."""
    bootloader_at: datetime | None = None
    """Raspberry Pi 4 and 5: when the EEPROM that booted it was built."""
    machine_id: str | None = None
    boot_id: str | None = None
    uptime_s: float | None = None
    load1: float | None = None
    temperature_c: float | None = None
    throttled: tuple[str, ...] | None = None
    """under-voltage, frequency-capped, throttled, soft-temperature-limit, each also with `-since-boot`;
    None where the node cannot tell, empty where all is well."""
    hat: PoeHat | None = None
    fan: Fan | None = None
    clock_skew_s: float | None = None
    """Node's clock minus ours, at the probe."""
    clock_synchronised: bool | None = None
    reboot_required: bool | None = None
    failed_units: tuple[str, ...] | None = None
    updates: PendingUpdates | None = None
    """Only where the probe finds a note of them; apt and dnf are asked apart, and seldom."""
    virtualization: str | None = None

    @property
    def disk_bytes(self) -> int | None:
        """Size of the largest fixed disk."""
        return max((disk.size_bytes for disk in self.disks if not disk.removable), default=None)


class KubeNode(Frozen):
    """A Node object of a Kubernetes cluster."""

    cluster: str
    name: str
    uid: str
    ready: bool | None
    roles: tuple[str, ...] = ()
    kubelet: str | None = None
    machine_id: str | None = None
    boot_id: str | None = None
    addresses: tuple[str, ...] = ()
    """InternalIP, ExternalIP and Hostname."""
    unschedulable: bool = False
    kernel: str | None = None
    os: str | None = None
    arch: str | None = None
    cpus: int | None = None
    memory_bytes: int | None = None
    conditions: tuple[str, ...] = ()
    """Names of the conditions that are True and are not Ready: MemoryPressure, DiskPressure, …"""
    resource_version: str = ""


class NodeMetrics(Frozen):
    """What node_exporter told Prometheus of a node, a second witness."""

    instance: str
    hostname: str | None = None
    machine_up: bool | None = None
    boot_time: datetime | None = None
    load1: float | None = None
    memory_bytes: int | None = None
    memory_available_bytes: int | None = None
    temperature_c: float | None = None
    model: str | None = None
    """Of DMI; an ARM board has none."""
    bios: str | None = None
    os: str | None = None
    """PRETTY_NAME."""
    kernel: str | None = None
    arch: str | None = None
    threads: int | None = None
    root_size_bytes: int | None = None
    root_used_bytes: int | None = None
    clock_synchronised: bool | None = None
    under_voltage: bool | None = None
    """Of a Raspberry Pi's rpi_volt sensor, now."""
    hat_ma: int | None = None
    """Current that a PoE+ HAT gives at 5 V."""

    @property
    def memory_used_bytes(self) -> int | None:
        """MemTotal − MemAvailable."""
        if self.memory_bytes is None or self.memory_available_bytes is None:
            return None
        return max(0, self.memory_bytes - self.memory_available_bytes)
