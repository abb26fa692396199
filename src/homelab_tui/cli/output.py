"""What the command line prints: one document or one table on stdout, everything else on stderr."""

import contextlib
import json
import sys
from collections.abc import Sequence
from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    # Everything else is imported where it prints: the dashboard's start waits for none of it.
    from homelab_tui.domain.operations import Plan, Result
    from homelab_tui.present.documents import Document


class Exit(IntEnum):
    """The contract's exit status."""

    DONE = 0
    TARGET_FAILED = 1
    USAGE = 2
    NO_SOURCE = 3


EXIT_USAGE = int(Exit.USAGE)


def fail(message: str, status: int, *, as_json: bool) -> int:
    """Say what is wrong on stderr (and, with `--json`, as a document) and return the status."""
    tell(f"homelab: {message}")
    if as_json:
        print_json({"error": message})
    return int(status)


def tell(text: str) -> None:
    """A line for the person, never for a script: stderr. It is lost where nobody is left to read it."""
    from homelab_tui.present.table import printable

    with contextlib.suppress(OSError):  # the terminal was closed, and what must finish is still ahead
        for line in text.splitlines() or [""]:
            print(printable(line, 2_000), file=sys.stderr, flush=True)


def print_json(document: "Document") -> None:
    """The one JSON document of this command."""
    text = json.dumps(document, indent=2, ensure_ascii=False)
    # A lone surrogate (a path in no encoding) becomes its escape, which JSON can say and UTF-8 cannot.
    print(text.encode("utf-8", "backslashreplace").decode(), flush=True)


def print_table(headers: Sequence[str], rows: Sequence[Sequence[str]], *, right: frozenset[int] = frozenset()) -> None:
    """A Rich table on a terminal, plain aligned text in a pipe. Foreign text is made visible, never markup."""
    from homelab_tui.present.table import printable

    safe = [[printable(cell, 200) for cell in row] for row in rows]
    if sys.stdout.isatty():
        _print_rich(headers, safe, right)
    else:
        _print_plain(headers, safe, right)


def _print_rich(headers: Sequence[str], rows: Sequence[Sequence[str]], right: frozenset[int]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for number, header in enumerate(headers):
        table.add_column(header, justify="right" if number in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    Console().print(table)


def _print_plain(headers: Sequence[str], rows: Sequence[Sequence[str]], right: frozenset[int]) -> None:
    lines = [[header.upper() for header in headers], *rows]
    widths = [max(len(line[number]) for line in lines) for number in range(len(headers))]
    for line in lines:
        cells = [c.rjust(w) if n in right else c.ljust(w) for n, (c, w) in enumerate(zip(line, widths, strict=True))]
        print("  ".join(cells).rstrip())
    sys.stdout.flush()


def print_results(results: "Sequence[Result]", *, as_json: bool, dry_run: bool = False) -> int:
    """What an action did; returns 1 when a target failed, else 0."""
    from homelab_tui.present.documents import results_document

    if as_json:
        print_json(results_document(results, dry_run=dry_run))
    elif results:
        rows = [[r.target, _word(r, dry_run=dry_run), r.detail] for r in results]
        print_table(["target", "result", "detail"], rows)
    else:
        print("nothing to do", flush=True)
    return int(Exit.DONE if all(result.ok for result in results) else Exit.TARGET_FAILED)


def _word(result: "Result", *, dry_run: bool) -> str:
    if not result.ok:
        return "failed"
    if dry_run:
        return "would change" if result.changed else "unchanged"
    return "changed" if result.changed else "unchanged"


def show_plan(plan: "Plan") -> None:
    """The plan, for a person, on stderr."""
    tell(plan.title)
    for step in plan.steps:
        tell(f"  {step.target}: {step.text}")
    for note in plan.notes:
        tell(f"  - {note}")
    for warning in plan.warnings:
        tell(f"  ! {warning}")
    for refusal in plan.refusals:
        tell(f"  x {refusal}")
