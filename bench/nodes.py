"""1,000 nodes and 1,000 ports in the pane while 1 % changes, and 64 probes beside `xargs -P` over `ssh … sh -s`."""

import asyncio
import os
import resource
import statistics
import subprocess
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from textual.app import App, ComposeResult

from bench import _sshd
from bench._cpu import cpu_ms
from homelab_tui.config.model import KeysConfig, SshConfig
from homelab_tui.domain.nodes import Interface, Node, NodeFacts
from homelab_tui.domain.poe import Detection, PoePort, PortRef, PseGroup, SwitchReading, with_same_ports
from homelab_tui.domain.reading import Reading
from homelab_tui.domain.state import LabState
from homelab_tui.domain.values import replace
from homelab_tui.engine.node_views import NodeViews
from homelab_tui.sources.probe import PROBE_SCRIPT
from homelab_tui.sources.ssh import SshSource
from homelab_tui.ui.panes.nodes import NodesPane

NODES, SWITCHES, PORTS = 1_000, 21, 48
PROBES, PARALLEL, ROUNDS, TURNS = 64, 32, 3, 15
NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)


def mac(number: int) -> str:
    """The address of a node."""
    return f"dc:a6:32:00:{number >> 8:02x}:{number & 255:02x}"


NODES_OF_THE_HOME = tuple(Node(f"rpi{n:04}", f"10.0.{n >> 8}.{n & 255}", mac=mac(n)) for n in range(NODES))


def facts(number: int, load: float) -> NodeFacts:
    """What a Pi says of itself."""
    return NodeFacts(
        hostname=f"rpi{number:04}",
        model="Raspberry Pi 4 Model B Rev 1.4",
        machine_id=f"{number:032x}",
        cores=4,
        threads=4,
        memory_bytes=4 << 30,
        os="Ubuntu 24.04 LTS",
        os_id="ubuntu",
        os_version="24.04",
        kernel="6.8.0-1013-raspi",
        uptime_s=86_400.0,
        load1=load,
        temperature_c=48.0,
        interfaces=(Interface("eth0", mac(number), 1000, True),),
    )


def switch(number: int) -> SwitchReading:
    """A switch whose every port feeds a node, by the MAC table."""
    name = f"sw{number:02}"
    ports = tuple(
        PoePort(PortRef(name, 1, p), f"g{p}", True, Detection.DELIVERING, power_class=4, power_mw=5_000 + p, if_index=p)
        for p in range(1, PORTS + 1)
    )
    behind = tuple((mac(number * PORTS + p - 1), p) for p in range(1, PORTS + 1) if number * PORTS + p <= NODES)
    return SwitchReading(name, "snmp", ports, (PseGroup(1, 740_000, 240_000, True, 80),), mac_ports=behind)


class World:
    """Everything is read again each time; of that, 1 % is different."""

    def __init__(self) -> None:
        self._views = NodeViews(180)
        self._facts = [facts(number, 0.1) for number in range(NODES)]
        self._switches = [switch(number) for number in range(SWITCHES)]

    def read(self, turn: int) -> LabState:
        """The state after one more poll of everything; not the loop's work but for what a source does on it."""
        for number in range(turn % 100, NODES, 100):
            self._facts[number] = facts(number, 0.1 + turn)
        for number in range(turn % 2, SWITCHES, 2):
            told = [replace(port) for port in self._switches[number].ports]
            told[turn % PORTS] = replace(told[turn % PORTS], power_mw=6_000 + turn)
            again = replace(self._switches[number], ports=tuple(told))
            self._switches[number] = with_same_ports(self._switches[number], again)
        return LabState(
            nodes=NODES_OF_THE_HOME,
            probes=tuple((n.name, Reading(f, NOW)) for n, f in zip(NODES_OF_THE_HOME, self._facts, strict=True)),
            reachability=tuple((node.name, Reading(True, NOW)) for node in NODES_OF_THE_HOME),
            switches=tuple((each.name, Reading(each, NOW)) for each in self._switches),
        )

    def derived(self, state: LabState) -> LabState:
        """What the engine makes of it, on the loop."""
        return replace(state, node_views=self._views.of(state, {}, {}))


class _Standing:
    """A clock that stands."""

    def now(self) -> datetime:
        """Always the same."""
        return NOW


class _Lab:
    """As much of a lab as a pane asks for its rows."""

    clock = _Standing()


