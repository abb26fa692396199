"""What runs on the demo clusters: CronJobs that succeed, recover, flake, get missed, never succeed; single Jobs.

Every verdict that a CronJob can have stands in here once at the least.
"""

from dataclasses import dataclass, field
from random import Random
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from homelab_tui.demo import manifests
from homelab_tui.demo.objects import Object

Outcome = Literal["ok", "recovered", "failing", "flaky", "never"]
"""ok: every run · recovered: the run before the last failed · failing: the last two failed, and so do all to come ·
flaky: every now and then · never: no run ever succeeded."""
_FLAKY_AGES = (2, 5, 6, 11)
"""Which of the runs before the lab's start a flaky CronJob lost: never the last one."""


@dataclass(frozen=True, slots=True)
class CronEntry:
    """One CronJob of the lab and how its runs end."""

    cluster: str
    namespace: str
    name: str
    schedule: str
    app: str
    outcome: Outcome = "ok"
    duration_s: float = 4.0
    extra: Object = field(default_factory=dict)
    """More keys of the CronJob's spec."""
    job: Object = field(default_factory=dict)
    """More keys of its Jobs' spec."""
    node: str | None = None
    image: str = "ghcr.io/kkato/tools:1.4"
    time_zone: str | None = None
    """Its spec.timeZone where this machine knows that zone; None: the controller's."""
    quota: bool = False
    """True: the namespace's quota lets no new Job in, so its runs are missed."""
    running_s: float | None = None
    """In the story, its latest run is still running when the lab starts, for that much longer; None: it has ended."""
    new: bool = False
    """True: created after its last tick, so that nothing has run yet."""

    def manifest(self) -> Object:
        """The CronJob to store."""
        template = manifests.pod_template(self.app, self.image, [f"/bin/{self.app}"], on_node=self.node)
        spec = manifests.job_spec(template, **{"backoffLimit": 1, **self.job})
        zone = {"timeZone": self.zone} if self.zone else {}
        return manifests.cron_job(self.namespace, self.name, self.schedule, spec, **zone, **self.extra)

    @property
    def zone(self) -> str | None:
        """`time_zone`, or None on a machine without a time zone database."""
        try:
            return ZoneInfo(self.time_zone).key if self.time_zone else None
        except ZoneInfoNotFoundError:
            return None

    def fails(self, age: int, minute: int, seed: int) -> bool:
        """Whether the run of that scheduled unix minute fails.

        `age`: 0 is the last run before the lab started, 1 the one before it; -1 any run since.
        """
        if self.outcome == "flaky":
            return age in _FLAKY_AGES if age >= 0 else Random(f"{seed}-{self.namespace}-{minute}").random() < 0.25
        return self.outcome == "never" or (
            (self.outcome == "failing" and age <= 1) or (self.outcome == "recovered" and age == 1)
        )


DEEP: Object = {"successfulJobsHistoryLimit": 10, "failedJobsHistoryLimit": 4}
SHORT_LIVED: Object = {"ttlSecondsAfterFinished": 300}
"""Of a finished Job only Prometheus knows soon: what pages nobody for yesterday, and forgets the evidence."""

