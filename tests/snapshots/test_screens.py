"""Whole screens from frozen states, compared as text: what a person reads, at 80x24 and 140x40.

`HOMELAB_UPDATE_SNAPSHOTS=1 make test ARGS="tests/snapshots"` writes them anew; look at the difference first.
"""

import os
from collections.abc import Awaitable, Callable, Collection
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from rich.text import Text
from textual.pilot import Pilot
from textual.screen import ModalScreen

from homelab_tui.domain.key_blobs import fingerprint
from homelab_tui.domain.keys import HostKey, HostKeyState
from homelab_tui.domain.nodes import Node
from homelab_tui.domain.operations import Operation, OperationState, Plan, PlanStep, Result
from homelab_tui.domain.reading import Reading
from homelab_tui.domain.values import replace
from homelab_tui.present.host_keys import hard_stop
from homelab_tui.ui.app import HomelabApp
from homelab_tui.ui.screens.confirm import ConfirmScreen
from homelab_tui.ui.screens.new_key import NewKeyScreen
from homelab_tui.ui.screens.password import NewPasswordScreen, PasswordScreen
from homelab_tui.ui.screens.pick import PickScreen
from homelab_tui.ui.screens.revoke import RevokeScreen
from homelab_tui.ui.screens.text import TextScreen
from homelab_tui.ui.screens.trust import TrustScreen
from scripts.frozen_lab import NOW, FrozenLab
from tests.keygen import ed25519_blob
from tests.labs import until

FOLDER = Path(__file__).parent / "screens"
UPDATE = bool(os.environ.get("HOMELAB_UPDATE_SNAPSHOTS"))
NARROW, WIDE = (80, 24), (140, 40)
Steps = Callable[[HomelabApp, Pilot[int]], Awaitable[None]]


def keys(*names: str) -> Steps:
    """Press these."""

    async def press(_app: HomelabApp, pilot: Pilot[int]) -> None:
        await pilot.press(*names)

    return press


def opened(make: Callable[[], ModalScreen[Any]], *then: str) -> Steps:
    """Open a dialog, then press."""

    async def show(app: HomelabApp, pilot: Pilot[int]) -> None:
        app.push_screen(make())
        await until(lambda: app.screen is not app.main)
        await pilot.pause()
        await pilot.press(*then)

    return show


def row(pane: str, key: str, *then: str) -> Steps:
    """Go to a row, then press."""

    async def walk(app: HomelabApp, pilot: Pilot[int]) -> None:
        await pilot.press(pane)
        assert app.main.pane.table.move_cursor(key)
        await pilot.press(*then)

    return walk


PLAN = Plan("poe.off", "Switch off 2 ports", (PlanStep("sw1/1", "feeds rpi01"), PlanStep("sw1/2", "feeds rpi02")))
REFUSED = Plan("poe.off", "Switch off sw1/8", (PlanStep("sw1/8", "uplink"),), refusals=("sw1/8 is a protected port",))
TYPED = Plan(
    "poe.cycle",
    "Power-cycle nuc01",
    (PlanStep("sw1/1", "feeds nuc01 (up), delivering"),),
    notes=("off for 5 s",),
    warnings=("nuc01 is a control plane of cluster nuc: the API may be gone meanwhile",),
    confirm_name="nuc01",
    danger=True,
)


def revocation(chosen: Collection[str]) -> Plan:
    """A plan for many nodes: longer than the screen."""
    return Plan(
        "keys.revoke",
        "Take old@desk off 12 nodes",
        tuple(PlanStep(f"nuc{number:02}", ".ssh/authorized_keys line 1: present") for number in range(12)),
        notes=("live sessions go on",),
        warnings=tuple(f"{user} on nuc01 {'loses' if user in chosen else 'keeps'} it" for user in ("root", "[/boom]")),
        danger=True,
    )


