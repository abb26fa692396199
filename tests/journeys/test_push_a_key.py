"""A key is pushed to nodes: seen, confirmed, written, proven."""

from pathlib import Path

import pytest

from homelab_tui.demo.lab import DemoLab
from tests.journeys.dashboards import Dashboard, dashboard
from tests.labs import start_lab, until


def authorized_keys(lab: DemoLab, node: str) -> Path:
    """The file behind a demo node's account."""
    user = lab.world.nodes[node].user
    return next((lab.scratch / "nodes").glob(f"{node}/**/home/{user}/.ssh/authorized_keys"))


def laptop_key(lab: DemoLab) -> str:
    """The public line of the key that some nodes do not know."""
    return (lab.home / ".ssh" / "id_laptop.pub").read_text().strip()


async def until_cell(screen: Dashboard, node: str, word: str, *, there: bool = True) -> None:
    """Until a word is, or is no longer, in a node's row."""
    await until(lambda: (word in screen.text_of(f"account:{node}")) is there, 20)


async def test_the_laptops_key_is_pushed_to_two_nodes_and_proven(
    lab: DemoLab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {node: authorized_keys(lab, node).read_bytes() for node in ("rpi02", "rpi04")}
    async with dashboard(lab, tmp_path, monkeypatch) as screen:
        for node in before:
            await screen.go_to("keys", f"account:{node}")
            await until_cell(screen, node, "absent")
            await screen.press("space")
        await screen.press("p")
        await screen.until_dialog("PickScreen")
        await screen.press("down", "enter")
        await screen.until_dialog("ConfirmScreen")
        await screen.press("right", "enter")
        for node in before:
            await until_cell(screen, node, "absent", there=False)
        await until(lambda: "2 pushed and proven" in screen.toasts)
    for node, old in before.items():
        new = authorized_keys(lab, node)
        assert new.read_bytes() == old + laptop_key(lab).encode() + b"\n"
        assert new.stat().st_mode & 0o777 == 0o600


async def test_one_dead_node_does_not_stop_the_others_and_stays_selected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with start_lab() as lab, dashboard(lab, tmp_path, monkeypatch) as screen:
        for node in ("rpi02", "rpi04"):
            await screen.go_to("keys", f"account:{node}")
            await until_cell(screen, node, "absent")
            await screen.press("space")
        lab.faults.set("ssh", "rpi02", "refuse")
        await screen.press("p")
        await screen.until_dialog("PickScreen")
        await screen.press("down", "enter")
        await screen.until_dialog("ConfirmScreen")
        await screen.press("right", "enter")
        await until(lambda: "1 of 2 pushed" in screen.toasts, 20)
        assert laptop_key(lab) in authorized_keys(lab, "rpi04").read_text()
        assert screen.app.main.pane.table.selected_keys == ("account:rpi02",)


async def test_an_unknown_host_key_is_asked_about_and_rejecting_sends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with start_lab() as lab:
        known_hosts = lab.home / ".ssh" / "known_hosts"
        known_hosts.write_text("")
        before = authorized_keys(lab, "rpi02").read_bytes()
        async with dashboard(lab, tmp_path, monkeypatch) as screen:
            await screen.go_to("keys", "account:rpi02")
            await until(lambda: "unknown" in screen.text_of("account:rpi02"))
            await screen.press("p")
            await screen.until_dialog("PickScreen")
            await screen.press("down", "enter")
            await screen.until_dialog("TrustScreen")
            await screen.press("enter")  # the focus is on Reject
            await until(lambda: not screen.dialog)
        assert known_hosts.read_text() == ""
        assert authorized_keys(lab, "rpi02").read_bytes() == before


async def test_an_unknown_host_key_that_was_compared_is_trusted_then_pushed_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with start_lab() as lab:
        (lab.home / ".ssh" / "known_hosts").write_text("")
        async with dashboard(lab, tmp_path, monkeypatch) as screen:
            await screen.go_to("keys", "account:rpi02")
            await until(lambda: "unknown" in screen.text_of("account:rpi02"))
            await screen.press("p")
            await screen.until_dialog("PickScreen")
            await screen.press("down", "enter")
            await screen.until_dialog("TrustScreen")
            await screen.press("right", "enter")
            await screen.until_dialog("ConfirmScreen")
            await screen.press("right", "enter")
            await until(lambda: "proven" in screen.toasts or "login" in screen.toasts, 20)
        assert laptop_key(lab) in authorized_keys(lab, "rpi02").read_text()


async def test_a_changed_host_key_is_a_hard_stop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with start_lab(faults=("ssh:rpi02=wrong-host-key",)) as lab:
        before = authorized_keys(lab, "rpi02").read_bytes()
        async with dashboard(lab, tmp_path, monkeypatch) as screen:
            await screen.go_to("keys", "account:rpi02")
            await until(lambda: "changed" in screen.text_of("account:rpi02"))
            await screen.press("p")
            await screen.until_dialog("PickScreen")
            await screen.press("down", "enter")
            for wish in ("", "t"):
                if wish:
                    await screen.press(wish)
                await screen.until_dialog("TextScreen")  # both fingerprints, where, what to do: no button that goes on
                await screen.press("enter")
                await until(lambda: not screen.dialog)
        assert authorized_keys(lab, "rpi02").read_bytes() == before
