"""One thing that the configuration promises, and whether it holds."""

from enum import StrEnum

from homelab_tui.domain.values import Frozen


class CheckStatus(StrEnum):
    """OK: as promised. WARN: it works, with less than there could be. FAIL: it does not work."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


class Check(Frozen):
    """The outcome of one check."""

    subject: str
    """Of what: `cluster nuc`, `switch sw1`, `node rpi01`, `keys`."""
    check: str
    """Which promise: `api`, `list jobs.batch`, `heartbeat`, `host key`."""
    status: CheckStatus
    detail: str
    """What was found, in a sentence or less."""
    fix: str | None = None
    """What to do about it; None where nothing is to be done, or nothing is known to help."""


class CheckReport(Frozen):
    """All checks of one run, in the order of the configuration."""

    checks: tuple[Check, ...]
    silent: tuple[str, ...] = ()
    """Kinds of source (clusters, switches, …) of which not one gave a usable answer."""

    @property
    def failed(self) -> bool:
        """Whether any check failed."""
        return any(check.status is CheckStatus.FAIL for check in self.checks)


def passed(subject: str, check: str, detail: str) -> Check:
    """A check that holds."""
    return Check(subject, check, CheckStatus.OK, detail)


def warned(subject: str, check: str, detail: str, fix: str | None = None) -> Check:
    """A check that holds only in part."""
    return Check(subject, check, CheckStatus.WARN, detail, fix)


def failed(subject: str, check: str, detail: str, fix: str | None = None) -> Check:
    """A check that does not hold."""
    return Check(subject, check, CheckStatus.FAIL, detail, fix)