class BenchApp(App[None]):
    """Nothing but the pane."""

    lab = _Lab()

    def compose(self) -> ComposeResult:
        """The pane."""
        yield NodesPane()


async def measure_pane() -> None:
    """Loads the pane, then lets 1 % change, again and again."""
    world, app = World(), BenchApp()
    async with app.run_test(size=(140, 40)) as pilot:
        await pilot.pause()
        pane = app.query_one(NodesPane)

        def show(state: LabState) -> None:
            pane.state = world.derived(state)

        first = world.read(0)
        load = await cpu_ms(lambda: show(first))
        assert len(pane.table.rows) >= NODES + SWITCHES * PORTS
        times = []
        for turn in range(1, TURNS + 1):
            state = world.read(turn)
            times.append(await cpu_ms(lambda state=state: show(state)))  # type: ignore[misc]
        same = await cpu_ms(lambda: show(replace(state)))
    print(f"   {NODES} nodes, {SWITCHES * PORTS} ports: load {load:.0f} CPU ms")
    print(
        f"   1 % changes: median {statistics.median(times):.1f} CPU ms (lowest {min(times):.1f}, highest "
        f"{max(times):.1f}; aim: <= 20); nothing changes: {same:.1f}"
    )


def ssh_line(server: _sshd.Server, *options: str) -> list[str]:
    """The shell's way: one ssh per node, as many at once as we."""
    ssh = f"ssh -F {server.client_config} {' '.join(options)} -p {server.port} {server.user}@{{}} sh -s"
    return ["xargs", "-P", str(PARALLEL), "-I{}", "sh", "-c", f"{ssh} < $PROBE > /dev/null"]


def xargs_s(command: list[str], server: _sshd.Server, probe: Path) -> float:
    """Seconds for all probes."""
    started = time.perf_counter()
    surroundings = {**os.environ, "PROBE": str(probe)}
    told = "\n".join(server.addresses)
    subprocess.run(command, input=told, text=True, check=True, timeout=120, env=surroundings)
    return time.perf_counter() - started


async def ours_s(source: SshSource, server: _sshd.Server) -> tuple[float, float]:
    """Seconds for all probes, and CPU seconds of this process: logins, script, parsing."""
    nodes = [Node(f"node{n}", a, user=server.user, port=server.port) for n, a in enumerate(server.addresses)]
    started, cpu = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF).ru_utime
    found = await asyncio.gather(*(source.probe(node) for node in nodes))
    taken = time.perf_counter() - started
    assert all(each.kernel for each in found)
    return taken, resource.getrusage(resource.RUSAGE_SELF).ru_utime - cpu


async def measure_probes() -> None:
    """Takes turns, so that a busy machine is busy for all."""
    with tempfile.TemporaryDirectory(prefix="homelab-bench-") as name, _sshd.running(Path(name), PROBES) as server:
        probe = Path(name) / "probe.sh"
        probe.write_text(PROBE_SCRIPT)
        source = SshSource(
            SshConfig(config=server.client_config, known_hosts=server.known_hosts, max_parallel=PARALLEL),
            KeysConfig(paths=(server.key.with_suffix(".pub"),), agent=False),
        )
        first, _ = await ours_s(source, server)
        quick, usual = ssh_line(server, "-o KexAlgorithms=curve25519-sha256"), ssh_line(server)
        figures: dict[str, list[float]] = {"ours": [], "cpu": [], "quick": [], "usual": []}
        for _ in range(ROUNDS):
            taken, cpu = await ours_s(source, server)
            figures["ours"].append(taken)
            figures["cpu"].append(cpu)
            figures["quick"].append(await asyncio.to_thread(xargs_s, quick, server, probe))
            figures["usual"].append(await asyncio.to_thread(xargs_s, usual, server, probe))
        await source.close()
    ours, cpu, quick_s, usual_s = (statistics.median(each) for each in figures.values())
    print(
        f"   {PROBES} probes, {PARALLEL} at once: {ours:.2f} s ({cpu:.2f} s of our CPU), the first time {first:.2f} s"
    )
    print(f"   xargs -P {PARALLEL} ssh … sh -s: curve25519 {quick_s:.2f} s, its default exchange {usual_s:.2f} s")
    print(f"   ratio: {ours / quick_s:.2f} and {ours / usual_s:.2f} (aim: <= 1.00)")


def main() -> None:
    """Both."""
    asyncio.run(measure_pane())
    asyncio.run(measure_probes())
