"""The dashboard in a pseudo-terminal on a lab with many Jobs: what `watch` and `load` measure."""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench._terminals import Terminal

LAB = Path(__file__).with_name("_load_lab.py")
NEW_FAILURES = tuple(f"crowd-{number:05d}" for number in range(1, 60) if number % 10)
"""Jobs that ended well, and whose rows, once they have failed, stand near the top."""
_TICKS = os.sysconf("SC_CLK_TCK")


class Dashboard:
    """The program, its terminal, and its lab."""

    def __init__(self, terminal: Terminal, lab: "subprocess.Popen[str]") -> None:
        self.terminal = terminal
        self._lab = lab

    def tell_lab(self, command: str) -> None:
        """See `_load_lab`."""
        if self._lab.stdin is None:
            raise RuntimeError("the lab has no stdin")
        self._lab.stdin.write(command + "\n")
        self._lab.stdin.flush()

    def failures_ms(self, names: Sequence[str]) -> list[float]:
        """For each Job: ms from its failure at the API to its name on the screen."""
        found = []
        for name in names:
            self.terminal.forget()
            begun = time.perf_counter()
            self.tell_lab(f"fail {name}")
            self.terminal.wait_for(name)
            found.append((time.perf_counter() - begun) * 1000)
            self.tell_lab(f"remove {name}")
            self.terminal.watch(0.3)
        return found

    def rss_mb(self) -> float:
        """Resident memory of the program now."""
        pages = int(Path(f"/proc/{self.terminal.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6

    def cpu_percent(self, seconds: float) -> float:
        """Share of one core that the program used while we watched."""
        before, begun = self._cpu_s(), time.perf_counter()
        self.terminal.watch(seconds)
        return 100 * (self._cpu_s() - before) / (time.perf_counter() - begun)

    def _cpu_s(self) -> float:
        fields = Path(f"/proc/{self.terminal.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS


@contextmanager
def dashboard(jobs: int, cronjobs: int) -> Iterator[Dashboard]:
    """The dashboard on a lab of that size, just started."""
    with tempfile.TemporaryDirectory(prefix="homelab-bench-") as scratch:
        config = Path(scratch) / "config.toml"
        command = [sys.executable, str(LAB), str(jobs), str(cronjobs), str(config)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as lab:
            if lab.stdout is None or lab.stdout.readline().strip() != "ready":
                raise RuntimeError("the lab did not start")
            env = {"XDG_STATE_HOME": str(Path(scratch) / "state")}
            terminal = Terminal([sys.executable, "-m", "homelab_tui", "--config", str(config)], env)
            try:
                yield Dashboard(terminal, lab)
            finally:
                terminal.close()
                if lab.stdin is not None:
                    lab.stdin.close()


def spread(found: Sequence[float]) -> str:
    """p50 and p95, ms."""
    ordered = sorted(found)
    p95 = ordered[min(len(ordered) - 1, round(0.95 * (len(ordered) - 1)))]
    return f"p50 {statistics.median(ordered):5.0f} ms, p95 {p95:5.0f} ms (n={len(ordered)})"
