"""The one screen: health on top, panes in the middle, keys at the bottom."""

import asyncio
import time
from typing import ClassVar

from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container
from textual.content import Content
from textual.timer import Timer
from textual.widgets import Input, Static

from homelab_tui.commands import COMMANDS, Command, by_id, of_pane
from homelab_tui.domain.curves import NodeCurves
from homelab_tui.domain.state import LabState
from homelab_tui.domain.timelines import Happening, timeline
from homelab_tui.engine.lab import Lab
from homelab_tui.present import timelines
from homelab_tui.present.details import details
from homelab_tui.present.healths import pills
from homelab_tui.ui import screens
from homelab_tui.ui.bindings import bindings_of
from homelab_tui.ui.frame import TITLES, TOO_SMALL, FrameScreen
from homelab_tui.ui.health_bar import HealthBar
from homelab_tui.ui.key_bar import KeyBar
from homelab_tui.ui.messages import StateChanged
from homelab_tui.ui.notices import copy_lines, tell
from homelab_tui.ui.pane_tabs import PaneTabs
from homelab_tui.ui.panes.jobs import JobsPane
from homelab_tui.ui.panes.jobs_story import job_sections
from homelab_tui.ui.panes.keys import KeysPane
from homelab_tui.ui.panes.nodes import NodesPane
from homelab_tui.ui.panes.pane import Pane
from homelab_tui.ui.table import LabTable

PANES = tuple(TITLES)
_AGE_TICK_S = 1.0
_ROW_TICKS = 5
_CURVES_S = 30.0
"""How often the curves of an open detail screen are asked for."""
_BARS_S = 0.25
"""Least time between two drawings of health, tabs and keys because of news."""
_EVERYWHERE = ("app.help", "app.quit", "app.filter", "table.select", "table.open", "app.palette")
"""What the footer shows of what works everywhere, the most needed first: narrow screens cut its end."""


