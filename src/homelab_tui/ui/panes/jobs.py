"""The Jobs pane: CronJobs with their verdict, the failed Jobs, and what ends an alert."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import ClassVar

from textual import work
from textual.binding import BindingType

from homelab_tui.commands import of_pane
from homelab_tui.domain.errors import HomelabError
from homelab_tui.domain.job_families import FamilyRows
from homelab_tui.domain.jobs import Job, JobState
from homelab_tui.domain.reading import HealthState
from homelab_tui.domain.state import LabState
from homelab_tui.engine.lab import Lab
from homelab_tui.present import jobs as present
from homelab_tui.present.documents import reading_health
from homelab_tui.present.row_memo import RowMemo
from homelab_tui.present.table import Row
from homelab_tui.ui import screens
from homelab_tui.ui.bindings import bindings_of
from homelab_tui.ui.frame import TITLES
from homelab_tui.ui.notices import tell
from homelab_tui.ui.panes.jobs_actions import JobsActing, trigger_commands

_LOOKS = ("jobs.logs", "jobs.events", "jobs.yaml")
_ACTS = tuple(command.id for command in of_pane("jobs") if command.danger)


class JobsPane(JobsActing):
    """One table: what needs a person comes first."""

    noun = "jobs"
    title = TITLES["jobs"]
    targets = ("job:", "cronjob:")
    columns = present.COLUMNS
    BINDINGS: ClassVar[list[BindingType]] = [*bindings_of("jobs")]
    shows_completed = False
    """What ended well is told by its CronJob's row; thousands of them would bury the one that failed."""

    def __init__(self) -> None:
        super().__init__()
        self._memo: RowMemo[FamilyRows] = RowMemo()

    def is_affected(self, before: LabState, after: LabState) -> bool:
        """Jobs, what is done to them, and whether a source is well; not the ages of readings."""
        return before.jobs != after.jobs or self.other_acts(before, after) or _healths(before) != _healths(after)

    def rows_of(self, state: LabState, now: datetime) -> Sequence[Row]:
        """CronJobs and Jobs."""
        return present.rows(state, now, completed=self.shows_completed, memo=self._memo)

    def is_loading(self, state: LabState) -> bool:
        """Whether a long list is still being read or merged, or a cluster has not spoken yet."""
        return not state.jobs.is_whole or any(not r.value and not r.problem for _, r in state.clusters)

    def action_toggle_completed(self) -> None:
        """Show or hide the Jobs that ended well."""
        self.shows_completed = not self.shows_completed
        self.rebuild()

    def empty_of(self, state: LabState, now: datetime) -> str:
        """Why there is nothing."""
        return present.empty_text(state, now)

    def summary_of(self, state: LabState) -> str:
        """How many failed, or that nobody can tell."""
        failed = len(state.jobs.failed)
        lab = self.lab
        words = (
            [reading_health(r, lab.clock.now()).state for _, r in (*state.clusters, *state.prometheus)] if lab else []
        )
        notes = [f"{failed} failed"] if failed or HealthState.NO_DATA in words else []
        notes += ["NO DATA"] if HealthState.NO_DATA in words else []
        notes += ["reading…"] if self.is_loading(state) else []
        return f" ({', '.join(notes)})" if notes else ""

    def why_not(self, command_id: str) -> str | None:
        """What stands against a command: nothing chosen, read-only, nothing in the API, or no permission."""
        lab = self.lab
        if lab is None:
            return "the lab is starting"
        if command_id in _LOOKS:
            jobs = self.chosen_jobs(lab)
            if len(jobs) != 1:
                return "select one Job"
            if not jobs[0].uid:
                kept = command_id != "jobs.yaml" and lab.looks.evidence_of(jobs[0]) is not None
                return None if kept else "select one Job that Kubernetes knows"
            return self.why_forbidden(command_id, lab, [(jobs[0].id.cluster, jobs[0].id.namespace)])
        if command_id in _ACTS:
            return self.why_not_act(command_id, lab)
        return None

    def command_line(self) -> str | None:
        """The `kubectl` command for the chosen rows: a Job is deleted, a CronJob run; else our own listing."""
        lab = self.lab
        keys = self.chosen_keys() if lab is not None else ()
        if lab is None or not keys:
            return "homelab jobs"
        jobs = [job for job in self.chosen_jobs(lab) if job.uid]
        wanted = {key.partition(":")[2] for key in keys if key.startswith("cronjob:")}
        cronjobs = [one for one in self.chosen_cronjobs(lab) if one.key in wanted and one.uid]
        lines = (*lab.kubectl.delete(jobs), *trigger_commands(lab, cronjobs))
        return "\n".join(lines) or "homelab jobs"

    def action_job_logs(self) -> None:
        """The log of the Pod that failed; of a Job that goes on, what is written from now on too."""
        lab = self._ready("jobs.logs")
        if lab is not None:
            job = self.chosen_jobs(lab)[0]
            follow = bool(job.uid) and job.state in (JobState.RUNNING, JobState.PENDING)
            self.app.push_screen(screens.LogScreen(lab, job, follow=follow, keymap=lab.config.ui.keymap))

    def action_job_events(self) -> None:
        """Events of the Job."""
        self._look("jobs.events", "Events of", lambda lab, job: lab.looks.read_events_text(job))

    def action_job_yaml(self) -> None:
        """The Job as YAML."""
        self._look("jobs.yaml", "YAML of", lambda lab, job: lab.jobs.read_yaml(job))

    @work(group="jobs.look", exclusive=True, exit_on_error=False)
    async def _look(self, command_id: str, title: str, read: Callable[[Lab, Job], Awaitable[str]]) -> None:
        lab, why = self.lab, self.why_not(command_id)
        if lab is None or why:
            tell(self, why or "the lab is starting", severity="warning")
            return
        job = self.chosen_jobs(lab)[0]
        try:
            text = await read(lab, job)
        except HomelabError as error:
            tell(self, str(error), severity="warning")
            return
        self.app.push_screen(screens.TextScreen(f"{title} {job.id}", text))


def _healths(state: LabState) -> list[tuple[bool, bool, bool]]:
    readings = [reading for _, reading in (*state.clusters, *state.prometheus)]
    return [(bool(r.problem), r.taken_at is None, bool(r.missing)) for r in readings]
