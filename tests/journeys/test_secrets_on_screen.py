"""What is typed into a masked field is seen nowhere: not on the screen, not in what a crash leaves on the terminal."""

import pytest
from textual import on
from textual.widgets import Input

from homelab_tui.ui.app import HomelabApp
from homelab_tui.ui.screens.new_key import NewKeyScreen
from homelab_tui.ui.screens.password import PasswordScreen
from scripts.frozen_lab import FrozenLab
from tests.labs import until

TYPED = "hunter2"


class Stumbling(PasswordScreen):
    """A password's dialog with a bug."""

    @on(Input.Changed)
    def _stumble(self, event: Input.Changed) -> None:
        if event.value == TYPED:
            raise LookupError("a bug of ours")


@pytest.mark.parametrize("dialog", [lambda: PasswordScreen(("kkato@nuc01",)), NewKeyScreen], ids=["password", "key"])
async def test_a_secret_is_masked_while_it_is_typed(dialog: type[PasswordScreen]) -> None:
    lab = FrozenLab()
    app = HomelabApp(lab.config, lambda: lab)
    async with app.run_test(size=(140, 40)) as pilot:
        await until(lambda: app.lab)
        app.push_screen(dialog())  # type: ignore[call-arg]
        await pilot.pause()
        app.screen.query("Input").filter("#password, #first").first().focus()
        await pilot.press(*TYPED)
        await pilot.pause()
        svg = app.export_screenshot()
        assert TYPED not in svg
        assert "••••" in svg


async def test_a_crash_shows_where_and_not_what_was_typed(capfd: pytest.CaptureFixture[str]) -> None:
    lab = FrozenLab()
    app = HomelabApp(lab.config, lambda: lab)
    with pytest.raises(LookupError, match="a bug of ours"):
        await type_into(app, Stumbling(("kkato@nuc01",)))
    said = "".join(capfd.readouterr())
    assert "a bug of ours" in said
    assert "_stumble" in said
    assert TYPED not in said


async def type_into(app: HomelabApp, dialog: PasswordScreen) -> None:
    async with app.run_test(size=(140, 40)) as pilot:
        await until(lambda: app.lab)
        app.push_screen(dialog)
        await pilot.pause()
        await pilot.press(*TYPED)
        await pilot.pause()
