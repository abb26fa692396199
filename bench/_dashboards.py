"""The dashboard in a pseudo-terminal beside a load of Jobs: what `watch`, `load`, `storm`, … measure."""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench._terminals import Terminal

SERVER = "bench._load_server"
FIRST_FAILURE = "crowd-0000-"
"""A failed Job that stands at the top."""
JOBS_PANE = "3\x1b[H"
"""Keys: the Jobs pane, its first row."""
_TICKS = os.sysconf("SC_CLK_TCK")


def new_names(count: int, first: int = 0) -> tuple[str, ...]:
    """Names of Jobs that do not exist yet, whose rows stand near the top once they have failed."""
    return tuple(f"crowd-{1 + number // 3:04d}-9{first + number:07d}" for number in range(count))


class LoadServer:
    """The API server with many Jobs, in a process of its own."""

    def __init__(self, process: "subprocess.Popen[str]", directory: Path, prometheus_port: int) -> None:
        self._process = process
        self.kubeconfig = directory / "kubeconfig"
        self.prometheus_port = prometheus_port

    def tell(self, command: str) -> float:
        """See `_load_server`; returns (perf_counter) when it has been obeyed."""
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("the load server has no pipes")
        self._process.stdin.write(command + "\n")
        self._process.stdin.flush()
        if self._process.stdout.readline().strip() != command:
            raise RuntimeError(f"the load server did not obey {command!r}")
        return time.perf_counter()


class Program:
    """A program in its terminal, beside the load."""

    def __init__(self, terminal: Terminal, server: LoadServer) -> None:
        self.terminal = terminal
        self.server = server

    def failures_ms(self, names: Sequence[str], timeout_s: float = 20.0) -> list[float]:
        """For each new Job: ms from the failure that the API sends to its name on the screen."""
        found = []
        for name in names:
            self.server.tell(f"new {name}")
            self.terminal.watch(0.4)
            self.terminal.forget()
            begun = self.server.tell(f"fail {name}")
            self.terminal.wait_for(name, timeout_s)
            found.append((time.perf_counter() - begun) * 1000)
            self.server.tell(f"remove {name}")
            self.terminal.watch(0.3)
        return found

    def rss_mb(self) -> float:
        """Resident memory of the program now."""
        pages = int(Path(f"/proc/{self.terminal.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6

    def cpu_percent(self, seconds: float) -> float:
        """Share of one core that the program used while we watched."""
        before, begun = self.cpu_s(), time.perf_counter()
        self.terminal.watch(seconds)
        return 100 * (self.cpu_s() - before) / (time.perf_counter() - begun)

    def cpu_s(self) -> float:
        """Seconds of a core that it has used so far."""
        fields = Path(f"/proc/{self.terminal.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS


@contextmanager
def load_server(jobs: int, cronjobs: int) -> Iterator[LoadServer]:
    """The API server, ready."""
    with tempfile.TemporaryDirectory(prefix="homelab-bench-") as scratch:
        command = [sys.executable, "-m", SERVER, str(jobs), str(cronjobs), scratch]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            word, _, port = (process.stdout.readline() if process.stdout else "").strip().partition(" ")
            if word != "ready":
                raise RuntimeError("the load server did not start")
            try:
                yield LoadServer(process, Path(scratch), int(port))
            finally:
                if process.stdin is not None:
                    process.stdin.close()


@contextmanager
def program(command: Sequence[str], server: LoadServer, env: Mapping[str, str] | None = None) -> Iterator[Program]:
    """Any program, just started, with this cluster as its kubeconfig."""
    terminal = Terminal(command, {"KUBECONFIG": str(server.kubeconfig), **(env or {})})
    try:
        yield Program(terminal, server)
    finally:
        terminal.close()


@contextmanager
def homelab(
    server: LoadServer, *, prometheus: bool = False, launcher: Sequence[str] = ("-m", "homelab_tui")
) -> Iterator[Program]:
    """The dashboard on that load, just started. `launcher`: what Python runs instead of the program itself."""
    with tempfile.TemporaryDirectory(prefix="homelab-bench-") as scratch:
        config = Path(scratch) / "config.toml"
        text = f'[[clusters]]\nname = "load"\nkubeconfig = "{server.kubeconfig}"\n'
        if prometheus:
            url = f"http://127.0.0.1:{server.prometheus_port}"
            text += f'[[prometheus]]\nname = "metrics"\nurl = "{url}"\ncluster = "load"\n'
        config.write_text(text)
        command = [sys.executable, *launcher, "--config", str(config)]
        with program(command, server, {"XDG_STATE_HOME": str(Path(scratch) / "state")}) as running:
            yield running


def spread(found: Sequence[float]) -> str:
    """p50 and p95, ms."""
    ordered = sorted(found)
    return f"p50 {statistics.median(ordered):5.0f} ms, p95 {quantile(ordered, 0.95):5.0f} ms (n={len(ordered)})"


def quantile(values: Sequence[float], share: float) -> float:
    """The nearest-rank quantile."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, round(share * (len(ordered) - 1)))]
