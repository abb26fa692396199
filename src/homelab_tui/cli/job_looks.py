"""`homelab jobs events|yaml`: looking at one Job; its events (and log) from the evidence box when they are gone."""

import argparse
from collections.abc import Awaitable, Callable

from homelab_tui.cli.jobs import source_status
from homelab_tui.cli.output import Exit, print_json, tell
from homelab_tui.cli.session import run_with_lab
from homelab_tui.domain.errors import SourceError
from homelab_tui.domain.jobs import Job
from homelab_tui.engine.evidence import JobLooks
from homelab_tui.engine.jobs import find_jobs
from homelab_tui.engine.lab import Lab
from homelab_tui.present.documents import job_sources

Kept = Callable[[JobLooks, str, str], str | None]


def events(options: argparse.Namespace) -> int:
    """`homelab jobs events JOB`."""
    return show(options, "events", lambda lab, job: lab.looks.read_events_text(job), JobLooks.find_events)


def yaml(options: argparse.Namespace) -> int:
    """`homelab jobs yaml JOB`."""
    return show(options, "yaml", lambda lab, job: lab.jobs.read_yaml(job), lambda _looks, _name, _why: None)


def show(
    options: argparse.Namespace,
    field: str,
    read: Callable[[Lab, Job], Awaitable[str]],
    kept: Kept,
    write: Callable[[str], None] | None = None,
) -> int:
    """Read one thing of a Job, else what was kept of it, and print it (or hand it to `write`)."""

    async def command(lab: Lab) -> int:
        state = await lab.read(("clusters",))
        silent = source_status(job_sources(state, lab.config, lab.clock.now())[1:])
        name, text, problem = options.job, None, None
        try:
            job = find_jobs(state.jobs, [options.job])[0]
            name, text = str(job.id), await read(lab, job)
        except SourceError as error:
            problem = str(error)
            why = "the API does not answer" if silent else problem
            text = kept(lab.looks, options.job, why)
        if text is None:
            if not silent:
                tell(f"homelab: {problem}")
            if options.json:
                print_json({"job": name, field: None, "problem": problem})
            return silent or int(Exit.TARGET_FAILED)
        if options.json:
            print_json({"job": name, field: text, "problem": problem})
        else:
            (write or print_text)(text)
        return silent

    return run_with_lab(options.config, command)


def print_text(text: str) -> None:
    """A text as it is, but for what would command the terminal."""
    from homelab_tui.present.table import printable

    for line in text.splitlines():
        print(printable(line, 10_000), flush=True)
