"""kube-state-metrics' series, whatever the scrape made of their labels, as Jobs and CronJobs.

What a scrape configuration can do to them, and what is done about it here:

- honor_labels = false: the object's namespace is in `exported_namespace`, a Pod's node in `exported_node`;
- kube-state-metrics before 1.4: `job` instead of `job_name`, which a scrape turns into `exported_job`;
- a roll-over or a pair of them: each series twice, from two Pods (or times and states of both: the larger one counts);
- owners that are not there: no label, "", or "<none>" (before 2.7);
- several clusters in one server: told apart by `cluster`, where one value of it is the cluster that was asked for.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from sys import intern
from typing import TypeVar

from msgspec import Struct

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
_F = TypeVar("_F")
S = TypeVar("S", JobSeries, CronJobSeries)
_ByNamespace = defaultdict[str, dict[str, _F]]
"""Namespace → name → what is known: a pair of both for each Job would be half a megabyte."""


_Fact = float | None


class _JobFacts(Struct, gc=False):
    """What is kept of one Job while the samples come: with a dict for each of 10,000 it would be 10 MB.

    The fields are called as the metrics. Of a doubled series the larger value counts, of texts the later in order.
    """

    failed: _Fact = None
    complete: _Fact = None
    created: _Fact = None
    status_active: _Fact = None
    status_start_time: _Fact = None
    status_completion_time: _Fact = None
    cronjob: str | None = None


class _CronJobFacts(Struct, gc=False):
    """The same of a CronJob."""

    created: _Fact = None
    spec_suspend: _Fact = None
    status_active: _Fact = None
    status_last_schedule_time: _Fact = None
    status_last_successful_time: _Fact = None
    next_schedule_time: _Fact = None
    schedule: str = ""
    timezone: str = ""


_JOB_FACTS = {_JOB + metric: metric for metric in _JOB_METRICS if metric not in ("info", "owner")}
_CRONJOB_FACTS = {_CRONJOB + metric: metric for metric in _CRONJOB_METRICS if metric != "info"}
_SHARED = {0.0: 0.0, 1.0: 1.0}
"""Most values are one of these; each sample brings an object of its own."""


def _add(facts: _JobFacts | _CronJobFacts, metric: str, value: float) -> None:
    known: _Fact = getattr(facts, metric)
    if known is None or value > known:
        setattr(facts, metric, _SHARED.get(value, value))


def _count(number: _Fact) -> int | None:
    return int(number) if number is not None and 0 <= number < 1e9 else None


def _flag(number: _Fact) -> bool | None:
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
        self._jobs: _ByNamespace[_JobFacts] = defaultdict(dict)
        self._cronjobs: _ByNamespace[_CronJobFacts] = defaultdict(dict)
        self._nodes: _ByNamespace[str] = defaultdict(dict)
        """Where the Pods of a Job are; "" where they are on several."""
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
                _add_job(self._jobs, name, labels, value)
            else:
                self._unnamed.append((labels, value))
        else:
            self._scrape_jobs.add(labels.job)
            if labels.name == POD_INFO and labels.created_by_kind == "Job":
                node = labels.exported_node or labels.node
                if node:
                    nodes = self._nodes[namespace_of(labels)]
                    known = nodes.setdefault(labels.created_by_name, intern(node))
                    if known != node:
                        nodes[labels.created_by_name] = ""

    def jobs(self) -> Iterator[JobSeries]:
        """The Jobs, sorted by namespace and name. To be gone through once, when all samples have come."""
        for labels, value in self._unnamed:
            # Before 1.4, with honor_labels: `job` is the Job's. But a name that other series have is the scrape job's.
            if labels.job and labels.job not in self._scrape_jobs:
                _add_job(self._jobs, labels.job, labels, value)
        return _each(self._jobs, self._job)

    def series(
        self, jobs: tuple[JobSeries, ...] = (), cronjobs: tuple[CronJobSeries, ...] = ()
    ) -> tuple[tuple[JobSeries, ...], tuple[CronJobSeries, ...]]:
        """Jobs and CronJobs, each sorted by namespace and name. Call it once, as `jobs`.

        The arguments are what was told before; what is told the same again is the same object.
        """
        return _kept(self.jobs(), jobs), _kept(_each(self._cronjobs, _cronjob), cronjobs)

    def _job(self, namespace: str, name: str, facts: _JobFacts) -> JobSeries:
        return JobSeries(
            namespace=namespace,
            name=name,
            failed=_flag(facts.failed),
            complete=_flag(facts.complete),
            cronjob=facts.cronjob,
            created_at=moment(facts.created),
            started_at=moment(facts.status_start_time),
            completed_at=moment(facts.status_completion_time),
            active=_count(facts.status_active),
            # Pods of several attempts on several nodes: these series do not tell which of them failed last.
            node=self._nodes.get(namespace, {}).get(name) or None,
        )


def _each(facts: _ByNamespace[_F], made: Callable[[str, str, _F], S]) -> Iterator[S]:
    """What is made of the facts, in order; they are let go on the way, so that both are never there at once."""
    for namespace in sorted(facts):
        named = facts.pop(namespace)
        if namespace:
            for name in sorted(named):
                yield made(intern(namespace), name, named.pop(name))


def _kept(found: Iterable[S], known: tuple[S, ...]) -> tuple[S, ...]:
    """What was found, as the very objects that are known where those are equal, and the known tuple where all are.

    Both in order of namespace and name.
    """
    place, made = 0, []
    for one in found:
        key = (one.namespace, one.name)
        while place < len(known) and (known[place].namespace, known[place].name) < key:
            place += 1
        made.append(known[place] if place < len(known) and known[place] == one else one)
    is_same = len(made) == len(known) and all(old is new for old, new in zip(known, made, strict=True))
    return known if is_same else tuple(made)


def namespace_of(labels: Labels) -> str:
    """The object's namespace; `namespace` alone may be kube-state-metrics' own."""
    return labels.exported_namespace or labels.namespace


def _add_job(jobs: _ByNamespace[_JobFacts], name: str, labels: Labels, value: float) -> None:
    metric = _JOB_FACTS.get(labels.name)
    if metric in ("failed", "complete") and labels.condition not in ("", "true"):
        return
    named = jobs[namespace_of(labels)]
    facts = named.get(name)
    if facts is None:
        facts = named[name] = _JobFacts()
    if metric is not None:
        _add(facts, metric, value)
    elif labels.owner_kind == "CronJob" and labels.owner_name not in _NOBODY and value == 1:
        facts.cronjob = intern(max(labels.owner_name, facts.cronjob or ""))


def _add_cronjob(cronjobs: _ByNamespace[_CronJobFacts], labels: Labels, value: float) -> None:
    if not labels.cronjob:
        return
    facts = cronjobs[namespace_of(labels)].setdefault(labels.cronjob, _CronJobFacts())
    metric = _CRONJOB_FACTS.get(labels.name)
    if metric is not None:
        _add(facts, metric, value)
    else:
        facts.schedule = max(facts.schedule, labels.schedule)
        facts.timezone = max(facts.timezone, labels.timezone)


def _cronjob(namespace: str, name: str, facts: _CronJobFacts) -> CronJobSeries:
    return CronJobSeries(
        namespace=namespace,
        name=name,
        schedule=facts.schedule or None,
        time_zone=facts.timezone if facts.timezone not in ("", "local") else None,
        suspended=_flag(facts.spec_suspend),
        created_at=moment(facts.created),
        last_scheduled_at=moment(facts.status_last_schedule_time),
        last_succeeded_at=moment(facts.status_last_successful_time),
        next_run_at=moment(facts.next_schedule_time),
        active=_count(facts.status_active),
    )