class MainScreen(FrameScreen):
    """The dashboard itself."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings_of(None)]

    def __init__(self, keymap: tuple[tuple[str, str], ...]) -> None:
        super().__init__()
        self._keymap = keymap
        self._ticks = 0
        self._bars_shown_at = 0.0
        self._bars_timer: Timer | None = None
        self.pane_shown = "nodes"

    def compose(self) -> ComposeResult:
        """Health, tabs, panes, filter, keys."""
        yield HealthBar()
        yield PaneTabs(id="tabs")
        with Container(id="panes"):
            yield NodesPane()
            yield KeysPane()
            yield JobsPane()
        yield Input(id="filter", placeholder="filter: all words must match; enter keeps it, esc clears it")
        yield KeyBar(self._keymap)
        yield Static(TOO_SMALL, id="too-small", markup=False)

    def on_mount(self) -> None:
        """The first pane has the focus; ages tick."""
        self.query_one("#filter", Input).cursor_blink = False
        self.show_pane("nodes")
        self.set_interval(_AGE_TICK_S, self._tick)

    # State

    @property
    def lab(self) -> Lab | None:
        """The engine; None during the first moments."""
        lab: Lab | None = getattr(self.app, "lab", None)
        return lab

    @on(StateChanged)
    def _state_changed(self, event: StateChanged) -> None:
        self.show_state(event.state)

    def show_state(self, state: LabState) -> None:
        """Hand a state to every pane."""
        for pane in self.query(Pane):
            pane.state = state
        self._show_bars_soon()

    def _show_bars_soon(self) -> None:
        """At once, or where they were shown just now a moment later: under a storm they need not follow each change."""
        wait_s = self._bars_shown_at + _BARS_S - time.monotonic()
        if wait_s <= 0:
            self._show_bars()
        elif self._bars_timer is None:
            self._bars_timer = self.set_timer(wait_s, self._show_bars)

    def _tick(self) -> None:
        """Ages grow by themselves, outside the state; rows show minutes, so they need it seldom."""
        self._ticks += 1
        if self.lab is None or self.app.screen is not self:
            return
        self._show_bars()
        if self._ticks % _ROW_TICKS == 0:
            self.lab.store.touch()
            for pane in self.query(Pane):
                if pane.display:
                    pane.rebuild()

    def _show_bars(self) -> None:
        if self._bars_timer is not None:
            self._bars_timer.stop()
            self._bars_timer = None
        lab = self.lab
        # Without its bars the screen is being taken down: somebody left while the lab was still being opened.
        if lab is None or not self.query(HealthBar):
            return
        self._bars_shown_at = time.monotonic()
        state = lab.store.state
        notice = f"UNFINISHED: {state.unfinished[0]} (press R to restore)" if state.unfinished else None
        self.query_one(HealthBar).show(pills(state, lab.clock.now()), notice)
        titles = {pane.noun: str(pane.border_title or pane.title) for pane in self.query(Pane)}
        self.query_one(PaneTabs).show(titles, self.pane_shown)
        self._show_keys()

    def _show_keys(self) -> None:
        pane = self.pane
        commands: list[Command] = [*of_pane(pane.noun), *(by_id(command_id) for command_id in _EVERYWHERE)]
        self.query_one(KeyBar).show(commands, pane.why_not)

    # Panes

    @property
    def pane(self) -> Pane:
        """The pane that has the focus."""
        return self.query_one(f"#{self.pane_shown}", Pane)

    def show_pane(self, name: str) -> None:
        """Bring a pane to the front and give it the focus."""
        self.pane_shown = name
        for pane in self.query(Pane):
            pane.set_class(pane.noun == name, "-current")
        self.pane.rebuild()
        self.pane.table.focus()
        self._show_bars()

    def action_show_pane(self, name: str) -> None:
        """`1`, `2`, `3`."""
        self.show_pane(name)

    def action_next_pane(self) -> None:
        """`tab`."""
        self.show_pane(PANES[(PANES.index(self.pane_shown) + 1) % len(PANES)])

    @on(PaneTabs.TabClicked)
    def _tab_clicked(self, event: PaneTabs.TabClicked) -> None:
        self.show_pane(event.pane)

    def on_descendant_focus(self) -> None:
        """A click into another pane makes it the current one."""
        focused = self.focused
        pane = next((p for p in self.query(Pane) if focused is not None and p in focused.ancestors), None)
        if pane is not None and pane.noun != self.pane_shown:
            self.show_pane(pane.noun)

    @on(LabTable.CursorMoved)
    @on(LabTable.SelectionChanged)
    def _meaning_changed(self) -> None:
        self._show_keys()

    @on(LabTable.RowActivated)
    def _row_opened(self, event: LabTable.RowActivated) -> None:
        self._open_details(event.key)

    @work(group="details", exclusive=True, exit_on_error=False)
    async def _open_details(self, key: str) -> None:
        """What is known of a row, kept up to date while it is read; curves come as soon as they are there."""
        lab = self.lab
        curves: list[NodeCurves] = []

        def look() -> tuple[str, Text] | None:
            known = curves[-1] if curves else None
            return details(lab.store.state, key, lab.clock.now(), known, self.app.size.width) if lab else None

        found = look()
        if lab is None or found is None:
            tell(self, "it is gone", severity="warning")
            return
        if sections := job_sections(lab, key):
            self.app.push_screen(screens.StoryScreen(*found, sections))
            return

        def again() -> Text | None:
            now = look()
            return now[1] if now else None

        screen = screens.TextScreen(*found, again)
        await self.app.push_screen(screen)
        while screen.is_attached:
            drawn = await lab.memory.curves_for(lab.store.state, key)
            if drawn is None:
                return
            curves[:] = [drawn]
            if screen.is_attached:
                screen.look_again()
            await asyncio.sleep(_CURVES_S)

    # Filter

    def action_filter(self) -> None:
        """Show the filter's field."""
        field = self.query_one("#filter", Input)
        field.value = self.pane.table.filter_text
        field.add_class("-open")
        field.focus()

    @on(Input.Changed, "#filter")
    def _filter_changed(self, event: Input.Changed) -> None:
        self.pane.table.set_filter(event.value)
        self.pane.border_subtitle = Content(f"filter: {event.value}") if event.value else None

    @on(Input.Submitted, "#filter")
    def _filter_kept(self) -> None:
        self._close_filter()

    def _close_filter(self) -> None:
        self.query_one("#filter", Input).remove_class("-open")
        self.pane.table.focus()

    def action_back(self) -> None:
        """Clear the filter, else the selection."""
        field = self.query_one("#filter", Input)
        if field.has_class("-open") or self.pane.table.filter_text:
            field.value = ""
            self.pane.table.set_filter("")
            self.pane.border_subtitle = None
            self._close_filter()
        else:
            self.pane.table.select(())

    # Everything else that works everywhere

    def action_copy_command(self) -> None:
        """Copy the command line that does the same."""
        line = self.pane.command_line()
        if line is not None:
            copy_lines(self, line.splitlines())

    def action_refresh_all(self) -> None:
        """Ask everything again."""
        if self.lab is not None:
            self.lab.wake()
            tell(self, "asking every source again")

    def action_incidents(self) -> None:
        """`!`."""
        if self.lab is not None:
            self.app.push_screen(screens.IncidentsScreen(self.lab))

    def action_timeline(self) -> None:
        """`T`."""
        lab = self.lab
        if lab is not None:
            now = lab.clock.now()
            happened = timeline(lab.store.state, _actions(lab), now)
            self.app.push_screen(screens.TextScreen("Time line: the last day", timelines.text(happened, now)))

    def action_help(self) -> None:
        """All keys."""
        self.app.push_screen(screens.HelpScreen(self._keymap))

    def action_command_palette(self) -> None:
        """Textual's palette, filled from our table."""
        self.app.action_command_palette()

    def action_change_theme(self) -> None:
        """Textual's theme list."""
        self.app.action_change_theme()

    def action_restore(self) -> None:
        """Finish what an earlier run left undone."""
        self.run_worker(self._restore(), group="restore", exit_on_error=False)

    async def _restore(self) -> None:
        lab = self.lab
        if lab is None:
            return
        entries = lab.find_unfinished()
        if not entries:
            tell(self, "nothing is left unfinished")
        for entry in entries:
            result = await lab.restore(entry)
            tell(self, f"{result.target}: {result.detail}", severity="information" if result.ok else "error")
        lab.find_unfinished()

    async def action_quit(self) -> None:
        """Leave."""
        await self.app.action_quit()

    @on(KeyBar.CommandClicked)
    async def _command_clicked(self, event: KeyBar.CommandClicked) -> None:
        command = next(command for command in COMMANDS if command.id == event.command_id)
        await self.run_command(command)

    async def run_command(self, command: Command) -> None:
        """Do what a command's key does, from a click or from the palette."""
        if command.pane is not None and command.pane != self.pane_shown:
            self.show_pane(command.pane)
        place = self.pane.table if command.id.startswith("table.") else self.pane if command.pane else self
        await self.app.run_action(command.action, default_namespace=place)


def _actions(lab: Lab) -> list[Happening]:
    """What the activity log has; an unreadable one costs only itself."""
    try:
        entries = list(lab.activity.entries())
    except OSError:
        return []
    return [timelines.action(e.at, e.who, e.kind, e.target, ok=e.ok, detail=e.detail) for e in entries]
