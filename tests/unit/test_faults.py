"""Fault SPECs of the demo lab, and what happens to bad ones."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homelab_tui.demo.faults import EVERY, FAULTS, GRAMMAR, Faults, parse_spec

TARGETS = {"ssh": ("rpi03", "nuc01"), "snmp": ("sw1",), "kubernetes": ("nuc", "pi")}


@pytest.mark.parametrize(
    ("spec", "meaning"),
    [
        ("ssh:rpi03=hang", ("ssh", "rpi03", "hang")),
        ("prometheus=503", ("prometheus", EVERY, "503")),
        ("kubernetes:pi=403", ("kubernetes", "pi", "403")),
        ("snmp:sw1=hang", ("snmp", "sw1", "hang")),
        (" ssh : rpi03 = none ".replace(" : ", ":").replace(" = ", "="), ("ssh", "rpi03", None)),
    ],
)
def test_a_spec_means_server_target_and_fault(spec: str, meaning: tuple[str, str, str | None]) -> None:
    assert parse_spec(spec) == meaning


@pytest.mark.parametrize(
    "spec",
    [
        "",
        "=",
        "ssh",
        "ssh:rpi03",
        "ssh:=hang",
        "ssh=",
        "toaster=hang",
        "prometheus=wrong-host-key",
        "ssh:rpi03=explode",
    ],
)
def test_a_bad_spec_is_refused_with_the_grammar(spec: str) -> None:
    with pytest.raises(ValueError, match="server") as caught:
        parse_spec(spec)
    assert GRAMMAR in str(caught.value)


def test_a_target_that_the_lab_does_not_have_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="rpi99") as caught:
        Faults(TARGETS).apply("ssh:rpi99=hang")
    assert "rpi03" in str(caught.value)


def test_a_target_s_own_fault_beats_its_server_s() -> None:
    faults = Faults(TARGETS)
    faults.apply("ssh=refuse")
    faults.apply("ssh:rpi03=hang")
    assert (faults.get("ssh", "rpi03"), faults.get("ssh", "nuc01")) == ("hang", "refuse")
    faults.set("ssh", "rpi03", None)
    assert faults.get("ssh", "rpi03") == "refuse"


def test_clearing_a_server_clears_its_targets() -> None:
    faults = Faults(TARGETS)
    faults.apply("ssh=refuse")
    faults.apply("ssh:rpi03=hang")
    faults.apply("kubernetes:pi=503")
    faults.apply("ssh=none")
    assert faults.active() == ("kubernetes:pi=503",)


def test_every_switch_is_heard_until_unsubscribed() -> None:
    faults, heard = Faults(TARGETS), []
    unsubscribe = faults.subscribe(lambda server, target: heard.append((server, target)))
    faults.apply("snmp:sw1=hang")
    faults.set("snmp", "sw1", None)
    unsubscribe()
    faults.apply("snmp=hang")
    assert heard == [("snmp", "sw1"), ("snmp", "sw1")]


@given(st.sampled_from([(server, fault) for server, faults in FAULTS.items() for fault in faults]))
def test_every_fault_of_every_server_reads_back_as_its_own_spec(pair: tuple[str, str]) -> None:
    server, fault = pair
    faults = Faults()
    faults.apply(f"{server}:x={fault}")
    assert faults.active() == (f"{server}:x={fault}",)
    assert faults.get(server, "x") == fault
    assert faults.get(server, "y") is None
