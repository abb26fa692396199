"""Files of a Raspberry Pi 4B with a PoE+ HAT: device tree, microSD, firmware sensors and the HAT's power supply."""

from datetime import datetime

from homelab_tui.demo.filesystem_tree import Files, disk_stat, interface, text
from homelab_tui.demo.hardware import UNDER_VOLTAGE, DemoNode, DemoPort

HAT_LOSS_MW = 2_400
"""What the HAT itself turns to heat: a switch port shows about 6 W while the Pi takes 3."""
DEVICE_TREE = "/sys/firmware/devicetree/base"


def pi_files(node: DemoNode) -> Files:
    """What a Pi's firmware, its HAT's EEPROM and its card say about themselves."""
    disk = "/sys/block/mmcblk0"
    volts, _thermal, _fan = _hwmon_numbers(node)
    return {
        # Device-tree strings end in NUL, not in a newline.
        f"{DEVICE_TREE}/model": f"{node.model}\0".encode(),
        f"{DEVICE_TREE}/serial-number": f"{node.serial}\0".encode(),
        f"{DEVICE_TREE}/hat/vendor": b"Raspberry Pi\0",
        f"{DEVICE_TREE}/hat/product": b"PoE+ HAT\0",
        f"{DEVICE_TREE}/hat/product_id": b"0x0002\0",
        f"{DEVICE_TREE}/hat/product_ver": b"0x0003\0",
        f"{DEVICE_TREE}/hat/uuid": f"6d1a0d6e-3d0c-4a7a-9f2e-{node.mac.replace(':', '')}\0".encode(),
        "/sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq": text("1800000"),
        "/proc/cpuinfo": _cpuinfo(node),
        "/proc/mounts": text(
            "/dev/mmcblk0p2 / ext4 rw,relatime,discard,errors=remount-ro 0 0",
            "/dev/mmcblk0p1 /boot/firmware vfat rw,relatime,fmask=0022,dmask=0022,errors=remount-ro 0 0",
        ),
        f"{disk}/size": text(str(node.disk_bytes // 512)),
        f"{disk}/removable": text("0"),
        f"{disk}/ro": text("0"),
        f"{disk}/queue/rotational": text("0"),
        # A card, so no life_time and no pre_eol_info: only eMMC has them.
        f"{disk}/device/type": text("SD"),
        f"{disk}/device/name": text("SN64G"),
        f"{disk}/device/manfid": text("0x000003"),
        f"{disk}/device/oemid": text("0x5344"),
        f"{disk}/device/date": text("04/2022"),
        "/sys/block/loop0/size": text("120560"),
        f"/sys/class/net/{interface(node)}/device/uevent": text("DRIVER=bcmgenet", "OF_NAME=ethernet"),
        f"/sys/class/hwmon/hwmon{volts}/name": text("rpi_volt"),
        f"/sys/class/hwmon/hwmon{_thermal}/name": text("cpu_thermal"),
        f"/sys/class/hwmon/hwmon{_thermal}/temp1_crit": text("110000"),
        f"/sys/class/hwmon/hwmon{_fan}/name": text("pwmfan"),
        "/sys/class/thermal/thermal_zone0/type": text("cpu-thermal"),
        "/sys/class/thermal/cooling_device0/type": text("pwm-fan"),
        "/sys/class/thermal/cooling_device0/max_state": text("4"),
        "/var/lib/update-notifier/updates-available": text(
            "", "23 updates can be applied immediately.", "7 of these updates are standard security updates."
        ),
    }


def pi_readings(node: DemoNode, at: datetime, port: DemoPort | None) -> Files:
    """Temperature, fan, throttling, HAT current and card counters at a moment."""
    volts, thermal, fan = _hwmon_numbers(node)
    celsius = node.temperature_c(at)
    level = next(i for i, limit in enumerate((40, 45, 50, 55, 1000)) if celsius < limit)
    under_voltage = bool(node.throttled & UNDER_VOLTAGE)
    return {
        "/sys/class/thermal/thermal_zone0/temp": text(str(round(celsius * 1000))),
        "/sys/class/thermal/cooling_device0/cur_state": text(str(level)),
        f"/sys/class/hwmon/hwmon{thermal}/temp1_input": text(str(round(celsius * 1000))),
        # Levels of the PoE+ HAT's overlay: <0 32 64 128 255>.
        f"/sys/class/hwmon/hwmon{fan}/pwm1": text(str((0, 32, 64, 128, 255)[level])),
        f"/sys/class/hwmon/hwmon{volts}/in0_lcrit_alarm": text("1" if under_voltage else "0"),
        # Hex without 0x, unlike vcgencmd.
        "/sys/devices/platform/soc/soc:firmware/get_throttled": text(f"{node.throttled:x}"),
        "/sys/class/power_supply/rpi-poe/uevent": text(
            "POWER_SUPPLY_NAME=rpi-poe",
            "POWER_SUPPLY_TYPE=Mains",
            # The HAT reports its over-current flag as "Overheat".
            f"POWER_SUPPLY_HEALTH={'Overheat' if under_voltage else 'Good'}",
            "POWER_SUPPLY_ONLINE=1",
            "POWER_SUPPLY_CURRENT_MAX=5000000",
            f"POWER_SUPPLY_CURRENT_NOW={hat_current_ua(node, at, port)}",
        ),
        "/sys/block/mmcblk0/stat": disk_stat(node, at),
    }


def hat_current_ua(node: DemoNode, at: datetime, port: DemoPort | None) -> int:
    """Microamperes at 5 V that the HAT gives to the Pi: what the port feeds, less the HAT's own loss."""
    fed_mw = port.power_mw(at) if port else int(5_900 * (1 + 0.05 * node.wave(at, 47)))
    return max(0, fed_mw - HAT_LOSS_MW) * 1000 // 5


def _hwmon_numbers(node: DemoNode) -> tuple[int, int, int]:
    # hwmonN follows the order in which drivers come up: it differs between boots and twins, so readers go by `name`.
    return (1, 0, 2) if int(node.machine_id[0], 16) % 2 else (0, 1, 2)


def _cpuinfo(node: DemoNode) -> bytes:
    lines: list[str] = []
    for number in range(node.threads):
        lines += [
            f"processor\t: {number}",
            "BogoMIPS\t: 108.00",
            "Features\t: fp asimd evtstrm crc32 cpuid",
            "CPU implementer\t: 0x41",
            "CPU architecture: 8",
            "CPU variant\t: 0x0",
            "CPU part\t: 0xd08",
            "CPU revision\t: 3",
            "",
        ]
    # Every Pi says BCM2835 here; the revision code tells the truth.
    lines += [
        "Hardware\t: BCM2835",
        f"Revision\t: {node.board}",
        f"Serial\t\t: {node.serial}",
        f"Model\t\t: {node.model}",
    ]
    return text(*lines)
