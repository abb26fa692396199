"""The probe itself, under every shell that nodes have: over a tree of our own, and on this machine."""

import os
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from homelab_tui.domain.nodes import Disk, Fan, NodeFacts, PoeHat
from homelab_tui.sources.probe import PROBE_SCRIPT, parse_probe
from tests.servers import require_binary

SHELLS = {"dash": ["dash"], "bash": ["bash"], "busybox": ["busybox", "sh"]}
PROGRAMS = ("head", "grep", "od", "timeout", "true", "stat")

TREE = {
    "etc/os-release": b'PRETTY_NAME="Ubuntu 22.10"\nID=ubuntu\nVERSION_ID="22.10"\n',
    "etc/machine-id": b"c3a1f0b2d4e5968778695a4b3c2d1e0f\n",
    "proc/uptime": b"1038121.10 3980110.02\n",
    "proc/loadavg": b"2.11 1.42 1.02 3/402 91422\n",
    "proc/meminfo": b"MemTotal:        3884312 kB\nMemAvailable:    2101224 kB\nSwapTotal:             0 kB\n",
    "proc/sys/kernel/hostname": b"rpi01\n",
    "proc/sys/kernel/random/boot_id": b"9a1e1ed2-7f0e-4a25-9f5f-6d0c4d6e0c11\n",
    "proc/cpuinfo": b"".join(b"processor\t: %d\nFeatures\t: fp\nCPU part\t: 0xd08\n\n" % n for n in range(4)),
    "proc/mounts": b"/dev/mmcblk0p2 / ext4 rw 0 0\n",
    "sys/firmware/devicetree/base/model": b"Raspberry Pi 4 Model B Rev 1.4\0",
    "sys/firmware/devicetree/base/system/linux,revision": b"\x00\xc0\x31\x14",
    "sys/firmware/devicetree/base/hat/product": b"PoE+ HAT\0",
    "sys/firmware/devicetree/base/hat/product_ver": b"0x3\0",
    "sys/firmware/devicetree/base/chosen/bootloader/build-timestamp": b"\x61\xf0\x09\x91",
    "var/lib/update-notifier/updates-available": b"\n12 updates can be applied immediately.\n"
    b"3 of these updates are standard security updates.\n",
    "sys/class/thermal/cooling_device0/type": b"pwm-fan\n",
    "sys/class/thermal/cooling_device0/cur_state": b"1\n",
    "sys/class/thermal/cooling_device0/max_state": b"4\n",
    "sys/class/hwmon/hwmon0/name": b"pwmfan\n",
    "sys/class/hwmon/hwmon0/pwm1": b"32\n",
    "sys/class/power_supply/rpi-poe/uevent": b"POWER_SUPPLY_NAME=rpi-poe\nPOWER_SUPPLY_HEALTH=Good\n"
    b"POWER_SUPPLY_ONLINE=1\nPOWER_SUPPLY_CURRENT_MAX=5000000\nPOWER_SUPPLY_CURRENT_NOW=360000\n",
    "sys/class/thermal/thermal_zone0/type": b"cpu-thermal\n",
    "sys/class/thermal/thermal_zone0/temp": b"51608\n",
    "sys/devices/platform/soc/soc:firmware/get_throttled": b"50000\n",
    "sys/block/mmcblk0/size": b"124735488\n",
    "sys/block/mmcblk0/ro": b"0\n",
    "sys/block/mmcblk0/device/type": b"SD\n",
    "sys/block/mmcblk0/device/name": b"SN64G\n",
    "sys/block/loop0/size": b"120560\n",
    "sys/block/mmcblk0boot0/size": b"8192\n",
    "sys/class/net/eth0/device/uevent": b"DRIVER=bcmgenet\n",
    "sys/class/net/eth0/address": b"dc:a6:32:00:00:01\n",
    "sys/class/net/eth0/speed": b"1000\n",
    "sys/class/net/eth0/operstate": b"up\n",
    "sys/class/net/cni0/address": b"ee:ee:ee:00:00:01\n",
    "run/reboot-required": b"*** System restart required ***\n",
}


def interpreter(shell: str) -> list[str]:
    return [str(require_binary(shell)), *SHELLS[shell][1:]]


