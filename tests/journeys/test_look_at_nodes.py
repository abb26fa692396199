"""Nodes are looked at: one in full, kept up to date while it is read, and twins side by side."""

import re
from pathlib import Path

import pytest
from textual.widgets import Static

from homelab_tui.demo.lab import DemoLab
from homelab_tui.ui.screens.compare import CompareScreen
from tests.journeys.dashboards import Dashboard, dashboard
from tests.labs import until


def text(screen: Dashboard) -> str:
    """What the open detail screen says."""
    return str(screen.app.screen.query_one(Static).render())


async def test_an_open_detail_screen_draws_curves_and_follows_the_node(
    lab: DemoLab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with dashboard(lab, tmp_path, monkeypatch) as screen:
        await screen.go_to("nodes", "node:rpi03")
        await until(lambda: "unread" not in screen.text_of("node:rpi03") and "°C" in screen.text_of("node:rpi03"), 20)
        screen.lab.memory.sample(screen.lab.store.state)
        await screen.press("enter")
        await screen.until_dialog("TextScreen")
        await until(lambda: re.search(r"°C in 2h, Prometheus pi", text(screen)), 20)
        assert re.search(r"in, at the port [^\n]+\n[^\n]+W in 2h, Prometheus pi", text(screen))
        lab.world.switch.ports[3].base_power_mw = 25_000
        screen.lab.wake()
        await until(lambda: re.search(r"in, at the port +s +2\d\.\d W", text(screen)), 40)
        await screen.press("escape")
        await until(lambda: not screen.dialog)


async def test_twins_are_compared_and_the_odd_one_is_marked(
    lab: DemoLab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab.world.nodes["nuc02"].memory_bytes = 8_226_213_888
    async with dashboard(lab, tmp_path, monkeypatch) as screen:
        await screen.go_to("nodes", "node:nuc01")
        await until(lambda: all(view.facts for view in screen.lab.store.state.node_views), 30)
        await screen.press("equals_sign")
        await until(lambda: isinstance(screen.app.screen, CompareScreen))
        table = screen.app.screen.query_one("#twins")
        await screen.press("d")
        rows = [[cell.text.strip() for cell in row.cells] for row in table.rows]  # type: ignore[attr-defined]
        assert ["≠ memory", "16.4 GB", "≠ 8.2 GB", "16.4 GB", "16.4 GB"] in rows
        await screen.press("d", "escape")
        await until(lambda: not screen.dialog)
        await screen.go_to("nodes", "port:sw1/1")
        await screen.press("equals_sign")
        await until(lambda: "is no node" in screen.toasts)
