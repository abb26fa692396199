"""What a logged-in client can do on a node of the lab."""

import asyncio
import hashlib
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path

import paramiko
import pytest

from tests.wire.ssh_lab import NUC, PI, SshLab, execute, is_running, ssh_lab, until

THREE_MB = os.urandom(3_000_000)
PROBE = b"""s(){ printf '@@ %s\\n' "$1"; }
f(){ for p in "$@"; do [ -r "$PROBE_ROOT$p" ] && { s "$p"; tr '\\000' '\\n' <"$PROBE_ROOT$p"; echo; }; done; }
s uname; uname -srm; s nodename; uname -n; s date; date -u +%s
f /etc/machine-id /proc/uptime /proc/meminfo /proc/cpuinfo /proc/sys/kernel/random/boot_id
f /sys/firmware/devicetree/base/model /sys/firmware/devicetree/base/hat/product /sys/class/dmi/id/product_name
f /sys/devices/platform/soc/soc:firmware/get_throttled /sys/class/power_supply/rpi-poe/uevent
for d in "$PROBE_ROOT"/sys/block/*; do f "${d#$PROBE_ROOT}/size"; done
for d in "$PROBE_ROOT"/sys/class/net/*; do [ -e "$d/device" ] && f "${d#$PROBE_ROOT}/address"; done
for d in "$PROBE_ROOT"/sys/class/hwmon/hwmon*; do f "${d#$PROBE_ROOT}/name" "${d#$PROBE_ROOT}/in0_lcrit_alarm"; done
s df; df -Pk; s lsblk; lsblk -J -b -o NAME,TYPE,SIZE; s ip; ip -j addr
s throttled; command -v vcgencmd >/dev/null && vcgencmd get_throttled; s end
"""


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[SshLab]:
    async with ssh_lab(tmp_path) as running:
        yield running


def answers(outcome: bytes) -> dict[str, str]:
    """Key -> lines of what PROBE printed."""
    parts = outcome.decode().split("@@ ")[1:]
    return {key: lines.strip() for key, _, lines in (part.partition("\n") for part in parts)}


async def test_a_command_really_runs_in_the_home_of_its_node(lab: SshLab) -> None:
    outcome = await lab.run(NUC, "pwd; echo kept >note; echo $HOME $USER")
    assert outcome.status == 0
    home = lab.home(NUC)
    assert outcome.text.split() == [str(home), str(home), "kkato"]
    assert (home / "note").read_text() == "kept\n"
    assert not (lab.home(PI) / "note").exists()


async def test_openssh_and_paramiko_get_the_same_answer(lab: SshLab) -> None:
    by_paramiko = await lab.run(PI, "uname -a; id; exit 3")
    by_openssh = await lab.ssh(PI, "uname -a; id; exit 3")
    assert (by_openssh.status, by_openssh.out) == (3, by_paramiko.out) == (by_paramiko.status, by_openssh.out)


@pytest.mark.parametrize(("command", "status"), [("true", 0), ("exit 7", 7), ("exit 255", 255), ("kill -9 $$", -1)])
async def test_the_exit_status_is_the_commands_own(lab: SshLab, command: str, status: int) -> None:
    assert (await lab.run(NUC, command)).status == status


async def test_a_command_sees_the_end_of_its_input(lab: SshLab) -> None:
    assert (await lab.run(NUC, "cat; echo over", b"half a line")).out == b"half a lineover\n"
    assert (await lab.run(NUC, "cat")).out == b""


async def test_three_megabytes_arrive_whole_in_both_directions(lab: SshLab) -> None:
    assert (await lab.run(NUC, "cat", THREE_MB)).out == THREE_MB
    assert (await lab.ssh(NUC, "cat", stdin=THREE_MB)).out == THREE_MB


async def test_input_that_nobody_reads_does_not_block(lab: SshLab) -> None:
    outcome = await lab.run(NUC, "exec <&-; echo done", THREE_MB)
    assert (outcome.status, outcome.text) == (0, "done")
    digest = hashlib.sha256(THREE_MB).hexdigest()
    assert (await lab.run(NUC, "sha256sum", THREE_MB)).text.split()[0] == digest


