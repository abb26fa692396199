"""A Pi is power-cycled by its switch port, and followed until it answers."""

import asyncio
from pathlib import Path

import pytest

from homelab_tui.demo.lab import DemoLab
from tests.journeys.dashboards import dashboard
from tests.labs import until

QUICK = '\n[safety]\ncycle_off = "1s"\nboot_grace = "20s"\n'


async def test_a_pi_is_cycled_and_comes_back_with_a_new_boot(
    lab: DemoLab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    boot = lab.world.nodes["rpi03"].boot_id
    async with dashboard(lab, tmp_path, monkeypatch, extra=QUICK) as screen:
        await screen.go_to("nodes", "node:rpi03")
        await until(lambda: screen.app.main.pane.why_not("nodes.cycle") is None)
        await until(lambda: "sw1/3" in screen.text_of("node:rpi03") and "unread" not in screen.text_of("node:rpi03"))
        await screen.say_yes("c")
        await until(lambda: "off" in screen.row("node:rpi03")[1])
        await until(lambda: "answers SSH after" in screen.toasts, 40)
        assert "then Ready after" in screen.toasts
    assert lab.world.nodes["rpi03"].boot_id != boot
    assert screen.lab.journal.unfinished() == ()


async def test_a_node_of_a_cluster_may_be_drained_first_and_is_given_back(
    lab: DemoLab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    boot = lab.world.nodes["rpi02"].boot_id
    async with dashboard(lab, tmp_path, monkeypatch, extra=QUICK) as screen:
        await screen.go_to("nodes", "node:rpi02")
        await until(lambda: "unread" not in screen.text_of("node:rpi02") and "Ready" in screen.text_of("node:rpi02"))
        await screen.press("c")
        await screen.until_dialog("ConfirmScreen")
        plain = screen.app.screen
        await screen.press("right", "right", "enter")
        await until(lambda: screen.app.screen is not plain and screen.dialog == "ConfirmScreen")
        await screen.press("right", "enter")
        await until(lambda: "takes Pods again" in screen.toasts, 60)
    assert lab.world.nodes["rpi02"].boot_id != boot
    kinds = [one.kind for one in screen.lab.activity.entries()]
    assert kinds.index("nodes.drain") < kinds.index("poe.cycle") < kinds.index("nodes.uncordon")


async def test_leaving_while_the_port_is_off_switches_it_on_first(
    lab: DemoLab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    extra = '\n[safety]\ncycle_off = "60s"\n'
    async with dashboard(lab, tmp_path, monkeypatch, extra=extra) as screen:
        await screen.go_to("nodes", "node:rpi03")
        await until(lambda: "unread" not in screen.text_of("node:rpi03"))
        await screen.say_yes("c")
        port = lab.world.switch.ports[3]
        await until(lambda: port.admin == 2)
        await asyncio.wait_for(screen.lab.close(), 10)
        assert port.admin == 1
    assert screen.lab.journal.unfinished() == ()


async def test_the_uplink_wants_its_name_typed_and_a_protected_port_is_refused(
    lab: DemoLab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with dashboard(lab, tmp_path, monkeypatch) as screen:
        await screen.go_to("nodes", "port:sw1/5")
        await screen.press("c")
        await screen.until_dialog("ConfirmScreen")
        assert screen.app.screen.query_one("#go").disabled
        await screen.press(*"sw1/4")
        assert screen.app.screen.query_one("#go").disabled
        await screen.press("backspace", "5")
        assert not screen.app.screen.query_one("#go").disabled
        await screen.press("escape")
        await until(lambda: not screen.dialog)
    assert lab.world.switch.ports[5].admin == 1


async def test_a_node_without_a_port_says_why_the_key_is_dim(
    lab: DemoLab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with dashboard(lab, tmp_path, monkeypatch) as screen:
        await screen.go_to("nodes", "node:nuc01")
        await screen.press("c")
        await until(lambda: "no PoE port is known to feed it" in screen.toasts)
