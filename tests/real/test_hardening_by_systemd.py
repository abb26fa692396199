"""Key-only sshd where systemd keeps it: reloaded by its unit, the rollback a timer of systemd's own."""

import asyncio
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from homelab_tui.domain.errors import SourceRefused
from homelab_tui.sources.ssh_hardening_scripts import CONTENT, HardeningScripts
from tests.labs import until
from tests.real.administered_sshd import AdministeredSshd, administered
from tests.real.sshd import Account, needs_root
from tests.real.systemd import PROGRAMS
from tests.real.test_hardening import died_at, mine, offers_password, proves

pytestmark = needs_root


@pytest.fixture
def place() -> Iterator[tuple[AdministeredSshd, Account]]:
    with administered(programs=PROGRAMS, own_run=True, alone=True) as (server, account):
        yield server, account


def calls(server: AdministeredSshd) -> list[str]:
    """Every call of systemctl and systemd-run, in order."""
    file = server.base / "etc-ssh" / "systemd.log"
    return file.read_text().splitlines() if file.exists() else []


def timers(server: AdministeredSshd) -> list[str]:
    return [path.name for path in (server.base / "run" / "systemd" / "units").iterdir()]


async def test_the_units_reload_and_a_timer_of_systemds_do_the_work(
    place: tuple[AdministeredSshd, Account], tmp_path: Path
) -> None:
    server, account = place
    source, key = mine(server, account, tmp_path)
    node = server.node(account)
    change = await source.harden(node, lambda _stage: None)
    assert (change.changed, change.proven) == (True, True)
    assert server.drop_in.read_text() == CONTENT
    assert await offers_password(source, server, account) is False
    said = calls(server)
    armed = next(line for line in said if line.startswith("systemd-run"))
    assert "--on-active=120 --timer-property=AccuracySec=1s --unit=homelab-rollback-" in armed
    assert "systemctl reload ssh.service" in said
    assert said.index(armed) < said.index("systemctl reload ssh.service")
    assert any(line.startswith("systemctl stop homelab-rollback-") and line.endswith(".timer") for line in said)
    assert (timers(server), server.armed) == ([], [])
    assert (await source.harden(node, lambda _stage: None, undo=True)).proven
    assert await offers_password(source, server, account) is True
    assert (await source.prove(node, key)).proven


async def test_when_homelab_dies_systemds_timer_puts_everything_back(
    place: tuple[AdministeredSshd, Account], tmp_path: Path
) -> None:
    server, account = place
    source, key = mine(server, account, tmp_path)
    source.rollback_s = 2
    node = server.node(account)
    await died_at("proving by a fresh login…", source, node)
    await until(lambda: server.armed == [] and not server.drop_in.exists(), 15)
    assert calls(server).count("systemctl reload ssh.service") == 2  # ours, and the rollback's
    assert timers(server) == []
    other = server.source(keys=(key,), admin=False)
    await until(lambda: proves(other, server, account, key))
    assert await offers_password(other, server, account) is True


async def test_a_unit_that_cannot_be_reloaded_leaves_everything_as_it_was(
    place: tuple[AdministeredSshd, Account], tmp_path: Path
) -> None:
    server, account = place
    source, key = mine(server, account, tmp_path)
    node = server.node(account)
    (server.base / "etc-ssh" / "no-reload").write_text("")
    with pytest.raises(SourceRefused, match=r"sshd cannot be told to read its configuration.*access is proven again"):
        await source.harden(node, lambda _stage: None)
    assert "systemctl try-restart ssh.service" in calls(server)
    assert not server.drop_in.exists()
    assert server.armed == []
    assert (await source.prove(node, key)).proven


async def test_where_systemd_makes_no_timer_the_node_waits_by_itself(tmp_path: Path) -> None:
    programs = PROGRAMS | {"systemd-run": "echo 'Failed to start transient timer unit' >&2; exit 1\n"}
    with administered(programs=programs, own_run=True, alone=True) as (server, account):
        source, _ = mine(server, account, tmp_path)
        source.rollback_s = 2
        reached = asyncio.Event()
        work = asyncio.create_task(
            source.harden(server.node(account), lambda text: reached.set() if text.startswith("reloading") else None)
        )
        await asyncio.wait_for(reached.wait(), 20)
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
        await until(lambda: server.armed == [] and not server.drop_in.exists(), 15)


def test_the_real_programs_know_every_option_that_is_used(tmp_path: Path) -> None:
    """Without a systemd to talk to they fail, but only after they have understood what is wanted of them."""
    script = HardeningScripts("abc", 120).arm()
    words = script[script.index("systemd-run --quiet") :].split(">/dev/null")[0].replace("\\\n", " ").split()
    assert words[0] == "systemd-run"
    if shutil.which("systemd-run") is None:
        pytest.skip("systemd-run is not installed (as root: apt-get install systemd)")
    command = [*words[:-2], "/bin/true"]
    command[1:1] = ["--no-ask-password", "--machine=homelab-nobody@.host"]  # nothing may really be started by a test
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"}
    )
    assert done.returncode != 0
    assert "unrecognized" not in done.stderr
    assert "nvalid option" not in done.stderr
