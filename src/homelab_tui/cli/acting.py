"""What every action of the command line does with its plan: show it, ask, carry it out, tell each target's result."""

import argparse
import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from homelab_tui.cli.confirming import confirm, declined
from homelab_tui.cli.output import print_results
from homelab_tui.config.units import parse_duration
from homelab_tui.domain.errors import UsageError
from homelab_tui.domain.operations import Plan, Result

T = TypeVar("T")


async def carry_out(
    options: argparse.Namespace,
    plan: Plan,
    targets: Sequence[T],
    name_of: Callable[[T], str],
    act: Callable[[T], Awaitable[Result]],
    others: Sequence[Result] = (),
) -> int:
    """Confirm the plan and act on every target, one failing not stopping the rest; returns the exit status.

    `others`: the results of targets that need nothing or cannot be acted on.
    """
    if options.dry_run:
        texts = {step.target: step.text for step in plan.steps}
        would = [_would(name_of(target), texts, plan) for target in targets]
        return print_results([*would, *others], as_json=options.json, dry_run=True)
    results = [*others]
    if targets and plan.refusals:
        why = "; ".join(plan.refusals)
        results += [Result(name_of(target), ok=False, changed=False, detail=why) for target in targets]
    elif targets:
        if not confirm(plan, options):
            return declined()
        results += await asyncio.gather(*map(act, targets))
    return print_results(results, as_json=options.json)


def _would(name: str, texts: dict[str, str], plan: Plan) -> Result:
    if plan.refusals:
        return Result(name, ok=False, changed=False, detail="; ".join(plan.refusals))
    return Result(name, ok=True, changed=True, detail=f"would do: {texts.get(name, plan.title)}")


def duration_s(option: str, text: str) -> float:
    """Seconds of `24h`. Raises: UsageError naming the option."""
    try:
        return parse_duration(text)
    except ValueError as error:
        raise UsageError(f"{option} {text}: {error}") from error
