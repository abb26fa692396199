"""Asking a person, or a script's options, before anything is done."""

import argparse
import os
import sys
from pathlib import Path

from homelab_tui.cli.output import show_plan, tell
from homelab_tui.domain.errors import UsageError
from homelab_tui.domain.operations import Plan
from homelab_tui.domain.secrets import Secret


def confirm(plan: Plan, options: argparse.Namespace) -> bool:
    """Whether the plan is to be carried out.

    `--yes` confirms plans, and only plans; a name that must be typed needs `--confirm NAME`. Without a terminal
    nothing prompts. Raises: UsageError for a question that cannot be asked.
    """
    show_plan(plan)
    if plan.confirm_name is not None:
        return _confirm_name(plan.confirm_name, options)
    if options.yes:
        return True
    _need_terminal("confirm it with --yes")
    return _ask("Go on? [y/N] ").strip().casefold() in ("y", "yes")


def _confirm_name(name: str, options: argparse.Namespace) -> bool:
    if options.confirm is not None:
        if options.confirm != name:
            raise UsageError(f"--confirm {options.confirm} is not {name}")
        if not options.yes:
            _need_terminal("confirm the plan with --yes too")
            return _ask("Go on? [y/N] ").strip().casefold() in ("y", "yes")
        return True
    _need_terminal(f"this wants a name typed: give --confirm {name}")
    return _ask(f"Type {name} to go on: ").strip() == name


def _need_terminal(instead: str) -> None:
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError(f"nothing was changed: there is no terminal to ask on; {instead}")


def _ask(prompt: str) -> str:
    # input() would write its prompt to stdout, which belongs to the document.
    print(prompt, end="", file=sys.stderr, flush=True)
    return sys.stdin.readline()


def can_ask() -> bool:
    """Whether there is a person at a terminal."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def ask_yes(question: str) -> bool:
    """A plain question; anything but yes is no."""
    return _ask(f"{question} [y/N] ").strip().casefold() in ("y", "yes")


def password_of(options: argparse.Namespace) -> Secret | None:
    """The password of `--password-file` or `--password-env`; None without. Raises UsageError, never showing it."""
    return secret_of(options, "password")


def secret_of(options: argparse.Namespace, name: str) -> Secret | None:
    """The secret of `--NAME-file` or `--NAME-env`; None without. Raises UsageError, never showing it."""
    file, variable = getattr(options, f"{name}_file"), getattr(options, f"{name}_env")
    flag = name.replace("_", "-")
    if file:
        try:
            text = Path(file).expanduser().read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"--{flag}-file {file}: {_why(error)}") from error
        return Secret(text.split("\n", 1)[0].rstrip("\r"))
    if variable:
        if variable not in os.environ:
            raise UsageError(f"--{flag}-env {variable}: there is no such variable")
        return Secret(os.environ[variable])
    return None


def ask_secret(prompt: str) -> Secret:
    """A secret from the terminal itself, not shown, whatever stdin and stdout are. Raises UsageError without one."""
    import getpass

    try:
        # getpass opens /dev/tty itself; the check keeps it from falling back to an echoing stdin.
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
        return Secret(getpass.getpass(prompt))
    except (OSError, EOFError) as error:
        raise UsageError("there is no terminal to ask on") from error


def ask_new_secret(prompt: str, otherwise: str) -> Secret:
    """A secret that is to be set, typed twice. Raises UsageError, which begins with `otherwise`."""
    given = ask_secret(prompt)
    if given != ask_secret("Once more: "):
        raise UsageError(f"{otherwise}: the two differ")
    if not given.reveal():
        raise UsageError(f"{otherwise}: it is empty")
    return given


def _why(error: OSError | UnicodeDecodeError) -> str:
    return error.strerror or "cannot be read" if isinstance(error, OSError) else "is not UTF-8 text"


def declined() -> int:
    """The person said no: nothing was changed, and that is no error of anybody's."""
    tell("nothing was changed")
    return 0
