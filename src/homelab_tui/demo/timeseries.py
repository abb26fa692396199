"""What a demo Prometheus remembers: series as runs of equal values, with the moment each began and ended."""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache

Labels = dict[str, str]
SeriesKey = tuple[tuple[str, str], ...]
"""The labels of a series, `__name__` among them, sorted; a label with an empty value is not there."""
Sample = tuple[SeriesKey, float]


@dataclass(slots=True)
class Run:
    """A stretch of scrapes that all saw the same value."""

    start: float
    """Unix second of the first scrape that saw it."""
    value: float
    end: float | None = None
    """Unix second of the scrape that saw something else, or nothing (the stale marker); None: still so."""


@dataclass(slots=True)
class Series:
    """One time series."""

    key: SeriesKey
    runs: list[Run] = field(default_factory=list)

    @property
    def labels(self) -> Labels:
        """A dictionary of its own for whoever asks: 10,000 Jobs make 150,000 series, of which few are ever shown."""
        return dict(self.key)

    def at(self, moment: float) -> Run | None:
        """The run that holds at a moment, or None when the series is stale or not begun then."""
        index = bisect_right(self.runs, moment, key=lambda run: run.start) - 1
        if index < 0:
            return None
        run = self.runs[index]
        return run if run.end is None or moment < run.end else None

    def between(self, start: float, end: float) -> list[Run]:
        """The runs with a part in (start, end], oldest first."""
        return [run for run in self.runs if run.start <= end and (run.end is None or run.end > start)]


def series_key(name: str, labels: Labels) -> SeriesKey:
    """The key of a series; empty labels vanish, as in Prometheus."""
    return named_key(name, label_pairs(labels))


def label_pairs(labels: Labels) -> SeriesKey:
    """The sorted pairs of some labels, without empty ones: what the series of one object have in common."""
    return tuple(sorted(item for item in labels.items() if item[1] != ""))


def named_key(name: str, pairs: SeriesKey) -> SeriesKey:
    """The key of the series of that name with these labels (from `label_pairs`)."""
    first = _name_pair(name)
    if not pairs or pairs[0] > first:
        return (first, *pairs)
    return tuple(sorted((first, *pairs)))  # a label in capitals comes before it


@lru_cache(maxsize=1024)
def _name_pair(name: str) -> tuple[str, str]:
    """One for all the series of a name."""
    return ("__name__", name)


class TimeSeries:
    """Append-only storage with stale markers; old runs are dropped after the retention."""

    def __init__(self, retention_s: float = 3 * 3600.0) -> None:
        """`retention_s` bounds series that change at every scrape; runs that still hold are kept for ever."""
        self.retention_s = retention_s
        self.scrapes: list[float] = []
        """Unix seconds of the scrapes, oldest first."""
        self._by_name: dict[str, dict[SeriesKey, Series]] = {}

    def begin_scrape(self, at: float) -> bool:
        """Note that a scrape happens at `at`; False for one that is older than the last: it may not be written."""
        if self.scrapes and at < self.scrapes[-1]:
            return False
        self.scrapes.append(at)
        if len(self.scrapes) % 200 == 0:
            self._forget(at - self.retention_s)
        return True

    def write(self, key: SeriesKey, value: float, at: float, end: float | None = None) -> None:
        """One sample; the same value as before extends its run. `end` closes the run at once (for a known past)."""
        family = self._by_name.setdefault(_name(key), {})
        series = family.get(key)
        if series is None:
            series = family[key] = Series(key)
        last = series.runs[-1] if series.runs else None
        if last is not None and last.end is None:
            if last.value == value:
                return
            last.end = at
        series.runs.append(Run(at, value, end))

    def mark_stale(self, keys: Iterable[SeriesKey], at: float) -> None:
        """These series were not in this scrape."""
        for key in keys:
            series = self._by_name.get(_name(key), {}).get(key)
            if series is not None and series.runs and series.runs[-1].end is None:
                series.runs[-1].end = at

    def get(self, labels: Labels) -> Series | None:
        """The series with exactly these labels, `__name__` among them."""
        return self._by_name.get(labels.get("__name__", ""), {}).get(tuple(sorted(labels.items())))

    def named(self, name: str | None) -> list[Series]:
        """The series of a metric, or (None) of all."""
        if name is None:
            return [series for family in self._by_name.values() for series in family.values()]
        return list(self._by_name.get(name, {}).values())

    def names(self) -> list[str]:
        """Every metric name, sorted."""
        return sorted(name for name, series in self._by_name.items() if series)

    def sample_time(self, moment: float) -> float:
        """When the last scrape at or before `moment` was; `moment` itself before the first."""
        index = bisect_right(self.scrapes, moment) - 1
        return self.scrapes[index] if index >= 0 else moment

    def _forget(self, before: float) -> None:
        del self.scrapes[: bisect_right(self.scrapes, before)]
        for name, family in self._by_name.items():
            # what Jobs and CronJobs were is the lab's history; pods and gauges that change at each scrape are not
            if name.startswith(("kube_job_", "kube_cronjob_")):
                continue
            for key, series in list(family.items()):
                series.runs = [run for run in series.runs if run.end is None or run.end >= before]
                if not series.runs:
                    del family[key]


def _name(key: SeriesKey) -> str:
    if key and key[0][0] == "__name__":
        return key[0][1]
    return next((value for label, value in key if label == "__name__"), "")
