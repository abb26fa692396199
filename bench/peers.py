"""The same load on kuberich and kutop from PyPI, in the same run. Installs them: `python -m bench peers` asks for it.

Each gets a virtual environment of its own that is thrown away; neither is a dependency of this project. Set
HOMELAB_BENCH_PYTHON to a Python 3.12 or newer where this one is older: kuberich needs it.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench._dashboards import FIRST_FAILURE, JOBS_PANE, LoadServer, Program, homelab, load_server, new_names, spread

ONLY_WHEN_ASKED = True
"""It downloads programs of others: not a part of `make bench` without a name."""
JOBS, CRONJOBS = 9_900, 1_980
"""kuberich refuses more than 10,000, and the changes leave some behind."""
PATIENCE_S = 60.0


@dataclass(frozen=True, slots=True)
class Figures:
    """One program under the load. None: it did not get there."""

    text_s: float
    failures_s: float | None
    rss_mb: float
    idle_percent: float
    churn_percent: float


def main() -> None:
    """Print each program's figures, and its ratio to ours."""
    with tempfile.TemporaryDirectory(prefix="homelab-bench-") as scratch, load_server(JOBS, CRONJOBS) as server:
        ours = _measured(lambda: homelab(server), "1 Nodes", JOBS_PANE)
        _print("homelab", ours, ours)
        kuberich = _installed(Path(scratch), "kuberich==0.2.0")
        if kuberich is not None:
            command = [str(kuberich / "kuberich"), "--kubeconfig", str(server.kubeconfig), "-A", "--command", "jobs"]
            _peer("kuberich", command, server, ours, Path(scratch))
        kutop = _installed(Path(scratch), "kutop==0.6.0")
        if kutop is not None and shutil.which("kubectl") is None:
            print("kutop: it asks the cluster through kubectl, and there is none here")
        elif kutop is not None:
            print("kutop shows Pods, nodes and alerts, and no Jobs: what it takes beside this load")
            command = [str(kutop / "kutop"), "--no-metrics-bootstrap", "crowd"]
            _peer("kutop", command, server, ours, Path(scratch), lists_jobs=False)


def _installed(scratch: Path, requirement: str) -> Path | None:
    """Where its programs are; None, with a word why, when it cannot be had."""
    home = scratch / requirement.partition("=")[0]
    python = os.environ.get("HOMELAB_BENCH_PYTHON", sys.executable)
    try:
        subprocess.run([python, "-m", "venv", str(home)], check=True, capture_output=True)
        pip = [str(home / "bin" / "pip"), "install", "--quiet", requirement]
        subprocess.run(pip, check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError) as error:
        said = getattr(error, "stderr", None) or str(error)
        print(f"{requirement}: cannot be installed: {str(said).strip().splitlines()[-1]}")
        return None
    return home / "bin"


def _peer(
    name: str, command: Sequence[str], server: LoadServer, ours: Figures, scratch: Path, *, lists_jobs: bool = True
) -> None:
    from bench._dashboards import program

    home = scratch / f"home-of-{name}"
    home.mkdir()
    env = {"HOME": str(home), "XDG_CONFIG_HOME": str(home), "XDG_STATE_HOME": str(home)}
    try:
        found = _measured(lambda: program(command, server, env), "", "", lists_jobs=lists_jobs)
    except (TimeoutError, OSError) as error:
        print(f"{name}: it does not take this load: {str(error)[:200]}")
        return
    _print(name, found, ours)


def _measured(start: "Callable[[], object]", text: str, keys: str, *, lists_jobs: bool = True) -> Figures:
    with start() as running:  # type: ignore[attr-defined]
        assert isinstance(running, Program)
        terminal = running.terminal
        text_s = terminal.wait_for(text, PATIENCE_S) if text else _first_word(running)
        if keys:
            terminal.send(keys)
        try:
            failures_s = terminal.wait_for(FIRST_FAILURE, PATIENCE_S) if lists_jobs else None
        except TimeoutError:
            failures_s = None
        terminal.watch(10.0)
        rss_mb, idle = running.rss_mb(), running.cpu_percent(10.0)
        running.server.tell("churn 50")
        terminal.watch(3.0)
        churn = running.cpu_percent(10.0)
        if failures_s is not None:
            running.server.tell("churn 0")
            terminal.watch(3.0)
            try:
                print(f"   a new failure  {spread(running.failures_ms(new_names(5, first=500)))}")
            except TimeoutError:
                print("   a new failure  not within 20 s where it stands in this program's order")
        running.server.tell("churn 0")
        return Figures(text_s, failures_s, rss_mb, idle, churn)


def _first_word(running: Program) -> float:
    """Seconds until a program has written some text of its own, whatever it is."""
    return running.terminal.wait_for("load", PATIENCE_S)


def _print(name: str, found: Figures, ours: Figures) -> None:
    def line(what: str, value: float | None, own: float | None, unit: str) -> None:
        if value is None:
            print(f"   {what:22} –")
        else:
            ratio = f"{value / own:5.1f} x ours" if own and found is not ours else ""
            print(f"   {what:22} {value:7.2f} {unit:12} {ratio}")

    print(name)
    line("first text", found.text_s, ours.text_s, "s")
    line("first failed Job", found.failures_s, ours.failures_s, "s")
    line("RSS", found.rss_mb, ours.rss_mb, "MB")
    line("CPU, nothing changes", found.idle_percent, ours.idle_percent, "% of a core")
    line("CPU at 50 changes/s", found.churn_percent, ours.churn_percent, "% of a core")


if __name__ == "__main__":
    main()