def run(shell: str, root: Path | None = None, path: str | None = None) -> tuple[str, NodeFacts]:
    """The script as it is sent: on the standard input of a shell. Its answer as text and as facts."""
    environment = {"PATH": path or os.environ["PATH"], "HOME": "/nonexistent", "LANG": "de_DE.UTF-8"}
    if root is not None:
        environment["PROBE_ROOT"] = str(root)
    done = subprocess.run(
        [*interpreter(shell), "-s"], input=PROBE_SCRIPT.encode(), env=environment, capture_output=True, timeout=60
    )
    assert done.returncode == 0
    assert done.stderr == b""
    text = done.stdout.decode("utf-8", "replace")
    return text, parse_probe(text, datetime.now(UTC))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    top = tmp_path / "a node's root"
    for name, content in TREE.items():
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).write_bytes(content)
    return top


def bin_of(tmp_path: Path, scripts: dict[str, str], programs: tuple[str, ...] = PROGRAMS) -> str:
    """A PATH with these scripts and the few real programs that the probe itself needs."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for program in programs:
        (folder / program).symlink_to(require_program(program))
    for name, body in scripts.items():
        (folder / name).write_text(f"#!/bin/sh\n{body}\n")
        (folder / name).chmod(0o755)
    return str(folder)


def require_program(name: str) -> Path:
    found = next((Path(folder) / name for folder in ("/usr/bin", "/bin") if (Path(folder) / name).exists()), None)
    assert found is not None, f"{name} is part of every Debian"
    return found


@pytest.mark.parametrize("shell", SHELLS)
def test_every_shell_describes_a_pi_alike(shell: str, root: Path) -> None:
    _, pi = run(shell, root)
    assert (pi.kind, pi.model) == ("raspberry-pi", "Raspberry Pi 4 Model B Rev 1.4")
    assert pi.board_memory_bytes == 4 * 1024**3
    assert pi.hostname == "rpi01"
    assert (pi.os, pi.cores, pi.memory_bytes) == ("Ubuntu 22.10", 4, 3884312 * 1024)
    assert pi.machine_id == "c3a1f0b2d4e5968778695a4b3c2d1e0f"
    assert pi.boot_id == "9a1e1ed2-7f0e-4a25-9f5f-6d0c4d6e0c11"
    assert pi.disks == (Disk("mmcblk0", 63_864_569_856, "microsd", "SN64G"),)
    assert [(one.name, one.mac, one.speed_mbps) for one in pi.interfaces] == [("eth0", "dc:a6:32:00:00:01", 1000)]
    assert pi.hat == PoeHat("PoE+ HAT", online=True, current_ma=360, current_max_ma=5000, health="Good", version="0x3")
    assert pi.hat.granted == "802.3at"
    assert pi.fan == Fan(level=1, levels=4, duty_percent=13)
    assert pi.bootloader_at == datetime(2022, 1, 25, 14, 30, 41, tzinfo=UTC)
    assert pi.updates is not None
    assert (pi.updates.count, pi.updates.security) == (12, 3)
    assert pi.updates.as_of is not None
    assert abs((pi.updates.as_of - datetime.now(UTC)).total_seconds()) < 600
    assert pi.throttled == ("under-voltage-since-boot", "throttled-since-boot")
    assert (pi.temperature_c, pi.uptime_s, pi.load1) == (51.608, 1038121.1, 2.11)
    assert pi.reboot_required is True


@pytest.mark.parametrize("shell", SHELLS)
def test_an_empty_tree_gives_no_facts_of_hardware_and_no_noise(shell: str, tmp_path: Path) -> None:
    text, found = run(shell, tmp_path / "nothing here")
    assert text.rstrip().endswith("@@ end")
    assert (found.model, found.disks, found.memory_bytes, found.machine_id) == (None, (), None, None)


@pytest.mark.parametrize("shell", SHELLS)
def test_this_machine_describes_itself(shell: str) -> None:
    _, here = run(shell)
    assert (here.kernel, here.arch, here.hostname) == (os.uname().release, os.uname().machine, os.uname().nodename)
    assert here.threads == len(os.sched_getaffinity(0)) or here.threads == os.cpu_count()
    assert here.memory_bytes == os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    assert here.boot_id == Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    assert here.clock_skew_s is not None
    assert abs(here.clock_skew_s) < 60
    stat = os.statvfs("/")
    assert here.root_size_bytes == stat.f_blocks * stat.f_frsize


@pytest.mark.parametrize("shell", SHELLS)
def test_programs_that_are_missing_are_named_as_missing(shell: str, root: Path, tmp_path: Path) -> None:
    text, found = run(shell, root, bin_of(tmp_path, {"uname": "echo Linux 5.19.0 aarch64"}))
    for name in ("throttled", "virt", "timedate", "failed"):
        if shell != "busybox":
            assert f"@@ miss {name}\n" in text
    assert found.kernel == "5.19.0"
    assert (found.failed_units, found.clock_synchronised, found.virtualization) == (None, None, None)


@pytest.mark.parametrize("shell", SHELLS)
def test_a_program_that_hangs_does_not_hold_the_probe(shell: str, root: Path, tmp_path: Path) -> None:
    path = bin_of(tmp_path, {"timedatectl": "exec /bin/sleep 60", "systemctl": "echo a.service loaded failed failed A"})
    started = time.monotonic()
    _, found = run(shell, root, path)
    assert time.monotonic() - started < 20
    assert found.clock_synchronised is None
    assert found.failed_units == ("a.service",)


@pytest.mark.parametrize("shell", SHELLS)
def test_without_json_from_ip_the_old_form_is_asked(shell: str, root: Path, tmp_path: Path) -> None:
    script = "case $1 in -j) exit 1;; esac; echo '2: eth0    inet 192.168.10.131/24 scope global eth0'"
    _, found = run(shell, root, bin_of(tmp_path, {"ip": script}))
    assert found.interfaces[0].addresses == ("192.168.10.131",)


@pytest.mark.parametrize("shell", SHELLS)
def test_a_program_that_reads_its_input_does_not_eat_the_script(shell: str, root: Path, tmp_path: Path) -> None:
    text, _ = run(shell, root, bin_of(tmp_path, {"uname": "/bin/cat", "vcgencmd": "/bin/cat; echo throttled=0x1"}))
    assert text.rstrip().endswith("@@ end")
    assert "@@ cmd throttled\nthrottled=0x1\n" in text


@pytest.mark.parametrize("shell", SHELLS)
def test_a_long_file_is_cut_and_a_pipe_in_its_place_is_not_read(shell: str, root: Path) -> None:
    (root / "proc/meminfo").write_bytes(b"MemTotal: 1024 kB\n" + b"x" * 1_000_000)
    (root / "etc/machine-id").unlink()
    os.mkfifo(root / "etc/machine-id")
    text, found = run(shell, root)
    assert len(text) < 80_000
    assert (found.memory_bytes, found.machine_id) == (1024 * 1024, None)


@pytest.mark.parametrize("shell", SHELLS)
def test_the_probe_writes_nothing(shell: str, root: Path, tmp_path: Path) -> None:
    before = sorted((path, path.lstat().st_mtime_ns) for path in root.rglob("*"))
    run(shell, root)
    assert sorted((path, path.lstat().st_mtime_ns) for path in root.rglob("*")) == before
    for word in (">>", "rm ", "mv ", "tee ", "sudo", "mkdir", "mktemp"):
        assert word not in PROBE_SCRIPT


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(("hours_ago", "asks"), [(1, False), (5, True), (None, True)])
def test_a_clock_that_was_set_lately_is_told_by_a_file_and_no_service_is_started(
    shell: str, hours_ago: int | None, asks: bool, root: Path, tmp_path: Path
) -> None:
    asked = tmp_path / "asked"
    path = bin_of(tmp_path, {"timedatectl": f"touch '{asked}'; echo NTPSynchronized=no"}, (*PROGRAMS, "touch", "find"))
    if hours_ago is not None:
        note = root / "run/systemd/timesync/synchronized"
        note.parent.mkdir(parents=True)
        note.touch()
        os.utime(note, (time.time() - hours_ago * 3600,) * 2)
    _, facts = run(shell, root, path)
    assert asked.exists() is asks
    assert facts.clock_synchronised is not asks


def test_the_script_is_part_of_the_package() -> None:
    """It is read as package data, so that an installed wheel has it too."""
    code = "from homelab_tui.sources.probe import PROBE_SCRIPT as s; print(s.count('@@'))"
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) > 5
