"""Files of a NUC11PAHi5: DMI, an i5-1135G7, an NVMe disk and its sensors."""

from datetime import datetime

from homelab_tui.demo.filesystem_tree import Files, disk_stat, interface, text
from homelab_tui.demo.hardware import DemoNode

NVME_MODEL = "Samsung SSD 980 500GB"


def nuc_files(node: DemoNode) -> Files:
    """What a NUC's firmware and hardware say about themselves."""
    disk = "/sys/block/nvme0n1"
    return {
        "/sys/class/dmi/id/sys_vendor": text("Intel(R) Client Systems"),
        "/sys/class/dmi/id/product_name": text(node.model),
        "/sys/class/dmi/id/product_version": text("M15513-305"),
        "/sys/class/dmi/id/board_vendor": text("Intel Corporation"),
        "/sys/class/dmi/id/board_name": text(node.board),
        "/sys/class/dmi/id/bios_version": text("PATGL357.0046.2022.0608.1909"),
        "/sys/class/dmi/id/bios_date": text("06/08/2022"),
        "/sys/class/dmi/id/chassis_type": text("35"),
        "/sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq": text("4200000"),
        "/proc/cpuinfo": "\n".join(_processor(node, number) for number in range(node.threads)).encode(),
        "/proc/mounts": text(
            "/dev/mapper/rl-root / xfs rw,seclabel,relatime,attr2,inode64,noquota 0 0",
            "/dev/nvme0n1p2 /boot xfs rw,seclabel,relatime,attr2,inode64,noquota 0 0",
            "/dev/nvme0n1p1 /boot/efi vfat rw,relatime,fmask=0077,dmask=0077 0 0",
        ),
        f"{disk}/size": text(str(node.disk_bytes // 512)),
        f"{disk}/removable": text("0"),
        f"{disk}/ro": text("0"),
        f"{disk}/queue/rotational": text("0"),
        f"{disk}/device/model": text(f"{NVME_MODEL:<40}"),
        f"{disk}/device/firmware_rev": text("2B4QFXO7"),
        "/sys/block/dm-0/size": text(str(node.disk_bytes // 512 - 3_500_000)),
        f"/sys/class/net/{interface(node)}/device/vendor": text("0x8086"),
        f"/sys/class/net/{interface(node)}/device/device": text("0x15f3"),
        "/sys/class/hwmon/hwmon0/name": text("acpitz"),
        "/sys/class/hwmon/hwmon1/name": text("nvme"),
        "/sys/class/hwmon/hwmon1/temp1_crit": text("84850"),
        "/sys/class/hwmon/hwmon2/name": text("coretemp"),
        "/sys/class/hwmon/hwmon2/temp1_crit": text("100000"),
        "/sys/class/thermal/thermal_zone0/type": text("acpitz"),
        "/sys/class/thermal/thermal_zone0/temp": text("27800"),
        "/sys/class/thermal/thermal_zone1/type": text("x86_pkg_temp"),
    }


def nuc_readings(node: DemoNode, at: datetime) -> Files:
    """Temperatures and disk counters at a moment."""
    package = round(node.temperature_c(at) * 1000)
    return {
        "/sys/class/thermal/thermal_zone1/temp": text(str(package)),
        "/sys/class/hwmon/hwmon0/temp1_input": text("27800"),
        "/sys/class/hwmon/hwmon1/temp1_input": text(str(package - 6_150)),
        "/sys/class/hwmon/hwmon2/temp1_input": text(str(package)),
        "/sys/block/nvme0n1/stat": disk_stat(node, at),
    }


def _processor(node: DemoNode, number: int) -> str:
    lines = {
        "processor": str(number),
        "vendor_id": "GenuineIntel",
        "cpu family": "6",
        "model": "140",
        "model name": "11th Gen Intel(R) Core(TM) i5-1135G7 @ 2.40GHz",
        "stepping": "1",
        "cache size": "8192 KB",
        "physical id": "0",
        "siblings": str(node.threads),
        # Linux numbers the first thread of each core, then the second ones.
        "core id": str(number % node.cores),
        "cpu cores": str(node.cores),
        "flags": "fpu vme de pse tsc msr pae mce vmx aes avx avx2 avx512f sha_ni",
    }
    return "".join(f"{key:<11}\t: {value}\n" if len(key) < 8 else f"{key}\t: {value}\n" for key, value in lines.items())
