"""The JSON documents against the contract, name by name: what is absent is null, and never "", -1 or 0."""

import json
from datetime import timedelta
from typing import cast

import pytest

from homelab_tui.config.model import ClusterConfig, Config, PrometheusConfig, SwitchConfig
from homelab_tui.domain.jobs import (
    AlertState,
    CronJob,
    Job,
    JobId,
    JobState,
    MetricsSnapshot,
    Run,
    RunResult,
    Verdict,
    Witness,
)
from homelab_tui.domain.keys import (
    AccountKeys,
    CellState,
    FoundAccount,
    HostKey,
    HostKeyState,
    KeyCell,
    KeyLogins,
    PublicKey,
    Sighting,
)
from homelab_tui.domain.nodes import Disk, KubeNode, Node, NodeFacts, NodeSpec, NodeState
from homelab_tui.domain.operations import Result
from homelab_tui.domain.poe import Detection, PoePort, PortRef, PseGroup, SwitchReading
from homelab_tui.domain.reading import Health, HealthState, Reading
from homelab_tui.domain.state import ClusterJobs, JobsView, LabState, NodeView
from homelab_tui.domain.values import replace
from homelab_tui.present.documents import (
    Document,
    cronjob_document,
    health_document,
    job_document,
    jobs_document,
    node_document,
    nodes_document,
    poe_document,
    results_document,
    together,
)
from homelab_tui.present.key_documents import keys_document
from tests.fakes import START

HEALTH = {"state", "age_s", "problem"}
JOB = {
    *("cluster", "namespace", "name", "uid", "cronjob", "state", "reason", "message", "exit_code", "node", "failed_at"),
    *("started_at", "duration_s", "attempts", "backoff_limit", "completions", "succeeded"),
    *("ttl_seconds_after_finished", "seen_by", "superseded", "alert"),
}
CRONJOB = {
    *("cluster", "namespace", "name", "schedule", "time_zone", "suspended", "verdict", "last_scheduled_at"),
    *("last_succeeded_at", "next_run_at", "failed_jobs", "history"),
}
NODE = {
    *("name", "host", "state", "why", "model", "kind", "arch", "cores", "threads", "memory_bytes", "disk_bytes", "os"),
    *("kernel", "declared", "drift", "reachable", "uptime_s", "temperature_c", "load1", "memory_used_bytes"),
    *("disk_used_bytes", "kubernetes", "throttled", "poe"),
}
PORT = {
    *("switch", "group", "port", "label", "node", "admin", "detection", "class", "power_w", "voltage_v", "current_ma"),
    *("denied_count", "allocated_w"),
}
SWITCH = {
    "name",
    "source",
    "budget_w",
    "drawn_w",
    "reserved_w",
    "health",
    "ports",
    "model",
    "one_more_hat_fits",
    "findings",
}
ACCOUNT = {
    *("name", "account", "health", "host_key", "password_login", "sudo", "authorized", "unknown", "cells", "problems"),
}

REF = PortRef("sw1", 1, 3)
FULL_PORT = PoePort(
    REF,
    label="rpi03",
    admin_on=True,
    detection=Detection.DELIVERING,
    power_class=4,
    power_mw=6_440,
    voltage_mv=53_780,
    current_ma=120,
    denied_count=0,
)
FULL_JOB = Job(
    JobId("nuc", "backup", "backup-1"),
    JobState.FAILED,
    uid="u1",
    cronjob="backup",
    reason="BackoffLimitExceeded",
    message="Job has reached the specified backoff limit",
    exit_code=0,
    node="rpi03",
    started_at=START - timedelta(minutes=2),
    failed_at=START - timedelta(minutes=1, microseconds=-5),
    attempts=2,
    backoff_limit=0,
    completions=1,
    succeeded=0,
    ttl_seconds_after_finished=0,
    seen_by=(Witness.PROMETHEUS, Witness.KUBERNETES),
    alert=AlertState.FIRING,
)
EMPTY_JOB = Job(JobId("nuc", "a", "b"), JobState.PENDING, reason="", message="")
FULL_FACTS = NodeFacts(
    model="Raspberry Pi 4 Model B Rev 1.4",
    kind="raspberry-pi",
    arch="aarch64",
    kernel="5.19.0-1015-raspi",
    os="Ubuntu 22.10",
    cores=4,
    threads=4,
    memory_bytes=3_884_000_000,
    memory_used_bytes=1_000_000_000,
    root_used_bytes=9_000_000_000,
    disks=(Disk("mmcblk0", 62_500_000_000, "microsd"),),
    uptime_s=12.345678,
    load1=0.5,
    temperature_c=51.23456,
    throttled=("under-voltage-since-boot",),
)
FULL_VIEW = NodeView(
    Node("rpi03", "10.0.0.3", spec=NodeSpec("Raspberry Pi 4B", 4, 8_000_000_000, 64_000_000_000, "Ubuntu 22.10")),
    NodeState.UP,
    reachable=True,
    facts=FULL_FACTS,
    kubernetes=KubeNode("nuc", "rpi03", "n3", True, ("worker",), "v1.26.0"),
    port=FULL_PORT,
)
EMPTY_VIEW = NodeView(Node("rpi04", "rpi04"))


