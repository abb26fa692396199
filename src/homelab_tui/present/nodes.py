"""Rows of the Nodes pane: the boxes, then every switch with its ports, in one table."""

from datetime import datetime

from homelab_tui.domain.drifts import drift
from homelab_tui.domain.node_findings import Findings, KeptFleet, node_findings
from homelab_tui.domain.nodes import KubeNode, NodeState
from homelab_tui.domain.poe import PoePort, SwitchReading, budget_mw, drawn_mw, has_room, reserved_mw
from homelab_tui.domain.reading import Health, HealthState
from homelab_tui.domain.state import LabState, NodeView
from homelab_tui.present.documents import reading_health
from homelab_tui.present.kept_rows import KeptRows
from homelab_tui.present.operations import Acts
from homelab_tui.present.switches import room_words
from homelab_tui.present.table import Cell, Column, Row
from homelab_tui.present.times import age, size, watts
from homelab_tui.present.words import DETECTIONS, NODE_STATES, NOTHING, state_cell

COLUMNS = (
    Column("name", "NAME", min_width=8, max_width=24),
    Column("state", "STATE", min_width=9, max_width=34),
    Column("power", "PoE", min_width=6, max_width=20, priority=1),
    Column("model", "MODEL", min_width=8, max_width=24, priority=3),
    Column("cores", "CORES", align="right", priority=6),
    Column("memory", "MEMORY", align="right", priority=5),
    Column("disk", "DISK", align="right", priority=7),
    Column("temp", "TEMP", align="right", priority=2),
    Column("load", "LOAD", align="right", priority=8),
    Column("used", "MEM USED", align="right", priority=9),
    Column("up", "UPTIME", align="right", priority=4),
    Column("cluster", "CLUSTER", max_width=24, priority=10),
    Column("os", "OS", max_width=28, priority=11),
    Column("note", "NOTE", max_width=70, priority=12),
)
_BLANK = Cell("", sort="")


class KeptNodeRows(KeptRows):
    """What a screen keeps of the rows it made before, and of what the nodes are together."""

    def __init__(self) -> None:
        super().__init__()
        self.fleet = KeptFleet()


def rows(state: LabState, now: datetime, kept: KeptNodeRows | None = None) -> tuple[Row, ...]:
    """Nodes in the configuration's order, then each switch with its ports below it.

    `kept`: what a screen keeps of the rows it made before.
    """
    kept = kept or KeptNodeRows()
    among = kept.fleet.of(state.node_views)
    today = now.date()
    acts = Acts(state.operations, now)
    busy = acts.targets
    kept.begin((among, today), busy)
    found = []
    for view in state.node_views:
        key = f"node:{view.node.name}"
        # What is done to its port is done to the node, too.
        is_idle = not busy or view.port is None or f"port:{view.port.ref}" not in busy
        row = kept.row(key, view) if is_idle else None
        if row is None:
            row = _node_row(acts, view, node_findings(view, among, today))
            row = kept.keep(key, view, row) if is_idle else row
        found.append(row)
    feeds = {view.port.ref: view for view in state.node_views if view.port}
    for name, reading in state.switches:
        word = reading_health(reading, now)
        key, told = f"switch:{name}", (reading.value, word.state, word.problem)
        found.append(kept.row(key, told) or kept.keep(key, told, _switch_row(name, reading.value, word)))
        dim = word.state is not HealthState.OK
        for port in reading.value.ports if reading.value else ():
            fed = feeds.get(port.ref)
            key, thing = f"port:{port.ref}", (port, fed.node.name if fed else None, dim)
            found.append(kept.row(key, thing) or kept.keep(key, thing, _port_row(acts, port, fed, dim=dim)))
    kept.end()
    return tuple(found)


