"""/etc/hosts → nodes for a first configuration."""

import ipaddress
import re
from pathlib import Path

from homelab_tui.domain.drafts import Found, FoundNode, Given
from homelab_tui.sources.text_files import read_text

KIND = "hosts file"
_NOT_MACHINES = re.compile(r"localhost|broadcasthost|ip6-|.*\.(?:docker|minikube)\.internal$|.*\.localdomain\d?$")


def read_hosts(path: Path) -> Found:
    """The machines a hosts file names. What leads to this machine, to none or to many is left out.

    Raises: ConfigError when the file cannot be read. A line that makes no sense is noted, as resolvers pass over it.
    """
    nodes: dict[str, FoundNode] = {}
    notes: list[str] = []
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        origin = f"{path}:{number}"
        try:
            address = ipaddress.ip_address(words[0])
        except ValueError:
            notes.append(f"{origin}: {words[0]!r} is not an address: the line is left out")
            continue
        names = [name for name in words[1:] if not _NOT_MACHINES.match(name)]
        if names and not _is_nobody(address):
            _add(nodes, names, address, origin)
    return Found(KIND, str(path), nodes=tuple(nodes.values()), notes=tuple(notes))


def _is_nobody(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Loopback (127.0.1.1 too), 0.0.0.0 of a block list, link-local, multicast, broadcast."""
    is_broadcast = address == ipaddress.IPv4Address("255.255.255.255")
    odd = address.is_loopback or address.is_unspecified or address.is_link_local or address.is_multicast
    return odd or is_broadcast


def _add(
    nodes: dict[str, FoundNode], names: list[str], address: ipaddress.IPv4Address | ipaddress.IPv6Address, origin: str
) -> None:
    """A new node, or a further address of one: the first counts, but an IPv4 address before an IPv6 one."""
    short = next((name for name in names if "." not in name), names[0])
    known = next((node for node in nodes.values() if {node.name, *node.aliases} & set(names)), None)
    host = Given(str(address), origin)
    if known is None:
        nodes[short] = FoundNode(short, origin, host=host, aliases=tuple(name for name in names if name != short))
    elif known.host is not None and ":" in (known.host.value or "") and address.version == 4:
        nodes[known.name] = FoundNode(known.name, origin, host=host, aliases=known.aliases)
