"""What the details of a Job and of a CronJob ask for beside what the state knows."""

from homelab_tui.domain.jobs import CronJob, Job
from homelab_tui.engine.lab import Lab
from homelab_tui.ui import screens

_LOG_LINES = 20


def job_sections(lab: Lab, key: str) -> "tuple[screens.Section, ...]":
    """Events, the end of the log and YAML of a Job; events of a CronJob; nothing of any other row."""
    kind, _, name = key.partition(":")
    view = lab.store.state.jobs
    if kind == "job":
        job = next((job for job in view.jobs if str(job.id) == name), None)
        return () if job is None else _of_job(lab, job)
    if kind == "cronjob":
        cronjob = next((one for one in view.cronjobs if one.key == name), None)
        return () if cronjob is None or cronjob.uid is None else _of_cronjob(lab, cronjob)
    return ()


def _of_job(lab: Lab, job: Job) -> "tuple[screens.Section, ...]":
    sections: tuple[screens.Section, ...] = (
        ("The end of its log (l shows all)", lambda: lab.looks.read_log_end(job, _LOG_LINES)),
        ("Events of the Job, its Pods and its CronJob", lambda: lab.looks.read_events_text(job)),
    )
    if job.uid is None:
        return sections
    return (*sections, ("YAML, secrets masked", lambda: lab.jobs.read_yaml(job)))


def _of_cronjob(lab: Lab, cronjob: CronJob) -> "tuple[screens.Section, ...]":
    async def events() -> str:
        found = await lab.jobs.read_cronjob_events(cronjob)
        return "\n".join(found) or "the API keeps none (they live for an hour)"

    return (("Events", events),)
