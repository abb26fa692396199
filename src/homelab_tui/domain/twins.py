"""Nodes that ought to be alike, side by side, and where they are not. Pure."""

from collections import Counter
from collections.abc import Callable, Sequence

from homelab_tui.domain.nodes import NodeFacts
from homelab_tui.domain.state import NodeView
from homelab_tui.domain.values import Frozen

Read = Callable[[NodeView], str | int | bool | None]


class Difference(Frozen):
    """One field of several nodes."""

    field: str
    """Its label: `kernel`, `memory`."""
    kind: str
    """text, size (bytes), count or flag: how its values are written."""
    values: tuple[str | int | bool | None, ...]
    """In the order of the nodes; None: not known."""
    odd: tuple[bool, ...]
    """Which of them stand apart from most. Where none has most, all that are known do."""

    @property
    def differs(self) -> bool:
        """Whether any stands apart."""
        return any(self.odd)


class Comparison(Frozen):
    """Some nodes, field by field."""

    title: str
    """Why they belong together: their model, a group of theirs, or that somebody chose them."""
    nodes: tuple[str, ...]
    fields: tuple[Difference, ...]

    @property
    def differing(self) -> tuple[Difference, ...]:
        """The fields in which they are not alike."""
        return tuple(field for field in self.fields if field.differs)


def _of(name: str) -> Read:
    return lambda view: getattr(view.facts, name) if view.facts else None


def _from(read: Callable[[NodeFacts], str | int | bool | None]) -> Read:
    return lambda view: read(view.facts) if view.facts else None


def _disks(facts: NodeFacts) -> str | None:
    """Kinds and models of the fixed disks; their sizes have a row of their own."""
    fixed = [disk for disk in facts.disks if not disk.removable]
    return ", ".join(f"{disk.kind} {disk.model or ''}".strip() for disk in fixed) or None


def _speed(facts: NodeFacts) -> str | None:
    """Of the links that are up, the slowest first."""
    speeds = sorted(one.speed_mbps for one in facts.interfaces if one.is_up and one.speed_mbps)
    return ", ".join(f"{speed} Mb/s" for speed in speeds) or None


def _units(facts: NodeFacts) -> str | None:
    return None if facts.failed_units is None else ", ".join(sorted(facts.failed_units)) or "none"


def _flags(facts: NodeFacts) -> str | None:
    return None if facts.throttled is None else ", ".join(facts.throttled) or "no"


def _wear(facts: NodeFacts) -> str | None:
    worn = [f"{disk.wear_percent} %" for disk in facts.disks if disk.wear_percent is not None]
    return ", ".join(worn) or None


_FIELDS: tuple[tuple[str, str, Read], ...] = (
    ("state", "text", lambda view: view.state.value),
    ("declared model", "text", lambda view: view.node.spec.model),
    ("declared memory", "size", lambda view: view.node.spec.memory_bytes),
    ("declared disk", "size", lambda view: view.node.spec.disk_bytes),
    ("declared os", "text", lambda view: view.node.spec.os),
    ("model", "text", _of("model")),
    ("BIOS", "text", _of("bios")),
    ("BIOS date", "text", _of("bios_date")),
    ("boot loader", "text", _from(lambda f: f.bootloader_at.date().isoformat() if f.bootloader_at else None)),
    ("CPU", "text", _of("cpu_model")),
    ("cores", "count", _of("cores")),
    ("threads", "count", _of("threads")),
    ("board memory", "size", _of("board_memory_bytes")),
    ("memory", "size", _of("memory_bytes")),
    ("largest disk", "size", _of("disk_bytes")),
    ("disks", "text", _from(_disks)),
    ("eMMC wear", "text", _from(_wear)),
    ("root filesystem", "size", _of("root_size_bytes")),
    ("link", "text", _from(_speed)),
    ("OS", "text", _of("os")),
    ("kernel", "text", _of("kernel")),
    ("architecture", "text", _of("arch")),
    ("kubelet", "text", lambda view: view.kubernetes.kubelet if view.kubernetes else None),
    ("cordoned", "flag", lambda view: view.kubernetes.unschedulable if view.kubernetes else None),
    ("swap", "flag", _from(lambda f: None if f.swap_bytes is None else f.swap_bytes > 0)),
    ("clock synchronised", "flag", _of("clock_synchronised")),
    ("reboot required", "flag", _of("reboot_required")),
    ("pending updates", "count", lambda view: view.updates.count if view.updates else None),
    ("failed units", "text", _from(_units)),
    ("throttled", "text", _from(_flags)),
    ("PoE HAT", "text", _from(lambda f: f.hat.product if f.hat else None)),
    ("HAT granted", "text", _from(lambda f: f.hat.granted if f.hat else None)),
    ("HAT health", "text", _from(lambda f: f.hat.health if f.hat else None)),
    ("PoE class", "count", lambda view: view.port.power_class if view.port else None),
)
"""What twins have in common. What differs by nature (names, addresses, uptime, load, temperature) is not among it."""
_SIZE_SHARE = 0.01
"""Two chips of one size may differ by as little as firmware reserves."""


