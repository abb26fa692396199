"""How connections pass through a node of the lab to its neighbours, and where they do not."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import paramiko
import pytest

from tests.wire.ssh_lab import NUC, PI, SshLab, ssh_lab


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[SshLab]:
    async with ssh_lab(tmp_path) as running:
        yield running


def _through(lab: SshLab, bastion: str, target: tuple[str, int]) -> str:
    """Host name that answers behind a bastion."""
    with lab.connected(bastion) as client:
        transport = client.get_transport()
        assert transport is not None
        channel = transport.open_channel("direct-tcpip", target, ("127.0.0.1", 0), timeout=5)
        with lab.connected(PI, sock=channel) as inner:
            _stdin, stdout, _stderr = inner.exec_command("uname -n", timeout=5)
            return stdout.read().decode().strip()


async def test_a_node_passes_connections_on_to_its_neighbours(lab: SshLab) -> None:
    by_name = await asyncio.to_thread(_through, lab, NUC, (PI, 22))
    by_address = await asyncio.to_thread(_through, lab, NUC, ("192.168.10.131", 22))
    by_port = await asyncio.to_thread(_through, lab, NUC, ("127.0.0.1", lab.ports[PI]))
    assert by_name == by_address == by_port == PI


async def test_openssh_jumps_through_a_node(lab: SshLab) -> None:
    command = (
        f"ssh -F none -i {lab.key_path} -o BatchMode=yes -o IdentityAgent=none -o UserKnownHostsFile={lab.known_hosts}"
        f" -W {PI}:22 -p {lab.ports[NUC]} kkato@127.0.0.1"
    )
    outcome = await lab.ssh(PI, "uname -n", options=("-o", f"ProxyCommand={command}"))
    assert outcome.text == PI


async def test_nothing_outside_the_lab_can_be_reached_and_restrict_forbids_all(lab: SshLab) -> None:
    for target in (("example.org", 22), ("127.0.0.1", 22), (PI, 80)):
        with pytest.raises(paramiko.ChannelException) as refused:
            await asyncio.to_thread(_through, lab, NUC, target)
        assert refused.value.code == 2
    lab.authorize(NUC, f"restrict {lab.public_line}\n")
    with pytest.raises(paramiko.ChannelException) as refused:
        await asyncio.to_thread(_through, lab, NUC, (PI, 22))
    assert refused.value.code == 1
    lab.authorize(NUC, f'permitopen="{PI}:22" {lab.public_line}\n')
    assert await asyncio.to_thread(_through, lab, NUC, (PI, 22)) == PI
    with pytest.raises(paramiko.ChannelException):
        await asyncio.to_thread(_through, lab, NUC, ("192.168.10.131", 22))


async def test_what_refuses_a_forwarding_is_said_as_sshd_says_it(lab: SshLab) -> None:
    for target, words in {
        "127.0.0.1:1": "Connection refused",
        "192.168.99.99:22": "No route to host",
        "example.org:22": "Name or service not known",
    }.items():
        heard = await lab.ssh(NUC, options=("-W", target, "-o", "LogLevel=INFO"))
        assert f"connect failed: {words}" in heard.err.decode()
    lab.authorize(NUC, f"restrict {lab.public_line}\n")
    heard = await lab.ssh(NUC, options=("-W", f"{PI}:22", "-o", "LogLevel=INFO"))
    assert "administratively prohibited: open failed" in heard.err.decode()


async def test_sftp_reads_and_writes_in_the_home_of_the_node(lab: SshLab) -> None:
    def put_and_get() -> tuple[str, list[str], bytes]:
        with lab.connected(NUC) as client, client.open_sftp() as sftp:
            with sftp.open("note.txt", "w") as file:
                file.write("by sftp")
            sftp.rename("note.txt", "renamed.txt")
            with sftp.open("renamed.txt") as file:
                return sftp.normalize("."), sftp.listdir("."), file.read()

    where, names, text = await asyncio.to_thread(put_and_get)
    assert where == str(lab.home(NUC))
    assert "renamed.txt" in names
    assert (text, (lab.home(NUC) / "renamed.txt").read_text()) == (b"by sftp", "by sftp")
    assert b"subsystem request failed" in (await lab.ssh(NUC, "netconf", options=("-s",))).err
