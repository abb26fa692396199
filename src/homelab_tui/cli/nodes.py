"""`homelab nodes`: the inventory."""

import argparse

from homelab_tui.cli.jobs import source_status
from homelab_tui.cli.output import print_json, print_table
from homelab_tui.cli.session import run_with_lab
from homelab_tui.domain.state import NodeView
from homelab_tui.engine.lab import Lab
from homelab_tui.present.documents import nodes_document, reading_health, together
from homelab_tui.present.times import age, size, watts


def listing(options: argparse.Namespace) -> int:
    """`homelab nodes [--no-probe] [--updates]`. A dead node is data, not an error."""

    async def command(lab: Lab) -> int:
        asked = ["reach" if options.no_probe else "nodes", "switches", "clusters", "machines"]
        state = await lab.read([*asked, "updates"] if options.updates else asked)
        now = lab.clock.now()
        if options.json:
            print_json(nodes_document(state, now))
        else:
            headers = ["node", "state", "model", "cores", "memory", "disk", "os", "temp", "up", "poe", "why"]
            print_table(headers, [_row(view) for view in state.node_views], right=frozenset({3}))
        kinds = (
            together([reading_health(reading, now) for _, reading in state.switches]),
            together([reading_health(reading, now) for _, reading in state.clusters]),
        )
        return source_status(kinds)

    return run_with_lab(options.config, command)


def _row(view: NodeView) -> list[str]:
    facts = view.facts
    port = view.port
    return [
        view.node.name,
        view.state.value,
        (facts.model if facts else None) or view.node.spec.model or "–",
        "–" if facts is None or facts.cores is None else str(facts.cores),
        size(facts.board_memory_bytes or facts.memory_bytes) if facts else "–",
        size(facts.disk_bytes) if facts else "–",
        (facts.os if facts else None) or "–",
        "–" if facts is None or facts.temperature_c is None else f"{facts.temperature_c:.0f} °C",
        age(facts.uptime_s) if facts else "–",
        "–" if port is None else f"{port.ref} {port.detection.value if port.detection else '?'} {watts(port.power_mw)}",
        view.why or "",
    ]
