"""Everything that an administrator does to a node, on a Debian that systemd has booted."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from homelab_tui.domain.errors import SourceRefused
from homelab_tui.domain.keys import AdminUser, PublicKey
from homelab_tui.domain.secrets import Secret
from homelab_tui.sources.ssh import SshSource
from homelab_tui.sources.ssh_hardening_scripts import CONTENT
from tests.labs import until
from tests.real.booted_debian import BootedDebian, booted
from tests.real.command_lines import CommandLine, kill
from tests.real.sshd import Account, make_key, needs_root
from tests.real.test_hardening import died_at, offers_password, proves

pytestmark = needs_root
PASSWORD = Secret("correct horse")


@pytest.fixture(scope="module")
def server() -> Iterator[BootedDebian]:
    """One for all tests of the file: each leaves its sshd as it was."""
    with booted() as debian:
        yield debian


@pytest.fixture
def account(server: BootedDebian) -> Account:
    made = server.account()
    server.let_become_root(made)
    return made


@pytest.fixture
def key(server: BootedDebian, tmp_path: Path) -> PublicKey:
    return make_key(tmp_path, "mine")


def no_matter(_stage: str) -> None:
    """Stages that nobody watches."""


async def pushed(server: BootedDebian, account: Account, key: PublicKey) -> SshSource:
    """A source whose one key opens the account: pushed there, and proven."""
    assert (await server.source().add_key(server.node(account), key)).changed
    source = server.source(keys=(key,), admin=False)
    assert (await source.prove(server.node(account), key)).proven
    return source


async def test_the_unit_is_reloaded_and_the_rollback_is_a_timer_of_systemds_until_it_is_disarmed(
    server: BootedDebian, account: Account, key: PublicKey
) -> None:
    source, node = await pushed(server, account, key), server.node(account)
    timers: dict[str, list[str]] = {}
    pid = main_pid(server)
    change = await source.harden(node, lambda stage: timers.update({stage: server.timers()}))
    assert (change.changed, change.proven) == (True, True)
    assert server.drop_in.read_text() == CONTENT
    assert await offers_password(source, server, account) is False
    assert len(timers["proving by a fresh login…"]) == 1
    assert timers["proving the key…"] == server.timers() == server.armed == []
    assert "Reloaded ssh.service" in server.log()
    assert (await source.harden(node, no_matter, undo=True)).proven
    assert await offers_password(source, server, account) is True
    assert (await source.prove(node, key)).proven
    assert main_pid(server) == pid  # never restarted


async def test_when_homelab_dies_the_timer_of_systemds_puts_everything_back(
    server: BootedDebian, account: Account, key: PublicKey
) -> None:
    source, node = await pushed(server, account, key), server.node(account)
    source.rollback_s = 3
    await died_at("proving by a fresh login…", source, node)
    await until(lambda: server.armed == [] and not server.drop_in.exists())
    await until(lambda: server.timers() == [])
    other = server.source(keys=(key,), admin=False)
    await until(lambda: proves(other, server, account, key))
    assert await offers_password(other, server, account) is True


async def test_a_homelab_that_is_killed_in_the_reload_leaves_a_timer_that_puts_everything_back(
    server: BootedDebian, account: Account, key: PublicKey, tmp_path: Path
) -> None:
    source = await pushed(server, account, key)
    wait = "/bin/sh -c 'until [ -e /run/goes-on ]; do sleep 0.05; done'"
    with with_unit(server, "ssh.service", f"[Service]\nExecReload=\nExecReload={wait}\nExecReload=kill -HUP $MAINPID"):
        command = CommandLine(tmp_path)
        command.configure(server, [account], [key], admin=False)
        hardening = command.start("keys", "harden", "--node", "nuc01", "--yes", "--json")
        await until(lambda: "reload" in server.run("systemctl", "list-jobs", "--no-legend"))
        kill(hardening)
        server.run("touch", "/run/goes-on")
        await until(lambda: "SubState=running" in server.run("systemctl", "show", "--property=SubState", "ssh.service"))
        (timer,) = server.timers()
        assert server.drop_in.read_text() == CONTENT  # in force, with nobody to look after it
        server.run("systemctl", "start", timer.replace(".timer", ".service"))  # what the timer does, after 120 s
        await until(lambda: server.armed == [] and not server.drop_in.exists())
        await until(lambda: proves(source, server, account, key))
        assert await offers_password(source, server, account) is True
        server.run("systemctl", "stop", timer)


async def test_a_unit_that_cannot_be_reloaded_is_restarted_under_the_session_that_stays(
    server: BootedDebian, account: Account, key: PublicKey
) -> None:
    source, node = await pushed(server, account, key), server.node(account)
    pid = main_pid(server)
    with with_unit(server, "ssh.service", "[Service]\nExecReload=\nExecReload=/bin/false"):
        change = await source.harden(node, no_matter)  # disarmed over the session that it began with
        assert (change.changed, change.proven) == (True, True)
        assert main_pid(server) != pid
        assert await offers_password(source, server, account) is False
    assert (await source.harden(node, no_matter, undo=True)).proven


async def test_an_sshd_that_does_not_come_up_again_is_brought_back_by_the_rollback(
    server: BootedDebian, account: Account, key: PublicKey
) -> None:
    source, node = await pushed(server, account, key), server.node(account)
    unless = "/bin/sh -c '! test -e /etc/ssh/sshd_config.d/00-homelab.conf'"
    lines = f"[Service]\nExecReload=\nExecReload=/bin/false\nExecStartPre={unless}"
    with with_unit(server, "ssh.service", lines):
        with pytest.raises(SourceRefused, match=r"not hardened.*it was put back, and access is proven again"):
            await source.harden(node, no_matter)
        assert "Failed to start ssh.service" in server.log()
        assert (server.armed, server.drop_in.exists(), server.timers()) == ([], False, [])
    other = server.source(keys=(key,), admin=False)
    assert await proves(other, server, account, key)
    assert await offers_password(other, server, account) is True


async def test_a_unit_that_looks_at_no_file_before_its_reload_does_not_end_over_a_broken_one(
    server: BootedDebian, account: Account, key: PublicKey
) -> None:
    """RHEL's. Somebody else writes to the configuration between our look at it and the reload."""
    source, node = await pushed(server, account, key), server.node(account)
    pid, broken = main_pid(server), server.drop_ins / "50-of-somebody-else.conf"

    def stage(text: str) -> None:
        if text == "reloading sshd…":
            broken.write_text("Nonsense yes\n")

    with with_unit(server, "ssh.service", "[Service]\nExecReload=\nExecReload=/bin/kill -HUP $MAINPID"):
        with pytest.raises(SourceRefused, match=r"cannot be told to read.*it was put back, and access is proven again"):
            await source.harden(node, stage)
        assert main_pid(server) == pid
        broken.unlink()


