"""What was last read from a source, how old it is, and what went wrong since."""

from datetime import datetime
from enum import StrEnum
from typing import Generic, TypeVar

from homelab_tui.domain.values import Frozen, replace

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class HealthState(StrEnum):
    """One word for how far a source can be trusted right now."""

    STARTING = "starting"
    OK = "ok"
    STALE = "stale"
    DOWN = "down"
    NO_DATA = "no-data"
    OFF = "off"


class Health(Frozen):
    """Health of one source at one moment."""

    state: HealthState
    age_s: float | None = None
    """Seconds since the last good reading; None when there never was one."""
    problem: str | None = None
    """Why it is not OK, in a sentence; None when it is."""
    next_try_s: float | None = None
    """Seconds until the next try; None when none is scheduled."""


class Reading(Frozen, Generic[T_co]):
    """The last good value of a source, with its age and the reason of the failures since.

    A failure keeps the value: stale data is shown as stale, never thrown away.
    """

    value: T_co | None = None
    taken_at: datetime | None = None
    """Aware UTC; None as long as nothing was read."""
    problem: str | None = None
    failures: int = 0
    """Failed tries since the last good one."""
    timed_out: bool = False
    """The last try ended without any answer, as opposed to a bad one."""
    next_try_at: datetime | None = None
    missing: str | None = None
    """The source answered, but what we need is not there (no kube-state-metrics, no PoE table): why, in a sentence."""
    off: bool = False
    """The configuration does not name such a source."""

    def renewed(self, value: T, now: datetime, missing: str | None = None) -> "Reading[T]":
        """This reading after a good answer."""
        return Reading(value=value, taken_at=now, missing=missing)

    def failed(self, problem: str, next_try_at: datetime | None, *, timed_out: bool = False) -> "Reading[T_co]":
        """This reading after a failure: the old value stays."""
        failures = self.failures + 1
        return replace(self, problem=problem, failures=failures, next_try_at=next_try_at, timed_out=timed_out)


def health(reading: Reading[object], now: datetime, stale_after_s: float) -> Health:
    """How a reading stands at `now`. Pure: the same reading and clock always give the same word.

    A first failure after a good value is STALE (the value is still shown); without any good value, or once the value
    is older than `stale_after_s`, it is DOWN.
    """
    if reading.off:
        return Health(HealthState.OFF)
    age_s = None if reading.taken_at is None else max(0.0, (now - reading.taken_at).total_seconds())
    next_try_s = None if reading.next_try_at is None else max(0.0, (reading.next_try_at - now).total_seconds())
    if reading.problem is not None:
        state = HealthState.STALE if age_s is not None and age_s <= stale_after_s else HealthState.DOWN
        return Health(state, age_s, reading.problem, next_try_s)
    if age_s is None:
        return Health(HealthState.STARTING)
    if reading.missing is not None:
        return Health(HealthState.NO_DATA, age_s, reading.missing)
    if age_s > stale_after_s:
        return Health(HealthState.STALE, age_s, f"the last answer is {age_s:.0f} s old", next_try_s)
    return Health(HealthState.OK, age_s)
