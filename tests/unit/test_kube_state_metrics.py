"""kube-state-metrics' series under every scrape configuration give the same Jobs and CronJobs."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homelab_tui.domain.jobs import CronJobSeries, JobSeries
from homelab_tui.domain.values import replace
from homelab_tui.sources.kube_state_metrics import QUERY, Collector, has_heartbeat
from homelab_tui.sources.prometheus_answers import Sample, vector
from tests.exposition import Exposed, expose


def series(samples: Iterable[Sample]) -> tuple[tuple[JobSeries, ...], tuple[CronJobSeries, ...]]:
    """Jobs and CronJobs of all of them."""
    collector = Collector("nuc", takes_all=True)
    collector.add(samples)
    return collector.series()


T0 = 1_763_800_000.0


def utc(seconds: float) -> datetime:
    """That Unix time."""
    return datetime.fromtimestamp(seconds, UTC)


@dataclass(frozen=True)
class Scrape:
    """How a Prometheus is configured to scrape kube-state-metrics, and which one that is."""

    honor_labels: bool = True
    old_names: bool = False
    """kube-state-metrics before 1.4: `job` instead of `job_name`."""
    twice: bool = False
    empty_owner: str | None = None
    """Label values for "no owner"; None: no labels at all."""
    scrape_job: str = "kube-state-metrics"

    def samples(self, exposition: Sequence[Exposed]) -> list[Sample]:
        """What an instant query then answers."""
        rows = []
        for copy in range(2 if self.twice else 1):
            target = {
                "job": self.scrape_job,
                "instance": f"10.0.0.{copy}:8080",
                "namespace": "monitoring",
                "pod": f"ksm-{copy}",
                "node": "nuc01",
                "service": "kube-state-metrics",
            }
            rows += [self._row(target, line) for line in exposition]
        body = {"status": "success", "data": {"resultType": "vector", "result": rows}}
        return vector(json.dumps(body).encode()).samples

    def _row(self, target: Mapping[str, str], line: Exposed) -> dict[str, object]:
        name, labels, value = line
        own = dict(labels)
        if self.old_names and "job_name" in own:
            own["job"] = own.pop("job_name")
        if self.empty_owner is not None and name == "kube_job_owner" and "owner_kind" not in own:
            own |= {"owner_kind": self.empty_owner, "owner_name": self.empty_owner, "owner_is_controller": ""}
        if self.honor_labels:
            metric = {**target, **own}
        else:
            metric = {**{f"exported_{key}" if key in target else key: text for key, text in own.items()}, **target}
        metric = {key: text for key, text in metric.items() if text}
        return {"metric": {"__name__": name, **metric}, "value": [T0, repr(value)]}


FAILED = JobSeries(
    "backup",
    "restic-29396666",
    failed=True,
    cronjob="restic",
    created_at=utc(T0),
    started_at=utc(T0 + 1),
    active=0,
    node="rpi03",
)
DONE = JobSeries(
    "media", "scan", complete=True, created_at=utc(T0), started_at=utc(T0 + 1), completed_at=utc(T0 + 60), active=0
)
NEVER = CronJobSeries(
    "backup", "restic", schedule="30 2 * * *", suspended=False, created_at=utc(T0), last_scheduled_at=utc(T0), active=0
)
SCRAPES = {
    "v2, honor_labels": Scrape(),
    "v2, labels not honored": Scrape(honor_labels=False),
    "v2, the plain prometheus chart": Scrape(scrape_job="kubernetes-service-endpoints"),
    "v2, roll-over": Scrape(twice=True),
    "v2, roll-over, labels not honored": Scrape(honor_labels=False, twice=True),
    "v2.7, owner <none>": Scrape(empty_owner="<none>"),
    "v1, labels not honored": Scrape(honor_labels=False, old_names=True, empty_owner="<none>"),
    "v1, honor_labels": Scrape(old_names=True, empty_owner="<none>"),
}


@pytest.mark.parametrize("scrape", SCRAPES.values(), ids=SCRAPES.keys())
def test_every_scrape_gives_the_same_objects(scrape: Scrape) -> None:
    samples = scrape.samples(expose([FAILED, DONE], [NEVER]))
    assert series(samples) == ((FAILED, DONE), (NEVER,))
    assert has_heartbeat(samples)


names = st.from_regex(r"[a-z][a-z0-9.-]{0,20}[a-z0-9]", fullmatch=True)
namespaces = st.sampled_from(["default", "monitoring", "backup", "kube-system"])
times = st.one_of(st.none(), st.integers(1_600_000_000, 1_800_000_000).map(utc))
flags = st.one_of(st.none(), st.booleans())
job_series = st.builds(
    JobSeries,
    namespaces,
    names.filter(lambda name: name != "kube-state-metrics"),
    failed=flags,
    complete=flags,
    cronjob=st.one_of(st.none(), names),
    created_at=times,
    started_at=times,
    completed_at=times,
    active=st.one_of(st.none(), st.integers(0, 5)),
    node=st.one_of(st.none(), st.sampled_from(["nuc01", "rpi03"])),
)
cronjob_series = st.builds(
    CronJobSeries,
    namespaces,
    names,
    schedule=st.one_of(st.none(), st.sampled_from(["@daily", "*/5 * * * *"])),
    time_zone=st.one_of(st.none(), st.sampled_from(["Asia/Tokyo", "Etc/UTC"])),
    suspended=flags,
    created_at=times,
    last_scheduled_at=times,
    last_succeeded_at=times,
    next_run_at=times,
    active=st.one_of(st.none(), st.integers(0, 5)),
)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(job_series, max_size=6, unique_by=lambda job: (job.namespace, job.name)),
    st.lists(cronjob_series, max_size=4, unique_by=lambda cron: (cron.namespace, cron.name)),
    st.sampled_from(list(SCRAPES.values())),
    st.randoms(use_true_random=False),
)
def test_whatever_is_exposed_comes_back_whatever_the_scrape(
    jobs: list[JobSeries], cronjobs: list[CronJobSeries], scrape: Scrape, random: Random
) -> None:
    samples = scrape.samples(expose(jobs, cronjobs))
    random.shuffle(samples)  # the order of a vector means nothing
    found_jobs, found_cronjobs = series(samples)
    assert found_jobs == tuple(sorted(jobs, key=lambda job: (job.namespace, job.name)))
    assert found_cronjobs == tuple(sorted(cronjobs, key=lambda cron: (cron.namespace, cron.name)))


@given(st.lists(job_series, max_size=4, unique_by=lambda job: (job.namespace, job.name)), st.randoms())
def test_any_part_of_the_series_may_be_missing(jobs: list[JobSeries], random: Random) -> None:
    samples = [sample for sample in Scrape().samples(expose(jobs, [])) if random.random() < 0.5]
    found, _ = series(samples)
    assert {(job.namespace, job.name) for job in found} <= {(job.namespace, job.name) for job in jobs}


# -- traps ------------------------------------------------------------------------------------------------------------


def job_of(*lines: Exposed) -> JobSeries:
    """The one Job of these lines."""
    [found], _ = series(Scrape().samples(lines))
    return found


OWN = {"namespace": "a", "job_name": "j"}


def test_a_condition_that_is_not_true_is_no_failure() -> None:
    assert job_of(("kube_job_failed", OWN | {"condition": "false"}, 1.0), ("kube_job_info", OWN, 1.0)).failed is None
    assert job_of(("kube_job_failed", OWN | {"condition": "unknown"}, 1.0), ("kube_job_info", OWN, 1.0)).failed is None
    assert job_of(("kube_job_failed", OWN | {"condition": "true"}, 0.0)).failed is False


def test_failed_pods_are_no_failed_job() -> None:
    """kube_job_status_failed is 1 for a Job that succeeded at its second attempt."""
    assert job_of(("kube_job_status_failed", OWN, 1.0), ("kube_job_complete", OWN | {"condition": "true"}, 1.0)) == (
        JobSeries("a", "j", complete=True)
    )
    assert "status_failed" not in QUERY


def test_the_larger_of_two_views_counts_during_a_roll_over() -> None:
    lines = [
        ("kube_job_failed", OWN | {"condition": "true", "pod": "old"}, 0.0),
        ("kube_job_failed", OWN | {"condition": "true", "pod": "new"}, 1.0),
    ]
    assert job_of(*lines).failed is True


def test_only_a_cronjob_is_an_owner() -> None:
    workflow = {"owner_kind": "Workflow", "owner_name": "w", "owner_is_controller": "true"}
    cron = {"owner_kind": "CronJob", "owner_name": "c", "owner_is_controller": "true"}
    assert job_of(("kube_job_owner", OWN | workflow, 1.0)).cronjob is None
    assert job_of(("kube_job_owner", OWN | workflow, 1.0), ("kube_job_owner", OWN | cron, 1.0)).cronjob == "c"


def test_a_node_is_told_only_where_there_is_one_answer() -> None:
    def pod(name: str, node: str, kind: str = "Job") -> Exposed:
        own = {"namespace": "a", "pod": name, "node": node, "created_by_kind": kind, "created_by_name": "j"}
        return ("kube_pod_info", own, 1.0)

    info = ("kube_job_info", OWN, 1.0)
    assert job_of(info, pod("p1", "rpi01"), pod("p2", "rpi01")).node == "rpi01"
    assert job_of(info, pod("p1", "rpi01"), pod("p2", "rpi02")).node is None
    assert job_of(info, pod("p1", "rpi01", kind="ReplicaSet")).node is None
    assert job_of(info, pod("p1", "")).node is None


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1.0, 0.0, 1e300])
def test_times_that_are_none_are_none(value: float) -> None:
    assert job_of(("kube_job_info", OWN, 1.0), ("kube_job_status_start_time", OWN, value)).started_at is None


def test_a_job_without_a_name_is_not_invented_from_the_scrape_job() -> None:
    samples = Scrape().samples([("kube_job_info", {"namespace": "a"}, 1.0), ("kube_node_info", {"node": "n"}, 1.0)])
    assert series(samples) == ((), ())


def test_a_job_without_a_namespace_is_left_out() -> None:
    bare = vector(
        b'{"status":"success","data":{"resultType":"vector","result":'
        b'[{"metric":{"__name__":"kube_job_info","job_name":"j"},"value":[1,"1"]}]}}'
    )
    assert series(bare.samples) == ((), ())


def test_names_with_markup_and_escapes_are_only_text() -> None:
    odd = {"namespace": "a", "job_name": "[/bold]\x1b[2Jrm"}
    assert job_of(("kube_job_info", odd, 1.0)).name == "[/bold]\x1b[2Jrm"


def test_an_empty_answer_has_no_heartbeat() -> None:
    assert not has_heartbeat([])
    assert not has_heartbeat(Scrape().samples([("kube_pod_info", {"namespace": "a"}, 1.0)]))
    assert has_heartbeat(Scrape().samples([("kube_cronjob_info", {"cronjob": "c"}, 1.0)]))
    assert has_heartbeat(Scrape().samples([("kube_job_info", OWN, 1.0)]))


def test_clusters_in_one_server_are_told_apart_by_label() -> None:
    lines = [("kube_job_info", replace_name(OWN, cluster), 1.0) for cluster in ("nuc", "pi")]
    samples = Scrape().samples(lines)
    ours, elsewhere, everything = Collector("pi"), Collector("elsewhere"), Collector("elsewhere", takes_all=True)
    for collector in (ours, elsewhere, everything):
        collector.add(samples)
    assert [job.name for job in ours.series()[0]] == ["j-pi"]
    assert (ours.is_named, ours.has_others, ours.should_take_all) == (True, True, False)
    assert elsewhere.series()[0] == ()
    assert (elsewhere.is_named, elsewhere.has_others, elsewhere.should_take_all) == (False, True, True)
    assert len(everything.series()[0]) == 2


def replace_name(own: Mapping[str, str], cluster: str) -> dict[str, str]:
    """Labels of a Job of that cluster."""
    return {**own, "job_name": f"j-{cluster}", "cluster": cluster}


def test_an_unset_time_zone_is_none() -> None:
    [cron] = series(Scrape().samples(expose([], [replace(NEVER, time_zone=None)])))[1]
    assert cron.time_zone is None
