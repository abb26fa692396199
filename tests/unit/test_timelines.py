"""The time line: one order of what Jobs, nodes and people did."""

from datetime import timedelta

from homelab_tui.domain.jobs import AlertState, JobState
from homelab_tui.domain.nodes import Node, NodeFacts
from homelab_tui.domain.reading import Reading
from homelab_tui.domain.state import JobsView, LabState, NodeView
from homelab_tui.domain.timelines import Happening, timeline
from homelab_tui.present import timelines
from tests.job_worlds import NOW, ago, job


def test_jobs_alerts_boots_and_acts_stand_in_one_order_newest_first() -> None:
    failed = job("a", JobState.FAILED, 60, node="rpi03", alert=AlertState.FIRING, alert_since=ago(50))
    node, facts = Node("rpi03", "rpi03"), NodeFacts(uptime_s=40 * 60.0)
    state = LabState(
        jobs=JobsView((failed, job("b", JobState.COMPLETE, 30))),
        probes=(("rpi03", Reading(facts, NOW)),),
        node_views=(NodeView(node, facts=facts),),
    )
    act = timelines.action(ago(45), "kkato", "poe.cycle", "sw1/3", ok=True, detail="off and on")
    told = [(one.kind, one.text.split()[1]) for one in timeline(state, [act], NOW)]
    assert told == [
        ("job", "succeeded"),
        ("job", "started"),
        ("node", "booted"),
        ("action", "poe.cycle"),
        ("alert", "firing"),
        ("job", "failed"),
        ("job", "started"),
    ]


def test_only_the_last_day_counts_and_nothing_of_the_future() -> None:
    acts = [Happening(NOW + timedelta(hours=hours), "action", str(hours)) for hours in (-25, -23, 1)]
    assert [one.text for one in timeline(LabState(), acts, NOW)] == ["-23"]


def test_a_node_that_has_been_up_for_long_has_no_boot_in_it() -> None:
    facts = NodeFacts(uptime_s=40 * 86400.0)
    view = NodeView(Node("nuc01", "nuc01"), facts=facts)
    assert timeline(LabState(probes=(("nuc01", Reading(facts, NOW)),), node_views=(view,)), [], NOW) == ()


def test_a_boot_stays_one_moment_while_its_uptime_is_read_again() -> None:
    def boots(uptime_s: float, read_later_s: float) -> tuple[Happening, ...]:
        facts = NodeFacts(uptime_s=uptime_s)
        view = NodeView(Node("nuc01", "nuc01"), facts=facts)
        reading = Reading(facts, NOW + timedelta(seconds=read_later_s))
        later = NOW + timedelta(minutes=5)
        return timeline(LabState(probes=(("nuc01", reading),), node_views=(view,)), [], later)

    assert boots(605.0, 0) == boots(615.3, 10)


def test_hostile_words_in_the_log_are_shown_and_not_obeyed() -> None:
    act = timelines.action(NOW, "me", "jobs.delete", "a\x1b[2J[red]", ok=False, detail="no\nnews")
    shown = timelines.text(timeline(LabState(), [act], NOW), NOW).plain
    assert "\x1b" not in shown
    assert "[red]" in shown
    assert len(shown.splitlines()) == 2


def test_nothing_known_says_so() -> None:
    assert timelines.text((), NOW).plain == "nothing is known of the last day"
