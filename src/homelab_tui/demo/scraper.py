"""The scrapes of a demo Prometheus: kube-state-metrics and node_exporter of one cluster into its storage."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from homelab_tui.demo.clock import Clock
from homelab_tui.demo.cluster import DemoCluster
from homelab_tui.demo.hardware import DemoNode
from homelab_tui.demo.history import PastRun
from homelab_tui.demo.kube_state_metrics import Metric, object_metrics
from homelab_tui.demo.node_exporter import machine_metrics
from homelab_tui.demo.objects import Change, Object, Stored, parse_rfc3339
from homelab_tui.demo.switch_exporter import Exporter, switch_metrics, switch_target
from homelab_tui.demo.timeseries import Labels, SeriesKey, TimeSeries, named_key, series_key

Identity = tuple[str, str]
"""(resource, uid) of an object."""
Pair = tuple[str, str]
"""Name and value of a label."""
_WATCHED = ("jobs", "cronjobs", "pods", "nodes")
_REMEMBERED_S = 7 * 86400.0
_CURVES_S, _CURVES_STEP_S = 2 * 3600, 120
_CURVES = ("node_hwmon_temp_celsius", "node_thermal_zone_temp", "node_power_supply_current_ampere")
"""What of machines is remembered from before the start, so that there is something to draw in the first minute; of the
switch it is everything."""


@dataclass(frozen=True, slots=True)
class ScrapeOptions:
    """How this Prometheus is configured."""

    interval_s: float = 5.0
    honor_labels: bool = True
    """False: a Job's namespace arrives as `exported_namespace`, beside the namespace of kube-state-metrics itself."""
    duplicates: bool = False
    """True: two kube-state-metrics pods export the same, as during a roll-over."""
    kube_state_metrics: bool = True
    """False: it was never installed; nothing named kube_* exists."""
    switch_exporter: Exporter | None = None
    """What tells this Prometheus of the lab's switch; None: nothing does."""


