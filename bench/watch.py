"""From a Job that fails at the API to its row on the screen, with a handful of Jobs and with 1,000.

Target: ≤ 500 ms (issue 2), p50 ≤ 30 ms and p95 ≤ 100 ms (issue 4).
"""

from bench._dashboards import FIRST_FAILURE, JOBS_PANE, homelab, load_server, new_names, spread

ROUNDS = 20


def main() -> None:
    """Print p50 and p95."""
    for jobs in (60, 1_000):
        with load_server(jobs, jobs // 5) as server, homelab(server) as running:
            running.terminal.wait_for("1 Nodes")
            running.terminal.send(JOBS_PANE)
            running.terminal.wait_for(FIRST_FAILURE)
            running.terminal.watch(3.0)
            found = running.failures_ms(new_names(ROUNDS))
            print(f"{jobs:6,} Jobs: failed at the API → on the screen  {spread(found)}")
            leaving_s = running.terminal.leave()
            print(f"{jobs:6,} Jobs: q → end of the process  {leaving_s * 1000:.0f} ms")
