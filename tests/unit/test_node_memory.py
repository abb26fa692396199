"""What is remembered of nodes: latched complaints, this session's curves, samples taken from the state."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from homelab_tui.domain.ailments import Ailment, latched
from homelab_tui.domain.curves import Curve, NodeCurves
from homelab_tui.domain.nodes import Node, NodeFacts, NodeMetrics, NodeState, PoeHat
from homelab_tui.domain.poe import Detection, PoePort, PortRef, SwitchReading
from homelab_tui.domain.reading import Reading
from homelab_tui.domain.state import LabState, NodeView
from homelab_tui.domain.values import replace
from homelab_tui.engine.ailment_log import AilmentLog
from homelab_tui.engine.histories import POINTS, Histories
from homelab_tui.engine.node_memory import NodeMemory
from homelab_tui.engine.node_views import node_views
from homelab_tui.engine.power_log import PowerLog
from homelab_tui.engine.sampling import Sampler
from tests.fakes import START, FakeClock
from tests.poe_world import World

BOOT = "9a1e1ed2-7f0e-4a25-9f5f-6d0c4d6e0c11"
RPI = Node("rpi01", "10.0.0.1")
PORT = PoePort(PortRef("sw1", 1, 1), admin_on=True, detection=Detection.DELIVERING, power_mw=6_400)


def test_a_brown_out_between_two_looks_is_held_on_to_until_the_next_boot(tmp_path: Path) -> None:
    clock = FakeClock()
    log = AilmentLog(tmp_path, clock)
    log.see("rpi01", BOOT, ("under-voltage",))
    clock.advance(30)
    log.see("rpi01", BOOT, ())
    clock.advance(30)
    log.see("rpi01", BOOT, ("under-voltage",))
    [ailment] = AilmentLog(tmp_path, clock).of("rpi01", BOOT)
    assert ailment == Ailment("under-voltage", START, START + timedelta(seconds=60), times=2)
    assert latched((), (ailment,)) == ("under-voltage-since-boot",)
    assert latched(("under-voltage",), (ailment,)) == ("under-voltage", "under-voltage-since-boot")
    assert latched(("under-voltage-since-boot",), (ailment,)) == ("under-voltage-since-boot",)
    assert latched(None, (ailment,)) is None
    assert log.of("rpi01", "another boot") == ()
    assert log.of("rpi02", BOOT) == ()


def test_what_goes_on_is_one_complaint_and_a_node_that_cannot_tell_has_none(tmp_path: Path) -> None:
    clock = FakeClock()
    log = AilmentLog(tmp_path, clock)
    for _ in range(100):
        log.see("rpi01", BOOT, ("throttled", "throttled-since-boot"))
        log.see("nuc01", BOOT, None)
        log.see("rpi02", None, ("throttled",))
    assert [one.times for one in log.of("rpi01", BOOT)] == [1]
    assert len((tmp_path / "ailments.jsonl").read_text().splitlines()) == 1


def test_a_damaged_line_loses_itself_alone(tmp_path: Path) -> None:
    (tmp_path / "ailments.jsonl").write_text(
        '{"node": "rpi01"}\nnonsense\n{"node":"a","boot":"b","flag":"c","at":"x"}\n'
    )
    log = AilmentLog(tmp_path, FakeClock())
    log.see("rpi01", BOOT, ("under-voltage",))
    assert len(log.of("rpi01", BOOT)) == 1


class Remembered:
    """A brown-out that was seen."""

    def power_of(self, name: str) -> None:
        """Nothing."""

    def ailments_of(self, name: str, boot_id: str | None) -> tuple[Ailment, ...]:
        """One."""
        return (Ailment("under-voltage", START, START),) if boot_id == BOOT else ()

    def port_event_of(self, name: str, port: PoePort) -> None:
        """Nothing."""


def test_a_row_shows_what_the_kernel_has_forgotten() -> None:
    facts = NodeFacts(boot_id=BOOT, throttled=())
    state = LabState(nodes=(RPI,), probes=((RPI.name, Reading(facts, START)),))
    [view] = node_views(state, {}, 180.0, memory=Remembered())
    assert view.facts is not None
    assert view.facts.throttled == ("under-voltage-since-boot",)
    after = replace(state, probes=((RPI.name, Reading(replace(facts, boot_id="x"), START)),))
    [view] = node_views(after, {}, 180.0, memory=Remembered())
    assert view.facts is not None
    assert view.facts.throttled == ()


def test_curves_are_evenly_spaced_keep_their_gaps_and_end_at_two_hours() -> None:
    histories = Histories()
    at = datetime(2026, 11, 23, tzinfo=UTC)
    assert histories.of("rpi01").temperature_c is None
    for step in range(POINTS + 60):
        if step % 3:
            moment = at + timedelta(seconds=30 * step)
            histories.put("rpi01", moment, temperature_c=40 + step % 10, port_w=None, hat_w=3.0)
    curves = histories.of("rpi01")
    assert curves.port_w is None
    assert curves.temperature_c is not None
    assert len(curves.temperature_c.values) == POINTS
    assert curves.temperature_c.values.count(None) == POINTS // 3
    assert curves.temperature_c.seconds == 7_200


def test_a_node_that_came_later_begins_with_a_gap_and_a_clock_that_was_set_begins_anew() -> None:
    histories = Histories()
    at = datetime(2026, 11, 23, tzinfo=UTC)
    histories.put("rpi01", at, temperature_c=40, port_w=6, hat_w=None)
    histories.put("rpi02", at + timedelta(seconds=60), temperature_c=50, port_w=None, hat_w=None)
    late = histories.of("rpi02").temperature_c
    assert late is not None
    assert late.values == (None, None, 50.0)
    histories.put("rpi01", at - timedelta(hours=1), temperature_c=41, port_w=None, hat_w=None)
    assert histories.of("rpi02").temperature_c is None
    assert (histories.of("rpi01").temperature_c or late).values == (41.0,)


def sampled(
    tmp_path: Path, view: NodeView, *, age_s: float = 5.0, problem: str | None = None
) -> tuple[PowerLog, Histories]:
    clock = FakeClock()
    read_at = START - timedelta(seconds=age_s)
    state = LabState(
        nodes=(RPI,),
        node_views=(view,),
        switches=(("sw1", Reading(SwitchReading("sw1", "snmp"), read_at, problem)),),
        probes=((RPI.name, Reading(view.facts, read_at, problem)),),
        machines=(("main", Reading((), read_at, problem)),),
    )
    log, histories = PowerLog(tmp_path, clock), Histories()
    sampler = Sampler(log, histories)
    for _ in range(6):
        sampler.take(state, clock.now())
    log.flush(everything=True)
    return log, histories


def test_the_port_is_believed_first_then_the_hat_then_node_exporter(tmp_path: Path) -> None:
    facts = NodeFacts(hat=PoeHat(current_ma=600), temperature_c=51.5)
    up = NodeView(RPI, NodeState.UP, facts=facts, port=PORT)
    log, histories = sampled(tmp_path / "a", up)
    power = log.of("rpi01")
    assert power is not None
    assert (power.witness, power.days[0].energy_mwh) == ("switch", round(6_400 / 60, 1))
    curves = histories.of("rpi01")
    assert [curve.values if curve else None for curve in (curves.temperature_c, curves.port_w, curves.hat_w)] == [
        (51.5,),
        (6.4,),
        (3.0,),
    ]
    log, _ = sampled(tmp_path / "b", replace(up, port=replace(PORT, power_mw=None)))
    assert (log.of("rpi01") or power).witness == "hat"
    told = NodeView(RPI, NodeState.UP, metrics=NodeMetrics("x", hat_ma=500), metrics_from="main")
    log, _ = sampled(tmp_path / "c", told)
    assert (log.of("rpi01") or power).days[0].energy_mwh == round(2_500 / 60, 1)


def test_a_port_that_gives_no_power_draws_nothing_and_an_old_reading_is_no_sample(tmp_path: Path) -> None:
    off = NodeView(RPI, NodeState.DOWN, port=replace(PORT, detection=Detection.SEARCHING, power_mw=None))
    log, _ = sampled(tmp_path / "a", off)
    power = log.of("rpi01")
    assert power is not None
    assert (power.days[0].energy_mwh, power.days[0].sampled_minutes, power.usual_minutes) == (0.0, 1, 0)
    up = NodeView(RPI, NodeState.UP, port=PORT)
    assert sampled(tmp_path / "b", up, age_s=600.0)[0].of("rpi01") is None
    assert sampled(tmp_path / "c", up, problem="no answer")[0].of("rpi01") is None


def lab_state(view: NodeView, port: PoePort) -> LabState:
    reading = Reading(SwitchReading("sw1", "snmp", (port,)), START)
    return LabState(nodes=(RPI,), node_views=(replace(view, port=port),), switches=(("sw1", reading),))


def test_what_its_port_saw_since_a_node_answered_last_is_told(tmp_path: Path) -> None:
    memory = NodeMemory(tmp_path, FakeClock())
    port = replace(PORT, mps_absent_count=3, link_up=True)
    assert memory.port_event_of("rpi01", port) is None
    up, dead = NodeView(RPI, NodeState.UP, reachable=True), NodeView(RPI, NodeState.DOWN, reachable=False)
    memory.sample(lab_state(up, port))
    memory.sample(lab_state(dead, replace(port, mps_absent_count=4)))
    assert memory.port_event_of("rpi01", port) is None
    assert "unplugged" in (memory.port_event_of("rpi01", replace(port, mps_absent_count=4)) or "")
    assert memory.port_event_of("rpi01", replace(port, link_up=False)) == "its link went down"
    assert memory.port_event_of("rpi01", replace(port, ref=PortRef("sw1", 1, 9), link_up=False)) is None
    memory.sample(lab_state(up, replace(port, mps_absent_count=4)))
    assert memory.port_event_of("rpi01", replace(port, mps_absent_count=4)) is None


def test_of_two_curves_the_one_that_knows_more_is_drawn() -> None:
    young, session = Curve((None, None, 50.0), 30.0, "Prometheus pi"), Curve((48.0, 49.0), 30.0, "this session")
    found = NodeCurves(temperature_c=young, hat_w=young).or_else(NodeCurves(temperature_c=session))
    assert (found.temperature_c, found.hat_w, found.port_w) == (session, young, None)
    assert NodeCurves(young).or_else(NodeCurves(Curve((1.0,), 30.0, "this session"))).temperature_c is young


async def test_one_look_of_a_script_is_a_sample_that_is_kept(tmp_path: Path) -> None:
    world = World(tmp_path)
    await world.lab.read(("switches", "reach"))
    await world.lab.close()
    [day] = (tmp_path / "power").glob("*.json")
    told = json.loads(day.read_text())
    assert told["rpi03"]["mwh"] == 100.0
    assert int(told["rpi03"]["seen"], 16).bit_count() == 1
    later = world.new_lab()
    state = await later.read(("switches", "reach"))
    await later.close()
    view = next(view for view in state.node_views if view.node.name == "rpi03")
    assert view.power is not None
    assert view.power.days[0].sampled_minutes == 1
    assert next(view for view in state.node_views if view.node.name == "nuc01").power is None


async def test_a_probe_that_sees_a_brown_out_is_remembered_by_the_next_run(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.ssh.facts["rpi03"] = NodeFacts(boot_id=BOOT, throttled=("under-voltage",))
    await world.lab.read(("nodes",))
    await world.lab.close()
    world.ssh.facts["rpi03"] = NodeFacts(boot_id=BOOT, throttled=())
    later = world.new_lab()
    state = await later.read(("nodes",))
    await later.close()
    view = next(view for view in state.node_views if view.node.name == "rpi03")
    assert view.facts is not None
    assert view.facts.throttled == ("under-voltage-since-boot",)
    assert [ailment.flag for ailment in view.ailments] == ["under-voltage"]


def brown_out(*, is_on: bool, probe: NodeFacts | None = None, boot_time: datetime = START) -> LabState:
    metrics = NodeMetrics("10.0.0.1:9100", "rpi01", machine_up=True, boot_time=boot_time, under_voltage=is_on)
    probes = () if probe is None else (("rpi01", Reading(probe, START)),)
    return LabState(nodes=(RPI,), probes=probes, machines=(("pi", Reading((metrics,), START)),))


def seen_by(memory: NodeMemory, state: LabState) -> LabState:
    """The state with its rows, sampled, and the rows made anew after that."""
    for _ in range(2):
        state = replace(state, node_views=node_views(state, {}, 180.0, memory=memory))
        memory.sample(state)
    return replace(state, node_views=node_views(state, {}, 180.0, memory=memory))


def throttled(state: LabState) -> tuple[str, ...] | None:
    [view] = state.node_views
    return view.facts.throttled if view.facts else None


def test_under_voltage_that_node_exporter_alone_tells_is_held_on_to_until_the_next_boot(tmp_path: Path) -> None:
    memory = NodeMemory(tmp_path, FakeClock())
    assert throttled(seen_by(memory, brown_out(is_on=False))) == ()
    assert throttled(seen_by(memory, brown_out(is_on=True))) == ("under-voltage", "under-voltage-since-boot")
    over = seen_by(memory, brown_out(is_on=False))
    assert throttled(over) == ("under-voltage-since-boot",)
    assert over.node_views[0].ailments[0].times == 1
    assert throttled(seen_by(NodeMemory(tmp_path, FakeClock()), brown_out(is_on=False))) == (
        "under-voltage-since-boot",
    )
    rebooted = brown_out(is_on=False, boot_time=START + timedelta(hours=1))
    assert throttled(seen_by(memory, rebooted)) == ()


def test_what_node_exporter_saw_counts_beside_a_probe_that_knows_the_boot_and_cannot_tell(tmp_path: Path) -> None:
    memory = NodeMemory(tmp_path, FakeClock())
    blind = NodeFacts(boot_id=BOOT, throttled=None)
    seen_by(memory, brown_out(is_on=True))
    assert throttled(seen_by(memory, brown_out(is_on=False, probe=blind))) == ("under-voltage-since-boot",)


def test_where_the_probe_tells_it_node_exporter_is_not_asked(tmp_path: Path) -> None:
    memory = NodeMemory(tmp_path, FakeClock())
    seeing = NodeFacts(boot_id=BOOT, throttled=())
    assert throttled(seen_by(memory, brown_out(is_on=True, probe=seeing))) == ()
