"""The dashboard on a demo lab, as a person uses it: keys in, the table's words out, and a lab to look behind."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Static

from homelab_tui.config.load import load_config
from homelab_tui.demo.lab import DemoLab
from homelab_tui.engine.lab import Lab
from homelab_tui.ui.app import HomelabApp
from homelab_tui.wiring import build_lab
from tests.labs import until


class Dashboard:
    """The running app, and what can be read from its screen."""

    def __init__(self, app: HomelabApp, pilot: Pilot[int], demo: DemoLab) -> None:
        self.app = app
        self.pilot = pilot
        self.demo = demo

    @property
    def lab(self) -> Lab:
        """The engine behind the screen."""
        assert self.app.lab is not None
        return self.app.lab

    def row(self, key: str) -> list[str]:
        """The cells of a row of the pane that is shown; empty when there is no such row."""
        rows = {row.key: row for row in self.app.main.pane.table.rows}
        return [cell.text for cell in rows[key].cells] if key in rows else []

    def text_of(self, key: str) -> str:
        """A row's cells as one text."""
        return " | ".join(self.row(key))

    @property
    def dialog(self) -> str:
        """Name of the screen on top of the dashboard, or ""."""
        return "" if self.app.screen is self.app.main else type(self.app.screen).__name__

    @property
    def words(self) -> str:
        """What the texts of the screen on top say."""
        return "\n".join(str(one.render()) for one in self.app.screen.query(Static))

    @property
    def toasts(self) -> str:
        """What the toasts say, one after the other."""
        return "\n".join(str(notification.message) for notification in self.app._notifications)

    async def press(self, *keys: str) -> None:
        """Press keys, as a person does."""
        await self.pilot.press(*keys)

    async def go_to(self, pane: str, key: str) -> None:
        """Show a pane and put the cursor on a row, when it is there."""
        await self.press({"nodes": "1", "keys": "2", "jobs": "3"}[pane])
        await until(lambda: self.row(key))
        assert self.app.main.pane.table.move_cursor(key)
        await self.pilot.pause()

    async def until_dialog(self, name: str) -> None:
        """Wait for a dialog."""
        await until(lambda: self.dialog == name)
        await self.pilot.pause()

    async def say_yes(self, key: str) -> None:
        """Press a key that asks first, and agree to its plan."""
        await self.press(key)
        await self.until_dialog("ConfirmScreen")
        await self.press("right", "enter")


@asynccontextmanager
async def dashboard(
    demo: DemoLab,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    size: tuple[int, int] = (140, 40),
    extra: str = "",
    user: str = "kubernetes-admin",
) -> AsyncIterator[Dashboard]:
    """The product on this lab, its state in a scratch directory. `extra` is added to the configuration.

    `user`: one of the lab's (`lab_users`).
    """
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    path = tmp_path / "config.toml"
    demo.write_config(path)
    path.write_text(path.read_text().replace("kubernetes-admin@", f"{user}@") + extra)
    config = load_config(str(path))
    app = HomelabApp(config, lambda: build_lab(config))
    async with app.run_test(size=size, notifications=True) as pilot:
        await until(lambda: app.lab)
        try:
            yield Dashboard(app, pilot, demo)
        finally:
            if app.lab is not None:
                await app.lab.close()
