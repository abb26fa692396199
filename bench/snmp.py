"""One reading of a 48-port PoE switch beside a bare pysnmp walk of the same columns."""

import asyncio
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from homelab_tui.config.model import SecretRef, SwitchConfig
from homelab_tui.sources.snmp import SnmpSwitch

PORTS, ROUNDS = 48, 9
PORT_ENTRY = (1, 3, 6, 1, 2, 1, 105, 1, 1, 1)
MAIN_ENTRY = (1, 3, 6, 1, 2, 1, 105, 1, 3, 1, 1)
WATTS = (1, 3, 6, 1, 4, 1, 4526, 10, 15, 1, 1, 1)
IF_ENTRY, IF_X_ENTRY = (1, 3, 6, 1, 2, 1, 2, 2, 1), (1, 3, 6, 1, 2, 1, 31, 1, 1, 1)
COLUMNS = (
    *((*PORT_ENTRY, column) for column in (3, 6, 8, 10, 12, 13, 14)),
    MAIN_ENTRY,
    *((*WATTS, column) for column in (2, 3, 4)),
    (*IF_ENTRY, 8),
    (*IF_X_ENTRY, 15),
)
"""What a reading asks for once the names are known."""

AGENT = """
import asyncio, sys
from pysnmp.proto.rfc1902 import Gauge32, Integer32, ObjectIdentifier, OctetString
from tests.snmp_agent import Agent, running
from bench.snmp import IF_ENTRY, IF_X_ENTRY, MAIN_ENTRY, PORTS, PORT_ENTRY, WATTS
rows = {(1,3,6,1,2,1,1,1,0): OctetString(b"GSM7252PS"), (1,3,6,1,2,1,1,2,0): ObjectIdentifier((1,3,6,1,4,1,4526,100,4))}
for n in range(1, PORTS + 1):
    for c, v in {3: 1, 6: 3, 7: 3, 8: 0, 9: 1, 10: 5, 11: 0, 12: 0, 13: 0, 14: 0}.items():
        rows[(*PORT_ENTRY, c, 1, n)] = Integer32(v)
    for c, v in {1: 30000, 2: 6400, 3: 120, 4: 53, 5: 41}.items():
        rows[(*WATTS, c, 1, n)] = Gauge32(v)
    rows[(*IF_ENTRY, 3, n)], rows[(*IF_ENTRY, 8, n)] = Integer32(6), Integer32(1)
    rows[(*IF_X_ENTRY, 15, n)] = Gauge32(1000)
    rows[(*IF_X_ENTRY, 1, n)], rows[(*IF_X_ENTRY, 18, n)] = OctetString(b"g%d" % n), OctetString(b"node%d" % n)
for c, v in {2: 380, 3: 1, 4: 307, 5: 90}.items():
    rows[(*MAIN_ENTRY, c, 1)] = Gauge32(v)
async def main():
    async with running(Agent(rows)) as agent:
        print(agent.port, flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
asyncio.run(main())
"""
"""An agent that answers from memory, in a process of its own; it ends with the pipe."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Medians of several rounds, ms."""

    wall: float
    cpu: float
    longest_slice: float


async def measure(*works: Callable[[], Awaitable[object]]) -> list[Cost]:
    """What one call of each costs once it is warm; they take turns, so that a busy machine is busy for all."""
    figures: list[list[tuple[float, float, float]]] = [[] for _ in works]
    for turn in range(ROUNDS + 1):
        for work, taken in zip(works, figures, strict=True):
            wall, cpu = time.perf_counter(), time.process_time()
            await work()
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
            if turn:
                taken.append((wall * 1000, cpu * 1000, await slices(work)))
    return [Cost(*(statistics.median(column) for column in zip(*taken, strict=True))) for taken in figures]


async def slices(work: Callable[[], Awaitable[object]]) -> float:
    """The longest turn of the loop, CPU ms. A call of its own: counting turns keeps the loop spinning, which costs."""
    lags: list[float] = []
    ticker = asyncio.create_task(tick(lags))
    await asyncio.sleep(0.01)
    lags.clear()
    await work()
    ticker.cancel()
    return max(lags) * 1000


async def tick(lags: list[float]) -> None:
    """Notes what each turn of the loop takes of this thread's CPU: not what others take of the machine."""
    before = time.thread_time()
    while True:
        await asyncio.sleep(0)
        now = time.thread_time()
        lags.append(now - before)
        before = now


async def bare_walk(api: Any, engine: Any, target: Any) -> int:
    """The same columns with pysnmp alone: bulk_walk_cmd, 25 rows at a time."""
    count = 0
    for root in COLUMNS:
        start = api.ObjectType(api.ObjectIdentity(root))
        community, context = api.CommunityData("public"), api.ContextData()
        walk = api.bulk_walk_cmd(
            engine, community, target, context, 0, 25, start, lookupMib=False, lexicographicMode=False
        )
        async for _, _, _, pairs in walk:
            count += len(pairs)
    return count


async def compare(port: int) -> None:
    """Measures both in one run and prints the ratio."""
    from pysnmp.hlapi.v3arch import asyncio as api

    engine = api.SnmpEngine()
    target = await api.UdpTransportTarget.create(("127.0.0.1", port), timeout=2, retries=1)
    switch = SnmpSwitch(
        SwitchConfig(name="sw1", host="127.0.0.1", port=port, community=SecretRef(inline="public"), timeout_s=2)
    )
    started = time.perf_counter()
    reading = await switch.read()
    first_ms = (time.perf_counter() - started) * 1000
    assert len(reading.ports) == PORTS
    assert not reading.findings
    values = await bare_walk(api, engine, target)
    bare, ours = await measure(lambda: bare_walk(api, engine, target), switch.read)
    await switch.close()
    engine.close_dispatcher()
    print(
        f"   {PORTS} ports, {len(COLUMNS)} columns, {values} values; first reading, imports included: {first_ms:.0f} ms"
    )
    for name, cost in (("pysnmp alone", bare), ("a reading", ours)):
        turn = f"longest turn of the loop {cost.longest_slice:.1f} CPU ms"
        print(f"   {name:13} {cost.wall:6.1f} ms wall {cost.cpu:6.1f} ms CPU   {turn}")
    print(f"   ratio: wall {ours.wall / bare.wall:.2f}, CPU {ours.cpu / bare.cpu:.2f} (aim: <= 1.50), slices <= 10 ms")


def main() -> None:
    """Starts the agent, measures, ends the agent."""
    agent = subprocess.Popen(
        [sys.executable, "-c", AGENT],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(["."])},
    )
    try:
        assert agent.stdout is not None
        asyncio.run(compare(int(agent.stdout.readline())))
    finally:
        agent.communicate()
