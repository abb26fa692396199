"""500 events a second, a full list again, page after page: how long the loop lets a key wait, with 10,000 Jobs.

Targets of issue 4: p99 of the UI loop's own lag ≤ 50 ms; a page-down ≤ 16 ms of loop. "Own" is the CPU of the loop's
thread: what other programs take from this machine is in the wall figures beside it.
"""

import json
import os
import signal
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench._dashboards import FIRST_FAILURE, JOBS_PANE, Program, homelab, load_server
from bench._turns import TURNS

LAUNCHER = Path(__file__).with_name("_turns.py")
EVENTS_PER_S = 500
PRESSES = 30
Turns = list[tuple[float, float]]


def main() -> None:
    """Print the lag under each strain."""
    with tempfile.TemporaryDirectory(prefix="homelab-bench-") as scratch, load_server(10_000, 2_000) as server:
        path = Path(scratch) / "turns.json"
        os.environ[TURNS] = str(path)
        try:
            with homelab(server, launcher=("-P", str(LAUNCHER))) as running:
                terminal = running.terminal
                terminal.wait_for("1 Nodes", 60.0)
                terminal.send(JOBS_PANE)
                terminal.wait_for(FIRST_FAILURE, 60.0)
                terminal.watch(10.0)
                _print("start, and 10,000 Jobs listed", _turns(running, path))
                terminal.watch(10.0)
                _print("nothing changes", _turns(running, path))
                server.tell("relist")
                terminal.watch(8.0)
                _print("a full list again", _turns(running, path))
                server.tell(f"churn {EVENTS_PER_S}")
                terminal.watch(2.0)
                _turns(running, path)
                cpu = running.cpu_percent(10.0)
                _print(f"{EVENTS_PER_S} events/s ({cpu:.0f} % of a core)", _turns(running, path))
                server.tell("churn 0")
                terminal.watch(2.0)
                _turns(running, path)
                _page_down(running, path)
        finally:
            del os.environ[TURNS]


def _page_down(running: Program, path: Path) -> None:
    """What a press costs beyond what the loop does anyway."""
    pause_s = 0.2
    running.terminal.watch(PRESSES * pause_s)
    idle_s = sum(cpu for _, cpu in _turns(running, path))
    for _ in range(PRESSES):
        running.terminal.send("\x1b[6~")
        running.terminal.watch(pause_s)
    turns = _turns(running, path)
    own_ms = 1000 * (sum(cpu for _, cpu in turns) - idle_s) / PRESSES
    longest_ms = 1000 * max(cpu for _, cpu in turns)
    print(f"page-down                              {own_ms:5.1f} ms of loop a press, longest turn {longest_ms:.0f} ms")


def _turns(running: Program, path: Path) -> Turns:
    path.unlink(missing_ok=True)
    os.kill(running.terminal.pid, signal.SIGUSR1)
    for _ in range(200):
        running.terminal.watch(0.05)
        if path.exists():
            return [(wall, cpu) for wall, cpu in json.loads(path.read_text(encoding="ascii"))]
    raise TimeoutError("the dashboard does not tell its turns")


def _print(what: str, turns: Turns) -> None:
    lasted_s = max(10.0, sum(wall for wall, _ in turns))
    for name, values in (("own", [cpu for _, cpu in turns]), ("wall", [wall for wall, _ in turns])):
        p99, longest = lag_s(values, lasted_s), max(values)
        label = what if name == "own" else ""
        print(f"{label:38} {name:4} lag p99 {p99 * 1000:5.0f} ms, longest turn {longest * 1000:5.0f} ms")


def lag_s(turns: Sequence[float], lasted_s: float, share: float = 0.99) -> float:
    """What something that comes at any moment has to wait at most, in that share of the cases.

    It comes in a turn of length d with a likelihood of d, and waits for what is left of it.
    """
    low, high = 0.0, max(turns, default=0.0)
    for _ in range(40):
        middle = (low + high) / 2
        later_s = sum(max(0.0, turn - middle) for turn in turns)
        low, high = (middle, high) if later_s > (1 - share) * lasted_s else (low, middle)
    return high


if __name__ == "__main__":
    main()
