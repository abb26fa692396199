"""What a node takes: energy per day, and what it usually draws. Pure."""

from collections.abc import Iterable, Mapping
from datetime import date

from homelab_tui.domain.values import Frozen

BIN_MW = 100
"""How fine the minutes are counted that the usual draw is learnt from."""
LEARNT_MINUTES = 30
"""So many minutes must have been seen before anything counts as usual."""
_LEAST_OFF_MW = 1_500
_OFF_SHARE = 0.4


class PowerDay(Frozen):
    """One node's energy on one day of this machine's calendar."""

    day: date
    energy_mwh: float
    """Of the minutes that were sampled, and of no others."""
    sampled_minutes: int
    minutes: int
    """How many the day has had; of today, until now."""

    @property
    def share(self) -> float:
        """How much of the day was sampled, 0 to 1."""
        return min(1.0, self.sampled_minutes / self.minutes) if self.minutes else 0.0


class NodePower(Frozen):
    """What is remembered of one node's power."""

    days: tuple[PowerDay, ...] = ()
    """Today first. Days without a sample are left out."""
    witness: str | None = None
    """switch: what its port gives. hat: what a PoE HAT passes on at 5 V, its own loss not included."""
    usual_mw: int | None = None
    """Median of the minutes in which it was up; None until enough were seen."""
    usual_minutes: int = 0
    """How many minutes that was learnt from."""


class PowerLoss(Frozen):
    """Both ends of a PoE HAT at once."""

    in_mw: int
    """What the switch's port gives."""
    out_mw: int
    """What the HAT passes on at 5 V."""

    @property
    def lost_mw(self) -> int:
        """What becomes heat in cable and HAT; below 0 when the two were read at different moments."""
        return self.in_mw - self.out_mw

    @property
    def share(self) -> float | None:
        """Of what goes in; None when nothing does."""
        return self.lost_mw / self.in_mw if self.in_mw > 0 else None


def power_loss(in_mw: int | None, out_mw: int | None) -> PowerLoss | None:
    """The loss, where both ends are told."""
    return None if in_mw is None or out_mw is None else PowerLoss(in_mw, out_mw)


def median_mw(bins: Mapping[int, int]) -> int | None:
    """The median of minutes counted by hundreds of milliwatts; None below `LEARNT_MINUTES` of them."""
    count = sum(bins.values())
    if count < LEARNT_MINUTES:
        return None
    passed = 0
    for step in sorted(bins):
        passed += bins[step]
        if 2 * passed >= count:
            return step * BIN_MW
    return None


def added(histograms: Iterable[Mapping[int, int]]) -> dict[int, int]:
    """Several days' minutes together."""
    found: dict[int, int] = {}
    for bins in histograms:
        for step, count in bins.items():
            found[step] = found.get(step, 0) + count
    return found


def is_unusual(now_mw: int | None, usual_mw: int | None) -> bool:
    """Whether a draw is far from the usual: by 40 %, and by no less than 1.5 W."""
    if now_mw is None or usual_mw is None:
        return False
    return abs(now_mw - usual_mw) >= max(_LEAST_OFF_MW, _OFF_SHARE * usual_mw)
