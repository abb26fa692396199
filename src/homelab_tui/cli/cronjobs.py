"""`homelab jobs trigger|suspend|resume|limits`."""

import argparse
import asyncio
from collections.abc import Awaitable, Callable, Sequence

from homelab_tui.cli.acting import carry_out, duration_s
from homelab_tui.cli.jobs import source_status
from homelab_tui.cli.output import print_results
from homelab_tui.cli.session import run_with_lab
from homelab_tui.domain.errors import SourceMissing, UsageError
from homelab_tui.domain.jobs import CronJob
from homelab_tui.domain.operations import Result
from homelab_tui.engine.cronjobs import Limits, find_cronjob
from homelab_tui.engine.lab import Lab
from homelab_tui.present.documents import job_sources


def trigger(options: argparse.Namespace) -> int:
    """`homelab jobs trigger CRONJOB...`."""

    async def act(lab: Lab, go: Sequence[CronJob], others: Sequence[Result]) -> int:
        plan = lab.cronjobs.plan_trigger(go)
        return await carry_out(options, plan, go, _key, lab.cronjobs.trigger, others)

    return _on_cronjobs(options, act)


def suspend(options: argparse.Namespace) -> int:
    """`homelab jobs suspend CRONJOB...`."""
    return _set_suspended(options, suspend=True)


def resume(options: argparse.Namespace) -> int:
    """`homelab jobs resume CRONJOB...`."""
    return _set_suspended(options, suspend=False)


def _set_suspended(options: argparse.Namespace, *, suspend: bool) -> int:
    async def act(lab: Lab, go: Sequence[CronJob], others: Sequence[Result]) -> int:
        plan = lab.cronjobs.plan_suspend(go, suspend=suspend)
        return await carry_out(
            options, plan, go, _key, lambda cronjob: lab.cronjobs.set_suspended(cronjob, suspend=suspend), others
        )

    return _on_cronjobs(options, act)


def limits(options: argparse.Namespace) -> int:
    """`homelab jobs limits CRONJOB... [--failed-history N] [--successful-history N] [--ttl 24h|none]`."""
    wanted = _limits(options)

    async def act(lab: Lab, go: Sequence[CronJob], others: Sequence[Result]) -> int:
        plan = lab.cronjobs.plan_limits(go, wanted)
        return await carry_out(
            options, plan, go, _key, lambda cronjob: lab.cronjobs.set_limits(cronjob, wanted), others
        )

    return _on_cronjobs(options, act)


def _limits(options: argparse.Namespace) -> Limits:
    if (options.failed_history, options.successful_history, options.ttl) == (None, None, None):
        raise UsageError("say what to set: --failed-history N, --successful-history N, --ttl 24h (or none)")
    without_ttl = options.ttl == "none"
    ttl_s = None if options.ttl is None or without_ttl else int(duration_s("--ttl", options.ttl))
    return Limits(options.failed_history, options.successful_history, ttl_s, without_ttl)


def _on_cronjobs(
    options: argparse.Namespace, act: Callable[[Lab, Sequence[CronJob], Sequence[Result]], Awaitable[int]]
) -> int:
    async def command(lab: Lab) -> int:
        state = await lab.read(("prometheus", "clusters"))
        silent = source_status(job_sources(state, lab.config, lab.clock.now())[1:])
        found: dict[str, CronJob] = {}
        others: list[Result] = []
        for name in dict.fromkeys(options.cronjobs):
            try:
                cronjob = find_cronjob(state.jobs, name)
                found[cronjob.key] = cronjob
            except SourceMissing as error:
                others.append(Result(name, ok=False, changed=False, detail=str(error)))
        targets = await asyncio.gather(*map(lab.cronjobs.resolve, found.values()))
        go, rest = lab.cronjobs.sort_out(targets)
        others += rest
        if not go:
            return silent or print_results(others, as_json=options.json, dry_run=options.dry_run)
        return silent or await act(lab, go, others)

    return run_with_lab(options.config, command)


def _key(cronjob: CronJob) -> str:
    return cronjob.key