def names(value: object) -> set[str]:
    return set(cast(Document, value))


def leaves(value: object, path: str = "") -> list[tuple[str, object]]:
    """Every scalar of a document with its path."""
    if isinstance(value, dict):
        return [leaf for key, item in value.items() for leaf in leaves(item, f"{path}.{key}")]
    if isinstance(value, list):
        return [leaf for number, item in enumerate(value) for leaf in leaves(item, f"{path}[{number}]")]
    return [(path, value)]


@pytest.mark.parametrize("job", [FULL_JOB, EMPTY_JOB])
def test_a_job_has_the_contracts_names(job: Job) -> None:
    assert names(job_document(job, START)) == JOB


def test_a_full_job_is_told_as_it_is() -> None:
    document = job_document(FULL_JOB, START)
    assert document == {
        **document,
        "state": "failed",
        "exit_code": 0,
        "succeeded": 0,
        "backoff_limit": 0,
        "ttl_seconds_after_finished": 0,
        "started_at": "2026-11-23T06:28:00Z",
        "failed_at": "2026-11-23T06:29:00Z",
        "duration_s": 60.0,
        "seen_by": ["prometheus", "kubernetes"],
        "alert": "firing",
        "superseded": False,
    }


def test_what_a_job_does_not_tell_is_null() -> None:
    told = {key: value for key, value in job_document(EMPTY_JOB, START).items() if value is not None}
    assert told == {
        "cluster": "nuc",
        "namespace": "a",
        "name": "b",
        "state": "pending",
        "seen_by": [],
        "superseded": False,
    }


def test_a_cronjob_full_and_empty() -> None:
    empty = CronJob("nuc", "db", "vacuum", schedule="", time_zone="")
    full = replace(
        empty,
        schedule="0 3 * * *",
        time_zone="Europe/Berlin",
        verdict=Verdict.NEVER_SUCCEEDED,
        last_scheduled_at=START,
        last_succeeded_at=START,
        next_run_at=START,
        failed_jobs=3,
        history=(Run(START, RunResult.FAILED),),
    )
    assert names(cronjob_document(full)) == names(cronjob_document(empty)) == CRONJOB
    assert cronjob_document(full)["verdict"] == "never-succeeded"
    assert cronjob_document(full)["history"] == [{"at": "2026-11-23T06:30:00Z", "result": "failed"}]
    nulls = {key for key, value in cronjob_document(empty).items() if value is None}
    assert nulls == {"schedule", "time_zone", "last_scheduled_at", "last_succeeded_at", "next_run_at"}
    assert cronjob_document(empty)["failed_jobs"] == 0, "a count of nothing is 0"


def test_a_full_node_is_told_as_it_is() -> None:
    document = node_document(FULL_VIEW)
    assert names(document) == NODE
    assert document == {
        **document,
        "state": "up",
        "why": None,
        "kind": "raspberry-pi",
        "disk_bytes": 62_500_000_000,
        "disk_used_bytes": 9_000_000_000,
        "reachable": True,
        "uptime_s": 12.35,
        "temperature_c": 51.23,
        "kubernetes": {"cluster": "nuc", "role": "worker", "ready": True, "kubelet": "v1.26.0"},
        "throttled": ["under-voltage-since-boot"],
        "drift": [{"field": "memory_bytes", "declared": 8_000_000_000, "found": 3_884_000_000}],
    }
    assert names(document["poe"]) == PORT
    assert cast(Document, document["poe"])["node"] == "rpi03"


def test_a_node_that_was_never_reached_is_null_but_for_its_name() -> None:
    document = node_document(EMPTY_VIEW)
    assert names(document) == NODE
    told = {key: value for key, value in document.items() if value is not None}
    declared = {"model": None, "cores": None, "memory_bytes": None, "disk_bytes": None, "os": None}
    assert told == {
        "name": "rpi04",
        "host": "rpi04",
        "state": "unknown",
        "kind": "other",
        "declared": declared,
        "drift": [],
    }


