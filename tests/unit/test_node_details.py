"""The detail screen and the document of a node: box, port and Jobs, each value with its witness and age."""

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

from homelab_tui.domain.ailments import Ailment
from homelab_tui.domain.curves import Curve, NodeCurves
from homelab_tui.domain.jobs import Job, JobId, JobState
from homelab_tui.domain.nodes import (
    Disk,
    Fan,
    Interface,
    KubeNode,
    Node,
    NodeFacts,
    NodeMetrics,
    NodeSpec,
    NodeState,
    PendingUpdates,
    PoeHat,
)
from homelab_tui.domain.poe import Detection, PoePort, PortRef, SwitchReading
from homelab_tui.domain.power import NodePower, PowerDay
from homelab_tui.domain.reading import Reading
from homelab_tui.domain.state import ClusterJobs, JobsView, LabState, NodeView
from homelab_tui.domain.values import replace
from homelab_tui.domain.witnesses import Claim
from homelab_tui.present.details import details
from homelab_tui.present.documents import nodes_document
from homelab_tui.present.sparklines import curve_words, sparkline

NOW = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)
PORT = PoePort(PortRef("sw1", 1, 3), "rpi03", True, Detection.DELIVERING, 4, 6_400, denied_count=2)
FACTS = NodeFacts(
    kind="raspberry-pi",
    model="Raspberry Pi 4 Model B Rev 1.4",
    os="Ubuntu 22.10",
    os_id="ubuntu",
    os_version="22.10",
    kernel="5.19.0-1015-raspi",
    memory_bytes=2_000_000_000,
    board_memory_bytes=2 * 1024**3,
    temperature_c=61.8,
    throttled=("under-voltage-since-boot",),
    hat=PoeHat("PoE+ HAT", True, 600, 2500, "Good", "Raspberry Pi"),
    fan=Fan(2, 4, 25),
    bootloader_at=datetime(2022, 1, 25, tzinfo=UTC),
    disks=(Disk("mmcblk0", 64_000_000_000, "emmc", "x", wear_percent=100, reserve="urgent"),),
    swap_bytes=100_000_000,
    swap_used_bytes=40_000_000,
    reboot_required=True,
    failed_units=("k3s.service",),
    clock_skew_s=-40.0,
    clock_synchronised=False,
)
VIEW = NodeView(
    Node("rpi03", "10.0.0.3", spec=NodeSpec(memory_bytes=4_000_000_000)),
    NodeState.UP,
    facts=FACTS,
    port=PORT,
    kubernetes=KubeNode("pi", "rpi03", "u1", True),
    claims=(Claim("kernel", "probe", "5.19.0-1015-raspi"), Claim("kernel", "kubernetes", "5.19.0-1012-raspi")),
    disagreements=("kernel: probe says 5.19.0-1015-raspi, kubernetes says 5.19.0-1012-raspi",),
    ailments=(Ailment("under-voltage", NOW - timedelta(hours=5), NOW - timedelta(minutes=4), 3),),
    updates=PendingUpdates(23, "apt", 7),
    power=NodePower((PowerDay(date(2026, 11, 23), 31_000.0, 300, 391),), "switch", 3_000, 700),
)
STATE = LabState(
    nodes=(VIEW.node,),
    node_views=(VIEW,),
    probes=(("rpi03", Reading(FACTS, NOW - timedelta(seconds=12))),),
    clusters=(("pi", Reading(ClusterJobs("pi"), NOW - timedelta(seconds=3))),),
    reachability=(("rpi03", Reading(True, NOW - timedelta(seconds=2))),),
    switches=(("sw1", Reading(SwitchReading("sw1", "snmp", ports=(PORT,)), NOW - timedelta(seconds=8))),),
    updates=(("rpi03", Reading(VIEW.updates, NOW - timedelta(minutes=20))),),
    jobs=JobsView(jobs=(Job(JobId("pi", "backup", "sd-1"), JobState.FAILED, node="rpi03", exit_code=137),)),
)
CURVES = NodeCurves(
    temperature_c=Curve((None, 48.0, 50.0, 62.0), 30.0, "Prometheus pi"), port_w=Curve((6.0,) * 4, 30.0, "this session")
)


def shown(state: LabState = STATE) -> str:
    found = details(state, "node:rpi03", NOW, CURVES, 140)
    assert found is not None
    return found[1].plain


