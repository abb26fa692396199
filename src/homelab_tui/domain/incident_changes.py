"""What became of incidents from one look to the next: new, worse, over. Flapping is not news."""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum

from homelab_tui.domain.incident_values import Incident
from homelab_tui.domain.values import Frozen


class ChangeKind(StrEnum):
    """What happened to an incident."""

    NEW = "new"
    CHANGED = "changed"
    OVER = "over"


class IncidentChange(Frozen):
    """One piece of news."""

    kind: ChangeKind
    incident: Incident
    """As it is now; for one that is over, as it was last."""
    at: datetime


class IncidentLog:
    """Compares looks. What appears or goes away is told once it has lasted `steady_s`; so is what it has become."""

    def __init__(self, steady_s: float) -> None:
        self._steady_s = steady_s
        self._told: dict[str, Incident] = {}
        self._differs_since: dict[str, datetime] = {}

    @property
    def open(self) -> tuple[Incident, ...]:
        """What was told and is not over."""
        return tuple(self._told.values())

    def observe(self, found: Iterable[Incident], now: datetime) -> tuple[IncidentChange, ...]:
        """The news of this look."""
        present = {incident.key: incident for incident in found}
        news = []
        for key in {**self._told, **present}:
            incident, told = present.get(key), self._told.get(key)
            if incident is not None and told is not None and _is_same(incident, told):
                self._told[key] = incident
                self._differs_since.pop(key, None)
                continue
            since = self._differs_since.setdefault(key, now)
            if (now - since).total_seconds() < self._steady_s:
                continue
            news.append(self._tell(key, told, incident, now))
        for key in tuple(self._differs_since):
            if key not in present and key not in self._told:
                del self._differs_since[key]
        return tuple(news)

    def _tell(self, key: str, told: Incident | None, incident: Incident | None, now: datetime) -> IncidentChange:
        del self._differs_since[key]
        if incident is None:
            return IncidentChange(ChangeKind.OVER, self._told.pop(key), now)
        self._told[key] = incident
        return IncidentChange(ChangeKind.NEW if told is None else ChangeKind.CHANGED, incident, now)


def _is_same(one: Incident, other: Incident) -> bool:
    """Whether a person would read the same: ages and the order of the evidence do not count."""
    return (one.severity, one.alert, one.jobs, one.title) == (other.severity, other.alert, other.jobs, other.title)
