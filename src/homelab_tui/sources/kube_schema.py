"""The shapes of Kubernetes JSON that are read, and no field more: what is not named here is skipped, not allocated.

Everything is optional and may be null. Times stay text: one unreadable time must not cost the whole list.
"""

from typing import Generic, TypeVar

from msgspec import Raw, Struct, field

T = TypeVar("T")


class ConditionData(Struct, gc=False, rename="camel"):
    """A condition of a Job or of a Node."""

    type: str | None = None
    status: str | None = None
    reason: str | None = None
    message: str | None = None
    since: str | None = field(name="lastTransitionTime", default=None)


class OwnerData(Struct, gc=False, rename="camel"):
    """An owner reference."""

    kind: str | None = None
    name: str | None = None
    uid: str | None = None
    controller: bool | None = None


class AnnotationsData(Struct, gc=False):
    """The two annotations of a Job that matter; the others (a whole applied manifest, maybe) are skipped."""

    scheduled: str | None = field(name="batch.kubernetes.io/cronjob-scheduled-timestamp", default=None)
    instantiate: str | None = field(name="cronjob.kubernetes.io/instantiate", default=None)


class MetaData(Struct, gc=False, rename="camel"):
    """metadata of any object."""

    name: str | None = None
    namespace: str | None = None
    uid: str | None = None
    resource_version: str | None = None
    created: str | None = field(name="creationTimestamp", default=None)
    deleted: str | None = field(name="deletionTimestamp", default=None)
    annotations: AnnotationsData | None = None
    owners: list[OwnerData | None] | None = field(name="ownerReferences", default=None)
    finalizers: list[str | None] | None = None


class JobSpecData(Struct, gc=False, rename="camel"):
    """spec of a Job."""

    suspend: bool | None = None
    backoff_limit: int | None = None
    backoff_limit_per_index: int | None = None
    completions: int | None = None
    parallelism: int | None = None
    ttl_seconds_after_finished: int | None = None


class JobStatusData(Struct, gc=False, rename="camel"):
    """status of a Job."""

    conditions: list[ConditionData | None] | None = None
    active: int | None = None
    succeeded: int | None = None
    failed: int | None = None
    failed_indexes: str | None = None
    started: str | None = field(name="startTime", default=None)
    completed: str | None = field(name="completionTime", default=None)


class JobData(Struct, gc=False):
    """A Job."""

    metadata_: MetaData | None = field(name="metadata", default=None)
    spec_: JobSpecData | None = field(name="spec", default=None)
    status_: JobStatusData | None = field(name="status", default=None)

    @property
    def metadata(self) -> MetaData:
        """metadata, empty when absent."""
        return self.metadata_ or MetaData()

    @property
    def spec(self) -> JobSpecData:
        """spec, empty when absent."""
        return self.spec_ or JobSpecData()

    @property
    def status(self) -> JobStatusData:
        """status, empty when absent."""
        return self.status_ or JobStatusData()


class JobTemplateData(Struct, gc=False):
    """spec.jobTemplate of a CronJob."""

    spec: JobSpecData | None = None


class CronJobSpecData(Struct, gc=False, rename="camel"):
    """spec of a CronJob."""

    schedule: str | None = None
    time_zone: str | None = None
    suspend: bool | None = None
    concurrency_policy: str | None = None
    starting_deadline_seconds: int | None = None
    failed_jobs_history_limit: int | None = None
    successful_jobs_history_limit: int | None = None
    job_template: JobTemplateData | None = None


class CronJobStatusData(Struct, gc=False, rename="camel"):
    """status of a CronJob."""

    active: list[Raw] | None = None
    last_schedule_time: str | None = None
    last_successful_time: str | None = None


class CronJobData(Struct, gc=False):
    """A CronJob."""

    metadata_: MetaData | None = field(name="metadata", default=None)
    spec_: CronJobSpecData | None = field(name="spec", default=None)
    status_: CronJobStatusData | None = field(name="status", default=None)

    @property
    def metadata(self) -> MetaData:
        """metadata, empty when absent."""
        return self.metadata_ or MetaData()

    @property
    def spec(self) -> CronJobSpecData:
        """spec, empty when absent."""
        return self.spec_ or CronJobSpecData()

    @property
    def status(self) -> CronJobStatusData:
        """status, empty when absent."""
        return self.status_ or CronJobStatusData()


class ObjectReferenceData(Struct, gc=False):
    """What an event is about."""

    kind: str | None = None
    name: str | None = None


class SeriesData(Struct, gc=False):
    """series of an event."""

    count: int | None = None
    last: str | None = field(name="lastObservedTime", default=None)


class EventData(Struct, gc=False, rename="camel"):
    """A core/v1 event."""

    metadata_: MetaData | None = field(name="metadata", default=None)
    involved_object: ObjectReferenceData | None = None
    type: str | None = None
    reason: str | None = None
    message: str | None = None
    note: str | None = None
    count: int | None = None
    first_timestamp: str | None = None
    last_timestamp: str | None = None
    event_time: str | None = None
    series: SeriesData | None = None

    @property
    def metadata(self) -> MetaData:
        """metadata, empty when absent."""
        return self.metadata_ or MetaData()


class ListMetaData(Struct, gc=False, rename="camel"):
    """metadata of a list."""

    resource_version: str | None = None
    proceed: str | None = field(name="continue", default=None)


class ListData(Struct, Generic[T]):
    """A list of anything."""

    metadata: ListMetaData | None = None
    items: list[T | None] | None = None


class WatchEventData(Struct, gc=False):
    """One line of a watch."""

    type: str | None = None
    object: Raw = Raw(b"{}")


class VersionData(Struct, gc=False, rename="camel"):
    """The part of metadata that a watch itself needs."""

    uid: str | None = None
    resource_version: str | None = None


class VersionedData(Struct, gc=False):
    """What every watched object has, a bookmark too."""

    metadata: VersionData | None = None


class CauseData(Struct, gc=False):
    """Why a Status says no, field by field."""

    field: str | None = None
    message: str | None = None


class StatusDetailsData(Struct, gc=False, rename="camel"):
    """details of a Status."""

    causes: list[CauseData | None] | None = None
    retry_after_seconds: int | None = None


class StatusData(Struct, gc=False):
    """The answer to a request that failed."""

    kind: str | None = None
    code: int | None = None
    reason: str | None = None
    message: str | None = None
    details: StatusDetailsData | None = None


class AccessReviewStatusData(Struct, gc=False):
    """status of a SelfSubjectAccessReview."""

    allowed: bool | None = None


class AccessReviewData(Struct, gc=False):
    """A SelfSubjectAccessReview that was answered."""

    status: AccessReviewStatusData | None = None


class ServerVersionData(Struct, gc=False, rename="camel"):
    """`/version`."""

    git_version: str | None = None
