"""What becomes of an alert behind Alertmanager: silenced and inhibited beat firing, and only where it is certain."""

import pytest

from homelab_tui.domain.alerts import (
    AlertmanagerSnapshot,
    HeldAlert,
    Matcher,
    Silence,
    matchers_for,
    our_silences_of,
    silences_of,
    with_alertmanagers,
)
from homelab_tui.domain.jobs import Alert, AlertState, Job, JobId, JobState, MetricsSnapshot
from homelab_tui.domain.values import replace
from tests.job_worlds import NOW, ago, job, nuc, only, rows, told

FIRING, PENDING = AlertState.FIRING, AlertState.PENDING
SILENCED, INHIBITED = AlertState.SILENCED, AlertState.INHIBITED
JOB = Job(JobId("nuc", "ops", "a"), JobState.FAILED, uid="u")
HELD = HeldAlert("KubeJobFailed", "ops", "a", SILENCED, silenced_by=("s1",))
OURS = Silence(
    "s1",
    "main",
    (Matcher("alertname", "KubeJobFailed"), Matcher("namespace", "ops"), Matcher("job_name", "a")),
    NOW,
    NOW,
    "me@here (homelab)",
    "known",
)


def alert(state: AlertState = FIRING, name: str = "a") -> Alert:
    return Alert("KubeJobFailed", "ops", name, state, ago(20))


def behind(*held: HeldAlert, silences: tuple[Silence, ...] = ()) -> tuple[AlertmanagerSnapshot, ...]:
    return (AlertmanagerSnapshot("main", held, silences),)


def state_of(
    prometheus: Alert, told_by: tuple[AlertmanagerSnapshot, ...], clusters: tuple[str, ...] = ("nuc",)
) -> AlertState:
    found = with_alertmanagers(MetricsSnapshot("nuc", alerts=(prometheus,)), told_by, clusters).alerts
    assert found is not None
    return next(one.state for one in found if one.job_name == prometheus.job_name)


@pytest.mark.parametrize(
    ("prometheus", "held", "silences", "expected"),
    [
        (FIRING, (), (), FIRING),
        (FIRING, (HELD,), (), SILENCED),
        (FIRING, (replace(HELD, state=INHIBITED),), (), INHIBITED),
        # one of two kube-state-metrics Pods' alerts is not held back: somebody is woken
        (FIRING, (HELD, replace(HELD, state=FIRING)), (), FIRING),
        (FIRING, (HELD, replace(HELD, state=INHIBITED)), (), SILENCED),
        (FIRING, (replace(HELD, name="Other"),), (), FIRING),
        (FIRING, (replace(HELD, namespace="db"),), (), FIRING),
        (FIRING, (replace(HELD, job_name="b"),), (), FIRING),
        # an Alertmanager has no pending alerts: the silences tell what will become of one
        (PENDING, (), (OURS,), SILENCED),
        (PENDING, (), (), PENDING),
        (FIRING, (), (OURS,), SILENCED),
        (PENDING, (), (replace(OURS, is_active=False),), PENDING),
        (PENDING, (), (replace(OURS, matchers=()),), PENDING),
        # what the alert's other labels are is not known, so neither is whether this one holds it
        (PENDING, (), (replace(OURS, matchers=(*OURS.matchers, Matcher("severity", "warning"))),), PENDING),
        (PENDING, (), (replace(OURS, matchers=(Matcher("job_name", "a|b", is_regex=True),)),), SILENCED),
        (PENDING, (), (replace(OURS, matchers=(Matcher("job_name", "b", is_equal=False),)),), SILENCED),
        (PENDING, (), (replace(OURS, matchers=(Matcher("job_name", "(", is_regex=True),)),), PENDING),
    ],
)
def test_an_alert_stands_as_the_alertmanager_says(
    prometheus: AlertState, held: tuple[HeldAlert, ...], silences: tuple[Silence, ...], expected: AlertState
) -> None:
    assert state_of(alert(prometheus), behind(*held, silences=silences)) is expected


def test_a_cluster_label_keeps_the_alerts_of_two_clusters_apart() -> None:
    clusters = ("nuc", "pi")
    assert state_of(alert(), behind(replace(HELD, cluster="pi")), clusters) is FIRING
    assert state_of(alert(), behind(replace(HELD, cluster="nuc")), clusters) is SILENCED
    # a label that means something else (the site, say) says nothing about whose it is
    assert state_of(alert(), behind(replace(HELD, cluster="home")), clusters) is SILENCED


def test_an_alert_of_a_ruler_elsewhere_is_added_where_it_is_certain_whose_it_is() -> None:
    without = MetricsSnapshot("nuc", alerts=None)
    found = with_alertmanagers(without, behind(replace(HELD, state=FIRING)), ("nuc",)).alerts
    assert found == (Alert("KubeJobFailed", "ops", "a", FIRING),)
    assert with_alertmanagers(without, behind(HELD), ("nuc", "pi")).alerts is None
    assert with_alertmanagers(without, (), ("nuc",)) is without


def test_the_row_of_a_silenced_job_says_so() -> None:
    snapshot = with_alertmanagers(told(alerts=(alert(),)), behind(HELD), ("nuc",))
    assert only(rows([nuc(job("a", JobState.FAILED))], [snapshot])).alert is SILENCED


def test_a_silence_is_on_name_namespace_and_job_and_on_the_label_that_bears_the_namespace() -> None:
    plain = matchers_for(JOB, (), ("MyJobFailed",))
    assert [(one.name, one.value) for one in plain] == [
        ("alertname", "MyJobFailed"),
        ("namespace", "ops"),
        ("job_name", "a"),
    ]
    exported = matchers_for(JOB, behind(replace(HELD, has_exported_namespace=True)))
    assert [one.name for one in exported] == ["alertname", "exported_namespace", "job_name"]
    assert not any(one.is_regex for one in (*plain, *exported))


def test_only_silences_of_ours_for_just_this_job_are_ours_to_end() -> None:
    assert our_silences_of(JOB, behind(silences=(OURS,))) == (OURS,)
    for other in (
        replace(OURS, created_by="grafana"),
        replace(OURS, matchers=OURS.matchers[:2]),
        replace(OURS, matchers=(*OURS.matchers, Matcher("pod", "x"))),
        replace(OURS, matchers=(*OURS.matchers[:2], Matcher("job_name", "a.*", is_regex=True))),
    ):
        assert our_silences_of(JOB, behind(silences=(other,))) == ()
        assert our_silences_of(replace(JOB, id=JobId("nuc", "ops", "b")), behind(silences=(OURS,))) == ()


def test_whoever_silenced_it_is_told() -> None:
    theirs = replace(OURS, id="s2", created_by="grafana", matchers=(Matcher("severity", "warning"),))
    held = replace(HELD, silenced_by=("s2",))
    assert silences_of(JOB, behind(held, silences=(theirs,))) == (theirs,)
    assert silences_of(JOB, behind(silences=(theirs, OURS))) == (OURS,)
