"""Makes `.venv` in this checkout equal to the committed lock; `--servers` adds the real servers that the tests talk to.

Runs before anything is installed, so it uses the standard library alone and is started by setup.sh. When nothing
changed it neither starts pip nor apt: a stamp in `.venv` remembers the hashes of what was installed.
"""

import argparse
import contextlib
import fcntl
import hashlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from scripts.debian import apt_install, install_servers
from scripts.running import SetupError, run, say

CHECKOUT = Path(__file__).resolve().parent.parent
VENV = CHECKOUT / ".venv"
VENV_PYTHON = VENV / "bin" / "python"
STAMP = VENV / "homelab-setup.json"

LOCKS = {"run": CHECKOUT / "requirements.lock", "dev": CHECKOUT / "requirements-dev.lock"}
"""What each level installs. Every pin of `run` is in `dev` too, so a dev environment serves both."""


def prepare_venv(level: str) -> None:
    """Creates or updates `.venv` so that it holds the lock of `level`, and the project itself (editable)."""
    stamp = read_stamp()
    if stamp.get("level") == "dev":
        level = "dev"  # never take the test tools away because `make demo` needs less
    wanted = {"level": level, "lock": digest(LOCKS[level]), "project": digest(CHECKOUT / "pyproject.toml")}
    usable = is_made_here()
    if usable and stamp == wanted:
        return
    started = time.monotonic()
    if usable and stamp.get("lock") == wanted["lock"]:
        say("pyproject.toml changed: installing the project again")
    else:
        say(f"installing {LOCKS[level].name} into .venv (about a minute the first time)")
    if usable:
        write_stamp({"level": level})  # an interrupted installation must not look finished
    else:
        create_venv()
    if stamp.get("lock") != wanted["lock"] or not usable:
        pip("install", "--require-hashes", "-r", str(LOCKS[level]))
        if level == "dev":  # only here can a leftover hide a missing dependency from the tests
            remove_leftovers(LOCKS[level])
    pip("install", "--no-deps", "--no-build-isolation", "-e", str(CHECKOUT))
    byte_compile()
    write_stamp(wanted)
    say(f"ready after {time.monotonic() - started:.0f} s")


def read_stamp() -> dict[str, str]:
    """What the last finished set-up installed; empty when there was none."""
    try:
        stamp = json.loads(STAMP.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return stamp if isinstance(stamp, dict) else {}


def write_stamp(stamp: dict[str, str]) -> None:
    """Remembers what is installed, in one step: half a stamp would be none."""
    fresh = STAMP.with_suffix(".new")
    fresh.write_text(json.dumps(stamp, indent=1) + "\n", encoding="utf-8")
    fresh.replace(STAMP)


def digest(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise SetupError(f"{path}: {error.strerror}. The checkout is not complete.") from error


def is_made_here() -> bool:
    """Whether `.venv` was made for this very directory and its interpreter still exists.

    A checkout that was copied or moved brings scripts along that start the other one's interpreter.
    """
    try:
        settings = (VENV / "pyvenv.cfg").read_text(encoding="utf-8")
    except OSError:
        return False
    command = re.search(r"^command = (.*)$", settings, re.MULTILINE)
    made_here = command is not None and command[1].endswith(f" {VENV}")
    return made_here and VENV_PYTHON.exists() and (VENV / "bin" / "pip").exists()


def create_venv() -> None:
    """A fresh `.venv` with pip in it."""
    if importlib.util.find_spec("ensurepip") is None:
        install_venv_module()
    # Not sys.executable: that may be the python of the very directory that --clear removes.
    python = getattr(sys, "_base_executable", sys.executable)
    run([python, "-I", "-m", "venv", "--clear", str(VENV)], doing="making .venv")


def install_venv_module() -> None:
    """Debian's python3.11 comes without ensurepip, and without it `python -m venv` cannot make an environment."""
    hint = f"{sys.executable} has no ensurepip, so it cannot make a virtual environment"
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise SetupError(f"{hint}. Run as root: apt-get install python3-venv")
    say(f"{hint}: installing python3-venv through apt")
    apt_install("python3-venv")
    importlib.invalidate_caches()
    if importlib.util.find_spec("ensurepip") is None:  # python3-venv serves Debian's default version only
        apt_install(f"python3.{sys.version_info.minor}-venv")
        importlib.invalidate_caches()
    if importlib.util.find_spec("ensurepip") is None:
        raise SetupError(
            f"{hint}, also after apt-get install python3-venv. Name another one: PYTHON=/path/to/python make ..."
        )


def pip(*arguments: str) -> None:
    """Runs the environment's own pip; the machine's PIP_ variables and configuration stay in force."""
    command = [str(VENV_PYTHON), "-m", "pip", "--quiet", "--disable-pip-version-check", "--no-input", *arguments]
    run(command, doing=f"pip {arguments[0]}")


def remove_leftovers(lock: Path) -> None:
    """Uninstalls what an earlier lock brought: code that imports it would work here and nowhere else."""
    listing = "import importlib.metadata as m, json; print(json.dumps([d.metadata['Name'] for d in m.distributions()]))"
    answer = subprocess.run([VENV_PYTHON, "-I", "-c", listing], capture_output=True, check=True, text=True)
    pinned = {normalised(name) for name in re.findall(r"^([\w.-]+)==", lock.read_text(encoding="utf-8"), re.MULTILINE)}
    kept = pinned | {"pip", "setuptools", "homelab-tui"}
    leftovers = sorted({normalised(name) for name in json.loads(answer.stdout)} - kept)
    if leftovers:
        say(f"removing what the lock does not name: {', '.join(leftovers)}")
        pip("uninstall", "--yes", *leftovers)


def normalised(name: str) -> str:
    """A distribution's name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def byte_compile() -> None:
    """Compiles now what the first start would compile: without .pyc files the first paint takes four times as long."""
    library = next((VENV / "lib").glob("python3*/site-packages"))
    command = [str(VENV_PYTHON), "-I", "-m", "compileall", "-qq", str(library), str(CHECKOUT / "src")]
    # Exit code ignored: some libraries carry templates that are no Python.
    subprocess.run(command, check=False, stdin=subprocess.DEVNULL)


@contextlib.contextmanager
def one_at_a_time() -> Iterator[None]:
    """Two `make` in one checkout must not install over each other. Locks the directory itself: no file is left."""
    directory = os.open(CHECKOUT, os.O_RDONLY)
    try:
        try:
            fcntl.flock(directory, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another set-up of this checkout is under way: waiting for it")
            fcntl.flock(directory, fcntl.LOCK_EX)
        yield
    finally:
        os.close(directory)


def main() -> int:
    """Exit code 0 when the environment is ready, 1 with a reason on stderr when it is not."""
    parser = argparse.ArgumentParser(prog="scripts/setup.sh", description="Prepare .venv in this checkout.")
    parser.add_argument("level", choices=sorted(LOCKS), help="run: what the program needs; dev: tests and checks too")
    parser.add_argument("--servers", action="store_true", help="install missing servers for the tests (apt, as root)")
    arguments = parser.parse_args()
    try:
        with one_at_a_time():
            prepare_venv(arguments.level)
            if arguments.servers:
                install_servers()
    except SetupError as error:
        say(str(error))
        return 1
    except OSError as error:
        say(f"{error}. Is this checkout writable for you?")
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
