"""`homelab report`: the whole lab at one moment, to keep or to show."""

import argparse
import os
import sys
from pathlib import Path

from homelab_tui.cli.init import write_file
from homelab_tui.cli.jobs import source_status
from homelab_tui.cli.output import print_json, tell
from homelab_tui.cli.session import run_with_lab
from homelab_tui.domain.errors import UsageError
from homelab_tui.domain.incidents import incidents
from homelab_tui.engine.lab import Lab
from homelab_tui.present.documents import (
    jobs_document,
    nodes_document,
    poe_document,
    reading_health,
    together,
)
from homelab_tui.present.incidents import document as incidents_document
from homelab_tui.present.key_documents import keys_document
from homelab_tui.present.reports import report
from homelab_tui.present.times import rfc3339


def run(options: argparse.Namespace) -> int:
    """Markdown to stdout or into a file; with `--json`, the documents of every listing in one."""
    target = None if options.output in (None, "-") else Path(options.output).expanduser()
    if target is not None and not options.force and os.path.lexists(target):
        raise UsageError(f"{target} is there already: --force overwrites it")

    async def command(lab: Lab) -> int:
        state = await lab.read(("nodes", "keys", "switches", "clusters", "prometheus", "alertmanagers"))
        now = lab.clock.now()
        text = report(state, now)
        if target is not None:
            write_file(target, text, overwrite=options.force)
            tell(f"homelab: {target} is written")
        if options.json:
            listings = {
                "incidents": incidents_document(incidents(state, now), now),
                "nodes": nodes_document(state, now),
                "poe": poe_document(state, lab.config, now),
                "keys": keys_document(state, now),
                "jobs": jobs_document(state, lab.config, now, state.jobs.jobs, state.jobs.cronjobs),
            }
            print_json({"taken_at": rfc3339(now), "path": None if target is None else str(target), **listings})
        elif target is None:
            sys.stdout.write(text)
            sys.stdout.flush()
        kinds = (state.clusters, state.prometheus, state.switches)
        return source_status([together([reading_health(reading, now) for _, reading in kind]) for kind in kinds])

    return run_with_lab(options.config, command)
