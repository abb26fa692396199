"""Nodes are cordoned, drained, rebooted and restarted one after the other, from the dashboard."""

from pathlib import Path

import pytest

from homelab_tui.demo.lab import DemoLab
from tests.journeys.dashboards import dashboard
from tests.labs import until

QUICK = '\n[safety]\nboot_grace = "20s"\n'


async def test_a_node_is_cordoned_seen_so_and_given_back_with_the_same_key(
    lab: DemoLab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with dashboard(lab, tmp_path, monkeypatch, size=(220, 40)) as screen:
        await screen.go_to("nodes", "node:rpi02")
        await until(lambda: "Ready" in screen.text_of("node:rpi02"))
        await screen.say_yes("k")
        await until(lambda: "cordoned" in screen.row("node:rpi02")[11])
        await until(lambda: screen.lab.busy == 0)
        await screen.say_yes("k")
        await until(lambda: "takes Pods again" in screen.toasts)
        await until(lambda: "cordoned" not in screen.row("node:rpi02")[11])


async def test_a_rolling_restart_gives_each_node_back_before_the_next(
    lab: DemoLab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    boots = {name: lab.world.nodes[name].boot_id for name in ("rpi02", "rpi03")}
    async with dashboard(lab, tmp_path, monkeypatch, extra=QUICK, size=(220, 40)) as screen:
        await screen.go_to("nodes", "node:rpi02")
        await until(lambda: "Ready" in screen.text_of("node:rpi02") and "Ready" in screen.text_of("node:rpi03"))
        await screen.press("space", "space")
        assert screen.app.main.pane.table.selected_keys == ("node:rpi02", "node:rpi03")
        await screen.say_yes("B")
        await until(lambda: "2 restarted" in screen.toasts, 40)
        await until(lambda: "cordoned" not in screen.text_of("node:rpi02") + screen.text_of("node:rpi03"))
    assert all(lab.world.nodes[name].boot_id != boot for name, boot in boots.items())


async def test_a_rolling_restart_may_be_done_by_the_ports_instead(
    lab: DemoLab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    boot = lab.world.nodes["rpi02"].boot_id
    extra = QUICK + 'cycle_off = "1s"\n'
    async with dashboard(lab, tmp_path, monkeypatch, extra=extra, size=(220, 40)) as screen:
        await screen.go_to("nodes", "node:rpi02")
        await until(lambda: "Ready" in screen.text_of("node:rpi02") and "unread" not in screen.text_of("node:rpi02"))
        await screen.press("B")
        await screen.until_dialog("ConfirmScreen")
        reboot = screen.app.screen
        await screen.press("right", "right", "enter")
        await until(lambda: screen.app.screen is not reboot and screen.dialog == "ConfirmScreen")
        await screen.press("right", "enter")
        await until(lambda: "takes Pods again" in screen.toasts, 60)
    assert lab.world.nodes["rpi02"].boot_id != boot
    kinds = [one.kind for one in screen.lab.activity.entries()]
    assert "poe.cycle" in kinds
    assert "nodes.reboot" not in kinds
