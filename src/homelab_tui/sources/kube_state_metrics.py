"""kube-state-metrics' series, whatever the scrape made of their labels, as Jobs and CronJobs.

What a scrape configuration can do to them, and what is done about it here:

- honor_labels = false: the object's namespace is in `exported_namespace`, a Pod's node in `exported_node`;
- kube-state-metrics before 1.4: `job` instead of `job_name`, which a scrape turns into `exported_job`;
- a roll-over or a pair of them: each series twice, from two Pods (or times and states of both: the larger one counts);
- owners that are not there: no label, "", or "<none>" (before 2.7);
- several clusters in one server: told apart by `cluster`, where one value of it is the cluster that was asked for.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from sys import intern

from homelab_tui.domain.jobs import CronJobSeries, JobSeries
from homelab_tui.sources.prometheus_answers import Labels, Sample, moment

_JOB = "kube_job_"
_CRONJOB = "kube_cronjob_"
_JOB_METRICS = (
    "info",
    "owner",
    "created",
    "failed",
    "complete",
    "status_active",
    "status_start_time",
    "status_completion_time",
)
_CRONJOB_METRICS = (
    "info",
    "created",
    "spec_suspend",
    "status_active",
    "status_last_schedule_time",
    "status_last_successful_time",
    "next_schedule_time",
)
_METRICS = {_JOB + metric: metric for metric in _JOB_METRICS} | {
    _CRONJOB + metric: metric for metric in _CRONJOB_METRICS
}
NODE_INFO = "kube_node_info"
POD_INFO = "kube_pod_info"

QUERY = (
    f'{{__name__=~"{_JOB}({"|".join(_JOB_METRICS)})|{_CRONJOB}({"|".join(_CRONJOB_METRICS)})|{NODE_INFO}|{POD_INFO}"'
    # Of the three series per condition only the one that says "true" is read; of Pods only those of Jobs.
    ',condition!~"false|unknown"}'
)
"""All of it at one timestamp, by one query that needs nothing of the scrape configuration."""
_PAST_METRICS = ("owner", "failed", "complete", "created", "status_start_time")


def past_query(window_s: int) -> str:
    """The last thing that was said of every Job in that many seconds, whether it is still there or not.

    One value per series, whatever the window: a range query would tell each of them at every step, and miss the Jobs
    that came and went between two steps.
    """
    names = f'{{__name__=~"{_JOB}({"|".join(_PAST_METRICS)})",condition!~"false|unknown"}}'
    return f"last_over_time({names}[{window_s}s])"


AGE_QUERY = f"time() - max(timestamp({NODE_INFO}))"
"""Seconds since the newest sample: an instant query itself always tells its own time."""

_NOBODY = ("", "<none>")
Key = tuple[str, str]
"""(namespace, name)."""


class _Facts:
    """The samples of one object by metric. `number` keeps the larger of a doubled series, `text` the later in order."""

    __slots__ = ("number", "text")

    def __init__(self) -> None:
        self.number: dict[str, float] = {}
        self.text: dict[str, str] = {}

    def add(self, metric: str, value: float) -> None:
        self.number[metric] = max(value, self.number.get(metric, value))

    def tell(self, what: str, text: str) -> None:
        self.text[what] = max(text, self.text.get(what, text))

    def at(self, metric: str) -> datetime | None:
        return moment(self.number.get(metric))

    def count(self, metric: str) -> int | None:
        number = self.number.get(metric)
        return int(number) if number is not None and 0 <= number < 1e9 else None

    def flag(self, metric: str) -> bool | None:
        number = self.number.get(metric)
        return None if number is None else number == 1


def has_heartbeat(samples: Iterable[Sample]) -> bool:
    """Whether kube-state-metrics is there at all; without it "no failed Jobs" means nothing."""
    return any(sample.metric.name.startswith((_JOB, _CRONJOB, NODE_INFO)) for sample in samples)


class Collector:
    """Samples as they come, and the Jobs and CronJobs that they are about."""

    def __init__(self, cluster: str, *, takes_all: bool = False) -> None:
        """`cluster`: its samples are taken, and those that name none; with `takes_all` those of others too."""
        self._cluster = cluster
        self._takes_all = takes_all
        self.heartbeat = False
        """Whether kube-state-metrics is there at all; without it "no failed Jobs" means nothing."""
        self.is_named = False
        """Whether some sample names this cluster."""
        self.has_others = False
        """Whether some sample names another one."""
        self._jobs: defaultdict[Key, _Facts] = defaultdict(_Facts)
        self._cronjobs: defaultdict[Key, _Facts] = defaultdict(_Facts)
        self._nodes: defaultdict[Key, set[str]] = defaultdict(set)
        self._unnamed: list[tuple[Labels, float]] = []
        self._scrape_jobs: set[str] = set()

    @property
    def should_take_all(self) -> bool:
        """Where no sample names our cluster they are all ours, whatever they name."""
        return self.has_others and not self.is_named

    def add(self, samples: Iterable[Sample]) -> None:
        """Take in some more."""
        for sample in samples:
            name = sample.metric.cluster
            if name == self._cluster:
                self.is_named = True
            elif name:
                self.has_others = True
                if not self._takes_all:
                    continue
            if not self.heartbeat:
                self.heartbeat = has_heartbeat((sample,))
            if (value := sample.number()) is not None:
                self._take(sample.metric, value)

    def _take(self, labels: Labels, value: float) -> None:
        if labels.name.startswith(_CRONJOB):
            self._scrape_jobs.add(labels.job)
            _add_cronjob(self._cronjobs, labels, value)
        elif labels.name.startswith(_JOB):
            name = labels.job_name or labels.exported_job
            if name:
                _add_job(self._jobs[namespace_of(labels), name], labels, value)
            else:
                self._unnamed.append((labels, value))
        else:
            self._scrape_jobs.add(labels.job)
            if labels.name == POD_INFO and labels.created_by_kind == "Job":
                node = labels.exported_node or labels.node
                self._nodes[namespace_of(labels), labels.created_by_name].add(node)

    def series(self) -> tuple[tuple[JobSeries, ...], tuple[CronJobSeries, ...]]:
        """Jobs and CronJobs, sorted by namespace and name. Call it once, when all samples have come."""
        jobs, cronjobs, nodes = self._jobs, self._cronjobs, self._nodes
        for labels, value in self._unnamed:
            # Before 1.4, with honor_labels: `job` is the Job's. But a name that other series have is the scrape job's.
            if labels.job and labels.job not in self._scrape_jobs:
                _add_job(jobs[namespace_of(labels), labels.job], labels, value)
        return (
            tuple(_job(key, jobs[key], nodes) for key in sorted(jobs) if key[0]),
            tuple(_cronjob(key, cronjobs[key]) for key in sorted(cronjobs) if key[0]),
        )


def namespace_of(labels: Labels) -> str:
    """The object's namespace; `namespace` alone may be kube-state-metrics' own."""
    return labels.exported_namespace or labels.namespace


def _add_job(facts: _Facts, labels: Labels, value: float) -> None:
    metric = _METRICS.get(labels.name) or labels.name.removeprefix(_JOB)
    if metric in ("failed", "complete") and labels.condition not in ("", "true"):
        return
    facts.add(metric, value)
    if metric == "owner" and labels.owner_kind == "CronJob" and labels.owner_name not in _NOBODY and value == 1:
        facts.tell("cronjob", labels.owner_name)


def _add_cronjob(cronjobs: defaultdict[Key, _Facts], labels: Labels, value: float) -> None:
    if not labels.cronjob:
        return
    facts = cronjobs[namespace_of(labels), labels.cronjob]
    metric = _METRICS.get(labels.name) or labels.name.removeprefix(_CRONJOB)
    facts.add(metric, value)
    if metric == "info":
        facts.tell("schedule", labels.schedule)
        facts.tell("timezone", labels.timezone)


def _job(key: Key, facts: _Facts, nodes: Mapping[Key, set[str]]) -> JobSeries:
    where = nodes.get(key, set()) - {""}
    return JobSeries(
        namespace=intern(key[0]),
        name=key[1],
        failed=facts.flag("failed"),
        complete=facts.flag("complete"),
        cronjob=intern(facts.text["cronjob"]) if "cronjob" in facts.text else None,
        created_at=facts.at("created"),
        started_at=facts.at("status_start_time"),
        completed_at=facts.at("status_completion_time"),
        active=facts.count("status_active"),
        # Pods of several attempts on several nodes: these series do not tell which of them failed last.
        node=next(iter(where)) if len(where) == 1 else None,
    )


def _cronjob(key: Key, facts: _Facts) -> CronJobSeries:
    zone = facts.text.get("timezone", "")
    return CronJobSeries(
        namespace=key[0],
        name=key[1],
        schedule=facts.text.get("schedule") or None,
        time_zone=zone if zone not in ("", "local") else None,
        suspended=facts.flag("spec_suspend"),
        created_at=facts.at("created"),
        last_scheduled_at=facts.at("status_last_schedule_time"),
        last_succeeded_at=facts.at("status_last_successful_time"),
        next_run_at=facts.at("next_schedule_time"),
        active=facts.count("status_active"),
    )
