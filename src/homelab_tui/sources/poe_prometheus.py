"""A PoE switch as a Prometheus saw it: read only."""

from homelab_tui.config.model import SwitchConfig
from homelab_tui.domain.errors import SourceGarbled, SourceRefused
from homelab_tui.domain.poe import PortRef, SwitchReading
from homelab_tui.sources import poe_series
from homelab_tui.sources.prometheus_http import PrometheusHttp


class PrometheusPoeSwitch:
    """One switch's series, singled out by labels. Satisfies the engine's SwitchesPoe, but switches nothing."""

    def __init__(self, config: SwitchConfig, http: PrometheusHttp) -> None:
        """`http`: of the server that has the series; closed with this."""
        self._config = config
        self._http = http

    @property
    def name(self) -> str:
        """The switch's name in the configuration."""
        return self._config.name

    @property
    def kind(self) -> str:
        """prometheus"""
        return "prometheus"

    async def read(self) -> SwitchReading:
        """What was scraped last; without a single series, a reading without ports that says so."""
        body = await self._http.query(poe_series.query(self._config.match))
        try:
            reading = poe_series.reading(self.name, poe_series.series(body))
        except SourceGarbled as error:
            raise SourceGarbled(f"{self.name}: {error}") from error
        return reading

    async def set_admin(self, ref: PortRef, *, on: bool) -> None:
        """Always raises SourceRefused: a Prometheus has nothing to switch with."""
        raise SourceRefused(
            f"{ref}: {self.name} is only seen through a Prometheus, which switches nothing: nothing was done; "
            "use source = snmp, unifi, routeros or command to switch"
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._http.close()
