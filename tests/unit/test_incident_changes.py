"""What is news about incidents, and what is only flapping."""

from datetime import UTC, datetime, timedelta

from homelab_tui.domain.incident_changes import ChangeKind, IncidentLog
from homelab_tui.domain.incident_values import Evidence, Incident, Severity
from homelab_tui.domain.values import replace

START = datetime(2026, 11, 23, tzinfo=UTC)
HUNG = Incident("node:rpi03", Severity.CRITICAL, "rpi03: hung", (Evidence("node", "hung"),))


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def news(log: IncidentLog, seconds: float, *found: Incident) -> list[tuple[ChangeKind, str]]:
    return [(change.kind, change.incident.title) for change in log.observe(found, at(seconds))]


def test_an_incident_is_told_once_it_has_lasted_and_then_not_again() -> None:
    log = IncidentLog(5)
    assert news(log, 0, HUNG) == []
    assert news(log, 4.9, HUNG) == []
    assert news(log, 5, HUNG) == [(ChangeKind.NEW, "rpi03: hung")]
    assert news(log, 60, HUNG) == []
    assert log.open == (HUNG,)


def test_what_comes_and_goes_at_once_is_no_news() -> None:
    log = IncidentLog(5)
    for second in range(0, 60, 4):
        assert news(log, second, HUNG) == []
        assert news(log, second + 2) == []


def test_it_is_over_once_it_has_been_away_as_long() -> None:
    log = IncidentLog(5)
    news(log, 0, HUNG)
    news(log, 5, HUNG)
    assert news(log, 6) == []
    assert news(log, 8, HUNG) == [], "back before anybody was told"
    assert news(log, 20) == []
    assert news(log, 25) == [(ChangeKind.OVER, "rpi03: hung")]
    assert log.open == ()


def test_what_it_has_become_is_news_and_more_evidence_of_the_same_is_not() -> None:
    log = IncidentLog(0)
    assert news(log, 0, HUNG) == [(ChangeKind.NEW, "rpi03: hung")]
    more = replace(HUNG, evidence=(*HUNG.evidence, Evidence("power", "denied")))
    assert news(log, 1, more) == []
    worse = replace(more, title="rpi03: hung; 1 failure on it")
    assert news(log, 2, worse) == [(ChangeKind.CHANGED, "rpi03: hung; 1 failure on it")]


def test_two_incidents_do_not_wait_for_each_other() -> None:
    other = replace(HUNG, key="node:rpi04", title="rpi04: hung")
    log = IncidentLog(5)
    news(log, 0, HUNG)
    assert news(log, 5, HUNG, other) == [(ChangeKind.NEW, "rpi03: hung")]
    assert news(log, 10, HUNG, other) == [(ChangeKind.NEW, "rpi04: hung")]
