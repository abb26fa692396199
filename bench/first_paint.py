"""From the start of the process to the first text, to the first live data, and out again.

Targets: first paint ≤ 1.3 x a bare Textual app with one DataTable; first live data of the demo ≤ 1.5 s after its start,
lab included; quitting ≤ 0.3 s.
"""

import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench._terminals import Terminal

ROUNDS = 7
BARE = Path(__file__).with_name("_bare_textual.py")


def main() -> None:
    """Print medians and ratios, the programs in turn within one run."""
    with tempfile.TemporaryDirectory(prefix="homelab-bench-") as scratch:
        config = Path(scratch) / "config.toml"
        command = [sys.executable, "-m", "homelab_tui", "demo", "--headless", "--write-config", str(config)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as lab:
            try:
                if lab.stdout is None or lab.stdout.readline().strip() != b"ready":
                    raise RuntimeError("the lab did not start")
                _measure(config, Path(scratch))
            finally:
                lab.terminate()
        _measure_demo()


def _measure(config: Path, scratch: Path) -> None:
    env = {"XDG_STATE_HOME": str(scratch / "state")}
    product = [sys.executable, "-m", "homelab_tui", "--config", str(config)]
    bare, paint, data, leaving = [], [], [], []
    for _ in range(ROUNDS):
        bare.append(_painted([sys.executable, str(BARE)], "row-0"))
        terminal = Terminal(product, env)
        try:
            paint.append(terminal.wait_for("1 Nodes"))
            data.append(terminal.wait_for("never-succeeded"))
            leaving.append(terminal.leave())
        finally:
            terminal.close()
    ratio = statistics.median(p / b for p, b in zip(paint, bare, strict=True))
    print(f"bare Textual + DataTable, first text  {_ms(bare)}")
    print(f"homelab, first paint                  {_ms(paint)}   {ratio:.2f} x bare (target 1.30)")
    print(f"homelab, first failed Job on screen   {_ms(data)}")
    print(f"homelab, q to the end of the process  {_ms(leaving)}   (target 300 ms)")


def _measure_demo() -> None:
    bare, first, nodes = [], [], []
    for _ in range(ROUNDS):
        bare.append(_painted([sys.executable, str(BARE)], "row-0"))
        terminal = Terminal([sys.executable, "-m", "homelab_tui", "demo"])
        try:
            first.append(
                terminal.wait_for("never-succeeded")
            )  # a verdict over a CronJob's runs, from the lab's clusters
            nodes.append(terminal.wait_for("8/8 up"))
            terminal.leave()
        finally:
            terminal.close()
    ratio = statistics.median(f / b for f, b in zip(first, bare, strict=True))
    print(f"bare Textual + DataTable, first text  {_ms(bare)}")
    print(f"homelab demo, first live data         {_ms(first)}   {ratio:.2f} x bare (target 1,500 ms, lab included)")
    print(f"homelab demo, all nodes answer        {_ms(nodes)}")


def _painted(command: Sequence[str], text: str) -> float:
    terminal = Terminal(command)
    try:
        return terminal.wait_for(text)
    finally:
        terminal.close()


def _ms(seconds: Sequence[float]) -> str:
    low, middle, high = min(seconds), statistics.median(seconds), max(seconds)
    return f"{middle * 1000:7.0f} ms ({low * 1000:.0f}–{high * 1000:.0f})"
