"""What goes wrong on a node of the lab, on request or because its power is gone."""

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from time import monotonic

import paramiko
import pytest

from homelab_tui.demo.faults import FAULTS, SLOW_S
from tests.wire.ssh_lab import NUC, PASSWORD, PI, SshLab, accepts, execute, is_running, ssh_lab, until


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[SshLab]:
    async with ssh_lab(tmp_path) as running:
        yield running


def says(port: int, seconds: float = 0.6) -> bytes | None:
    """First bytes that the server sends on its own; None if it stays silent."""
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as sock:
        try:
            return sock.recv(200)
        except TimeoutError:
            return None


async def test_refuse_closes_the_port_at_once_and_none_opens_the_same_one(lab: SshLab) -> None:
    lab.faults.set("ssh", PI, "refuse")
    assert not accepts(lab.ports[PI])
    assert accepts(lab.ports[NUC])
    lab.faults.set("ssh", PI, None)
    assert await lab.is_let_in(PI)


async def test_hang_accepts_and_never_says_a_word(lab: SshLab) -> None:
    lab.faults.set("ssh", PI, "hang")
    assert says(lab.ports[PI]) is None
    lab.faults.set("ssh", PI, None)
    assert (says(lab.ports[PI]) or b"").startswith(b"SSH-2.0-OpenSSH_9.0p1 Ubuntu")


async def test_hang_holds_a_command_back_until_it_is_over(lab: SshLab) -> None:
    def run() -> tuple[bool, str]:
        with lab.connected(NUC) as client:
            lab.faults.set("ssh", NUC, "hang")
            transport = client.get_transport()
            assert transport is not None
            channel = transport.open_session(timeout=5)
            channel.exec_command("echo late")
            answered = channel.status_event.wait(0.5)
            lab.faults.set("ssh", NUC, None)
            channel.settimeout(5)
            return answered, channel.makefile().read().decode()

    assert await asyncio.to_thread(run) == (False, "late\n")


async def test_garbage_is_no_ssh(lab: SshLab) -> None:
    lab.faults.set("ssh", PI, "garbage")
    with pytest.raises(paramiko.SSHException):
        await lab.run(PI)
    assert b"SSH-2.0" not in (says(lab.ports[PI]) or b"SSH-2.0")
    assert (await lab.ssh(PI, "true")).status == 255


async def test_a_wrong_host_key_stops_both_clients_before_any_login(lab: SshLab) -> None:
    lab.faults.set("ssh", PI, "wrong-host-key")
    with pytest.raises(paramiko.BadHostKeyException):
        await lab.run(PI, password=PASSWORD)
    outcome = await lab.ssh(PI, "true")
    assert outcome.status == 255
    assert b"REMOTE HOST IDENTIFICATION HAS CHANGED" in outcome.err
    lab.faults.set("ssh", PI, None)
    assert await lab.is_let_in(PI)


async def test_slow_answers_late_but_rightly(lab: SshLab) -> None:
    lab.faults.set("ssh", PI, "slow")
    before = monotonic()
    assert (await lab.run(PI, "echo slow")).text == "slow"
    assert monotonic() - before > 2 * SLOW_S


async def test_401_refuses_every_login(lab: SshLab) -> None:
    lab.faults.set("ssh", PI, "401")
    assert not await lab.is_let_in(PI)
    assert not await lab.is_let_in(PI, password=PASSWORD)


async def test_reset_loses_the_answer_of_a_command_that_ran(lab: SshLab) -> None:
    lab.faults.set("ssh", PI, "reset")
    outcome = await lab.run(PI, "touch ran; echo 0123456789")
    assert (outcome.status, outcome.out) == (-1, b"01234")
    assert (lab.home(PI) / "ran").exists()
    assert (await lab.ssh(PI, "echo 0123456789")).status == 255


async def test_partial_gives_half_of_the_answer_and_no_exit_status(lab: SshLab) -> None:
    def run() -> tuple[int, bytes, str]:
        lab.faults.set("ssh", PI, "partial")
        with lab.connected(PI) as client:
            half = execute(client, "echo 0123456789")
            lab.faults.set("ssh", PI, None)
            return half.status, half.out, execute(client, "echo whole").text

    assert await asyncio.to_thread(run) == (-1, b"01234", "whole")


