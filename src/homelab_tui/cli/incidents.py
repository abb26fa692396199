"""`homelab incidents`: what is wrong, hardware, keys and Jobs joined."""

import argparse

from homelab_tui.cli.jobs import source_status
from homelab_tui.cli.output import print_json, print_table
from homelab_tui.cli.session import run_with_lab
from homelab_tui.domain.incidents import incidents
from homelab_tui.engine.lab import Lab
from homelab_tui.present.documents import reading_health, together
from homelab_tui.present.incidents import COLUMNS, document, rows


def listing(options: argparse.Namespace) -> int:
    """`homelab incidents`. Something wrong is data, not an error; a kind of source that says nothing is 3."""

    async def command(lab: Lab) -> int:
        what = ("nodes", "keys", "switches", "clusters", "prometheus", "alertmanagers")
        state = await lab.read(what)
        now = lab.clock.now()
        found = incidents(state, now)
        if options.json:
            print_json(document(found, now))
        elif found:
            shown = [[cell.text for cell in row.cells] for row in rows(found, now)]
            print_table([column.label.lower() for column in COLUMNS], shown, right=frozenset({1}))
        else:
            print("nothing is wrong", flush=True)
        kinds = (state.clusters, state.prometheus, state.switches)
        return source_status([together([reading_health(reading, now) for _, reading in kind]) for kind in kinds])

    return run_with_lab(options.config, command)
