"""What a reading remembers for the next visit to the node: fewer questions, and the same answers."""

import subprocess
from pathlib import Path

import pytest

from homelab_tui.domain.keys import PublicKey
from homelab_tui.domain.nodes import Node
from homelab_tui.sources.ssh import SshSource
from tests.keygen import key_text
from tests.labs import until
from tests.real.administered_sshd import AdministeredSshd, administered
from tests.real.sshd import Account, Sshd, make_key, needs_root
from tests.real.stepping import Steps, walk_in_steps
from tests.servers import require_binary

pytestmark = needs_root
READING, WRITING = "date", "mv"
"""Programs that a reading, and a write, starts once each."""


@pytest.fixture
def steps(server: Sshd, account: Account) -> Steps:
    made = Steps(server.base / f"steps-{account.user}", (READING, WRITING), ("proof-begins", "exec-seen"))
    walk_in_steps(account, made)
    return made


def keep_groups_apart(server: AdministeredSshd) -> None:
    """Other tests make users all the time: the node's /etc/group must not change with the machine's."""
    assert server.process is not None
    own = server.base / "group"
    script = f"cp -p /etc/group {own} && mount --bind {own} /etc/group"
    command = [str(require_binary("nsenter")), "-m", "-t", str(server.process.pid), "sh", "-c", script]
    subprocess.run(command, check=True)


def taken(steps: Steps) -> list[str]:
    return [line.split(" ")[0] for line in steps.taken() if line.split(" ")[0] in (READING, WRITING)]


async def test_sudo_is_asked_again_only_when_what_decides_about_it_has_changed() -> None:
    with administered() as (server, account):
        keep_groups_apart(server)
        steps = Steps(server.base / "steps", ("sudo",), ("proof-begins", "exec-seen"))
        walk_in_steps(account, steps)
        source, node = server.source(), server.node(account)

        async def asks() -> tuple[int, bool | None]:
            steps.forget()
            told = (await source.read_account(node)).sudo
            return len([line for line in steps.taken() if line.startswith("sudo -n true")]), told

        assert await asks() == (1, False)
        # Not at once: what was changed within the last two seconds, as /etc/group was for this account, tells nothing.
        await until(lambda: _is_told_without_asking(asks), 30)
        server.let_become_root(account)
        assert await asks() == (1, True)
        await until(lambda: _is_told_without_asking(asks), 30)
        source.forget()
        assert await asks() == (1, True)
        (server.sudoers / f"50-{account.user}").unlink()
        assert (await asks())[1] is False


async def _is_told_without_asking(asks: object) -> bool:
    assert callable(asks)
    asked, _ = await asks()
    return bool(asked == 0)


async def test_a_rule_that_is_gone_is_noticed_though_its_directory_looks_as_before() -> None:
    """Edited in place: neither the directory nor /etc/sudoers changes. A `yes` is tried every time it is used."""
    with administered() as (server, account):
        keep_groups_apart(server)
        source, node = server.source(), server.node(account)
        server.let_become_root(account)
        rule = server.sudoers / f"50-{account.user}"
        await until(lambda: _knows(source, node), 30)
        rule.write_text("# nothing\n")
        assert (await source.read_account(node)).sudo is False


async def _knows(source: SshSource, node: Node) -> bool:
    await source.read_account(node)
    (memory,) = source._sessions._memories.values()
    return memory.known_sudo().startswith("yes ")


async def test_a_push_right_after_a_reading_reads_nothing_a_second_time(
    steps: Steps, server: Sshd, account: Account, key: PublicKey
) -> None:
    account.write(".ssh/authorized_keys", b"# mine\n")
    source, node = server.source(), server.node(account)
    await source.read_account(node)
    write = await source.add_key(node, key)
    assert write.changed
    assert account.keys_file.read_bytes() == write.after == f"# mine\n{key_text(key.blob)} mine@test\n".encode()
    assert taken(steps) == [READING, WRITING]


async def test_what_somebody_else_wrote_since_the_reading_is_kept(
    steps: Steps, server: Sshd, account: Account, key: PublicKey
) -> None:
    account.write(".ssh/authorized_keys", b"# mine\n")
    source, node = server.source(), server.node(account)
    await source.read_account(node)
    account.keys_file.write_bytes(b"# theirs\n")
    write = await source.add_key(node, key)
    assert account.keys_file.read_bytes() == write.after == f"# theirs\n{key_text(key.blob)} mine@test\n".encode()
    assert write.before == b"# theirs\n"
    assert taken(steps) == [READING, READING, WRITING]


async def test_that_a_key_is_there_is_believed_of_no_earlier_reading(
    steps: Steps, server: Sshd, account: Account, key: PublicKey
) -> None:
    account.write(".ssh/authorized_keys", f"{key_text(key.blob)} mine@test\n".encode())
    source, node = server.source(), server.node(account)
    await source.read_account(node)
    account.keys_file.write_bytes(b"")
    assert (await source.add_key(node, key)).changed
    assert key_text(key.blob).encode() in account.keys_file.read_bytes()


async def test_a_reading_is_written_from_once(
    steps: Steps, server: Sshd, account: Account, key: PublicKey, tmp_path: Path
) -> None:
    source, node = server.source(), server.node(account)
    await source.read_account(node)
    assert (await source.add_key(node, key)).changed
    assert (await source.add_key(node, make_key(tmp_path, "second"))).changed
    assert taken(steps) == [READING, WRITING, READING, WRITING]


async def test_a_host_key_that_is_taken_away_or_revoked_counts_at_the_next_connection(
    server: Sshd, account: Account
) -> None:
    hosts = server.known_hosts()
    source, node = server.source(hosts), server.node(account)
    whole = content(hosts)
    states = []
    for text in (whole, f"@revoked {whole}{whole}", "", whole):
        content(hosts, text)
        states.append((await source.host_key(node)).state.value)
    assert states == ["trusted", "revoked", "unknown", "trusted"]


def content(path: Path, text: str | None = None) -> str:
    """What a file holds, from now on `text`."""
    if text is not None:
        path.write_text(text)
    return path.read_text()
