"""Silences and alerts of the demo Alertmanager: what is kept, what mutes what."""

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from homelab_tui.demo.objects import parse_rfc3339
from homelab_tui.demo.promql_errors import regexp_error

Labels = dict[str, str]
_MATCHER = re.compile(r'^\s*([a-zA-Z_][\w]*)\s*(=~|!~|!=|=)\s*"?(.*?)"?\s*$', re.DOTALL)


class Invalid(Exception):
    """What a client sent is refused; the text is the server's answer."""

    def __init__(self, message: str, code: int | None = None, status: int = 400) -> None:
        """`code`: of the answer's envelope; None: the answer is the text alone."""
        super().__init__(message)
        self.code, self.status = code, status


@dataclass(frozen=True, slots=True)
class AlertMatcher:
    """One condition on a label."""

    name: str
    value: str
    is_regex: bool = False
    is_equal: bool = True

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether an alert's labels satisfy it; a label that is not there reads as empty."""
        text = labels.get(self.name, "")
        found = re.fullmatch(self.value, text) is not None if self.is_regex else text == self.value
        return found is self.is_equal

    def document(self) -> dict[str, Any]:
        """As the API shows it."""
        return {"isEqual": self.is_equal, "isRegex": self.is_regex, "name": self.name, "value": self.value}


def parse_matcher(text: str) -> AlertMatcher:
    """`alertname="KubeJobFailed"` of a filter. Raises: Invalid."""
    found = _MATCHER.match(text)
    if found is None:
        raise Invalid(f"bad matcher format: {text}")
    is_regex = found[2] in ("=~", "!~")
    try:
        re.compile(found[3] if is_regex else "")
    except re.error as error:
        raise Invalid(regexp_error(found[3], error)) from error
    return AlertMatcher(found[1], found[3], is_regex, found[2] in ("=", "=~"))


@dataclass(frozen=True, slots=True)
class InhibitRule:
    """One of inhibit_rules: while a source alert fires, target alerts with the same labels are held back."""

    source: tuple[AlertMatcher, ...]
    target: tuple[AlertMatcher, ...]
    equal: tuple[str, ...]
    """Labels that must agree in both; one that is missing in both agrees."""


def inhibiting(rules: tuple[InhibitRule, ...], live: Mapping[str, Labels], labels: Labels) -> list[str]:
    """Fingerprints of the alerts in `live` that hold these labels back: of each rule the first.

    As the real one: an alert that matches both sides of a rule is not held back by another that does too.
    """
    found: list[str] = []
    for rule in rules:
        if not all(matcher.matches(labels) for matcher in rule.target):
            continue
        is_source = all(matcher.matches(labels) for matcher in rule.source)
        for key, other in live.items():
            fires = all(matcher.matches(other) for matcher in rule.source)
            both = is_source and all(matcher.matches(other) for matcher in rule.target)
            if fires and not both and all(other.get(name, "") == labels.get(name, "") for name in rule.equal):
                found.append(key)
                break
    return sorted(set(found))


@dataclass(frozen=True, slots=True)
class Silence:
    """One silence."""

    id: str
    matchers: tuple[AlertMatcher, ...]
    starts_at: datetime
    ends_at: datetime
    created_by: str
    comment: str
    updated_at: datetime

    def state(self, now: datetime) -> str:
        """pending, active or expired."""
        if now >= self.ends_at:
            return "expired"
        return "active" if now >= self.starts_at else "pending"

    def mutes(self, labels: Mapping[str, str], now: datetime) -> bool:
        """Whether it holds an alert back now."""
        return self.state(now) == "active" and all(matcher.matches(labels) for matcher in self.matchers)


class Silences:
    """Every silence of this run, expired ones too."""

    def __init__(self) -> None:
        self.by_id: dict[str, Silence] = {}

    def put(self, body: Mapping[str, Any], now: datetime) -> str:
        """Create one, or change the one whose id is given; returns its id.

        As the real one does: other matchers, another start of an active one, or a change of an expired one make a
        new silence and end the old.

        Raises: Invalid; KeyError for an id that is not there.
        """
        wanted = _parsed(body, now)
        old = self.by_id[body["id"]] if body.get("id") else None
        if old is not None and _may_change(old, wanted, now):
            wanted = replace(wanted, id=old.id)
        else:
            if old is not None and old.state(now) != "expired":
                self.expire(old.id, now)
            wanted = replace(wanted, starts_at=max(wanted.starts_at, now))
        self.by_id[wanted.id] = wanted
        return wanted.id

    def expire(self, silence_id: str, now: datetime) -> None:
        """End one; one that has ended stays as it is. Raises: KeyError when there is none."""
        old = self.by_id[silence_id]
        if old.state(now) != "expired":
            self.by_id[silence_id] = replace(old, ends_at=now, starts_at=min(old.starts_at, now), updated_at=now)

    def muting(self, labels: Mapping[str, str], now: datetime) -> list[str]:
        """Ids of the silences that hold these labels back now."""
        return sorted(silence.id for silence in self.by_id.values() if silence.mutes(labels, now))


@dataclass(slots=True)
class HeldAlert:
    """An alert that some Prometheus sent."""

    labels: Labels
    annotations: Labels
    starts_at: datetime
    ends_at: datetime
    updated_at: datetime
    generator_url: str


def fingerprint(labels: Mapping[str, str]) -> str:
    """The id of a label set: 64-bit FNV-1a over sorted names and values, as Prometheus' common library has it."""
    found = 14695981039346656037
    for name, value in sorted(labels.items()):
        for byte in b"%b\xff%b\xff" % (name.encode(), value.encode()):
            found = ((found ^ byte) * 1099511628211) & 0xFFFFFFFFFFFFFFFF
    return f"{found:016x}"


def _may_change(old: Silence, new: Silence, now: datetime) -> bool:
    if old.matchers != new.matchers or old.state(now) == "expired":
        return False
    if old.state(now) == "active":
        return int(old.starts_at.timestamp()) == int(new.starts_at.timestamp())
    return new.starts_at >= now


def _parsed(body: Mapping[str, Any], now: datetime) -> Silence:
    try:
        matchers = tuple(
            AlertMatcher(str(m["name"]), str(m["value"]), bool(m["isRegex"]), bool(m.get("isEqual", True)))
            for m in body["matchers"]
        )
        starts_at, ends_at = parse_rfc3339(body["startsAt"]), parse_rfc3339(body["endsAt"])
    except (KeyError, TypeError, ValueError) as error:
        raise Invalid(f"bad silence: {error}") from error
    if ends_at < starts_at:
        raise Invalid("Failed to create silence: start time must be before end time")
    if ends_at <= now:
        raise Invalid("Failed to create silence: end time can't be in the past")
    if not matchers or all(matcher.matches({}) for matcher in matchers):
        raise Invalid("silence invalid: at least one matcher must not match the empty string")
    return Silence(str(uuid.uuid4()), matchers, starts_at, ends_at, str(body["createdBy"]), str(body["comment"]), now)


RESEND = timedelta(minutes=4)
"""How long an alert lives on after its Prometheus sent it last."""
