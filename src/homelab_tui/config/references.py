"""What no table of the configuration can see alone: names that are taken twice, references that lead nowhere."""

from collections.abc import Iterable, Sequence

from homelab_tui.config.model import PrometheusConfig, SwitchConfig
from homelab_tui.config.reader import Problems
from homelab_tui.domain.nodes import Node
from homelab_tui.domain.poe import PortRef

Numbered = Iterable[tuple[int, Node]]
"""Nodes, each with its index in the file's array: a node that could not be read leaves a gap."""


def check_names(kind: str, names: Iterable[tuple[int, str]], problems: Problems) -> None:
    """A name is an identity: two of a kind cannot share it."""
    seen = set()
    for number, name in names:
        if name in seen:
            problems.add((kind, number, "name"), f"the name {name!r} is taken already: give each its own")
        seen.add(name)


def check_ports(nodes: Numbered, switches: Sequence[str], problems: Problems) -> None:
    """A port belongs to a switch of the file, and feeds one node."""
    fed_by: dict[PortRef, str] = {}
    for number, node in nodes:
        if node.poe is None:
            continue
        if node.poe.switch not in switches:
            import difflib  # only what is wrong needs it

            near = difflib.get_close_matches(node.poe.switch, switches, 1) or switches
            message = f"no switch is called {node.poe.switch!r}; switches: {', '.join(near) or 'none'}"
            problems.add(("nodes", number, "poe"), message)
        if node.poe in fed_by:
            problems.add(("nodes", number, "poe"), f"port {node.poe} feeds {fed_by[node.poe]} already")
        fed_by.setdefault(node.poe, node.name)


def check_macs(nodes: Numbered, problems: Problems) -> None:
    """A MAC address belongs to one node."""
    owners: dict[str, str] = {}
    for number, node in nodes:
        if node.mac in owners:
            problems.add(("nodes", number, "mac"), f"{node.mac} is {owners[node.mac]}'s already")
        elif node.mac is not None:
            owners[node.mac] = node.name


def check_scraped(switches: Iterable[tuple[int, SwitchConfig]], servers: Sequence[str], problems: Problems) -> None:
    """A switch that is seen through a Prometheus needs to know which one."""
    for number, switch in switches:
        is_read_there = switch.source == "prometheus"
        if switch.prometheus in servers or not (is_read_there or switch.prometheus):
            continue
        if switch.prometheus is not None or len(servers) != 1:
            known = f" ({', '.join(servers)})" if servers else ", and there is none"
            problems.add(("switches", number, "prometheus"), f"must name one of [[prometheus]]{known}")


def check_clusters(
    servers: Iterable[tuple[int, PrometheusConfig]], clusters: Sequence[str], problems: Problems
) -> None:
    """A Prometheus behind an API server needs to know which one."""
    for number, server in servers:
        if server.via == "kubernetes" and server.cluster not in clusters:
            known = f" ({', '.join(clusters)})" if clusters else ", and there is none"
            problems.add(
                ("prometheus", number, "cluster"), f'with via = "kubernetes" must name one of [[clusters]]{known}'
            )