def compare(views: Sequence[NodeView], title: str) -> Comparison:
    """These nodes side by side; fields that none of them tells are left out."""
    found = []
    for field, kind, read in _FIELDS:
        values = tuple(read(view) for view in views)
        if any(value is not None for value in values):
            found.append(Difference(field, kind, values, _odd(values, kind)))
    return Comparison(title, tuple(view.node.name for view in views), tuple(found))


def twins_of(views: Sequence[NodeView], name: str) -> tuple[NodeView, ...]:
    """A node and those that ought to be like it: of its model, else of its first group that has others."""
    view = next((view for view in views if view.node.name == name), None)
    if view is None:
        return ()
    model = _model(view)
    alike = tuple(other for other in views if model is not None and _model(other) == model)
    if len(alike) > 1:
        return alike
    for group in view.node.groups:
        alike = tuple(other for other in views if group in other.node.groups)
        if len(alike) > 1:
            return alike
    return (view,)


def twin_groups(views: Sequence[NodeView]) -> tuple[Comparison, ...]:
    """Every set of twins, compared, in the configuration's order. Nodes without one are left out."""
    found: dict[tuple[str, ...], Comparison] = {}
    for view in views:
        alike = twins_of(views, view.node.name)
        names = tuple(one.node.name for one in alike)
        if len(names) > 1 and not any(set(names) <= set(known) for known in found):
            found[names] = compare(alike, twins_title(alike))
    return tuple(found.values())


def twins_title(views: Sequence[NodeView]) -> str:
    """What they have in common."""
    models = {_model(view) for view in views}
    if len(models) == 1 and (model := next(iter(models))) is not None:
        return f"{len(views)} x {model}"
    shared = (
        [group for group in views[0].node.groups if all(group in view.node.groups for view in views)] if views else []
    )
    return f"group {shared[0]}" if shared else ", ".join(view.node.name for view in views)


def _model(view: NodeView) -> str | None:
    """As measured, the board's revision left out: `Rev 1.4` and `Rev 1.5` are twins."""
    model = (view.facts.model if view.facts else None) or view.node.spec.model
    return None if model is None else model.partition(" Rev ")[0].strip() or None


def _odd(values: Sequence[str | int | bool | None], kind: str) -> tuple[bool, ...]:
    """Who stands apart. Nobody does when less than two are known."""
    known = [value for value in values if value is not None]
    if len(known) < 2 or all(_alike(known[0], value, kind) for value in known):
        return tuple(False for _ in values)
    [(most, count), *rest] = Counter(known).most_common()
    has_most = not rest or count > rest[0][1]
    return tuple(value is not None and not (has_most and _alike(most, value, kind)) for value in values)


def _alike(one: str | int | bool, other: str | int | bool, kind: str) -> bool:
    if kind == "size" and isinstance(one, int) and isinstance(other, int):
        return abs(one - other) <= _SIZE_SHARE * max(one, other)
    return one == other
