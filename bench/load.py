"""10,000 Jobs in 2,000 CronJobs: first failures on the screen, a new failure, memory, CPU at 50 changes a second.

Targets of issue 4: ≤ 900 ms, p50 ≤ 30 and p95 ≤ 100 ms, ≤ 80 MB (120 MB with Prometheus beside it), ≤ 15 % of a core.
"""

import statistics

from bench._dashboards import FIRST_FAILURE, JOBS_PANE, LoadServer, Program, homelab, load_server, new_names, spread

JOBS, CRONJOBS = 10_000, 2_000
CHANGES_PER_S = 50
STARTS = 9


def main() -> None:
    """Print the figures beside their targets, without and with Prometheus."""
    with load_server(JOBS, CRONJOBS) as server:
        for prometheus in (False, True):
            print(f"-- {'Kubernetes and Prometheus' if prometheus else 'Kubernetes alone'}")
            measure(server, prometheus=prometheus)


def measure(server: LoadServer, *, prometheus: bool) -> None:
    """Some starts, and one life of the dashboard."""
    measure_starts(server, prometheus=prometheus)
    with homelab(server, prometheus=prometheus) as running:
        terminal = running.terminal
        begin(running)
        terminal.watch(10.0)
        print(f"RSS                              {running.rss_mb():6.0f} MB   (target {120 if prometheus else 80})")
        print(f"CPU so far                       {running.cpu_s():6.2f} s")
        print(f"CPU, nothing changes             {running.cpu_percent(10.0):6.1f} %")
        print(f"a new failure                    {spread(running.failures_ms(new_names(15)))}   (target 30, 100)")
        server.tell(f"churn {CHANGES_PER_S}")
        terminal.watch(3.0)
        print(f"CPU at {CHANGES_PER_S} changes/s              {running.cpu_percent(10.0):6.1f} %    (target 15)")
        found = running.failures_ms(new_names(15, first=100))
        print(f"a new failure at {CHANGES_PER_S} changes/s    {spread(found)}   (target 30, 100)")
        server.tell("churn 0")
        print(f"RSS                              {running.rss_mb():6.0f} MB")
        print(f"q → end of the process           {terminal.leave() * 1000:6.0f} ms")


def measure_starts(server: LoadServer, *, prometheus: bool) -> None:
    """Medians: one start may fall into any second of the machine's."""
    starts: list[tuple[float, float]] = []
    for _ in range(STARTS):
        with homelab(server, prometheus=prometheus) as running:
            starts.append(begin(running))
            running.terminal.leave()
    for words, target, found in zip(
        ("first paint", "first failures on the screen"), (400, 900), zip(*starts, strict=True), strict=True
    ):
        middle, least, most = (number * 1000 for number in (statistics.median(found), min(found), max(found)))
        print(f"{words:32} {middle:6.0f} ms   (target {target}; {least:.0f} to {most:.0f} in {STARTS} starts)")


def begin(running: Program) -> tuple[float, float]:
    """Seconds until the first paint, and until the first failed Job is in sight."""
    painted_s = running.terminal.wait_for("1 Nodes")
    running.terminal.send(JOBS_PANE)
    return painted_s, running.terminal.wait_for(FIRST_FAILURE)
