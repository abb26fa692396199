"""10,000 Jobs and 2,000 CronJobs: first failures on the screen, a new failure, memory, CPU at 50 changes a second.

Targets of issue 4: ≤ 900 ms, p50 ≤ 30 and p95 ≤ 100 ms, ≤ 80 MB, ≤ 15 % of a core.
"""

from bench._dashboards import NEW_FAILURES, dashboard, spread

JOBS, CRONJOBS = 10_000, 2_000
CHANGES_PER_S = 50


def main() -> None:
    """Print the figures beside their targets."""
    with dashboard(JOBS, CRONJOBS) as running:
        painted_s = running.terminal.wait_for("1 Nodes")
        failures_s = running.terminal.wait_for("crowd-00000")
        print(f"first paint                      {painted_s * 1000:6.0f} ms   (target 400)")
        print(f"first failures on the screen     {failures_s * 1000:6.0f} ms   (target 900)")
        running.terminal.watch(10.0)
        running.terminal.send("3\x1b[H")
        print(f"RSS                              {running.rss_mb():6.0f} MB   (target 80)")
        print(f"CPU, nothing changes             {running.cpu_percent(10.0):6.1f} %")
        print(f"a new failure                    {spread(running.failures_ms(NEW_FAILURES[:15]))}   (target 30, 100)")
        running.tell_lab(f"churn {CHANGES_PER_S}")
        running.terminal.watch(3.0)
        print(f"CPU at {CHANGES_PER_S} changes/s              {running.cpu_percent(10.0):6.1f} %    (target 15)")
        found = running.failures_ms(NEW_FAILURES[15:30])
        print(f"a new failure at {CHANGES_PER_S} changes/s    {spread(found)}   (target 30, 100)")
        print(f"RSS                              {running.rss_mb():6.0f} MB")
        print(f"q → end of the process           {running.terminal.leave() * 1000:6.0f} ms")
