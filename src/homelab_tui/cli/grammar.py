"""What every subcommand's grammar is made with."""

import argparse
import importlib
from collections.abc import Callable
from typing import TYPE_CHECKING

Run = Callable[[argparse.Namespace], int]

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]


def lazily(module: str, function: str) -> Run:
    """The function of a sibling module, imported when it is called: start-up stays light."""

    def run(options: argparse.Namespace) -> int:
        chosen: Run = getattr(importlib.import_module(f"homelab_tui.cli.{module}"), function)
        return chosen(options)

    return run


def add(commands: "Subparsers", name: str, text: str, run: Run) -> argparse.ArgumentParser:
    """One subcommand, with the options that all have."""
    parser = commands.add_parser(name, help=text, description=text)
    # SUPPRESS: an option after the subcommand must not overwrite, with its default, one given before it.
    parser.add_argument("--config", metavar="FILE", default=argparse.SUPPRESS, help=argparse.SUPPRESS)
    parser.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="print one JSON document")
    parser.set_defaults(run=run)
    return parser


def add_confirming(parser: argparse.ArgumentParser, *, dry_run: bool = True) -> None:
    """The options with which a script answers what a person would be asked."""
    parser.add_argument("--yes", action="store_true", help="confirm the plan")
    parser.add_argument("--confirm", metavar="NAME", help="the name that a dangerous plan wants typed")
    if dry_run:
        parser.add_argument("--dry-run", action="store_true", help="show what would be done, and do nothing")
