"""This session's readings of every node: what a sparkline is drawn from where no Prometheus has more."""

import math
from array import array
from collections import deque
from datetime import datetime

from homelab_tui.domain.curves import Curve, NodeCurves

EVERY_S = 30.0
POINTS = 240
"""Two hours."""


class Histories:
    """The newest two hours of each node, in slots of half a minute. Bounded: 6 KB a node."""

    def __init__(self) -> None:
        self._slots: deque[int] = deque(maxlen=POINTS)
        self._kept: dict[str, tuple[array[float], array[float], array[float]]] = {}

    def put(
        self, node: str, at: datetime, *, temperature_c: float | None, port_w: float | None, hat_w: float | None
    ) -> None:
        """What is read of a node now. Of one slot the last reading stays."""
        self._turn(int(at.timestamp() // EVERY_S))
        kept = self._kept.get(node)
        if kept is None:
            empty = array("f", [math.nan]) * len(self._slots)
            kept = self._kept[node] = (empty, empty[:], empty[:])
        for values, value in zip(kept, (temperature_c, port_w, hat_w), strict=True):
            if value is not None:
                values[-1] = value

    def _turn(self, slot: int) -> None:
        """Open the slot of this moment; those in which nobody read anything stay empty."""
        if self._slots and (slot < self._slots[-1] or slot - self._slots[-1] > POINTS):
            self._slots.clear()  # the clock was set, or this machine slept
            self._kept.clear()
        while not self._slots or self._slots[-1] < slot:
            self._slots.append(self._slots[-1] + 1 if self._slots else slot)
            for kept in self._kept.values():
                for values in kept:
                    values.append(math.nan)
                    del values[: max(0, len(values) - POINTS)]

    def of(self, node: str) -> NodeCurves:
        """What was read in this session."""
        kept = self._kept.get(node)
        return NodeCurves() if kept is None else NodeCurves(*map(_curve, kept))


def _curve(values: "array[float]") -> Curve | None:
    if all(map(math.isnan, values)):
        return None
    return Curve(tuple(None if math.isnan(value) else round(value, 2) for value in values), EVERY_S, "this session")
