"""The Jobs pane: CronJobs with their verdict, the failed Jobs, and what ends an alert."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import ClassVar

from textual import work
from textual.binding import BindingType

from homelab_tui.domain.errors import HomelabError
from homelab_tui.domain.jobs import Job, JobState
from homelab_tui.domain.reading import HealthState
from homelab_tui.domain.state import LabState
from homelab_tui.engine.lab import Lab
from homelab_tui.present import jobs as present
from homelab_tui.present.documents import reading_health
from homelab_tui.present.plans import results_sentence
from homelab_tui.present.table import Row
from homelab_tui.ui.bindings import bindings_of
from homelab_tui.ui.notices import tell, tell_results
from homelab_tui.ui.panes.pane import Pane
from homelab_tui.ui.screens.confirm import ConfirmScreen
from homelab_tui.ui.screens.text import TextScreen


class JobsPane(Pane):
    """One table: what needs a person comes first."""

    noun = "jobs"
    title = "3 Jobs"
    columns = present.COLUMNS
    BINDINGS: ClassVar[list[BindingType]] = [*bindings_of("jobs")]
    shows_completed = False
    """What ended well is told by its CronJob's row; thousands of them would bury the one that failed."""

    def is_affected(self, before: LabState, after: LabState) -> bool:
        """Jobs, what is done to them, and whether a source is well; not the ages of readings."""
        return before.jobs != after.jobs or before.operations != after.operations or _healths(before) != _healths(after)

    def rows_of(self, state: LabState, now: datetime) -> Sequence[Row]:
        """CronJobs and Jobs."""
        return present.rows(state, now, completed=self.shows_completed)

    def action_toggle_completed(self) -> None:
        """Show or hide the Jobs that ended well."""
        self.shows_completed = not self.shows_completed
        self.rebuild()

    def empty_of(self, state: LabState, now: datetime) -> str:
        """Why there is nothing."""
        return present.empty_text(state, now)

    def summary_of(self, state: LabState) -> str:
        """How many failed, or that nobody can tell."""
        failed = sum(job.state is JobState.FAILED for job in state.jobs.jobs)
        lab = self.lab
        words = (
            [reading_health(r, lab.clock.now()).state for _, r in (*state.clusters, *state.prometheus)] if lab else []
        )
        if HealthState.NO_DATA in words:
            return f" ({failed} failed, NO DATA)"
        return f" ({failed} failed)" if failed else ""

    def why_not(self, command_id: str) -> str | None:
        """Deleting needs a Job that Kubernetes knows."""
        lab = self.lab
        if lab is None:
            return "the lab is starting"
        if command_id == "jobs.clear-recovered":
            if lab.config.safety.read_only:
                return "read-only: [safety] read_only = true"
            return None if self._recovered(lab) else "no failed Job is superseded by a later success"
        jobs = self._chosen(lab)
        if not jobs:
            return "the row under the cursor is no Job"
        if command_id == "jobs.delete":
            if lab.config.safety.read_only:
                return "read-only: [safety] read_only = true"
            if all(job.uid is None for job in jobs):
                return "only Prometheus knows it: there is nothing to delete in the API"
            return None
        if command_id in ("jobs.logs", "jobs.events", "jobs.yaml"):
            return None if len(jobs) == 1 and jobs[0].uid else "select one Job that Kubernetes knows"
        return None

    def command_line(self) -> str | None:
        """`homelab jobs delete …` with what is selected."""
        lab = self.lab
        jobs = self._chosen(lab) if lab else []
        if not jobs:
            return "homelab jobs"
        return "homelab jobs delete " + " ".join(str(job.id) for job in jobs)

    def _chosen(self, lab: Lab) -> list[Job]:
        names = {key.partition(":")[2] for key in self.chosen_keys() if key.startswith("job:")}
        return [job for job in lab.store.state.jobs.jobs if str(job.id) in names]

    def _recovered(self, lab: Lab) -> list[Job]:
        return [job for job in lab.store.state.jobs.jobs if job.superseded and job.state is JobState.FAILED and job.uid]

    def action_delete_jobs(self) -> None:
        """Delete the chosen Jobs."""
        lab = self.lab
        why = self.why_not("jobs.delete")
        if lab is None or why:
            tell(self, why or "the lab is starting", severity="warning")
            return
        self._delete(self._chosen(lab))

    def action_clear_recovered(self) -> None:
        """Delete every failed Job that a later success superseded."""
        lab = self.lab
        why = self.why_not("jobs.clear-recovered")
        if lab is None or why:
            tell(self, why or "the lab is starting", severity="warning")
            return
        self._delete(self._recovered(lab))

    @work(group="jobs.delete", exit_on_error=False)
    async def _delete(self, jobs: list[Job]) -> None:
        lab = self.lab
        if lab is None:
            return
        targets = await asyncio.gather(*(lab.jobs.resolve(job) for job in jobs))
        go, rest = lab.jobs.sort_out(targets)
        if not go:
            tell_results(self, results_sentence("deleted", rest), rest)
            return
        plan = lab.jobs.plan_delete(go)
        if not await self.app.push_screen_wait(ConfirmScreen(plan)):
            return
        results = tuple(await asyncio.gather(*(lab.jobs.delete(job) for job in go))) + rest
        self.table.select(())
        tell_results(self, results_sentence("deleted", results), results)

    def action_job_logs(self) -> None:
        """The log of the Pod that failed."""
        self._look("jobs.logs", "Log of", lambda lab, job: lab.jobs.read_log(job))

    def action_job_events(self) -> None:
        """Events of the Job."""
        self._look("jobs.events", "Events of", lambda lab, job: lab.jobs.read_events_text(job))

    def action_job_yaml(self) -> None:
        """The Job as YAML."""
        self._look("jobs.yaml", "YAML of", lambda lab, job: lab.jobs.read_yaml(job))

    @work(group="jobs.look", exclusive=True, exit_on_error=False)
    async def _look(self, command_id: str, title: str, read: Callable[[Lab, Job], Awaitable[str]]) -> None:
        lab, why = self.lab, self.why_not(command_id)
        if lab is None or why:
            tell(self, why or "the lab is starting", severity="warning")
            return
        job = self._chosen(lab)[0]
        try:
            text = await read(lab, job)
        except HomelabError as error:
            tell(self, str(error), severity="warning")
            return
        self.app.push_screen(TextScreen(f"{title} {job.id}", text))


def _healths(state: LabState) -> list[tuple[bool, bool, bool]]:
    readings = [reading for _, reading in (*state.clusters, *state.prometheus)]
    return [(bool(r.problem), r.taken_at is None, bool(r.missing)) for r in readings]
