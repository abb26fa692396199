"""Acting on nodes over the real wires: the demo lab's SSH and Kubernetes API, a hostile API, a UDP socket."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from homelab_tui.cli import main
from homelab_tui.config.load import load_config
from homelab_tui.demo.lab import DemoLab
from homelab_tui.domain.draining import NodePod
from homelab_tui.domain.errors import ActionRefused, SourceConflict, SourceRefused
from homelab_tui.domain.nodes import KubeNode, Node
from homelab_tui.domain.operations import Result
from homelab_tui.domain.state import NodeView
from homelab_tui.domain.values import replace
from homelab_tui.engine.draining import Drainer
from homelab_tui.engine.lab import Lab
from homelab_tui.engine.operations import Progress
from homelab_tui.engine.rolling import RollingRestart, in_order
from homelab_tui.sources.wake_on_lan import WakeOnLan, magic_packet
from homelab_tui.wiring import build_lab
from tests.fakes import FakeClock
from tests.labs import api as demo_api
from tests.wire.hostile_api import HostileApi, api, listed, source, status, write_kubeconfig

QUIET = Progress(lambda _text: None)


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@asynccontextmanager
async def product(demo: DemoLab, tmp_path: Path, extra: str = "") -> AsyncIterator[Lab]:
    """The product's own engine on the demo lab."""
    path = tmp_path / "lab.toml"
    demo.write_config(path)
    path.write_text(path.read_text() + extra)
    lab = build_lab(load_config(str(path)))
    try:
        yield lab
    finally:
        await lab.close()


async def views(lab: Lab, *names: str) -> tuple[NodeView, ...]:
    state = await lab.read(("nodes", "clusters"))
    return tuple(next(view for view in state.node_views if view.node.name == name) for name in names)


async def cordoned(demo: DemoLab, name: str) -> bool:
    async with demo_api(demo.sites["pi"]) as client:
        return bool((await client.get(f"/api/v1/nodes/{name}")).json()["spec"].get("unschedulable"))


# The demo lab


async def test_a_node_is_cordoned_once_and_given_back(lab: DemoLab, tmp_path: Path) -> None:
    async with product(lab, tmp_path) as ours:
        (rpi02,) = await views(ours, "rpi02")
        first, again = await ours.nodes.cordon(rpi02, on=True), await ours.nodes.cordon(rpi02, on=True)
        assert [(r.ok, r.changed) for r in (first, again)] == [(True, True), (True, False)]
        assert await cordoned(lab, "rpi02")
        assert (await ours.nodes.cordon(rpi02, on=False)).changed
        assert not await cordoned(lab, "rpi02")


async def test_a_reboot_is_followed_until_another_boot_answers(lab: DemoLab, tmp_path: Path) -> None:
    boot = lab.world.nodes["rpi02"].boot_id
    async with product(lab, tmp_path, '\n[safety]\nboot_grace = "15s"\n') as ours:
        (rpi02,) = await views(ours, "rpi02")
        result = await ours.nodes.reboot(rpi02)
    assert (result.ok, result.changed) == (True, True)
    assert "rebooted, answers SSH after" in result.detail
    assert lab.world.nodes["rpi02"].boot_id != boot


async def test_a_rolling_restart_drains_reboots_waits_and_gives_back(lab: DemoLab, tmp_path: Path) -> None:
    boot = lab.world.nodes["rpi03"].boot_id
    async with product(lab, tmp_path, '\n[safety]\nboot_grace = "15s"\n') as ours:
        results = await RollingRestart(ours.nodes).run(await views(ours, "rpi03"))
    assert [(result.target, result.ok) for result in results] == [("rpi03", True)]
    assert "Ready after" in results[0].detail
    assert "takes Pods again" in results[0].detail
    assert lab.world.nodes["rpi03"].boot_id != boot
    assert not await cordoned(lab, "rpi03")


async def test_a_rolling_restart_stops_at_the_first_failure_with_the_control_plane_last(
    lab: DemoLab, tmp_path: Path
) -> None:
    boots = {name: node.boot_id for name, node in lab.world.nodes.items()}
    async with product(lab, tmp_path) as ours:
        chosen = await views(ours, "rpi01", "rpi02", "rpi03")
        assert [view.node.name for view in in_order(chosen)] == ["rpi02", "rpi03", "rpi01"]

        async def fails(view: NodeView) -> Result:
            return Result(view.node.name, ok=False, changed=False, detail="no power")

        results = await RollingRestart(ours.nodes, fails).run(chosen)
    assert [(result.target, result.ok, result.changed) for result in results] == [
        ("rpi02", False, True),
        ("rpi03", False, False),
        ("rpi01", False, False),
    ]
    assert "left cordoned" in results[0].detail
    assert "not started: rpi02" in results[2].detail
    assert await cordoned(lab, "rpi02")
    assert not await cordoned(lab, "rpi03")
    assert {name: node.boot_id for name, node in lab.world.nodes.items()} == boots


