"""`homelab export`: the nodes as other programs want them."""

import argparse
import os
import sys
from pathlib import Path

from homelab_tui.cli.init import write_file
from homelab_tui.cli.output import Exit, print_json, tell
from homelab_tui.cli.session import configuration
from homelab_tui.domain.errors import UsageError
from homelab_tui.present.exports import export


def run(options: argparse.Namespace) -> int:
    """Nothing is contacted. Exit 2, and nothing written, when the output is there already."""
    made = export(options.kind, configuration(options.config))
    for note in made.notes:
        tell(f"homelab: {note}")
    target = None if options.output in (None, "-") else Path(options.output).expanduser()
    if target is not None:
        if not options.force and os.path.lexists(target):
            raise UsageError(f"{target} is there already: --force overwrites it")
        write_file(target, made.text, overwrite=options.force)
        tell(f"homelab: {target} is written, {len(made.nodes)} nodes")
    if options.json:
        print_json(
            {
                "kind": options.kind,
                "path": None if target is None else str(target),
                "nodes": list(made.nodes),
                "notes": list(made.notes),
                "text": made.text,
            }
        )
    elif target is None:
        sys.stdout.write(made.text)
        sys.stdout.flush()
    return int(Exit.DONE)
