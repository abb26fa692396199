"""Where a node is not what was declared. Pure."""

import re

from homelab_tui.domain.nodes import NodeFacts, NodeSpec
from homelab_tui.domain.values import Frozen

_BOARD = re.compile(r"\b(\d)([ab]\+?)(?=\s|$)")
"""The short way to write `4 Model B`."""


class Drift(Frozen):
    """One declared value that the measured one contradicts."""

    field: str
    """model, cores, memory_bytes, disk_bytes or os."""
    declared: str | int
    found: str | int


def drift(spec: NodeSpec, facts: NodeFacts) -> tuple[Drift, ...]:
    """Where a node is not what was declared. Undeclared or unmeasured values never drift.

    Sizes agree within −12 % / +8 % (firmware and GPU keep some RAM); a Pi's RAM is taken from its revision code.
    """
    memory = facts.board_memory_bytes or facts.memory_bytes
    found: list[Drift] = []
    if spec.model and facts.model and not _same_model(spec.model, facts.model):
        found.append(Drift("model", spec.model, facts.model))
    if spec.cores is not None and facts.cores is not None and spec.cores != facts.cores:
        found.append(Drift("cores", spec.cores, facts.cores))
    for name, declared, measured in (
        ("memory_bytes", spec.memory_bytes, memory),
        ("disk_bytes", spec.disk_bytes, facts.disk_bytes),
    ):
        if declared is not None and measured is not None and not sizes_agree(declared, measured):
            found.append(Drift(name, declared, measured))
    if spec.os and facts.os and not _same_os(spec.os, facts.os):
        found.append(Drift("os", spec.os, facts.os))
    return tuple(found)


def sizes_agree(declared: int, found: int) -> bool:
    """Whether a measured size is what was declared, within −12 % / +8 %."""
    return 0.88 * declared <= found <= 1.08 * declared


def _same_os(declared: str, found: str) -> bool:
    """ "Rocky Linux 9.1" agrees with "Rocky Linux 9.1 (Blue Onyx)", not with "Rocky Linux 9.10"."""
    told = found.casefold().split()
    return all(any(_same_word(word, other) for other in told) for word in declared.casefold().split())


def _same_word(declared: str, found: str) -> bool:
    """A version agrees with what it begins: 22.04 with 22.04.3, 9 with 9.1; never 9.1 with 9.10."""
    return found == declared or (declared[:1].isdigit() and found.startswith(f"{declared}."))


def _same_model(declared: str, found: str) -> bool:
    """ "Raspberry Pi 4B" agrees with "Raspberry Pi 4 Model B Rev 1.4", "Intel NUC11PAHi5" with "NUC11PAHi5"."""
    ours, theirs = _model_words(declared), _model_words(found)
    if ("plus" in ours) != ("plus" in theirs):
        return False
    return theirs <= ours or all(any(_is_model(word, other) for other in theirs) for word in ours)


def _model_words(text: str) -> set[str]:
    return set(_BOARD.sub(r"\1 model \2", text.casefold()).replace("b+", "b plus").split())


def _is_model(declared: str, found: str) -> bool:
    """A product line agrees with its members: NUC11 with NUC11PAHi5; but never Pi 4 with Pi 400."""
    return found == declared or (len(declared) >= 4 and not declared.isdigit() and found.startswith(declared))
