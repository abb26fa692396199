"""The SSH source against the demo lab, fault by fault: each is a domain error with a sentence, in time."""

import asyncio
import contextlib
import socket
import time
import tomllib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from homelab_tui.config.model import KeysConfig, SshConfig
from homelab_tui.demo.lab import DemoLab
from homelab_tui.domain.errors import (
    CredentialsNeeded,
    HostKeyChanged,
    HostKeyUnknown,
    SourceError,
    SourceGarbled,
    SourceRefused,
    SourceTimeout,
    SourceUnreachable,
)
from homelab_tui.domain.keys import HostKeyState, PublicKey
from homelab_tui.domain.nodes import Node
from homelab_tui.domain.secrets import Secret
from homelab_tui.domain.values import replace
from homelab_tui.sources.key_files import read_public_key
from homelab_tui.sources.ssh import SshSource
from tests.labs import start_lab

Act = Callable[[SshSource, Node, PublicKey], Awaitable[object]]

ACTS: dict[str, Act] = {
    "probe": lambda source, node, _: source.probe(node),
    "read_account": lambda source, node, _: source.read_account(node),
    "add_key": lambda source, node, key: source.add_key(node, key),
    "prove": lambda source, node, key: source.prove(node, key),
}


@pytest.fixture
async def lab() -> AsyncIterator[DemoLab]:
    async with start_lab(nodes=8, tls=False, snmp=False) as running:
        yield running


@pytest.fixture
def nodes(lab: DemoLab, tmp_path: Path) -> dict[str, Node]:
    text = lab.write_config(tmp_path / "config.toml").read_text()
    tables = tomllib.loads(text)["nodes"]
    return {t["name"]: Node(name=t["name"], host=t["host"], user=t["user"], port=t["port"]) for t in tables}


@pytest.fixture
def source(lab: DemoLab) -> SshSource:
    return make_source(lab)


@pytest.fixture
def laptop(lab: DemoLab) -> PublicKey:
    return read_public_key(lab.home / ".ssh" / "id_laptop.pub")


def make_source(lab: DemoLab, **limits: float) -> SshSource:
    ssh = lab.home / ".ssh"
    config = SshConfig(config=ssh / "config", known_hosts=ssh / "known_hosts")
    short = {"connect_timeout_s": 1.0, "auth_timeout_s": 3.0, "command_timeout_s": 3.0, **limits}
    return SshSource(
        replace(config, **short),  # type: ignore[arg-type]
        KeysConfig(paths=(ssh / "id_ed25519.pub", ssh / "id_laptop.pub"), agent=False),
    )


async def test_every_node_answers_is_probed_and_shows_its_keys(
    lab: DemoLab, nodes: dict[str, Node], laptop: PublicKey
) -> None:
    source = make_source(lab, connect_timeout_s=3.0, auth_timeout_s=8.0, command_timeout_s=20.0)
    for name, node in nodes.items():
        assert await source.answers(node)
        assert (await source.host_key(node)).state is HostKeyState.TRUSTED
        facts = await source.probe(node)
        assert (facts.hostname, facts.kind) == (name, "nuc" if name.startswith("nuc") else "raspberry-pi")
        assert facts.clock_skew_s is not None
        assert abs(facts.clock_skew_s) < 5
        account = await source.read_account(node)
        assert account.account == node.user
        assert account.password_login == (name in lab.passwords)
        has_laptop = any(cell.fingerprint == laptop.fingerprint for cell in account.cells)
        assert has_laptop == (len(lab.authorized[name]) == 2)


FAULTS: dict[str, type[SourceError]] = {
    "refuse": SourceUnreachable,
    "hang": SourceTimeout,
    "slow": SourceTimeout,
    "reset": SourceError,
    "garbage": SourceGarbled,
    "401": CredentialsNeeded,
    "partial": SourceGarbled,
    "wrong-host-key": HostKeyChanged,
}


@pytest.mark.parametrize("act", ["probe", "read_account", "add_key"])
@pytest.mark.parametrize("fault", FAULTS)
async def test_a_fault_becomes_its_error_in_time(
    lab: DemoLab, nodes: dict[str, Node], source: SshSource, laptop: PublicKey, fault: str, act: str
) -> None:
    lab.faults.set("ssh", "rpi03", fault)
    started = time.monotonic()
    with pytest.raises(FAULTS[fault]) as caught:
        await ACTS[act](source, nodes["rpi03"], laptop)
    assert time.monotonic() - started < 6.0
    assert str(caught.value).startswith("rpi03: ")
    assert str(caught.value).isprintable()
    lab.faults.set("ssh", "rpi03", None)
    patient = make_source(lab, connect_timeout_s=30.0, auth_timeout_s=30.0, command_timeout_s=30.0)
    assert (await patient.read_account(nodes["rpi03"])).account == nodes["rpi03"].user


@pytest.mark.parametrize("fault", ["refuse", "hang", "garbage", "wrong-host-key"])
async def test_one_sick_node_delays_no_other(lab: DemoLab, nodes: dict[str, Node], fault: str) -> None:
    source = make_source(lab, connect_timeout_s=20.0, command_timeout_s=20.0)
    lab.faults.set("ssh", "rpi03", fault)
    sick = asyncio.create_task(source.probe(nodes["rpi03"]))
    await asyncio.gather(*(source.probe(node) for name, node in nodes.items() if name != "rpi03"))
    if fault == "hang":
        assert not sick.done()
        sick.cancel()
    with pytest.raises((SourceError, asyncio.CancelledError)):
        await sick


