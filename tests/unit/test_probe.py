"""A probe's answer becomes facts: recorded shapes, and everything that nodes have been seen to say instead."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homelab_tui.domain.drifts import drift
from homelab_tui.domain.errors import SourceGarbled
from homelab_tui.domain.nodes import Disk, Fan, Interface, NodeFacts, NodeSpec, PendingUpdates, PoeHat
from homelab_tui.sources.probe import parse_probe
from homelab_tui.sources.revision_codes import decode
from homelab_tui.sources.ssh import facts_of
from homelab_tui.sources.ssh_commands import Output

PROBES = Path(__file__).parent.parent / "fixtures" / "probes"
NOW = datetime(2023, 2, 11, 3, 0, tzinfo=UTC)
GIB = 1024**3


def facts(name: str) -> NodeFacts:
    return parse_probe((PROBES / f"{name}.txt").read_bytes().decode(), NOW)


def said(*sections: str) -> NodeFacts:
    return parse_probe("@@ probe 2\n" + "".join(sections) + "@@ end\n", NOW)


def file(path: str, *lines: str) -> str:
    return f"@@ file {path}\n" + "".join(f"{line}\n" for line in lines)


def command(name: str, *lines: str, status: int = 0) -> str:
    return f"@@ cmd {name}\n" + "".join(f"{line}\n" for line in lines) + f"@@ rc {status}\n"


def test_a_nuc_with_rocky_linux_is_described_in_full() -> None:
    nuc = facts("nuc-rocky-9.1")
    assert (nuc.hostname, nuc.kind, nuc.model, nuc.arch) == ("nuc01", "nuc", "NUC11PAHi5", "x86_64")
    assert (nuc.cores, nuc.threads) == (4, 8)
    assert nuc.cpu_model == "11th Gen Intel(R) Core(TM) i5-1135G7 @ 2.40GHz"
    assert (nuc.os, nuc.os_id, nuc.os_version) == ("Rocky Linux 9.1 (Blue Onyx)", "rocky", "9.1")
    assert nuc.kernel == "5.14.0-162.23.1.el9_1.x86_64"
    assert (nuc.memory_bytes, nuc.memory_used_bytes, nuc.swap_bytes) == (16052308 * 1024, 5602308 * 1024, 0)
    assert nuc.disks == (Disk("nvme0n1", 500_107_862_016, "nvme", "Samsung SSD 980 500GB"),)
    assert (nuc.root_size_bytes, nuc.root_used_bytes) == (73364480 * 1024, 19817408 * 1024)
    assert nuc.interfaces == (
        Interface("eno1", "1c:69:7a:00:00:01", 1000, True, ("192.168.10.121", "fd12:3456::121")),
        Interface("wlo1", "a8:7e:ea:11:22:33", None, False, ()),
    )
    assert nuc.bios == "PATGL357.0046.2022.0608.1909"
    assert nuc.machine_id == "7d2f0a3f1bcf4c8e9a6ef7a81c0b5a11"
    assert nuc.boot_id == "0f2f4f1c-6bb8-4f39-a8d4-fd1bd5e2a0b7"
    assert (nuc.uptime_s, nuc.load1, nuc.clock_skew_s) == (3556121.42, 0.62, 0)
    assert nuc.clock_synchronised is True
    assert nuc.failed_units == ("kdump.service", "nfs-mountd.service")
    assert (nuc.throttled, nuc.hat, nuc.reboot_required, nuc.board_memory_bytes) == (None, None, None, None)


def test_the_temperature_is_the_processors_and_not_the_mainboards() -> None:
    assert facts("nuc-rocky-9.1").temperature_c == 46.0


def test_a_nuc_is_what_its_owner_declared() -> None:
    spec = NodeSpec("NUC11PAHi5", 4, 16 * 10**9, 500 * 10**9, "Rocky Linux 9.1")
    assert drift(spec, facts("nuc-rocky-9.1")) == ()


def test_a_pi_with_a_poe_hat_is_described_in_full() -> None:
    pi = facts("pi4b-ubuntu-22.10-poe-hat")
    assert (pi.kind, pi.model, pi.arch) == ("raspberry-pi", "Raspberry Pi 4 Model B Rev 1.4", "aarch64")
    assert (pi.cores, pi.threads, pi.cpu_model) == (4, 4, "Cortex-A72")
    assert (pi.memory_bytes, pi.board_memory_bytes) == (3884312 * 1024, 4 * GIB)
    assert pi.disks == (Disk("mmcblk0", 63_864_569_856, "microsd", "SN64G"),)
    assert pi.hat == PoeHat(
        "PoE+ HAT", online=True, current_ma=601, current_max_ma=2500, health="Good", vendor="Raspberry Pi"
    )
    assert (pi.hat.power_mw, pi.hat.granted) == (3005, "802.3af")
    assert pi.fan == Fan(level=2, levels=4, duty_percent=25)
    assert pi.bootloader_at == datetime(2022, 1, 25, 14, 30, 41, tzinfo=UTC)
    assert pi.updates == PendingUpdates(23, "update-notifier", 7, datetime(2023, 2, 10, 6, 12, tzinfo=UTC))
    assert pi.throttled == ("under-voltage", "throttled", "under-voltage-since-boot", "throttled-since-boot")
    assert pi.temperature_c == 61.835
    assert pi.interfaces[0].speed_mbps == 100
    assert pi.clock_skew_s == -5.0
    assert (pi.clock_synchronised, pi.reboot_required, pi.failed_units) == (False, True, ())
    assert drift(NodeSpec("Raspberry Pi 4", 4, 4 * 10**9, 64 * 10**9, "Ubuntu 22.10"), pi) == ()


def emmc(life_time: str, pre_eol: str) -> Disk:
    found = said(
        file("/sys/block/mmcblk0/size", "122142720"),
        file("/sys/block/mmcblk0/device/type", "MMC"),
        file("/sys/block/mmcblk0/device/life_time", life_time),
        file("/sys/block/mmcblk0/device/pre_eol_info", pre_eol),
    )
    return found.disks[0]


@pytest.mark.parametrize(
    ("life_time", "pre_eol", "wear_percent", "reserve"),
    [
        ("0x01 0x02", "0x01", 20, "normal"),
        ("0x0a 0x03", "0x02", 100, "warning"),
        ("0x0B 0x01", "0x03", 110, "urgent"),
        ("0x00 0x00", "0x00", None, None),
        ("0xff 0x2", "0x09", 20, None),
        ("soon", "", None, None),
    ],
)
def test_an_emmc_tells_how_worn_it_is(
    life_time: str, pre_eol: str, wear_percent: int | None, reserve: str | None
) -> None:
    disk = emmc(life_time, pre_eol)
    assert (disk.kind, disk.wear_percent, disk.reserve) == ("emmc", wear_percent, reserve)


def note(*lines: str, written: int, installed: int) -> PendingUpdates | None:
    return said(
        file("/var/lib/update-notifier/updates-available", *lines),
        command("updated", str(written)),
        command("installed", str(installed)),
    ).updates


def test_a_note_of_updates_counts_until_packages_change() -> None:
    at = datetime(2023, 2, 10, 6, 12, tzinfo=UTC)
    seconds = int(at.timestamp())
    older = ("5 packages can be updated.", "1 update is a security update.")
    newer = ("1 update can be applied immediately.", "1 of these updates is a standard security update.")
    for lines, count in ((older, 5), (newer, 1)):
        found = note(*lines, written=seconds, installed=seconds - 60)
        assert found == PendingUpdates(count, "update-notifier", 1, at)
    assert note("0 updates can be applied immediately.", written=seconds, installed=1) == PendingUpdates(
        0, "update-notifier", 0, at
    )
    assert note(*older, written=seconds, installed=seconds + 1) is None


def test_the_fan_of_an_old_poe_hat_tells_its_pulse_width_only() -> None:
    old = said(file("/sys/class/hwmon/hwmon2/name", "rpipoefan"), file("/sys/class/hwmon/hwmon2/pwm1", "255"))
    assert old.fan == Fan(duty_percent=100)
    assert said(file("/sys/class/hwmon/hwmon2/name", "nct6775"), file("/sys/class/hwmon/hwmon2/pwm1", "80")).fan is None


def test_swap_that_is_used_is_told() -> None:
    pi = said(file("/proc/meminfo", "SwapTotal: 102396 kB", "SwapFree: 2396 kB"))
    assert (pi.swap_bytes, pi.swap_used_bytes) == (102396 * 1024, 100_000 * 1024)


def test_the_older_probe_is_understood_too() -> None:
    pi = facts("pi5-raspberry-pi-os")
    assert (pi.model, pi.board_memory_bytes) == ("Raspberry Pi 5 Model B Rev 1.0", 8 * GIB)
    assert pi.throttled == ()
    assert [(disk.name, disk.kind, disk.read_only) for disk in pi.disks] == [
        ("mmcblk0", "microsd", True),
        ("nvme0n1", "nvme", False),
    ]
    assert pi.disk_bytes == 250_059_350_016
    assert (pi.root_size_bytes, pi.root_used_bytes) == (239313084 * 1024, 9812032 * 1024)
    assert pi.swap_bytes == 102396 * 1024
    assert pi.hat is None


def test_busybox_has_no_json_and_no_systemd() -> None:
    alpine = facts("alpine-3.18-busybox")
    assert (alpine.os, alpine.cores, alpine.threads) == ("Alpine Linux v3.18", 2, 2)
    assert alpine.interfaces == (Interface("eth0", "52:54:00:12:34:56", None, True, ("10.0.2.15",)),)
    assert alpine.root_size_bytes == 7559408 * 1024
    assert [disk.kind for disk in alpine.disks] == ["disk"]
    assert alpine.machine_id is None
    assert (alpine.clock_synchronised, alpine.failed_units, alpine.virtualization) == (None, None, None)


def test_a_virtual_machine_keeps_no_oem_junk_and_its_usb_stick_is_not_its_disk() -> None:
    vm = facts("debian-12-vm")
    assert (vm.model, vm.bios, vm.virtualization) == ("VirtualBox", None, "oracle")
    assert [(disk.name, disk.kind, disk.removable) for disk in vm.disks] == [
        ("sda", "disk", False),
        ("sdb", "disk", True),
        ("sdc", "hdd", False),
    ]
    assert vm.hostname == "builder", "carriage returns are no part of a name"


def test_the_banner_before_the_first_mark_is_not_the_nodes_answer() -> None:
    text = "@@ cmd nodename\nfake\n@@ rc 0\nWelcome!\n@@ probe 2\n" + command("nodename", "real")
    assert parse_probe(text, NOW).hostname == "real"


def test_silence_about_everything_is_none_for_everything() -> None:
    empty = NodeFacts()
    assert parse_probe("", NOW) == empty
    assert parse_probe("This account is currently not available.\n", NOW) == empty
    assert said() == empty


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        # Two sockets of two cores with two threads.
        ([f"processor: {n}\nphysical id: {n // 4}\ncore id: {n % 2}\ncpu cores: 2" for n in range(8)], (4, 8)),
        # Hybrid: two P-cores with two threads each, four E-cores.
        ([f"processor: {n}\nphysical id: 0\ncore id: {c}" for n, c in enumerate((0, 0, 4, 4, 8, 9, 10, 11))], (6, 8)),
        # The first recordings had no core id.
        ([f"processor: {n}\nphysical id: 0\nsiblings: 8\ncpu cores: 4" for n in range(8)], (4, 8)),
        # ARM: nothing but processors.
        ([f"processor: {n}\nCPU part: 0xd08" for n in range(4)], (4, 4)),
        # A container that sees one of the socket's four cores.
        (["processor: 0\nphysical id: 0\ncpu cores: 4"], (1, 1)),
        ([], (None, None)),
    ],
)
def test_cores_are_counted_and_threads_are_not_cores(lines: list[str], expected: tuple[int | None, int | None]) -> None:
    found = said(file("/proc/cpuinfo", *"\n".join(lines).splitlines()))
    assert (found.cores, found.threads) == expected


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["throttled=0x0"], ()),
        (["throttled=0x50005"], ("under-voltage", "throttled", "under-voltage-since-boot", "throttled-since-boot")),
        (["throttled=0x80008"], ("soft-temperature-limit", "soft-temperature-limit-since-boot")),
        (["throttled=0x20002"], ("frequency-capped", "frequency-capped-since-boot")),
        (["Can't open device file: /dev/vcio_gencmd", "Try creating a device file"], None),
        (["VCHI initialization failed"], None),
        (["throttled=0x"], None),
        (["throttled=0x0 or so"], None),
        ([], None),
    ],
)
def test_only_the_good_form_of_vcgencmd_counts(lines: list[str], expected: tuple[str, ...] | None) -> None:
    assert said(command("throttled", *lines)).throttled == expected


def test_sysfs_says_throttled_in_hexadecimal_without_a_prefix() -> None:
    path = "/sys/devices/platform/soc/soc:firmware/get_throttled"
    assert said(file(path, "10001")).throttled == ("under-voltage", "under-voltage-since-boot")
    assert said(file(path, "0")).throttled == ()
    assert said(file(path, "nonsense"), command("throttled", "throttled=0x1")).throttled == ("under-voltage",)


def test_the_under_voltage_sensor_is_found_by_its_name() -> None:
    chip = "/sys/class/hwmon/hwmon3"
    assert said(file(f"{chip}/name", "rpi_volt"), file(f"{chip}/in0_lcrit_alarm", "1")).throttled == ("under-voltage",)
    assert said(file(f"{chip}/name", "rpi_volt"), file(f"{chip}/in0_lcrit_alarm", "0")).throttled == ()
    assert said(file(f"{chip}/name", "other"), file(f"{chip}/in0_lcrit_alarm", "1")).throttled is None


@pytest.mark.parametrize(
    ("sections", "expected"),
    [
        ([("thermal/thermal_zone0/type", "acpitz"), ("thermal/thermal_zone0/temp", "27800")], None),
        ([("thermal/thermal_zone0/type", "cpu-thermal"), ("thermal/thermal_zone0/temp", "48312")], 48.312),
        ([("hwmon/hwmon4/name", "k10temp"), ("hwmon/hwmon4/temp1_input", "55125")], 55.125),
        ([("hwmon/hwmon1/name", "coretemp"), ("hwmon/hwmon1/temp1_input", "61000")], 61.0),
        ([("hwmon/hwmon1/name", "nvme"), ("hwmon/hwmon1/temp1_input", "61000")], None),
        ([("thermal/thermal_zone0/type", "cpu-thermal"), ("thermal/thermal_zone0/temp", "-274000")], None),
        ([("thermal/thermal_zone0/type", "cpu-thermal"), ("thermal/thermal_zone0/temp", "hot")], None),
    ],
)
def test_a_temperature_is_the_processors_or_none(sections: list[tuple[str, str]], expected: float | None) -> None:
    assert said(*(file(f"/sys/class/{path}", value) for path, value in sections)).temperature_c == expected


@pytest.mark.parametrize(
    ("code", "model", "memory"),
    [
        ("c03111", "Raspberry Pi 4 Model B Rev 1.1", 4 * GIB),
        ("c03115", "Raspberry Pi 4 Model B Rev 1.5", 4 * GIB),
        ("b03115", "Raspberry Pi 4 Model B Rev 1.5", 2 * GIB),
        ("d03114", "Raspberry Pi 4 Model B Rev 1.4", 8 * GIB),
        ("d04170", "Raspberry Pi 5 Model B Rev 1.0", 8 * GIB),
        ("e04171", "Raspberry Pi 5 Model B Rev 1.1", 16 * GIB),
        ("a02082", "Raspberry Pi 3 Model B Rev 1.2", GIB),
        ("a020d3", "Raspberry Pi 3 Model B Plus Rev 1.3", GIB),
        ("902120", "Raspberry Pi Zero 2 W Rev 1.0", GIB // 2),
        ("2c03111", "Raspberry Pi 4 Model B Rev 1.1", 4 * GIB),  # warranty bit
        ("0x00c03114", "Raspberry Pi 4 Model B Rev 1.4", 4 * GIB),
        ("000e", "Raspberry Pi Model B Rev 2.0", GIB // 2),
        ("0015", "Raspberry Pi Model A+ Rev 1.1", None),
    ],
)
def test_a_revision_code_tells_board_and_memory(code: str, model: str, memory: int | None) -> None:
    board = decode(code)
    assert board is not None
    assert (board.model, board.memory_bytes) == (model, memory)


@pytest.mark.parametrize("code", ["", "0", "xyz", "ffffffff", "f03111", "c03ff1", "99", "1" * 40, "-c03111"])
def test_what_is_no_revision_code_is_no_board(code: str) -> None:
    assert decode(code) is None


def test_the_revision_also_comes_from_the_device_tree_of_mainline_kernels() -> None:
    tree = file("/sys/firmware/devicetree/base/model", "Raspberry Pi 4 Model B Rev 1.4")
    assert said(tree, "@@ hex linux,revision\n00c03114\n").board_memory_bytes == 4 * GIB


def test_another_arm_board_is_not_taken_for_a_pi() -> None:
    tree = file("/sys/firmware/devicetree/base/model", "Radxa ROCK 5B")
    found = said(tree, file("/proc/cpuinfo", "processor: 0", "Revision: 0000"))
    assert (found.kind, found.model, found.board_memory_bytes) == ("other", "Radxa ROCK 5B", None)


def test_a_hat_of_another_maker_is_known_by_its_name_alone() -> None:
    product = "/sys/firmware/devicetree/base/hat/product"
    assert said(file(product, "LoveRPi PoE HAT")).hat == PoeHat(product="LoveRPi PoE HAT")
    assert said(file(product, "Sense HAT")).hat is None


def test_other_power_supplies_are_no_hat() -> None:
    battery = file("/sys/class/power_supply/BAT0/uevent", "POWER_SUPPLY_NAME=BAT0", "POWER_SUPPLY_ONLINE=1")
    assert said(battery).hat is None


@pytest.mark.parametrize(
    ("name", "kind"), [("mmcblk0", "emmc"), ("sda", "ssd"), ("vda", "disk"), ("nvme0n1", "nvme"), ("xvda", "disk")]
)
def test_disks_are_named_by_what_they_are(name: str, kind: str) -> None:
    base = f"/sys/block/{name}"
    extra = file(f"{base}/device/type", "MMC"), file(f"{base}/queue/rotational", "0")
    (disk,) = said(file(f"{base}/size", "1000"), *extra).disks
    assert (disk.size_bytes, disk.kind) == (512_000, kind)


@pytest.mark.parametrize(
    "name", ["loop0", "zram0", "dm-0", "md127", "rbd0", "nbd3", "mmcblk0boot0", "nvme0c0n1", "sr0"]
)
def test_what_is_no_disk_of_its_own_is_left_out(name: str) -> None:
    assert said(file(f"/sys/block/{name}/size", "1000")).disks == ()


def test_root_is_found_whatever_its_device_is_called() -> None:
    for device in ("/dev/root", "overlay", "/dev/mapper/vg with space-root", "rpool/ROOT/debian"):
        found = said(command("df", f"{device}   1000 400 550 43% /", "tmpfs 10 0 10 0% /run"))
        assert (found.root_size_bytes, found.root_used_bytes) == (1000 * 1024, 400 * 1024)
    assert said(command("df", "/dev/sda1 1000 400 550 43% /boot")).root_size_bytes is None


def test_names_of_the_os_are_unquoted() -> None:
    release = file("/etc/os-release", 'PRETTY_NAME="Foo \\"bar\\" $1"', "ID='foo'", "VERSION_ID=7")
    found = said(release)
    assert (found.os, found.os_id, found.os_version) == ('Foo "bar" $1', "foo", "7")


def test_a_missing_reboot_mark_means_something_on_ubuntu_only() -> None:
    assert said(file("/etc/os-release", "ID=ubuntu")).reboot_required is False
    assert said(file("/etc/os-release", "ID=debian")).reboot_required is None
    assert said("@@ reboot-required\n").reboot_required is True
    assert parse_probe("@@ probe 2\n" + file("/etc/os-release", "ID=ubuntu"), NOW).reboot_required is None


def test_hostile_bytes_become_text_and_never_an_error() -> None:
    found = said(
        file("/etc/os-release", "PRETTY_NAME=[/red]\x1b[2J\x00", "ID=\ufffd"),
        file("/proc/meminfo", f"MemTotal: {'9' * 6000} kB", "MemAvailable: -1 kB", "SwapTotal:"),
        file("/proc/uptime", "nan inf"),
        file("/proc/loadavg", ""),
        file("/sys/block/sda/size", "1e9"),
        command("df", "x 1 2 3 4% / /", "/dev/sda1 9999999999999999999999 1 1 1% /"),
        command("ip", '[{"ifname": 5, "addr_info": {}}, 7, {"ifname": "eth0", "addr_info": [null, {"local": 3}]}]'),
        command("date", "yesterday"),
        command("failed", "●", ""),
    )
    assert found.os == "[/red]\x1b[2J"
    assert (found.memory_bytes, found.uptime_s, found.load1, found.clock_skew_s) == (None, None, None, None)
    assert (found.disks, found.root_size_bytes, found.failed_units) == ((), None, ())


_MARK = st.sampled_from(
    ["@@ probe 2", "@@ end", "@@ rc 0", "@@ rc x", "@@ ", "@@ file", "@@ hex linux,revision", "@@ reboot-required"]
    + [f"@@ cmd {name}" for name in ("df", "ip", "ipo", "date", "uname", "throttled", "failed", "timedate", "virt")]
    + [
        f"@@ file {path}"
        for path in (
            "/proc/cpuinfo",
            "/proc/meminfo",
            "/etc/os-release",
            "/sys/block/sda/size",
            "/sys/class/net/eth0/speed",
            "/sys/class/power_supply/rpi-poe/uevent",
            "/sys/class/hwmon/hwmon0/temp1_input",
            "/sys/devices/system/cpu/online",
        )
    ]
)
_LINE = st.one_of(
    _MARK,
    st.text(max_size=40),
    st.from_regex(r"[0-9a-fx.,: =\"\[\]{}-]{0,30}", fullmatch=True),
    st.sampled_from(["processor: 0", "core id: x", "cpu cores: 0", "0-999999999", "3-1", "POWER_SUPPLY_CURRENT_NOW="]),
)


@given(st.lists(_LINE, max_size=60))
def test_no_answer_makes_the_parser_raise(lines: list[str]) -> None:
    found = parse_probe("@@ probe 2\n" + "\n".join(lines), NOW)
    assert isinstance(found, NodeFacts)
    assert found.cores is None or found.cores > 0
    assert all(disk.size_bytes > 0 for disk in found.disks)


@pytest.mark.parametrize("share", [0.4, 0.5, 0.9])
def test_an_answer_that_was_cut_short_is_none_however_much_of_it_came(share: float) -> None:
    whole = (PROBES / "nuc-rocky-9.1.txt").read_bytes()
    assert facts_of(Output(whole, b"", None), "nuc01", NOW).kernel
    with pytest.raises(SourceGarbled, match="nuc01: the answer was cut short"):
        facts_of(Output(whole[: int(len(whole) * share)], b"", None), "nuc01", NOW)
