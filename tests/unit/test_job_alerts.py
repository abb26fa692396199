"""The story of an alert: when it fires, who silenced it, and why it does not clear by itself."""

from datetime import timedelta

import pytest

from homelab_tui.domain.alerts import AlertmanagerSnapshot, Matcher, Silence
from homelab_tui.domain.jobs import Alert, AlertState, CronJob, Job, JobState, MetricsSnapshot
from homelab_tui.domain.reading import Reading
from homelab_tui.domain.state import JobsView, LabState
from homelab_tui.domain.values import replace
from homelab_tui.present.details import details
from homelab_tui.present.job_alerts import stay_lines
from homelab_tui.present.jobs import rows
from homelab_tui.sources.prometheus_answers import waits
from tests.fakes import START, failed_job

JOB = replace(failed_job(), alert=AlertState.PENDING, alert_since=START - timedelta(minutes=6), cronjob="restic")
CRONJOB = CronJob("nuc", "backup", "restic", uid="c1", failed_jobs_history_limit=3)
PENDING = Alert("KubeJobFailed", "backup", "backup-1", AlertState.PENDING, JOB.alert_since, 900.0)
SILENCE = Silence(
    "s1",
    "main",
    (Matcher("alertname", "KubeJobFailed"), Matcher("namespace", "backup"), Matcher("job_name", "backup-1")),
    START,
    START + timedelta(hours=2),
    "anna@laptop (homelab)",
    "disk ordered",
)


def state(job: Job = JOB, *silences: Silence, alert: Alert = PENDING, cronjob: CronJob = CRONJOB) -> LabState:
    return LabState(
        prometheus=(("main", Reading(MetricsSnapshot("nuc", alerts=(alert,)), START)),),
        alertmanagers=(("main", Reading(AlertmanagerSnapshot("main", (), silences), START)),),
        jobs=JobsView((job,), (cronjob,)),
    )


def story(found: LabState) -> str:
    shown = details(found, f"job:{found.jobs.jobs[0].id}", START)
    assert shown is not None
    return shown[1].plain


def alert_cell(found: LabState) -> str:
    row = next(row for row in rows(found, START) if row.key.startswith("job:"))
    return row.cells[5].text


def test_a_pending_alert_tells_when_it_fires() -> None:
    assert alert_cell(state()) == "△ in 9m"
    assert "it fires in 9m" in story(state())
    untold = state(alert=replace(PENDING, for_s=None))
    assert alert_cell(untold) == "△ pending"
    assert "it fires" not in story(untold)
    late = state(alert=replace(PENDING, for_s=60.0))
    assert alert_cell(late) == "△ pending"


def test_a_firing_and_a_silenced_alert_tell_since_when_and_by_whom() -> None:
    assert "firing since" in story(state(replace(JOB, alert=AlertState.FIRING)))
    silenced = story(state(replace(JOB, alert=AlertState.SILENCED), SILENCE))
    assert "anna@laptop (homelab)" in silenced
    assert "disk ordered" in silenced
    assert "in 2h" in silenced
    assert "inhibited by another alert" in story(state(replace(JOB, alert=AlertState.INHIBITED)))


@pytest.mark.parametrize(
    ("job", "limit", "words"),
    [
        (JOB, 3, ("no ttlSecondsAfterFinished", "the last 3 failed Jobs stay until others fail")),
        (replace(JOB, ttl_seconds_after_finished=3660), 1, ("it goes in 1h", "the last failed Job stay")),
        (replace(JOB, ttl_seconds_after_finished=10**15), 1, ("it goes in",)),
        (replace(JOB, superseded=True), 0, ("a later run succeeded", "failedJobsHistoryLimit 0")),
        (JOB, None, ("nobody told",)),
    ],
)
def test_why_it_stays(job: Job, limit: int | None, words: tuple[str, ...]) -> None:
    text = story(state(job, cronjob=replace(CRONJOB, failed_jobs_history_limit=limit)))
    for word in words:
        assert word in text


def test_what_has_not_failed_needs_no_reason_to_stay() -> None:
    assert stay_lines(state(), replace(JOB, state=JobState.RUNNING), START) == []


def test_how_long_rules_wait_is_read_from_the_rules_of_prometheus() -> None:
    body = (
        b'{"status":"success","data":{"groups":[{"rules":[{"name":"KubeJobFailed","duration":900,"type":"alerting"},'
        b'{"name":"a:record","type":"recording"}]},{"rules":[{"name":"KubeJobFailed","duration":600}]},{}]}}'
    )
    assert waits(body) == {"KubeJobFailed": 600.0}
    assert waits(b'{"status":"success"}') == {}
