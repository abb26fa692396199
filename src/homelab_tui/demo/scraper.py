"""The scrapes of a demo Prometheus: kube-state-metrics and node_exporter of one cluster into its storage."""

from dataclasses import dataclass
from datetime import datetime

from homelab_tui.demo.cluster import DemoCluster
from homelab_tui.demo.history import PastRun
from homelab_tui.demo.kube_state_metrics import Metric, object_metrics
from homelab_tui.demo.node_exporter import machine_metrics
from homelab_tui.demo.objects import Object, parse_rfc3339
from homelab_tui.demo.timeseries import Labels, SeriesKey, TimeSeries, series_key

_WATCHED = ("jobs", "cronjobs", "pods", "nodes")
_REMEMBERED_S = 7 * 86400.0


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


class Scraper:
    """Scrapes one cluster. Only what changed since the last scrape is looked at again."""

    def __init__(self, cluster: DemoCluster, options: ScrapeOptions) -> None:
        self.cluster = cluster
        self.options = options
        self.storage = TimeSeries()
        self._objects: dict[tuple[str, str], tuple[int, list[SeriesKey]]] = {}
        self._machines: dict[str, list[SeriesKey]] = {}
        self._ksm = [_ksm_target("kube-state-metrics-7c9d5b6f4-x2kqm", "10.233.65.14:8080")]
        if options.duplicates:
            self._ksm.append(_ksm_target("kube-state-metrics-5f86d9c7b8-tl4wz", "10.233.66.9:8080"))

    def remember(self, past: list[PastRun]) -> None:
        """Write what was before the first scrape: objects since they exist, cleaned-up runs as they were."""
        now = self.cluster.clock.now()
        if not self.options.kube_state_metrics:
            return
        for run in past:
            if not run.kept:
                self._remember_run(run, now)
        for resource in _WATCHED:
            for stored in self.cluster.store.unordered(resource):
                begins = _begins(stored.body, now)
                keys: list[SeriesKey] = []
                for name, labels, value in object_metrics(resource, stored.body):
                    late = name in ("kube_job_failed", "kube_job_complete")
                    for key in self._ksm_keys(name, labels):
                        self.storage.write(key, value, begins[1] if late else begins[0])
                        keys.append(key)
                self._objects[resource, stored.body["metadata"]["uid"]] = (stored.version, keys)

    def scrape(self) -> None:
        """One scrape of every target, now."""
        now = self.cluster.clock.now()
        at = now.timestamp()
        self.storage.begin_scrape(at)
        if self.options.kube_state_metrics:
            self._scrape_objects(at)
            for target in self._ksm:
                self.storage.write(series_key("up", target), 1.0, at)
        self.storage.write(series_key("up", {"job": "prometheus", "instance": "localhost:9090"}), 1.0, at)
        self._scrape_machines(now)

    def _scrape_objects(self, at: float) -> None:
        seen: set[tuple[str, str]] = set()
        for resource in _WATCHED:
            for stored in self.cluster.store.unordered(resource):
                identity = (resource, stored.body["metadata"]["uid"])
                seen.add(identity)
                known = self._objects.get(identity)
                if known is not None and known[0] == stored.version:
                    continue
                keys: list[SeriesKey] = []
                for name, labels, value in object_metrics(resource, stored.body):
                    for key in self._ksm_keys(name, labels):
                        self.storage.write(key, value, at)
                        keys.append(key)
                if known is not None:
                    self.storage.mark_stale(set(known[1]).difference(keys), at)
                self._objects[identity] = (stored.version, keys)
        for identity in [identity for identity in self._objects if identity not in seen]:
            self.storage.mark_stale(self._objects.pop(identity)[1], at)

    def _ksm_keys(self, name: str, labels: Labels) -> list[SeriesKey]:
        return [series_key(name, self._merged(target, labels)) for target in self._ksm]

    def _merged(self, target: Labels, labels: Labels) -> Labels:
        if self.options.honor_labels:
            return {**target, **{key: value for key, value in labels.items() if value}}
        renamed = {(f"exported_{key}" if key in target else key): value for key, value in labels.items() if value}
        return {**target, **renamed}

    def _scrape_machines(self, now: datetime) -> None:
        world, at = self.cluster.world, now.timestamp()
        for machine in world.nodes.values():
            if machine.cluster != self.cluster.name:
                continue
            target = _exporter_target(machine.name, machine.address)
            self.storage.write(series_key("up", target), float(machine.power == "on"), at)
            keys: list[SeriesKey] = []
            if machine.power == "on":
                port = world.switch.ports[machine.port] if machine.port is not None else None
                found: list[Metric] = machine_metrics(machine, port, now)
                for name, labels, value in found:
                    keys.append(series_key(name, {**target, **labels}))
                    self.storage.write(keys[-1], value, at)
            self.storage.mark_stale(set(self._machines.get(machine.name, ())).difference(keys), at)
            self._machines[machine.name] = keys

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
        for (name, found, value), start in metrics:
            for key in self._ksm_keys(name, found):
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


def _ksm_target(pod: str, instance: str) -> Labels:
    return {
        "job": "kube-state-metrics",
        "instance": instance,
        "namespace": "monitoring",
        "pod": pod,
        "container": "kube-state-metrics",
        "endpoint": "http",
        "service": "kube-state-metrics",
    }


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
