"""`homelab jobs`: the listing, deleting, and looking at one Job."""

import argparse
import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

from homelab_tui.cli.confirming import confirm, declined
from homelab_tui.cli.output import Exit, print_json, print_results, print_table, tell
from homelab_tui.cli.session import run_with_lab
from homelab_tui.config.units import parse_duration
from homelab_tui.domain.errors import SourceMissing, UsageError
from homelab_tui.domain.jobs import Job, JobState
from homelab_tui.domain.operations import Result
from homelab_tui.domain.reading import Health, HealthState
from homelab_tui.domain.state import JobsView
from homelab_tui.engine.jobs import Target, find_jobs
from homelab_tui.engine.lab import Lab
from homelab_tui.present.documents import job_sources, jobs_document
from homelab_tui.present.jobs import history
from homelab_tui.present.times import age, since, until


def listing(options: argparse.Namespace) -> int:
    """`homelab jobs [--failed] [--namespace NS] [--cluster C]`."""

    async def command(lab: Lab) -> int:
        state = await lab.read(("prometheus", "past", "clusters", "alertmanagers"))
        now = lab.clock.now()
        view = chosen(state.jobs, options)
        if options.json:
            print_json(jobs_document(state, lab.config, now, view.jobs, view.cronjobs))
        else:
            _print(view, now, failed_only=options.failed)
        return source_status(job_sources(state, lab.config, now))

    return run_with_lab(options.config, command)


def chosen(view: JobsView, options: argparse.Namespace) -> JobsView:
    """What the filters leave."""

    def fits(cluster: str, namespace: str) -> bool:
        return options.cluster in (None, cluster) and options.namespace in (None, namespace)

    jobs = tuple(job for job in view.jobs if fits(job.id.cluster, job.id.namespace))
    if options.failed:
        jobs = tuple(job for job in jobs if job.state in (JobState.FAILED, JobState.FAILING))
    return JobsView(jobs, tuple(c for c in view.cronjobs if fits(c.cluster, c.namespace)))


def source_status(kinds: Sequence[Health]) -> int:
    """3 when a kind of source that the answer needs did not answer at all; says which on stderr."""
    silent = [word for word in kinds if word.state in (HealthState.DOWN, HealthState.STARTING)]
    for word in silent:
        tell(f"homelab: no answer: {word.problem or 'not reached'}")
    return int(Exit.NO_SOURCE if silent else Exit.DONE)


def _print(view: JobsView, now: datetime, *, failed_only: bool) -> None:
    if not failed_only and view.cronjobs:
        rows = [
            [
                cronjob.key,
                cronjob.verdict.value,
                cronjob.schedule or "–",
                since(cronjob.last_succeeded_at, now),
                until(cronjob.next_run_at, now),
                str(cronjob.failed_jobs),
                history(cronjob.history) or "–",
            ]
            for cronjob in view.cronjobs
        ]
        print_table(
            ["cronjob", "verdict", "schedule", "last success", "next run", "failed", "last runs"],
            rows,
            right=frozenset({5}),
        )
        print()
    rows = [
        [
            str(job.id),
            job.state.value,
            job.reason or "–",
            "–" if job.exit_code is None else str(job.exit_code),
            job.node or "–",
            since(job.finished_at or job.started_at, now),
            age(job.duration_s(now)),
            job.alert.value if job.alert else "–",
            "+".join(witness.value[:4] for witness in job.seen_by),
        ]
        for job in view.jobs
    ]
    print_table(
        ["job", "state", "reason", "exit", "node", "since", "ran", "alert", "seen by"], rows, right=frozenset({3})
    )


def delete(options: argparse.Namespace) -> int:
    """`homelab jobs delete JOB... | --failed | --recovered`."""
    asked = [bool(options.jobs), options.failed, options.recovered]
    if sum(asked) != 1:
        raise UsageError("name Jobs, or give one of --failed and --recovered")
    if options.older_than and options.jobs:
        raise UsageError("--older-than narrows --failed and --recovered, not named Jobs")
    older_than = timedelta(seconds=_duration(options.older_than)) if options.older_than else None

    async def command(lab: Lab) -> int:
        state = await lab.read(("prometheus", "clusters", "alertmanagers"))
        now = lab.clock.now()
        # Only the API can delete: Prometheus being away costs the alert's state, not the action.
        silent = source_status(job_sources(state, lab.config, now)[1:])
        jobs, missing = _asked_for(state.jobs, options, now, older_than)
        targets = await asyncio.gather(*(lab.jobs.resolve(job) for job in jobs))
        status = await _delete(lab, targets, missing, options)
        return silent or status

    return run_with_lab(options.config, command)


def _duration(text: str) -> float:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise UsageError(f"--older-than {text}: {error}") from error


def _asked_for(
    view: JobsView, options: argparse.Namespace, now: datetime, older_than: timedelta | None
) -> tuple[list[Job], list[Result]]:
    """The Jobs to act on, and a result for each name that there is no Job for."""
    if options.jobs:
        found: list[Job] = []
        missing: list[Result] = []
        for name in dict.fromkeys(options.jobs):
            try:
                found += find_jobs(chosen(view, argparse.Namespace(**{**vars(options), "failed": False})), [name])
            except SourceMissing as error:
                missing.append(Result(name, ok=False, changed=False, detail=str(error)))
        return list({job.id: job for job in found}.values()), missing
    scope = chosen(view, argparse.Namespace(cluster=options.cluster, namespace=options.namespace, failed=True))
    jobs = [job for job in scope.jobs if job.state is JobState.FAILED]
    if options.recovered:
        jobs = [job for job in jobs if job.superseded]
    if older_than is not None:
        jobs = [job for job in jobs if job.failed_at is not None and now - job.failed_at >= older_than]
    return jobs, []


async def _delete(lab: Lab, targets: Sequence[Target], results: list[Result], options: argparse.Namespace) -> int:
    go, refused = lab.jobs.sort_out(targets, force=options.force)
    results = results + list(refused)
    plan = lab.jobs.plan_delete(go, propagation=options.propagation)
    if options.dry_run:
        would = [Result(str(job.id), ok=True, changed=True, detail="would be deleted") for job in go]
        return print_results([*would, *results], as_json=options.json, dry_run=True)
    if go and plan.refusals:
        results += [Result(str(job.id), ok=False, changed=False, detail="; ".join(plan.refusals)) for job in go]
    elif go:
        if not confirm(plan, options):
            return declined()
        results += await asyncio.gather(*(lab.jobs.delete(job, propagation=options.propagation) for job in go))
    return print_results(results, as_json=options.json)