def _node_row(acts: Acts, view: NodeView, found: Findings) -> Row:
    facts, node = view.facts, view.node
    targets = [f"node:{node.name}"] + ([f"port:{view.port.ref}"] if view.port else [])
    busy = acts.cell(*targets)
    kube = view.kubernetes
    dead = view.reachable is False
    cells = (
        Cell(node.name),
        busy or _state(view),
        _power(view),
        _text((facts.model if facts else None) or node.spec.model),
        _number(facts.cores if facts else node.spec.cores),
        _size((facts.board_memory_bytes or facts.memory_bytes) if facts else node.spec.memory_bytes),
        _size(facts.disk_bytes if facts else node.spec.disk_bytes),
        _temperature(facts.temperature_c if facts else None),
        NOTHING if facts is None or facts.load1 is None else Cell(f"{facts.load1:.2f}", sort=facts.load1),
        _used(facts.memory_used_bytes, facts.memory_bytes) if facts else NOTHING,
        NOTHING if facts is None or facts.uptime_s is None else Cell(age(facts.uptime_s), sort=facts.uptime_s),
        NOTHING if kube is None else _cluster(kube),
        _text(facts.os if facts else node.spec.os),
        acts.note(*targets) or _note(view, found),
    )
    return Row(key=f"node:{node.name}", cells=cells, dim=dead and busy is None)


def _state(view: NodeView) -> Cell:
    """The state, with the one finding that nobody should have to scroll for."""
    facts = view.facts
    cell = state_cell(NODE_STATES[view.state], view.state.value)
    if view.state is not NodeState.UP or facts is None:
        return cell
    if any(not flag.endswith("-since-boot") for flag in facts.throttled or ()):
        return Cell(f"{cell.text}, {(facts.throttled or ('',))[0]}", "error")
    if drift(view.node.spec, facts):
        return Cell(f"{cell.text}, drift", "warning")
    if facts.throttled:
        return Cell(f"{cell.text}, was throttled", "warning")
    return cell


def _note(view: NodeView, found: Findings) -> Cell:
    """The most urgent thing to say about a node."""
    facts = view.facts
    now_bad = [flag for flag in (facts.throttled or () if facts else ()) if not flag.endswith("-since-boot")]
    if now_bad:
        return Cell(", ".join(now_bad) + " NOW", "error")
    if view.why:
        return Cell(view.why, "warning")
    differences = drift(view.node.spec, facts) if facts else ()
    if differences:
        words = [
            f"{d.field.removesuffix('_bytes')} declared {_value(d.declared)}, found {_value(d.found)}"
            for d in differences
        ]
        return Cell("; ".join(words), "warning")
    if found.warnings:
        return Cell("; ".join(found.warnings), "warning")
    if facts and facts.throttled:
        return Cell(", ".join(facts.throttled), "warning")
    if facts and facts.reboot_required:
        return Cell("reboot required", "warning")
    mapping = (f"{view.port.ref} found {view.port_note}",) if view.port and view.port_note else ()
    quiet = (*mapping, *found.notes)
    return Cell("; ".join(quiet), "dim") if quiet else _BLANK


def _value(value: str | int) -> str:
    return value if isinstance(value, str) else (size(value) if value > 100_000 else str(value))


def _power(view: NodeView) -> Cell:
    if view.port is None:
        return Cell(f"{view.node.poe} unread", "dim") if view.node.poe else NOTHING
    look = DETECTIONS.get(view.port.detection) if view.port.detection else ("?", "dim")
    glyph, style = look or ("?", "dim")
    # Some switches tell watts and no status.
    tells_watts = view.port.delivers_power or (view.port.detection is None and view.port.power_mw)
    text = watts(view.port.power_mw) if tells_watts else (view.port.detection or "unknown")
    return Cell(f"{glyph} {text} {view.port.ref}", style, sort=view.port.power_mw)