def test_well_is_an_empty_list_and_untold_is_null() -> None:
    well = node_document(replace(FULL_VIEW, facts=replace(FULL_FACTS, throttled=())))
    untold = node_document(replace(FULL_VIEW, facts=replace(FULL_FACTS, throttled=None)))
    assert (well["throttled"], untold["throttled"]) == ([], None)


@pytest.mark.parametrize("nonsense", [float("nan"), float("inf"), float("-inf")])
def test_what_json_has_no_number_for_is_null(nonsense: float) -> None:
    facts = replace(FULL_FACTS, uptime_s=nonsense, temperature_c=nonsense, load1=nonsense)
    document = node_document(replace(FULL_VIEW, facts=facts))
    assert (document["uptime_s"], document["temperature_c"], document["load1"]) == (None, None, None)
    json.dumps(document, allow_nan=False)


@pytest.mark.parametrize(("roles", "role"), [((), "worker"), (("etcd", "control-plane"), "control-plane")])
def test_the_role_is_one_word(roles: tuple[str, ...], role: str) -> None:
    view = replace(FULL_VIEW, kubernetes=KubeNode("nuc", "n", "u", None, roles))
    assert node_document(view)["kubernetes"] == {"cluster": "nuc", "role": role, "ready": None, "kubelet": None}


CONFIG = Config(
    switches=(SwitchConfig("sw1"), SwitchConfig("sw2", source="unifi")),
    clusters=(ClusterConfig("nuc"), ClusterConfig("pi")),
    prometheus=(PrometheusConfig("main", url="http://x", cluster="nuc"), PrometheusConfig("edge", url="http://y")),
)
READ = SwitchReading("sw1", "snmp", (FULL_PORT, PoePort(PortRef("sw1", 1, 4))), (PseGroup(1, 65_000, 12_500),))


def test_the_switches_full_and_unread() -> None:
    state = LabState(
        switches=(("sw1", Reading(READ, START)), ("sw2", Reading(problem="no answer"))), node_views=(FULL_VIEW,)
    )
    document = poe_document(state, CONFIG, START)
    assert names(document) == {"taken_at", "switches"}
    full, unread = cast(list[Document], document["switches"])
    assert names(full) == names(unread) == SWITCH
    assert names(full["health"]) == HEALTH
    assert (full["budget_w"], full["drawn_w"], full["reserved_w"]) == (65.0, 12.5, 30.0)
    first, second = cast(list[Document], full["ports"])
    assert names(first) == names(second) == PORT
    assert (first["admin"], first["detection"], first["class"], first["power_w"], first["voltage_v"]) == (
        "on",
        "delivering",
        4,
        6.44,
        53.78,
    )
    assert first["denied_count"] == 0
    assert {key for key, value in second.items() if value is not None} == {"switch", "group", "port"}
    assert unread == {
        "name": "sw2",
        "source": "unifi",
        "budget_w": None,
        "drawn_w": None,
        "reserved_w": None,
        "health": {"state": "down", "age_s": None, "problem": "no answer"},
        "model": None,
        "one_more_hat_fits": None,
        "findings": [],
        "ports": [],
    }


def test_a_switch_says_what_was_odd_and_whether_it_has_room() -> None:
    odd = replace(READ, ports=READ.ports[:1], model="GS308EPP", findings=("group 1: UsageThreshold 0",))
    state = LabState(switches=(("sw1", Reading(odd, START)),))
    (switch,) = cast(list[Document], poe_document(state, CONFIG, START)["switches"])
    assert (switch["model"], switch["findings"]) == ("GS308EPP", ["group 1: UsageThreshold 0"])
    assert switch["one_more_hat_fits"] is True


def test_a_port_that_two_nodes_do_not_share_belongs_to_the_one_it_feeds() -> None:
    state = LabState(switches=(("sw1", Reading(READ, START)),), node_views=(FULL_VIEW, EMPTY_VIEW))
    switches = cast(list[Document], poe_document(state, CONFIG, START)["switches"])
    assert [port["node"] for port in cast(list[Document], switches[0]["ports"])] == ["rpi03", None]


LATER = START + timedelta(hours=1)
KEY = PublicKey("ssh-ed25519", b"x", "me", "/k.pub", 256, "SHA256:mine")
CELLS = (
    KeyCell("SHA256:mine", CellState.PRESENT, 1),
    KeyCell("SHA256:theirs", CellState.RESTRICTED, 2, options="no-pty", type="ssh-ed25519"),
    KeyCell("SHA256:mine", CellState.DUPLICATE, 3),
)


