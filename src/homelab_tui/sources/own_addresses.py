"""What this machine is called on the network, so that nobody cuts the port that feeds it."""

import contextlib
import socket
from pathlib import Path


def own_macs() -> frozenset[str]:
    """MAC addresses of this machine's interfaces, lower case; empty where the system does not tell (no sysfs)."""
    found = set()
    with contextlib.suppress(OSError):
        for interface in Path("/sys/class/net").iterdir():
            with contextlib.suppress(OSError):
                mac = (interface / "address").read_text().strip().lower()
                if mac and mac != "00:00:00:00:00:00":
                    found.add(mac)
    return frozenset(found)


def own_addresses() -> frozenset[str]:
    """Names and addresses of this machine. Loopback is left out: nodes behind a tunnel are configured with it."""
    names = {socket.gethostname()}
    for family, probe in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):
        # Connecting a UDP socket sends nothing; it only picks the address that would be used.
        with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as route:
            route.connect((probe, 9))
            names.add(route.getsockname()[0])
    return frozenset(name for name in names if name not in ("127.0.0.1", "::1", "localhost"))
