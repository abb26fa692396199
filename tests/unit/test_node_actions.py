"""Following a node through its boot, and giving it back or not: the engine alone, no wire and no waiting."""

from collections.abc import Iterator, Mapping
from itertools import chain, repeat
from pathlib import Path

import pytest

from homelab_tui.config.model import Config, SafetyConfig
from homelab_tui.domain.disruption import DisruptionBudget
from homelab_tui.domain.draining import NodePod
from homelab_tui.domain.errors import SourceError, SourceMissing, SourceRefused, SourceTimeout
from homelab_tui.domain.nodes import KubeNode, Node, NodeFacts
from homelab_tui.domain.state import NodeView
from homelab_tui.domain.values import replace
from homelab_tui.engine.lab import Lab
from homelab_tui.engine.restarts import CYCLE, REBOOT
from homelab_tui.engine.rolling import RollingRestart
from homelab_tui.engine.wires import Sources
from tests.fakes import FakeClock, FakeSsh

RPI02 = Node("rpi02", "10.0.0.2", mac="dc:a6:32:00:00:02")
KUBE = KubeNode("pi", "rpi02", "n1", True, boot_id="boot-1")
DOWN = SourceTimeout("no answer")


class Box(FakeSsh):
    """One machine: what its SSH port does at each look, and which boot it is then."""

    def __init__(self, *looks: str | None) -> None:
        """`looks`: the boot id at each look, None while it does not answer; the last one stays."""
        super().__init__()
        self._looks: Iterator[str | None] = chain(looks, repeat(looks[-1]))
        self._now: str | None = looks[0]
        self.reboots = 0
        self.refusal: SourceError | None = None

    async def answers(self, node: Node) -> bool:
        """The next look."""
        self._now = next(self._looks)
        return self._now is not None

    async def probe(self, node: Node) -> NodeFacts:
        """What boot it is at this look."""
        if self._now is None:
            raise DOWN
        return NodeFacts(boot_id=self._now)

    async def reboot(self, node: Node) -> None:
        """Noted, or refused."""
        if self.refusal is not None:
            raise self.refusal
        self.reboots += 1

    async def wake(self, node: Node) -> int:
        """A packet."""
        return 1


class Api:
    """One Node object and the Pods on it."""

    name = "pi"

    def __init__(self) -> None:
        self.node = KUBE
        self.pods: list[NodePod] = []
        self.blocked: str | None = None
        self.patches: list[bool] = []
        self.budgets: tuple[DisruptionBudget, ...] = ()
        self.problem: SourceError | None = None

    async def list_disruption_budgets(self) -> tuple[DisruptionBudget, ...]:
        """As told, or a problem."""
        if self.problem is not None:
            raise self.problem
        return self.budgets

    async def read_node(self, name: str) -> KubeNode:
        """As it is."""
        return self.node

    async def patch_node(self, node: KubeNode, patch: Mapping[str, object]) -> KubeNode:
        """Only `unschedulable` is ever written."""
        spec = patch["spec"]
        assert isinstance(spec, Mapping)
        self.patches.append(bool(spec["unschedulable"]))
        self.node = replace(self.node, unschedulable=bool(spec["unschedulable"]))
        return self.node

    async def list_pods_on(self, node: str) -> tuple[NodePod, ...]:
        """Those that are left."""
        return tuple(self.pods)

    async def evict_pod(self, pod: NodePod) -> str | None:
        """Gone at once, or blocked."""
        if self.blocked is None:
            self.pods.remove(pod)
        return self.blocked


class World:
    """A lab over one box and one API."""

    def __init__(self, state_dir: Path, *looks: str | None) -> None:
        self.box, self.api, self.clock = Box(*looks), Api(), FakeClock()
        config = Config(nodes=(RPI02,), safety=SafetyConfig(boot_grace_s=60.0))
        sources = Sources(ssh=self.box, reboots=self.box, lan=self.box, drains=(self.api,))
        self.lab = Lab(config, sources, state_dir, self.clock, self.clock.sleep)
        self.view = NodeView(RPI02, reachable=True, kubernetes=KUBE)

    @property
    def asleep(self) -> NodeView:
        """The node while it does not answer."""
        return replace(self.view, reachable=False)


