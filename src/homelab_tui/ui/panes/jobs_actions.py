"""What the keys of the Jobs pane do beside looking: each shows its plan, asks, and tells every target's result."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from itertools import compress, islice
from operator import attrgetter
from typing import TypeVar

from textual import work

from homelab_tui.domain.jobs import CronJob, Job, JobId, JobState
from homelab_tui.domain.operations import Plan, Result
from homelab_tui.domain.state import JobsView
from homelab_tui.domain.values import Frozen, replace
from homelab_tui.engine.lab import Lab
from homelab_tui.engine.manifests import run_name
from homelab_tui.engine.silences import NO_ALERTMANAGER
from homelab_tui.present.plans import results_sentence
from homelab_tui.ui import screens
from homelab_tui.ui.notices import tell, tell_results
from homelab_tui.ui.panes.pane import Pane

T = TypeVar("T")
READ_ONLY = "read-only: [safety] read_only = true"
_EXPIRIES = {"1h": (3600.0, "in 1 hour"), "24h": (86400.0, "in 24 hours"), "7d": (7 * 86400.0, "in 7 days")}
_id_of, _name_of = attrgetter("id"), attrgetter("cluster", "namespace", "name")
_ON_CRONJOBS = ("jobs.trigger", "jobs.suspend", "jobs.limits")


class _Meant(Frozen):
    """What a choice of rows stands for in one state."""

    view: JobsView
    keys: tuple[str, ...]
    jobs: list[Job]
    cronjobs: list[CronJob]
    recovered: list[Job]


def _meant(view: JobsView, keys: tuple[str, ...]) -> _Meant:
    jobs = _among(view.jobs, _id_of, _names(keys, "job:"))
    owners = {(job.id.cluster, job.id.namespace, job.cronjob) for job in jobs if job.cronjob}
    cronjobs = _among(view.cronjobs, _name_of, owners | _names(keys, "cronjob:"))
    recovered = [job for job in view.failed if job.superseded and job.uid]
    return _Meant(view, keys, jobs, cronjobs, recovered)


def _among(things: Sequence[T], name_of: Callable[[T], object], names: Collection[object]) -> list[T]:
    """Those of these names, in the order of the things.

    Looked through in C, and no further than needed: there may be ten thousand, and every step of the cursor asks.
    """
    return [*islice(compress(things, map(names.__contains__, map(name_of, things))), len(names))]


def _names(keys: tuple[str, ...], kind: str) -> set[tuple[str, ...]]:
    """(cluster, namespace, name) of the keys of one kind."""
    return {tuple(key.removeprefix(kind).split("/", 2)) for key in keys if key.startswith(kind)}


class JobsActing(Pane):
    """The acts on Jobs and CronJobs. The rows are taken at the press."""

    _known: "_Meant | None" = None

    # What is meant

    def chosen_jobs(self, lab: Lab) -> list[Job]:
        """Jobs among the chosen rows."""
        return self._meant(lab).jobs

    def chosen_cronjobs(self, lab: Lab) -> list[CronJob]:
        """CronJobs among the chosen rows, and those whose Jobs are chosen."""
        return self._meant(lab).cronjobs

    def recovered(self, lab: Lab) -> list[Job]:
        """The failed Jobs that a later success superseded."""
        return self._meant(lab).recovered

    def _meant(self, lab: Lab) -> "_Meant":
        """Looked up once per state and choice, not once per key: every key asks whether it can be pressed."""
        view, keys = lab.store.state.jobs, self.chosen_keys()
        known = self._known
        if known is None or known.view is not view or known.keys != keys:
            known = self._known = _meant(view, keys)
        return known

    def why_not_act(self, command_id: str, lab: Lab) -> str | None:
        """Why an act cannot be done to what is chosen; None when it can, or when nobody knows yet."""
        if lab.config.safety.read_only:
            return READ_ONLY
        if command_id == "jobs.clear-recovered":
            recovered = self.recovered(lab)
            if not recovered:
                return "no failed Job is superseded by a later success"
            return self.why_forbidden(command_id, lab, [(job.id.cluster, job.id.namespace) for job in recovered])
        if command_id in _ON_CRONJOBS:
            cronjobs = self.chosen_cronjobs(lab)
            if not cronjobs:
                return "the row under the cursor is no CronJob, nor a Job of one"
            if all(cronjob.uid is None for cronjob in cronjobs):
                return "only Prometheus knows it: there is nothing to change in the API"
            return self.why_forbidden(command_id, lab, [(one.cluster, one.namespace) for one in cronjobs])
        jobs = self.chosen_jobs(lab)
        if not jobs:
            return "the row under the cursor is no Job"
        if command_id == "jobs.silence":
            return None if lab.silences.is_possible else NO_ALERTMANAGER
        if all(job.uid is None for job in jobs):
            verb = "delete" if command_id == "jobs.delete" else "change"
            return f"only Prometheus knows it: there is nothing to {verb} in the API"
        if command_id == "jobs.expire" and not any(job.state.is_finished for job in jobs):
            return f"it is {jobs[0].state.value}: only a finished Job can be given an end"
        return self.why_forbidden(command_id, lab, [(job.id.cluster, job.id.namespace) for job in jobs])

    def why_forbidden(self, command_id: str, lab: Lab, places: Sequence[tuple[str, str]]) -> str | None:
        """Why the account may not, if it may nowhere of these."""
        answers = [lab.access.why_not(command_id, *place) for place in dict.fromkeys(places)]
        return answers[0] if answers and all(answers) else None

    def _ready(self, command_id: str) -> Lab | None:
        """The lab when the command can be done; else a toast says why not."""
        lab = self.lab
        why = self.why_not(command_id)
        if lab is None or why:
            tell(self, why or "the lab is starting", severity="warning")
            return None
        return lab

    async def confirm_and_run(
        self,
        plan: Plan,
        targets: Sequence[T],
        act: Callable[[T], Awaitable[Result]],
        others: Sequence[Result],
        done: str,
    ) -> tuple[Result, ...]:
        """The plan, the question, the acts side by side, and one toast. The results; none where nothing was done."""
        if not targets:
            tell_results(self, results_sentence(done, tuple(others)), others)
            return ()
        if not await self.app.push_screen_wait(screens.ConfirmScreen(plan)):
            return ()
        return await self.run_all(targets, act, others, done)

    async def run_all(
        self, targets: Sequence[T], act: Callable[[T], Awaitable[Result]], others: Sequence[Result], done: str
    ) -> tuple[Result, ...]:
        """The acts side by side, and one toast. One that fails stops no other."""
        results = (*await asyncio.gather(*map(act, targets)), *others)
        self.table.select(())
        tell_results(self, results_sentence(done, results), results)
        return results

    async def follow_created(self, lab: Lab, results: Sequence[Result], cluster: str, namespace: str) -> None:
        """The log of the one Job that was started and lives, as it is written; of several none."""
        created = [result.created for result in results if result.ok and result.created]
        if len(results) != 1 or len(created) != 1:
            return
        target = await lab.jobs.resolve(Job(JobId(cluster, namespace, created[0]), JobState.RUNNING))
        if target.job is not None:
            self.app.push_screen(screens.LogScreen(lab, target.job, follow=True, keymap=lab.config.ui.keymap))

    # Delete

    def action_delete_jobs(self) -> None:
        """Delete the chosen Jobs."""
        lab = self._ready("jobs.delete")
        if lab is not None:
            self._delete(lab, self.chosen_jobs(lab))

    def action_clear_recovered(self) -> None:
        """Delete every failed Job that a later success superseded."""
        lab = self._ready("jobs.clear-recovered")
        if lab is not None:
            self._delete(lab, self.recovered(lab))

    @work(group="jobs.delete", exit_on_error=False)
    async def _delete(self, lab: Lab, jobs: list[Job]) -> None:
        targets = await asyncio.gather(*map(lab.jobs.resolve, jobs))
        go, rest = lab.jobs.sort_out(targets)
        if not go:
            tell_results(self, results_sentence("deleted", rest), rest)
            return

        def plan_for(propagation: str) -> Plan:
            plan = lab.jobs.plan_delete(go, propagation=propagation)
            return replace(plan, commands=lab.kubectl.delete(go, propagation))

        propagation = await self.app.push_screen_wait(screens.DeleteScreen(plan_for))
        if propagation is None:
            return
        results = await self.run_all(go, lambda job: lab.jobs.delete(job, propagation=propagation), rest, "deleted")
        if again := _conflicting(go, results):
            self._delete(lab, again)

    # Expire, re-run, silence

    def action_expire_jobs(self) -> None:
        """Give the chosen Jobs an end."""
        lab = self._ready("jobs.expire")
        if lab is not None:
            self._expire(lab, self.chosen_jobs(lab))

    @work(group="jobs.expire", exit_on_error=False)
    async def _expire(self, lab: Lab, jobs: list[Job]) -> None:
        options = [(key, text) for key, (_, text) in _EXPIRIES.items()]
        picked = await self.app.push_screen_wait(screens.PickScreen(f"Delete {_of(jobs)}, with its logs,", options))
        if picked is None:
            return
        in_s = _EXPIRIES[picked][0]
        go, rest = lab.job_changes.sort_out_expire(await asyncio.gather(*map(lab.jobs.resolve, jobs)))
        plan = lab.job_changes.plan_expire(go, in_s)
        patches = [(job, patch) for job in go if (patch := lab.job_changes.expire_patch(job, in_s)) is not None]
        plan = replace(plan, commands=lab.kubectl.patch_jobs(patches))
        results = await self.confirm_and_run(
            plan, go, lambda job: lab.job_changes.expire(job, in_s), rest, "given an end"
        )
        if again := _conflicting(go, results):
            self._expire(lab, again)

    def action_rerun_jobs(self) -> None:
        """Run the chosen Jobs once more."""
        lab = self._ready("jobs.rerun")
        if lab is not None:
            self._rerun(lab, self.chosen_jobs(lab))

    @work(group="jobs.rerun", exit_on_error=False)
    async def _rerun(self, lab: Lab, jobs: list[Job]) -> None:
        go, rest = lab.job_changes.sort_out_rerun(await asyncio.gather(*map(lab.jobs.resolve, jobs)))
        runs = [(job.id.cluster, job.id.namespace, job.cronjob) for job in go if job.cronjob is not None]
        plan = lab.job_changes.plan_rerun(go)
        if len(runs) == len(go):  # there is no kubectl command that copies a Job
            plan = replace(plan, commands=lab.kubectl.trigger(runs, [run_name(run[2]) for run in runs]))
        results = await self.confirm_and_run(plan, go, lab.job_changes.rerun, rest, "started again")
        if go:
            await self.follow_created(lab, results, go[0].id.cluster, go[0].id.namespace)

    def action_silence_jobs(self) -> None:
        """Silence the alert of the chosen Jobs, or end that."""
        lab = self._ready("jobs.silence")
        if lab is not None:
            self._silence(lab, self.chosen_jobs(lab))

    @work(group="jobs.silence", exit_on_error=False)
    async def _silence(self, lab: Lab, jobs: list[Job]) -> None:
        if all(map(lab.silences.is_silenced_by_us, jobs)):
            plan = lab.silences.plan_unsilence(jobs)
            await self.confirm_and_run(plan, jobs, lab.silences.unsilence, (), "no longer silenced")
            return
        answer = await self.app.push_screen_wait(screens.SilenceScreen(_of(jobs)))
        if answer is None:
            return
        for_s, comment = answer
        plan = lab.silences.plan_silence(jobs, for_s, comment)
        plan = replace(plan, commands=lab.silences.commands(jobs, for_s, comment))
        await self.confirm_and_run(plan, jobs, lambda job: lab.silences.silence(job, for_s, comment), (), "silenced")

    # CronJobs

    def action_trigger_cronjobs(self) -> None:
        """Run the chosen CronJobs now."""
        lab = self._ready("jobs.trigger")
        if lab is not None:
            self._trigger(lab, self.chosen_cronjobs(lab))

    @work(group="jobs.trigger", exit_on_error=False)
    async def _trigger(self, lab: Lab, cronjobs: list[CronJob]) -> None:
        go, rest = lab.cronjobs.sort_out(await asyncio.gather(*map(lab.cronjobs.resolve, cronjobs)))
        plan = replace(lab.cronjobs.plan_trigger(go), commands=trigger_commands(lab, go))
        results = await self.confirm_and_run(plan, go, lab.cronjobs.trigger, rest, "started")
        if go:
            await self.follow_created(lab, results, go[0].cluster, go[0].namespace)

    def action_suspend_cronjobs(self) -> None:
        """Suspend the chosen CronJobs; resume them when all are suspended."""
        lab = self._ready("jobs.suspend")
        if lab is not None:
            self._suspend(lab, self.chosen_cronjobs(lab))

    @work(group="jobs.suspend", exit_on_error=False)
    async def _suspend(self, lab: Lab, cronjobs: list[CronJob]) -> None:
        go, rest = lab.cronjobs.sort_out(await asyncio.gather(*map(lab.cronjobs.resolve, cronjobs)))
        suspend = not all(cronjob.suspended for cronjob in go)
        plan = lab.cronjobs.plan_suspend(go, suspend=suspend)
        plan = replace(plan, commands=lab.kubectl.patch_cronjobs(go, {"spec": {"suspend": suspend}}))
        results = await self.confirm_and_run(
            plan,
            go,
            lambda cronjob: lab.cronjobs.set_suspended(cronjob, suspend=suspend),
            rest,
            "suspended" if suspend else "resumed",
        )
        if again := _conflicting(go, results):
            self._suspend(lab, again)

    def action_limit_cronjobs(self) -> None:
        """Set history limits and TTL of the chosen CronJobs."""
        lab = self._ready("jobs.limits")
        if lab is not None:
            self._limit(lab, self.chosen_cronjobs(lab))

    @work(group="jobs.limits", exit_on_error=False)
    async def _limit(self, lab: Lab, cronjobs: list[CronJob]) -> None:
        limits = await self.app.push_screen_wait(screens.LimitsScreen(cronjobs))
        if limits is None:
            return
        go, rest = lab.cronjobs.sort_out(await asyncio.gather(*map(lab.cronjobs.resolve, cronjobs)))
        plan = lab.cronjobs.plan_limits(go, limits)
        plan = replace(plan, commands=lab.kubectl.patch_cronjobs(go, limits.patch))
        results = await self.confirm_and_run(
            plan, go, lambda one: lab.cronjobs.set_limits(one, limits), rest, "changed"
        )
        if again := _conflicting(go, results):
            self._limit(lab, again)


def _conflicting(targets: Sequence[T], results: Sequence[Result]) -> list[T]:
    """Those that had changed since they were read (409): they are read anew, and the person is asked anew."""
    return [target for target, result in zip(targets, results, strict=False) if result.conflict]


def trigger_commands(lab: Lab, cronjobs: Sequence[CronJob]) -> tuple[str, ...]:
    """`kubectl create job --from` for each."""
    runs = [(one.cluster, one.namespace, one.name) for one in cronjobs]
    return lab.kubectl.trigger(runs, [run_name(name) for _, _, name in runs])


def _of(jobs: Sequence[Job]) -> str:
    return str(jobs[0].id) if len(jobs) == 1 else f"{len(jobs)} Jobs"
