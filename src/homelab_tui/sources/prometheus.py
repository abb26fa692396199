"""A Prometheus-compatible server (Prometheus, Thanos, Mimir, VictoriaMetrics): what to alert on, and what was."""

import contextlib
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import TypeVar

from homelab_tui.config.model import PrometheusConfig
from homelab_tui.domain import cronjobs
from homelab_tui.domain.curves import NodeCurves
from homelab_tui.domain.errors import SourceError, SourceGarbled, SourceMissing, SourceRefused, SourceTimeout
from homelab_tui.domain.jobs import Alert, AlertState, CronJobPast, MetricsSnapshot
from homelab_tui.domain.nodes import NodeMetrics
from homelab_tui.sources import kube_state_metrics, node_exporter, prometheus_answers, prometheus_ranges
from homelab_tui.sources.prometheus_http import PrometheusHttp, ServiceProxy
from homelab_tui.sources.threads import in_daemon_thread

T = TypeVar("T")
_WAITS_S = 600.0
_PAST_WINDOWS_S = (15 * 86400, 3 * 86400, 12 * 3600)
"""How far back it is asked: what a Prometheus keeps unless it is told otherwise; less where that is too much."""
_PAST_OVERLAP_S = 600
"""Samples may arrive late."""
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
        body = await self._http.query(kube_state_metrics.QUERY)
        snapshot = await self._understood(body, self._snapshot)
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
        body = await self._http.query(query, limit_s=self._config.read_timeout_s)

        def read(answer: bytes) -> tuple[tuple[CronJobPast, ...], bool]:
            vector = prometheus_answers.vector(answer)
            samples = kube_state_metrics.of_cluster(vector.samples, self.cluster)
            return cronjobs.past_of(kube_state_metrics.series(samples)[0]), not vector.warnings

        return await self._understood(body, read)

    async def read_nodes(self) -> tuple[NodeMetrics, ...]:
        """What node_exporter says of every node it runs on."""
        body = await self._http.query(node_exporter.QUERY)
        return await self._understood(
            body, lambda answer: node_exporter.machines(prometheus_answers.vector(answer).samples)
        )

    async def read_curves(self, instance: str, *, end: datetime, seconds: float, points: int) -> NodeCurves:
        """Temperature and power of one machine over the time that ends at `end`."""
        step_s = seconds / points
        # On the step's own grid, so that the same slots are asked for from one look to the next.
        start = datetime.fromtimestamp((end.timestamp() // step_s - points + 1) * step_s, UTC)
        form = {
            "query": prometheus_ranges.query(instance),
            "start": f"{start.timestamp():.3f}",
            "end": f"{start.timestamp() + step_s * (points - 1):.3f}",
            "step": f"{step_s:g}s",
        }
        body = await self._http.get("/api/v1/query_range", form)
        witness = f"Prometheus {self.name}"
        return await self._understood(
            body, lambda answer: prometheus_ranges.curves(answer, start, step_s, points, witness)
        )

    async def check(self) -> str:
        """Version text of the server."""
        try:
            version = prometheus_answers.version(await self._http.get("/api/v1/status/buildinfo"))
        except (SourceMissing, SourceGarbled):
            version = None  # Mimir and Cortex may not tell; that it answers queries is what counts
        if version is None:
            await self._understood(await self._http.query("vector(1)"), prometheus_answers.vector)
        return version or "a Prometheus API that tells no version"

    def _snapshot(self, body: bytes) -> MetricsSnapshot:
        answer = prometheus_answers.vector(body)
        samples = kube_state_metrics.of_cluster(answer.samples, self.cluster)
        jobs, cronjobs = kube_state_metrics.series(samples)
        return MetricsSnapshot(
            cluster=self.cluster,
            jobs=jobs,
            cronjobs=cronjobs,
            heartbeat=kube_state_metrics.has_heartbeat(samples),
            warnings=answer.warnings,
        )

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
        """What `read` makes of an answer; its complaint gets this server's name in front."""
        try:
            if len(body) < _LARGE_BYTES:
                return read(body)
            return await in_daemon_thread(lambda: read(body), name=f"prometheus-{self._config.name}")
        except SourceGarbled as error:
            raise SourceGarbled(f"{self._config.name}: {error}") from error
