"""The log of a Job: as it stands or as it is written, searched, saved, of any of its containers."""

import contextlib
import re
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input

from homelab_tui.commands import by_id, of_pane
from homelab_tui.domain.errors import HomelabError
from homelab_tui.domain.jobs import Job
from homelab_tui.domain.values import replace
from homelab_tui.engine.job_logs import LogPlace, save_log
from homelab_tui.engine.lab import Lab
from homelab_tui.present.table import printable
from homelab_tui.ui.bindings import bindings_of
from homelab_tui.ui.key_bar import KeyBar
from homelab_tui.ui.log_view import LogView
from homelab_tui.ui.notices import copy_lines, tell

TAIL_LINES = 2_000


class LogScreen(ModalScreen[None]):
    """Shows one log at a time. What comes from outside is never markup."""

    DEFAULT_CSS = """
    LogScreen { align: center middle; }
    LogScreen > Vertical { width: 96%; height: 92%; border: round $accent; background: $surface; padding: 0 1; }
    LogScreen Input { display: none; height: 1; border: none; padding: 0; }
    LogScreen Input.-open { display: block; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings_of("log"),
        Binding("slash", "search", show=False, id="app.filter"),
        Binding("Y", "copy_command", show=False, id="app.copy"),
        Binding("escape", "leave", show=False),
        Binding("q,enter", "close", show=False),
    ]

    def __init__(self, lab: Lab, job: Job, *, follow: bool, keymap: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__()
        self._lab = lab
        self._job = job
        self._keymap = keymap
        self._follows = follow
        self._places: tuple[LogPlace, ...] = ()
        self._place: LogPlace | None = None

    def compose(self) -> ComposeResult:
        """The lines, the field to search with, the keys."""
        box = Vertical()
        box.border_title = Content(printable(f"Log of {self._job.id}"))
        with box:
            yield LogView()
            yield Input(placeholder="find: enter goes to it, n and N to the others, esc leaves the field")
            yield KeyBar(self._keymap)

    def on_mount(self) -> None:
        """Keys scroll at once."""
        self.query_one(Input).cursor_blink = False
        self.query_one(KeyBar).show(
            [*of_pane("log"), replace(by_id("app.filter"), label="Find"), by_id("app.copy")], lambda _id: None
        )
        self.view.focus()
        self._begin()

    @property
    def view(self) -> LogView:
        """The lines."""
        return self.query_one(LogView)

    # Reading

    def _begin(self) -> None:
        """Read, or follow, from the start."""
        self.view.clear()
        if self._follows:
            self._follow()
        else:
            self._read()

    @work(group="log", exclusive=True, exit_on_error=False)
    async def _follow(self) -> None:
        self._place = None
        self._say("following")
        try:
            async with contextlib.aclosing(self._lab.logs.follow(self._job, tail_lines=TAIL_LINES)) as steps:
                async for lines in steps:
                    self.view.add(lines)
                    self._say("following")
        except HomelabError as error:
            self.view.add([f"── {error} ──"])
        self._follows = False
        self._say("ended")

    @work(group="log", exclusive=True, exit_on_error=False)
    async def _read(self) -> None:
        self._say("reading…")
        try:
            self._places = await self._lab.logs.places(self._job)
            place = self._place or self._places[0]
            text = await self._lab.logs.read(self._job, place, tail_lines=TAIL_LINES)
            self._place = place
        except HomelabError as error:
            text = await self._otherwise(error)
        self.view.add(text.splitlines() or ["── the log is empty ──"])
        self._say("as it stands")

    async def _otherwise(self, error: HomelabError) -> str:
        """What was kept of it; without that, why there is nothing."""
        if self._place is not None:
            return f"── {error} ──"
        try:
            return await self._lab.looks.read_log(self._job)
        except HomelabError as why:
            return f"── {why} ──"

    def _say(self, word: str) -> None:
        place = f"{self._place.words}, " if self._place is not None else ""
        number = self._places.index(self._place) + 1 if self._place in self._places else 0
        of = f" ({number} of {len(self._places)})" if number and len(self._places) > 1 else ""
        count = len(self.view.lines)
        self.query_one(Vertical).border_subtitle = Content(printable(f"{place}{word}{of}, {count} lines; esc closes"))

    # Keys

    def action_toggle_follow(self) -> None:
        """Follow from here on, or stop and leave what is there."""
        if self._follows:
            self._follows = False
            self.workers.cancel_group(self, "log")
            self._say("stopped")
        else:
            self._follows = True
            self._begin()

    def action_next_container(self) -> None:
        """The next log that there is."""
        if not self._places or self._place not in self._places:
            self._show(self._places[0] if self._places else None)
            return
        others = [place for place in self._places if not place.previous or place == self._place]
        if len(others) < 2:
            tell(self, "it has no other container and no other Pod", severity="warning")
            return
        self._show(others[(others.index(self._place) + 1) % len(others)])

    def action_previous_container(self) -> None:
        """Before the restart, or after it."""
        place = self._place
        if place is None:
            tell(self, "first choose a container (c)", severity="warning")
            return
        other = LogPlace(place.pod, place.container, not place.previous, place.failed, place.node)
        if other not in self._places:
            tell(self, "its Pod had no restart: there is no log from before one", severity="warning")
            return
        self._show(other)

    def _show(self, place: LogPlace | None) -> None:
        self._follows = False
        self._place = place
        self._begin()

    def action_search(self) -> None:
        """Ask what for."""
        field = self.query_one(Input)
        field.add_class("-open")
        field.focus()

    @on(Input.Submitted)
    def _searched(self, event: Input.Submitted) -> None:
        event.stop()
        found = self.view.search(event.value)
        if event.value:
            tell(self, f"{found} lines have it" if found else "no line has it")
        self._leave_field()

    def _leave_field(self) -> None:
        self.query_one(Input).remove_class("-open")
        self.view.focus()

    def action_next_match(self) -> None:
        """Further down."""
        self._go(1)

    def action_last_match(self) -> None:
        """Further up."""
        self._go(-1)

    def _go(self, step: int) -> None:
        found = self.view.go(step)
        if found is None:
            tell(self, "nothing is searched for, or no line has it (/)", severity="warning")

    def action_save_log(self) -> None:
        """A new private file."""
        place = f"-{self._place.words}" if self._place is not None else ""
        at = self._lab.clock.now().strftime("%Y%m%dT%H%M%S")
        # What the API calls things must not choose where a file goes.
        name = re.sub(r"[^A-Za-z0-9-]+", "-", f"{self._job.id.namespace}-{self._job.id.name}{place}")[:150]
        try:
            path = save_log(self._lab.state_dir / "logs", f"{name}-{at}", "\n".join([*self.view.lines, ""]))
        except OSError as error:
            tell(self, f"not saved: {error.strerror}", severity="error")
        else:
            tell(self, f"saved as {path}")

    def action_copy_command(self) -> None:
        """`kubectl logs …` for what is shown."""
        lines = self._lab.kubectl.logs(self._job, self._place, follow=self._follows)
        if lines:
            copy_lines(self, lines)

    def action_leave(self) -> None:
        """Out of the field, else back to the panes."""
        if self.query_one(Input).has_class("-open"):
            self._leave_field()
        else:
            self.dismiss(None)

    def action_close(self) -> None:
        """Back to the panes."""
        self.dismiss(None)

    @on(KeyBar.CommandClicked)
    async def _command_clicked(self, event: KeyBar.CommandClicked) -> None:
        await self.run_action({"app.filter": "search"}.get(event.command_id, by_id(event.command_id).action))
