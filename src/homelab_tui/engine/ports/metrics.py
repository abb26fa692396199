"""A Prometheus and an Alertmanager, as the engine asks them."""

from datetime import datetime
from typing import Protocol

from homelab_tui.domain.alerts import AlertmanagerSnapshot, Matcher
from homelab_tui.domain.curves import Curve, NodeCurves, PortSeries
from homelab_tui.domain.jobs import CronJobPast, MetricsSnapshot
from homelab_tui.domain.nodes import NodeMetrics
from homelab_tui.domain.poe import PoePort


class ReadsMetrics(Protocol):
    """A Prometheus server."""

    @property
    def name(self) -> str:
        """Its name in the configuration."""
        ...

    @property
    def cluster(self) -> str:
        """The cluster its kube_* series speak of."""
        ...

    async def read_jobs(self) -> MetricsSnapshot:
        """Jobs, CronJobs and alerts at one instant, and whether kube-state-metrics is there at all."""
        ...

    async def read_past(self) -> tuple[CronJobPast, ...]:
        """The runs that it remembers of every CronJob, those of Jobs that are gone among them."""
        ...

    async def read_nodes(self) -> tuple[NodeMetrics, ...]:
        """What node_exporter says of every node it runs on."""
        ...

    async def read_curves(self, instance: str, *, end: datetime, seconds: float, points: int) -> NodeCurves:
        """Temperature and power of one machine over the time that ends at `end`."""
        ...

    async def read_port_power(
        self, port: PoePort, series: PortSeries, *, end: datetime, seconds: float, points: int
    ) -> Curve | None:
        """The watts of one port over the time that ends at `end`; None: not told, or not for certain of this port."""
        ...

    async def check(self) -> str:
        """Version text of the server."""
        ...

    async def close(self) -> None:
        """Let go of every connection."""
        ...


class HoldsAlerts(Protocol):
    """An Alertmanager."""

    @property
    def name(self) -> str:
        """Its name in the configuration."""
        ...

    async def check(self) -> str:
        """Version text of the server."""
        ...

    async def read(self) -> AlertmanagerSnapshot:
        """Alerts about Jobs, and the silences that have not ended."""
        ...

    async def create_silence(
        self, matchers: tuple[Matcher, ...], *, starts_at: datetime, ends_at: datetime, created_by: str, comment: str
    ) -> str:
        """Make a silence; returns its id."""
        ...

    async def expire_silence(self, silence_id: str) -> bool:
        """End a silence now. False: it was not there any more."""
        ...

    async def close(self) -> None:
        """Close every connection."""
        ...