async def test_much_output_on_both_streams_stays_apart(lab: SshLab) -> None:
    outcome = await lab.run(NUC, "head -c 3000000 /dev/zero >&2; head -c 3000000 /dev/zero | tr '\\0' x")
    assert outcome.err == bytes(3_000_000)
    assert outcome.out == b"x" * 3_000_000


async def test_a_command_ends_with_its_channel(lab: SshLab) -> None:
    def start_and_leave() -> int:
        with lab.connected(NUC) as client:
            _stdin, stdout, _stderr = client.exec_command("echo $$; exec sleep 600", timeout=5)
            return int(stdout.readline())

    pid = await asyncio.to_thread(start_and_leave)
    await until(lambda: not is_running(pid), "the command is gone")


async def test_what_a_session_leaves_behind_ends_with_the_lab(tmp_path: Path) -> None:
    async with ssh_lab(tmp_path) as lab:
        command = "nohup setsid sleep 600 >/dev/null 2>&1 </dev/null & echo $!"
        pid = int((await lab.run(NUC, command)).text)
        assert is_running(pid)
    await until(lambda: not is_running(pid), "the background process is gone")


async def test_stopping_ends_a_running_command_and_closes_the_port(tmp_path: Path) -> None:
    async with ssh_lab(tmp_path) as lab:
        running = asyncio.create_task(lab.run(NUC, "echo $$ >pid; exec sleep 600"))
        file = lab.home(NUC) / "pid"
        await until(lambda: file.exists() and file.read_text().endswith("\n"), "the command runs")
        pid = int(file.read_text())
        await lab.servers.stop()
        await lab.servers.stop()
        assert (await running).status == -1
        await until(lambda: not is_running(pid), "the command is gone")
        with pytest.raises(OSError, match=r"Unable to connect|refused"):
            await lab.run(NUC)


async def test_four_hundred_nodes_have_a_port_each_and_the_last_one_answers(tmp_path: Path) -> None:
    async with ssh_lab(tmp_path, nodes=400) as lab:
        assert len(set(lab.ports.values())) == 400
        assert (await lab.run("rpi200", "uname -n")).text == "rpi200"


