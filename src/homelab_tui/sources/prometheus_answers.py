"""What a Prometheus-compatible server answers, understood: pure, no network.

Checked against Prometheus 2.42 and 3, Thanos (`warnings` on partial answers), VictoriaMetrics (`isPartial`), Mimir
("no org id") and what proxies in front of them say.
"""

import math
from datetime import UTC, datetime
from functools import lru_cache

import msgspec

from homelab_tui.domain.errors import (
    SourceGarbled,
)
from homelab_tui.domain.jobs import Alert, AlertState
from homelab_tui.domain.values import Frozen

UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What msgspec raises for bytes it cannot read: besides its own errors, for bad UTF-8 and thousands of brackets."""
MAX_WORDS = 300
"""How much of what a server says is repeated."""
_MAX_WARNINGS = 10
_MAX_EPOCH = 253_402_300_799
"""The last second that a datetime can hold."""


class Labels(msgspec.Struct, frozen=True, gc=False, rename={"name": "__name__"}):
    """The labels that are read here; all others are skipped while decoding. Absent and empty are one: ""."""

    name: str = ""
    namespace: str = ""
    exported_namespace: str = ""
    cluster: str = ""
    job: str = ""
    exported_job: str = ""
    job_name: str = ""
    cronjob: str = ""
    condition: str = ""
    owner_kind: str = ""
    owner_name: str = ""
    schedule: str = ""
    timezone: str = ""
    pod: str = ""
    exported_pod: str = ""
    node: str = ""
    exported_node: str = ""
    created_by_kind: str = ""
    created_by_name: str = ""
    instance: str = ""
    nodename: str = ""
    type: str = ""
    chip: str = ""
    power_supply: str = ""
    release: str = ""
    machine: str = ""
    product_name: str = ""
    bios_version: str = ""
    pretty_name: str = ""


class Sample(msgspec.Struct, frozen=True, gc=False):
    """One element of an instant vector. `value` is None for a native histogram."""

    metric: Labels
    value: tuple[float, str] | None = None

    def number(self) -> float | None:
        """Its value; None for NaN, a histogram, or what is no number at all."""
        if self.value is None:
            return None
        try:
            number = float(self.value[1])
        except ValueError:
            return None
        return None if math.isnan(number) else number


class _Envelope(msgspec.Struct, rename={"is_partial": "isPartial", "error_type": "errorType"}):
    status: str
    error_type: str = ""
    error: str = ""
    warnings: list[str] | None = None
    is_partial: bool = False


class _Vector(msgspec.Struct, rename={"result_type": "resultType"}):
    result_type: str
    result: list[Sample]


class _VectorAnswer(_Envelope):
    data: _Vector | None = None


class _Scalar(msgspec.Struct, rename={"result_type": "resultType"}):
    result_type: str
    result: msgspec.Raw = msgspec.Raw(b"null")


class _AnyQueryAnswer(_Envelope):
    data: _Scalar | None = None


class _AlertEntry(msgspec.Struct, rename={"active_at": "activeAt"}):
    labels: dict[str, str]
    state: str = ""
    active_at: str | None = None


class _AlertList(msgspec.Struct):
    alerts: list[_AlertEntry] | None = None


class _AlertsAnswer(_Envelope):
    data: _AlertList | None = None


class _Rule(msgspec.Struct, gc=False):
    name: str = ""
    duration: float | None = None


class _RuleGroup(msgspec.Struct):
    rules: list[_Rule] | None = None


class _RuleGroups(msgspec.Struct):
    groups: list[_RuleGroup] | None = None


class _RulesAnswer(_Envelope):
    data: _RuleGroups | None = None


class _BuildInfo(msgspec.Struct):
    version: str = ""
    application: str = ""


class _BuildAnswer(_Envelope):
    data: _BuildInfo | None = None


_vectors = msgspec.json.Decoder(_VectorAnswer)
_any_queries = msgspec.json.Decoder(_AnyQueryAnswer)
_alerts = msgspec.json.Decoder(_AlertsAnswer)
_rules = msgspec.json.Decoder(_RulesAnswer)
_builds = msgspec.json.Decoder(_BuildAnswer)


class Vector(Frozen):
    """An instant vector, in the server's order (which means nothing)."""

    samples: list[Sample]
    warnings: tuple[str, ...] = ()
    """With any of them the answer may be partial."""


def vector(body: bytes) -> Vector:
    """The answer to an instant query that gives a vector.

    Raises: SourceGarbled when it is anything else.
    """
    try:
        answer = _vectors.decode(body)
    except UNREADABLE as error:
        raise SourceGarbled(not_a_vector(body, error)) from error
    if answer.status != "success" or answer.data is None:
        raise SourceGarbled(f"an answer with status {_shown(answer.status)} and no data")
    if answer.data.result_type != "vector":
        raise SourceGarbled(f"a {_shown(answer.data.result_type)} instead of an instant vector")
    return Vector(answer.data.result, _warnings(answer))


