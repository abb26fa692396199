"""What address a node is to be known by to the others. Blocking: it asks the resolver."""

import ipaddress
import socket

from homelab_tui.domain.nodes import Node


def address_of(node: Node) -> str | None:
    """The node's address as this machine finds it, IPv4 first; None for a name that is not found, and for loopback.

    An address of 127.0.0.0/8 in somebody else's /etc/hosts would mean that one itself.
    """
    try:
        found = socket.getaddrinfo(node.host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return None
    addresses = [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]
    fit = [address for address in addresses if not (address.is_loopback or address.is_link_local)]
    return str(min(fit, key=lambda address: (address.version, int(address)))) if fit else None