class Scraper:
    """Scrapes one cluster. Only what changed since the last scrape is looked at again."""

    def __init__(self, cluster: DemoCluster, options: ScrapeOptions, clock: Clock) -> None:
        """`clock`: this Prometheus' own."""
        self._clock = clock
        self.cluster = cluster
        self.options = options
        self.storage = TimeSeries()
        self._objects: dict[Identity, list[SeriesKey]] = {}
        self._changed: dict[Identity, Stored | None] = {}
        """What changed since the last scrape; None: it is gone."""
        self._machines: dict[str, list[SeriesKey]] = {}
        self._ksm = [_ksm_target("kube-state-metrics-7c9d5b6f4-x2kqm", "10.233.65.14:8080")]
        if options.duplicates:
            self._ksm.append(_ksm_target("kube-state-metrics-5f86d9c7b8-tl4wz", "10.233.66.9:8080"))
        if options.kube_state_metrics:
            cluster.store.subscribe(self._note)

    def _note(self, change: Change) -> None:
        if change.resource in _WATCHED:
            identity = (change.resource, change.stored.body["metadata"]["uid"])
            self._changed[identity] = None if change.type == "DELETED" else change.stored

    def remember(self, past: list[PastRun]) -> None:
        """Write what was before the first scrape: objects since they exist, cleaned-up runs as they were."""
        now = self._clock.now()
        for seconds in range(_CURVES_S, 0, -_CURVES_STEP_S):
            self._remember_curves(now - timedelta(seconds=seconds))
        if not self.options.kube_state_metrics:
            return
        for run in past:
            if not run.kept:
                self._remember_run(run, now)
        for resource in _WATCHED:
            for stored in self.cluster.store.unordered(resource):
                begins = _begins(stored.body, now)
                keys: list[SeriesKey] = []
                for key, value in self._series_of(object_metrics(resource, stored.body)):
                    late = key[0][1] in ("kube_job_failed", "kube_job_complete")
                    self.storage.write(key, value, begins[1] if late else begins[0])
                    keys.append(key)
                self._objects[resource, stored.body["metadata"]["uid"]] = keys
        self._changed.clear()

    def scrape(self) -> bool:
        """One scrape of every target, now. Samples that are older than what is stored are refused, as the TSDB does:
        a clock that was set back leaves a gap. Returns whether they were taken."""
        now = self._clock.now()
        at = now.timestamp()
        if not self.storage.begin_scrape(at):
            return False
        if self.options.kube_state_metrics:
            self._scrape_objects(at)
            for target in self._ksm:
                self.storage.write(named_key("up", tuple(sorted(target.values()))), 1.0, at)
        self.storage.write(series_key("up", {"job": "prometheus", "instance": "localhost:9090"}), 1.0, at)
        self._scrape_machines(now)
        if self.options.switch_exporter is not None:
            self._scrape_switch(self.options.switch_exporter, now)
        return True

    def _scrape_objects(self, at: float) -> None:
        changed, self._changed = self._changed, {}
        for identity, stored in changed.items():
            before, keys = self._objects.pop(identity, []), []
            if stored is not None:
                for key, value in self._series_of(object_metrics(identity[0], stored.body)):
                    self.storage.write(key, value, at)
                    keys.append(key)
                self._objects[identity] = keys
            self.storage.mark_stale(set(before).difference(keys), at)

    def _series_of(self, metrics: list[Metric]) -> Iterator[tuple[SeriesKey, float]]:
        """The series of one object's metrics, as each kube-state-metrics exports them.

        What they have in common is made once and shared: most of an object's metrics have the very same labels, and
        each pair of the others is one that an earlier metric had. 10,000 Jobs have 150,000 series.
        """
        known: dict[Pair, Pair] = {}
        for target in self._ksm:
            pairs_of: dict[int, SeriesKey] = {}
            for name, labels, value in metrics:
                pairs = pairs_of.get(id(labels))
                if pairs is None:
                    merged = self._merged(target, labels, known)
                    pairs = pairs_of[id(labels)] = tuple(sorted(merged.values()))
                yield named_key(name, pairs), value

    def _merged(self, target: dict[str, Pair], labels: Labels, known: dict[Pair, Pair]) -> dict[str, Pair]:
        """The target's labels and a metric's own, those without a value left out; honor_labels decides which of both
        keeps a name that both have."""
        moved = () if self.options.honor_labels else target
        found = target.copy()
        for key, text in labels.items():
            if text:
                name = f"exported_{key}" if key in moved else key
                found[name] = known.setdefault((name, text), (name, text))
        return found

    def _scrape_machines(self, now: datetime) -> None:
        at = now.timestamp()
        for machine in self._own_machines():
            target = _exporter_target(machine.name, machine.address)
            self.storage.write(series_key("up", target), float(machine.power == "on"), at)
            keys: list[SeriesKey] = []
            if machine.power == "on":
                for name, labels, value in self._machine_metrics(machine, now):
                    keys.append(series_key(name, {**target, **labels}))
                    self.storage.write(keys[-1], value, at)
            self.storage.mark_stale(set(self._machines.get(machine.name, ())).difference(keys), at)
            self._machines[machine.name] = keys

    def _own_machines(self) -> Iterator[DemoNode]:
        return (one for one in self.cluster.world.nodes.values() if one.cluster == self.cluster.name)

    def _machine_metrics(self, machine: DemoNode, at: datetime) -> list[Metric]:
        port = self.cluster.world.switch.ports[machine.port] if machine.port is not None else None
        return machine_metrics(machine, port, at)

    def _scrape_switch(self, exporter: Exporter, now: datetime) -> None:
        target = switch_target(exporter)
        self.storage.write(series_key("up", target), 1.0, now.timestamp())
        self._write(target, switch_metrics(self.cluster.world.switch, exporter, now), now)

    def _remember_curves(self, then: datetime) -> None:
        for machine in self._own_machines():
            metrics = [metric for metric in self._machine_metrics(machine, then) if metric[0] in _CURVES]
            self._write(_exporter_target(machine.name, machine.address), metrics, then)
        exporter = self.options.switch_exporter
        if exporter is not None:
            self._write(switch_target(exporter), switch_metrics(self.cluster.world.switch, exporter, then), then)

    def _write(self, target: Labels, metrics: list[Metric], at: datetime) -> None:
        for name, labels, value in metrics:
            self.storage.write(series_key(name, {**target, **labels}), value, at.timestamp())

    def _remember_run(self, run: PastRun, now: datetime) -> None:
        labels = {"namespace": run.namespace, "job_name": run.job}
        owner = {"owner_kind": "CronJob", "owner_name": run.cron, "owner_is_controller": "true"}
        begin, ended = run.tick.timestamp(), run.ended.timestamp()
        # when its time to live or the history limit cleaned it up
        gone = min(run.gone.timestamp() if run.gone else ended + 2 * 3600, now.timestamp() - 30)
        if gone <= ended:
            return
        verdict = "kube_job_failed" if run.failed else "kube_job_complete"
        metrics: list[tuple[Metric, float]] = [
            (("kube_job_info", labels, 1.0), begin),
            (("kube_job_owner", labels | owner, 1.0), begin),
            (("kube_job_created", labels, begin), begin),
            (("kube_job_status_start_time", labels, begin), begin),
        ]
        metrics += [
            ((verdict, labels | {"condition": condition}, float(condition == "true")), ended)
            for condition in ("true", "false", "unknown")
        ]
        for metric, start in metrics:
            for key, value in self._series_of([metric]):
                self.storage.write(key, value, start, end=gone)


def _begins(body: Object, now: datetime) -> tuple[float, float]:
    """Unix seconds from which an object, and the verdict on it, has been seen."""
    oldest = now.timestamp() - _REMEMBERED_S
    created = max(oldest, parse_rfc3339(body["metadata"]["creationTimestamp"]).timestamp())
    stamps = [
        parse_rfc3339(condition["lastTransitionTime"]).timestamp()
        for condition in body.get("status", {}).get("conditions", ())
        if condition["type"] in ("Failed", "Complete")
    ]
    return created, max([created, *stamps])


def _ksm_target(pod: str, instance: str) -> dict[str, Pair]:
    labels = {
        "job": "kube-state-metrics",
        "instance": instance,
        "namespace": "monitoring",
        "pod": pod,
        "container": "kube-state-metrics",
        "endpoint": "http",
        "service": "kube-state-metrics",
    }
    return {name: (name, value) for name, value in labels.items()}


def _exporter_target(name: str, address: str) -> Labels:
    return {
        "job": "node-exporter",
        "instance": f"{address}:9100",
        "namespace": "monitoring",
        "pod": f"node-exporter-{name}",
        "container": "node-exporter",
        "endpoint": "http-metrics",
        "service": "node-exporter",
    }
