"""The health bar: one pill per source, glyph + word + age."""

from datetime import datetime

from homelab_tui.domain.nodes import NodeState
from homelab_tui.domain.reading import Health, HealthState, Reading
from homelab_tui.domain.state import LabState
from homelab_tui.domain.values import Frozen, replace
from homelab_tui.present.documents import reading_health
from homelab_tui.present.times import age
from homelab_tui.present.words import HEALTHS


class Pill(Frozen):
    """One source in the health bar."""

    name: str
    text: str
    """`● prometheus:nuc ok 2s`."""
    style: str
    problem: str | None
    """Why it is not OK, and when it is tried again."""


def pills(state: LabState, now: datetime) -> tuple[Pill, ...]:
    """Clusters, Prometheus servers, Alertmanagers, switches, and SSH as a whole.

    What an account may not see is told only while nothing is worse: a note is no outage.
    """
    found = [_pill(name, "k8s", reading, now) for name, reading in state.clusters]
    found += [_pill(name, "prom", reading, now) for name, reading in state.prometheus]
    found += [_pill(name, "am", reading, now) for name, reading in state.alertmanagers]
    found += [_pill(name, "poe", reading, now) for name, reading in state.switches]
    if state.nodes:
        found.append(_ssh(state))
    if not any(pill.problem for pill in found):
        notes = {f"k8s:{name}": "; ".join(r.value.notes) for name, r in state.clusters if r.value and r.value.notes}
        found = [replace(pill, problem=notes.get(pill.name)) for pill in found]
    return tuple(found)


def _pill(name: str, kind: str, reading: Reading[object], now: datetime) -> Pill:
    word = reading_health(reading, now)
    glyph, style = HEALTHS[word.state]
    shown = word.state.value.upper() if word.state in (HealthState.DOWN, HealthState.NO_DATA) else word.state.value
    ticking = "" if word.age_s is None else f" {age(word.age_s)}"
    return Pill(f"{kind}:{name}", f"{glyph} {kind}:{name} {shown}{ticking}", style, _why(word))


def _why(word: Health) -> str | None:
    if word.problem is None:
        return None
    tried = "" if word.next_try_s is None else f"; next try in {age(word.next_try_s)}"
    return f"{word.problem}{tried}"


def _ssh(state: LabState) -> Pill:
    """How many nodes answer: each has a row of its own that says why."""
    up = sum(view.state is NodeState.UP for view in state.node_views)
    total = len(state.node_views)
    asked = any(reading.taken_at or reading.problem for _, reading in state.reachability)
    if not asked:
        return Pill("nodes", f"◌ nodes 0/{total}", "dim", None)
    style = "ok" if up == total else "warning" if up else "error"
    glyph = "●" if up == total else "◐" if up else "✖"
    return Pill("nodes", f"{glyph} nodes {up}/{total} up", style, None)
