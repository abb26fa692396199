"""The details of a Job or a CronJob: what the state knows at once, and below it what has to be asked for."""

from collections.abc import Awaitable, Callable

from rich.text import Text
from textual import work
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from homelab_tui.domain.errors import HomelabError
from homelab_tui.present.job_details import section_text
from homelab_tui.present.table import printable
from homelab_tui.ui.screens.text import TextScreen

Section = tuple[str, Callable[[], Awaitable[str]]]
"""Heading, and what reads the text below it."""


class StoryScreen(TextScreen):
    """The story, and its sections as they arrive. One that cannot be read says why, and keeps no other waiting."""

    def __init__(self, title: str, text: Text, sections: tuple[Section, ...]) -> None:
        super().__init__(title, text)
        self._sections = sections

    def compose(self) -> ComposeResult:
        """The story in a box, and a place for each section."""
        box = VerticalScroll()
        box.border_title = Content(printable(self._title))
        box.border_subtitle = Content("esc closes")
        with box:
            yield Static(self._shown(), markup=False)
            for number, (heading, _) in enumerate(self._sections):
                yield Static(section_text(heading, "asking…"), id=f"section-{number}", markup=False)

    def on_mount(self) -> None:
        """Keys scroll at once; the sections are asked for side by side."""
        super().on_mount()
        for number, (heading, read) in enumerate(self._sections):
            self._fill(number, heading, read)

    @work(group="story", exit_on_error=False)
    async def _fill(self, number: int, heading: str, read: Callable[[], Awaitable[str]]) -> None:
        try:
            text = await read()
        except HomelabError as error:
            text = str(error)
        self.query_one(f"#section-{number}", Static).update(section_text(heading, text))
