"""How the set-up starts programs and speaks. Standard library only: nothing is installed yet."""

import subprocess
import sys


class SetupError(Exception):
    """The set-up cannot go on; the message says what to do about it."""


def say(message: str) -> None:
    """One line of progress, on stderr: stdout belongs to the program that follows."""
    print(f"set-up: {message}", file=sys.stderr, flush=True)


def run(
    command: list[str], *, doing: str, environment: dict[str, str] | None = None, own_session: bool = False
) -> None:
    """Runs a command quietly. Its output is shown only when it failed. In its own session no Ctrl-C reaches it."""
    done = subprocess.run(
        command,
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environment,
        text=True,
        errors="replace",
        start_new_session=own_session,
    )
    if done.returncode != 0:
        print(done.stdout.rstrip(), file=sys.stderr)
        raise SetupError(f"{doing} failed with exit code {done.returncode} (its output is above)")
