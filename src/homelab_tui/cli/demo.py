"""`homelab demo`: the dashboard on an embedded lab that is thrown away afterwards."""

import argparse
import os
import select
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from homelab_tui.cli.output import Exit, fail
from homelab_tui.domain.errors import UsageError

if TYPE_CHECKING:
    from homelab_tui.config.model import Config

_READY_S = 30.0
_STOP_S = 5.0


def run(options: argparse.Namespace) -> int:
    """The lab alone with `--headless`, else the dashboard on it."""
    if options.headless:
        if not options.write_config:
            raise UsageError("--headless wants --write-config FILE: how else would anybody find the lab")
        return _headless(Path(options.write_config), options.fault, options.parent)
    if options.write_config:
        raise UsageError("--write-config goes with --headless")
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return fail("the demo needs a terminal; `homelab demo --headless` does not", Exit.USAGE, as_json=False)
    from homelab_tui.demo.secrets_on_disk import Scratch

    # Not a TemporaryDirectory: when this process is killed, its lab or the next one must know that nobody needs it.
    scratch = Scratch()
    try:
        return _dashboard(scratch.path, options.fault)
    finally:
        scratch.remove()


def _headless(write_config: Path, faults: list[str], parent: int | None) -> int:
    from homelab_tui.demo.headless import run_headless  # servers: only for the lab's own process

    try:
        return run_headless(write_config, faults, parent)
    except ValueError as error:
        raise UsageError(str(error)) from error


def _dashboard(scratch: Path, faults: list[str]) -> int:
    """Start the lab as a child that ends with us, and show the product on an ordinary configuration."""
    config = scratch / "config.toml"
    command = [sys.executable, "-m", "homelab_tui", "demo", "--headless", "--write-config", str(config)]
    command += ["--parent", str(os.getpid())]
    command += [word for spec in faults for word in ("--fault", spec)]
    # The demo keeps nothing: its journal and activity log go where its scratch directory goes.
    os.environ["XDG_STATE_HOME"] = str(scratch / "state")
    # Importing its HTTP library loads every authority of this machine, for clients that the lab does not have.
    trustless = {**os.environ, "SSL_CERT_FILE": os.devnull}
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=trustless
    ) as lab:
        try:
            # Textual loads and paints while the lab starts.
            from homelab_tui.cli.dashboard import show
            from homelab_tui.config.model import Config

            return show(Config(), lambda: _started(lab, config), leaving=lab.terminate)
        finally:
            _stop(lab)


def _started(lab: "subprocess.Popen[bytes]", path: Path) -> "Config":
    """The configuration of the lab, once it is ready. Raises: UsageError with what the lab said when it did not start.

    The other core has time until then: it loads what every wire of the demo is going to need.
    """
    from homelab_tui.config.load import load_config
    from homelab_tui.wiring import load_wires

    load_wires(enough=lambda: bool(select.select([lab.stdout], [], [], 0)[0]))
    if lab.stdout is None or lab.stdout.readline().strip() != b"ready":
        _, errors = lab.communicate(timeout=_READY_S)
        said = errors.decode(errors="replace").strip().removeprefix("homelab: ")
        raise UsageError(said or f"the lab ended with status {lab.returncode} before it was ready")
    return load_config(str(path))


def _stop(lab: "subprocess.Popen[bytes]") -> None:
    if lab.poll() is not None:
        return
    lab.terminate()
    try:
        lab.communicate(timeout=_STOP_S)
    except subprocess.TimeoutExpired:
        lab.kill()
        lab.communicate()
