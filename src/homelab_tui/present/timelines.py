"""The time line as a text to read, newest first."""

from collections.abc import Sequence
from datetime import datetime

from rich.text import Text

from homelab_tui.domain.timelines import Happening
from homelab_tui.present.table import printable
from homelab_tui.present.times import local, since


def text(happenings: Sequence[Happening], now: datetime) -> Text:
    """One line each; the day is a heading where it changes."""
    shown = Text()
    day = ""
    for one in happenings:
        date, _, clock = local(one.at).partition(" ")
        if date != day:
            shown.append(f"{chr(10) if day else ''}{date}\n", "bold")
            day = date
        shown.append(f"{clock} {since(one.at, now):>6}  ", "dim")
        shown.append("✖ " if one.is_bad else "  ")
        shown.append(f"{one.kind:<6} {printable(one.text, 300)}\n")
    if not happenings:
        shown.append("nothing is known of the last day")
    return shown


def action(at: datetime, who: str, kind: str, target: str, *, ok: bool, detail: str) -> Happening:
    """One line of the activity log."""
    return Happening(at, "action", f"{who}: {kind} {target}: {detail}", is_bad=not ok)
