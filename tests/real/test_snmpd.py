"""SnmpSwitch against Debian's snmpd, with a pass_persist program behind POWER-ETHERNET-MIB."""

import asyncio
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from homelab_tui.config.model import SecretRef, SwitchConfig
from homelab_tui.domain.errors import SourceMissing, SourceRefused, SourceTimeout
from homelab_tui.domain.poe import Detection, PortRef, SwitchReading, budget_mw, drawn_mw
from homelab_tui.domain.values import replace
from homelab_tui.sources.snmp import SnmpSwitch
from tests.labs import until
from tests.servers import require_binary

POE = "1.3.6.1.2.1.105"
WATTS = "1.3.6.1.4.1.4526.10.15.1.1.1.2.1"
V3 = {"version": "3", "username": "poe", "auth_protocol": "SHA", "priv_protocol": "AES"}
KEYS = {"auth_key": SecretRef(inline="authpass1"), "priv_key": SecretRef(inline="privpass1")}

CONFIGURATION = """
agentAddress udp:127.0.0.1:{port}
rocommunity reader 127.0.0.1
rwcommunity writer 127.0.0.1
createUser poe SHA authpass1 AES privpass1
createUser strong SHA-256 authpass2 AES privpass2
createUser old MD5 authpass3 DES privpass3
rwuser poe priv
rouser strong priv
rouser old priv
sysObjectID .1.3.6.1.4.1.4526.100.4.22
sysDescr GS728TPP 24-Port Gigabit PoE+
pass_persist .{poe} {passpoe}
override .1.3.6.1.2.1.31.1.1.1.1.1 octet_str "g1"
override .1.3.6.1.2.1.31.1.1.1.18.1 octet_str "rpi01"
"""


@dataclass(frozen=True, slots=True)
class Snmpd:
    """A running agent."""

    port: int
    process: subprocess.Popen[bytes]
    state: Path

    def config(self, **changes: Any) -> SwitchConfig:
        reader = SecretRef(inline="reader")
        base = SwitchConfig(name="sw1", host="127.0.0.1", port=self.port, community=reader)
        return replace(base, **changes)

    def ask(self, tool: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """net-snmp's own tool; its state stays out of /var/lib/snmp."""
        return subprocess.run(
            [str(require_binary(tool)), "-v2c", "-c", "reader", "-On", "-t", "2", "-r", "1", *arguments],
            env={**os.environ, "MIBS": "", "SNMP_PERSISTENT_DIR": str(self.state)},
            capture_output=True,
            text=True,
            timeout=30,
        )

    def walk(self, root: str) -> dict[str, int]:
        """The numbers of a subtree, as snmpbulkwalk prints them."""
        done = self.ask("snmpbulkwalk", f"127.0.0.1:{self.port}", root)
        assert done.returncode == 0, done.stderr
        return {oid: int(value) for oid, value in re.findall(r"^\.(\S+) = \w+: (-?\d+)$", done.stdout, re.MULTILINE)}


def free_udp_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running_snmpd(folder: Path, *options: str, ports: int = 8) -> Iterator[Snmpd]:
    program = require_binary("snmpd")
    state, port = folder / "state", free_udp_port()
    state.mkdir()
    # snmpd splits its line at blanks and knows no quotes: a checkout in a path with spaces is reached by links.
    python, program_of_mib = folder / "python", folder / "passpoe.py"
    python.symlink_to(Path(sys.executable).resolve())
    program_of_mib.symlink_to(Path(__file__).with_name("passpoe.py"))
    passpoe = shlex.join([str(python), "-u", str(program_of_mib), str(ports), *options])
    watts = "".join(f"override .{WATTS}.{number} uinteger {1000 * number + 600}\n" for number in range(1, 5))
    conf = folder / "snmpd.conf"
    conf.write_text(CONFIGURATION.format(port=port, poe=POE, passpoe=passpoe) + watts)
    process = subprocess.Popen(
        [str(program), "-f", "-Lf", str(folder / "log"), "-C", "-c", str(conf), "-p", str(folder / "pid")],
        env={**os.environ, "SNMP_PERSISTENT_DIR": str(state), "MIBS": ""},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        agent = Snmpd(port, process, state)
        for _ in range(40):
            assert process.poll() is None, (folder / "log").read_text()
            if agent.ask("snmpget", f"127.0.0.1:{port}", f"{POE}.1.3.1.1.2.1").returncode == 0:
                break
        else:
            raise AssertionError((folder / "log").read_text())
        yield agent
    finally:
        process.send_signal(signal.SIGCONT)
        process.terminate()
        process.wait(10)


@pytest.fixture(scope="module")
def shared_agent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Snmpd]:
    """For tests that only read."""
    with running_snmpd(tmp_path_factory.mktemp("snmpd")) as running:
        yield running


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Snmpd]:
    with running_snmpd(tmp_path, "never=3", "locked=4") as running:
        yield running


