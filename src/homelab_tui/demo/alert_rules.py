"""Alerting rules of a demo Prometheus: pending, then firing, until what they saw is gone."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from homelab_tui.demo.promql import Evaluator, Point
from homelab_tui.demo.promql_errors import QueryError
from homelab_tui.demo.promql_syntax import parse
from homelab_tui.demo.timeseries import Labels, SeriesKey, TimeSeries, series_key


@dataclass(frozen=True, slots=True)
class AlertRule:
    """One alerting rule."""

    name: str
    expr: str
    for_s: float
    severity: str
    summary: str
    description: str


@dataclass(slots=True)
class Alert:
    """One active alert of a rule."""

    labels: Labels
    annotations: Labels
    active_at: float
    value: float
    state: Literal["pending", "firing"] = "pending"


@dataclass(slots=True)
class RuleState:
    """A rule and what it found at its last evaluation."""

    rule: AlertRule
    alerts: dict[SeriesKey, Alert] = field(default_factory=dict)
    evaluated_at: float = 0.0
    error: str | None = None


def lab_rules(for_s: float) -> tuple[AlertRule, ...]:
    """The rules of the lab; `for_s` stands for the 15 minutes that kube-prometheus-stack waits."""
    return (
        AlertRule(
            "KubeJobFailed",
            'kube_job_failed{job="kube-state-metrics"} > 0',
            for_s,
            "warning",
            "Job failed to complete.",
            "Job {{ $labels.namespace }}/{{ $labels.job_name }} failed to complete. "
            "Removing failed job after investigation should clear this alert.",
        ),
        AlertRule(
            "NodeDown",
            'up{job="node-exporter"} == 0',
            for_s / 2,
            "critical",
            "Node does not answer.",
            "{{ $labels.instance }} has not answered its scrapes.",
        ),
        AlertRule(
            "NodeUnderVoltage",
            "node_hwmon_in_lcrit_alarm_volts == 1",
            0.0,
            "warning",
            "Under-voltage.",
            "{{ $labels.instance }} gets too little voltage.",
        ),
    )


class AlertRules:
    """Evaluates the rules after each scrape."""

    def __init__(self, storage: TimeSeries, rules: tuple[AlertRule, ...]) -> None:
        self.storage = storage
        self.states = [RuleState(rule) for rule in rules]

    def evaluate(self, at: float) -> None:
        """One evaluation of every rule at a moment; keeps the ALERTS series."""
        for state in self.states:
            try:
                found = Evaluator(self.storage, at).value(parse(state.rule.expr))
            except QueryError as error:
                state.error = error.message
                continue
            state.error, state.evaluated_at = None, at
            seen = {self._see(state, point, at) for point in found} if isinstance(found, list) else set()
            for key in [key for key in state.alerts if key not in seen]:
                self._series(state.alerts.pop(key), None, at)

    def active(self) -> list[tuple[AlertRule, Alert]]:
        """Every pending or firing alert with its rule."""
        return [(state.rule, alert) for state in self.states for alert in state.alerts.values()]

    def _see(self, state: RuleState, point: Point, at: float) -> SeriesKey:
        rule = state.rule
        labels = {key: value for key, value in point.labels.items() if key != "__name__"}
        labels |= {"alertname": rule.name, "severity": rule.severity}
        key = series_key("", labels)
        alert = state.alerts.get(key)
        if alert is None:
            alert = Alert(labels, _annotations(rule, labels), self._since(point, at), point.value)
            state.alerts[key] = alert
            self._series(alert, alert.state, at)
        alert.value = point.value
        if alert.state == "pending" and at - alert.active_at >= rule.for_s:
            self._series(alert, "firing", at)
            alert.state = "firing"
        return key

    def _since(self, point: Point, at: float) -> float:
        """When what the rule sees began: before the lab's first scrape for what is older than the lab."""
        if len(self.storage.scrapes) > 1:
            return at
        series = self.storage.get(point.labels)
        run = series.at(at) if series is not None else None
        return run.start if run is not None else at

    def _series(self, alert: Alert, state: str | None, at: float) -> None:
        """The ALERTS series follows the state: the old state's goes stale, the new one's begins."""
        for name in ("pending", "firing"):
            key = series_key("ALERTS", alert.labels | {"alertstate": name})
            if name == state:
                self.storage.write(key, 1.0, at)
            else:
                self.storage.mark_stale([key], at)


def _annotations(rule: AlertRule, labels: Labels) -> Labels:
    text = rule.description
    for key, value in labels.items():
        text = text.replace("{{ $labels." + key + " }}", value)
    return {"summary": rule.summary, "description": text}


def alert_document(alert: Alert) -> dict[str, object]:
    """An alert as /api/v1/alerts and /api/v1/rules show it."""
    return {
        "labels": alert.labels,
        "annotations": alert.annotations,
        "state": alert.state,
        "activeAt": datetime.fromtimestamp(alert.active_at, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "value": exponent(alert.value),
    }


def exponent(value: float) -> str:
    """A float as Go's `%e` with the fewest digits: 1e+00."""
    mantissa, _, power = f"{value:.15e}".partition("e")
    return f"{mantissa.rstrip('0').rstrip('.')}e{power}" if power else str(value)
