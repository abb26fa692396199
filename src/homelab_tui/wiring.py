"""From a configuration to a lab: the only place that names concrete sources."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from homelab_tui.config.model import Config, SwitchConfig
from homelab_tui.config.places import state_dir
from homelab_tui.domain.secrets import Secret
from homelab_tui.engine.lab import Lab
from homelab_tui.engine.ports import Clock, ReadsMetrics, SwitchesPoe
from homelab_tui.engine.wires import Sources
from homelab_tui.sources.alertmanager import AlertmanagerSource
from homelab_tui.sources.kubernetes import KubernetesSource
from homelab_tui.sources.late_ssh import late_ssh
from homelab_tui.sources.own_addresses import own_addresses, own_macs
from homelab_tui.sources.prometheus import PrometheusSource
from homelab_tui.sources.wake_on_lan import WakeOnLan
from homelab_tui.sources.webhooks import Webhook
from homelab_tui.sources.wires import load_http as load_http
from homelab_tui.sources.wires import load_wires as load_wires

if TYPE_CHECKING:
    from homelab_tui.sources.snmp_engines import SnmpEngineHolder


def build_lab(config: Config, clock: Clock | None = None) -> Lab:
    """The lab that a configuration describes. Contacts nothing: sources connect at their first call."""
    clusters = tuple(KubernetesSource(cluster) for cluster in config.clusters)
    by_name = {cluster.name: cluster for cluster in clusters}
    prometheus: tuple[ReadsMetrics, ...] = tuple(
        PrometheusSource(server, by_name.get(server.cluster or "") if server.via == "kubernetes" else None)
        for server in config.prometheus
    )
    switches = _switches(config, by_name)
    ssh = late_ssh(config.ssh, config.keys)
    sources = Sources(
        ssh=ssh,
        reboots=ssh,
        lan=WakeOnLan(),
        updates=ssh,
        drains=clusters,
        clusters=clusters,
        prometheus=prometheus,
        switches=switches,
        alertmanagers=tuple(AlertmanagerSource(server) for server in config.alertmanagers),
        own_macs=own_macs(),
        own_addresses=own_addresses(),
    )
    return Lab(config, sources, state_dir(), clock)


def build_webhook(url: Secret, *, as_ntfy: bool) -> Webhook:
    """A place for news. Raises: ValueError for what is no http(s) address."""
    return Webhook(url, as_ntfy=as_ntfy)


def _switches(config: Config, clusters: Mapping[str, KubernetesSource]) -> tuple[SwitchesPoe, ...]:
    """The source of each switch, by its wire. A wire that nobody has is not imported: the screen waits for this."""
    if not config.switches:
        return ()
    from homelab_tui.sources.snmp_engines import SnmpEngineHolder

    engines = SnmpEngineHolder()
    return tuple(_switch(switch, config, clusters, engines) for switch in config.switches)


def _switch(
    switch: SwitchConfig, config: Config, clusters: Mapping[str, KubernetesSource], engines: "SnmpEngineHolder"
) -> SwitchesPoe:
    if switch.source == "unifi":
        from homelab_tui.sources.unifi import UnifiSwitch

        return UnifiSwitch(switch)
    if switch.source == "routeros":
        from homelab_tui.sources.routeros import RouterosSwitch

        return RouterosSwitch(switch)
    if switch.source == "command":
        from homelab_tui.sources.poe_command import CommandSwitch

        return CommandSwitch(switch)
    if switch.source == "prometheus":
        return _from_prometheus(switch, config, clusters)
    from homelab_tui.sources.snmp import SnmpSwitch

    return SnmpSwitch(switch, engines)


def _from_prometheus(switch: SwitchConfig, config: Config, clusters: Mapping[str, KubernetesSource]) -> SwitchesPoe:
    from homelab_tui.sources.poe_prometheus import PrometheusPoeSwitch
    from homelab_tui.sources.prometheus_http import PrometheusHttp

    # The loader has seen to it: the named one exists, or there is only one.
    server = next(one for one in config.prometheus if switch.prometheus in (None, one.name))
    service = clusters.get(server.cluster or "") if server.via == "kubernetes" else None
    return PrometheusPoeSwitch(switch, PrometheusHttp(server, service))