async def test_a_reboot_is_over_when_another_boot_answers_and_not_before(tmp_path: Path) -> None:
    world = World(tmp_path, "boot-1", "boot-1", None, None, "boot-2")
    result = await world.lab.nodes.reboot(replace(world.view, kubernetes=None))
    assert result.ok
    assert result.detail == "rebooted, answers SSH after 4 s"


async def test_a_boot_too_quick_to_be_seen_down_counts_by_its_boot_id(tmp_path: Path) -> None:
    world = World(tmp_path, "boot-1", "boot-2")
    assert (await world.lab.nodes.reboot(replace(world.view, kubernetes=None))).ok


async def test_a_reboot_of_a_clusters_node_is_over_when_it_is_ready_as_that_boot(tmp_path: Path) -> None:
    world = World(tmp_path, "boot-1", None, "boot-2")
    stale = await world.lab.nodes.reboot(world.view)
    assert (stale.ok, stale.changed) == (False, True)
    assert "answers SSH after" in stale.detail
    assert "but its Node is not Ready after 60 s" in stale.detail
    assert "cordoned" not in stale.detail, "nobody cordoned it"
    world = World(tmp_path, "boot-1", None, "boot-2")
    world.api.node = replace(KUBE, boot_id="boot-2")
    ready = await world.lab.nodes.reboot(world.view)
    assert ready.ok
    assert "then Ready after 0 s" in ready.detail


async def test_a_plan_names_the_pods_that_go_and_what_holds_them(tmp_path: Path) -> None:
    world = World(tmp_path, "boot-1")
    web, db = (
        NodePod("shop", "web-1", "u1", "Running", "ReplicaSet", labels=(("app", "web"),)),
        NodePod("shop", "db-0", "u2", "Running", "StatefulSet", labels=(("app", "db"),)),
    )
    agent = NodePod("kube-system", "agent", "u3", "Running", "DaemonSet")
    world.api.pods = [web, db, agent]
    world.api.budgets = (DisruptionBudget("shop", "db", 0, (("app", "db"),), healthy=1, desired=1),)
    plan = await world.lab.restarts.plan([world.view], by=REBOOT)
    assert plan.is_allowed
    assert "rpi02: 2 Pods (shop/db-0, shop/web-1) are evicted, 1 stay" in plan.notes
    assert [w for w in plan.warnings if "shop/db-0 waits: PodDisruptionBudget shop/db allows no disruption now" in w]
    assert not any("web-1" in warning for warning in plan.warnings)
    world.api.pods = [NodePod("shop", "bare", "u4", "Running")]
    refused = await world.lab.restarts.plan([world.view], by=REBOOT)
    assert any("shop/bare" in why and "--force" in why for why in refused.refusals)
    assert (await world.lab.restarts.plan([world.view], by=REBOOT, force=True)).is_allowed
    world.api.problem = SourceRefused("forbidden: list poddisruptionbudgets.policy")
    unread = await world.lab.restarts.plan([world.view], by=REBOOT, force=True)
    assert any("PodDisruptionBudgets hold its Pods cannot be read" in warning for warning in unread.warnings)
    world.api.problem = SourceMissing("this API has no policy/v1")
    absent = await world.lab.restarts.plan([world.view], by=REBOOT, force=True)
    assert not any("cannot be read" in warning for warning in absent.warnings)


