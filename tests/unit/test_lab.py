"""A whole lab over fakes: it starts at once, tells what it sees, and closes with care."""

import asyncio
import json
import time
from pathlib import Path

import pytest

from homelab_tui.config.model import ClusterConfig, Config, PrometheusConfig, SwitchConfig, UiConfig
from homelab_tui.domain.errors import ConfigError, ConfigProblem, SourceTimeout
from homelab_tui.domain.keys import AccountKeys, CellState, KeyCell
from homelab_tui.domain.nodes import Node, NodeState
from homelab_tui.domain.operations import Result
from homelab_tui.domain.poe import SwitchReading
from homelab_tui.domain.reading import HealthState, health
from homelab_tui.domain.state import LabState
from homelab_tui.engine.lab import Lab
from homelab_tui.engine.operations import Progress
from homelab_tui.engine.wires import Sources
from tests.fakes import FakeCluster, FakePrometheus, FakeSsh, FakeSwitch, failed_job
from tests.labs import until


class World:
    def __init__(self, directory: Path, switch: FakeSwitch | None = None) -> None:
        self.ssh = FakeSsh()
        self.switch = switch or FakeSwitch()
        self.cluster = FakeCluster()
        self.prometheus = FakePrometheus()
        config = Config(
            nodes=(Node("rpi01", "10.0.0.1"), Node("rpi02", "10.0.0.2")),
            switches=(SwitchConfig("sw1"),),
            clusters=(ClusterConfig("nuc"),),
            prometheus=(PrometheusConfig("main", url="http://x", cluster="nuc"),),
            ui=UiConfig(refresh_s=0.05),
        )
        sources = Sources(self.ssh, clusters=(self.cluster,), prometheus=(self.prometheus,), switches=(self.switch,))
        self.lab = Lab(config, sources, directory / "state")

    @property
    def state(self) -> LabState:
        return self.lab.store.state


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


async def test_it_starts_at_once_fills_its_state_and_closes_at_once(world: World) -> None:
    world.cluster.add(failed_job())
    told: list[LabState] = []
    world.lab.store.subscribe(told.append)
    begun = time.monotonic()
    world.lab.start()
    assert time.monotonic() - begun < 1
    await until(lambda: len(world.state.jobs.jobs) == 1)
    await until(lambda: [view.state for view in world.state.node_views] == [NodeState.UP] * 2)
    await until(lambda: told)
    begun = time.monotonic()
    await world.lab.close()
    assert time.monotonic() - begun < 1
    assert world.switch.closed
    before = len(world.ssh.calls)
    await asyncio.sleep(0.2)
    assert len(world.ssh.calls) == before, "no loop goes on"


async def test_closing_never_hangs_however_the_wakes_fall(tmp_path: Path) -> None:
    for number in range(20):
        world = World(tmp_path / str(number))
        world.lab.start()
        for _ in range(number % 4):
            await asyncio.sleep(0)
        world.lab.wake()
        await asyncio.sleep(0)
        await asyncio.wait_for(world.lab.close(), 2)


async def test_asking_everything_again_believes_no_earlier_answer(world: World) -> None:
    world.lab.wake()
    assert world.ssh.forgot == 1


async def test_closing_twice_and_without_a_start_is_fine(world: World) -> None:
    await world.lab.close()
    await world.lab.close()


async def test_a_source_that_does_not_let_go_does_not_hold_the_exit(world: World) -> None:
    async def hang() -> None:
        await asyncio.sleep(3600)

    world.switch.close = hang  # type: ignore[method-assign]
    await asyncio.wait_for(world.lab.close(), 4)


