"""What the ports of the switches gave, as a Prometheus remembers it: which one is asked for which port."""

import asyncio
import ipaddress
import logging
from collections.abc import Sequence
from datetime import datetime

from homelab_tui.config.model import SwitchConfig
from homelab_tui.domain.curves import Curve, PortSeries
from homelab_tui.domain.errors import HomelabError
from homelab_tui.domain.poe import PoePort
from homelab_tui.engine.ports import ReadsMetrics

log = logging.getLogger(__name__)
_SNMP_PORT = 161
"""What snmp_exporter needs not be told, so that `instance` seldom has it."""


class PastPower:
    """Knows of each switch which series are its own; where that is not certain, nothing is asked."""

    def __init__(self, switches: Sequence[SwitchConfig], servers: Sequence[ReadsMetrics]) -> None:
        self._servers = servers
        self._switches = {switch.name: switch for switch in switches}

    async def of(self, port: PoePort, *, end: datetime, seconds: float, points: int) -> Curve | None:
        """The watts of a port over the time that ends at `end`; None where no Prometheus has them for certain."""
        switch = self._switches.get(port.ref.switch)
        series = None if switch is None else series_of(switch)
        if switch is None or series is None:
            return None
        asked = [one for one in self._servers if switch.prometheus in (None, one.name)]
        told = await asyncio.gather(
            *(one.read_port_power(port, series, end=end, seconds=seconds, points=points) for one in asked),
            return_exceptions=True,
        )
        found: list[Curve] = []
        for server, curve in zip(asked, told, strict=True):
            if isinstance(curve, Curve):
                found.append(curve)
            elif isinstance(curve, HomelabError):
                log.info("%s: no history from Prometheus %s: %s", port.ref, server.name, curve)
            elif curve is not None:
                raise curve
        return max(found, key=lambda curve: curve.known, default=None)


def series_of(switch: SwitchConfig) -> PortSeries | None:
    """How a switch's series are found: by the labels that are configured, else by the address that SNMP is spoken to.

    An address of this machine's own loopback is another one's where a Prometheus scrapes: of it nothing follows.
    """
    if switch.match:
        return PortSeries(labels=switch.match, by_name=switch.source == "routeros")
    if switch.source != "snmp" or not switch.host or _is_loopback(switch.host):
        return None
    host = f"[{switch.host}]" if ":" in switch.host else switch.host
    with_port = f"{host}:{switch.port}"
    return PortSeries(instances=(switch.host, with_port) if switch.port == _SNMP_PORT else (with_port,))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.casefold().rstrip(".") == "localhost"
