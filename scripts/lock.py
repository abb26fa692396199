"""Writes requirements.lock (what `homelab` needs) and requirements-dev.lock (tests and checks too) from pyproject.toml.

Needs `uv` on PATH; it is the only tool here that resolves for all Pythons and machines at once, and it is in no lock.
Present pins are kept where they still fit; `make lock ARGS=--upgrade` asks for the newest.
"""

import shutil
import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent

OPTIONS = (
    "--universal",
    "--python-version=3.11",
    "--generate-hashes",
    "--no-emit-index-url",
    "--no-emit-find-links",
    "--custom-compile-command=make lock",
    "--quiet",
)


def main(extra_arguments: list[str]) -> int:
    """Exit code 0 when both files are written."""
    uv = shutil.which("uv")
    if uv is None:
        print("make lock needs uv (https://docs.astral.sh/uv/): pipx install uv, then run this again", file=sys.stderr)
        return 1
    compile_command = [uv, "pip", "compile", "pyproject.toml", *OPTIONS]
    dev = ["--extra=build", "--extra=dev", "--output-file=requirements-dev.lock", *extra_arguments]
    # The dev lock is the constraint of the other: what is tested is what is run.
    run = ["--extra=build", "--constraint=requirements-dev.lock", "--no-annotate", "--output-file=requirements.lock"]
    for arguments in (dev, [*run, *extra_arguments]):
        done = subprocess.run([*compile_command, *arguments], check=False, cwd=CHECKOUT)
        if done.returncode != 0:
            return done.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