def test_the_keys_full_and_unread() -> None:
    state = LabState(
        nodes=(Node("rpi01", "rpi01", user="kkato"), Node("rpi02", "rpi02", user="kkato"), Node("rpi03", "rpi03")),
        my_keys=(KEY, PublicKey("ssh-rsa", b"", path="")),
        accounts=(
            ("rpi01", Reading(AccountKeys("kkato", "/home/kkato", CELLS, ("line 4: no key",), sudo=False), START)),
            ("rpi02", Reading(problem="no answer within 3 s")),
            ("root@rpi02", Reading()),
            ("rpi03", Reading()),
        ),
        host_keys=(("rpi01", HostKey(HostKeyState.NEW_TYPE, "ssh-ed25519", "SHA256:h", "rpi01")),),
    )
    document = keys_document(state, START)
    assert names(document) == {"taken_at", "keys", "nodes", "unknown_keys"}
    beside = {"made_at": None, "has_passphrase": None, "in_agent": False}
    assert document["keys"] == [
        {"fingerprint": "SHA256:mine", "type": "ssh-ed25519", "bits": 256, "comment": "me", "path": "/k.pub", **beside},
        {"fingerprint": "", "type": "ssh-rsa", "bits": None, "comment": None, "path": None, **beside},
    ]
    first, silent, root, unread = cast(list[Document], document["nodes"])
    assert names(first) == names(silent) == ACCOUNT | {"via", "server_version", "methods", "password_by_config"}
    assert first == {
        **first,
        "host_key": "new-type",
        "sudo": False,
        "password_login": None,
        "authorized": ["SHA256:mine", "SHA256:theirs"],
        "unknown": ["SHA256:theirs"],
        "problems": ["line 4: no key"],
    }
    assert cast(list[Document], first["cells"])[1] == {
        "fingerprint": "SHA256:theirs",
        "state": "restricted",
        "line": 2,
        "options": "no-pty",
    }
    assert (silent["authorized"], silent["cells"], silent["host_key"]) == (None, [], None)
    assert silent["problems"] == ["no answer within 3 s"]
    assert [(node["name"], node["account"]) for node in (first, silent, root, unread)] == [
        ("rpi01", "kkato"),
        ("rpi02", "kkato"),
        ("rpi02", "root"),
        ("rpi03", None),
    ]


def test_another_account_of_a_node_is_an_entry_of_its_own_and_a_file_unread_is_no_absence() -> None:
    root = FoundAccount("root", "/root", (KeyCell("SHA256:theirs", CellState.PRESENT, 1, type="ssh-rsa"),))
    bob = FoundAccount("bob", "/home/bob", unread=(".ssh/authorized_keys",))
    account = AccountKeys("kkato", "/home/kkato", others=(root, bob), sudo=True)
    state = LabState(
        nodes=(Node("rpi01", "rpi01", user="kkato"), Node("rpi02", "rpi02")),
        my_keys=(KEY,),
        accounts=(("rpi01", Reading(account, START)), ("rpi02", Reading(AccountKeys("root", "/root", CELLS), START))),
        ways=(("rpi01", ("bastion",)), ("rpi02", ())),
        sightings=(Sighting("rpi02", "SHA256:theirs", START), Sighting("root@rpi01", "SHA256:theirs", LATER)),
        logins=(("rpi01", Reading(KeyLogins(START, (("SHA256:theirs", LATER),)), START)),),
    )
    document = keys_document(state, LATER)
    nodes = cast(list[Document], document["nodes"])
    assert [(node["name"], node["account"]) for node in nodes] == [
        ("rpi01", "kkato"),
        ("rpi01", "root"),
        ("rpi01", "bob"),
        ("rpi02", "root"),
    ]
    assert [node["authorized"] for node in nodes[:3]] == [[], ["SHA256:theirs"], None]
    assert (nodes[0]["via"], nodes[3]["via"]) == (["bastion"], [])
    assert document["unknown_keys"] == [
        {
            "fingerprint": "SHA256:theirs",
            "type": "ssh-rsa",
            "comment": None,
            "first_seen_at": "2026-11-23T06:30:00Z",
            "last_used_at": "2026-11-23T07:30:00Z",
            "accounts": ["root@rpi01", "rpi02"],
        }
    ]


