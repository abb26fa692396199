"""Waking a machine by a magic packet over UDP."""

import ipaddress
import socket

from homelab_tui.domain.errors import SourceRefused, SourceUnreachable
from homelab_tui.domain.nodes import Node
from homelab_tui.sources.threads import in_daemon_thread

PORT = 9
"""The discard service: nothing has to listen, the network card itself reads the frame."""


def magic_packet(mac: str) -> bytes:
    """Six bytes 0xff and sixteen times the address. Raises: ValueError for what is no MAC address."""
    address = bytes.fromhex(mac.replace(":", "").replace("-", ""))
    if len(address) != 6:
        raise ValueError(f"{mac!r} is not a MAC address")
    return b"\xff" * 6 + address * 16


def destinations(address: str | None) -> tuple[str, ...]:
    """Where the packet goes: to everybody on this link, to everybody on the machine's, and to its own address.

    The last may help where a router keeps the address resolution of a machine that sleeps. The machine's network is
    taken for a /24, as most are.
    """
    found = ["255.255.255.255"]
    if address is not None:
        network = ipaddress.ip_network(f"{address}/24", strict=False)
        found += [str(network.broadcast_address), address]
    return tuple(found)


class WakeOnLan:
    """Sends magic packets. Satisfies the engine's WakesNodes."""

    def __init__(self, port: int = PORT) -> None:
        self._port = port

    async def wake(self, node: Node) -> int:
        """Sends to every destination; returns how many took it. That it arrived is never known.

        Raises: SourceRefused without a MAC address; SourceUnreachable when no packet left this machine.
        """
        if node.mac is None:
            raise SourceRefused(f'{node.name}: no `mac = "…"` in its [[nodes]]: a magic packet needs it')
        packet = magic_packet(node.mac)
        return await in_daemon_thread(lambda: self._send(node, packet), name="wake-on-lan")

    def _send(self, node: Node, packet: bytes) -> int:
        """Blocks for the look-up of a name."""
        sent, why = 0, "no address to send to"
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            for address in destinations(_ipv4_of(node.host)):
                try:
                    sender.sendto(packet, (address, self._port))
                    sent += 1
                except OSError as error:
                    why = error.strerror or str(error)
        if not sent:
            raise SourceUnreachable(f"{node.name}: no magic packet left this machine: {why}")
        return sent


def _ipv4_of(host: str) -> str | None:
    try:
        found = socket.getaddrinfo(host, None, socket.AF_INET, socket.SOCK_DGRAM)
    except (OSError, UnicodeError):
        return None  # an ssh alias, or a name that only the sleeping machine itself announces
    return str(found[0][4][0]) if found else None