class SwallowingSwitch(FakeSwitch):
    """Its library loses a cancellation, as asyncio.wait_for of Python 3.11 may, `times` times."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.times = times
        self.begun = asyncio.Event()
        self.swallowed = 0

    async def read(self) -> SwitchReading:
        """Slow, and deaf."""
        self.begun.set()
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            self.swallowed += 1
            if self.swallowed > self.times:
                raise
        return await super().read()


@pytest.mark.parametrize("times", [1, 2])
async def test_a_source_that_swallows_a_cancellation_does_not_hold_the_exit(tmp_path: Path, times: int) -> None:
    switch = SwallowingSwitch(times)
    world = World(tmp_path, switch)
    world.lab.start()
    await switch.begun.wait()
    await asyncio.wait_for(asyncio.shield(asyncio.create_task(world.lab.close())), 30)
    assert switch.swallowed > 0
    assert switch.closed
    assert not [task for task in asyncio.all_tasks() if task.get_name() == "switch:sw1"], "no loop goes on"


async def test_a_quiet_lab_tells_its_listeners_nothing_but_fresh_readings(world: World) -> None:
    world.lab.start()
    await until(lambda: all(view.facts for view in world.state.node_views))
    readings = ("clusters", "prometheus", "switches", "accounts", "reachability")
    await until(lambda: all(r.taken_at for field in readings for _, r in getattr(world.state, field)))
    before = world.state
    await asyncio.sleep(0.3)
    after = world.state
    assert (after.jobs, after.node_views) == (before.jobs, before.node_views)
    assert after.jobs is before.jobs, "nothing was merged anew"
    await world.lab.close()


async def test_one_dead_source_leaves_the_others_alone(world: World) -> None:
    world.cluster.down = SourceTimeout("nuc: no answer")
    world.ssh.reachable["rpi01"] = SourceTimeout("rpi01: no answer")
    world.lab.start()
    await until(lambda: world.state.node_views[1].state is NodeState.UP)
    await until(lambda: world.state.node_views[0].state is NodeState.DOWN)
    await until(lambda: world.state.clusters[0][1].problem == "nuc: no answer")
    now = world.lab.clock.now()
    assert health(dict(world.state.switches)["sw1"], now, 60).state is HealthState.OK
    assert health(dict(world.state.clusters)["nuc"], now, 60).state is HealthState.DOWN
    await world.lab.close()


async def test_a_node_that_speaks_again_is_asked_everything_at_once(world: World) -> None:
    world.ssh.reachable["rpi01"] = SourceTimeout("no answer")
    world.ssh.facts["rpi01"] = SourceTimeout("no answer")
    world.lab.start()
    await until(lambda: world.ssh.called("probe").count("rpi01") == 1)
    probes = len(world.ssh.called("probe"))
    world.ssh.reachable["rpi01"] = True
    del world.ssh.facts["rpi01"]
    await until(lambda: len(world.ssh.called("probe")) > probes, 2)
    await until(lambda: world.state.node_views[0].facts is not None)
    await world.lab.close()


async def test_one_look_reads_only_what_it_is_asked_for(world: World) -> None:
    await world.lab.read(("switches",))
    assert world.ssh.calls == []
    await world.lab.read(("reach",))
    assert {name for name, _ in world.ssh.calls} == {"answers"}


async def test_a_key_file_that_is_no_key_is_a_wrong_configuration(world: World) -> None:
    world.ssh.my_keys = ConfigError((ConfigProblem("config.toml", None, "keys.paths", "is no key"),))
    with pytest.raises(ConfigError):
        await world.lab.read(("keys",))


async def test_a_journal_that_cannot_be_read_is_said_and_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "state" / "journal.jsonl").mkdir(parents=True)
    world = World(tmp_path)
    assert world.lab.find_unfinished() == ()
    assert "journal cannot be read" in world.state.unfinished[0]


async def test_a_lab_that_is_closed_has_written_down_what_was_done_and_seen(world: World, tmp_path: Path) -> None:
    cells = tuple(KeyCell(f"SHA256:{number}", CellState.PRESENT, number) for number in range(50))
    world.ssh.accounts["rpi01"] = AccountKeys("me", "/home/me", cells)
    world.lab.start()
    await until(lambda: all(reading.value for _, reading in world.state.accounts))

    async def work(_progress: Progress) -> Result:
        return Result("nuc01", ok=True, changed=True, detail="done")

    await asyncio.gather(*(world.lab.operations.run("a.b", f"node:n{number}", "…", work) for number in range(50)))
    await world.lab.close()
    written = (tmp_path / "state" / "activity.jsonl").read_text().splitlines()
    assert [json.loads(line)["kind"] for line in written] == ["a.b"] * 50
    seen = (tmp_path / "state" / "sightings.jsonl").read_text().splitlines()
    assert len(seen) == len(world.state.sightings) == 50
