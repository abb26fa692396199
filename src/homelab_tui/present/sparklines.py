"""A curve in one line of text."""

from homelab_tui.domain.curves import Curve
from homelab_tui.present.times import age

_STEPS = "▁▂▃▄▅▆▇█"
_GAP = "·"
_FLAT_SHARE = 0.05
"""A curve whose values differ by less than that is drawn flat: noise is no mountain."""


def sparkline(curve: Curve, width: int) -> str:
    """The newest on the right; `·` where nothing was read. Of several values in one cell the highest is drawn."""
    values = curve.values[-_points(curve, width) :]
    per_cell = max(1, -(-len(values) // width))
    cells = [values[max(0, end - per_cell) : end] for end in range(len(values), 0, -per_cell)][::-1]
    tops = [max((value for value in cell if value is not None), default=None) for cell in cells]
    known = [top for top in tops if top is not None]
    if not known:
        return ""
    low, high = min(known), max(known)
    span = max(high - low, _FLAT_SHARE * abs(high), 1e-9)
    return "".join(_GAP if top is None else _STEPS[min(7, int((top - low) / span * 8))] for top in tops)


def curve_words(curve: Curve, unit: str, width: int, digits: int = 1) -> str:
    """`▁▂▅▇ 48–62 °C in 2h, this session`."""
    known = [value for value in curve.values if value is not None]
    if not known:
        return ""
    low, high = f"{min(known):.{digits}f}", f"{max(known):.{digits}f}"
    span = f"{low} {unit}" if low == high else f"{low}–{high} {unit}"
    return f"{sparkline(curve, width)}  {span} in {age(curve.step_s * _told(curve))}, {curve.witness}"


def _points(curve: Curve, width: int) -> int:
    """What is drawn: from the first value on, so that a session of ten minutes is not a dot at the right edge."""
    return max(1, min(_told(curve), len(curve.values)))


def _told(curve: Curve) -> int:
    first = next((place for place, value in enumerate(curve.values) if value is not None), len(curve.values))
    return len(curve.values) - first