async def test_a_refused_port_answers_no_and_a_silent_server_answers_yes(
    lab: DemoLab, nodes: dict[str, Node], source: SshSource
) -> None:
    lab.faults.set("ssh", "rpi03", "refuse")
    assert await source.answers(nodes["rpi03"]) is False
    lab.faults.set("ssh", "rpi03", "hang")
    assert await source.answers(nodes["rpi03"]) is True


async def test_a_port_that_drops_every_packet_is_a_time_out_that_names_node_and_port(source: SshSource) -> None:
    with contextlib.ExitStack() as opened:
        deaf = opened.enter_context(socket.socket())
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        for _ in range(4):  # its queue is full after the first: the kernel drops what comes then
            waiting = opened.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(deaf.getsockname())
        port = deaf.getsockname()[1]
        with pytest.raises(SourceTimeout, match=rf"^ghost: no answer within 1 s \(port {port}\)$"):
            await source.answers(Node(name="ghost", host="127.0.0.1", user="me", port=port))


async def test_a_name_that_nobody_knows_is_no_plain_no(source: SshSource) -> None:
    with pytest.raises(SourceUnreachable, match=r"ghost: the name no-such-host\.invalid is not found"):
        await source.answers(Node(name="ghost", host="no-such-host.invalid", user="me"))


async def test_an_unknown_host_key_stops_everything_before_a_password_is_sent(
    lab: DemoLab, nodes: dict[str, Node], source: SshSource, laptop: PublicKey
) -> None:
    (lab.home / ".ssh" / "known_hosts").write_text("")
    node = nodes["nuc03"]
    shown = await source.host_key(node)
    assert (shown.state, shown.host) == (HostKeyState.UNKNOWN, f"[{node.host}]:{node.port}")
    for act in ACTS.values():
        with pytest.raises(HostKeyUnknown) as caught:
            await act(source, node, laptop)
        assert caught.value.shown.fingerprint == shown.fingerprint
    with pytest.raises(HostKeyUnknown):
        await source.add_key(node, laptop, password=Secret(lab.passwords["nuc03"]))
    trusted = await source.trust(node, shown.fingerprint)
    assert trusted.state is HostKeyState.TRUSTED
    assert (await source.read_account(node)).account == node.user


async def test_a_full_disk_leaves_the_file_as_it_was(
    lab: DemoLab, nodes: dict[str, Node], source: SshSource, laptop: PublicKey
) -> None:
    name = next(name for name in nodes if len(lab.authorized[name]) == 1)
    before = (await source.read_account(nodes[name])).file_sha256
    lab.faults.set("ssh", name, "disk-full")
    with pytest.raises(SourceRefused, match=r"(the old one|the file) is as it was"):
        await source.add_key(nodes[name], laptop)
    lab.faults.set("ssh", name, None)
    assert (await source.read_account(nodes[name])).file_sha256 == before
    assert (await source.add_key(nodes[name], laptop)).changed


async def test_a_password_opens_an_account_that_has_none_of_our_keys(
    lab: DemoLab, nodes: dict[str, Node], laptop: PublicKey, tmp_path: Path
) -> None:
    name = next(name for name in lab.passwords if len(lab.authorized[name]) == 1)
    node = nodes[name]
    nothing = tmp_path / "ssh_config"
    nothing.write_text("Host *\n  IdentityFile none\n")
    config = SshConfig(config=nothing, known_hosts=lab.home / ".ssh" / "known_hosts")
    only_laptop = KeysConfig(paths=(lab.home / ".ssh" / "id_laptop.pub",), agent=False)
    source = SshSource(config, only_laptop)
    with pytest.raises(CredentialsNeeded, match="it would take a password") as caught:
        await source.add_key(node, laptop)
    assert caught.value.password_possible
    with pytest.raises(CredentialsNeeded, match="was refused") as caught:
        await source.add_key(node, laptop, password=Secret("wrong"))
    assert "wrong" not in str(caught.value)
    write = await source.add_key(node, laptop, password=Secret(lab.passwords[name]))
    assert write.changed
    assert (await source.prove(node, laptop)).proven


async def test_work_that_is_cancelled_is_over_at_once_and_the_node_is_free_again(
    lab: DemoLab, nodes: dict[str, Node]
) -> None:
    source = make_source(lab, connect_timeout_s=30.0)
    lab.faults.set("ssh", "rpi03", "hang")
    waiting = asyncio.create_task(source.probe(nodes["rpi03"]))
    await asyncio.sleep(0.1)
    started = time.monotonic()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert time.monotonic() - started < 0.2
    lab.faults.set("ssh", "rpi03", None)
    assert (await source.probe(nodes["rpi03"])).hostname == "rpi03"


async def test_closing_the_source_ends_whoever_waits(lab: DemoLab, nodes: dict[str, Node]) -> None:
    source = make_source(lab, connect_timeout_s=30.0)
    lab.faults.set("ssh", "*", "hang")
    waiting = [asyncio.create_task(source.probe(node)) for node in nodes.values()]
    await asyncio.sleep(0.1)
    started = time.monotonic()
    await source.close()
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert time.monotonic() - started < 0.5
    assert all(isinstance(result, SourceUnreachable) for result in results), results
