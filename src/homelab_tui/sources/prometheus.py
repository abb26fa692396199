"""A Prometheus-compatible server (Prometheus, Thanos, Mimir, VictoriaMetrics): what to alert on, and what was."""

import contextlib
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import TypeVar

from homelab_tui.config.model import PrometheusConfig
from homelab_tui.domain import cronjobs
from homelab_tui.domain.curves import Curve, NodeCurves, PortSeries
from homelab_tui.domain.errors import SourceError, SourceGarbled, SourceMissing, SourceRefused, SourceTimeout
from homelab_tui.domain.jobs import Alert, AlertState, CronJobPast, MetricsSnapshot
from homelab_tui.domain.nodes import NodeMetrics
from homelab_tui.domain.poe import PoePort
from homelab_tui.domain.values import Frozen, replace
from homelab_tui.sources import kube_state_metrics, node_exporter, poe_ranges, prometheus_answers, prometheus_ranges
from homelab_tui.sources.prometheus_http import PrometheusHttp, ServiceProxy
from homelab_tui.sources.prometheus_pieces import Pieces
from homelab_tui.sources.prometheus_ranges import Slots
from homelab_tui.sources.threads import in_daemon_thread

T = TypeVar("T")
_WAITS_S = 600.0
_PAST_WINDOWS_S = (15 * 86400, 3 * 86400, 12 * 3600)
"""How far back it is asked: what a Prometheus keeps unless it is told otherwise; less where that is too much."""
_PAST_OVERLAP_S = 600
"""Samples may arrive late."""
_KEPT_S = 60.0
"""After that a large answer is read again in any case: of several kube-state-metrics each is scraped by itself."""
_LARGE_BYTES = 262_144
"""A larger answer is decoded beside the event loop."""