def test_one_screen_joins_the_box_its_port_and_its_jobs() -> None:
    text = shown()
    for words in (
        "p probe 12s ago, k Kubernetes 3s ago, s sw1 (snmp) 8s ago",
        "! kernel: probe says 5.19.0-1015-raspi, kubernetes says 5.19.0-1012-raspi",
        "4.0 GB  ≠  2.1 GB on the board",
        "▁▂█  48–62 °C in 1m30s, Prometheus pi",
        "▁▁▁▁  6.0 W in 2m, this session",
        "3.0 W, 600 mA",
        "3.4 W, 53% of what goes in",
        "3.0 W, learnt from 11h",
        "0.031 kWh, 77% of the day sampled",
        "Raspberry Pi PoE+ HAT, 802.3af granted, health Good",
        "step 2 of 4, 25 %",
        "under-voltage last began",
        "(4m ago), 3 times since",
        "denied 2x",
        "Ubuntu 22.10  END OF LIFE",
        "kernel          pk  5.19.0-1015-raspi",
        "temperature     p   61.8 °C",
        "mmcblk0         p   64.0 GB emmc x, 100 %",
        "in, at the port s   6.4 W",
        "detection       s   delivering",
        "boot loader of 2022-01-25",
        "40.0 MB of 100 MB",
        "NOT synchronised",
        "23 wait, 7 for security, by apt",
        "k3s.service",
        "100 % of its life used, spare blocks urgent",
        "pi/backup/sd-1",
    ):
        assert words in text, words


def test_the_findings_come_before_everything_else_and_name_each_ailment() -> None:
    text = shown()
    assert text.index("Findings") < text.index("Declared, and measured")
    for words in (
        "mmcblk0 is worn: 100 % of its life used, spare blocks: urgent",
        "granted 802.3af only",
        "its clock is 40 s behind ours",
        "23 updates wait, 7 of them for security",
        "draws 6.4 W, usually 3.0 W",
        "swap is on: the kubelet wants it off",
    ):
        assert words in text, words


def test_a_node_of_which_nothing_is_known_has_a_screen_too() -> None:
    empty = LabState(nodes=(VIEW.node,), node_views=(NodeView(VIEW.node),))
    text = shown(empty)
    assert "never" in text
    assert "Findings" not in text


def documented(state: LabState) -> dict[str, Any]:
    """The one node of the document, as JSON has it."""
    [node] = json.loads(json.dumps(nodes_document(state, NOW)))["nodes"]
    assert isinstance(node, dict)
    return node


def test_the_document_has_every_value_with_its_witness_and_age() -> None:
    node = documented(STATE)
    assert node["witnesses"]["kernel"] == [
        {"witness": "probe", "value": "5.19.0-1015-raspi", "read_at": "2026-11-23T06:29:48Z", "age_s": 12.0},
        {"witness": "kubernetes", "value": "5.19.0-1012-raspi", "read_at": "2026-11-23T06:29:57Z", "age_s": 3.0},
    ]
    assert node["updates"] == {"count": 23, "security": 7, "witness": "apt", "age_s": 1200.0}
    assert node["energy"] == [{"day": "2026-11-23", "kwh": 0.031, "sampled_share": 0.7673, "witness": "switch"}]
    assert (node["usual_w"], node["hat"]["lost_w"], node["hat"]["granted"]) == (3.0, 3.4, "802.3af")
    assert node["ailments"][0]["last_at"] == "2026-11-23T06:26:00Z"
    assert "gets no updates" in node["end_of_life"]
    assert (node["bootloader_at"], node["reboot_required"]) == ("2022-01-25T00:00:00Z", True)


def test_what_is_measured_anew_each_time_has_its_witnesses_too() -> None:
    metrics = NodeMetrics("10.0.0.3:9100", load1=0.5, temperature_c=60.0)
    state = replace(
        STATE,
        node_views=(replace(VIEW, metrics=metrics, metrics_from="pi", facts=replace(FACTS, load1=0.5)),),
        machines=(("pi", Reading((metrics,), NOW - timedelta(seconds=5))),),
    )
    said = documented(state)["witnesses"]
    assert [(one["witness"], one["value"], one["age_s"]) for one in said["load1"]] == [("node_exporter", 0.5, 5.0)]
    assert [(one["witness"], one["value"], one["age_s"]) for one in said["temperature_c"]] == [
        ("probe", 61.8, 12.0),
        ("node_exporter", 60.0, 5.0),
    ]
    assert documented(state)["told_by"]["load1"]["witness"] == "node_exporter"
    text = shown(state)
    assert "p probe 12s ago, e node_exporter (Prometheus pi) 5s ago, k Kubernetes 3s ago" in text
    assert "load            e   0.50" in text
    assert "temperature     pe  61.8 °C" in text


