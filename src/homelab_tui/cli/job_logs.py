"""`homelab jobs logs`: the log of a Job, as it stands, of another container, followed, or into a file."""

import argparse
import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

from homelab_tui.cli.job_looks import print_text, show
from homelab_tui.cli.jobs import source_status
from homelab_tui.cli.output import Exit, tell
from homelab_tui.cli.session import run_with_lab
from homelab_tui.domain.errors import SourceError, UsageError
from homelab_tui.domain.jobs import Job, JobState
from homelab_tui.engine.evidence import JobLooks
from homelab_tui.engine.job_logs import LogPlace
from homelab_tui.engine.jobs import find_jobs
from homelab_tui.engine.lab import Lab
from homelab_tui.present.documents import job_sources


def logs(options: argparse.Namespace) -> int:
    """`homelab jobs logs JOB [--follow] [--container C] [--previous] [--tail N] [--output FILE]`."""
    if options.follow and (options.json or options.previous or options.container):
        raise UsageError("--follow goes with neither --json, --previous nor --container: it shows what is to come")
    if options.output and options.json:
        raise UsageError("--output is a log in a file, --json a document on stdout: give one of them")
    with contextlib.ExitStack() as stack:
        write = _into(options.output, stack) if options.output else print_text
        return _follow(options, write) if options.follow else _show(options, write)


def _show(options: argparse.Namespace, write: Callable[[str], None]) -> int:
    """One log as it stands, else what was kept of it."""

    async def read(lab: Lab, job: Job) -> str:
        if not (options.container or options.previous or options.tail):
            return await lab.looks.read_log(job)
        place = _place(await lab.logs.places(job), options)
        return await lab.logs.read(job, place, tail_lines=options.tail or 200)

    return show(options, "log", read, JobLooks.find_log, write)


def _place(places: tuple[LogPlace, ...], options: argparse.Namespace) -> LogPlace:
    """The log that is meant. Raises: UsageError naming those that there are."""
    fits = [
        place for place in places if options.container in (None, place.container) and place.previous == options.previous
    ]
    if not fits:
        there = ", ".join(place.words for place in places)
        raise UsageError(f"{options.job}: there is no such log; there are: {there}")
    return fits[0]


def _follow(options: argparse.Namespace, write: Callable[[str], None]) -> int:
    """Line by line until the Job has ended: 0 when it is complete, 1 when it failed or is gone, 3 without an answer."""

    async def command(lab: Lab) -> int:
        state = await lab.read(("clusters",))
        silent = source_status(job_sources(state, lab.config, lab.clock.now())[1:])
        if silent:
            return silent
        try:
            job = find_jobs(state.jobs, [options.job])[0]
            async with contextlib.aclosing(lab.logs.follow(job, tail_lines=options.tail or 200)) as steps:
                async for lines in steps:
                    write("\n".join(lines))
            ended = await lab.jobs.resolve(job)
        except SourceError as error:
            tell(f"homelab: {error}")
            return int(Exit.TARGET_FAILED)
        is_complete = ended.job is not None and ended.job.state is JobState.COMPLETE
        return int(Exit.DONE if is_complete else Exit.TARGET_FAILED)

    return run_with_lab(options.config, command)


def _into(name: str, stack: contextlib.ExitStack) -> Callable[[str], None]:
    """Writes to a new private file, made with the first line. Raises: UsageError where something is there already."""
    path = Path(name).expanduser()
    if os.path.lexists(path):
        raise UsageError(f"--output {name}: it is there already, and is not overwritten")
    file: TextIO | None = None

    def write(text: str) -> None:
        nonlocal file
        if file is None:
            file = stack.enter_context(_created(path))
            tell(f"homelab: writing to {path}")
        print(text.removesuffix("\n"), file=file, flush=True)

    return write


def _created(path: Path) -> TextIO:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise UsageError(f"--output {path}: {error.strerror}") from error
    return os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace")
