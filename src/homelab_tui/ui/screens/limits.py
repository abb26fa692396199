"""The history limits and the TTL of CronJobs."""

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Button, Input, Static

from homelab_tui.config.units import parse_duration
from homelab_tui.domain.jobs import CronJob
from homelab_tui.engine.cronjobs import Limits
from homelab_tui.present.table import printable
from homelab_tui.ui.screens.dialog import Dialog

_LABELS = (
    ("failed", "failedJobsHistoryLimit (0 keeps no failed Job: no alert stays, and no evidence either)"),
    ("successful", "successfulJobsHistoryLimit"),
    ("ttl", "ttlSecondsAfterFinished of its Jobs, like 24h; none takes it away"),
)


class LimitsScreen(Dialog[Limits]):
    """What to set; an empty field leaves a value as it is."""

    def __init__(self, cronjobs: list[CronJob]) -> None:
        super().__init__()
        self._cronjobs = cronjobs

    def compose(self) -> ComposeResult:
        """Three fields, filled with what holds now where it is the same for all."""
        box = Vertical(classes="box")
        name = self._cronjobs[0].key if len(self._cronjobs) == 1 else f"{len(self._cronjobs)} CronJobs"
        box.border_title = Content(f"Limits of {printable(name)}")
        with box:
            for field, label in _LABELS:
                yield Static(label, markup=False)
                yield Input(id=field, placeholder=self._now(field))
            yield Static("", id="problem", markup=False)
            with Horizontal(classes="buttons"):
                yield Button("Cancel", id="cancel")
                yield Button("Show the change", id="go", variant="primary")

    def on_mount(self) -> None:
        """The first field."""
        for field in self.query(Input):
            field.cursor_blink = False
        self.query_one("#failed").focus()

    def _now(self, field: str) -> str:
        values = {
            {
                "failed": cronjob.failed_jobs_history_limit,
                "successful": cronjob.successful_jobs_history_limit,
                "ttl": cronjob.job_ttl_s,
            }[field]
            for cronjob in self._cronjobs
        }
        if len(values) != 1:
            return "now: they differ"
        value = values.pop()
        return f"now: {'unset' if value is None else f'{value} s' if field == 'ttl' else value}"

    @on(Input.Submitted)
    def _submitted(self) -> None:
        self._try()

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        if event.button.id == "go":
            self._try()
        else:
            self.dismiss(None)

    def _try(self) -> None:
        try:
            limits = self._limits()
        except ValueError as error:
            self.query_one("#problem", Static).update(str(error))
            return
        self.dismiss(limits)

    def _limits(self) -> Limits:
        ttl = self.query_one("#ttl", Input).value.strip()
        if not ttl and not self._text("failed") and not self._text("successful"):
            raise ValueError("nothing is to be changed yet")
        return Limits(
            self._count("failed"),
            self._count("successful"),
            None if ttl in ("", "none") else int(parse_duration(ttl)),
            without_ttl=ttl == "none",
        )

    def _text(self, field: str) -> str:
        return self.query_one(f"#{field}", Input).value.strip()

    def _count(self, field: str) -> int | None:
        text = self._text(field)
        if not text:
            return None
        if not (text.isascii() and text.isdigit() and len(text) < 10):
            raise ValueError("a limit is a number, 0 or more")
        return int(text)
