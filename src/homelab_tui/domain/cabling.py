"""Which switch port feeds which node, how that is known, and which cables are not where they should be. Pure."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from homelab_tui.domain.nodes import Interface, Node, NodeFacts
from homelab_tui.domain.poe import PoePort, PortRef, SwitchReading
from homelab_tui.domain.values import Frozen

UPLINK_MACS = 8
"""A port behind which the switch learnt more addresses than this leads to other devices, not to one."""
_WORD = re.compile(r"[^a-z0-9_-]+")
"""What stands between the words of a label: `eth0.rpi05`, `rpi05 (rack 2)`, `rpi05/eth0`."""


class LastPort(Frozen):
    """Where a node was found last: a hung Pi ages out of every table of its switch."""

    ref: PortRef
    how: str
    """As in a `port_note`: `by the switch's MAC table`."""
    at: datetime


class Cable(Frozen):
    """What is known of the cable of one node."""

    ref: PortRef | None = None
    """The port, if its switch has it."""
    note: str | None = None
    """How the port was found; None: it is declared, or there is none."""
    findings: tuple[str, ...] = ()
    """What contradicts the configuration, or itself, each in a sentence."""
    is_remembered: bool = False
    """True: the switch does not tell it now, it told it once."""


class PortPlace(Frozen):
    """Of one port, what tells whose it is: all that a poll hardly ever changes."""

    ref: PortRef
    label: str | None
    if_index: int | None


class SwitchLayout(Frozen):
    """Of one switch, what tells which node is where."""

    name: str
    ports: tuple[PortPlace, ...]
    mac_ports: tuple[tuple[str, int], ...]
    neighbours: tuple[tuple[int, str], ...]


def layout(switch: SwitchReading) -> SwitchLayout:
    """What of a reading tells which node is where: equal for two readings between which no cable moved."""
    ports = tuple(PortPlace(port.ref, port.label, port.if_index) for port in switch.ports)
    return SwitchLayout(switch.name, ports, switch.mac_ports, switch.neighbours)


class Cabling:
    """The ports of all switches and the nodes of the configuration, indexed once to be asked for every node."""

    def __init__(
        self,
        nodes: Sequence[Node],
        interfaces: Mapping[str, Sequence[Interface]],
        switches: Iterable[SwitchLayout],
        remembered: Mapping[str, LastPort] | None = None,
    ) -> None:
        """`interfaces`: by node, of those that were measured; `remembered`: where nodes were found earlier."""
        self._remembered = remembered or {}
        self._with_ports: set[str] = set()
        self._with_macs: set[str] = set()
        self._ports: dict[PortRef, PortPlace] = {}
        self._behind: dict[PortRef, frozenset[str]] = {}
        self._labels: dict[str, list[PortRef]] = defaultdict(list)
        self._words: dict[str, list[PortRef]] = defaultdict(list)
        self._systems: dict[str, list[PortRef]] = defaultdict(list)
        self._learnt: dict[str, list[PortRef]] = defaultdict(list)
        for switch in switches:
            self._take(switch)
        self._names = frozenset(node.name.casefold() for node in nodes)
        self._macs = {node.name: _macs(node, interfaces.get(node.name, ())) for node in nodes}
        self._owners: dict[str, list[str]] = defaultdict(list)
        for name, macs in self._macs.items():
            for mac in macs:
                self._owners[mac].append(name)
        self._declared: dict[PortRef, list[str]] = defaultdict(list)
        for node in nodes:
            if node.poe is not None:
                self._declared[node.poe].append(node.name)

    def _take(self, switch: SwitchLayout) -> None:
        if switch.ports:
            self._with_ports.add(switch.name)
        if switch.mac_ports:
            self._with_macs.add(switch.name)
        by_interface: dict[int, set[str]] = defaultdict(set)
        for mac, if_index in switch.mac_ports:
            by_interface[if_index].add(mac)
        systems: dict[int, list[str]] = defaultdict(list)
        for if_index, system in switch.neighbours:
            systems[if_index].append(system.partition(".")[0].casefold())
        for port in switch.ports:
            self._ports[port.ref] = port
            label = (port.label or "").casefold()
            if label:
                self._labels[label].append(port.ref)
                for word in set(_WORD.split(label)):
                    self._words[word].append(port.ref)
            if port.if_index is None:
                continue
            self._behind[port.ref] = frozenset(by_interface.get(port.if_index, ()))
            for mac in self._behind[port.ref]:
                self._learnt[mac].append(port.ref)
            for name in set(systems.get(port.if_index, ())):
                self._systems[name].append(port.ref)

    def cable(self, node: Node) -> Cable:
        """The port that feeds a node.

        Order of trust: the configuration, the port's label, the bridge's MAC table, LLDP, where it was last. Ambiguity
        gives none, and so does an uplink.
        """
        places = self._places(node)
        findings = (*self._claims(node), *self._contradictions(node, places))
        if node.poe is not None:
            return Cable(node.poe if node.poe in self._ports else None, None, findings)
        for refs, how in (
            (self._labelled(node), "by the port's label"),
            (places, "by the switch's MAC table"),
            (self._free(self._systems.get(node.name.casefold(), ()), node), "by LLDP"),
        ):
            if len(refs) == 1:
                return Cable(refs[0], how, findings)
            if len(refs) > 1:
                findings = (*findings, f"{how} it is on {_listed(refs)}: which of them feeds it is not known")
        return self._as_it_was(node, findings)

    def _as_it_was(self, node: Node, findings: tuple[str, ...]) -> Cable:
        last = self._remembered.get(node.name)
        if last is None or last.ref not in self._ports:
            return Cable(findings=findings)
        if not self._free([last.ref], node) or not self._is_nobodys(last.ref, node):
            return Cable(findings=findings)
        return Cable(last.ref, f"{last.how}, last told {last.at:%Y-%m-%d %H:%M} UTC", findings, is_remembered=True)

    def _is_nobodys(self, ref: PortRef, node: Node) -> bool:
        """Whether nothing says that somebody else is on that port by now."""
        if self._strangers(ref, node) or len(self._behind.get(ref, ())) > UPLINK_MACS:
            return False
        return not self._names_others(ref, node)

    def _labelled(self, node: Node) -> list[PortRef]:
        """Ports with the node's name for a label; without one, those that have it as a word, and no other node's."""
        name = node.name.casefold()
        whole = self._free(self._labels.get(name, ()), node)
        return whole or [ref for ref in self._free(self._words.get(name, ()), node) if self._is_nobodys(ref, node)]

    def _names_others(self, ref: PortRef, node: Node) -> bool:
        """Whether another node's name is a word of the port's label."""
        words = _WORD.split((self._ports[ref].label or "").casefold())
        return any(word in self._names and word != node.name.casefold() for word in words)

    def _places(self, node: Node) -> list[PortRef]:
        """The ports on which the node's own addresses were learnt, uplinks left out."""
        macs = {mac for mac in self._macs[node.name] if len(self._owners[mac]) == 1}
        refs = {ref for mac in macs for ref in self._learnt.get(mac, ())}
        edges = [
            ref for ref in sorted(refs) if len(self._behind[ref]) <= UPLINK_MACS and not self._strangers(ref, node)
        ]
        return self._free(edges, node) if node.poe is None else edges

    def _strangers(self, ref: PortRef, node: Node) -> list[str]:
        """Other nodes whose addresses are behind a port."""
        mine = self._macs[node.name]
        behind = self._behind.get(ref, frozenset())
        return sorted({name for mac in behind - mine for name in self._owners.get(mac, ())} - {node.name})

    def _free(self, refs: Iterable[PortRef], node: Node) -> list[PortRef]:
        """Those that the configuration gives to no other node."""
        return [ref for ref in refs if not set(self._declared.get(ref, ())) - {node.name}]

    # What is wrong

    def _claims(self, node: Node) -> list[str]:
        found = []
        for mac in sorted(self._macs[node.name]):
            others = [name for name in self._owners[mac] if name != node.name]
            if others:
                found.append(f"its address {mac} is claimed by {', '.join(others)} too: by it no port is found")
        return found

    def _contradictions(self, node: Node, places: Sequence[PortRef]) -> list[str]:
        if node.poe is None:
            return self._on_another_ports(node) or self._beside_its_label(node, places)
        if node.poe not in self._ports:
            missing = node.poe.switch in self._with_ports
            return [f"the configuration says {node.poe}, and that switch has no such PoE port"] if missing else []
        if node.poe not in self._behind or node.poe.switch not in self._with_macs:
            return []  # which addresses are behind it is not known: on another switch it may be seen on its way there
        strangers = [name for name in self._strangers(node.poe, node) if name not in self._declared[node.poe]]
        if len(places) == 1 and places[0] != node.poe:
            owners = [name for name in self._declared.get(places[0], ()) if name != node.name]
            said = f"mis-cabled: the configuration says {node.poe}, its address was learnt on {places[0]}"
            if owners:
                said += f", the port of {', '.join(owners)}"
                said += ": are the two swapped?" if strangers == owners else ""
            return [said]
        if strangers and not places and len(self._behind[node.poe]) <= UPLINK_MACS:
            return [f"mis-cabled: on its port {node.poe} the address of {', '.join(strangers)} was learnt"]
        return []

    def _beside_its_label(self, node: Node, places: Sequence[PortRef]) -> list[str]:
        labelled = self._free(self._labels.get(node.name.casefold(), ()), node)
        if len(labelled) != 1 or len(places) != 1 or labelled == list(places):
            return []
        return [f"mis-cabled: the label of {labelled[0]} names it, its address was learnt on {places[0]}"]

    def _on_another_ports(self, node: Node) -> list[str]:
        """An undeclared node on the port that the configuration gives to another one."""
        found = []
        for mac in self._macs[node.name]:
            for ref in self._learnt.get(mac, ()) if len(self._owners[mac]) == 1 else ():
                owners = [name for name in self._declared.get(ref, ()) if name != node.name]
                if owners and len(self._behind[ref]) <= UPLINK_MACS:
                    found.append(f"mis-cabled: its address was learnt on {ref}, the port of {', '.join(owners)}")
        return sorted(set(found))


def macs_of(node: Node, facts: NodeFacts | None) -> frozenset[str]:
    """The addresses a switch may have learnt for a node: the declared one, else those of its interfaces."""
    return _macs(node, facts.interfaces if facts else ())


def _macs(node: Node, interfaces: Iterable[Interface]) -> frozenset[str]:
    if node.mac:
        return frozenset({node.mac.lower()})
    return frozenset(interface.mac.lower() for interface in interfaces if interface.mac)


def macs_behind(switch: SwitchReading, port: PoePort) -> frozenset[str]:
    """The addresses that the switch learnt on a port; empty where the port's row in IF-MIB is not known."""
    if port.if_index is None:
        return frozenset()
    return frozenset(mac for mac, if_index in switch.mac_ports if if_index == port.if_index)


def _listed(refs: Sequence[PortRef]) -> str:
    return " and ".join([", ".join(map(str, refs[:-1])), str(refs[-1])]) if len(refs) > 1 else str(refs[0])
