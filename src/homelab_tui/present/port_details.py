"""A PoE port as the detail screens show it."""

from homelab_tui.domain.curves import NodeCurves
from homelab_tui.domain.poe import PoePort
from homelab_tui.present.detail_lines import Line
from homelab_tui.present.sparklines import curve_words
from homelab_tui.present.times import watts


def port_lines(port: PoePort, curves: NodeCurves | None = None, width: int = 80) -> list[Line]:
    """One PoE port. `curves`: what it gave, where that is not drawn elsewhere on the same screen."""
    drawn = curve_words(curves.port_w, "W", curve_width(width)) if curves and curves.port_w else None
    return [
        ("port", f"{port.ref}{f' ({port.label})' if port.label else ''}"),
        ("admin", {True: "on", False: "off", None: None}[port.admin_on]),
        ("detection", port.detection.value if port.detection else None),
        ("class", None if port.power_class is None else str(port.power_class)),
        ("power", None if port.power_mw is None else watts(port.power_mw)),
        *([("", drawn)] if drawn else []),
        *([("allocated", watts(port.allocated_mw))] if port.allocated_mw is not None else []),
        ("voltage", None if port.voltage_mv is None else f"{port.voltage_mv / 1000:.1f} V"),
        ("current", None if port.current_ma is None else f"{port.current_ma} mA"),
        ("counters", _counters(port)),
        ("link", _link(port)),
    ]


def curve_width(width: int) -> int:
    """What is left for a curve beside its label and its words, on a screen of `width`."""
    return max(12, min(60, width - 68))


def _counters(port: PoePort) -> str | None:
    """Those that the switch tells."""
    counts = (("denied", port.denied_count), ("overload", port.overload_count), ("short", port.short_count))
    return ", ".join(f"{word} {count}x" for word, count in counts if count is not None) or None


def _link(port: PoePort) -> str | None:
    if port.link_up is None:
        return None
    return f"up, {port.speed_mbps} Mb/s" if port.link_up and port.speed_mbps else ("up" if port.link_up else "down")
