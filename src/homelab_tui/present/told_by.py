"""Who tells each value of a node, and when it was read: for the document and for the detail screen."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType

from homelab_tui.domain.nodes import NodeFacts
from homelab_tui.domain.reading import Reading
from homelab_tui.domain.state import LabState, NodeView
from homelab_tui.domain.witnesses import EXPORTER, KUBERNETES, PROBE, passing
from homelab_tui.present.times import rfc3339

Document = dict[str, object]
SSH, SWITCH, REMEMBERED = "ssh", "switch", "remembered"
"""A TCP connection to the SSH port; the switch; what we noted ourselves earlier in this boot."""
MARKS = MappingProxyType({PROBE: "p", EXPORTER: "e", KUBERNETES: "k", REMEMBERED: "r"})
"""How a witness is named beside a value; the head of the screen says who is who."""
_RENAMED = {"root_used_bytes": "disk_used_bytes"}
"""Field of NodeFacts → its name in the document, where that is another one."""
_DERIVED = (("kind", "model"), ("disk_bytes", "disks"), ("end_of_life", "os"))
"""Names of the document whose value follows from a field of NodeFacts."""
_LEFT_OUT = frozenset({"updates", "under_voltage"})
"""The first has a witness of its own, the second is a part of `throttled`."""
_FIELDS = tuple(name for name in NodeFacts.__struct_fields__ if name != "kind")


def witnesses_of(state: LabState, view: NodeView) -> Mapping[str, tuple[str, ...]]:
    """Field of NodeFacts → who tells it, in the order of trust; the value that is shown is the first one's."""
    probe = next((reading.value for name, reading in state.probes if name == view.node.name), None)
    found: dict[str, list[str]] = {field: [PROBE] for field in _told(probe)}
    for claim in (*view.claims, *passing(probe, view.metrics)):
        for field in (claim.field, *(("throttled",) if claim.field == "under_voltage" else ())):
            said = found.setdefault(field, [])
            if claim.witness not in said:
                said.append(claim.witness)
    for field in _told(view.facts):
        found.setdefault(field, [REMEMBERED])
    return {field: tuple(said) for field, said in found.items()}


def _told(facts: NodeFacts | None) -> Iterator[str]:
    """The fields that have a value. Where None says that nobody could tell, an empty list is one."""
    for field in _FIELDS if facts else ():
        value = getattr(facts, field)
        if value is not None and value != "" and (value != () or field in ("throttled", "failed_units")):
            yield field


def marks_of(state: LabState, view: NodeView) -> Mapping[str, str]:
    """Field of NodeFacts → who tells it, in a letter each."""
    return {field: "".join(MARKS[one] for one in said) for field, said in witnesses_of(state, view).items()}


def told_by(state: LabState, view: NodeView, now: datetime) -> Document:
    """Name of the document → the witness that its value is from, and when that was read."""
    first = {field: witnesses[0] for field, witnesses in witnesses_of(state, view).items()}
    found = {_RENAMED.get(field, field): who for field, who in first.items() if field not in _LEFT_OUT}
    found |= {name: first[field] for name, field in _DERIVED if field in first}
    told: Document = {name: _from(who, read_at(state, view, who), now) for name, who in found.items()}
    if view.reachable is not None:
        told["reachable"] = _from(SSH, _taken_at(state.reachability, view.node.name), now)
    if view.kubernetes is not None:
        told["kubernetes"] = _from(KUBERNETES, read_at(state, view, KUBERNETES), now)
    if view.port is not None:
        switch = next((reading.value for name, reading in state.switches if name == view.port.ref.switch), None)
        told["poe"] = _from(switch.source if switch else SWITCH, _taken_at(state.switches, view.port.ref.switch), now)
    if view.updates is not None:
        asked_at = _taken_at(state.updates, view.node.name) or read_at(state, view, PROBE)
        told["updates"] = _from(view.updates.witness, view.updates.as_of or asked_at, now)
    if view.power is not None and view.power.usual_mw is not None:
        told["usual_w"] = _from(view.power.witness or REMEMBERED, None, now)
    return dict(sorted(told.items()))


def read_at(state: LabState, view: NodeView, witness: str) -> datetime | None:
    """When a witness spoke last; None: it never did, or what it said is a note of ours."""
    if witness == PROBE:
        return _taken_at(state.probes, view.node.name)
    if witness == EXPORTER:
        return _taken_at(state.machines, view.metrics_from)
    if witness == KUBERNETES and view.kubernetes:
        return _taken_at(state.clusters, view.kubernetes.cluster)
    return None


def age_s(at: datetime | None, now: datetime) -> float | None:
    """How long ago that was, to a tenth of a second."""
    return None if at is None else round(max(0.0, (now - at).total_seconds()), 1)


def _taken_at(readings: Sequence[tuple[str, Reading[object]]], name: str | None) -> datetime | None:
    return next((reading.taken_at for each, reading in readings if each == name), None)


def _from(witness: str, at: datetime | None, now: datetime) -> Document:
    return {"witness": witness, "read_at": rfc3339(at), "age_s": age_s(at, now)}
