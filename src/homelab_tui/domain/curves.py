"""A quantity over time, as a sparkline draws it."""

from datetime import datetime

from homelab_tui.domain.values import Frozen


class Curve(Frozen):
    """One quantity over time: evenly spaced, oldest first, None where nothing was read."""

    values: tuple[float | None, ...]
    step_s: float
    witness: str
    """Where it comes from, as a person reads it: `Prometheus nuc`, `this session`."""
    ends_at: datetime | None = None
    """None: now."""

    @property
    def known(self) -> int:
        """How many values were read."""
        return sum(value is not None for value in self.values)

    @property
    def seconds(self) -> float:
        """How long a time it covers."""
        return self.step_s * len(self.values)


class PortSeries(Frozen):
    """Under which labels a Prometheus has the watts of a switch's ports."""

    labels: tuple[tuple[str, str], ...] = ()
    """Those that the operator gave for this switch."""
    instances: tuple[str, ...] = ()
    """Without such labels: what `instance` is where snmp_exporter asks the address that we ask, one of these."""
    by_name: bool = False
    """True: our numbers of the ports are none of SNMP's, so that a series has to carry the port's name."""


class NodeCurves(Frozen):
    """What can be drawn of one node. None: nothing is known."""

    temperature_c: Curve | None = None
    port_w: Curve | None = None
    """At the switch's port."""
    hat_w: Curve | None = None
    """At 5 V, behind the HAT."""

    def or_else(self, other: "NodeCurves") -> "NodeCurves":
        """Of each quantity the curve that knows more; these where both know as much."""
        return NodeCurves(
            _fuller(self.temperature_c, other.temperature_c),
            _fuller(self.port_w, other.port_w),
            _fuller(self.hat_w, other.hat_w),
        )


def _fuller(one: Curve | None, other: Curve | None) -> Curve | None:
    """A Prometheus that was started a minute ago knows less than this session."""
    if one is None or other is None:
        return one or other
    return other if other.known > one.known else one
