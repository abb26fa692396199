"""What the screen says when a source is away, comes back, or answers nonsense."""

from pathlib import Path

import pytest

from homelab_tui.demo.lab import DemoLab
from homelab_tui.present.healths import pills
from tests.journeys.dashboards import Dashboard, dashboard
from tests.labs import start_lab, until


def pill(screen: Dashboard, name: str) -> str:
    """The text of a pill."""
    lab = screen.lab
    return next(pill.text for pill in pills(lab.store.state, lab.clock.now()) if pill.name == name)


async def test_a_source_that_is_down_at_the_start_costs_its_pill_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    faults = ("prometheus=refuse", "snmp:sw1=hang", "ssh:rpi03=refuse")
    async with start_lab(faults=faults) as lab, dashboard(lab, tmp_path, monkeypatch) as screen:
        await until(lambda: "DOWN" in pill(screen, "prom:nuc") and "DOWN" in pill(screen, "poe:sw1"))
        await screen.press("1")
        await until(lambda: "up" in screen.text_of("node:nuc01"))
        await until(lambda: "refuse" in screen.text_of("node:rpi03"), 20)
        assert "kubelet is Ready" in screen.text_of("node:rpi03")
        await screen.go_to("jobs", "job:nuc/db/migrate-0042")


async def test_an_outage_of_the_api_is_marked_and_its_end_is_seen(
    lab: DemoLab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with dashboard(lab, tmp_path, monkeypatch) as screen:
        await until(lambda: "ok" in pill(screen, "k8s:nuc"))
        lab.faults.set("kubernetes", "nuc", "503")
        await until(lambda: "ok" not in pill(screen, "k8s:nuc"), 20)
        await screen.press("3")
        await until(lambda: any(row.dim for row in screen.app.main.pane.table.rows))
        lab.faults.set("kubernetes", "nuc", None)
        await until(lambda: "ok" in pill(screen, "k8s:nuc"), 20)


async def test_an_empty_prometheus_is_no_data_never_all_green(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    away = start_lab(faults=("kubernetes=refuse",), kube_state_metrics=False)
    async with away as lab, dashboard(lab, tmp_path, monkeypatch) as screen:
        await screen.press("3")
        await until(lambda: "NO DATA" in str(screen.app.main.pane.table.empty_text))
        assert "NO-DATA" in pill(screen, "prom:nuc")


@pytest.mark.parametrize("fault", ["garbage", "reset", "slow", "partial"])
async def test_no_fault_of_any_server_ends_the_screen(
    fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    servers = {
        "garbage": ("prometheus", "kubernetes", "snmp", "ssh"),
        "reset": ("prometheus", "kubernetes", "ssh"),
        "slow": ("prometheus", "kubernetes", "snmp", "ssh"),
        "partial": ("prometheus", "kubernetes"),
    }[fault]
    faults = tuple(f"{server}={fault}" for server in servers)
    async with start_lab(faults=faults) as lab, dashboard(lab, tmp_path, monkeypatch) as screen:
        await until(lambda: all(r.taken_at or r.problem for _, r in screen.lab.store.state.prometheus), 20)
        await screen.press("1", "2", "3", "question_mark", "escape", "slash", "x", "escape")
        assert screen.app.is_running
