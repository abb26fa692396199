"""Who says what of a node: our probe, node_exporter, the kubelet. What one cannot tell, another may; pure."""

import math
from collections.abc import Callable, Iterable

from homelab_tui.domain.nodes import KubeNode, NodeFacts, NodeMetrics
from homelab_tui.domain.values import Frozen, replace

PROBE, EXPORTER, KUBERNETES = "probe", "node_exporter", "kubernetes"
"""In the order of trust."""
Value = str | int | float | bool
_ARCHITECTURES = {"amd64": "x86_64", "arm64": "aarch64", "arm": "armv7l", "386": "i686"}
"""Go's names and the kernel's."""
_SIZE_SHARE = 0.015
"""MemTotal moves a little with the kernel's mood; it is one number in all three."""


class Claim(Frozen):
    """What one witness says of one field."""

    field: str
    """As NodeFacts names it."""
    witness: str
    value: Value


_SOURCES: tuple[tuple[str, Callable[[NodeMetrics], Value | None], Callable[[KubeNode], Value | None]], ...] = (
    ("hostname", lambda m: m.hostname, lambda _: None),
    ("model", lambda m: m.model, lambda _: None),
    ("kernel", lambda m: m.kernel, lambda k: k.kernel),
    ("os", lambda m: m.os, lambda k: k.os),
    ("arch", lambda m: m.arch, lambda k: _ARCHITECTURES.get(k.arch or "", k.arch)),
    ("threads", lambda m: m.threads, lambda k: k.cpus),
    ("memory_bytes", lambda m: m.memory_bytes, lambda k: k.memory_bytes),
    ("bios", lambda m: m.bios, lambda _: None),
    ("machine_id", lambda _: None, lambda k: k.machine_id),
    ("boot_id", lambda _: None, lambda k: k.boot_id),
    ("clock_synchronised", lambda m: m.clock_synchronised, lambda _: None),
)
"""Field → how node_exporter and Kubernetes tell it."""


def claims(facts: NodeFacts | None, metrics: NodeMetrics | None, kube: KubeNode | None) -> tuple[Claim, ...]:
    """Everything that more than our probe could tell, by field and in the order of trust.

    Only what a machine keeps for a while: load and temperature differ from second to second.
    """
    found = []
    for field, of_metrics, of_kube in _SOURCES:
        told: tuple[tuple[str, Value | None], ...] = (
            (PROBE, getattr(facts, field) if facts else None),
            (EXPORTER, of_metrics(metrics) if metrics else None),
            (KUBERNETES, of_kube(kube) if kube else None),
        )
        found += [Claim(field, witness, value) for witness, value in told if value is not None and value != ""]
    return tuple(found)


PASSING = ("load1", "temperature_c", "memory_used_bytes", "root_size_bytes", "root_used_bytes")
"""What differs from one moment to the next: no two witnesses can contradict each other in it."""


UNDER_VOLTAGE = "under_voltage"
"""The one of the firmware's complaints that node_exporter tells too, and of the present alone."""


def passing(facts: NodeFacts | None, metrics: NodeMetrics | None) -> tuple[Claim, ...]:
    """Who tells what is measured anew each time, by field and in the order of trust; `facts` are the probe's own."""
    found = []
    for field in PASSING:
        for witness, told in ((PROBE, facts), (EXPORTER, metrics)):
            value = getattr(told, field, None)
            if value is not None and math.isfinite(value):
                found.append(Claim(field, witness, value))
    if facts is not None and facts.throttled is not None:
        found.append(Claim(UNDER_VOLTAGE, PROBE, "under-voltage" in facts.throttled))
    if metrics is not None and metrics.under_voltage is not None:
        found.append(Claim(UNDER_VOLTAGE, EXPORTER, metrics.under_voltage))
    return tuple(found)


def filled(facts: NodeFacts | None, metrics: NodeMetrics | None, kube: KubeNode | None) -> NodeFacts | None:
    """The probe's facts, what it did not tell taken from the others; None when nobody says anything."""
    told = claims(None, metrics, kube)
    if facts is None and not told and metrics is None:
        return None
    known = facts or NodeFacts()
    missing: dict[str, object] = {}
    for claim in told:
        if getattr(known, claim.field) is None:
            missing.setdefault(claim.field, claim.value)
    for claim in passing(None, metrics):
        if claim.field == UNDER_VOLTAGE:
            if known.throttled is None:
                missing["throttled"] = ("under-voltage",) if claim.value else ()
        elif getattr(known, claim.field) is None:
            missing[claim.field] = claim.value
    return replace(known, **missing) if missing else known  # type: ignore[arg-type]


def disagreements(told: Iterable[Claim]) -> tuple[str, ...]:
    """Where witnesses contradict each other, in a sentence each. A cordial difference in spelling is none."""
    by_field: dict[str, list[Claim]] = {}
    for claim in told:
        by_field.setdefault(claim.field, []).append(claim)
    return tuple(
        f"{_words(field)}: " + ", ".join(f"{claim.witness} says {_shown(claim)}" for claim in said)
        for field, said in by_field.items()
        if any(not _agree(said[0], other) for other in said[1:])
    )


def _agree(one: Claim, other: Claim) -> bool:
    if one.field == "memory_bytes" and isinstance(one.value, int) and isinstance(other.value, int):
        return abs(one.value - other.value) <= _SIZE_SHARE * max(one.value, other.value)
    if one.field == "hostname":
        return str(one.value).partition(".")[0].casefold() == str(other.value).partition(".")[0].casefold()
    return str(one.value).casefold() == str(other.value).casefold()


def _words(field: str) -> str:
    return field.removesuffix("_bytes").replace("_", "-")


def _shown(claim: Claim) -> str:
    if claim.field == "memory_bytes" and isinstance(claim.value, int):
        return f"{claim.value / 1e9:.1f} GB"
    if isinstance(claim.value, bool):
        return "yes" if claim.value else "no"
    return str(claim.value)
