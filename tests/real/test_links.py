"""Links that break, freeze or are refused in the middle, against Debian's own sshd."""

import asyncio
import contextlib
import os
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from homelab_tui.config.model import KeysConfig
from homelab_tui.domain.errors import SourceError, SourceGarbled, SourceTimeout, SourceUnreachable
from homelab_tui.domain.keys import KeyWrite, PublicKey
from homelab_tui.domain.nodes import Node
from homelab_tui.domain.values import replace
from homelab_tui.sources.ssh import SshSource
from tests.keygen import key_text
from tests.real.links import Link, running
from tests.real.sshd import Account, Sshd, make_key, running_sshd, throw_away_account

# Large enough that the write itself is far more than everything said before it.
BIG = b"".join(b"# line %06d of a long file that was here before\n" % number for number in range(4000))
BEFORE_THE_WRITE = 30_000
"""More than login and reading send, less than they and the file together."""


def through(link: Link, server: Sshd, account: Account, tmp_path: Path, **limits: float) -> tuple[SshSource, Node]:
    """A source and a node that are connected by the link."""
    known = tmp_path / "link_known_hosts"
    known.write_text(f"[127.0.0.1]:{link.port} {key_text(server.host_keys[0].blob)}\n")
    short = {"connect_timeout_s": 2.0, "auth_timeout_s": 3.0, "command_timeout_s": 3.0, **limits}
    config = replace(server.config(known), **short)  # type: ignore[arg-type]
    keys = KeysConfig(paths=(server.base / "keys" / "admin.pub",), agent=False)
    return SshSource(config, keys), replace(server.node(account), port=link.port)


def temporary_files(account: Account) -> list[str]:
    return [path.name for path in (account.home / ".ssh").iterdir() if ".hl." in path.name]


async def until(claim: Callable[[], bool], timeout_s: float = 10.0) -> None:
    end = time.monotonic() + timeout_s
    for _ in iter(claim, True):
        if time.monotonic() > end:
            return
        await asyncio.sleep(0.03)


async def until_gone(account: Account) -> list[str]:
    """What is left of temporary files once the server has noticed that the link is gone."""
    await until(lambda: not temporary_files(account))
    return temporary_files(account)


