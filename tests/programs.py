"""Programs that a test writes and the product starts."""

import shlex
import sys
from pathlib import Path


def python_program(path: Path, source: str) -> Path:
    """An executable at `path` that runs `source` with the tests' own Python.

    The kernel splits a `#!` line at its blanks and knows no quotes, so that line cannot name the interpreter of a
    checkout whose path has spaces: a shell steps in and replaces itself.
    """
    body = path.with_name(f"{path.name}.py")
    body.write_text(source)
    path.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {shlex.quote(str(body))} "$@"\n')
    path.chmod(0o755)
    return path
