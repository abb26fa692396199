"""`homelab`: the dashboard."""

import argparse
import sys

from homelab_tui.cli.loops import run_to_end
from homelab_tui.cli.output import Exit, fail, tell
from homelab_tui.cli.session import configuration, start_log
from homelab_tui.config.model import Config
from homelab_tui.engine.lab import Lab


def run(options: argparse.Namespace) -> int:
    """Open the dashboard on the configuration."""
    return show(configuration(options.config))


def show(config: Config) -> int:
    """Open the dashboard, and close its lab with care when the person leaves."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return fail(
            "the dashboard needs a terminal; `homelab --help` lists what works without", Exit.USAGE, as_json=False
        )
    start_log()
    return run_to_end(_show(config))


async def _show(config: Config) -> int:
    from homelab_tui.ui.app import HomelabApp  # Textual: only for the dashboard

    def open_lab() -> Lab:
        from homelab_tui.wiring import build_lab  # names every source: not before the first paint

        return build_lab(config)

    app = HomelabApp(config, open_lab)
    status = await app.run_async()
    if app.lab is not None:
        if app.lab.busy:
            tell(f"homelab: finishing {app.lab.busy} operation(s) that must not be left half-way…")
        await app.lab.close()
    return status or 0
