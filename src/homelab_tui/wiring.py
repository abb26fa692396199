"""From a configuration to a lab: the only place that names concrete sources."""

from homelab_tui.config.model import Config
from homelab_tui.config.places import state_dir
from homelab_tui.engine.lab import Lab, Sources
from homelab_tui.engine.ports import Clock, ReadsMetrics, SwitchesPoe
from homelab_tui.sources.alertmanager import AlertmanagerSource
from homelab_tui.sources.kubernetes import KubernetesSource
from homelab_tui.sources.own_addresses import own_addresses, own_macs
from homelab_tui.sources.prometheus import PrometheusSource
from homelab_tui.sources.snmp import SnmpSwitch
from homelab_tui.sources.ssh import SshSource


def build_lab(config: Config, clock: Clock | None = None) -> Lab:
    """The lab that a configuration describes. Contacts nothing: sources connect at their first call."""
    clusters = tuple(KubernetesSource(cluster) for cluster in config.clusters)
    by_name = {cluster.name: cluster for cluster in clusters}
    prometheus: tuple[ReadsMetrics, ...] = tuple(
        PrometheusSource(server, by_name.get(server.cluster or "") if server.via == "kubernetes" else None)
        for server in config.prometheus
    )
    switches: tuple[SwitchesPoe, ...] = tuple(SnmpSwitch(switch) for switch in config.switches)
    sources = Sources(
        ssh=SshSource(config.ssh, config.keys),
        clusters=clusters,
        prometheus=prometheus,
        switches=switches,
        alertmanagers=tuple(AlertmanagerSource(server) for server in config.alertmanagers),
        own_macs=own_macs(),
        own_addresses=own_addresses(),
    )
    return Lab(config, sources, state_dir(), clock)
