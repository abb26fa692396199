"""What kube-state-metrics exposes of Jobs and CronJobs, for tests that scrape it."""

from collections.abc import Iterable, Mapping, Sequence

from homelab_tui.domain.jobs import CronJobSeries, JobSeries

Exposed = tuple[str, Mapping[str, str], float]
"""Metric name, its own labels, value: a line of the exposition."""


def expose(jobs: Sequence[JobSeries], cronjobs: Sequence[CronJobSeries]) -> list[Exposed]:
    """The exposition of these objects, written as kube-state-metrics 2 does."""
    lines: list[Exposed] = [("kube_node_info", {"node": "nuc02"}, 1.0)]
    for job in jobs:
        own = {"namespace": job.namespace, "job_name": job.name}
        owner = (
            {"owner_kind": "CronJob", "owner_name": job.cronjob, "owner_is_controller": "true"} if job.cronjob else {}
        )
        lines += [("kube_job_info", own, 1.0), ("kube_job_owner", own | owner, 1.0)]
        for name, flag in (("failed", job.failed), ("complete", job.complete)):
            if flag is not None:
                lines.append((f"kube_job_{name}", own | {"condition": "true"}, float(flag)))
                lines.append((f"kube_job_{name}", own | {"condition": "false"}, float(not flag)))
        for name, at in (
            ("created", job.created_at),
            ("status_start_time", job.started_at),
            ("status_completion_time", job.completed_at),
        ):
            if at is not None:
                lines.append((f"kube_job_{name}", own, at.timestamp()))
        if job.active is not None:
            lines.append(("kube_job_status_active", own, float(job.active)))
        if job.node is not None:
            pod = {"namespace": job.namespace, "pod": f"{job.name}-x", "node": job.node}
            lines.append(("kube_pod_info", pod | {"created_by_kind": "Job", "created_by_name": job.name}, 1.0))
    for cron in cronjobs:
        lines += _expose_cronjob(cron)
    return lines


def _expose_cronjob(cron: CronJobSeries) -> list[Exposed]:
    own = {"namespace": cron.namespace, "cronjob": cron.name}
    info = {"schedule": cron.schedule or "", "timezone": cron.time_zone or "local", "concurrency_policy": "Forbid"}
    lines: list[Exposed] = [("kube_cronjob_info", own | info, 1.0)]
    for name, at in (
        ("created", cron.created_at),
        ("status_last_schedule_time", cron.last_scheduled_at),
        ("status_last_successful_time", cron.last_succeeded_at),
        ("next_schedule_time", cron.next_run_at),
    ):
        if at is not None:
            lines.append((f"kube_cronjob_{name}", own, at.timestamp()))
    if cron.suspended is not None:
        lines.append(("kube_cronjob_spec_suspend", own, float(cron.suspended)))
    if cron.active is not None:
        lines.append(("kube_cronjob_status_active", own, float(cron.active)))
    return lines


def exposition(lines: Iterable[Exposed], *, old_names: bool = False) -> str:
    """The lines as text; `old_names`: the label is `job`, as before kube-state-metrics 1.4."""
    return "".join(f"{name}{{{_labels(labels, old_names=old_names)}}} {value!r}\n" for name, labels, value in lines)


def _labels(labels: Mapping[str, str], *, old_names: bool) -> str:
    shown = {"job" if old_names and key == "job_name" else key: text for key, text in labels.items()}
    return ",".join(f'{key}="{_escaped(text)}"' for key, text in shown.items())


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
