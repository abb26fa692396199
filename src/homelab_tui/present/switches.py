"""A PoE switch in words: its supplies, its layers, and whether it has room."""

from homelab_tui.domain.poe import PseGroup, SwitchReading, budget_mw, drawn_mw, has_room, is_allocated, reserved_mw
from homelab_tui.present.detail_lines import HEADING, Line
from homelab_tui.present.times import watts


def room_words(room: bool | None) -> str | None:
    """Whether one more Pi can be powered (see `has_room`); None when it cannot be told."""
    return None if room is None else "one more PoE+ HAT fits" if room else "no room for one more PoE+ HAT"


def reserved_by(value: SwitchReading) -> str:
    """Who says how much is reserved: `the switch` where it does, else the `class`."""
    return "the switch" if is_allocated(value) else "class"


def switch_lines(value: SwitchReading) -> list[Line]:
    """What one switch says of itself, and what was odd about that."""
    drawn, reserved, budget = drawn_mw(value), reserved_mw(value), budget_mw(value)
    lines: list[Line] = [
        ("drawn", None if drawn is None else watts(drawn)),
        (f"reserved by {reserved_by(value)}", None if reserved is None else watts(reserved)),
        ("budget", None if budget is None else watts(budget)),
        ("room", room_words(has_room(value))),
    ]
    if len(value.groups) > 1:
        lines.append(("Supplies", HEADING))
        lines += [(f"group {group.group}", _supply(group)) for group in value.groups]
    return lines + [("finding", finding) for finding in value.findings]


def _supply(group: PseGroup) -> str:
    budget = "no budget told" if group.budget_mw is None else f"of {watts(group.budget_mw)}"
    drawn = "– drawn" if group.drawn_mw is None else f"{watts(group.drawn_mw)} drawn"
    words = [f"{drawn} {budget}"]
    if group.threshold_percent is not None:
        words.append(f"warns at {group.threshold_percent} %")
    if group.operates is False:
        words.append("OFF")
    return ", ".join(words)