async def read(config: SwitchConfig) -> SwitchReading:
    switch = SnmpSwitch(config)
    try:
        return await switch.read()
    finally:
        await switch.close()


async def set_admin(config: SwitchConfig, port: int, *, on: bool) -> None:
    switch = SnmpSwitch(config)
    try:
        await switch.set_admin(PortRef("sw1", 1, port), on=on)
    finally:
        await switch.close()


async def test_a_read_gives_the_numbers_that_snmpbulkwalk_gives(shared_agent: Snmpd) -> None:
    reading = await read(shared_agent.config())
    walked = shared_agent.walk(POE) | shared_agent.walk(WATTS)
    column = {number: f"{POE}.1.1.1.{number}.1" for number in (3, 6, 8, 10, 12, 13, 14)}
    assert len(reading.ports) == 8
    for port in reading.ports:
        number = port.ref.port
        assert port.admin_on == (walked[f"{column[3]}.{number}"] == 1)
        assert port.detection is list(Detection)[walked[f"{column[6]}.{number}"] - 1]
        told_class = walked[f"{column[10]}.{number}"] - 1
        assert port.power_class == (told_class if port.delivers_power else None)
        assert port.mps_absent_count == walked[f"{column[8]}.{number}"]
        assert port.denied_count == walked[f"{column[12]}.{number}"]
        assert port.overload_count == walked[f"{column[13]}.{number}"]
        assert port.short_count == walked[f"{column[14]}.{number}"]
        assert port.power_mw == walked.get(f"{WATTS}.{number}")
    assert budget_mw(reading) == walked[f"{POE}.1.3.1.1.2.1"] * 1000
    assert drawn_mw(reading) == walked[f"{POE}.1.3.1.1.4.1"] * 1000
    assert reading.groups[0].threshold_percent == walked[f"{POE}.1.3.1.1.5.1"]
    assert reading.model == "GS728TPP 24-Port Gigabit PoE+"


async def test_a_second_read_over_the_same_sockets_gives_the_same(shared_agent: Snmpd) -> None:
    switch = SnmpSwitch(shared_agent.config())
    assert await switch.read() == await switch.read()
    await switch.close()


