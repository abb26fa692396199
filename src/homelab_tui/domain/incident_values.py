"""An incident: one thing that is wrong, with all that belongs to it."""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum

from homelab_tui.domain.jobs import AlertState, JobId
from homelab_tui.domain.poe import PortRef
from homelab_tui.domain.values import Frozen


class Severity(StrEnum):
    """How soon somebody should look."""

    CRITICAL = "critical"
    WARNING = "warning"
    NOTICE = "notice"

    @property
    def rank(self) -> int:
        """0 is the most urgent."""
        return list(Severity).index(self)


class Evidence(Frozen):
    """One fact that belongs to an incident."""

    kind: str
    """job, cronjob, node, power, key or source."""
    text: str
    at: datetime | None = None
    """When it happened; None: it is so now, and nobody knows since when."""
    is_good: bool = False
    """It tells when all was still well; an incident does not begin with it."""


class Incident(Frozen):
    """One thing that is wrong, with all that belongs to it."""

    key: str
    """Its identity as long as it lasts: `node:rpi03`, `cronjob:pi/backup/restic`, `switch:sw1`."""
    severity: Severity
    title: str
    evidence: tuple[Evidence, ...]
    """Oldest first; what has no time comes first."""
    cures: tuple[str, ...] = ()
    """Command lines that look closer or end it, the first to try first."""
    node: str | None = None
    port: PortRef | None = None
    jobs: tuple[JobId, ...] = ()
    """The failed Jobs that belong to it."""
    alert: AlertState | None = None
    """The most urgent alert among them."""

    @property
    def since(self) -> datetime | None:
        """When the first sign was seen, as far as anything tells."""
        return min((one.at for one in self.evidence if one.at is not None and not one.is_good), default=None)


def in_order(evidence: Iterable[Evidence]) -> tuple[Evidence, ...]:
    """Oldest first; what has no time comes first."""
    return tuple(sorted(evidence, key=lambda one: seconds(one.at)))


def count(number: int, what: str) -> str:
    """`1 failure`, `2 failures`."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def seconds(at: datetime | None) -> float:
    """A moment as a number to sort by; 0 for one that nobody knows."""
    return at.timestamp() if at is not None else 0.0
