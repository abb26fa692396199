"""Finding one's way: panes, filter, selection, palette, help, details, mouse."""

import threading
from collections.abc import AsyncIterator

import pytest
from textual.pilot import Pilot

from homelab_tui.commands import COMMANDS
from homelab_tui.config.model import Config
from homelab_tui.domain.errors import UsageError
from homelab_tui.ui.app import HomelabApp
from homelab_tui.ui.health_bar import HealthBar
from scripts.frozen_lab import FrozenLab
from tests.labs import until

Running = tuple[HomelabApp, Pilot[int]]


@pytest.fixture
async def narrow() -> AsyncIterator[Running]:
    """The dashboard on a frozen lab at 80x24."""
    lab = FrozenLab()
    app = HomelabApp(lab.config, lambda: lab)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await until(lambda: app.lab and app.main.pane.table.rows)
        yield app, pilot


def shown(app: HomelabApp) -> list[str]:
    """The panes that are on the screen."""
    return [str(pane.id) for pane in app.main.query("Pane") if pane.display]


async def test_a_narrow_screen_shows_one_pane_and_a_wide_one_all(narrow: Running) -> None:
    app, pilot = narrow
    assert shown(app) == ["nodes"]
    await pilot.press("3")
    assert shown(app) == ["jobs"]
    await pilot.press("tab")
    assert shown(app) == ["nodes"]
    await pilot.resize_terminal(140, 40)
    await until(lambda: len(shown(app)) == 3)


async def test_the_filter_narrows_counts_and_is_cleared_by_escape(narrow: Running) -> None:
    app, pilot = narrow
    everything = len(app.main.pane.table.shown_keys)
    await pilot.press("slash", *"rpi")
    await until(lambda: 0 < len(app.main.pane.table.shown_keys) < everything)
    await pilot.press("enter")
    assert app.focused is app.main.pane.table
    await pilot.press("escape")
    await until(lambda: len(app.main.pane.table.shown_keys) == everything)


async def test_every_pane_keeps_a_filter_of_its_own(narrow: Running) -> None:
    app, pilot = narrow
    await pilot.press("slash", *"rpi01", "enter", "2")
    assert len([key for key in app.main.pane.table.shown_keys if key.startswith("account:")]) == 8
    await pilot.press("1")
    assert all("rpi01" in key or "sw1" in key for key in app.main.pane.table.shown_keys)


async def test_select_all_then_escape_clears_the_selection(narrow: Running) -> None:
    app, pilot = narrow
    await pilot.press("2", "a")
    await until(lambda: len(app.main.pane.table.selected_keys) >= 8)
    await pilot.press("escape")
    await until(lambda: not app.main.pane.table.selected_keys)


async def test_help_names_every_command_and_the_palette_opens(narrow: Running) -> None:
    app, pilot = narrow
    await pilot.press("question_mark")
    await until(lambda: app.screen is not app.main)
    await pilot.press("escape")
    await until(lambda: app.screen is app.main)
    titles = [command.title for command in app.get_system_commands(app.screen)]
    for command in COMMANDS:
        if command.id != "app.palette" and command.pane != "log":  # those belong to a screen that is not open
            assert any(command.label in title for title in titles), command.id
    await pilot.press("colon")
    await until(lambda: app.screen is not app.main)


async def test_a_remapped_key_does_what_the_old_one_did() -> None:
    lab = FrozenLab()
    from homelab_tui.domain.values import replace

    config = replace(lab.config, ui=replace(lab.config.ui, keymap=(("app.help", "f1"),)))
    app = HomelabApp(config, lambda: lab)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(lambda: app.lab and app.main.pane.table.rows)
        await pilot.press("question_mark")
        await pilot.pause()
        assert app.screen is app.main
        await pilot.press("f1")
        await until(lambda: app.screen is not app.main)


async def test_a_click_on_the_footer_does_what_the_key_does(narrow: Running) -> None:
    app, pilot = narrow
    line = app.main.query_one("KeyBar").render().plain  # type: ignore[union-attr]
    column = line.index("? Help") + 1
    await pilot.click("KeyBar", offset=(column + 1, 0))
    await until(lambda: app.screen is not app.main)


async def test_the_command_that_does_the_same_is_copied(narrow: Running) -> None:
    app, pilot = narrow
    await pilot.press("3")
    key = next(key for key in app.main.pane.table.shown_keys if key.startswith("job:"))
    app.main.pane.table.move_cursor(key)
    await pilot.press("Y")
    _, namespace, name = key.removeprefix("job:").split("/")
    assert app.clipboard == f"kubectl -n {namespace} delete job {name} --cascade=background"


async def test_details_of_every_kind_of_row_open(narrow: Running) -> None:
    app, pilot = narrow
    for pane in ("1", "2", "3"):
        await pilot.press(pane)
        for key in app.main.pane.table.shown_keys:
            app.main.pane.table.move_cursor(key)
            await pilot.press("enter")
            await until(lambda: app.screen is not app.main)
            await pilot.press("escape")
            await until(lambda: app.screen is app.main)


async def test_keys_typed_ahead_of_the_dashboard_are_not_lost() -> None:
    lab, may_open = FrozenLab(), threading.Event()

    def open_lab() -> FrozenLab:
        assert may_open.wait(10.0)
        return lab

    app = HomelabApp(lab.config, open_lab)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("3")
        assert app.lab is None
        may_open.set()
        await until(lambda: app.lab and shown(app) == ["jobs"])


async def test_a_lab_that_cannot_be_opened_ends_the_dashboard_and_says_why() -> None:
    def open_lab() -> FrozenLab:
        raise UsageError("there is no such lab")

    app = HomelabApp(Config(), open_lab)
    async with app.run_test(size=(80, 24)):
        await until(lambda: app.failure)
    assert str(app.failure) == "there is no such lab"
    assert app.return_value == 1


async def test_a_dashboard_that_is_left_while_it_opens_is_not_drawn_any_more() -> None:
    lab = FrozenLab()
    app = HomelabApp(lab.config, lambda: lab)
    async with app.run_test(size=(80, 24)):
        await until(lambda: app.lab)
        await app.main.query_one(HealthBar).remove()  # Textual takes the bars down before the screen
        app.main.show_state(lab.store.state)
