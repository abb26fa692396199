"""Which cluster object and which switch port belong to a box, and what its witnesses are worth."""

from pathlib import Path

import pytest

from homelab_tui.config.model import Config, SafetyConfig, SwitchConfig
from homelab_tui.domain.errors import SourceTimeout, UsageError
from homelab_tui.domain.nodes import Interface, KubeNode, Node, NodeFacts, NodeState
from homelab_tui.domain.operations import Operation, OperationState
from homelab_tui.domain.poe import Detection, PoePort, PortRef, SwitchReading
from homelab_tui.domain.reading import Reading
from homelab_tui.domain.state import ClusterJobs, LabState
from homelab_tui.domain.values import replace
from homelab_tui.engine.lab import Lab
from homelab_tui.engine.node_views import node_views
from homelab_tui.engine.nodes import cloned_machine_ids, find_node, kube_node_of
from homelab_tui.engine.wires import Sources
from tests.fakes import START, FakeClock, FakeSsh, FakeSwitch

RPI01 = Node("rpi01", "10.0.0.1")
RPI02 = Node("rpi02", "10.0.0.2")


def kube(name: str, cluster: str = "nuc", **fields: object) -> KubeNode:
    return KubeNode(cluster, name, f"uid-{cluster}-{name}", True, **fields)  # type: ignore[arg-type]


def switch() -> SwitchReading:
    ports = tuple(PoePort(PortRef("sw1", 1, n), admin_on=True, detection=Detection.DELIVERING) for n in range(1, 9))
    return SwitchReading("sw1", "snmp", ports)


def facts(machine_id: str | None = None, *macs: str, hostname: str | None = None) -> NodeFacts:
    interfaces = tuple(Interface(f"eth{n}", mac) for n, mac in enumerate(macs))
    return NodeFacts(machine_id=machine_id, interfaces=interfaces, hostname=hostname)


# The cluster's object


def test_the_machine_id_decides_whatever_the_names_say() -> None:
    nodes = [kube("a", machine_id="m1"), kube("rpi01", machine_id="m2")]
    assert kube_node_of(RPI01, facts("m1"), nodes) is nodes[0]


@pytest.mark.parametrize(
    "found",
    [
        kube("rpi01"),
        kube("rpi01.home.lan"),
        kube("x", addresses=("10.0.0.1",)),
        kube("pi-one", addresses=("10.9.9.9",)),
    ],
)
def test_without_a_machine_id_the_name_the_address_or_the_hostname_decides(found: KubeNode) -> None:
    assert kube_node_of(RPI01, facts(hostname="pi-one"), [kube("other"), found]) is found


def test_the_same_name_in_two_clusters_is_nobody() -> None:
    assert kube_node_of(RPI01, None, [kube("rpi01", "a"), kube("rpi01", "b")]) is None


def test_objects_with_a_cloned_machine_id_are_told_apart_by_name() -> None:
    nodes = [kube("rpi01", machine_id="m"), kube("rpi02", machine_id="m")]
    assert kube_node_of(RPI01, facts("m"), nodes) is nodes[0]
    assert kube_node_of(Node("rpi03", "10.0.0.3"), facts("m"), nodes) is None


def test_a_clone_that_never_joined_is_not_taken_for_the_node_that_did() -> None:
    """Two boxes from one SD card image, one of them in the cluster: its id is unique there, and proves nothing."""
    state = LabState(
        nodes=(RPI01, RPI02),
        probes=(("rpi01", Reading(facts("m"), START)), ("rpi02", Reading(facts("m"), START))),
        clusters=(("nuc", Reading(ClusterJobs("nuc", nodes=(kube("rpi02", machine_id="m"),)), START)),),
    )
    views = {view.node.name: view for view in node_views(state, {}, 180)}
    assert views["rpi01"].kubernetes is None
    assert views["rpi02"].kubernetes is not None
    assert cloned_machine_ids([facts("m"), facts("m"), facts("n"), facts(), None]) == {"m"}


def test_an_object_that_another_box_owns_by_machine_id_is_not_given_away_by_name() -> None:
    state = LabState(
        nodes=(RPI01, RPI02),
        probes=(("rpi01", Reading()), ("rpi02", Reading(facts("m2"), START))),
        clusters=(("nuc", Reading(ClusterJobs("nuc", nodes=(kube("rpi01", machine_id="m2"),)), START)),),
    )
    views = {view.node.name: view for view in node_views(state, {}, 180)}
    assert views["rpi01"].kubernetes is None
    assert views["rpi02"].kubernetes is not None


# Witnesses