async def test_what_must_not_be_done_is_said_in_the_plan_and_refused_again_at_the_act(
    lab: DemoLab, tmp_path: Path
) -> None:
    async with product(lab, tmp_path) as ours:
        rpi01, rpi02 = await views(ours, "rpi01", "rpi02")
        assert ours.nodes.plan("rolling", [rpi02, rpi01]).confirm_name == "rpi01"
        assert ours.nodes.plan("cordon", [rpi01]).confirm_name is None
        assert "awake" in str(ours.nodes.plan("wake", [rpi02]).refusals)
        assert not (await ours.nodes.wake(rpi02)).ok
        stranger = replace(rpi02, kubernetes=None)
        assert "in no cluster" in str(ours.nodes.plan("drain", [stranger]).refusals)
        assert not (await ours.nodes.drain(stranger)).ok
        dead = replace(rpi02, reachable=False)
        assert "does not answer SSH" in str(ours.nodes.plan("reboot", [dead]).refusals)
    async with product(lab, tmp_path, "\n[safety]\nread_only = true\n") as ours:
        (rpi02,) = await views(ours, "rpi02")
        assert "read_only" in str(ours.nodes.plan("cordon", [rpi02]).refusals)
        assert "read_only" in (await ours.nodes.cordon(rpi02, on=True)).detail
    assert not await cordoned(lab, "rpi02")


async def test_this_machine_is_never_rebooted(lab: DemoLab, tmp_path: Path) -> None:
    async with product(lab, tmp_path) as ours:
        (rpi02,) = await views(ours, "rpi02")
        ours.nodes.limits = replace(ours.nodes.limits, own_macs=frozenset({rpi02.node.mac or ""}))
        assert "this machine" in str(ours.nodes.plan("reboot", [rpi02]).refusals)
        assert "this machine" in (await ours.nodes.reboot(rpi02)).detail


# The command line


async def run(lab: DemoLab, path: Path, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, Any]:
    lab.write_config(path)
    capsys.readouterr()
    exit_status = await asyncio.to_thread(main, ["--config", str(path), "nodes", *words, "--json"])
    out = capsys.readouterr().out
    return exit_status, json.loads(out) if out.strip() else None


