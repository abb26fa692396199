"""The files and programs of the lab's nodes: twins are alike, the odd one differs, every shell runs them."""

import re
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from homelab_tui.demo.filesystem import NodeFilesystem, current_files, installed_files
from homelab_tui.demo.world import Clock, World
from tests.servers import require_binary

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture
def world() -> World:
    clock = Clock()
    clock.freeze(NOW)
    return World(clock)


def files(world: World, name: str) -> dict[str, bytes]:
    node = world.nodes[name]
    return installed_files(node) | current_files(node, world.clock.now(), world.switch.ports.get(node.port or 0))


def test_nuc02_has_half_the_memory_of_its_twins_and_an_older_kernel(world: World) -> None:
    memory = {name: files(world, name)["/proc/meminfo"].split()[1] for name in world.nodes if name.startswith("nuc")}
    assert len({memory[name] for name in ("nuc01", "nuc03", "nuc04")}) == 1
    assert 1.9 < int(memory["nuc01"]) / int(memory["nuc02"]) < 2.1
    kernels = {name: files(world, name)["/proc/version"].split()[2] for name in memory}
    assert len({kernels[name] for name in ("nuc01", "nuc03", "nuc04")}) == 1
    older, newer = ([int(number) for number in re.findall(rb"\d+", kernels[name])] for name in ("nuc02", "nuc01"))
    assert older < newer


def test_no_two_nodes_share_an_identity(world: World) -> None:
    for path in ("/etc/machine-id", "/proc/sys/kernel/random/boot_id", "/etc/hostname"):
        assert len({files(world, name)[path] for name in world.nodes}) == len(world.nodes)


def test_the_revision_code_of_a_pi_says_four_gigabytes(world: World) -> None:
    line = next(line for line in files(world, "rpi01")["/proc/cpuinfo"].decode().splitlines() if "Revision" in line)
    code = int(line.split()[-1], 16)
    # NOQuuuWuFMMMCCCCPPPPTTTTTTTTRRRR: new style, 4 GB, BCM2711, 4B.
    assert (code >> 23 & 1, code >> 20 & 7, code >> 12 & 15, code >> 4 & 0xFF) == (1, 4, 3, 0x11)


def test_device_tree_strings_end_in_nul_and_everything_else_in_a_newline(world: World) -> None:
    for name in world.nodes:
        for path, content in files(world, name).items():
            assert content.endswith(b"\0" if "devicetree" in path else b"\n"), path


def test_hwmon_numbers_differ_between_pis_so_that_readers_must_go_by_name() -> None:
    pis = [node for node in World(nodes=40).nodes.values() if node.kind == "raspberry-pi"]
    names = {installed_files(node)["/sys/class/hwmon/hwmon0/name"].decode().strip() for node in pis}
    assert names == {"rpi_volt", "cpu_thermal"}


def test_uptime_counts_from_the_boot_and_a_refresh_rewrites_only_what_changed(world: World, tmp_path: Path) -> None:
    node = world.nodes["rpi02"]
    filesystem = NodeFilesystem(tmp_path, node)
    filesystem.install()
    port = world.switch.ports[2]
    filesystem.refresh(node, NOW, port)
    uptime = filesystem.root / "proc/uptime"
    machine_id = filesystem.root / "etc/machine-id"
    before = (uptime.stat().st_ino, machine_id.stat().st_ino, float(uptime.read_text().split()[0]))
    assert before[2] == pytest.approx((NOW - node.booted_at).total_seconds(), abs=0.01)
    filesystem.refresh(node, NOW + timedelta(seconds=90), port)
    assert float(uptime.read_text().split()[0]) == pytest.approx(before[2] + 90, abs=0.01)
    assert machine_id.stat().st_ino == before[1]
    filesystem.remove()
    assert not (tmp_path / "rpi02").exists()


@pytest.mark.parametrize("shell", ["dash", "bash", "busybox"])
@pytest.mark.parametrize("name", ["nuc01", "rpi01"])
def test_the_programs_run_under_every_shell(world: World, tmp_path: Path, shell: str, name: str) -> None:
    node = world.nodes[name]
    filesystem = NodeFilesystem(tmp_path, node)
    filesystem.install()
    filesystem.refresh(node, NOW, None)
    interpreter = [str(require_binary(shell)), *(["sh"] if shell == "busybox" else [])]

    def run(program: str, *arguments: str) -> str:
        done = subprocess.run(
            [*interpreter, str(filesystem.bin / program), *arguments],
            env={"PATH": f"{filesystem.bin}:/usr/bin:/bin"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
        assert done.stderr == "", (program, arguments)
        return done.stdout.strip()

    assert run("uname") == "Linux"
    assert run("uname", "-srm") == f"Linux {node.kernel} {node.arch}"
    assert run("uname", "-m", "-n") == f"{name} {node.arch}"
    assert run("uname", "-a").split()[-1] == "GNU/Linux"
    assert run("hostname", "-s") == name
    assert run("id", "-un") == node.user
    assert run("date", "-u", "+%Y-%m-%d") == "2026-01-02"
    assert run("date", "-u", "-d", "@0", "+%s") == "0"
    assert node.address in run("ip", "-o", "addr")
    assert "NTPSynchronized=yes" in run("timedatectl", "show")
    assert run("systemctl", "--failed", "--no-legend") == ""
    assert run("df", "-Pk").count("\n") == 3
    if node.kind == "raspberry-pi":
        assert run("vcgencmd", "get_throttled") == "throttled=0x0"
        assert run("vcgencmd", "measure_temp") == f"temp={node.temperature_c(NOW)}'C"
