"""What Alertmanagers know of the alerts that Prometheus fires: which are held back, by whom, until when."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

from homelab_tui.domain.jobs import Alert, AlertState, Job, MetricsSnapshot
from homelab_tui.domain.values import Frozen, replace

JOB_FAILED = "KubeJobFailed"
"""The alert of kubernetes-mixin for a failed Job: what is silenced where no alert of the Job is known yet."""
OURS = "(homelab)"
"""How `createdBy` ends in the silences that this program made."""
_LOUDEST = (AlertState.FIRING, AlertState.SILENCED, AlertState.INHIBITED)


class Matcher(Frozen):
    """One condition of a silence on a label."""

    name: str
    value: str
    is_regex: bool = False
    is_equal: bool = True

    def holds(self, labels: Mapping[str, str]) -> bool | None:
        """Whether the labels satisfy it; None for a label, or an expression, that cannot be judged here."""
        if self.name not in labels:
            return None
        if not self.is_regex:
            return (labels[self.name] == self.value) is self.is_equal
        try:
            return (re.fullmatch(self.value, labels[self.name]) is not None) is self.is_equal
        except re.error:
            return None  # Go's syntax is not quite Python's


class Silence(Frozen):
    """One silence that is in force, or going to be."""

    id: str
    alertmanager: str
    matchers: tuple[Matcher, ...]
    starts_at: datetime | None
    ends_at: datetime | None
    created_by: str
    comment: str
    is_active: bool = True
    """False: it begins later."""

    @property
    def is_ours(self) -> bool:
        """Whether this program made it."""
        return self.created_by.endswith(OURS)

    def mutes(self, labels: Mapping[str, str]) -> bool:
        """Whether it certainly holds back an alert with these labels, of which others may be unknown."""
        return self.is_active and bool(self.matchers) and all(matcher.holds(labels) for matcher in self.matchers)


class HeldAlert(Frozen):
    """One alert that an Alertmanager got, about a Job."""

    name: str
    namespace: str
    job_name: str
    state: AlertState
    """firing, silenced or inhibited; an Alertmanager knows no pending ones."""
    cluster: str | None = None
    """Its `cluster` label."""
    has_exported_namespace: bool = False
    """The Job's namespace is in the label `exported_namespace` (a scrape without honor_labels)."""
    starts_at: datetime | None = None
    silenced_by: tuple[str, ...] = ()
    """Ids of silences."""


class AlertmanagerSnapshot(Frozen):
    """What one Alertmanager says now: alerts about Jobs, and the silences that have not ended."""

    name: str
    alerts: tuple[HeldAlert, ...] = ()
    silences: tuple[Silence, ...] = ()


def with_alertmanagers(
    snapshot: MetricsSnapshot, told: Sequence[AlertmanagerSnapshot], clusters: Collection[str]
) -> MetricsSnapshot:
    """The snapshot with its alerts as they stand behind every Alertmanager: silenced and inhibited beat firing.

    `clusters` are all that are configured: an alert with the `cluster` label of another of them is not this one's.
    Alerts that only an Alertmanager has (of a ruler elsewhere) are added where it is certain whose they are.
    """
    if not told:
        return snapshot
    held: dict[tuple[str, str, str], list[HeldAlert]] = {}
    for alert in (alert for one in told for alert in one.alerts):
        if alert.cluster is None or alert.cluster == snapshot.cluster or alert.cluster not in clusters:
            held.setdefault((alert.name, alert.namespace, alert.job_name), []).append(alert)
    silences = [silence for one in told for silence in one.silences]
    alerts = [_standing(alert, held, silences) for alert in snapshot.alerts or ()]
    known = {(alert.name, alert.namespace, alert.job_name) for alert in alerts}
    for key, found in held.items():
        certain = [one for one in found if one.cluster == snapshot.cluster or len(clusters) == 1]
        if key not in known and certain:
            since = min((one.starts_at for one in certain if one.starts_at is not None), default=None)
            alerts.append(Alert(key[0], key[1], key[2], _loudest(certain), since))
    if snapshot.alerts is None and not alerts:
        return snapshot
    return replace(snapshot, alerts=tuple(alerts))


def _standing(alert: Alert, held: Mapping[tuple[str, str, str], list[HeldAlert]], silences: Iterable[Silence]) -> Alert:
    found = held.get((alert.name, alert.namespace or "", alert.job_name or ""))
    if found and alert.state is AlertState.FIRING:
        return replace(alert, state=_loudest(found))
    # A pending one is not at the Alertmanager yet: what will become of it is told by the silences.
    if any(silence.mutes(labels_of(alert)) for silence in silences):
        return replace(alert, state=AlertState.SILENCED)
    return alert


def _loudest(found: Iterable[HeldAlert]) -> AlertState:
    """A kube-state-metrics roll-out doubles alerts: one that is not held back is enough to be woken."""
    return min((alert.state for alert in found), key=_LOUDEST.index)


def labels_of(alert: Alert) -> dict[str, str]:
    """The labels of an alert that are known for certain."""
    return {"alertname": alert.name, "namespace": alert.namespace or "", "job_name": alert.job_name or ""}


def matchers_for(
    job: Job, told: Sequence[AlertmanagerSnapshot], alert_names: Sequence[str] = ()
) -> tuple[Matcher, ...]:
    """What silences the alert of a Job and nothing else: alertname, namespace, job_name.

    Never instance or pod, with which a restart of kube-state-metrics would wake people again.
    """
    held = next((alert for one in told for alert in one.alerts if _is_of(alert, job)), None)
    name = held.name if held is not None else next(iter(alert_names), JOB_FAILED)
    namespace = "exported_namespace" if held is not None and held.has_exported_namespace else "namespace"
    return (Matcher("alertname", name), Matcher(namespace, job.id.namespace), Matcher("job_name", job.id.name))


def _is_of(alert: HeldAlert, job: Job) -> bool:
    return (alert.namespace, alert.job_name) == (job.id.namespace, job.id.name) and alert.cluster in (
        None,
        job.id.cluster,
    )


def silences_of(job: Job, told: Sequence[AlertmanagerSnapshot]) -> tuple[Silence, ...]:
    """The silences that hold back alerts of a Job, whoever made them; the one that lasts longest first."""
    ids = {silence for one in told for alert in one.alerts if _is_of(alert, job) for silence in alert.silenced_by}
    names = {alert.name for one in told for alert in one.alerts if _is_of(alert, job)} or {JOB_FAILED}
    found = [
        silence
        for one in told
        for silence in one.silences
        if silence.id in ids or any(silence.mutes(labels_of(_alert(job, name))) for name in names)
    ]
    return tuple(sorted(found, key=lambda silence: silence.ends_at.timestamp() if silence.ends_at else 0, reverse=True))


def _alert(job: Job, name: str) -> Alert:
    return Alert(name, job.id.namespace, job.id.name, AlertState.FIRING)


def our_silences_of(job: Job, told: Sequence[AlertmanagerSnapshot]) -> tuple[Silence, ...]:
    """The silences that this program made for just this Job."""
    wanted = {("namespace", job.id.namespace), ("job_name", job.id.name)}

    def is_for(silence: Silence) -> bool:
        pairs = {
            (matcher.name.removeprefix("exported_"), matcher.value)
            for matcher in silence.matchers
            if matcher.is_equal and not matcher.is_regex and matcher.name != "alertname"
        }
        return silence.is_ours and pairs == wanted

    return tuple(silence for one in told for silence in one.silences if is_for(silence))
