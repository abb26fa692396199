"""One cluster of the lab, put together: objects, controllers, history, API server, Prometheus."""

import ssl
from dataclasses import dataclass, field
from datetime import datetime

from homelab_tui.demo import manifests
from homelab_tui.demo.catalogue import CRON_ENTRIES, NAMESPACES, QUOTA, SINGLE_ENTRIES, CronEntry
from homelab_tui.demo.clock import SkewedClock
from homelab_tui.demo.cluster import DemoCluster
from homelab_tui.demo.cronjobs import SCHEDULED_AT, CronJobController
from homelab_tui.demo.faults import Faults
from homelab_tui.demo.garbage import GarbageCollector
from homelab_tui.demo.hardware import UNDER_VOLTAGE
from homelab_tui.demo.history import History
from homelab_tui.demo.job_indexes import index_of
from homelab_tui.demo.jobs import JobController
from homelab_tui.demo.kubelet import Kubelet
from homelab_tui.demo.kubernetes import DemoKubernetes
from homelab_tui.demo.nodes import NodeController
from homelab_tui.demo.objects import Object, parse_rfc3339
from homelab_tui.demo.programs import Program, failed_run, from_command, ok_run
from homelab_tui.demo.prometheus import DemoPrometheus
from homelab_tui.demo.scraper import ScrapeOptions
from homelab_tui.demo.world import World

OWN_IMAGES = "ghcr.io/kkato/"
"""Images whose containers the lab's own stories tell; any other obeys its command line."""
CROWD = "crowd"
"""Namespace of the Jobs that are there for their number."""


@dataclass(frozen=True, slots=True)
class SiteOptions:
    """How the clusters of a lab behave; times are shorter than in real life where a demo would bore."""

    jobs: int = 0
    """That many more finished Jobs on the first cluster, for benchmarks."""
    cronjobs: int = 0
    catalogue: bool = True
    """False: no CronJobs, no Jobs, an empty cluster."""
    backoff_s: float = 10.0
    node_grace_s: float = 8.0
    for_s: float = 60.0
    """How long KubeJobFailed stays pending."""
    history: int = 20_000
    """How many changes a cluster remembers for its watches."""
    scrape: ScrapeOptions = field(default_factory=ScrapeOptions)


class DemoSite:
    """One cluster with everything that belongs to it."""

    def __init__(
        self,
        name: str,
        world: World,
        faults: Faults,
        options: SiteOptions,
        tls: ssl.SSLContext | None,
        *,
        ca: str | None = None,
        story: bool = False,
    ) -> None:
        """`ca`: the PEM that clients trust, with `tls`; `story`: rpi03's backup is running when the lab starts."""
        self.name = name
        self.ca = ca
        self.options = options
        self.faults = faults
        clock = SkewedClock(world.clock, lambda: faults.skew_s("kubernetes", name))
        self.cluster = DemoCluster(name, world, history=max(options.history, 2 * options.jobs), clock=clock)
        self.cluster.is_full = lambda: faults.get("kubernetes", name) == "disk-full"
        self.garbage = GarbageCollector(self.cluster)
        self.kubelet = Kubelet(self.cluster, self._program_for)
        self.nodes = NodeController(self.cluster, self.kubelet, options.node_grace_s)
        self._entries = {(e.namespace, e.name): e for e in CRON_ENTRIES if e.cluster == name}
        self.history = History(self.cluster, self.kubelet, world.seed)
        self._story = story
        self.kubernetes = DemoKubernetes(self.cluster, self.kubelet, self.garbage, faults, tls)
        self.prometheus = DemoPrometheus(self.cluster, faults, options.scrape, options.for_s)

        self.kubernetes.services["monitoring", "prometheus:9090"] = self.prometheus.handle

    def open(self) -> None:
        """Take connections at both servers; they are answered once the site has started. Raises: OSError."""
        self.kubernetes.open()
        self.prometheus.open()

    async def start(self) -> None:
        """Write the past, and start both servers."""
        self._fill(self._story)
        # after the past is written: the controllers react to what happens from now on
        self.jobs = JobController(self.cluster, self.options.backoff_s)
        self.cronjobs = CronJobController(self.cluster, self.garbage)
        if any(entry.quota for entry in self._entries.values()):
            self.cronjobs.quota["media"] = QUOTA
        self.jobs.adopt_all()
        self.cronjobs.adopt_all()
        self.cluster.step()
        await self.kubernetes.start()
        await self.prometheus.start(self.history.past)

    async def stop(self) -> None:
        """Close both servers."""
        await self.kubernetes.stop()
        await self.prometheus.stop()

    def beat(self) -> None:
        """Move to the present."""
        self.cluster.step()
        self.prometheus.beat()

    def _fill(self, story: bool) -> None:
        store = self.cluster.store
        start = self.cluster.world.started
        for name in NAMESPACES[self.name]:
            store.create("namespaces", manifests.namespace(name), at=start)
        store.create("services", manifests.service("monitoring", "prometheus", 9090), at=start)
        if self.options.catalogue:
            for entry in self._entries.values():
                self.history.cron_job(entry, running=entry.running_s is not None and story)
            if story and ("db", "logical-dump") in self._entries:
                budget = manifests.disruption_budget("db", "logical-dump", "pg-dump")
                store.create("poddisruptionbudgets", budget, at=start)
            for single in SINGLE_ENTRIES:
                if single.cluster == self.name:
                    self.history.single(single)
        if self.options.jobs or self.options.cronjobs:
            store.create("namespaces", manifests.namespace(CROWD), at=start)
            self.history.crowd(CROWD, self.options.jobs, self.options.cronjobs)

    def _program_for(self, pod: Object, now: datetime) -> Program:
        """What a container does: by its CronJob's story, else by its command line."""
        container, meta = pod["spec"]["containers"][0], pod["metadata"]
        job = self._job_of(pod)
        entry = self._entry_of(job, meta["namespace"])
        if not container["image"].startswith(OWN_IMAGES):
            return from_command(container, index=index_of(pod))
        if entry is None:
            return ok_run(container["name"], 6.0)
        machine = self.kubelet.machines[pod["spec"]["nodeName"]]
        if entry.app == "sd-image" and machine.throttled & UNDER_VOLTAGE:
            return failed_run(entry.app, 2.0)
        stamp = (job or {}).get("metadata", {}).get("annotations", {}).get(SCHEDULED_AT)
        tick = parse_rfc3339(stamp) if stamp else now
        fails = entry.fails(-1, int(tick.timestamp()) // 60, self.cluster.world.seed)
        return (failed_run if fails else ok_run)(entry.app, entry.duration_s)

    def _job_of(self, pod: Object) -> Object | None:
        for owner in pod["metadata"].get("ownerReferences", ()):
            stored = self.cluster.store.get("jobs", pod["metadata"]["namespace"], owner["name"])
            if stored is not None:
                return stored.body
        return None

    def _entry_of(self, job: Object | None, namespace: str) -> CronEntry | None:
        for owner in (job or {}).get("metadata", {}).get("ownerReferences") or ():
            if (namespace, owner["name"]) in self._entries:
                return self._entries[namespace, owner["name"]]
        return None