@pytest.mark.parametrize(
    "changes",
    [
        V3 | KEYS,
        {**V3, "username": "strong", "auth_protocol": "SHA256", "auth_key": SecretRef(inline="authpass2")}
        | {"priv_key": SecretRef(inline="privpass2")},
        {**V3, "username": "old", "auth_protocol": "MD5", "auth_key": SecretRef(inline="authpass3")}
        | {"priv_protocol": "DES", "priv_key": SecretRef(inline="privpass3")},
    ],
)
async def test_a_read_with_authentication_and_encryption(shared_agent: Snmpd, changes: dict[str, Any]) -> None:
    reading = await read(shared_agent.config(community=None, **changes))
    assert [port.power_mw for port in reading.ports[:4]] == [1600, 2600, 3600, 4600]
    assert [port.detection for port in reading.ports[:4]] == [Detection.DELIVERING] * 4


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"username": "nobody"}, "does not know this user"),
        ({"auth_key": SecretRef(inline="wrongpass1")}, "refused the authentication"),
        ({"auth_protocol": "MD5"}, "refused the authentication"),
        ({"auth_key": None, "priv_key": None}, "auth_key"),
        ({"auth_protocol": "SHA3"}, "not one of MD5, SHA"),
        ({"priv_protocol": "ROT13"}, "not one of DES, AES"),
        ({"username": None}, "needs a username"),
        ({"auth_key": SecretRef(inline="short")}, "auth_key is too short"),
        ({"priv_key": None}, "auth_key, priv_key"),
        ({"priv_key": SecretRef(inline="otherpass1")}, "check priv_key"),
        ({"priv_protocol": "DES"}, "check priv_key"),
    ],
)
async def test_wrong_credentials_of_version_3_are_told_apart(
    shared_agent: Snmpd, changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(SourceRefused, match=words) as caught:
        await read(shared_agent.config(**{"community": None, "timeout_s": 0.5, **V3, **KEYS, **changes}))
    assert not re.search("authpass|privpass|otherpass|short$", str(caught.value))


async def test_a_wrong_community_and_a_closed_port_look_the_same(shared_agent: Snmpd) -> None:
    for changes in ({"community": SecretRef(inline="guessed")}, {"port": free_udp_port()}):
        with pytest.raises(SourceTimeout, match="wrong community, wrong address or SNMP off") as caught:
            await read(shared_agent.config(timeout_s=0.3, retries=0, **changes))
        assert "guessed" not in str(caught.value)


async def test_a_silent_agent_is_a_timeout_and_is_read_again_when_it_wakes(agent: Snmpd) -> None:
    switch = SnmpSwitch(agent.config(timeout_s=0.5))
    assert len((await switch.read()).ports) == 8
    agent.process.send_signal(signal.SIGSTOP)
    started = asyncio.get_running_loop().time()
    with pytest.raises(SourceTimeout, match="no answer"):
        await switch.read()
    assert asyncio.get_running_loop().time() - started < 4
    agent.process.send_signal(signal.SIGCONT)
    assert len((await switch.read()).ports) == 8
    await switch.close()


async def test_a_slow_agent_is_read_whole(tmp_path: Path) -> None:
    """Twenty rows take it 1.2 s, five 0.3 s."""
    with running_snmpd(tmp_path, "slow=60") as slow:
        reading = await read(slow.config(timeout_s=0.7, retries=1))
        walked = slow.walk(f"{POE}.1.1.1.6")
    assert [port.power_mw for port in reading.ports[:4]] == [1600, 2600, 3600, 4600]
    assert {port.ref.port: list(Detection).index(port.detection) + 1 for port in reading.ports if port.detection} == {
        int(oid.rpartition(".")[2]): value for oid, value in walked.items()
    }


@pytest.mark.parametrize("credential", ["community", "user"])
async def test_a_port_goes_off_and_comes_back_through_searching(agent: Snmpd, credential: str) -> None:
    changes: dict[str, Any] = {"write_community": SecretRef(inline="writer")}
    if credential == "user":
        changes = {"community": None, **V3, **KEYS}
    switch = SnmpSwitch(agent.config(**changes))

    async def state() -> tuple[bool | None, Detection | None]:
        port = (await switch.read()).ports[1]
        return port.admin_on, port.detection

    assert await state() == (True, Detection.DELIVERING)
    before = drawn_mw(await switch.read())
    await switch.set_admin(PortRef("sw1", 1, 2), on=False)
    assert await state() == (False, Detection.DISABLED)
    reading = await switch.read()
    assert before is not None
    assert drawn_mw(reading) == before - 5000
    assert reading.ports[1].mps_absent_count == 1
    await switch.set_admin(PortRef("sw1", 1, 2), on=True)
    seen = []

    async def delivers() -> bool:
        seen.append(await state())
        return seen[-1] == (True, Detection.DELIVERING)

    await until(delivers)
    assert {admin for admin, _ in seen} == {True}
    assert {detection for _, detection in seen} <= {Detection.SEARCHING, Detection.DELIVERING}
    await switch.close()


async def test_a_port_that_is_denied_power_after_on_says_so(agent: Snmpd) -> None:
    config = agent.config(write_community=SecretRef(inline="writer"))
    await set_admin(config, 3, on=False)
    await set_admin(config, 3, on=True)
    port = (await read(config)).ports[2]
    assert (port.admin_on, port.detection, port.denied_count) == (True, Detection.FAULT, 1)


async def test_a_read_only_community_may_not_switch(agent: Snmpd) -> None:
    config = agent.config(write_community=SecretRef(inline="reader"))
    with pytest.raises(SourceRefused, match=r"noAccess.*write_community write access"):
        await set_admin(config, 2, on=False)
    assert (await read(config)).ports[1].admin_on is True


async def test_a_port_that_refuses_the_value_is_left_as_it_is(agent: Snmpd) -> None:
    config = agent.config(write_community=SecretRef(inline="writer"))
    with pytest.raises(SourceRefused, match=r"refused the value \(wrongValue\)"):
        await set_admin(config, 4, on=False)
    assert (await read(config)).ports[3].admin_on is True


async def test_a_port_that_is_not_there_is_missing(agent: Snmpd) -> None:
    with pytest.raises(SourceMissing, match="sw1/99"):
        await set_admin(agent.config(write_community=SecretRef(inline="writer")), 99, on=False)


async def test_the_write_community_is_read_for_the_action_only(agent: Snmpd, tmp_path: Path) -> None:
    secret = tmp_path / "write-community"
    switch = SnmpSwitch(agent.config(write_community=SecretRef(file=secret)))
    assert len((await switch.read()).ports) == 8
    secret.write_text("writer\n")
    await switch.set_admin(PortRef("sw1", 1, 1), on=False)
    secret.write_text("reader\n")
    with pytest.raises(SourceRefused, match="noAccess"):
        await switch.set_admin(PortRef("sw1", 1, 1), on=True)
    await switch.close()


async def test_a_big_switch_is_read_whole(tmp_path: Path) -> None:
    with running_snmpd(tmp_path, ports=48) as big:
        reading = await read(big.config())
        walked = big.walk(f"{POE}.1.1.1.6")
    assert [port.ref.port for port in reading.ports] == list(range(1, 49))
    assert len(walked) == 48