CRON_ENTRIES = (
    CronEntry("nuc", "backup", "etcd-snapshot", "0 */6 * * *", "etcd-snapshot", extra=DEEP),
    CronEntry(
        "nuc", "backup", "restic-nas", "30 * * * *", "restic", "failing", 6.0, extra={"concurrencyPolicy": "Forbid"}
    ),
    CronEntry("nuc", "backup", "offsite-sync", "0 3 * * *", "rclone", "never", extra={"failedJobsHistoryLimit": 3}),
    CronEntry("nuc", "mail", "imap-archive", "*/20 * * * *", "imap-archive", "recovered", extra=DEEP),
    CronEntry("nuc", "mail", "dkim-rotate", "0 4 * * 0", "dkim-rotate", extra={"suspend": True}),
    CronEntry(
        "nuc",
        "media",
        "thumbnails",
        "*/15 * * * *",
        "thumbnails",
        extra={"startingDeadlineSeconds": 120, "concurrencyPolicy": "Forbid"},
        quota=True,
    ),
    CronEntry("nuc", "monitoring", "link-check", "*/10 * * * *", "link-check", "flaky", 3.0, job=SHORT_LIVED),
    CronEntry("nuc", "monitoring", "heartbeat", "* * * * *", "heartbeat", duration_s=2.0),
    CronEntry("nuc", "db", "vacuum", "15 2 * * *", "vacuum", duration_s=40.0, extra=DEEP, time_zone="Europe/Berlin"),
    CronEntry(
        "nuc",
        "db",
        "logical-dump",
        "25 */2 * * *",
        "pg-dump",
        duration_s=2400.0,
        extra={"concurrencyPolicy": "Forbid"},
        running_s=1500.0,
    ),
    CronEntry(
        "pi",
        "backup",
        "sd-image-rpi03",
        "*/30 * * * *",
        "sd-image",
        duration_s=45.0,
        extra={"concurrencyPolicy": "Forbid", **DEEP},
        node="rpi03",
        image="ghcr.io/kkato/sd-image:2.0",
        running_s=120.0,
    ),
    CronEntry("pi", "backup", "sd-image-rpi02", "10 1 * * *", "sd-image", duration_s=45.0, extra=DEEP, node="rpi02"),
    CronEntry("pi", "dns", "blocklist-update", "*/5 * * * *", "blocklist", duration_s=3.0, extra=DEEP),
    CronEntry("pi", "monitoring", "sensor-rollup", "* * * * *", "sensor-rollup", duration_s=2.0),
    CronEntry("pi", "home", "zigbee-export", "45 * * * *", "zigbee-export", "recovered", 5.0, extra=DEEP),
    CronEntry("pi", "home", "photo-import", "0 6 1 * *", "photo-import", new=True),
)


@dataclass(frozen=True, slots=True)
class SingleEntry:
    """One finished Job without a CronJob."""

    cluster: str
    namespace: str
    name: str
    app: str
    age_s: float
    """How long before the lab's start it ended."""
    duration_s: float
    failed: tuple[str, str] | None = None
    """(reason, message) of its Failed condition; None: it completed."""
    pods: int = 1
    """How many of its pods are left."""
    job: Object = field(default_factory=dict)
    status: Object = field(default_factory=dict)
    """More keys of its status."""


SINGLE_ENTRIES = (
    SingleEntry(
        "nuc",
        "db",
        "migrate-0042",
        "db-migrate",
        9 * 3600.0,
        312.0,
        ("BackoffLimitExceeded", "Job has reached the specified backoff limit"),
        pods=2,
        job={"backoffLimit": 1},
    ),
    SingleEntry(
        "nuc",
        "media",
        "reindex-2022",
        "reindex",
        26 * 3600.0,
        1800.0,
        ("DeadlineExceeded", "Job was active longer than specified deadline"),
        pods=0,
        job={"activeDeadlineSeconds": 1800, "backoffLimit": 6},
    ),
    SingleEntry(
        "pi",
        "home",
        "ota-firmware",
        "ota-firmware",
        4 * 86400.0,
        95.0,
        ("FailedIndexes", "Job has failed indexes"),
        job={"completionMode": "Indexed", "completions": 6, "parallelism": 3, "backoffLimitPerIndex": 1},
        status={"failedIndexes": "2,4", "completedIndexes": "0,1,3,5", "succeeded": 4},
    ),
    SingleEntry("pi", "dns", "import-zones", "import-zones", 3 * 86400.0, 22.0),
)
NAMESPACES = {
    "nuc": ("default", "kube-system", "kube-public", "backup", "mail", "media", "monitoring", "db"),
    "pi": ("default", "kube-system", "kube-public", "backup", "dns", "monitoring", "home"),
}
QUOTA = (
    "exceeded quota: media-jobs, requested: count/jobs.batch=1, used: count/jobs.batch=4, limited: count/jobs.batch=4"
)
