"""The join of the three: which failing Job belongs to which node and port, and what is told only once."""

from datetime import timedelta

import pytest

from homelab_tui.domain.incident_values import Incident, Severity
from homelab_tui.domain.incidents import incidents
from homelab_tui.domain.jobs import AlertState, Job, JobState, Verdict
from homelab_tui.domain.keys import AccountKeys, CellState, HostKey, HostKeyState, KeyCell, PublicKey
from homelab_tui.domain.nodes import KubeNode, Node, NodeFacts, NodeState
from homelab_tui.domain.poe import Detection, PoePort, PortRef
from homelab_tui.domain.reading import Reading
from homelab_tui.domain.state import JobsView, LabState, NodeView
from homelab_tui.domain.values import replace
from tests.job_worlds import NOW, cronjob, job

PORT = PoePort(PortRef("sw1", 1, 3), admin_on=True, detection=Detection.DELIVERING, denied_count=0)


def view(name: str = "rpi03", **changes: object) -> NodeView:
    """A node on a PoE port that is well."""
    made = NodeView(
        Node(name, name, poe=PORT.ref),
        NodeState.UP,
        facts=NodeFacts(hostname=name, throttled=()),
        kubernetes=KubeNode("nuc", name, f"uid-{name}", ready=True),
        port=PORT,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def failed(name: str, node: str | None = "rpi03", minutes: float = 60, **changes: object) -> Job:
    """A Job that failed on that node."""
    return job(name, JobState.FAILED, minutes, node=node, exit_code=5, reason="BackoffLimitExceeded", **changes)


def told(*views: NodeView, jobs: tuple[Job, ...] = (), **changes: object) -> tuple[Incident, ...]:
    """The incidents of a state of these."""
    state = LabState(node_views=views, jobs=JobsView(jobs))
    return incidents(replace(state, **changes), NOW)  # type: ignore[arg-type]


STRANGER = KeyCell("SHA256:other", CellState.PRESENT, 2)
BROWNOUT = NodeFacts(throttled=("under-voltage", "under-voltage-since-boot"))


def test_a_lab_that_is_well_has_no_incidents() -> None:
    ran = job("a", JobState.COMPLETE)
    assert told(view(), jobs=(ran,)) == ()


def test_a_job_that_failed_on_a_browned_out_pi_is_one_incident_with_its_port() -> None:
    [one] = told(view(facts=BROWNOUT), view("rpi04"), jobs=(failed("backup"),))
    assert (one.key, one.node, one.port, one.severity) == ("node:rpi03", "rpi03", PORT.ref, Severity.WARNING)
    assert one.jobs == (failed("backup").id,)
    assert one.title == "rpi03: under-voltage now; 1 failure on it"
    assert one.cures[0] == "homelab poe cycle rpi03"
    assert "homelab jobs logs nuc/ops/backup" in one.cures
    assert one.since == failed("backup").failed_at


def test_under_voltage_of_the_past_is_no_incident() -> None:
    assert told(view(facts=NodeFacts(throttled=("under-voltage-since-boot",)))) == ()


def test_a_job_that_failed_on_a_healthy_node_stands_alone() -> None:
    [one] = told(view(), jobs=(failed("backup"),))
    assert (one.key, one.node, one.port) == ("job:nuc/ops/backup", "rpi03", None)
    assert one.title == "nuc/ops/backup failed: exit 5, BackoffLimitExceeded"


def test_an_old_failure_is_not_put_down_to_what_ails_the_node_today() -> None:
    found = told(view(facts=BROWNOUT), jobs=(failed("backup", minutes=60 * 24 * 3),))
    assert [one.key for one in found] == ["job:nuc/ops/backup", "node:rpi03"]
    assert found[1].jobs == ()


def test_most_of_what_fails_on_one_healthy_node_points_at_the_node() -> None:
    jobs = (failed("a"), failed("b"), failed("c"), failed("d", "nuc01"))
    found = told(view(), view("nuc01", port=None), jobs=jobs)
    by_key = {one.key: one for one in found}
    assert set(by_key) == {"node:rpi03", "job:nuc/ops/d"}
    assert by_key["node:rpi03"].title == "rpi03: 3 failures on it"
    assert len(by_key["node:rpi03"].jobs) == 3


def test_two_failures_on_one_node_do_not_yet_point_at_it() -> None:
    assert {one.key for one in told(view(), jobs=(failed("a"), failed("b")))} == {"job:nuc/ops/a", "job:nuc/ops/b"}


def test_the_cluster_may_call_the_node_by_another_name() -> None:
    kube = KubeNode("nuc", "pi-three", "u", ready=True)
    [one] = told(view(facts=BROWNOUT, kubernetes=kube), jobs=(failed("a", "pi-three"),))
    assert one.key == "node:rpi03"


@pytest.mark.parametrize(
    ("changes", "severity", "title", "cure"),
    [
        ({"state": NodeState.HUNG, "why": "silent"}, Severity.CRITICAL, "hung: silent", "homelab poe cycle rpi03"),
        ({"state": NodeState.DOWN, "why": None}, Severity.CRITICAL, "down: it does not", "homelab poe cycle rpi03"),
        ({"port": replace(PORT, admin_on=False)}, Severity.WARNING, "sw1/3 is switched off", "homelab poe on rpi03"),
        ({"port": replace(PORT, detection=Detection.FAULT)}, Severity.WARNING, "reports fault", "homelab nodes drain"),
        (
            {"kubernetes": KubeNode("nuc", "rpi03", "u", ready=False)},
            Severity.WARNING,
            "NotReady in nuc",
            "homelab nodes drain rpi03",
        ),
        (
            {"kubernetes": KubeNode("nuc", "rpi03", "u", ready=True, conditions=("DiskPressure",))},
            Severity.WARNING,
            "DiskPressure in nuc",
            "homelab nodes drain rpi03",
        ),
    ],
)
def test_what_ails_a_node(changes: dict[str, object], severity: Severity, title: str, cure: str) -> None:
    [one] = told(replace(view(), **changes))  # type: ignore[arg-type]
    assert one.severity is severity
    assert title in one.title
    assert one.cures[0].startswith(cure)


def test_a_dead_nuc_without_poe_is_woken_where_its_mac_is_known() -> None:
    nuc = Node("nuc02", "nuc02", mac="1c:69:7a:00:00:02")
    [one] = told(view(node=nuc, port=None, state=NodeState.DOWN, why="no answer"))
    assert one.cures[0] == "homelab nodes wake nuc02"


def test_a_name_that_a_shell_would_obey_is_quoted_in_a_cure() -> None:
    [one] = told(view(node=Node("pi;reboot", "pi", poe=PORT.ref), state=NodeState.DOWN))
    assert one.cures[0] == "homelab poe cycle 'pi;reboot'"


def test_a_denied_port_is_evidence_of_an_ill_node() -> None:
    [one] = told(view(facts=BROWNOUT, port=replace(PORT, denied_count=4)))
    assert any("denied power 4 times" in evidence.text for evidence in one.evidence)


def test_a_failing_cronjob_is_told_once_with_all_its_failed_jobs_and_its_last_success() -> None:
    failing = cronjob(verdict=Verdict.FAILING)
    runs = tuple(failed(f"backup-{n}", "nuc01", 60 * n, cronjob="backup") for n in (1, 2))
    [one] = incidents(LabState(jobs=JobsView(runs, (failing,))), NOW)
    assert one.key == "cronjob:nuc/ops/backup"
    assert one.jobs == tuple(run.id for run in runs)
    assert one.evidence[-1].text == "nuc/ops/backup: succeeded for the last time"
    assert one.since == runs[1].failed_at, "the last success is not where the trouble began"


def test_a_cronjob_that_never_succeeded_says_so() -> None:
    never = cronjob(verdict=Verdict.NEVER_SUCCEEDED, last_succeeded_at=None)
    [one] = incidents(LabState(jobs=JobsView((failed("backup-1", cronjob="backup"),), (never,))), NOW)
    assert "has never succeeded" in one.title
    assert any("no success is known" in evidence.text for evidence in one.evidence)


def test_a_missed_schedule_is_an_incident_of_its_own() -> None:
    [one] = incidents(LabState(jobs=JobsView((), (cronjob(verdict=Verdict.MISSED),))), NOW)
    assert one.title == "nuc/ops/backup missed its schedule 0 * * * *"
    assert one.cures == ("homelab jobs trigger nuc/ops/backup",)


def test_failed_jobs_that_only_echo_are_one_notice_a_cluster_and_never_a_failure() -> None:
    echoes = tuple(failed(f"a-{n}", superseded=True, alert=AlertState.FIRING) for n in range(3))
    [one] = told(view(facts=NodeFacts(throttled=())), jobs=echoes)
    assert (one.key, one.severity, len(one.jobs)) == ("recovered:nuc", Severity.NOTICE, 3)
    assert one.alert is AlertState.FIRING
    assert one.cures == ("homelab jobs delete --recovered --cluster nuc",)


def test_the_loudest_alert_is_the_incidents_own() -> None:
    jobs = (failed("a", alert=AlertState.SILENCED), failed("b", alert=AlertState.FIRING))
    [one] = told(view(facts=BROWNOUT), jobs=jobs)
    assert one.alert is AlertState.FIRING


def test_doors_a_changed_host_key_is_critical_and_a_strangers_key_a_notice() -> None:
    mine = PublicKey("ssh-ed25519", b"", "me", fingerprint="SHA256:mine")
    account = AccountKeys("kkato", "/home/kkato", (KeyCell("SHA256:mine", CellState.PRESENT, 1), STRANGER))
    changed = HostKey(HostKeyState.CHANGED, "ssh-ed25519", "SHA256:new", "nuc04", "kh:3", "SHA256:old")
    found = told(
        my_keys=(mine,),
        accounts=(("nuc04", Reading(account, NOW)),),
        host_keys=(("nuc04", changed), ("nuc01", replace(changed, state=HostKeyState.TRUSTED))),
    )
    assert [(one.key, one.severity) for one in found] == [
        ("account:nuc04", Severity.CRITICAL),
        ("unknown:SHA256:other", Severity.NOTICE),
    ]
    assert "SHA256:old" in found[0].evidence[0].text


def test_where_my_own_keys_are_not_known_nobody_is_called_a_stranger() -> None:
    account = AccountKeys("kkato", "/home/kkato", (STRANGER,))
    assert told(accounts=(("nuc04", Reading(account, NOW)),)) == ()


def test_a_source_that_is_away_is_an_incident_since_nobody_tells_what_happens_there() -> None:
    away: Reading[object] = Reading(problem="no answer within 3 s", failures=1)
    empty: Reading[object] = Reading(taken_at=NOW, missing="no kube-state-metrics series")
    found = told(clusters=(("nuc", away),), prometheus=(("main", empty),))
    assert [(one.key, one.severity) for one in found] == [
        ("cluster:nuc", Severity.CRITICAL),
        ("prometheus:main", Severity.WARNING),
    ]
    assert found[1].title == "Prometheus main has no data"


def test_a_source_that_missed_one_answer_is_not_away_yet() -> None:
    late: Reading[object] = Reading(value=object(), taken_at=NOW, problem="no answer within 3 s", failures=1)
    assert told(clusters=(("nuc", late),)) == ()
    assert told(clusters=(("nuc", replace(late, taken_at=NOW - timedelta(minutes=2))),)) != ()


def test_work_left_undone_is_critical() -> None:
    [one] = told(unfinished=("poe.cycle on sw1/3",))
    assert one.severity is Severity.CRITICAL
    assert "poe.cycle on sw1/3" in one.title


def test_the_most_urgent_and_then_the_newest_comes_first() -> None:
    jobs = (failed("old", "nuc01", 600), failed("new", "nuc01", 10))
    found = told(view("rpi01", state=NodeState.DOWN), jobs=jobs)
    assert [one.key for one in found] == ["node:rpi01", "job:nuc/ops/new", "job:nuc/ops/old"]
    assert found[1].since is not None
    assert NOW - found[1].since < timedelta(minutes=10)