async def test_the_machine_below_does_not_shine_through(lab: SshLab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_SECRET_OF_THE_HOST", "hush")
    environment = (await lab.run(PI, "env")).text
    assert "A_SECRET_OF_THE_HOST" not in environment
    names = await lab.run(PI, "uname -n; hostname; hostname -I; id -un; whoami; nproc; systemd-detect-virt")
    assert names.text.split() == [PI, PI, "192.168.10.131", "ubuntu", "ubuntu", "4", "none"]
    for command in ("sudo -n tee x", "sudo -n sh -c id", "reboot", "shutdown -r now", "systemctl reboot", "su -c id"):
        refused = await lab.run(PI, command)
        assert refused.status == 1, command
        assert refused.err, command


async def test_a_shell_answers_line_by_line_with_and_without_a_terminal(lab: SshLab) -> None:
    plain = await lab.ssh(NUC, stdin=b"test -t 0 || echo pipe\nexit 3\n")
    assert (plain.status, plain.out) == (3, b"pipe\n")
    terminal = await lab.ssh(NUC, stdin=b"test -t 0 && echo a-$((40 + 2))\nexit 4\n", options=("-tt",))
    assert terminal.status == 4
    assert b"a-42" in terminal.out


async def test_ten_sessions_fit_a_connection_and_the_eleventh_is_told_so(lab: SshLab) -> None:
    def open_eleven() -> int:
        with lab.connected(NUC) as client:
            transport = client.get_transport()
            assert transport is not None
            channels = [transport.open_session(timeout=5) for _ in range(10)]
            with pytest.raises(paramiko.ChannelException) as refused:
                transport.open_session(timeout=5)
            channels.pop().close()
            assert execute(client, "echo again").text == "again"
            return refused.value.code

    assert await asyncio.to_thread(open_eleven) == 2


async def test_the_probe_of_a_nuc_tells_what_the_world_says(lab: SshLab) -> None:
    node = lab.world.nodes[NUC]
    said = answers((await lab.run(NUC, "sh -s", PROBE)).out)
    assert said["uname"] == f"Linux {node.kernel} x86_64"
    assert said["nodename"] == NUC
    assert said["/etc/machine-id"] == node.machine_id
    assert said["/proc/sys/kernel/random/boot_id"] == node.boot_id
    assert said["/sys/class/dmi/id/product_name"] == "NUC11PAHi5"
    assert said["/proc/meminfo"].split()[:2] == ["MemTotal:", str(node.memory_bytes // 1024)]
    assert said["/proc/cpuinfo"].count("processor\t") == 8
    assert "cpu cores\t: 4" in said["/proc/cpuinfo"]
    assert "i5-1135G7" in said["/proc/cpuinfo"]
    assert int(said["/sys/block/nvme0n1/size"]) * 512 == node.disk_bytes
    assert said["/sys/class/net/eno1/address"] == node.mac
    assert said["throttled"] == ""
    assert "/sys/firmware/devicetree/base/model" not in said
    assert abs(int(said["date"]) - lab.world.clock.now().timestamp()) < 30
    disk = json.loads(said["lsblk"])["blockdevices"][0]
    assert (disk["name"], disk["size"]) == ("nvme0n1", node.disk_bytes)
    assert json.loads(said["ip"])[1]["addr_info"][0]["local"] == "192.168.10.121"


async def test_the_probe_of_a_pi_tells_what_the_world_says(lab: SshLab) -> None:
    lab.world.set_throttled(PI, 0x5)
    node = lab.world.nodes[PI]
    said = answers((await lab.run(PI, "sh -s", PROBE)).out)
    assert said["uname"] == f"Linux {node.kernel} aarch64"
    assert said["/sys/firmware/devicetree/base/model"] == node.model
    assert said["/sys/firmware/devicetree/base/hat/product"] == "PoE+ HAT"
    assert f"Revision\t: {node.board}" in said["/proc/cpuinfo"]
    assert said["/proc/cpuinfo"].count("processor\t") == 4
    assert int(said["/sys/block/mmcblk0/size"]) * 512 == node.disk_bytes
    assert said["throttled"] == "throttled=0x50005"
    assert said["/sys/devices/platform/soc/soc:firmware/get_throttled"] == "50005"
    volts = next(key for key, value in said.items() if value == "rpi_volt").replace("/name", "/in0_lcrit_alarm")
    assert said[volts] == "1"
    hat = dict(line.split("=") for line in said["/sys/class/power_supply/rpi-poe/uevent"].splitlines())
    assert hat["POWER_SUPPLY_CURRENT_MAX"] == "5000000"
    assert hat["POWER_SUPPLY_HEALTH"] == "Overheat"
    port = lab.world.switch.ports[1]
    hat_mw = int(hat["POWER_SUPPLY_CURRENT_NOW"]) * 5 // 1000
    assert 0 < hat_mw < port.power_mw(lab.world.clock.now())
    root = next(line.split() for line in said["df"].splitlines() if line.endswith(" /"))
    assert int(root[2]) == node.disk_used_bytes() // 1024


async def test_readings_are_of_the_moment_of_the_command(lab: SshLab) -> None:
    async def read() -> tuple[float, str]:
        outcome = await lab.run(PI, "cat $PROBE_ROOT/proc/uptime $PROBE_ROOT/proc/sys/kernel/random/boot_id")
        return float(outcome.out.split()[0]), outcome.text.splitlines()[-1]

    before, boot_before = await read()
    lab.world.clock.advance(3600)
    after, boot_after = await read()
    assert 3600 <= after - before < 3660
    assert boot_before == boot_after
    lab.world.reboot(PI)
    lab.world.clock.advance(60)
    assert lab.world.is_up(PI)
    rebooted, boot_now = await read()
    assert rebooted < 120
    assert boot_now == lab.world.nodes[PI].boot_id != boot_before
