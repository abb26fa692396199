"""Plans as a person reads them before saying yes."""

from rich.text import Text

from homelab_tui.domain.operations import Plan, Result
from homelab_tui.present.table import printable

_SHOWN = 12
_COMMANDS_SHOWN = 3


def plan_text(plan: Plan) -> Text:
    """What will be done to which target, what goes with it, what stands against it."""
    text = Text()
    for step in plan.steps[:_SHOWN]:
        text.append(f"  {printable(step.target)}", "bold")
        text.append(f"  {printable(step.text)}\n")
    if len(plan.steps) > _SHOWN:
        text.append(f"  … and {len(plan.steps) - _SHOWN} more\n", "dim")
    for note in plan.notes:
        text.append(f"\n· {printable(note)}", "dim")
    for warning in plan.warnings:
        text.append(f"\n! {printable(warning)}", "yellow")
    for refusal in plan.refusals:
        text.append(f"\n✖ {printable(refusal)}", "bold red")
    if plan.commands:
        text.append("\n\nThe same by hand (Y copies):", "dim")
        for command in plan.commands[:_COMMANDS_SHOWN]:
            text.append(f"\n  {printable(command)}", "dim")
        if len(plan.commands) > _COMMANDS_SHOWN:
            text.append(f"\n  … and {len(plan.commands) - _COMMANDS_SHOWN} more", "dim")
    return text


def results_sentence(verb: str, results: tuple[Result, ...]) -> str:
    """`3 deleted` or `2 of 3 deleted; nuc/backup/x: why not`: for a toast."""
    failed = [result for result in results if not result.ok]
    done = len(results) - len(failed)
    if not failed:
        return f"{done} {verb}" if len(results) != 1 else _told(results[0])
    first = _told(failed[0])
    return first if len(results) == 1 else f"{done} of {len(results)} {verb}; {first}"


def _told(result: Result) -> str:
    """An error of a source begins with the name of its node already."""
    begins = result.detail.startswith(f"{result.target}: ")
    return result.detail if begins else f"{result.target}: {result.detail}"
