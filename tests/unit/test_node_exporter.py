"""node_exporter's series as machines."""

import json
from datetime import UTC, datetime

from homelab_tui.domain.nodes import NodeMetrics
from homelab_tui.sources.node_exporter import machines
from homelab_tui.sources.prometheus_answers import Sample, vector

Line = tuple[str, dict[str, str], str]


def samples(*lines: Line) -> list[Sample]:
    """An instant vector of these lines, of scrape job `node` and target rpi01 unless they say otherwise."""
    target = {"job": "node", "instance": "rpi01:9100"}
    rows = [{"metric": {"__name__": name} | target | labels, "value": [1, value]} for name, labels, value in lines]
    return vector(json.dumps({"status": "success", "data": {"resultType": "vector", "result": rows}}).encode()).samples


def test_a_machine_with_all_its_series() -> None:
    found = machines(
        samples(
            ("up", {}, "1"),
            ("node_uname_info", {"nodename": "rpi01"}, "1"),
            ("node_boot_time_seconds", {}, "1.7e+09"),
            ("node_load1", {}, "0.5"),
            ("node_memory_MemTotal_bytes", {}, "4e+09"),
            ("node_memory_MemAvailable_bytes", {}, "3e+09"),
            ("node_thermal_zone_temp", {"type": "cpu-thermal", "zone": "0"}, "51.5"),
            ("node_hwmon_temp_celsius", {"chip": "nvme_nvme0", "sensor": "temp1"}, "70"),
        )
    )
    boot = datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
    assert found == (NodeMetrics("rpi01:9100", "rpi01", True, boot, 0.5, 4_000_000_000, 3_000_000_000, 51.5),)


def test_the_processors_sensor_is_chosen_and_no_other() -> None:
    nuc = ("node_hwmon_temp_celsius", {"chip": "platform_coretemp_0", "sensor": "temp1"}, "61")
    core = ("node_hwmon_temp_celsius", {"chip": "platform_coretemp_0", "sensor": "temp2"}, "63")
    disk = ("node_hwmon_temp_celsius", {"chip": "nvme_nvme0", "sensor": "temp1"}, "80")
    assert machines(samples(("node_load1", {}, "1"), nuc, core, disk))[0].temperature_c == 63.0
    assert machines(samples(("node_load1", {}, "1"), disk))[0].temperature_c is None


def test_a_machine_that_is_down_is_known_by_its_scrape_job() -> None:
    found = machines(
        samples(
            ("up", {}, "1"),
            ("node_load1", {}, "1"),
            ("up", {"instance": "rpi02:9100"}, "0"),
            ("up", {"job": "mysql", "instance": "db:9104"}, "0"),
            ("up", {"job": "mysql", "instance": "db2:9104"}, "1"),
        )
    )
    assert [(one.instance, one.machine_up) for one in found] == [("rpi01:9100", True), ("rpi02:9100", False)]


def test_all_machines_down_are_still_told_by_the_name_of_the_job() -> None:
    found = machines(samples(("up", {"job": "node-exporter"}, "0"), ("up", {"job": "dns"}, "0")))
    assert [(one.instance, one.machine_up) for one in found] == [("rpi01:9100", False)]


def test_values_that_are_none_are_none() -> None:
    [found] = machines(samples(("node_load1", {}, "NaN"), ("node_memory_MemTotal_bytes", {}, "+Inf")))
    assert found == NodeMetrics("rpi01:9100")


def test_no_series_are_no_machines() -> None:
    assert machines([]) == ()


def test_a_machine_tells_what_it_is_and_what_ails_it() -> None:
    [found] = machines(
        samples(
            ("node_load1", {}, "1"),
            ("node_uname_info", {"nodename": "rpi01", "release": "6.8.0-1013-raspi", "machine": "aarch64"}, "1"),
            ("node_os_info", {"pretty_name": "Ubuntu 24.04.1 LTS", "id": "ubuntu"}, "1"),
            ("node_dmi_info", {"product_name": "NUC11PAHi5", "bios_version": "PATGL357.0046"}, "1"),
            ("node_filesystem_size_bytes", {"mountpoint": "/"}, "64e+09"),
            ("node_filesystem_free_bytes", {"mountpoint": "/"}, "40e+09"),
            ("node_timex_sync_status", {}, "0"),
            ("node_hwmon_in_lcrit_alarm_volts", {"chip": "soc:firmware_raspberrypi_hwmon", "sensor": "in0"}, "0.001"),
            ("node_power_supply_current_ampere", {"power_supply": "rpi-poe"}, "0.601"),
        )
    )
    assert (found.kernel, found.arch, found.os) == ("6.8.0-1013-raspi", "aarch64", "Ubuntu 24.04.1 LTS")
    assert (found.model, found.bios) == ("NUC11PAHi5", "PATGL357.0046")
    assert (found.root_size_bytes, found.root_used_bytes) == (64_000_000_000, 24_000_000_000)
    assert (found.clock_synchronised, found.under_voltage, found.hat_ma) == (False, True, 601)


def test_a_mainboards_lowest_voltage_and_oem_junk_say_nothing() -> None:
    [found] = machines(
        samples(
            ("node_load1", {}, "1"),
            ("node_hwmon_in_lcrit_alarm_volts", {"chip": "nct6775", "sensor": "in0"}, "0.001"),
            ("node_power_supply_current_ampere", {"power_supply": "BAT0"}, "1.2"),
            ("node_dmi_info", {"product_name": "Default string", "bios_version": " "}, "1"),
        )
    )
    assert (found.under_voltage, found.hat_ma, found.model, found.bios) == (None, None, None, None)