async def test_an_sshd_that_a_socket_starts_is_restarted_and_not_reloaded(
    server: BootedDebian, account: Account, key: PublicKey
) -> None:
    """Ubuntu since 22.10. Such an sshd cannot bind its address again: a reload ends it."""
    listen = f"[Socket]\nListenStream=\nListenStream=127.0.0.1:{server.port}"
    with with_unit(server, "ssh.socket", listen):
        server.run("systemctl", "stop", "ssh.service")
        server.run("systemctl", "start", "ssh.socket")
        try:
            source, node = await pushed(server, account, key), server.node(account)
            assert (await source.harden(node, no_matter)).proven
            assert await offers_password(source, server, account) is False
            assert (await source.harden(node, no_matter, undo=True)).proven
            assert await offers_password(source, server, account) is True
            assert "Cannot bind" not in server.log()
        finally:
            server.run("systemctl", "stop", "ssh.socket", "ssh.service")
            server.run("systemctl", "start", "ssh.service")


async def test_a_user_for_kubespray_is_made_and_taken_away_under_a_real_logind(
    server: BootedDebian, key: PublicKey
) -> None:
    account = server.account(password=PASSWORD.reveal())
    server.let_become_root(account, asking=True)
    source, node = server.source(keys=(key,)), server.node(account)
    assert (await source.allow_sudo(node, PASSWORD)).proven
    assert (await source.read_account(node)).sudo is True
    request = AdminUser("kubespray", create=True, key=key)
    change = await source.make_user(node, request, None)
    assert (change.changed, change.proven) == (True, True)
    assert "NOPASSWD: ALL" in server.run("sudo", "-l", "-U", "kubespray")
    assert (await source.remove_user(node, "kubespray", None)).changed
    assert "kubespray" not in server.run("getent", "passwd")
    assert (await source.allow_sudo(node, None, undo=True)).changed
    assert (await source.read_account(node)).sudo is False


def main_pid(server: BootedDebian) -> str:
    return server.run("systemctl", "show", "--property=MainPID", "ssh.service")


@contextmanager
def with_unit(server: BootedDebian, unit: str, lines: str) -> Iterator[None]:
    """A unit that says something else for a while."""
    file = server.root / "etc" / "systemd" / "system" / f"{unit}.d" / "test.conf"
    file.parent.mkdir(exist_ok=True)
    file.write_text(f"{lines}\n")
    server.run("systemctl", "daemon-reload")
    try:
        yield
    finally:
        file.unlink()
        server.run("systemctl", "daemon-reload")
