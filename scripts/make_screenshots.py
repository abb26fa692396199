"""Draws `screenshots/*.svg` from frozen states: the same bytes each time.

    python -m scripts.make_screenshots [--check]

With `--check` nothing is written; the exit status is 1 when a picture is not what it would be, and it is named.
"""

import asyncio
import os
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_CELL = 12.2
"""Width of one terminal cell in the SVG, as Rich draws it."""
_TEXT = re.compile(
    r'(?P<head><text class="[^"]*" )x="(?P<x>[\d.]+)" y="(?P<y>[\d.]+)" textLength="(?P<length>[\d.]+)"'
    r"(?P<tail>[^>]*>)(?P<blanks>(?:&#160;)+)(?P<rest>[^<]*)</text>"
)
FOLDER = Path(__file__).resolve().parent.parent / "screenshots"


@dataclass(frozen=True, slots=True)
class Picture:
    """One screenshot: how large, of which state, after which keys."""

    name: str
    width: int
    height: int
    keys: tuple[str, ...] = ()
    lab: tuple[tuple[str, bool], ...] = ()
    """Settings of the frozen lab."""
    dialog: str | None = None
    """`cycle` or `trust`: a dialog over the screen."""
    theme: str | None = None


PICTURES = (
    Picture("wide", 140, 40),
    Picture("nodes", 110, 30, ("1",)),
    Picture("keys", 110, 30, ("2",)),
    Picture("jobs", 110, 30, ("3",)),
    Picture("jobs-80x24", 80, 24, ("3",)),
    Picture("dialog", 110, 30, ("1",), dialog="cycle"),
    Picture("first-contact", 110, 34, ("2",), dialog="trust"),
    Picture("source-down", 110, 30, ("1",), (("switch_down", True),)),
    Picture("no-data", 110, 30, ("3",), (("prometheus_empty", True),)),
    Picture("light", 140, 40, theme="textual-light"),
)


async def draw(picture: Picture) -> str:
    """The SVG of one picture."""
    from homelab_tui.ui.app import HomelabApp
    from scripts.frozen_lab import FrozenLab

    lab = FrozenLab(**dict(picture.lab))
    app = HomelabApp(lab.config, lambda: lab)
    async with app.run_test(size=(picture.width, picture.height), notifications=True) as pilot:
        if picture.theme:
            app.theme = picture.theme
        await _settled(pilot, lambda: app.lab is not None and bool(app.main.pane.table.rows))
        await pilot.press(*picture.keys)
        if picture.dialog:
            await _open(app, lab, picture.dialog)
        await _settled(pilot, lambda: True)
        return shifted(app.export_screenshot(title=f"homelab {picture.width}x{picture.height}", simplify=True))


def shifted(svg: str) -> str:
    """The SVG with leading blanks turned into a place: some renderers drop them, and columns no longer align."""

    def shift(match: re.Match[str]) -> str:
        blanks = match["blanks"].count("&#160;")
        if not match["rest"]:
            return ""
        x = float(match["x"]) + blanks * _CELL
        length = float(match["length"]) - blanks * _CELL
        return f'{match["head"]}x="{x:g}" y="{match["y"]}" textLength="{length:g}"{match["tail"]}{match["rest"]}</text>'

    return _TEXT.sub(shift, svg)


async def _open(app: Any, lab: Any, dialog: str) -> None:
    from homelab_tui.engine.poe import find_port
    from homelab_tui.ui.screens.confirm import ConfirmScreen
    from homelab_tui.ui.screens.trust import TrustScreen
    from scripts.frozen_lab import host_key

    if dialog == "cycle":
        app.push_screen(ConfirmScreen(lab.poe.plan("cycle", [find_port(lab.store.state, "rpi03")])))
    else:
        node = next(node for node in lab.config.nodes if node.name == "rpi04")
        app.push_screen(TrustScreen(node, host_key(node)))


async def _settled(pilot: Any, ready: Callable[[], bool]) -> None:
    """Until the condition holds and nothing is left to be drawn."""
    for _ in range(200):
        await pilot.pause()
        if ready():
            break
    else:
        raise RuntimeError("the screen never got ready")
    await pilot.wait_for_scheduled_animations()
    await pilot.pause()


async def drawn() -> dict[str, str]:
    """Every picture by its file name."""
    return {f"{picture.name}.svg": await draw(picture) for picture in PICTURES}


def main(arguments: list[str]) -> int:
    """Write the pictures, or with `--check` compare them."""
    os.environ["TEXTUAL_ANIMATIONS"] = "none"
    os.environ["TZ"] = "UTC"
    os.environ.pop("NO_COLOR", None)
    wanted = asyncio.run(drawn())
    known = {path.name for path in FOLDER.glob("*.svg")}
    stale = [name for name, svg in wanted.items() if name not in known or (FOLDER / name).read_text() != svg]
    stale += sorted(known - set(wanted))
    if "--check" in arguments:
        for name in stale:
            print(f"screenshots/{name} is stale: run `make screenshots`", file=sys.stderr)
        return 1 if stale else 0
    FOLDER.mkdir(exist_ok=True)
    for name in known - set(wanted):
        (FOLDER / name).unlink()
    for name, svg in wanted.items():
        (FOLDER / name).write_text(svg)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
