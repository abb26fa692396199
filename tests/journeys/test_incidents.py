"""`!`: what is wrong, joined, and from there to all that is known of it."""

from pathlib import Path

import pytest
from textual.widgets import Static

from homelab_tui.demo.lab import DemoLab
from homelab_tui.ui.table import LabTable
from tests.journeys.dashboards import Dashboard, dashboard
from tests.labs import until


def titles(seen: Dashboard) -> dict[str, str]:
    """Key → what the list says."""
    return {row.key: row.cells[2].text for row in seen.app.screen.query_one(LabTable).rows}


async def test_the_woken_operator_sees_node_port_and_job_in_one_line(
    still_lab: DemoLab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with dashboard(still_lab, tmp_path, monkeypatch) as seen:
        await until(lambda: seen.lab.store.state.jobs.jobs and seen.lab.store.state.node_views, 30)
        await seen.press("exclamation_mark")
        await seen.until_dialog("IncidentsScreen")
        await until(lambda: "cronjob:nuc/backup/restic-nas" in titles(seen), 30)
        # The Pi browns out while the list is open.
        still_lab.world.set_throttled("rpi03", 0x50005)
        seen.lab.wake_node("rpi03")
        await until(lambda: "under-voltage" in titles(seen).get("node:rpi03", ""), 30)
        table = seen.app.screen.query_one(LabTable)
        assert table.move_cursor("node:rpi03")
        await seen.press("Y")
        await until(lambda: "homelab poe cycle rpi03" in seen.toasts)
        await seen.press("enter")
        await seen.until_dialog("TextScreen")
        text = str(seen.app.screen.query_one(Static).render())
        assert "under-voltage" in text
        assert "homelab poe cycle rpi03" in text
        await seen.press("escape", "escape")
        await until(lambda: seen.dialog == "")