def alerts(body: bytes) -> tuple[Alert, ...]:
    """The pending and firing alerts that name a Job, by namespace, Job and name.

    Raises: SourceGarbled when it is no list of alerts.
    """
    try:
        answer = _alerts.decode(body)
    except UNREADABLE as error:
        raise SourceGarbled(f"no list of alerts{_beginning(body)}") from error
    if answer.status != "success" or answer.data is None:
        raise SourceGarbled(f"an answer with status {_shown(answer.status)} and no alerts")
    found = [alert for entry in answer.data.alerts or () if (alert := _alert(entry)) is not None]
    return tuple(sorted(found, key=_alert_order))


def waits(body: bytes) -> dict[str, float]:
    """Alerting rule → seconds that it waits before it fires; of two of one name the shorter.

    Raises: SourceGarbled when it is no list of rules.
    """
    try:
        answer = _rules.decode(body)
    except UNREADABLE as error:
        raise SourceGarbled(f"no list of rules{_beginning(body)}") from error
    found: dict[str, float] = {}
    for group in (answer.data.groups or ()) if answer.data is not None else ():
        for rule in group.rules or ():
            if rule.duration is not None and rule.duration >= 0:
                found[rule.name] = min(rule.duration, found.get(rule.name, rule.duration))
    return found


def version(body: bytes) -> str | None:
    """Version text of /api/v1/status/buildinfo; None when the server tells none.

    Raises: SourceGarbled when it is not JSON.
    """
    try:
        answer = _builds.decode(body)
    except UNREADABLE as error:
        raise SourceGarbled(f"no build information{_beginning(body)}") from error
    if answer.data is None or not answer.data.version:
        return None
    return f"{answer.data.application or 'Prometheus'} {answer.data.version}"


@lru_cache(maxsize=2048)  # the Jobs of a cluster begin and end at few moments: each is kept once
def moment(number: float | None) -> datetime | None:
    """A Unix time as aware UTC; None for 0 (never), NaN, infinity and what no calendar holds."""
    if number is None or not 0 < number <= _MAX_EPOCH:
        return None
    return datetime.fromtimestamp(number, UTC)


def _alert(entry: _AlertEntry) -> Alert | None:
    labels = entry.labels
    job_name = labels.get("job_name") or labels.get("exported_job")
    namespace = labels.get("exported_namespace") or labels.get("namespace")
    if not job_name or not namespace or entry.state not in (AlertState.PENDING.value, AlertState.FIRING.value):
        return None
    name = labels.get("alertname", "")
    return Alert(name, namespace, job_name, AlertState(entry.state), _rfc3339(entry.active_at))


def _alert_order(alert: Alert) -> tuple[str, str, str, str, str]:
    since = alert.active_at.isoformat() if alert.active_at is not None else ""
    return (alert.namespace or "", alert.job_name or "", alert.name, alert.state.value, since)


def _rfc3339(text: str | None) -> datetime | None:
    """A time with up to nanoseconds; None for Go's zero time and anything else."""
    try:
        at = datetime.fromisoformat(text or "")
        return at.astimezone(UTC) if at.tzinfo is not None and at.year > 1 else None
    except (ValueError, OverflowError):
        return None


def _warnings(answer: _Envelope) -> tuple[str, ...]:
    found = [warning[:MAX_WORDS] for warning in answer.warnings or () if warning.strip()]
    if answer.is_partial:
        found.append("the answer is partial (isPartial): a storage node did not answer")
    left_off = len(found) - _MAX_WARNINGS
    return (*found[:_MAX_WARNINGS], *([f"and {left_off} more warnings"] if left_off > 0 else []))


def not_a_vector(body: bytes, error: Exception) -> str:
    """What it is instead, in words."""
    try:
        answer = _any_queries.decode(body)
    except UNREADABLE:
        return f"no answer of a Prometheus API{_beginning(body)}"
    if answer.data is not None and answer.data.result_type != "vector":
        return f"a {_shown(answer.data.result_type)} instead of an instant vector"
    # msgspec names the place by path and type, never by value.
    return f"an instant vector that cannot be read: {error}"


def _beginning(body: bytes) -> str:
    """What it is instead, as far as that helps."""
    start = body[:512].lstrip().lower()
    if not start:
        return " (it is empty)"
    if start.startswith((b"<!doctype", b"<html", b"<")):
        return ": it is a web page; a login page in front of it, or another server's port?"
    return " (it is cut short, or another protocol)" if start.startswith((b"{", b"[")) else " (it is not JSON)"


def _shown(text: str) -> str:
    return repr(text[:40])