async def test_the_command_line_asks_before_it_acts_and_names_each_result(
    lab: DemoLab, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "cli.toml"
    exit_status, _ = await run(lab, path, capsys, "cordon", "rpi02")
    assert exit_status == 2
    exit_status, found = await run(lab, path, capsys, "cordon", "rpi02", "--dry-run")
    assert (exit_status, found["dry_run"]) == (0, True)
    assert not await cordoned(lab, "rpi02")
    exit_status, found = await run(lab, path, capsys, "cordon", "rpi02", "rpi03", "--yes")
    assert exit_status == 0
    assert [(one["target"], one["changed"]) for one in found["results"]] == [("rpi02", True), ("rpi03", True)]
    assert await cordoned(lab, "rpi03")
    exit_status, _ = await run(lab, path, capsys, "drain", "rpi01", "--yes")
    assert exit_status == 2  # a control plane wants its name typed
    exit_status, _ = await run(lab, path, capsys, "drain", "nope", "--yes")
    assert exit_status == 2
    exit_status, found = await run(lab, path, capsys, "wake", "rpi02", "--yes")
    assert exit_status == 1
    assert "awake" in found["results"][0]["detail"]


# A hostile API


class Cluster:
    """One node with Pods, a PodDisruptionBudget that gives way when told, and a kubelet that writes in between."""

    def __init__(self, *pods: dict[str, Any]) -> None:
        self.pods = {pod["metadata"]["name"]: pod for pod in pods}
        self.uid, self.version, self.unschedulable = "n1", 1, False
        self.races = 0
        self.blocked = 0
        self.patches: list[Any] = []
        self.evictions: list[tuple[str, Any]] = []

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if request.path == "/api/v1/nodes/rpi02":
            if request.method == "PATCH":
                return await self._patch(request)
            return web.json_response(self._node())
        if request.path == "/api/v1/pods":
            assert request.query["fieldSelector"] == "spec.nodeName=rpi02"
            return listed(*self.pods.values())
        if request.path.endswith("/eviction"):
            name = request.path.split("/")[-2]
            self.evictions.append((name, await request.json()))
            if self.blocked:
                self.blocked -= 1
                return self._budget()
            if self.pods.pop(name, None) is None:
                return status(404, f'pods "{name}" not found', reason="NotFound")
            return web.json_response({"kind": "Status", "status": "Success"}, status=201)
        return web.Response(status=404)

    async def _patch(self, request: web.Request) -> web.StreamResponse:
        patch = await request.json()
        self.patches.append(patch)
        if self.races or patch["metadata"]["resourceVersion"] != str(self.version):
            self.races, self.version = max(0, self.races - 1), self.version + 1
            return status(409, "the object has been modified", reason="Conflict")
        self.unschedulable = bool(patch["spec"]["unschedulable"])
        return web.json_response(self._node())

    def _node(self) -> dict[str, Any]:
        metadata = {"name": "rpi02", "uid": self.uid, "resourceVersion": str(self.version)}
        return {"metadata": metadata, "spec": {"unschedulable": True} if self.unschedulable else {}, "status": {}}

    def _budget(self) -> web.Response:
        words = "The disruption budget shop/web needs 2 healthy pods and has 2 currently"
        body = {
            "kind": "Status",
            "status": "Failure",
            "message": "Cannot evict pod as it would violate the pod's disruption budget.",
            "reason": "TooManyRequests",
            "details": {"causes": [{"reason": "DisruptionBudget", "message": words}]},
            "code": 429,
        }
        return web.json_response(body, status=429)


def pod(name: str, owner: str | None = "ReplicaSet", **spec: Any) -> dict[str, Any]:
    owners = [{"kind": owner, "name": "x", "controller": True}] if owner else []
    metadata = {"name": name, "namespace": "shop", "uid": f"uid-{name}", "ownerReferences": owners}
    return {"metadata": metadata, "spec": {"nodeName": "rpi02", **spec}, "status": {"phase": "Running"}}


@asynccontextmanager
async def drainer(cluster: Cluster, tmp_path: Path, demo: Lab) -> AsyncIterator[tuple[Drainer, HostileApi, FakeClock]]:
    clock = FakeClock()
    demo.operations._sleep = clock.sleep
    async with api(cluster.handle) as server, source(write_kubeconfig(tmp_path, server.url)) as kubernetes:
        node = KubeNode("lab", "rpi02", "n1", True, resource_version="1")
        yield Drainer(kubernetes, node, demo.operations, clock), server, clock


@pytest.fixture
async def bare(tmp_path: Path) -> AsyncIterator[Lab]:
    """An engine without any source, for its operations."""
    path = tmp_path / "empty.toml"
    path.write_text("")
    lab = build_lab(load_config(str(path)))
    yield lab
    await lab.close()


async def drained(one: Drainer, *, force: bool = False) -> Result:
    return await one.drain("rpi02", QUIET, force=force, timeout_s=20.0)


async def test_a_drain_waits_for_a_disruption_budget_and_evicts_exactly_these_pods(tmp_path: Path, bare: Lab) -> None:
    cluster = Cluster(pod("web-1"), pod("web-2"), pod("agent", "DaemonSet"))
    cluster.blocked, cluster.races = 3, 2
    async with drainer(cluster, tmp_path, bare) as (one, _, _):
        result = await drained(one)
    assert (result.ok, result.changed) == (True, True)
    assert "2 Pods evicted" in result.detail
    assert sorted(cluster.pods) == ["agent"]
    assert cluster.unschedulable
    assert len(cluster.patches) == 3
    assert all(patch["metadata"]["uid"] == "n1" for patch in cluster.patches)
    assert {name: body["deleteOptions"] for name, body in cluster.evictions} == {
        name: {"preconditions": {"uid": f"uid-{name}"}} for name in ("web-1", "web-2")
    }


async def test_a_budget_that_never_gives_way_is_named(tmp_path: Path, bare: Lab) -> None:
    cluster = Cluster(pod("web-1"))
    cluster.blocked = 10_000
    async with drainer(cluster, tmp_path, bare) as (one, _, _):
        result = await drained(one)
    assert not result.ok
    assert "shop/web-1: The disruption budget shop/web needs 2 healthy pods" in result.detail


async def test_pods_that_nothing_makes_anew_stop_a_drain_before_anything_is_done(tmp_path: Path, bare: Lab) -> None:
    cluster = Cluster(pod("bare", None), pod("cache", volumes=[{"name": "d", "emptyDir": {}}]))
    async with drainer(cluster, tmp_path, bare) as (one, _, _):
        with pytest.raises(ActionRefused, match=r"shop/bare.*shop/cache.*--force"):
            await drained(one)
        assert cluster.patches == []
        assert (await drained(one, force=True)).ok
    assert cluster.pods == {}


async def test_a_node_that_was_replaced_is_left_alone(tmp_path: Path, bare: Lab) -> None:
    cluster = Cluster(pod("web-1"))
    cluster.uid = "n2"
    async with drainer(cluster, tmp_path, bare) as (one, _, _):
        for act in (drained(one), one.cordon(on=True)):
            with pytest.raises(ActionRefused, match="replaced"):
                await act
    assert (cluster.patches, cluster.evictions) == ([], [])


async def test_a_node_that_changes_at_every_look_is_a_conflict_in_the_end(tmp_path: Path, bare: Lab) -> None:
    cluster = Cluster()
    cluster.races = 99
    async with drainer(cluster, tmp_path, bare) as (one, _, _):
        with pytest.raises(SourceConflict):
            await one.cordon(on=True)
    assert len(cluster.patches) == 3


async def test_an_eviction_of_a_pod_that_is_gone_is_done(tmp_path: Path) -> None:
    async with api(Cluster().handle) as server, source(write_kubeconfig(tmp_path, server.url)) as kubernetes:
        assert await kubernetes.evict_pod(NodePod("shop", "gone", "u1")) is None


# Wake-on-LAN


async def test_a_magic_packet_arrives_at_the_machines_address() -> None:
    node = Node("nuc01", "127.0.0.1", mac="1c:69:7a:00:00:01")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(5)
        sent = await WakeOnLan(receiver.getsockname()[1]).wake(node)
        assert sent >= 1
        assert await asyncio.to_thread(receiver.recv, 1000) == magic_packet("1c:69:7a:00:00:01")


async def test_a_node_without_a_mac_address_is_refused() -> None:
    with pytest.raises(SourceRefused, match="mac"):
        await WakeOnLan().wake(Node("nuc01", "127.0.0.1"))


async def test_disruption_budgets_are_read_with_every_kind_of_selector(tmp_path: Path) -> None:
    def budget(name: str, spec: dict[str, Any] | None, allowed: int | None) -> dict[str, Any]:
        status: dict[str, Any] = {"disruptionsAllowed": allowed, "currentHealthy": 2, "desiredHealthy": 2}
        return {"metadata": {"namespace": "shop", "name": name}, "spec": spec, "status": status}

    every = {"matchExpressions": [{"key": "app", "operator": "In", "values": ["web", "db"]}, None]}

    async def handle(request: web.Request) -> web.StreamResponse:
        assert request.path == "/apis/policy/v1/poddisruptionbudgets"
        return listed(
            budget("labels", {"selector": {"matchLabels": {"app": "web"}}}, 0),
            budget("expressions", {"selector": every}, 1),
            budget("all", {"selector": {}}, None),
            budget("none", {}, 0),
            budget("empty", None, 0),
        )

    async with api(handle) as server, source(write_kubeconfig(tmp_path, server.url)) as kubernetes:
        found = {one.name: one for one in await kubernetes.list_disruption_budgets()}
    pod = NodePod("shop", "web-1", "u1", labels=(("app", "web"),))
    assert {name: one.selects(pod) for name, one in found.items()} == {
        "labels": True,
        "expressions": True,
        "all": True,
        "none": False,
        "empty": False,
    }
    assert (found["labels"].allowed, found["expressions"].allowed, found["all"].allowed) == (0, 1, 0)
    assert (found["labels"].healthy, found["labels"].desired) == (2, 2)


async def test_scripts_compare_twins_and_ask_for_updates(
    lab: DemoLab, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "cli.toml"
    lab.world.nodes["nuc02"].memory_bytes = 8_226_213_888
    exit_status, found = await run(lab, path, capsys, "compare", "nuc01")
    assert exit_status == 0
    [twins] = found["comparisons"]
    assert twins["nodes"] == ["nuc01", "nuc02", "nuc03", "nuc04"]
    assert {field["field"]: field["odd"] for field in twins["fields"] if field["differs"]}["memory"] == ["nuc02"]
    exit_status, found = await run(lab, path, capsys, "compare", "nuc01", "rpi01")
    assert found["comparisons"][0]["nodes"] == ["nuc01", "rpi01"]
    exit_status, found = await run(lab, path, capsys, "compare", "nope")
    assert exit_status == 2
    exit_status, found = await run(lab, path, capsys, "--updates")
    updates = {node["name"]: node["updates"] for node in found["nodes"]}
    assert (updates["nuc01"]["count"], updates["nuc01"]["witness"]) == (4, "dnf")
    assert (updates["rpi01"]["count"], updates["rpi01"]["security"]) == (23, 7)
    assert {claim["witness"] for claim in found["nodes"][0]["witnesses"]["kernel"]} == {
        "probe",
        "node_exporter",
        "kubernetes",
    }
    for node in found["nodes"]:
        for name in ("model", "cores", "disks", "uptime_s", "poe", "kubernetes", "reachable", "updates", "swap_bytes"):
            assert (node[name] is None) == (name not in node["told_by"]), (node["name"], name)
    assert found["nodes"][4]["told_by"]["poe"]["witness"] == "snmp"