MADE = {
    "name",
    "host",
    "state",
    "why",
    "declared",
    "drift",
    "findings",
    "mapping",
    "disagreements",
    "told_by",
    "witnesses",
}
"""Names of the document that nobody measured: configured, or concluded by us from what was."""
OWN = {"ailments", "energy"}
"""Lists whose entries have their own moments and witnesses."""
FULL = replace(
    FACTS,
    hostname="rpi03",
    arch="aarch64",
    cpu_model="Cortex-A72",
    cores=4,
    threads=4,
    memory_used_bytes=1,
    root_size_bytes=2,
    root_used_bytes=1,
    interfaces=(Interface("eth0", "dc:a6:32:00:00:03"),),
    bios="1",
    bios_date="06/08/2022",
    machine_id="m",
    boot_id="b",
    uptime_s=5.0,
    load1=0.0,
    virtualization="none",
)


def test_every_measured_value_of_the_document_has_its_witness_and_when_it_was_read() -> None:
    full = replace(
        STATE, node_views=(replace(VIEW, facts=FULL, reachable=True),), probes=(("rpi03", Reading(FULL, NOW)),)
    )
    node = documented(full)
    told = node["told_by"]
    measured = {name for name in node if name not in MADE | OWN}
    assert measured == {*told}
    assert [name for name in measured if node[name] is None] == []
    assert told["cores"] == {"witness": "probe", "read_at": "2026-11-23T06:30:00Z", "age_s": 0.0}
    assert told["poe"] == {"witness": "snmp", "read_at": "2026-11-23T06:29:52Z", "age_s": 8.0}
    assert told["reachable"] == {"witness": "ssh", "read_at": "2026-11-23T06:29:58Z", "age_s": 2.0}
    assert told["updates"] == {"witness": "apt", "read_at": "2026-11-23T06:10:00Z", "age_s": 1200.0}
    assert told["usual_w"] == {"witness": "switch", "read_at": None, "age_s": None}


def test_a_value_that_only_another_witness_has_is_told_by_it_and_not_by_the_probe() -> None:
    metrics = NodeMetrics("10.0.0.3:9100", under_voltage=True, root_used_bytes=5)
    facts = replace(FACTS, throttled=None)
    shown_facts = replace(facts, throttled=("under-voltage",), root_used_bytes=5)
    state = replace(
        STATE,
        node_views=(replace(VIEW, facts=shown_facts, metrics=metrics, metrics_from="pi", ailments=()),),
        probes=(("rpi03", Reading(facts, NOW)),),
        machines=(("pi", Reading((metrics,), NOW)),),
    )
    node = documented(state)
    assert (node["throttled"], node["told_by"]["throttled"]["witness"]) == (["under-voltage"], "node_exporter")
    assert node["told_by"]["disk_used_bytes"]["witness"] == "node_exporter"
    assert node["witnesses"]["under_voltage"][0]["value"] is True


def test_what_we_noted_ourselves_is_told_as_such() -> None:
    facts = replace(FACTS, throttled=None)
    state = replace(STATE, probes=(("rpi03", Reading(facts, NOW)),))
    assert documented(state)["told_by"]["throttled"] == {"witness": "remembered", "read_at": None, "age_s": None}
    assert "k Kubernetes 3s ago, r remembered" in shown(state)


def test_an_unknown_value_is_null_and_never_nothing_or_zero() -> None:
    empty = LabState(nodes=(VIEW.node,), node_views=(NodeView(VIEW.node),))
    node = documented(empty)
    for name in ("bios", "updates", "hat", "fan", "usual_w", "machine_id", "failed_units", "reboot_required"):
        assert node[name] is None, name
    assert (node["energy"], node["witnesses"], node["told_by"], node["disks"]) == ([], {}, {}, [])


def test_a_curve_keeps_its_gaps_its_peaks_and_its_width() -> None:
    climbing = Curve(tuple(float(n) for n in range(100)), 30.0, "x")
    assert sparkline(climbing, 8) == "▁▂▃▄▅▆▇█"
    assert len(sparkline(climbing, 60)) <= 60
    peak = Curve((*(1.0,) * 50, 9.0, *(1.0,) * 49), 30.0, "x")
    assert sparkline(peak, 10).count("█") == 1
    assert sparkline(Curve((None, None, 5.0, None, 5.1), 30.0, "x"), 10) == "▁·▄"
    assert sparkline(Curve((None, None), 30.0, "x"), 10) == ""
    assert curve_words(Curve((5.0, 5.0), 30.0, "x"), "W", 10) == "▁▁  5.0 W in 1m, x"


def test_an_unusual_draw_is_no_news_while_the_port_gives_nothing() -> None:
    off = replace(VIEW, port=replace(PORT, detection=Detection.SEARCHING, power_mw=0))
    assert "usually" not in shown(replace(STATE, node_views=(off,)))
