"""Files that NUCs and Pis have in common: /etc, /proc, and the network's corner of /sys."""

from datetime import datetime
from ipaddress import IPv4Address

from homelab_tui.demo.hardware import DemoNode

Files = dict[str, bytes]
"""Absolute path on the node -> content."""


def text(*lines: str) -> bytes:
    """Lines as a file: each ends in a newline."""
    return "".join(f"{line}\n" for line in lines).encode()


def interface(node: DemoNode) -> str:
    """The wired interface's name."""
    return "eno1" if node.kind == "nuc" else "eth0"


def gateway(node: DemoNode) -> IPv4Address:
    """The first address of the node's /24."""
    return IPv4Address(int(IPv4Address(node.address)) & 0xFFFFFF00 | 1)


def common_files(node: DemoNode) -> Files:
    """Identity, OS and network of any node."""
    net = f"/sys/class/net/{interface(node)}"
    build = "(mockbuild@iad1-prod-build001)" if node.kind == "nuc" else "(buildd@bos02-arm64-028)"
    return {
        "/etc/os-release": text(*_os_release(node)),
        "/etc/hostname": text(node.name),
        "/etc/hosts": text("127.0.0.1 localhost", f"{node.address} {node.name}"),
        "/etc/machine-id": text(node.machine_id),
        "/proc/version": text(f"Linux version {node.kernel} {build} #1 SMP PREEMPT_DYNAMIC"),
        "/proc/swaps": text("Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority"),
        "/proc/1/cgroup": text("0::/init.scope"),
        "/proc/net/route": text(
            "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT",
            f"{interface(node)}\t00000000\t{_little_endian(gateway(node))}\t0003\t0\t0\t100\t00000000\t0\t0\t0",
            f"{interface(node)}\t{_little_endian(_network(node))}\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0",
        ),
        "/sys/devices/system/cpu/online": text(f"0-{node.threads - 1}"),
        "/sys/devices/system/cpu/present": text(f"0-{node.threads - 1}"),
        f"{net}/address": text(node.mac),
        f"{net}/speed": text("1000"),
        f"{net}/duplex": text("full"),
        f"{net}/operstate": text("up"),
        "/sys/class/net/lo/address": text("00:00:00:00:00:00"),
        "/sys/class/net/lo/operstate": text("unknown"),
    }


def common_readings(node: DemoNode, at: datetime) -> Files:
    """Uptime, load, memory, traffic and boot id at a moment."""
    uptime_s = max(0.0, (at - node.booted_at).total_seconds())
    load = node.load1(at)
    total_kb = node.memory_bytes // 1024
    used_kb = node.memory_used_bytes(at) // 1024
    cached_kb = total_kb // 4
    received, sent = int(uptime_s * 41_000), int(uptime_s * 17_500)
    return {
        "/proc/uptime": text(f"{uptime_s:.2f} {uptime_s * node.threads * 0.93:.2f}"),
        "/proc/loadavg": text(f"{load:.2f} {load * 0.95:.2f} {load * 0.9:.2f} 1/412 {20_000 + int(uptime_s) % 9_999}"),
        "/proc/meminfo": text(
            f"MemTotal:       {total_kb:8d} kB",
            f"MemFree:        {max(0, total_kb - used_kb - cached_kb):8d} kB",
            f"MemAvailable:   {total_kb - used_kb:8d} kB",
            f"Buffers:        {total_kb // 60:8d} kB",
            f"Cached:         {cached_kb:8d} kB",
            "SwapTotal:             0 kB",
            "SwapFree:              0 kB",
        ),
        "/proc/net/dev": text(
            "Inter-|   Receive                                                |  Transmit",
            " face |bytes    packets errs drop fifo frame compressed multicast"
            "|bytes    packets errs drop fifo colls carrier compressed",
            "    lo:  918273    8123    0    0    0     0          0         0   918273    8123    0    0    0     0"
            "       0          0",
            f"{interface(node):>6}: {received} {received // 640}    0    0    0     0          0      1042 "
            f"{sent} {sent // 410}    0    0    0     0       0          0",
        ),
        "/proc/sys/kernel/random/boot_id": text(node.boot_id),
        "/proc/sys/kernel/hostname": text(node.name),
    }


def disk_stat(node: DemoNode, at: datetime) -> bytes:
    """`/sys/block/*/stat`: sectors written (field 7) grow with the uptime."""
    uptime_s = max(0, int((at - node.booted_at).total_seconds()))
    written = f"{uptime_s:8d} {uptime_s // 2:8d} {uptime_s * 57:8d}    91442"
    return text(f"   48211      912  3912834    21042 {written} 0 88123 112484")


def _os_release(node: DemoNode) -> tuple[str, ...]:
    if node.os_id == "rocky":
        return (
            'NAME="Rocky Linux"',
            f'VERSION="{node.os_version} (Blue Onyx)"',
            'ID="rocky"',
            'ID_LIKE="rhel centos fedora"',
            f'VERSION_ID="{node.os_version}"',
            f'PLATFORM_ID="platform:el{node.os_version.split(".")[0]}"',
            f'PRETTY_NAME="{node.os_pretty}"',
            f'CPE_NAME="cpe:/o:rocky:rocky:{node.os_version.split(".")[0]}::baseos"',
        )
    return (
        f'PRETTY_NAME="{node.os_pretty}"',
        'NAME="Ubuntu"',
        f'VERSION_ID="{node.os_version}"',
        f'VERSION="{node.os_version} (Kinetic Kudu)"',
        "VERSION_CODENAME=kinetic",
        f"ID={node.os_id}",
        "ID_LIKE=debian",
    )


def _network(node: DemoNode) -> IPv4Address:
    return IPv4Address(int(IPv4Address(node.address)) & 0xFFFFFF00)


def _little_endian(address: IPv4Address) -> str:
    # /proc/net/route prints addresses in the CPU's own byte order, which is little-endian on both machines.
    return address.packed[::-1].hex().upper()