async def test_disk_full_keeps_the_old_file_and_writes_nothing(lab: SshLab) -> None:
    lab.faults.set("ssh", PI, "disk-full")
    old = (lab.home(PI) / ".ssh/authorized_keys").read_bytes()
    outcome = await lab.run(PI, "cat >new || echo failed; cat .ssh/authorized_keys | wc -l", b"more than nothing")
    assert outcome.text.split() == ["failed", "1"]
    assert (lab.home(PI) / "new").read_bytes() == b""
    assert (lab.home(PI) / ".ssh/authorized_keys").read_bytes() == old
    lab.faults.set("ssh", PI, None)
    assert (await lab.run(PI, "cat >new && wc -c <new", b"fits")).text == "4"


async def test_clock_skew_moves_the_nodes_clock_and_its_expiry_times(lab: SshLab) -> None:
    async def ahead_s() -> float:
        return int((await lab.run(PI, "date -u +%s")).text) - lab.world.clock.now().timestamp()

    assert abs(await ahead_s()) < 5
    lab.faults.set("ssh", PI, "clock-skew")
    assert 415 < await ahead_s() < 425
    assert "NTPSynchronized=no" in (await lab.run(PI, "timedatectl show")).text
    soon = lab.world.clock.now().timestamp() + 120
    stamp = (await lab.run(NUC, f"date -u -d @{int(soon)} +%Y%m%d%H%M%S")).text
    for node in (NUC, PI):
        lab.authorize(node, f'expiry-time="{stamp}Z" {lab.public_line}\n')
    assert await lab.is_let_in(NUC)
    assert not await lab.is_let_in(PI)


def test_every_ssh_fault_of_the_lab_is_tried_here() -> None:
    tests = Path(__file__).read_text(encoding="utf-8")
    assert [fault for fault in FAULTS["ssh"] if f'"{fault}"' not in tests] == []


async def test_a_node_without_power_refuses_breaks_its_sessions_and_comes_back_on_the_same_port(lab: SshLab) -> None:
    def run_until_it_breaks() -> float:
        with lab.connected(PI) as client:
            transport = client.get_transport()
            assert transport is not None
            channel = transport.open_session(timeout=5)
            channel.exec_command("echo $$ >pid; exec sleep 600")
            before = monotonic()
            channel.status_event.wait(10)
            return monotonic() - before

    boot_id = (await lab.run(PI, "cat $PROBE_ROOT/proc/sys/kernel/random/boot_id")).text
    session = asyncio.create_task(asyncio.to_thread(run_until_it_breaks))
    pid = lab.home(PI) / "pid"
    await until(lambda: pid.exists() and pid.read_text().endswith("\n"), "the session runs")
    lab.world.set_port_admin(1, False)
    assert not accepts(lab.ports[PI])
    assert await session < 5
    await until(lambda: not is_running(int(pid.read_text())), "its command is gone")
    assert accepts(lab.ports[NUC])
    lab.world.set_port_admin(1, True)
    await until(lambda: accepts(lab.ports[PI]), "the node answers again")
    assert (await lab.run(PI, "cat $PROBE_ROOT/proc/sys/kernel/random/boot_id")).text != boot_id


async def test_a_hung_node_accepts_and_stays_silent_until_its_power_is_cycled(lab: SshLab) -> None:
    lab.world.hang(PI)
    assert says(lab.ports[PI]) is None
    lab.world.set_port_admin(1, False)
    assert not accepts(lab.ports[PI])
    lab.world.set_port_admin(1, True)
    await until(lambda: accepts(lab.ports[PI]), "the node answers again")
    assert await lab.is_let_in(PI)


async def test_many_clients_at_once_are_all_served(lab: SshLab) -> None:
    outcomes = await asyncio.gather(*(lab.run(node, f"echo {i}") for i in range(12) for node in (NUC, PI)))
    assert sorted(int(outcome.text) for outcome in outcomes) == sorted([*range(12)] * 2)
