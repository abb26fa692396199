"""Rows, details and plans of any state at all: they never raise, and nothing foreign commands the terminal."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from homelab_tui.domain.incidents import incidents as incidents_of
from homelab_tui.domain.jobs import CronJob, Job, JobId, JobPod, JobState, Run
from homelab_tui.domain.keys import (
    AccountKeys,
    CellState,
    FoundAccount,
    HostKey,
    KeyCell,
    KeyLogins,
    PublicKey,
    Sighting,
)
from homelab_tui.domain.nodes import Disk, Interface, KubeNode, Node, NodeFacts, NodeSpec, NodeState, PoeHat
from homelab_tui.domain.operations import Operation, OperationState, Plan, PlanStep, Result
from homelab_tui.domain.poe import Detection, PoePort, PortRef, PseGroup, SwitchReading
from homelab_tui.domain.reading import Reading
from homelab_tui.domain.state import ClusterJobs, JobsView, LabState, NodeView
from homelab_tui.domain.values import replace
from homelab_tui.present import details, healths, incidents, jobs, keys, nodes, plans, reports, times
from homelab_tui.present.table import Row
from tests.fakes import START

HOSTILE = [
    "[/etc/ssh] denied",
    "[red]",
    "\x1b[2J\x1b]0;owned\x07",
    "a\nb\tc",
    "\u202etxt.exe",
    "\udc80",
    "",
    "x" * 3_000,
]

TEXT = st.one_of(st.sampled_from(HOSTILE), st.text(max_size=20))
MAYBE_TEXT = st.none() | TEXT
MAYBE_INT = st.none() | st.integers(-5, 2**60)
MAYBE_FLOAT = st.none() | st.floats(allow_nan=True, allow_infinity=True)
FIRST, LAST = datetime(1, 1, 1), datetime(9999, 12, 30)  # noqa: DTZ001  (hypothesis adds the zone)
MOMENTS = st.none() | st.datetimes(FIRST, LAST, timezones=st.just(UTC))
NAMES = st.sampled_from(["rpi01", "rpi02", "nuc01", *HOSTILE])
BOOLS = st.none() | st.booleans()


def optional(strategy: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    return st.none() | strategy


def many(strategy: st.SearchStrategy[object], most: int = 2) -> st.SearchStrategy[tuple[object, ...]]:
    return st.lists(strategy, max_size=most).map(tuple)


FACTS = st.builds(
    NodeFacts,
    model=MAYBE_TEXT,
    arch=MAYBE_TEXT,
    kernel=MAYBE_TEXT,
    os=MAYBE_TEXT,
    cpu_model=MAYBE_TEXT,
    cores=MAYBE_INT,
    threads=MAYBE_INT,
    memory_bytes=MAYBE_INT,
    board_memory_bytes=MAYBE_INT,
    memory_used_bytes=MAYBE_INT,
    root_size_bytes=MAYBE_INT,
    root_used_bytes=MAYBE_INT,
    disks=many(st.builds(Disk, name=TEXT, size_bytes=st.integers(0, 2**60), kind=TEXT, model=MAYBE_TEXT)),
    interfaces=many(
        st.builds(Interface, name=TEXT, mac=MAYBE_TEXT, speed_mbps=MAYBE_INT, is_up=BOOLS, addresses=many(TEXT))
    ),
    bios=MAYBE_TEXT,
    uptime_s=MAYBE_FLOAT,
    load1=MAYBE_FLOAT,
    temperature_c=MAYBE_FLOAT,
    throttled=st.none() | many(TEXT),
    hat=optional(st.builds(PoeHat, product=MAYBE_TEXT, online=BOOLS, current_ma=MAYBE_INT, health=MAYBE_TEXT)),
    clock_skew_s=MAYBE_FLOAT,
    clock_synchronised=BOOLS,
    reboot_required=BOOLS,
    failed_units=st.none() | many(TEXT),
)
REFS = st.builds(PortRef, switch=st.just("sw1"), group=st.integers(1, 2), port=st.integers(1, 4))
PORTS = st.builds(
    PoePort,
    ref=REFS,
    label=MAYBE_TEXT,
    admin_on=BOOLS,
    detection=optional(st.sampled_from(Detection)),
    power_class=MAYBE_INT,
    power_mw=MAYBE_INT,
    voltage_mv=MAYBE_INT,
    current_ma=MAYBE_INT,
    denied_count=MAYBE_INT,
    overload_count=MAYBE_INT,
    short_count=MAYBE_INT,
    link_up=BOOLS,
    speed_mbps=MAYBE_INT,
)
SWITCHES = st.builds(
    SwitchReading,
    name=st.just("sw1"),
    source=st.just("snmp"),
    ports=many(PORTS),
    groups=many(st.builds(PseGroup, group=st.just(1), budget_mw=MAYBE_INT, drawn_mw=MAYBE_INT), 1),
    model=MAYBE_TEXT,
    findings=many(TEXT),
)
NODES = st.builds(
    Node,
    name=NAMES,
    host=TEXT,
    user=MAYBE_TEXT,
    port=MAYBE_INT,
    poe=st.none() | REFS,
    spec=st.builds(
        NodeSpec, model=MAYBE_TEXT, cores=MAYBE_INT, memory_bytes=MAYBE_INT, disk_bytes=MAYBE_INT, os=MAYBE_TEXT
    ),
)
KUBE = st.builds(
    KubeNode,
    cluster=TEXT,
    name=NAMES,
    uid=TEXT,
    ready=BOOLS,
    roles=many(TEXT),
    kubelet=MAYBE_TEXT,
    unschedulable=st.booleans(),
    conditions=many(TEXT),
)
VIEWS = st.builds(
    NodeView,
    node=NODES,
    state=st.sampled_from(NodeState),
    why=MAYBE_TEXT,
    reachable=BOOLS,
    facts=st.none() | FACTS,
    kubernetes=st.none() | KUBE,
    port=st.none() | PORTS,
    port_note=MAYBE_TEXT,
)
JOB_IDS = st.builds(JobId, cluster=st.just("nuc"), namespace=TEXT, name=NAMES)
JOBS = st.builds(
    Job,
    id=JOB_IDS,
    state=st.sampled_from(JobState),
    uid=MAYBE_TEXT,
    cronjob=st.none() | NAMES,
    reason=MAYBE_TEXT,
    message=MAYBE_TEXT,
    exit_code=MAYBE_INT,
    exit_reason=MAYBE_TEXT,
    node=st.none() | NAMES,
    created_at=MOMENTS,
    started_at=MOMENTS,
    failed_at=MOMENTS,
    completed_at=MOMENTS,
    scheduled_at=MOMENTS,
    deleted_at=MOMENTS,
    attempts=MAYBE_INT,
    backoff_limit=MAYBE_INT,
    completions=MAYBE_INT,
    succeeded=MAYBE_INT,
    failed_indexes=MAYBE_TEXT,
    ttl_seconds_after_finished=MAYBE_INT,
    finalizers=many(TEXT),
    superseded=st.booleans(),
    alert_since=MOMENTS,
)
CRONJOBS = st.builds(
    CronJob,
    cluster=st.just("nuc"),
    namespace=TEXT,
    name=NAMES,
    schedule=MAYBE_TEXT,
    time_zone=MAYBE_TEXT,
    suspended=st.booleans(),
    concurrency_policy=TEXT,
    failed_jobs_history_limit=MAYBE_INT,
    job_ttl_s=MAYBE_INT,
    last_scheduled_at=MOMENTS,
    last_succeeded_at=MOMENTS,
    next_run_at=MOMENTS,
    history=many(st.builds(Run, at=MOMENTS.filter(bool))),
)
PODS = st.builds(
    JobPod,
    cluster=TEXT,
    namespace=TEXT,
    name=TEXT,
    uid=TEXT,
    job_uid=MAYBE_TEXT,
    job_name=MAYBE_TEXT,
    node=MAYBE_TEXT,
    phase=MAYBE_TEXT,
    exit_code=MAYBE_INT,
    exit_reason=MAYBE_TEXT,
)
MY_KEYS = st.builds(
    PublicKey, type=TEXT, blob=st.just(b""), comment=TEXT, path=MAYBE_TEXT, fingerprint=st.sampled_from(["a", "b"])
)
ACCOUNTS = st.builds(
    AccountKeys,
    account=TEXT,
    home=TEXT,
    cells=many(
        st.builds(
            KeyCell,
            fingerprint=st.sampled_from(["a", "b", "\x1b"]),
            line=st.integers(1, 9),
            options=MAYBE_TEXT,
            type=TEXT,
            comment=TEXT,
        )
    ),
    problems=many(TEXT),
    password_login=BOOLS,
    sudo=BOOLS,
    server_version=MAYBE_TEXT,
    login_fingerprint=MAYBE_TEXT,
)
HOST_KEYS = st.builds(HostKey, key_type=TEXT, fingerprint=TEXT, host=TEXT, known_at=MAYBE_TEXT)
RESULTS = st.builds(Result, target=TEXT, ok=st.booleans(), changed=st.booleans(), detail=TEXT)
OPERATIONS = st.builds(
    Operation,
    id=TEXT,
    kind=TEXT,
    target=st.sampled_from(["node:rpi01", "port:sw1/1", "account:rpi01", "job:nuc/a/b"]),
    state=st.sampled_from(OperationState),
    stage=TEXT,
    started_at=st.just(START),
    ended_at=MOMENTS,
    result=st.none() | RESULTS,
)


def readings(values: st.SearchStrategy[object]) -> st.SearchStrategy[Reading[object]]:
    return st.builds(
        Reading,
        value=st.none() | values,
        taken_at=st.none() | st.just(START),
        problem=MAYBE_TEXT,
        failures=st.integers(0, 9),
        next_try_at=MOMENTS,
        missing=MAYBE_TEXT,
        off=st.booleans(),
    )


def named(name: st.SearchStrategy[str], values: st.SearchStrategy[object]) -> st.SearchStrategy[tuple[object, ...]]:
    return many(st.tuples(name, readings(values)))


STATES = st.builds(
    LabState,
    nodes=many(NODES),
    my_keys=many(MY_KEYS),
    probes=named(NAMES, FACTS),
    reachability=named(NAMES, st.booleans()),
    accounts=named(NAMES, ACCOUNTS),
    host_keys=many(st.tuples(NAMES, HOST_KEYS)),
    switches=named(st.sampled_from(["sw1", "\x1b"]), SWITCHES),
    clusters=named(st.sampled_from(["nuc"]), st.builds(ClusterJobs, cluster=st.just("nuc"), pods=many(PODS))),
    jobs=st.builds(JobsView, jobs=many(JOBS), cronjobs=many(CRONJOBS)),
    node_views=many(VIEWS),
    operations=many(OPERATIONS),
)
NOWS = st.sampled_from([START, START + timedelta(days=4_000), START - timedelta(days=4_000)])
THOROUGH = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


def is_harmless(text: str) -> bool:
    return all(character.isprintable() or character == "\n" for character in text)


def check(rows: tuple[Row, ...], columns: int) -> None:
    assert all(len(row.cells) == columns for row in rows)
    for row in rows:
        for cell in row.cells:
            assert isinstance(cell.text, str)


@THOROUGH
@given(STATES, NOWS)
def test_rows_of_any_state_fit_their_columns(state: LabState, now: datetime) -> None:
    check(nodes.rows(state, now), len(nodes.COLUMNS))
    check(jobs.rows(state, now), len(jobs.COLUMNS))
    check(keys.rows(state, now), len(keys.columns(state.my_keys)))
    check(incidents.rows(incidents_of(state, now), now), len(incidents.COLUMNS))
    assert isinstance(jobs.empty_text(state, now), str)
    assert all(isinstance(pill.text, str) for pill in healths.pills(state, now))
    assert all(is_harmless(column.label) for column in keys.columns(state.my_keys))


@THOROUGH
@given(STATES, NOWS)
def test_details_of_any_row_are_harmless(state: LabState, now: datetime) -> None:
    rows = (*nodes.rows(state, now), *jobs.rows(state, now), *keys.rows(state, now))
    for row in rows:
        found = details.details(state, row.key, now)
        if found is not None:
            title, text = found
            assert is_harmless(title), repr(title)
            assert is_harmless(text.plain), repr(text.plain)


@THOROUGH
@given(STATES, NOWS)
def test_incidents_of_any_state_are_harmless_and_told(state: LabState, now: datetime) -> None:
    found = incidents_of(state, now)
    assert all(is_harmless(incidents.text(incident, now).plain) for incident in found)
    assert incidents.document(found, now)["taken_at"] == times.rfc3339(now)


@THOROUGH
@given(STATES, NOWS)
def test_a_report_of_any_state_keeps_its_tables_and_obeys_no_markup(state: LabState, now: datetime) -> None:
    text = reports.report(state, now)
    assert is_harmless(text), repr(text)
    for table in re.findall(r"(?:^\|.*\n?)+", text, re.MULTILINE):
        widths = {len(re.findall(r"(?<!\\)(?:\\\\)*\|", line)) for line in table.splitlines()}
        assert len(widths) == 1, table
    assert not re.search(r"(?<!\\)(?:\\\\)*[<\[]", text)


@given(
    st.builds(
        Plan,
        kind=TEXT,
        title=TEXT,
        steps=many(st.builds(PlanStep, target=TEXT, text=TEXT), 20),
        notes=many(TEXT),
        warnings=many(TEXT),
        refusals=many(TEXT),
    ),
    many(RESULTS, 3),
)
def test_plans_are_harmless_and_results_are_a_sentence(plan: Plan, results: tuple[Result, ...]) -> None:
    assert is_harmless(plans.plan_text(plan).plain)
    assert isinstance(plans.results_sentence("deleted", results), str)


@given(MAYBE_FLOAT, MAYBE_INT, MOMENTS)
def test_ages_sizes_and_times_of_anything(seconds: float | None, count: int | None, at: datetime | None) -> None:
    assert times.age(seconds)
    assert times.size(count)
    assert times.watts(count)
    assert times.local(at)
    assert times.since(at, START)
    assert times.until(at, START)
    assert (times.rfc3339(at) is None) == (at is None)


# What the words say


def state_with(view: NodeView) -> LabState:
    return LabState(nodes=(view.node,), node_views=(view,))


def row_of(state: LabState, key: str) -> list[str]:
    rows = {row.key: row for row in nodes.rows(state, START)}
    return [cell.text for cell in rows[key].cells]


VIEW = NodeView(Node("rpi01", "rpi01"), NodeState.UP, reachable=True, kubernetes=KubeNode("nuc", "rpi01", "u", True))


@pytest.mark.parametrize(
    ("ready", "cordoned", "words"),
    [
        (True, False, "nuc Ready"),
        (False, False, "nuc NotReady"),
        (None, False, "nuc Unknown"),
        (True, True, "cordoned"),
    ],
)
def test_the_cluster_cell_says_what_the_cluster_knows(ready: bool | None, cordoned: bool, words: str) -> None:
    kube = KubeNode("nuc", "rpi01", "u", ready, unschedulable=cordoned)
    assert words in " | ".join(row_of(state_with(replace(VIEW, kubernetes=kube)), "node:rpi01"))


def test_a_silent_switch_leaves_its_nodes_port_unread_not_off() -> None:
    view = replace(VIEW, node=replace(VIEW.node, poe=PortRef("sw1", 1, 1)))
    assert "sw1/1 unread" in row_of(state_with(view), "node:rpi01")


def test_an_operation_is_on_its_row_and_its_end_for_a_while() -> None:
    running = Operation("1", "poe.cycle", "node:rpi01", OperationState.RUNNING, "off, on again in 3 s", START)
    state = replace(state_with(VIEW), operations=(running,))
    assert "◐ off, on again in 3 s" in row_of(state, "node:rpi01")
    failed = Result("rpi01", ok=False, changed=True, detail="IT COULD NOT BE SWITCHED ON")
    ended = replace(running, state=OperationState.FAILED, ended_at=START, result=failed)
    state = replace(state_with(VIEW), operations=(ended,))
    words = row_of(state, "node:rpi01")
    assert "✖ not done" in words
    assert "IT COULD NOT BE SWITCHED ON" in words
    later = nodes.rows(state, START + timedelta(minutes=5))[0]
    assert "✖ not done" not in [cell.text for cell in later.cells]


def test_an_unread_account_has_no_absent_keys() -> None:
    state = LabState(
        my_keys=(PublicKey("t", b"", fingerprint="a"),), accounts=(("rpi01", Reading(problem="no answer")),)
    )
    (row,) = keys.rows(state, START)
    assert "? unread" in [cell.text for cell in row.cells]
    assert row.dim


def test_a_file_that_could_not_be_read_makes_no_key_absent() -> None:
    account = AccountKeys("me", "/home/me", unread=(".ssh/authorized_keys",))
    state = LabState(my_keys=(PublicKey("t", b"", fingerprint="a"),), accounts=(("rpi01", Reading(account, START)),))
    (row,) = keys.rows(state, START)
    assert "? unreadable" in [cell.text for cell in row.cells]


def test_roots_keys_have_a_row_below_their_node_and_strangers_say_since_when_they_are_there() -> None:
    stranger = KeyCell("SHA256:x", CellState.PRESENT, 1, comment="old")
    root = FoundAccount("root", "/root", (stranger,))
    account = AccountKeys("me", "/home/me", others=(root,), sudo=True)
    state = LabState(
        accounts=(("rpi01", Reading(account, START)),),
        sightings=(Sighting("root@rpi01", "SHA256:x", START - timedelta(days=3)),),
        logins=(("rpi01", Reading(KeyLogins(START - timedelta(days=9)), START)),),
    )
    _node, found, unknown = keys.rows(state, START)
    assert (found.key, found.level, found.cells[0].text) == ("found:rpi01:root", 1, "root")
    assert unknown.cells[-1].text == "who is this? on root@rpi01, first seen 3d ago, not used in 9d: SHA256:x"
    used = replace(state, logins=(("rpi01", Reading(KeyLogins(None, (("SHA256:x", START),)), START)),))
    assert "LAST USED 60s ago" in keys.rows(used, START + timedelta(seconds=60))[-1].cells[-1].text.replace("1m", "60s")
    never = replace(state, logins=(("rpi01", Reading(problem="no log")),))
    assert "used" not in keys.rows(never, START)[-1].cells[-1].text
    configured = replace(
        state, accounts=(*state.accounts, ("root@rpi01", Reading(AccountKeys("root", "/root"), START)))
    )
    assert [row.key for row in keys.rows(configured, START) if row.key.startswith("found:")] == []


def test_an_account_is_not_dim_between_two_reads_of_every_two_minutes() -> None:
    state = LabState(accounts=(("rpi01", Reading(AccountKeys("me", "/home/me"), START)),))
    assert not keys.rows(state, START + timedelta(seconds=130))[0].dim
    assert keys.rows(state, START + timedelta(seconds=301))[0].dim


def test_a_job_without_a_backoff_limit_does_not_claim_one() -> None:
    job = Job(JobId("nuc", "a", "b"), JobState.FAILED, attempts=2)
    state = LabState(jobs=JobsView((job,)))
    assert "2/?" in [cell.text for cell in jobs.rows(state, START)[0].cells]


def test_an_empty_value_is_a_dash_and_no_heading() -> None:
    job = Job(JobId("nuc", "a", "b"), JobState.FAILED, message="")
    found = details.details(LabState(jobs=JobsView((job,))), "job:nuc/a/b", START)
    assert found is not None
    (line,) = [line for line in found[1].plain.splitlines() if line.startswith("message")]
    assert line.split() == ["message", "–"]


def test_what_an_account_may_not_see_is_told_while_nothing_is_worse() -> None:
    noted = Reading(ClusterJobs("nuc", notes=("this account may not list pods",)), START)
    quiet = healths.pills(LabState(clusters=(("nuc", noted),)), START)
    assert [pill.problem for pill in quiet] == ["this account may not list pods"]
    worse = LabState(clusters=(("nuc", noted),), switches=(("sw1", Reading(problem="no answer")),))
    assert [pill.problem for pill in healths.pills(worse, START)] == [None, "no answer"]


def test_a_pill_says_why_and_when_it_is_tried_again() -> None:
    down: Reading[ClusterJobs] = Reading(problem="refused", next_try_at=START + timedelta(seconds=12))
    (pill,) = healths.pills(LabState(clusters=(("nuc", down),)), START)
    assert (pill.text, pill.style, pill.problem) == ("✖ k8s:nuc DOWN", "error", "refused; next try in 12s")


@pytest.mark.parametrize(
    ("results", "words"),
    [
        ((Result("rpi02", False, False, "rpi02: no way there"),), "rpi02: no way there"),
        ((Result("rpi02", True, True, "added"),), "rpi02: added"),
        ((Result("root@rpi02", False, False, "rpi02: no"),), "root@rpi02: rpi02: no"),
        ((Result("a", True, True, "x"), Result("rpi02", False, False, "rpi02: no")), "1 of 2 pushed; rpi02: no"),
    ],
)
def test_a_name_that_an_error_begins_with_is_not_said_twice(results: tuple[Result, ...], words: str) -> None:
    assert plans.results_sentence("pushed", results) == words