def _switch_row(name: str, value: SwitchReading | None, word: Health) -> Row:
    if value is None:
        cells = (
            Cell(name, "accent"),
            Cell(word.state.value, "dim"),
            *[_BLANK] * 11,
            Cell(word.problem or "", "warning"),
        )
        return Row(key=f"switch:{name}", cells=cells, dim=True, selectable=False)
    budget, drawn, reserved, room = budget_mw(value), drawn_mw(value), reserved_mw(value), has_room(value)
    style = "warning" if budget and reserved and reserved > budget else ""
    text = watts(drawn) if budget is None else f"{watts(drawn).removesuffix(' W')} of {watts(budget)}"
    cells = (
        Cell(name, "accent"),
        Cell(budget_bar(drawn, reserved, budget), style),
        Cell(text),
        Cell(_reserved(room, reserved), style),
        *[_BLANK] * 9,
        Cell(word.problem or "; ".join(value.findings), "warning") if word.problem or value.findings else _room(room),
    )
    return Row(key=f"switch:{name}", cells=cells, dim=word.state is not HealthState.OK, selectable=False)


def _reserved(fits: bool | None, reserved: int | None) -> str:
    """`+1 HAT, 45.4 W reserved`: the note says it in words, and is not seen on a narrow screen."""
    room = {True: "+1 HAT", False: "full", None: ""}[fits]
    return ", ".join(word for word in (room, f"{watts(reserved)} reserved" if reserved is not None else "") if word)


def _room(fits: bool | None) -> Cell:
    words = room_words(fits)
    return _BLANK if words is None else Cell(words, "warning" if words.startswith("no ") else "dim")


def budget_bar(drawn_mw: int | None, reserved_mw: int | None, budget_mw: int | None, width: int = 12) -> str:
    """`████▒▒▒▒····`: drawn, then reserved by class, then free; empty without a budget."""
    if not budget_mw:
        return "no budget told"
    drawn = min(width, round((drawn_mw or 0) / budget_mw * width))
    reserved = max(drawn, min(width, round((reserved_mw or 0) / budget_mw * width)))
    return "█" * drawn + "▒" * (reserved - drawn) + "·" * (width - reserved)


def _port_row(acts: Acts, port: PoePort, view: NodeView | None, *, dim: bool) -> Row:
    target = f"port:{port.ref}"
    busy = acts.cell(target)
    word = port.detection.value if port.detection else "unknown"
    look = DETECTIONS[port.detection] if port.detection else ("?", "dim")
    power = watts(port.power_mw) if port.power_mw is not None else "–"
    klass = "" if port.power_class is None else f" class {port.power_class}"
    feeds = f"feeds {view.node.name}" if view else (port.label or "")
    cells = (
        Cell(str(port.ref)),
        busy or state_cell(look, word),
        Cell(power + klass, sort=port.power_mw),
        Cell(feeds, "" if view else "dim"),
        *[_BLANK] * 9,
        acts.note(target) or Cell(_counters(port), "warning"),
    )
    return Row(key=f"port:{port.ref}", cells=cells, dim=dim, level=1)


def _counters(port: PoePort) -> str:
    counts = (("denied", port.denied_count), ("overload", port.overload_count), ("short", port.short_count))
    return ", ".join(f"{word} {count}x" for word, count in counts if count)


def _text(value: str | None) -> Cell:
    return NOTHING if not value else Cell(value)


def _number(value: int | None) -> Cell:
    return NOTHING if value is None else Cell(str(value), sort=value)


def _size(value: int | None) -> Cell:
    return NOTHING if value is None else Cell(size(value), sort=value)


def _temperature(value: float | None) -> Cell:
    if value is None:
        return NOTHING
    style = "error" if value >= 85 else "warning" if value >= 75 else ""
    return Cell(f"{value:.0f} °C", style, sort=value)


def _used(used: int | None, total: int | None) -> Cell:
    if used is None or not total:
        return NOTHING
    share = used / total
    return Cell(f"{share:.0%}", "warning" if share > 0.9 else "", sort=share)


def _cluster(kube: KubeNode) -> Cell:
    """`nuc Ready`, and whether it is cordoned."""
    words = {True: "Ready", False: "NotReady", None: "Unknown"}
    cordoned = ", cordoned" if kube.unschedulable else ""
    style = "ok" if kube.ready and not kube.unschedulable else "warning" if kube.ready else "error"
    return Cell(f"{kube.cluster} {words[kube.ready]}{cordoned}", style)
