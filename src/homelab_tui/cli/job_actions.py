"""`homelab jobs expire|rerun|silence`."""

import argparse
import asyncio
from collections.abc import Awaitable, Callable, Sequence

from homelab_tui.cli.acting import carry_out, duration_s
from homelab_tui.cli.jobs import source_status
from homelab_tui.cli.output import print_results
from homelab_tui.cli.session import run_with_lab
from homelab_tui.domain.errors import SourceMissing, UsageError
from homelab_tui.domain.jobs import Job
from homelab_tui.domain.operations import Result
from homelab_tui.domain.reading import Health
from homelab_tui.domain.state import JobsView, LabState
from homelab_tui.engine.jobs import find_jobs
from homelab_tui.engine.lab import Lab
from homelab_tui.present.documents import job_sources, reading_health, together


def expire(options: argparse.Namespace) -> int:
    """`homelab jobs expire JOB... --in 24h`."""
    in_s = duration_s("--in", options.after)

    async def act(lab: Lab, jobs: Sequence[Job], missing: Sequence[Result]) -> int:
        targets = await asyncio.gather(*map(lab.jobs.resolve, jobs))
        go, rest = lab.job_changes.sort_out_expire(targets)
        plan = lab.job_changes.plan_expire(go, in_s)
        return await carry_out(
            options, plan, go, _name, lambda job: lab.job_changes.expire(job, in_s), (*missing, *rest)
        )

    return _on_jobs(options, _kubernetes, act)


def rerun(options: argparse.Namespace) -> int:
    """`homelab jobs rerun JOB...`."""

    async def act(lab: Lab, jobs: Sequence[Job], missing: Sequence[Result]) -> int:
        targets = await asyncio.gather(*map(lab.jobs.resolve, jobs))
        go, rest = lab.job_changes.sort_out_rerun(targets)
        plan = lab.job_changes.plan_rerun(go)
        return await carry_out(options, plan, go, _name, lab.job_changes.rerun, (*missing, *rest))

    return _on_jobs(options, _kubernetes, act)


def silence(options: argparse.Namespace) -> int:
    """`homelab jobs silence JOB... --for 2h [--comment TEXT]`, and with `--end` the end of our silences."""
    if options.end == bool(options.duration):
        raise UsageError("say how long: --for 2h; or --end, to end a silence")
    for_s = 0.0 if options.end else duration_s("--for", options.duration)

    async def act(lab: Lab, jobs: Sequence[Job], missing: Sequence[Result]) -> int:
        if not options.end:
            plan = lab.silences.plan_silence(jobs, for_s, options.comment)
            return await carry_out(
                options, plan, jobs, _name, lambda job: lab.silences.silence(job, for_s, options.comment), missing
            )
        held = [job for job in jobs if lab.silences.is_silenced_by_us(job)]
        nothing = [
            Result(str(job.id), ok=True, changed=False, detail="no silence of ours is in force")
            for job in jobs
            if job not in held
        ]
        plan = lab.silences.plan_unsilence(held)
        return await carry_out(options, plan, held, _name, lab.silences.unsilence, (*missing, *nothing))

    return _on_jobs(options, _alertmanagers, act)


def _on_jobs(
    options: argparse.Namespace,
    needs: Callable[[LabState, Lab], list[Health]],
    act: Callable[[Lab, Sequence[Job], Sequence[Result]], Awaitable[int]],
) -> int:
    """Read both worlds, find the Jobs that are named, act on them. 3 when what the act needs does not answer."""

    async def command(lab: Lab) -> int:
        state = await lab.read(("prometheus", "clusters", "alertmanagers"))
        silent = source_status(needs(state, lab))
        jobs, missing = named(state.jobs, options.jobs)
        if not jobs:
            return silent or print_results(missing, as_json=options.json, dry_run=options.dry_run)
        return silent or await act(lab, jobs, missing)

    return run_with_lab(options.config, command)


def named(view: JobsView, names: Sequence[str]) -> tuple[list[Job], list[Result]]:
    """The Jobs of these names, each once, and a result for each name that there is no Job for."""
    found: dict[str, Job] = {}
    missing = []
    for name in dict.fromkeys(names):
        try:
            found |= {str(job.id): job for job in find_jobs(view, [name])}
        except SourceMissing as error:
            missing.append(Result(name, ok=False, changed=False, detail=str(error)))
    return list(found.values()), missing


def _kubernetes(state: LabState, lab: Lab) -> list[Health]:
    return [job_sources(state, lab.config, lab.clock.now())[1]]


def _alertmanagers(state: LabState, lab: Lab) -> list[Health]:
    return [together([reading_health(reading, lab.clock.now()) for _, reading in state.alertmanagers])]


def _name(job: Job) -> str:
    return str(job.id)
