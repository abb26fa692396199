"""The witnesses of a node beside our own probe: its machine in Prometheus, and what is remembered of it."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Protocol

from homelab_tui.domain.ailments import Ailment, latched
from homelab_tui.domain.nodes import Node, NodeFacts, NodeMetrics
from homelab_tui.domain.poe import PoePort
from homelab_tui.domain.power import NodePower, is_unusual
from homelab_tui.domain.reading import Reading
from homelab_tui.domain.values import replace

Told = tuple[str | None, NodeMetrics | None, bool]
"""Which Prometheus has a machine, the machine, and whether it is told right now."""
NOBODY: Told = (None, None, False)


class RemembersNodes(Protocol):
    """What is known of nodes beyond the last reading."""

    def power_of(self, name: str) -> NodePower | None:
        """Energy per day, and the usual draw."""
        ...

    def ailments_of(self, name: str, boot_id: str | None) -> tuple[Ailment, ...]:
        """What its firmware complained of in this boot."""
        ...

    def port_event_of(self, name: str, port: PoePort) -> str | None:
        """What happened at its port since it answered last, in words; None: nothing, or it never did."""
        ...


class NoMemory:
    """Nothing is remembered."""

    def power_of(self, name: str) -> NodePower | None:
        """Nothing."""
        return None

    def ailments_of(self, name: str, boot_id: str | None) -> tuple[Ailment, ...]:
        """Nothing."""
        return ()

    def port_event_of(self, name: str, port: PoePort) -> str | None:
        """Nothing."""
        return None


class Machines:
    """What node_exporter says of every node; sorted anew only when a Prometheus said something new."""

    def __init__(self) -> None:
        self._inputs: list[tuple[str, object, bool]] = []
        self._by_name: dict[str, list[Told]] = {}
        self._by_place: dict[str, list[Told]] = {}
        self._found: dict[str, tuple[Node, NodeFacts | None, Told]] = {}

    def take(self, readings: Sequence[tuple[str, Reading[tuple[NodeMetrics, ...]]]]) -> None:
        """The newest answers of every Prometheus."""
        inputs: list[tuple[str, object, bool]] = [(name, r.value, r.problem is None) for name, r in readings]
        if inputs == self._inputs:
            return
        by_name: defaultdict[str, list[Told]] = defaultdict(list)
        by_place: defaultdict[str, list[Told]] = defaultdict(list)
        for server, reading in readings:
            for machine in reading.value or ():
                told = (server, machine, reading.problem is None and machine.machine_up is not False)
                if machine.hostname is not None:
                    by_name[machine.hostname.partition(".")[0].casefold()].append(told)
                else:
                    # A target that is down has no host name: its address is all there is.
                    by_place[_host(machine.instance)].append(told)
        self._inputs, self._by_name, self._by_place = inputs, dict(by_name), dict(by_place)
        self._found = {}

    def of(self, node: Node, facts: NodeFacts | None) -> Told:
        """By host name, else by the address that is scraped; two that fit equally well prove nothing."""
        if not self._inputs:
            return NOBODY
        known = self._found.get(node.name)
        if known is None or known[0] is not node or known[1] is not facts:
            known = self._found[node.name] = (node, facts, self._look(node, facts))
        return known[2]

    def _look(self, node: Node, facts: NodeFacts | None) -> Told:
        names = {node.name.casefold(), *([facts.hostname.casefold()] if facts and facts.hostname else [])}
        places = {node.name, node.host} | {a for i in (facts.interfaces if facts else ()) for a in i.addresses}
        for index, words in ((self._by_name, names), (self._by_place, places)):
            found = [told for word in words for told in index.get(word, ())]
            if len({told[1].instance for told in found if told[1]}) == 1:
                return found[0]
        return NOBODY


def with_ailments(facts: NodeFacts | None, ailments: tuple[Ailment, ...]) -> NodeFacts | None:
    """The facts, with what its firmware has said since the boot and says no more."""
    if facts is None or not ailments:
        return facts
    return replace(facts, throttled=latched(facts.throttled, ailments))


def usual_draw(port: PoePort | None, power: NodePower | None) -> str | None:
    """Only when it is far from it, and without the present figure: a reason that changes each second is redrawn so."""
    if port is None or power is None or power.usual_mw is None or not is_unusual(port.power_mw, power.usual_mw):
        return None
    way = "less" if (port.power_mw or 0) < power.usual_mw else "more"
    return f"far {way} than its usual {power.usual_mw / 1000:.1f} W"


def _host(instance: str) -> str:
    """`192.168.10.121` of `192.168.10.121:9100`."""
    host, _, port = instance.rpartition(":")
    return host.strip("[]") if host and port.isdecimal() else instance
