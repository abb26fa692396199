"""Series about the switch's ports, as snmp_exporter or unpoller exposes them: what a Prometheus knows of PoE."""

from datetime import datetime
from typing import Literal

from homelab_tui.demo.hardware import DemoPort, DemoSwitch
from homelab_tui.demo.kube_state_metrics import Metric
from homelab_tui.demo.timeseries import Labels

Exporter = Literal["netgear", "tp-link", "unifi", "routeros"]
"""Whose MIB snmp_exporter walks; for `unifi` it is unpoller that tells."""
ADDRESS = "192.168.10.250"
"""Where the switch stands in the demo's network: snmp_exporter's `instance`."""


def switch_target(exporter: Exporter) -> Labels:
    """The labels of the target that tells about the switch."""
    if exporter == "unifi":
        return {"job": "unpoller", "instance": "unpoller.home:9130"}
    return {"job": "snmp", "instance": ADDRESS}


def switch_labels(exporter: Exporter, switch: str) -> Labels:
    """What tells this switch's series from those of another one."""
    return {"name": switch} if exporter == "unifi" else {"instance": ADDRESS}


def switch_metrics(switch: DemoSwitch, exporter: Exporter, now: datetime) -> list[Metric]:
    """The series of every port, and of the supply where the exporter tells of it."""
    found = [metric for port in switch.ports.values() for metric in _port(switch, port, exporter, now)]
    if exporter == "netgear":
        group = {"pethMainPseGroupIndex": "1"}
        found += [
            ("pethMainPsePower", group, float(switch.budget_w)),
            ("pethMainPseOperStatus", group, 1.0),
            ("pethMainPseConsumptionPower", group, float(switch.consumption_mw(now) // 1000)),
        ]
    return found


def _port(switch: DemoSwitch, port: DemoPort, exporter: Exporter, now: datetime) -> list[Metric]:
    milliwatts = port.power_mw(now)
    if exporter == "unifi":
        label = port.label or f"Port {port.number}"
        labels = {
            "name": switch.name,
            "port_id": f"{switch.name} Port {port.number}",
            "port_num": str(port.number),
            "port_name": label,
            "site_name": "Default (default)",
        }
        return [
            ("unpoller_device_port_poe_watts", labels, milliwatts / 1000),
            ("unpoller_device_port_poe_volts", labels, float(port.voltage_v())),
            ("unpoller_device_port_poe_amperes", labels, float(port.current_ma(now))),
        ]
    if exporter == "routeros":
        labels = {"mtxrPOEInterfaceIndex": str(port.number), "mtxrPOEName": f"ether{port.number}"}
        return [
            ("mtxrPOEPower", labels, float(milliwatts // 100)),
            ("mtxrPOEVoltage", labels, float(port.voltage_v() * 10)),
            ("mtxrPOECurrent", labels, float(port.current_ma(now))),
        ]
    if exporter == "tp-link":
        return [("tpPoePower", {"tpPoePortIndex": str(port.number)}, float(milliwatts // 100))]
    labels = {"pethPsePortGroupIndex": "1", "pethPsePortIndex": str(port.number)}
    return [
        ("pethPsePortAdminEnable", labels, float(port.admin)),
        ("pethPsePortDetectionStatus", labels, float(port.detection)),
        ("agentPethOutputPower", labels, float(milliwatts)),
        ("pethPsePortPowerDeniedCounter", labels, float(port.power_denied)),
    ]