BLOB = ed25519_blob(9)
MET = HostKey(HostKeyState.NEW_TYPE, "ssh-ed25519", fingerprint(BLOB), "192.168.10.139", blob=BLOB)
CHANGED = replace(
    MET,
    state=HostKeyState.CHANGED,
    known_at="/home/me/.ssh/known_hosts:7",
    known_fingerprint=fingerprint(ed25519_blob(8)),
)
PICK = (("a", "id_ed25519  ssh-ed25519"), ("b", "[/boom] \x1b[31mred"))
SCREENS: dict[str, tuple[tuple[int, int], Steps]] = {
    "wide": (WIDE, keys("1")),
    "nodes-80x24": (NARROW, keys("1")),
    "keys-80x24": (NARROW, keys("2")),
    "jobs-80x24": (NARROW, keys("3")),
    "jobs-unfolded": ((110, 30), keys("3", "f")),
    "filtered": (NARROW, keys("slash", "r", "p", "i", "0", "3", "enter")),
    "selected": (NARROW, keys("2", "space", "space")),
    "help": ((110, 60), keys("question_mark")),
    "timeline": (NARROW, keys("T")),
    "incidents": (NARROW, keys("exclamation_mark")),
    "incident-details": ((110, 40), keys("exclamation_mark", "enter")),
    "node-details": ((110, 60), row("1", "node:rpi03", "enter")),
    "node-details-80x24": (NARROW, row("1", "node:rpi03", "enter")),
    "node-details-wide": (WIDE, row("1", "node:nuc02", "enter")),
    "compare-80x24": (NARROW, row("1", "node:nuc02", "equals_sign")),
    "compare-wide": (WIDE, row("1", "node:nuc02", "equals_sign", "d")),
    "account-details": (NARROW, row("2", "account:nuc04", "enter")),
    "cronjob-details": ((110, 40), row("3", "cronjob:nuc/backup/restic-nas", "enter")),
    "plan": (NARROW, opened(lambda: ConfirmScreen(PLAN))),
    "plan-refused": (NARROW, opened(lambda: ConfirmScreen(REFUSED))),
    "plan-typed": (NARROW, opened(lambda: ConfirmScreen(TYPED))),
    "plan-revoke": (NARROW, opened(lambda: RevokeScreen(revocation, ("root", "[/boom]")), "2", "pagedown")),
    "pick": (NARROW, opened(lambda: PickScreen("Push which key?", PICK))),
    "password": (NARROW, opened(lambda: PasswordScreen(("rpi01", "rpi02")))),
    "trust": (NARROW, opened(lambda: TrustScreen(Node("rpi09", "192.168.10.139"), MET, ("bastion.home",)))),
    "changed": (
        NARROW,
        opened(lambda: TextScreen("HOST KEY CHANGED: rpi09", hard_stop(Node("rpi09", "rpi09"), CHANGED))),
    ),
    "new-key": (NARROW, opened(NewKeyScreen)),
    "new-password": (NARROW, opened(lambda: NewPasswordScreen(("rpi01", "rpi02"), why="nuc01: [/too] short"))),
    "too-small": ((30, 8), keys("1")),
}


def text_of(app: HomelabApp) -> str:
    """The screen as lines of text."""
    width, height = app.size
    picture = app.screen._compositor.render_update(full=True)  # the one picture that has every widget in it
    console = Console(width=width, height=height, file=StringIO(), force_terminal=True, color_system=None)
    with console.capture() as capture:
        console.print(picture, width=width, height=height, no_wrap=True)
    return "\n".join(line.rstrip() for line in Text.from_ansi(capture.get()).plain.splitlines()) + "\n"


def compare(name: str, found: str) -> None:
    """With the committed text, or write it."""
    path = FOLDER / f"{name}.txt"
    if UPDATE:
        FOLDER.mkdir(exist_ok=True)
        path.write_text(found)
    assert path.exists(), f"{path.name} is missing: HOMELAB_UPDATE_SNAPSHOTS=1 writes it"
    assert found == path.read_text()


async def picture(lab: FrozenLab, size: tuple[int, int], steps: Steps) -> str:
    """What stands on the screen after the steps."""
    app = HomelabApp(lab.config, lambda: lab)
    async with app.run_test(size=size, notifications=True) as pilot:
        await until(lambda: app.lab and app.main.pane.table.rows)
        await steps(app, pilot)
        await pilot.wait_for_scheduled_animations()
        await pilot.pause()
        return text_of(app)


@pytest.mark.parametrize("name", SCREENS)
async def test_a_screen_reads_as_it_did(name: str) -> None:
    size, steps = SCREENS[name]
    compare(name, await picture(FrozenLab(), size, steps))


async def test_a_source_that_is_down_says_why_and_dims() -> None:
    compare("switch-down", await picture(FrozenLab(switch_down=True), NARROW, keys("1")))


async def test_prometheus_without_kube_state_metrics_says_no_data() -> None:
    compare("no-data", await picture(FrozenLab(prometheus_empty=True), NARROW, keys("3")))


async def test_what_is_being_done_stands_on_its_row() -> None:
    lab = FrozenLab()
    running = Operation("1", "poe.cycle", "port:sw1/3", OperationState.RUNNING, "off, on again in 3 s", NOW)
    failed = Result("rpi04", ok=False, changed=False, detail="rpi04: no answer within 3 s (port 22)")
    ended = Operation("2", "keys.push", "account:rpi04", OperationState.FAILED, "writing…", NOW, NOW, failed)
    lab.store.update(operations=(running, ended))
    compare("operations-nodes", await picture(lab, NARROW, keys("1")))


async def test_everything_down_is_not_all_green() -> None:
    lab = FrozenLab()
    away: Reading[None] = Reading(problem="no answer within 3 s", failures=3, next_try_at=NOW)
    lab.store.update(clusters=(("nuc", away),), prometheus=(("nuc", away),), switches=(("sw1", away),))
    compare("all-down", await picture(lab, NARROW, keys("3")))
