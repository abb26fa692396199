"""`homelab nodes compare`: twins side by side."""

import argparse

from homelab_tui.cli.jobs import source_status
from homelab_tui.cli.output import print_json, print_table
from homelab_tui.cli.session import run_with_lab
from homelab_tui.domain.state import NodeView
from homelab_tui.domain.twins import Comparison, compare, twin_groups, twins_of, twins_title
from homelab_tui.engine.lab import Lab
from homelab_tui.engine.nodes import find_node
from homelab_tui.present.documents import reading_health, together
from homelab_tui.present.times import rfc3339
from homelab_tui.present.twins import comparisons_document, rows, summary


def listing(options: argparse.Namespace) -> int:
    """`homelab nodes compare [NODE...]`. One NODE: it and its twins; several: exactly these; none: all twins."""

    async def command(lab: Lab) -> int:
        names = tuple(dict.fromkeys(find_node(lab.config.nodes, name).name for name in options.nodes))
        state = await lab.read(("nodes", "updates", "switches", "clusters", "machines"))
        found = chosen(state.node_views, names)
        if options.json:
            print_json(comparisons_document(found, rfc3339(lab.clock.now())))
        else:
            _print(found, only_differing=not options.every)
        clusters = together([reading_health(reading, lab.clock.now()) for _, reading in state.clusters])
        return source_status([clusters])

    return run_with_lab(options.config, command)


def chosen(views: tuple[NodeView, ...], names: tuple[str, ...]) -> tuple[Comparison, ...]:
    """The comparisons that are meant."""
    if not names:
        return twin_groups(views)
    meant = twins_of(views, names[0]) if len(names) == 1 else tuple(v for v in views if v.node.name in names)
    return (compare(meant, twins_title(meant)),)


def _print(found: tuple[Comparison, ...], *, only_differing: bool) -> None:
    for number, one in enumerate(found):
        if number:
            print()
        print(summary(one), flush=True)
        told = rows(one, only_differing=only_differing)
        if told:
            print_table(["field", *one.nodes], [[cell.text.strip() for cell in row.cells] for row in told])
    if not found:
        print("no two nodes are of one model or in one group", flush=True)
