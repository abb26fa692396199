"""The lab's switch beside Debian's snmpd (with a pass_persist program): net-snmp's own tools ask both the same."""

import asyncio
import os
import re
from pathlib import Path

from homelab_tui.demo.faults import Faults
from homelab_tui.demo.snmp import DemoSnmpAgent, V3User
from homelab_tui.demo.world import World
from tests.real.test_snmpd import POE, running_snmpd
from tests.servers import require_binary

ENTRY = f"{POE}.1.1.1"
ADMIN, DETECTION = f"{ENTRY}.3.1", f"{ENTRY}.6.1"
READ, WRITE = ("-v2c", "-c", "reader"), ("-v2c", "-c", "writer")
V3 = ("-v3", "-u", "poe", "-a", "SHA", "-x", "AES")
SECRET = (*V3, "-l", "authPriv", "-A", "authpass1", "-X", "privpass1")
QUESTIONS: dict[str, tuple[str, ...]] = {
    "a port": ("snmpget", *READ, "@", f"{ADMIN}.1"),
    "two ports and a scalar of types": ("snmpget", *READ, "@", f"{ADMIN}.2", f"{DETECTION}.1", f"{ENTRY}.12.1.1"),
    "as version 1": ("snmpget", "-v1", "-c", "reader", "@", f"{ADMIN}.1"),
    "a missing one as version 1": ("snmpget", "-v1", "-c", "reader", "@", f"{ADMIN}.77"),
    "a missing port": ("snmpget", *READ, "@", f"{ADMIN}.77"),
    "the next after a port": ("snmpgetnext", *READ, "@", f"{ADMIN}.1"),
    "the next after a column": ("snmpgetnext", *READ, "@", f"{ENTRY}.3.1.8"),
    "the next after the end": ("snmpgetnext", *READ, "@", "2.9"),
    "two columns in turn": ("snmpbulkget", *READ, "-Cn0", "-Cr3", "@", ADMIN, DETECTION),
    "one once and one in turn": ("snmpbulkget", *READ, "-Cn1", "-Cr2", "@", f"{ENTRY}.4.1", ADMIN),
    "a column": ("snmpwalk", *READ, "@", f"{ENTRY}.3"),
    "a column in bulk": ("snmpbulkwalk", *READ, "-Cr25", "@", f"{ENTRY}.3"),
    "a column that is not there": ("snmpbulkwalk", *READ, "@", f"{ENTRY}.2"),
    "a write by the reader": ("snmpset", *READ, "@", f"{ADMIN}.1", "i", "2"),
    "a wrong value": ("snmpset", *WRITE, "@", f"{ADMIN}.1", "i", "9"),
    "a wrong type": ("snmpset", *WRITE, "@", f"{ADMIN}.1", "s", "2"),
    "a column to be read": ("snmpset", *WRITE, "@", f"{DETECTION}.1", "i", "3"),
    "the second is wrong": ("snmpset", *WRITE, "@", f"{ADMIN}.1", "i", "1", f"{ADMIN}.2", "i", "9"),
    "off": ("snmpset", *WRITE, "@", f"{ADMIN}.2", "i", "2"),
    "what off reads": ("snmpget", *READ, "@", f"{ADMIN}.2", f"{DETECTION}.2", f"{ENTRY}.10.1.2"),
    "off again": ("snmpset", *WRITE, "@", f"{ADMIN}.2", "i", "2"),
    "a wrong community": ("snmpget", "-v2c", "-c", "public", "@", f"{ADMIN}.1"),
    "a v3 user": ("snmpget", *SECRET, "@", f"{ADMIN}.1"),
    "a v3 write": ("snmpset", *SECRET, "@", f"{ADMIN}.3", "i", "2"),
    "a v3 stranger": ("snmpget", *SECRET, "-u", "nobody", "@", f"{ADMIN}.1"),
    "a wrong phrase": ("snmpget", *SECRET, "-A", "another phrase", "@", f"{ADMIN}.1"),
    "without privacy": ("snmpget", *V3, "-l", "authNoPriv", "-A", "authpass1", "@", f"{ADMIN}.1"),
    "without anything": ("snmpget", "-v3", "-u", "poe", "-l", "noAuthNoPriv", "@", f"{ADMIN}.1"),
}
_STRICTER = "the lab's agent refuses in USM what snmpd refuses in VACM: both refuse, in another layer's words"
KNOWN: dict[str, str] = {
    "a column that is not there": "a pass_persist program cannot say noSuchObject",
    "without privacy": _STRICTER,
    "without anything": _STRICTER,
}
"""Question -> why the answers differ."""


async def ask(port: int, state: Path, question: tuple[str, ...]) -> tuple[int, str]:
    """Exit status and all that the tool printed, the port's number taken out."""
    tool, *words = question
    # A wrong community is silence: that one question costs its time-out.
    process = await asyncio.create_subprocess_exec(
        *(str(require_binary(tool)), "-On", "-t", "1", "-r", "0"),
        *(word.replace("@", f"127.0.0.1:{port}") for word in words),
        env={**os.environ, "MIBS": "", "SNMP_PERSISTENT_DIR": str(state)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out, _ = await asyncio.wait_for(process.communicate(), 10)
    return process.returncode or 0, re.sub(rf"127\.0\.0\.1:{port}\b", "AGENT", out.decode())


async def test_net_snmp_s_tools_hear_the_same_from_both(tmp_path: Path) -> None:
    world = World(search_s=30.0)
    world.set_port_admin(8, True)  # as the real agent's ports are
    user = V3User("poe", "authpass1", "privpass1", writes=True)
    agent = DemoSnmpAgent(world, Faults(), "reader", "writer", users=[user])
    (tmp_path / "cert_indexes").mkdir()
    port = await agent.start()
    try:
        left = {name: await ask(port, tmp_path, question) for name, question in QUESTIONS.items()}
    finally:
        await agent.stop()
    with running_snmpd(tmp_path) as real:
        right = {name: await ask(real.port, tmp_path, question) for name, question in QUESTIONS.items()}
    assert [left[name][0] != 0 for name in KNOWN] == [right[name][0] != 0 for name in KNOWN]
    different = {name: (left[name], right[name]) for name in QUESTIONS if left[name] != right[name]}
    shown = [f"{name}\n  lab:   {a}\n  snmpd: {b}" for name, (a, b) in different.items() if name not in KNOWN]
    assert not shown, "\n".join(shown)
