"""What an Alertmanager (API v2) answers, understood: pure, no network."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime

import msgspec

from homelab_tui.domain.alerts import HeldAlert, Matcher, Silence
from homelab_tui.domain.errors import SourceError, SourceForbidden, SourceGarbled, SourceMissing, SourceRefused
from homelab_tui.domain.jobs import AlertState
from homelab_tui.sources.prometheus_answers import MAX_WORDS, UNREADABLE
from homelab_tui.sources.prometheus_errors import refusal as prometheus_refusal


class _Labels(msgspec.Struct, gc=False):
    alertname: str = ""
    namespace: str = ""
    exported_namespace: str = ""
    job_name: str = ""
    exported_job: str = ""
    cluster: str = ""


class _Status(msgspec.Struct, rename="camel"):
    state: str = ""
    silenced_by: list[str] | None = None
    inhibited_by: list[str] | None = None


class _Alert(msgspec.Struct, rename="camel"):
    labels: _Labels
    status: _Status
    starts_at: str | None = None


class _Matcher(msgspec.Struct, rename="camel"):
    name: str
    value: str
    is_regex: bool = False
    is_equal: bool = True


class _SilenceStatus(msgspec.Struct):
    state: str = ""


class _Silence(msgspec.Struct, rename="camel"):
    id: str
    matchers: list[_Matcher]
    status: _SilenceStatus
    starts_at: str | None = None
    ends_at: str | None = None
    created_by: str = ""
    comment: str = ""


class _Created(msgspec.Struct):
    silence_id: str = msgspec.field(name="silenceID")


_alerts = msgspec.json.Decoder(list[_Alert])
_silences = msgspec.json.Decoder(list[_Silence])
_created = msgspec.json.Decoder(_Created)


def alerts(body: bytes) -> tuple[HeldAlert, ...]:
    """The alerts that name a Job. Raises: SourceGarbled."""
    try:
        found = _alerts.decode(body)
    except UNREADABLE as error:
        raise SourceGarbled("no list of alerts: is this an Alertmanager?") from error
    return tuple(held for one in found if (held := _held(one)) is not None)


def silences(alertmanager: str, body: bytes) -> tuple[Silence, ...]:
    """The silences that have not ended. Raises: SourceGarbled."""
    try:
        found = _silences.decode(body)
    except UNREADABLE as error:
        raise SourceGarbled("no list of silences: is this an Alertmanager?") from error
    return tuple(_silence(alertmanager, one) for one in found if one.status.state in ("active", "pending"))


def created(body: bytes) -> str:
    """The id of the silence that was made. Raises: SourceGarbled."""
    try:
        return _created.decode(body).silence_id
    except UNREADABLE as error:
        raise SourceGarbled("no id of a silence in the answer: whether it was made is not known") from error


def silence_body(matchers: tuple[Matcher, ...], starts_at: datetime, ends_at: datetime, by: str, comment: str) -> bytes:
    """The request that makes a silence."""
    asked = [_Matcher(one.name, one.value, one.is_regex, one.is_equal) for one in matchers]
    return msgspec.json.encode(
        {
            "matchers": asked,
            "startsAt": _stamp(starts_at),
            "endsAt": _stamp(ends_at),
            "createdBy": by,
            "comment": comment,
        }
    )


def refusal(code: int, headers: Mapping[str, str], body: bytes) -> SourceError:
    """The error that an answer of 300 and above stands for: Alertmanager says why in a bare JSON string."""
    words = _words(body)
    said = f": {words}" if words else ""
    if code == 403:
        return SourceForbidden(f"not allowed (403){said}")
    if code == 404:
        return SourceMissing(f"not found (404){said}: no such silence, or a path prefix is missing in `url`")
    if code in (400, 422):
        return SourceRefused(f"the Alertmanager does not take this ({code}){said}")
    if code == 500 and words.startswith("silence") and words.endswith(("not found", "already expired")):
        return SourceMissing(f"no such silence (any more){said}")  # 0.25 says 500 where a 404 belongs
    if words and code >= 500:
        return SourceError(f"the Alertmanager failed ({code}): {words}")
    return prometheus_refusal(code, headers, body)


def _words(body: bytes) -> str:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    if isinstance(found, dict):
        found = found.get("message")
    return " ".join(found.split())[:MAX_WORDS] if isinstance(found, str) else ""


def _held(alert: _Alert) -> HeldAlert | None:
    labels = alert.labels
    namespace, job_name = labels.exported_namespace or labels.namespace, labels.job_name or labels.exported_job
    if not (namespace and job_name):
        return None
    silenced_by = tuple(alert.status.silenced_by or ())
    state = AlertState.FIRING
    if alert.status.state == "suppressed":
        # Muted by a time interval is neither; nobody is woken all the same.
        state = AlertState.INHIBITED if alert.status.inhibited_by and not silenced_by else AlertState.SILENCED
    return HeldAlert(
        name=labels.alertname,
        namespace=namespace,
        job_name=job_name,
        state=state,
        cluster=labels.cluster or None,
        has_exported_namespace=bool(labels.exported_namespace),
        starts_at=_moment(alert.starts_at),
        silenced_by=silenced_by,
    )


def _silence(alertmanager: str, found: _Silence) -> Silence:
    return Silence(
        id=found.id,
        alertmanager=alertmanager,
        matchers=tuple(Matcher(one.name, one.value, one.is_regex, one.is_equal) for one in found.matchers),
        starts_at=_moment(found.starts_at),
        ends_at=_moment(found.ends_at),
        created_by=found.created_by,
        comment=found.comment,
        is_active=found.status.state == "active",
    )


def _moment(text: str | None) -> datetime | None:
    try:
        at = datetime.fromisoformat(text or "")
        return at.astimezone(UTC) if at.tzinfo is not None and at.year > 1 else None
    except (ValueError, OverflowError):
        return None


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