def state_of(
    *, reached: Reading[bool], switch_problem: str | None = None, cluster_problem: str | None = None
) -> LabState:
    node = replace(RPI01, poe=PortRef("sw1", 1, 3))
    return LabState(
        nodes=(node,),
        probes=(("rpi01", Reading()),),
        reachability=(("rpi01", reached),),
        switches=(("sw1", Reading(switch(), START, switch_problem)),),
        clusters=(("nuc", Reading(ClusterJobs("nuc", nodes=(kube("rpi01"),)), START, cluster_problem)),),
    )


SILENT: Reading[bool] = Reading(problem="no answer", timed_out=True)


def test_a_cluster_that_is_away_does_not_prove_that_a_silent_node_lives() -> None:
    (view,) = node_views(state_of(reached=SILENT), {"rpi01": 60}, 180)
    assert view.state is NodeState.UP
    (view,) = node_views(state_of(reached=SILENT), {"rpi01": 20}, 180)
    assert view.state is NodeState.UNKNOWN, "Kubernetes has not noticed yet"
    (view,) = node_views(state_of(reached=SILENT, cluster_problem="gone"), {}, 180)
    assert view.state is NodeState.DOWN
    assert view.kubernetes is not None, "what it said is still shown"


def test_a_switch_that_is_away_does_not_prove_that_a_silent_node_hangs() -> None:
    away = state_of(reached=SILENT, switch_problem="gone", cluster_problem="gone")
    (view,) = node_views(away, {"rpi01": 999}, 180)
    assert view.state is NodeState.DOWN
    assert view.port is not None
    (view,) = node_views(state_of(reached=SILENT, cluster_problem="gone"), {"rpi01": 999}, 180)
    assert view.state is NodeState.HUNG


def test_a_refused_connection_is_an_answer_that_says_no() -> None:
    (view,) = node_views(state_of(reached=Reading(False, START), cluster_problem="gone"), {}, 180)
    assert (view.reachable, view.state) == (False, NodeState.DOWN)
    assert "refuses" in (view.why or "")


def test_a_node_that_we_are_cycling_is_rebooting() -> None:
    acting = Operation("1", "poe.cycle", "port:sw1/3", OperationState.RUNNING, "off", START)
    (view,) = node_views(replace(state_of(reached=SILENT), operations=(acting,)), {}, 180)
    assert view.state is NodeState.REBOOTING


# Silence, in a whole lab


class Rig:
    def __init__(self, directory: Path) -> None:
        self.clock = FakeClock()
        self.ssh = FakeSsh()
        self.switch = FakeSwitch()
        config = Config(
            nodes=(replace(RPI01, poe=PortRef("sw1", 1, 3)),),
            switches=(SwitchConfig("sw1"),),
            safety=SafetyConfig(boot_grace_s=100),
        )
        self.lab = Lab(config, Sources(self.ssh, switches=(self.switch,)), directory, self.clock)

    async def state(self) -> NodeState:
        """The node's word after one more look."""
        return (await self.lab.read(("nodes", "switches"))).node_views[0].state


async def test_a_node_that_stops_answering_is_booting_for_the_grace_and_then_hung(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    assert await rig.state() is NodeState.UP
    rig.ssh.reachable["rpi01"] = SourceTimeout("no answer")
    assert await rig.state() is NodeState.REBOOTING
    rig.clock.advance(101)
    assert await rig.state() is NodeState.HUNG
    rig.ssh.reachable["rpi01"] = True
    assert await rig.state() is NodeState.UP


async def test_a_node_that_never_answered_is_not_called_booting_for_it(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    rig.ssh.reachable["rpi01"] = SourceTimeout("no answer")
    assert await rig.state() is NodeState.DOWN
    rig.clock.advance(101)
    assert await rig.state() is NodeState.HUNG


async def test_a_node_that_comes_back_is_not_called_hung_for_its_last_probe(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    assert await rig.state() is NodeState.UP
    rig.ssh.facts["rpi01"] = SourceTimeout("no banner")
    await rig.state()
    rig.ssh.reachable["rpi01"] = SourceTimeout("no answer")
    await rig.state()
    rig.clock.advance(1_000)
    await rig.state()
    rig.ssh.reachable["rpi01"] = True
    rig.clock.advance(1)
    state = await rig.lab.read(("reach", "switches"))
    assert state.node_views[0].state is NodeState.REBOOTING


# Names


def test_a_node_is_found_by_name_and_with_another_account() -> None:
    nodes = (replace(RPI01, user="kkato"),)
    assert find_node(nodes, "rpi01").account == "rpi01"
    assert find_node(nodes, "kkato@rpi01").account == "rpi01"
    assert find_node(nodes, "root@rpi01").account == "root@rpi01"


@pytest.mark.parametrize("name", ["", "rpi9", "@rpi01", "rpi01@", "x@y"])
def test_a_node_that_is_not_there_is_refused_and_the_nodes_are_named(name: str) -> None:
    with pytest.raises(UsageError, match="rpi01"):
        find_node((RPI01,), name)
