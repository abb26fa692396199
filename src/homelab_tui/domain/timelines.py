"""What happened lately, in one order: Jobs, alerts, boots, incidents, and what people did here. Pure."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from homelab_tui.domain.incidents import incidents
from homelab_tui.domain.jobs import Job, JobState
from homelab_tui.domain.state import LabState
from homelab_tui.domain.values import Frozen

SPAN = timedelta(hours=24)
"""How far back the line goes."""
_MOST = 500
_BOOT_S = 30.0
"""Uptimes are read at different times: a boot's moment is rounded to this many seconds."""


class Happening(Frozen):
    """One thing that happened."""

    at: datetime
    kind: str
    """job, alert, node, power, key, source or action."""
    text: str
    is_bad: bool = False


def timeline(state: LabState, actions: Iterable[Happening], now: datetime) -> tuple[Happening, ...]:
    """The last day, newest first, 500 at most. `actions`: what the activity log has, in any order."""
    found = set(actions)
    for job in state.jobs.jobs:
        found.update(_of_job(job))
    for view in state.node_views:
        if view.facts is not None and view.facts.uptime_s is not None:
            read_at = next((r.taken_at for name, r in state.probes if name == view.node.name), None)
            if read_at is not None and view.facts.uptime_s < SPAN.total_seconds():
                seconds = (read_at - timedelta(seconds=view.facts.uptime_s)).timestamp()
                at = datetime.fromtimestamp(seconds // _BOOT_S * _BOOT_S, read_at.tzinfo)
                found.add(Happening(at, "node", f"{view.node.name} booted"))
    for incident in incidents(state, now):
        for evidence in incident.evidence:
            if evidence.at is not None and evidence.kind != "job":  # the Jobs' own are told above
                found.add(Happening(evidence.at, evidence.kind, evidence.text, not evidence.is_good))
    lately = [one for one in found if now - SPAN <= one.at <= now]
    lately.sort(key=lambda one: (one.at, one.kind, one.text), reverse=True)
    return tuple(lately[:_MOST])


def _of_job(job: Job) -> Iterable[Happening]:
    place = f" on {job.node}" if job.node else ""
    if job.failed_at is not None and job.state in (JobState.FAILED, JobState.FAILING):
        why = f": {job.reason}" if job.reason else ""
        yield Happening(job.failed_at, "job", f"{job.id} failed{place}{why}", is_bad=True)
    elif job.completed_at is not None:
        yield Happening(job.completed_at, "job", f"{job.id} succeeded{place}")
    if job.started_at is not None:
        yield Happening(job.started_at, "job", f"{job.id} started{place}")
    if job.alert is not None and job.alert_since is not None:
        yield Happening(job.alert_since, "alert", f"alert {job.alert.value} for {job.id}", is_bad=True)
