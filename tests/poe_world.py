"""A lab with one fake switch, to do dangerous things to its ports."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

from homelab_tui.config.model import ClusterConfig, Config, SafetyConfig, SwitchConfig
from homelab_tui.domain.nodes import Node
from homelab_tui.domain.operations import Result
from homelab_tui.domain.poe import PortRef
from homelab_tui.domain.values import replace
from homelab_tui.engine.lab import Lab
from homelab_tui.engine.poe import PortTarget, find_port
from homelab_tui.engine.wires import Sources
from tests.fakes import FakeClock, FakeCluster, FakeSsh, FakeSwitch, lost
from tests.labs import until

RPI03 = PortRef("sw1", 1, 3)


class World:
    """A lab with one switch and three nodes, all of it fake, in a state directory of its own."""

    def __init__(
        self, state_dir: Path, *, safety: SafetyConfig | None = None, own: frozenset[str] = frozenset()
    ) -> None:
        self.clock = FakeClock()
        self.switch = FakeSwitch()
        self.ssh = FakeSsh()
        self.cluster = FakeCluster()
        self.state_dir = state_dir
        nodes = (
            Node("rpi03", "10.0.0.3", poe=RPI03, mac="dc:a6:32:00:00:03"),
            Node("rpi04", "10.0.0.4", poe=PortRef("sw1", 1, 4), mac="dc:a6:32:00:00:04"),
            Node("nuc01", "10.0.0.11"),
        )
        self.config = Config(
            nodes=nodes,
            switches=(SwitchConfig("sw1", host="10.0.0.2", protected_ports=(PortRef("sw1", 1, 8),)),),
            clusters=(ClusterConfig("nuc"),),
            safety=safety or SafetyConfig(),
        )
        self.own = own
        self.lab = self.new_lab()

    def new_lab(self) -> Lab:
        """Another lab over the same world and state directory: the next start."""
        sources = Sources(
            ssh=self.ssh,
            switches=(self.switch,),
            clusters=(self.cluster,),
            own_macs=frozenset(name for name in self.own if ":" in name),
            own_addresses=frozenset(name for name in self.own if ":" not in name),
        )
        return Lab(self.config, sources, self.state_dir, self.clock, self.clock.sleep)

    async def target(self, name: str = "rpi03") -> PortTarget:
        """A port, from a fresh reading."""
        return find_port(await self.lab.read(("switches", "reach", "clusters")), name)

    async def cycle(self, name: str = "rpi03") -> Result:
        """Read, then cycle."""
        return await self.lab.poe.cycle(await self.target(name))

    async def refusals(self, verb: str, name: str) -> str:
        """What a plan says against it."""
        return "; ".join(self.lab.poe.plan(verb, [await self.target(name)]).refusals)

    @property
    def is_on(self) -> bool | None:
        """Whether rpi03's port is on."""
        return self.switch.ports[3].admin_on

    @property
    def offs(self) -> int:
        """How many SETs wanted it off."""
        return sum(not on for _, on in self.switch.sets)

    def journal(self) -> list[str]:
        """Events of the journal, in order."""
        path = self.state_dir / "journal.jsonl"
        return [json.loads(line)["event"] for line in path.read_text().splitlines()] if path.exists() else []


def failing(times: int, error: Callable[[], None] = lost) -> Callable[[], None]:
    """A fault that goes away after so many calls."""
    left = iter(range(times))

    def fault() -> None:
        if next(left, None) is not None:
            error()

    return fault


async def cycling(world: World, *, off_s: float = 3600.0) -> "asyncio.Task[Result]":
    """A cycle that is in its off phase, with real pauses."""
    world.config = replace(world.config, safety=replace(world.config.safety, cycle_off_s=off_s))
    clock = world.clock
    world.clock.sleep = asyncio.sleep  # type: ignore[method-assign,assignment]
    world.lab = world.new_lab()
    world.clock = clock
    task = asyncio.create_task(world.cycle())
    await until(lambda: world.is_on is False)
    return task
