"""`homelab`: the dashboard."""

import argparse
import asyncio
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from homelab_tui.cli.collecting import collect_later, collect_seldom, give_back, keep_for_good
from homelab_tui.cli.loops import run_to_end
from homelab_tui.cli.output import Exit, fail
from homelab_tui.cli.session import configuration, finished, start_log
from homelab_tui.config.model import Config

if TYPE_CHECKING:
    from homelab_tui.engine.lab import Lab


SWITCH_S = 0.001
_LOADED_S = (3.0, 10.0, 30.0)
"""When what the sources hold is there, after the start: on a fast machine, on a slow one, with a slow source."""
_GIVE_BACK_S = 30.0


def run(options: argparse.Namespace) -> int:
    """Open the dashboard on the configuration."""
    config = configuration(options.config)
    return show(config, lambda: config)


def show(config: Config, settled: Callable[[], Config], leaving: Callable[[], None] = lambda: None) -> int:
    """Open the dashboard, and close its lab with care when the person leaves.

    `config`: what the frame is painted with; `settled` is called after the first paint, in a thread, and may wait for
    the configuration of the lab itself. Raises what `settled` raises, once the terminal is back.
    `leaving` is called when the person leaves and no operation needs the world any more.
    """
    if not _has_terminal():
        return fail(
            "the dashboard needs a terminal; `homelab --help` lists what works without", Exit.USAGE, as_json=False
        )
    start_log()
    # A dozen threads that log in must not keep the one that draws waiting for 5 ms each.
    sys.setswitchinterval(SWITCH_S)
    collect_later()
    return run_to_end(_show(config, settled, leaving))


def _has_terminal() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()


def _give_back_for_ever(loop: asyncio.AbstractEventLoop) -> None:
    give_back()
    loop.call_later(_GIVE_BACK_S, _give_back_for_ever, loop)


async def _show(
    config: Config,
    settled: Callable[[], Config],
    leaving: Callable[[], None],
) -> int:
    from homelab_tui.ui.app import HomelabApp  # Textual: only for the dashboard

    def open_lab() -> "Lab":
        from homelab_tui.wiring import build_lab, load_http  # names every source: not before the first paint

        lab = build_lab(settled())
        if lab.config.clusters or lab.config.prometheus:
            load_http()  # here it is alone: beside a screen that is being made it takes three times as long
        collect_seldom()  # by now nearly everything that lasts is imported
        return lab

    loop = asyncio.get_running_loop()
    for later_s in _LOADED_S:
        loop.call_later(later_s, keep_for_good)
    loop.call_later(_LOADED_S[0], _give_back_for_ever, loop)
    app = HomelabApp(config, open_lab, leaving)
    try:
        status = await app.run_async()
    finally:  # however the screen ended: a terminal that is gone must not leave a port switched off
        if app.started is not None:
            await finished(app.started)
    if app.failure is not None:
        raise app.failure
    return status or 0