async def test_either_way_of_a_restart_is_refused_where_it_cannot_be_done(tmp_path: Path) -> None:
    world = World(tmp_path, "boot-1")
    dead = await world.lab.restarts.plan([world.asleep], by=REBOOT)
    assert any("power-cycle it instead" in why for why in dead.refusals)
    portless = await world.lab.restarts.plan([world.view], by=CYCLE)
    assert any("no PoE port" in why for why in portless.refusals)
    assert not world.lab.nodes.are_drainable([replace(world.view, kubernetes=replace(KUBE, ready=False))])
    assert not world.lab.nodes.are_drainable([replace(world.view, kubernetes=None)])
    assert world.lab.nodes.are_drainable([world.view])


async def test_a_node_that_stays_the_same_boot_did_not_reboot(tmp_path: Path) -> None:
    world = World(tmp_path, "boot-1")
    result = await world.lab.nodes.reboot(world.view)
    assert not result.ok
    assert "still the same boot after 60 s" in result.detail


async def test_a_node_that_does_not_come_back_is_said_to_be_away(tmp_path: Path) -> None:
    world = World(tmp_path, "boot-1", None)
    result = await world.lab.nodes.reboot(world.view)
    assert (result.ok, result.changed) == (False, True)
    assert "does not answer after 60 s" in result.detail


async def test_a_refused_reboot_changed_nothing(tmp_path: Path) -> None:
    world = World(tmp_path, "boot-1")
    world.box.refusal = SourceRefused("sudo wants a password")
    result = await world.lab.nodes.reboot(world.view)
    assert (result.ok, result.changed) == (False, False)
    assert "sudo wants a password" in result.detail


@pytest.mark.parametrize(("looks", "ok"), [((None, None, "boot-1"), True), ((None,), False)])
async def test_a_woken_node_is_followed_until_it_answers(
    tmp_path: Path, looks: tuple[str | None, ...], ok: bool
) -> None:
    world = World(tmp_path, *looks)
    result = await world.lab.nodes.wake(world.asleep)
    assert result.ok is ok
    assert ("answers SSH after 2 s" if ok else "is wake-on-LAN enabled") in result.detail


async def test_a_rolling_restart_leaves_a_node_as_it_was_when_the_drain_is_refused(tmp_path: Path) -> None:
    world = World(tmp_path, "boot-1")
    world.api.pods = [NodePod("shop", "bare", "u1", "Running")]
    (result,) = await RollingRestart(world.lab.nodes).run([world.view])
    assert (result.ok, result.changed) == (False, False)
    assert "--force" in result.detail
    assert world.api.patches == []
    assert world.box.reboots == 0


async def test_a_drain_that_is_blocked_gives_the_node_back_and_restarts_nothing(tmp_path: Path) -> None:
    world = World(tmp_path, "boot-1")
    world.api.pods = [NodePod("shop", "web", "u1", "Running", "ReplicaSet")]
    world.api.blocked = "the budget shop/web"
    (result,) = await RollingRestart(world.lab.nodes).run([world.view])
    assert not result.ok
    assert "the budget shop/web" in result.detail
    assert "takes Pods again" in result.detail
    assert world.api.patches == [True, False]
    assert world.box.reboots == 0


async def test_a_node_that_was_cordoned_before_stays_so(tmp_path: Path) -> None:
    world = World(tmp_path, "boot-1", None, "boot-2")
    world.api.node = replace(KUBE, unschedulable=True)
    rolling = RollingRestart(world.lab.nodes)
    world.api.pods = []

    async def booted(node: Node) -> None:
        world.api.node = replace(world.api.node, boot_id="boot-2")

    world.box.reboot = booted  # type: ignore[method-assign]
    (result,) = await rolling.run([world.view])
    assert result.ok
    assert "was cordoned before" in result.detail
    assert world.api.patches == []


async def test_a_node_that_answers_but_is_not_ready_stays_cordoned(tmp_path: Path) -> None:
    world = World(tmp_path, "boot-1", None, "boot-2")
    (result,) = await RollingRestart(world.lab.nodes).run([world.view])
    assert not result.ok
    assert "not Ready after 60 s; it is left cordoned" in result.detail
    assert world.api.node.unschedulable
