"""Kubernetes JSON → domain objects. Pure, and it reads only the fields that are shown.

Every field may be missing or null, and every enumeration is an open set: an API server of another version never breaks
the list. Only JSON of the wrong shape does (a list where an object belongs), and that is `SourceGarbled`.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from sys import intern
from typing import Generic, TypeVar

import msgspec

from homelab_tui.domain.errors import SourceGarbled
from homelab_tui.domain.jobs import CronJob, Event, Job, JobId, JobState, Witness
from homelab_tui.domain.values import Frozen
from homelab_tui.sources.kube_schema import (
    ConditionData,
    CronJobData,
    EventData,
    JobData,
    ListData,
    MetaData,
    StatusData,
    WatchEventData,
)

_SEEN_BY = (Witness.KUBERNETES,)
T = TypeVar("T")
D = TypeVar("D")

DEFAULT_BACKOFF_LIMIT = 6
"""What the API server fills in where `spec.backoffLimit` is absent."""


class Page(Frozen, Generic[T]):
    """One page of a list."""

    items: tuple[T, ...]
    resource_version: str
    """Where a watch goes on from; the same on every page of one list."""
    proceed: str | None
    """The `continue` token of the next page; None on the last one."""


def decode(data: bytes, shape: type[D]) -> D:
    """One JSON document in a given shape; numbers that came as text are taken too.

    Raises: SourceGarbled with the place in the document, never with its content.
    """
    try:
        return msgspec.json.decode(data, type=shape, strict=False)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise SourceGarbled(f"the answer is not what a Kubernetes API sends: {error}") from error


def page(data: bytes, shape: type[ListData[D]], read: Callable[[D], T]) -> Page[T]:
    """One page of a list, each item read by `read`."""
    document = decode(data, shape)
    meta = document.metadata
    return Page(
        tuple(read(item) for item in document.items or () if item is not None),
        (meta.resource_version if meta else None) or "",
        (meta.proceed if meta else None) or None,
    )


def watch_event(line: bytes) -> tuple[str, msgspec.Raw]:
    """(type, object) of one line of a watch: ADDED, MODIFIED, DELETED, BOOKMARK or ERROR, an open set."""
    event = decode(line, WatchEventData)
    return event.type or "", event.object


def status(data: bytes | msgspec.Raw) -> StatusData | None:
    """The `Status` object that the API server answers errors with; None when it is something else."""
    try:
        found = msgspec.json.decode(data, type=StatusData, strict=False)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return found if found.kind == "Status" else None


@lru_cache(maxsize=2048)  # 10,000 Jobs begin and end at few moments, and remember 30,000: each is kept once
def moment(text: str | None) -> datetime | None:
    """RFC 3339 text as aware UTC; None for what is no time."""
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def job(cluster: str, data: JobData) -> Job:
    """One Job. What its Pods tell (exit code, node) is not in it."""
    meta, spec, now = data.metadata, data.spec, data.status
    held = {entry.type: entry for entry in now.conditions or () if entry is not None and entry.status == "True"}
    failure = held.get("Failed") or held.get("FailureTarget")
    owner = next((ref for ref in meta.owners or () if ref and ref.controller and ref.kind == "CronJob"), None)
    name = meta.name or ""
    backoff_limit = spec.backoff_limit
    if backoff_limit is None and spec.backoff_limit_per_index is None:
        backoff_limit = DEFAULT_BACKOFF_LIMIT
    return Job(
        # Ten thousand Jobs share few namespaces and owners: they are kept once, as moments are.
        id=JobId(cluster, intern(meta.namespace or ""), name),
        state=_state(data, held),
        uid=meta.uid,
        resource_version=meta.resource_version,
        cronjob=intern(owner.name) if owner and owner.name else None,
        cronjob_uid=intern(owner.uid) if owner and owner.uid else None,
        reason=failure.reason or None if failure else None,
        message=failure.message or None if failure else None,
        created_at=moment(meta.created),
        started_at=moment(now.started),
        failed_at=moment(failure.since) if failure else None,
        completed_at=moment(now.completed),
        scheduled_at=_scheduled_at(meta, owner.name if owner else None),
        deleted_at=moment(meta.deleted),
        attempts=now.failed or 0,
        backoff_limit=backoff_limit,
        completions=spec.completions,
        parallelism=spec.parallelism,
        succeeded=now.succeeded or 0,
        active=now.active or 0,
        failed_indexes=now.failed_indexes or None,
        ttl_seconds_after_finished=spec.ttl_seconds_after_finished,
        finalizers=tuple(entry for entry in meta.finalizers or () if entry),
        manual=bool(meta.annotations and meta.annotations.instantiate == "manual"),
        seen_by=_SEEN_BY,
    )


def _state(data: JobData, held: dict[str | None, ConditionData]) -> JobState:
    """The Job in one word; only a condition whose status is True counts."""
    if data.metadata.deleted:
        return JobState.DELETING
    if "Failed" in held:
        return JobState.FAILED
    if "Complete" in held:
        return JobState.COMPLETE
    if "FailureTarget" in held:
        return JobState.FAILING
    if "SuccessCriteriaMet" in held:
        return JobState.RUNNING  # Complete follows once the last Pod has ended.
    if "Suspended" in held or data.spec.suspend:
        return JobState.SUSPENDED
    return JobState.RUNNING if (data.status.active or 0) > 0 else JobState.PENDING


def _scheduled_at(meta: MetaData, cronjob: str | None) -> datetime | None:
    """The CronJob's tick: from the annotation, else from the name of an owned Job, `<cronjob>-<unix minutes>`."""
    annotated = moment(meta.annotations.scheduled) if meta.annotations else None
    if annotated is not None or not cronjob or not meta.name or not meta.name.startswith(cronjob + "-"):
        return annotated
    return moment_in_name(meta.name)


