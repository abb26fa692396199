"""Series about machines, named and shaped as node_exporter 1.9 exposes them."""

from datetime import datetime

from homelab_tui.demo.hardware import UNDER_VOLTAGE, DemoNode, DemoPort
from homelab_tui.demo.kube_state_metrics import Metric


def machine_metrics(machine: DemoNode, port: DemoPort | None, now: datetime) -> list[Metric]:
    """The series of one machine that answers; `port`: the PoE port that feeds it."""
    moment = now.timestamp()
    uname = {
        "domainname": "(none)",
        "machine": machine.arch,
        "nodename": machine.name,
        "release": machine.kernel,
        "sysname": "Linux",
        "version": "#1 SMP PREEMPT_DYNAMIC",
    }
    name = machine.os_pretty.split(" ", 1)[0]
    os_info = {"id": machine.os_id, "name": name, "pretty_name": machine.os_pretty, "version_id": machine.os_version}
    device = "/dev/mapper/rl-root" if machine.kind == "nuc" else "/dev/mmcblk0p2"
    root = {"device": device, "fstype": "xfs" if machine.kind == "nuc" else "ext4", "mountpoint": "/"}
    used = machine.memory_used_bytes(now)
    found: list[Metric] = [
        ("node_boot_time_seconds", {}, machine.booted_at.timestamp() // 1),
        ("node_time_seconds", {}, moment + machine.clock_skew_s),
        ("node_load1", {}, machine.load1(now)),
        ("node_load5", {}, round(machine.base_load, 2)),
        ("node_load15", {}, round(machine.base_load, 2)),
        ("node_memory_MemTotal_bytes", {}, float(machine.memory_bytes)),
        ("node_memory_MemAvailable_bytes", {}, float(machine.memory_bytes - used)),
        ("node_memory_MemFree_bytes", {}, float((machine.memory_bytes - used) * 6 // 10)),
        ("node_filesystem_size_bytes", root, float(machine.disk_bytes)),
        ("node_filesystem_avail_bytes", root, float(machine.disk_bytes - machine.disk_used_bytes())),
        ("node_filesystem_free_bytes", root, float(machine.disk_bytes - machine.disk_used_bytes())),
        ("node_uname_info", uname, 1.0),
        ("node_os_info", os_info, 1.0),
        ("node_exporter_build_info", {"version": "1.9.1", "branch": "HEAD"}, 1.0),
    ]
    return found + (_nuc(machine, now) if machine.kind == "nuc" else _raspberry_pi(machine, port, now))


def _nuc(machine: DemoNode, now: datetime) -> list[Metric]:
    chip = "platform_coretemp_0"
    dmi = {
        "bios_vendor": "Intel Corp.",
        "bios_version": "PATGL357.0046.2022.0608.1909",
        "board_name": machine.board,
        "product_name": machine.model,
        "system_vendor": "Intel(R) Client Systems",
    }
    nic = {"device": "enp88s0", "address": machine.mac, "broadcast": "ff:ff:ff:ff:ff:ff", "operstate": "up"}
    return [
        ("node_hwmon_temp_celsius", {"chip": chip, "sensor": "temp1"}, machine.temperature_c(now)),
        ("node_hwmon_sensor_label", {"chip": chip, "sensor": "temp1", "label": "package_id_0"}, 1.0),
        ("node_dmi_info", dmi, 1.0),
        ("node_network_info", nic, 1.0),
    ]


def _raspberry_pi(machine: DemoNode, port: DemoPort | None, now: datetime) -> list[Metric]:
    volts = {"chip": "soc:firmware_raspberrypi_hwmon", "sensor": "in0"}
    nic = {"device": "eth0", "address": machine.mac, "broadcast": "ff:ff:ff:ff:ff:ff", "operstate": "up"}
    found: list[Metric] = [
        ("node_hwmon_temp_celsius", {"chip": "thermal_thermal_zone0", "sensor": "temp1"}, machine.temperature_c(now)),
        ("node_thermal_zone_temp", {"type": "cpu-thermal", "zone": "0"}, machine.temperature_c(now)),
        ("node_hwmon_in_lcrit_alarm_volts", volts, float(bool(machine.throttled & UNDER_VOLTAGE))),
        ("node_network_info", nic, 1.0),
    ]
    if port is not None:
        supply = {"power_supply": "rpi-poe"}
        amperes = round(
            port.power_mw(now) / 1000 * 0.62 / 5, 3
        )  # the HAT turns about 62 % of the port's power into 5 V
        found += [
            ("node_power_supply_online", supply, 1.0),
            ("node_power_supply_current_ampere", supply, amperes),
            ("node_power_supply_current_max", supply, 5.0),
        ]
    return found