async def test_a_link_that_is_cut_half_way_leaves_the_file_as_it_was(
    server: Sshd, account: Account, key: PublicKey, tmp_path: Path
) -> None:
    account.write(".ssh/authorized_keys", BIG)
    with running(Link(server.port, cut_after_bytes=BEFORE_THE_WRITE + len(BIG) // 2)) as link:
        source, node = through(link, server, account, tmp_path)
        with pytest.raises((SourceUnreachable, SourceGarbled)):
            await source.add_key(node, key)
        assert link.connections == 2  # it looked again, and was cut again
    assert await until_gone(account) == []
    assert account.keys_file.read_bytes() == BIG
    assert (await server.source().add_key(server.node(account), key)).changed


async def test_a_link_that_is_cut_once_is_looked_at_again_and_the_key_is_there(
    server: Sshd, account: Account, key: PublicKey, tmp_path: Path
) -> None:
    account.write(".ssh/authorized_keys", BIG)
    limit = BEFORE_THE_WRITE + len(BIG) // 2
    with running(Link(server.port, cut_after_bytes=limit, most_connections_cut=1)) as link:
        source, node = through(link, server, account, tmp_path)
        write = await source.add_key(node, key)
    assert write.changed
    assert account.keys_file.read_bytes() == BIG + f"{key_text(key.blob)} mine@test\n".encode()
    assert await until_gone(account) == []


async def test_a_link_that_is_cut_and_then_leads_to_another_server_leaves_it_open_what_was_written(
    server: Sshd, account: Account, key: PublicKey, tmp_path: Path
) -> None:
    """Nothing is sent to that one; but "nothing was sent" would be a lie, and would cost the bytes of before."""
    account.write(".ssh/authorized_keys", BIG)
    another = key_text(make_key(tmp_path, "another").blob)
    with running(Link(server.port, cut_after_bytes=BEFORE_THE_WRITE + len(BIG) // 2, most_connections_cut=1)) as link:
        source, node = through(link, server, account, tmp_path)

        def meanwhile(_write: KeyWrite) -> None:
            (tmp_path / "link_known_hosts").write_text(f"[127.0.0.1]:{link.port} {another}\n")

        with pytest.raises(
            SourceUnreachable, match=r"it may have been written; then: .*THE HOST KEY .* is not the one"
        ):
            await source.add_key(node, key, before_write=meanwhile)
    assert account.keys_file.read_bytes() == BIG


async def test_an_answer_that_never_came_back_is_no_second_line_and_no_lie(
    server: Sshd, account: Account, key: PublicKey, tmp_path: Path
) -> None:
    account.write(".ssh/authorized_keys", BIG)
    limit = BEFORE_THE_WRITE + len(BIG) // 2
    with running(Link(server.port, mute_answers_after_bytes=limit, most_connections_cut=1)) as link:
        source, node = through(link, server, account, tmp_path)
        write = await source.add_key(node, key)
    assert write.changed
    assert "was read again" in write.detail
    assert write.before == BIG
    assert account.keys_file.read_bytes() == write.after == BIG + f"{key_text(key.blob)} mine@test\n".encode()


@pytest.mark.parametrize("after_bytes", [0, 40, 2_000, 3_500, BEFORE_THE_WRITE])
async def test_a_peer_that_freezes_is_given_up_in_time_at_every_stage(
    server: Sshd, account: Account, key: PublicKey, tmp_path: Path, after_bytes: int
) -> None:
    account.write(".ssh/authorized_keys", BIG)
    with running(Link(server.port, freeze_after_bytes=after_bytes)) as link:
        source, node = through(link, server, account, tmp_path, connect_timeout_s=1.0, command_timeout_s=1.5)
        started = time.monotonic()
        with pytest.raises(SourceTimeout, match=r"^nuc01: "):
            await source.add_key(node, key)
        assert time.monotonic() - started < 8.0
    assert account.keys_file.read_bytes() == BIG


async def test_a_server_that_is_stopped_after_its_greeting_is_given_up_in_time(
    account: Account, key: PublicKey, tmp_path: Path
) -> None:
    with running_sshd() as stopped:
        stopped.authorize_admin(account)
        source = SshSource(
            replace(stopped.config(), connect_timeout_s=0.5, auth_timeout_s=1.0), KeysConfig(agent=False)
        )
        assert stopped.process is not None
        os.kill(stopped.process.pid, signal.SIGSTOP)
        try:
            assert await source.answers(stopped.node(account)) is True  # the kernel answers for it
            with pytest.raises(SourceTimeout, match=r"no SSH greeting within 0\.5 s"):
                await source.host_key(stopped.node(account))
        finally:
            os.kill(stopped.process.pid, signal.SIGCONT)


def take_the_only_place(server: Sshd) -> socket.socket:
    """A connection that does not log in. Others, the fixture's own among them, may have to go first."""
    for _ in range(200):
        idle = socket.create_connection(("127.0.0.1", server.port))
        if idle.recv(4) == b"SSH-":
            return idle
        idle.close()
        time.sleep(0.02)
    raise AssertionError("the server never had a free place")


async def test_a_server_that_is_too_busy_is_tried_three_times_and_named(account: Account) -> None:
    with running_sshd("MaxStartups 1:100:1") as busy:
        source = busy.source()
        with contextlib.closing(take_the_only_place(busy)):
            logged = len(busy.log())
            with pytest.raises(SourceUnreachable, match=r"hung up before its greeting.*too many logins at once"):
                await source.host_key(busy.node(account))
            assert "MaxStartups" in busy.log()[logged:]
        assert (await until_free(source, busy.node(account))) == "trusted"


async def until_free(source: SshSource, node: Node) -> str:
    end = time.monotonic() + 5
    while time.monotonic() < end:
        with contextlib.suppress(SourceError):
            return (await source.host_key(node)).state.value
        await asyncio.sleep(0.05)
    return "never"


async def test_a_place_that_becomes_free_in_between_is_taken(account: Account) -> None:
    with running_sshd("MaxStartups 1:100:1") as busy:
        idle = take_the_only_place(busy)
        asyncio.get_running_loop().call_later(0.1, idle.close)
        assert (await busy.source().host_key(busy.node(account))).state.value == "trusted"


async def test_thirty_nodes_that_are_one_server_are_read_without_a_drop() -> None:
    with running_sshd("MaxStartups 3:100:3") as small, throw_away_account(small) as account:
        source = small.source()
        nodes = [replace(small.node(account), name=f"n{number}") for number in range(30)]
        accounts = await asyncio.gather(*(source.read_account(node) for node in nodes))
        assert {each.account for each in accounts} == {account.user}
        assert "drop" not in small.log()


async def test_one_session_at_a_time_is_enough(key: PublicKey) -> None:
    with running_sshd("MaxSessions 1") as narrow, throw_away_account(narrow) as account:
        source = narrow.source()
        assert (await source.add_key(narrow.node(account), key)).changed
        assert (await source.prove(narrow.node(account), key)).proven


async def test_nothing_stays_open_behind_failures(server: Sshd, account: Account, tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    with running(Link(server.port, cut_after_bytes=2_000)) as link:
        source, node = through(link, server, account, tmp_path)
        for _ in range(12):
            with pytest.raises(SourceError):
                await source.read_account(node)
        at_most = 2 * link.connections + 4  # the link's own two ends live in this process too
        assert len(os.listdir("/proc/self/fd")) <= before + at_most
        await source.close()
    await until(lambda: len(os.listdir("/proc/self/fd")) <= before + 2)
    assert len(os.listdir("/proc/self/fd")) <= before + 2
