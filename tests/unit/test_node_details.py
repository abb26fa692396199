"""The detail screen and the document of a node: box, port and Jobs, each value with its witness and age."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from homelab_tui.domain.ailments import Ailment
from homelab_tui.domain.curves import Curve, NodeCurves
from homelab_tui.domain.jobs import Job, JobId, JobState
from homelab_tui.domain.nodes import (
    Disk,
    Fan,
    KubeNode,
    Node,
    NodeFacts,
    NodeMetrics,
    NodeSpec,
    NodeState,
    PendingUpdates,
    PoeHat,
)
from homelab_tui.domain.poe import Detection, PoePort, PortRef
from homelab_tui.domain.power import NodePower, PowerDay
from homelab_tui.domain.reading import Reading
from homelab_tui.domain.state import ClusterJobs, JobsView, LabState, NodeView
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
        "probe 12s ago, Kubernetes 3s ago",
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
        "(by probe, kubernetes)",
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
        {"witness": "probe", "value": "5.19.0-1015-raspi", "age_s": 12.0},
        {"witness": "kubernetes", "value": "5.19.0-1012-raspi", "age_s": 3.0},
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
    assert said["load1"] == [{"witness": "node_exporter", "value": 0.5, "age_s": 5.0}]
    assert said["temperature_c"] == [
        {"witness": "probe", "value": 61.8, "age_s": 12.0},
        {"witness": "node_exporter", "value": 60.0, "age_s": 5.0},
    ]
    text = shown(state)
    assert "0.50  (by node_exporter)" in text
    assert "61.8 °C\n" in text, "of what the probe itself told nothing more is said"


def test_an_unknown_value_is_null_and_never_nothing_or_zero() -> None:
    empty = LabState(nodes=(VIEW.node,), node_views=(NodeView(VIEW.node),))
    node = documented(empty)
    for name in ("bios", "updates", "hat", "fan", "usual_w", "machine_id", "failed_units", "reboot_required"):
        assert node[name] is None, name
    assert (node["energy"], node["witnesses"], node["disks"]) == ([], {}, [])


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