class PrometheusSource:
    """One server, read only. Contacts nothing before its first call."""

    def __init__(self, config: PrometheusConfig, service: ServiceProxy | None = None) -> None:
        """`service`: the cluster's API server, for `via = "kubernetes"`."""
        self._config = config
        self._http = PrometheusHttp(config, service)
        self._waits: dict[str, float | None] = {}
        """Alerting rule → seconds until it fires."""
        self._waits_read_at = 0.0
        self._past: tuple[CronJobPast, ...] = ()
        self._past_known_at: float | None = None
        """Until when the past is known whole, in monotonic seconds."""
        self._last = MetricsSnapshot(self.cluster)
        """The series as they were read last, without alerts and age."""
        self._is_large = False
        """What was read of Jobs last."""
        self._takes_all = False
        """No sample names our cluster, but some name others."""
        self._newest_at: float | None = None
        self._read_at = 0.0

    @property
    def name(self) -> str:
        """Its name in the configuration."""
        return self._config.name

    @property
    def cluster(self) -> str:
        """The cluster its kube_* series speak of."""
        return self._config.cluster or self._config.name

    async def close(self) -> None:
        """Close every connection."""
        await self._http.close()

    async def read_jobs(self) -> MetricsSnapshot:
        """Jobs, CronJobs and alerts at one instant, and whether kube-state-metrics is there at all."""
        snapshot = await self._read_series()
        if not snapshot.heartbeat:
            return snapshot
        return MetricsSnapshot(
            cluster=snapshot.cluster,
            jobs=snapshot.jobs,
            cronjobs=snapshot.cronjobs,
            alerts=await self._read_alerts(),
            heartbeat=True,
            heartbeat_age_s=await self._read_age_s(),
            warnings=snapshot.warnings,
        )

    async def read_past(self) -> tuple[CronJobPast, ...]:
        """The last 14 runs of every CronJob as the server remembers them, their Jobs being there or not.

        Days are asked for once, after that only what is new. Where the server refuses so long a look, or cannot take
        it in time, it is asked for a shorter one.

        Raises: SourceError when it tells nothing even of the last hours.
        """
        begun_at = time.monotonic()
        if self._past_known_at is None:
            found, is_whole = await self._read_whole_past()
        else:
            new_s = int(begun_at - self._past_known_at) + _PAST_OVERLAP_S
            found, is_whole = await self._read_past_of(min(new_s, _PAST_WINDOWS_S[0]))
        self._past = cronjobs.past_with(self._past, found)
        if is_whole:
            self._past_known_at = begun_at
        return self._past

    async def _read_whole_past(self) -> tuple[tuple[CronJobPast, ...], bool]:
        for window_s in _PAST_WINDOWS_S[:-1]:
            with contextlib.suppress(SourceRefused, SourceTimeout, SourceGarbled):
                return await self._read_past_of(window_s)
        return await self._read_past_of(_PAST_WINDOWS_S[-1])

    async def _read_past_of(self, window_s: int) -> tuple[tuple[CronJobPast, ...], bool]:
        """What was in that window, and whether the server left nothing out."""
        query = kube_state_metrics.past_query(window_s)
        found = await self._collect(query, limit_s=self._config.read_timeout_s)
        there = self._last.jobs

        def past() -> tuple[CronJobPast, ...]:
            return cronjobs.past_of(found.series.jobs(), {job.name: job.name for job in there})

        return await self._beside(found.size_bytes, past), not found.warnings

    async def _read_series(self) -> MetricsSnapshot:
        """Jobs and CronJobs; a large answer is asked for again only after another scrape."""
        newest_at = await self._read_newest_at() if self._is_large else None
        if newest_at is not None and newest_at == self._newest_at and time.monotonic() - self._read_at < _KEPT_S:
            return self._last
        found = await self._collect(kube_state_metrics.QUERY)
        self._is_large = found.size_bytes >= _LARGE_BYTES
        self._last = await self._beside(found.size_bytes, lambda: found.snapshot(self.cluster, self._last))
        self._newest_at, self._read_at = newest_at, time.monotonic()
        return self._last

    async def _read_newest_at(self) -> float | None:
        """When kube-state-metrics was scraped last, by the server's clock; None where it does not tell."""
        try:
            answer = prometheus_answers.vector(await self._http.query(kube_state_metrics.AGE_QUERY))
        except (SourceRefused, SourceGarbled, SourceMissing):
            return None
        sample = answer.samples[0] if answer.samples else None
        age_s = sample.number() if sample is not None else None
        return None if sample is None or sample.value is None or age_s is None else round(sample.value[0] - age_s, 1)

    async def read_nodes(self) -> tuple[NodeMetrics, ...]:
        """What node_exporter says of every node it runs on."""
        body = await self._http.query(node_exporter.QUERY)
        return await self._understood(
            body, lambda answer: node_exporter.machines(prometheus_answers.vector(answer).samples)
        )

    async def read_curves(self, instance: str, *, end: datetime, seconds: float, points: int) -> NodeCurves:
        """Temperature and power of one machine over the time that ends at `end`."""
        slots = Slots.until(end, seconds, points)
        body = await self._http.get("/api/v1/query_range", slots.form(prometheus_ranges.query(instance)))
        return await self._understood(body, lambda answer: prometheus_ranges.curves(answer, slots, self._witness))

    async def read_port_power(
        self, port: PoePort, series: PortSeries, *, end: datetime, seconds: float, points: int
    ) -> Curve | None:
        """The watts of one port over the time that ends at `end`.

        None: it has none of this port, or what it has may be another port's.
        """
        slots = Slots.until(end, seconds, points)
        body = await self._http.get("/api/v1/query_range", slots.form(poe_ranges.query(port.ref, series)))
        return await self._understood(body, lambda answer: poe_ranges.curve(answer, port, series, slots, self._witness))

    @property
    def _witness(self) -> str:
        return f"Prometheus {self.name}"

    async def check(self) -> str:
        """Version text of the server."""
        try:
            version = prometheus_answers.version(await self._http.get("/api/v1/status/buildinfo"))
        except (SourceMissing, SourceGarbled):
            version = None  # Mimir and Cortex may not tell; that it answers queries is what counts
        if version is None:
            await self._understood(await self._http.query("vector(1)"), prometheus_answers.vector)
        return version or "a Prometheus API that tells no version"

    async def _collect(self, query: str, *, limit_s: float | None = None) -> "_Collected":
        """The samples of our cluster; where none names it, they are all ours."""
        found = await self._collect_once(query, limit_s)
        if found.series.should_take_all is not self._takes_all:
            # Whoever labels clusters has begun with it, or left off: what was left out is asked for again.
            self._takes_all = found.series.should_take_all
            found = await self._collect_once(query, limit_s)
        return found

    async def _collect_once(self, query: str, limit_s: float | None) -> "_Collected":
        """The answer, taken apart as it comes."""
        series = kube_state_metrics.Collector(self.cluster, takes_all=self._takes_all)
        pieces, sizes = Pieces(), [0]

        def take(part: bytes) -> None:
            sizes.append(len(part))
            series.add(pieces.add(part))

        await self._http.query(query, limit_s=limit_s, take=take)
        with self._named():
            last = pieces.end()
        series.add(last.samples)
        return _Collected(series, last.warnings, sum(sizes))

    async def _beside(self, size_bytes: int, made: Callable[[], T]) -> T:
        """What is made of an answer of that size: of a large one beside the event loop."""
        if size_bytes < _LARGE_BYTES:
            return made()
        return await in_daemon_thread(made, name=f"prometheus-{self._config.name}")

    async def _read_alerts(self) -> tuple[Alert, ...] | None:
        """None where the server has none to tell (404), or does not: the Jobs are worth showing without."""
        try:
            alerts = await self._understood(await self._http.get("/api/v1/alerts"), prometheus_answers.alerts)
        except SourceError:
            return None
        pending = {alert.name for alert in alerts if alert.state is AlertState.PENDING}
        if pending and (not pending <= self._waits.keys() or time.monotonic() - self._waits_read_at > _WAITS_S):
            await self._read_waits(pending)
        return tuple(
            replace(alert, for_s=self._waits.get(alert.name)) if alert.state is AlertState.PENDING else alert
            for alert in alerts
        )

    async def _read_waits(self, names: set[str]) -> None:
        """How long the rules wait. Asked seldom, and only while something is pending: a mixin's rules are many."""
        try:
            body = await self._http.get("/api/v1/rules", {"type": "alert"})
            waits = await self._understood(body, prometheus_answers.waits)
        except SourceError:
            waits = {}
        # A rule that is not told (the server has none, or it was just taken out) is not asked for again at once.
        self._waits = {**dict.fromkeys(names), **waits}
        self._waits_read_at = time.monotonic()

    async def _read_age_s(self) -> float | None:
        """Age of the newest sample, in whole seconds; None where the server does not tell."""
        try:
            answer = prometheus_answers.vector(await self._http.query(kube_state_metrics.AGE_QUERY))
        except (SourceRefused, SourceGarbled, SourceMissing):
            return None
        age_s = answer.samples[0].number() if answer.samples else None
        return None if age_s is None else float(max(0, round(age_s)))

    async def _understood(self, body: bytes, read: Callable[[bytes], T]) -> T:
        """What `read` makes of an answer."""
        with self._named():
            return await self._beside(len(body), lambda: read(body))

    @contextlib.contextmanager
    def _named(self) -> Iterator[None]:
        """Whatever is complained of gets this server's name in front."""
        try:
            yield
        except SourceGarbled as error:
            raise SourceGarbled(f"{self._config.name}: {error}") from error


class _Collected(Frozen):
    """One answer."""

    series: kube_state_metrics.Collector
    warnings: tuple[str, ...]
    size_bytes: int

    def snapshot(self, cluster: str, known: MetricsSnapshot) -> MetricsSnapshot:
        """What it says. Call it once. What is as `known` has it is the same object: who merges it looks no further."""
        jobs, cronjobs = self.series.series(known.jobs, known.cronjobs)
        return MetricsSnapshot(
            cluster, jobs=jobs, cronjobs=cronjobs, heartbeat=self.series.heartbeat, warnings=self.warnings
        )