def moment_in_name(name: str) -> datetime | None:
    """The time in the name of a CronJob's run: unix minutes (8 digits), before Kubernetes 1.21 unix seconds (10)."""
    digits = name.rpartition("-")[2]
    if not (digits.isascii() and digits.isdigit()) or len(digits) not in (8, 10):
        return None
    return _at(int(digits) * (60 if len(digits) == 8 else 1))


@lru_cache(maxsize=2048)
def _at(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def cronjob(cluster: str, data: CronJobData) -> CronJob:
    """One CronJob, without a verdict: that takes its Jobs."""
    meta, spec, now = data.metadata, data.spec, data.status
    template = spec.job_template.spec if spec.job_template else None
    return CronJob(
        cluster=cluster,
        namespace=meta.namespace or "",
        name=meta.name or "",
        uid=meta.uid,
        resource_version=meta.resource_version,
        schedule=spec.schedule,
        time_zone=spec.time_zone or None,
        suspended=bool(spec.suspend),
        concurrency_policy=spec.concurrency_policy or "Allow",
        starting_deadline_s=spec.starting_deadline_seconds,
        failed_jobs_history_limit=spec.failed_jobs_history_limit,
        successful_jobs_history_limit=spec.successful_jobs_history_limit,
        job_ttl_s=template.ttl_seconds_after_finished if template else None,
        created_at=moment(meta.created),
        last_scheduled_at=moment(now.last_schedule_time),
        last_succeeded_at=moment(now.last_successful_time),
        active=len(now.active or ()),
        seen_by=_SEEN_BY,
    )


def event(data: EventData) -> Event:
    """One core/v1 event, in the old shape (count, lastTimestamp) or the new one (series, eventTime)."""
    about, series = data.involved_object, data.series
    last = (series.last if series else None) or data.last_timestamp or data.event_time or data.first_timestamp
    count = (series.count if series else None) or data.count or 1
    return Event(
        kind=(about.kind if about else None) or "",
        object_name=(about.name if about else None) or "",
        type=data.type or "Normal",
        reason=data.reason or "",
        message=data.message or data.note or "",
        count=count,
        last_at=moment(last) or moment(data.metadata.created),
    )


def oldest_first(events: tuple[Event, ...]) -> tuple[Event, ...]:
    """Events by time; those without one come first."""
    start = datetime.min.replace(tzinfo=UTC) + timedelta(days=1)
    return tuple(sorted(events, key=lambda entry: entry.last_at or start))
