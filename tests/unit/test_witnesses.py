"""Who says what of a node: filling gaps, and contradicting each other."""

from homelab_tui.domain.nodes import Interface, KubeNode, Node, NodeFacts, NodeMetrics
from homelab_tui.domain.reading import Reading
from homelab_tui.domain.state import ClusterJobs, LabState, NodeView
from homelab_tui.domain.values import replace
from homelab_tui.domain.witnesses import claims, disagreements, filled
from homelab_tui.engine.node_views import node_views
from homelab_tui.engine.node_witnesses import Machines, Told
from tests.fakes import START

RPI = Node("rpi01", "10.0.0.1")
FACTS = NodeFacts(
    hostname="rpi01",
    kernel="6.8.0-1013-raspi",
    os="Ubuntu 24.04.1 LTS",
    arch="aarch64",
    threads=4,
    memory_bytes=3_977_535_488,
    machine_id="a" * 32,
    boot_id="boot-1",
)
METRICS = NodeMetrics(
    "10.0.0.1:9100",
    "rpi01",
    True,
    kernel="6.8.0-1013-raspi",
    os="Ubuntu 24.04.1 LTS",
    arch="aarch64",
    memory_bytes=3_977_535_488,
    memory_available_bytes=2_000_000_000,
    load1=0.4,
    temperature_c=51.0,
    root_size_bytes=64,
    root_used_bytes=32,
)
KUBE = KubeNode(
    "pi",
    "rpi01",
    "u1",
    True,
    kernel="6.8.0-1013-raspi",
    os="Ubuntu 24.04.1 LTS",
    arch="arm64",
    cpus=4,
    memory_bytes=3_977_535_488,
    machine_id="a" * 32,
    boot_id="boot-1",
)


def test_witnesses_that_agree_in_other_words_do_agree() -> None:
    assert disagreements(claims(FACTS, METRICS, KUBE)) == ()
    shouting = replace(METRICS, hostname="RPI01.home.lan", os="ubuntu 24.04.1 lts", memory_bytes=3_950_000_000)
    assert disagreements(claims(FACTS, shouting, KUBE)) == ()


def test_each_contradiction_names_the_field_and_who_says_what() -> None:
    other = replace(KUBE, kernel="6.8.0-1010-raspi", memory_bytes=1_900_000_000, boot_id="boot-0", arch="amd64")
    assert disagreements(claims(FACTS, METRICS, other)) == (
        "kernel: probe says 6.8.0-1013-raspi, node_exporter says 6.8.0-1013-raspi, kubernetes says 6.8.0-1010-raspi",
        "arch: probe says aarch64, node_exporter says aarch64, kubernetes says x86_64",
        "memory: probe says 4.0 GB, node_exporter says 4.0 GB, kubernetes says 1.9 GB",
        "boot-id: probe says boot-1, kubernetes says boot-0",
    )


def test_what_the_probe_does_not_tell_the_others_do_and_it_is_believed_first() -> None:
    found = filled(None, METRICS, KUBE)
    assert found is not None
    assert (found.kernel, found.arch, found.threads, found.machine_id) == ("6.8.0-1013-raspi", "aarch64", 4, "a" * 32)
    assert (found.load1, found.temperature_c, found.root_used_bytes) == (0.4, 51.0, 32)
    assert found.memory_used_bytes == 1_977_535_488
    mine = filled(replace(FACTS, load1=2.0, kernel="mine"), METRICS, KUBE)
    assert mine is not None
    assert (mine.load1, mine.kernel, mine.temperature_c) == (2.0, "mine", 51.0)
    assert filled(None, None, None) is None


def view(**changes: object) -> NodeView:
    state = LabState(
        nodes=(RPI,),
        probes=((RPI.name, Reading(FACTS, START)),),
        machines=(("main", Reading((METRICS,), START)),),
        clusters=(("pi", Reading(ClusterJobs("pi", nodes=(KUBE,)), START)),),
    )
    [found] = node_views(replace(state, **changes), {}, 180.0)  # type: ignore[arg-type]
    return found


def test_a_witness_that_has_gone_silent_contradicts_nobody() -> None:
    stale = replace(METRICS, kernel="old")
    assert view(machines=(("main", Reading((stale,), START)),)).disagreements
    assert not view(machines=(("main", Reading((stale,), START, problem="no answer")),)).disagreements
    assert not view(machines=(("main", Reading((replace(stale, machine_up=False),), START)),)).disagreements
    gone = ClusterJobs("pi", nodes=(replace(KUBE, ready=False, kernel="old"),))
    assert not view(clusters=(("pi", Reading(gone, START)),)).disagreements
    assert view(clusters=(("pi", Reading(replace(gone, nodes=(replace(KUBE, kernel="old"),)), START)),)).disagreements
    assert not view(probes=((RPI.name, Reading(replace(FACTS, kernel="old"), START, problem="no")),)).disagreements


def test_a_node_without_a_probe_shows_what_the_others_know() -> None:
    found = view(probes=())
    assert found.facts is not None
    assert found.facts.memory_bytes == KUBE.memory_bytes
    assert {claim.witness for claim in found.claims} == {"node_exporter", "kubernetes"}
    assert found.metrics_from == "main"


def metrics_of(node: Node, facts: NodeFacts | None, machines: list[tuple[str, NodeMetrics]]) -> Told:
    found = Machines()
    found.take([(name, Reading((machine,), START)) for name, machine in machines])
    return found.of(node, facts)


def test_a_machine_is_found_by_its_name_or_by_the_address_that_is_scraped_and_never_by_guess() -> None:
    down = NodeMetrics("10.0.0.1:9100", machine_up=False)
    assert metrics_of(RPI, None, [("main", down)]) == ("main", down, False)
    by_interface = replace(down, instance="[fd00::1]:9100")
    facts = NodeFacts(interfaces=(Interface("eth0", addresses=("fd00::1",)),))
    assert metrics_of(RPI, facts, [("main", by_interface)])[1] == by_interface
    assert metrics_of(RPI, None, [("main", replace(METRICS, hostname="rpi02"))])[1] is None
    twice = [("main", METRICS), ("main", replace(METRICS, instance="other:9100"))]
    assert metrics_of(RPI, None, twice)[1] is None
    # The same target in two servers is one machine.
    assert metrics_of(RPI, None, [("main", METRICS), ("second", METRICS)])[0] == "main"