def test_the_jobs_name_both_kinds_and_every_cluster() -> None:
    state = LabState(
        clusters=(("nuc", Reading(ClusterJobs("nuc"), START)), ("pi", Reading(problem="refused"))),
        prometheus=(
            ("main", Reading(MetricsSnapshot("nuc"), START)),
            ("edge", Reading(MetricsSnapshot("edge"), START)),
        ),
        jobs=JobsView((FULL_JOB,), (CronJob("nuc", "a", "b"),)),
    )
    document = jobs_document(state, CONFIG, START, state.jobs.jobs, state.jobs.cronjobs)
    assert names(document) == {"taken_at", "sources", "clusters", "jobs", "cronjobs"}
    assert document["taken_at"] == "2026-11-23T06:30:00Z"
    sources = cast(Document, document["sources"])
    assert names(sources) == {"prometheus", "kubernetes"}
    assert cast(Document, sources["prometheus"])["state"] == "ok"
    assert cast(Document, sources["kubernetes"])["state"] == "stale", "half of it answers"
    told = [
        (c["name"], cast(Document, c["prometheus"])["state"], cast(Document, c["kubernetes"])["state"])
        for c in cast(list[Document], document["clusters"])
    ]
    assert told == [("nuc", "ok", "ok"), ("pi", "off", "down"), ("edge", "ok", "off")]


def test_results_have_the_contracts_names() -> None:
    document = results_document([Result("a", ok=True, changed=False, detail="x")], dry_run=True)
    assert document == {
        "dry_run": True,
        "results": [{"target": "a", "ok": True, "changed": False, "detail": "x", "proven": None, "created": None}],
    }


def test_an_empty_lab_is_a_document_too() -> None:
    config = Config()
    for document in (
        jobs_document(LabState(), config, START, (), ()),
        nodes_document(LabState(), START),
        poe_document(LabState(), config, START),
        keys_document(LabState(), START),
    ):
        assert document["taken_at"] == "2026-11-23T06:30:00Z"
        assert all(value in (None, "off", "2026-11-23T06:30:00Z") for _, value in leaves(document))


def test_nothing_that_is_absent_is_an_empty_text_or_minus_one() -> None:
    state = LabState(
        nodes=(EMPTY_VIEW.node,),
        node_views=(EMPTY_VIEW, NodeView(Node("x", "x"), facts=NodeFacts(model="", arch="", os="", kernel=""))),
        switches=(("sw1", Reading(SwitchReading("sw1", "snmp", (PoePort(REF, label=""),)), START)),),
        accounts=(("rpi04", Reading(AccountKeys("me", "/home/me", (replace(CELLS[0], options=""),)), START)),),
        jobs=JobsView((EMPTY_JOB,), (CronJob("nuc", "a", "b", schedule=""),)),
    )
    documents: list[Document] = [
        jobs_document(state, CONFIG, START, state.jobs.jobs, state.jobs.cronjobs),
        nodes_document(state, START),
        poe_document(state, CONFIG, START),
        keys_document(state, START),
    ]
    bad = [leaf for document in documents for leaf in leaves(document) if leaf[1] in ("", -1)]
    assert bad == []


# Health


def word(state: HealthState, problem: str | None = None, age_s: float | None = None) -> Health:
    return Health(state, age_s, problem)


OK, DOWN, STARTING, STALE, NO_DATA = (
    word(HealthState.OK, None, 1.0),
    word(HealthState.DOWN, "a: no answer"),
    word(HealthState.STARTING),
    word(HealthState.STALE, "b: no answer", 30.04),
    word(HealthState.NO_DATA, "c: nothing scraped", 2.0),
)
TOGETHER: list[tuple[list[Health], HealthState, str | None]] = [
    ([], HealthState.OFF, None),
    ([OK, OK], HealthState.OK, None),
    ([DOWN, DOWN], HealthState.DOWN, "a: no answer"),
    ([DOWN, STARTING], HealthState.DOWN, "a: no answer"),
    ([OK, DOWN], HealthState.STALE, "a: no answer"),
    ([NO_DATA, NO_DATA], HealthState.NO_DATA, "c: nothing scraped"),
    ([DOWN, NO_DATA], HealthState.STALE, "a: no answer; c: nothing scraped"),
    ([OK, STALE], HealthState.STALE, "b: no answer"),
]


@pytest.mark.parametrize(("words", "state", "problem"), TOGETHER)
def test_several_sources_are_one_word(words: list[Health], state: HealthState, problem: str | None) -> None:
    found = together(words)
    assert (found.state, found.problem) == (state, problem)


def test_a_health_has_its_age_with_one_decimal_and_null_without() -> None:
    assert health_document(STALE) == {"state": "stale", "age_s": 30.0, "problem": "b: no answer"}
    assert health_document(DOWN) == {"state": "down", "age_s": None, "problem": "a: no answer"}
