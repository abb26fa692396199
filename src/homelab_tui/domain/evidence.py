"""What was seen of a Job while it failed: kept after its Pods, the Job or the cluster are gone."""

from datetime import datetime

from homelab_tui.domain.values import Frozen


class LogTail(Frozen):
    """The end of one container's log."""

    pod: str
    container: str | None
    text: str
    """As it came, control characters and all: made printable only where it is shown."""
    previous: bool = False
    """Of the container before its last restart."""


class Evidence(Frozen):
    """One Job's evidence."""

    cluster: str
    namespace: str
    name: str
    uid: str
    state: str
    """As it was then."""
    taken_at: datetime
    occasion: str
    """Why it was taken: "when it failed", "before it was deleted"."""
    reason: str | None = None
    message: str | None = None
    exit_code: int | None = None
    exit_reason: str | None = None
    node: str | None = None
    failed_at: datetime | None = None
    pods: tuple[str, ...] = ()
    """One line each."""
    events: tuple[str, ...] = ()
    """One line each, oldest first."""
    logs: tuple[LogTail, ...] = ()
    problems: tuple[str, ...] = ()
    """What could not be read, and why."""

    @property
    def job(self) -> str:
        """`cluster/namespace/name`."""
        return f"{self.cluster}/{self.namespace}/{self.name}"
