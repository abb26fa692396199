"""The frame of the dashboard: what stands where, whether or not there is anything to show in it yet.

It imports neither the engine nor what decides words: the first frame is painted with this alone.
"""

from textual.containers import Vertical
from textual.screen import Screen

TITLES = {"nodes": "1 Nodes", "keys": "2 Keys", "jobs": "3 Jobs"}
"""Pane → its title, in the order of the keys."""
TOO_SMALL = "This terminal is too small: 40 x 10 at least."


class PaneFrame(Vertical):
    """The box of one pane."""

    DEFAULT_CSS = """
    PaneFrame { border: round $foreground-muted; border-title-color: $foreground; height: 1fr; width: 1fr; }
    PaneFrame:focus-within { border: round $accent; border-title-color: $accent; border-title-style: bold; }
    """


class FrameScreen(Screen[None]):
    """All panes at once where there is room, one at a time where there is not."""

    CSS_PATH = "homelab.tcss"
    # Textual declares these as instance variables, so they cannot be a ClassVar here.
    HORIZONTAL_BREAKPOINTS = [(0, "-tiny"), (40, "-narrow"), (120, "-wide")]  # noqa: RUF012
    VERTICAL_BREAKPOINTS = [(0, "-flat"), (10, "-low"), (30, "-tall")]  # noqa: RUF012
