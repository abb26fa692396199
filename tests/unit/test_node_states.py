"""A node in one word, as a table, and how well a declared node agrees with a measured one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homelab_tui.domain.drifts import drift, sizes_agree
from homelab_tui.domain.node_states import Witnesses, node_state
from homelab_tui.domain.nodes import Disk, NodeFacts, NodeSpec, NodeState
from homelab_tui.domain.poe import Detection, PoePort, PortRef
from homelab_tui.domain.values import replace

GRACE_S = 180.0
PORT = PoePort(PortRef("sw1", 1, 3), admin_on=True, detection=Detection.DELIVERING)
OFF = replace(PORT, admin_on=False, detection=Detection.DISABLED)
SEARCHING = replace(PORT, detection=Detection.SEARCHING)
UNTOLD = replace(PORT, detection=None)
DEAD = Witnesses(ssh_connects=False, ssh_problem="no answer")
MUTE = Witnesses(ssh_connects=True, probe_hangs=True, ssh_problem="no banner")
ALIVE = Witnesses(ssh_connects=True)

TABLE: list[tuple[Witnesses, NodeState, str | None]] = [
    (Witnesses(), NodeState.UNKNOWN, "not asked yet"),
    (Witnesses(kubelet_ready=True), NodeState.UP, "its kubelet is Ready"),
    (Witnesses(kubelet_ready=False), NodeState.UNKNOWN, "not asked yet"),
    (ALIVE, NodeState.UP, None),
    (replace(ALIVE, ssh_problem="no key of mine opens it"), NodeState.UP, "no key of mine"),
    (replace(ALIVE, kubelet_ready=False), NodeState.UP, None),
    (replace(ALIVE, port=OFF), NodeState.UP, None),
    (replace(ALIVE, is_acting=True), NodeState.UP, None),
    (DEAD, NodeState.DOWN, "no answer"),
    (replace(DEAD, ssh_problem=None), NodeState.DOWN, "SSH does not answer"),
    (replace(DEAD, silent_s=9_999), NodeState.DOWN, "no answer"),
    (replace(DEAD, is_acting=True, port=OFF), NodeState.REBOOTING, "an action of ours"),
    (replace(DEAD, kubelet_ready=True), NodeState.UNKNOWN, "Kubernetes still says Ready, as it does for 50 s"),
    (replace(DEAD, kubelet_ready=True, silent_s=12), NodeState.UNKNOWN, "Kubernetes still says Ready"),
    (replace(DEAD, kubelet_ready=True, silent_s=12, ssh_refused=True), NodeState.UNKNOWN, "still says Ready"),
    (replace(DEAD, kubelet_ready=True, ssh_refused=True), NodeState.UP, "its kubelet is Ready"),
    (replace(DEAD, kubelet_ready=True, silent_s=51), NodeState.UP, "its kubelet is Ready"),
    (replace(DEAD, kubelet_ready=True, silent_at_least_s=51), NodeState.UP, "its kubelet is Ready"),
    (replace(DEAD, kubelet_ready=True, port=PORT), NodeState.UNKNOWN, "still says Ready"),
    (replace(DEAD, kubelet_ready=True, port=PORT, silent_s=51), NodeState.UP, "its kubelet is Ready"),
    (replace(DEAD, kubelet_ready=True, port=OFF), NodeState.DOWN, "port sw1/3 is switched off"),
    (replace(DEAD, kubelet_ready=True, port=SEARCHING), NodeState.DOWN, "gives no power (searching)"),
    (replace(DEAD, port=OFF), NodeState.DOWN, "port sw1/3 is switched off"),
    (replace(DEAD, port=replace(PORT, detection=Detection.FAULT)), NodeState.DOWN, "gives no power (fault)"),
    (replace(DEAD, port=UNTOLD, silent_s=9_999), NodeState.DOWN, "no answer"),
    (replace(DEAD, port=PORT), NodeState.DOWN, "booting, hung or halted"),
    (replace(DEAD, port=PORT, silent_s=5), NodeState.REBOOTING, "may be booting"),
    (replace(DEAD, port=PORT, silent_s=GRACE_S), NodeState.REBOOTING, "may be booting"),
    (replace(DEAD, port=PORT, silent_s=GRACE_S + 1), NodeState.HUNG, "a halted node looks the same"),
    (replace(DEAD, port=PORT, silent_s=GRACE_S + 1, kubelet_ready=False), NodeState.HUNG, "for 3 min"),
    (
        replace(DEAD, port=PORT, silent_s=GRACE_S + 1, port_event="its link went down"),
        NodeState.DOWN,
        "but its link went down since: it did not come up",
    ),
    (replace(DEAD, port=PORT, silent_s=5, port_event="its link went down"), NodeState.REBOOTING, "may be booting"),
    (
        replace(DEAD, port=PORT, silent_s=GRACE_S + 1, usual_draw="far less than its usual 8.0 W"),
        NodeState.HUNG,
        "port sw1/3 delivers power, far less than its usual 8.0 W (a halted node looks the same)",
    ),
    (MUTE, NodeState.UNKNOWN, "no banner"),
    (replace(MUTE, silent_s=5), NodeState.UNKNOWN, "no banner"),
    (replace(MUTE, silent_s=GRACE_S + 1), NodeState.HUNG, "takes connections, but says nothing"),
    (replace(MUTE, port=PORT), NodeState.UNKNOWN, "delivers power"),
    (replace(MUTE, port=PORT, silent_s=5), NodeState.REBOOTING, "may be booting"),
    (replace(MUTE, port=PORT, silent_s=GRACE_S + 1), NodeState.HUNG, "delivers power"),
    (replace(MUTE, kubelet_ready=True), NodeState.UP, "its kubelet is Ready"),
]


@pytest.mark.parametrize(("seen", "word", "why"), TABLE)
def test_the_word_of_a_node(seen: Witnesses, word: NodeState, why: str | None) -> None:
    said, reason = node_state(seen, GRACE_S)
    assert said is word, reason
    assert (reason is None) == (why is None)
    assert why is None or why in (reason or "")


def test_the_reason_does_not_change_from_second_to_second() -> None:
    reasons = {node_state(replace(DEAD, port=PORT, silent_s=s), GRACE_S) for s in range(121, 179)}
    assert len(reasons) <= 2


@given(
    st.builds(
        Witnesses,
        ssh_connects=st.sampled_from([None, True, False]),
        ssh_problem=st.sampled_from([None, "x"]),
        probe_hangs=st.booleans(),
        kubelet_ready=st.sampled_from([None, True, False]),
        port=st.sampled_from([None, PORT, OFF, SEARCHING, UNTOLD]),
        silent_s=st.one_of(st.none(), st.floats(0, 1e7)),
        is_acting=st.booleans(),
    )
)
def test_whatever_the_witnesses_say_a_state_that_is_not_up_has_a_reason(seen: Witnesses) -> None:
    word, why = node_state(seen, GRACE_S)
    assert word is NodeState.UP or why
    if word is NodeState.HUNG:
        assert seen.silent_s is not None
        assert seen.silent_s > GRACE_S
        assert not seen.kubelet_ready
    if seen.ssh_connects and not seen.probe_hangs:
        assert word is NodeState.UP


GB = 10**9
SIZES: list[tuple[int, int, bool]] = [
    (16 * GB, 16_400_000_000, True),
    (16 * GB, 15_700_000_000, True),
    (4 * GB, 3_884_000_000, True),
    (8 * GB, 4 * GB, False),
    (4 * GB, 8 * GB, False),
    (500 * GB, 500_107_862_016, True),
    (64 * GB, 62_500_000_000, True),
    (500 * GB, 256 * GB, False),
    (100, 88, True),
    (100, 87, False),
    (100, 108, True),
    (100, 109, False),
]


@pytest.mark.parametrize(("declared", "found", "agree"), SIZES)
def test_sizes_agree_within_minus_12_and_plus_8_percent(declared: int, found: int, agree: bool) -> None:
    assert sizes_agree(declared, found) is agree


NAMES: list[tuple[str, str, str, bool]] = [
    ("os", "Rocky Linux 9.1", "Rocky Linux 9.1 (Blue Onyx)", True),
    ("os", "Rocky Linux 9.1", "Rocky Linux 9.10 (Blue Onyx)", False),
    ("os", "Rocky Linux 9.1", "Rocky Linux 9.2 (Blue Onyx)", False),
    ("os", "rocky linux 9", "Rocky Linux 9.1 (Blue Onyx)", True),
    ("os", "Ubuntu 22.04", "Ubuntu 22.04.3 LTS", True),
    ("os", "Ubuntu 22.10", "Ubuntu 22.10", True),
    ("os", "Ubuntu 22.04", "Ubuntu 22.10", False),
    ("os", "Debian 12", "Debian GNU/Linux 12 (bookworm)", True),
    ("os", "Debian 11", "Debian GNU/Linux 12 (bookworm)", False),
    ("model", "NUC11PAHi5", "NUC11PAHi5", True),
    ("model", "Intel NUC11PAHi5", "NUC11PAHi5", True),
    ("model", "NUC11", "NUC11PAHi5", True),
    ("model", "NUC11PAHi5", "NUC11PAHi7", False),
    ("model", "Raspberry Pi 4 Model B", "Raspberry Pi 4 Model B Rev 1.4", True),
    ("model", "Raspberry Pi 4B", "Raspberry Pi 4 Model B Rev 1.4", True),
    ("model", "raspberry pi 4", "Raspberry Pi 4 Model B Rev 1.4", True),
    ("model", "Raspberry Pi 5", "Raspberry Pi 4 Model B Rev 1.5", False),
    ("model", "Raspberry Pi 4", "Raspberry Pi 400 Rev 1.0", False),
    ("model", "Raspberry Pi 3 Model B", "Raspberry Pi 3 Model B Plus Rev 1.3", False),
    ("model", "Raspberry Pi 3B+", "Raspberry Pi 3 Model B Plus Rev 1.3", True),
]


@pytest.mark.parametrize(("field", "declared", "found", "agree"), NAMES)
def test_names_agree_as_a_person_would_say(field: str, declared: str, found: str, agree: bool) -> None:
    different = drift(NodeSpec(**{field: declared}), NodeFacts(**{field: found}))  # type: ignore[arg-type]
    assert [d.field for d in different] == ([] if agree else [field])


def test_what_is_not_declared_or_not_measured_never_drifts() -> None:
    everything = NodeSpec("NUC11PAHi5", 4, 16 * GB, 500 * GB, "Rocky Linux 9.1")
    assert drift(everything, NodeFacts()) == ()
    assert drift(NodeSpec(), NodeFacts(model="x", cores=1, memory_bytes=1, os="y")) == ()


def test_every_field_that_drifts_is_told_with_both_values() -> None:
    facts = NodeFacts(
        model="Raspberry Pi 5 Model B",
        cores=8,
        memory_bytes=3_884_000_000,
        board_memory_bytes=8 * GB,
        os="Ubuntu 24.04",
        disks=(Disk("sda", 64 * GB, "ssd"), Disk("sdb", 500 * GB, "hdd", removable=True)),
    )
    found = drift(NodeSpec("Raspberry Pi 4 Model B", 4, 4 * GB, 500 * GB, "Ubuntu 22.10"), facts)
    assert [(d.field, d.found) for d in found] == [
        ("model", "Raspberry Pi 5 Model B"),
        ("cores", 8),
        ("memory_bytes", 8 * GB),
        ("disk_bytes", 64 * GB),
        ("os", "Ubuntu 24.04"),
    ]
