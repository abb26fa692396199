"""10,000 Jobs in 2,000 CronJobs: first failures on the screen, a new failure, memory, CPU at 50 changes a second.

Targets of issue 4: ≤ 900 ms, p50 ≤ 30 and p95 ≤ 100 ms, ≤ 80 MB (120 MB with Prometheus beside it), ≤ 15 % of a core.
"""

from bench._dashboards import FIRST_FAILURE, JOBS_PANE, LoadServer, homelab, load_server, new_names, spread

JOBS, CRONJOBS = 10_000, 2_000
CHANGES_PER_S = 50


def main() -> None:
    """Print the figures beside their targets, without and with Prometheus."""
    with load_server(JOBS, CRONJOBS) as server:
        for prometheus in (False, True):
            print(f"-- {'Kubernetes and Prometheus' if prometheus else 'Kubernetes alone'}")
            measure(server, prometheus=prometheus)


def measure(server: LoadServer, *, prometheus: bool) -> None:
    """One life of the dashboard."""
    with homelab(server, prometheus=prometheus) as running:
        terminal = running.terminal
        painted_s = terminal.wait_for("1 Nodes")
        terminal.send(JOBS_PANE)
        failures_s = terminal.wait_for(FIRST_FAILURE)
        print(f"first paint                      {painted_s * 1000:6.0f} ms   (target 400)")
        print(f"first failures on the screen     {failures_s * 1000:6.0f} ms   (target 900)")
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
