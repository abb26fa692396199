"""`homelab check`: does everything that the configuration promises hold?"""

import argparse

from homelab_tui.cli.output import Exit, print_json, print_table, tell
from homelab_tui.cli.session import run_with_lab
from homelab_tui.engine.checks import run_checks
from homelab_tui.engine.lab import Lab
from homelab_tui.present.checks import HEADERS, checks_document, rows, summary


def run(options: argparse.Namespace) -> int:
    """`homelab check [--nodes]`: 1 when a check failed, 3 when a whole kind of source gave no answer."""

    async def command(lab: Lab) -> int:
        report = await run_checks(lab.config, lab.sources, nodes=options.nodes)
        if options.json:
            print_json(checks_document(report, lab.clock.now()))
        else:
            print_table(HEADERS, rows(report.checks))
        tell(f"homelab: {summary(report)}")
        if report.silent:
            return int(Exit.NO_SOURCE)
        return int(Exit.TARGET_FAILED if report.failed else Exit.DONE)

    return run_with_lab(options.config, command)
