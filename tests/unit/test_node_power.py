"""Emptying, waking, rebooting: the pure parts, and what a node's answers to a reboot mean."""

from dataclasses import dataclass, field
from typing import cast

import pytest

from homelab_tui.domain.draining import NodePod, drainage
from homelab_tui.domain.errors import SourceError, SourceRefused, SourceUnreachable
from homelab_tui.sources.ssh_commands import Output
from homelab_tui.sources.ssh_power import ask_for_reboot
from homelab_tui.sources.ssh_sessions import Session
from homelab_tui.sources.wake_on_lan import destinations, magic_packet

WEB = NodePod("shop", "web-1", "u1", "Running", "ReplicaSet")


def test_a_drain_sorts_pods_as_kubectl_does_and_keeps_the_logs_of_what_ended() -> None:
    pods = (
        WEB,
        NodePod("kube-system", "proxy", "u2", "Running", "DaemonSet"),
        NodePod("kube-system", "etcd", "u3", "Running", "Node", is_mirror=True),
        NodePod("shop", "bare", "u4", "Running"),
        NodePod("shop", "cache", "u5", "Running", "ReplicaSet", has_local_data=True),
        NodePod("backup", "restic-1", "u6", "Failed", "Job", has_local_data=True),
        NodePod("shop", "leaving", "u7", "Running", is_going=True),
    )
    found = drainage(pods, force=False)
    assert [pod.name for pod in found.evicted] == ["leaving", "web-1"]
    assert [pod.name for pod in found.staying] == ["restic-1", "etcd", "proxy"]
    assert [(pod.name, why) for pod, why in found.refused] == [
        ("bare", "nothing would make it anew elsewhere"),
        ("cache", "its emptyDir data would be lost"),
    ]
    forced = drainage(pods, force=True)
    assert [pod.name for pod in forced.evicted] == ["bare", "cache", "leaving", "web-1"]
    assert forced.refused == ()


def test_a_magic_packet_is_six_bytes_of_ones_and_sixteen_addresses() -> None:
    packet = magic_packet("1c:69:7a:00:00:01")
    assert len(packet) == 102
    assert packet[:6] == b"\xff" * 6
    assert packet[6:] == bytes.fromhex("1c697a000001") * 16
    assert magic_packet("1C-69-7A-00-00-01") == packet


@pytest.mark.parametrize("mac", ["1c:69:7a:00:00", "", "no", "1c:69:7a:00:00:01:02"])
def test_what_is_no_mac_address_makes_no_packet(mac: str) -> None:
    with pytest.raises(ValueError, match=r"MAC|hexadecimal"):
        magic_packet(mac)


def test_a_packet_goes_to_the_link_to_the_machines_network_and_to_its_address() -> None:
    assert destinations("192.168.10.121") == ("255.255.255.255", "192.168.10.255", "192.168.10.121")
    assert destinations(None) == ("255.255.255.255",)


@dataclass
class Node:
    """A session that gives these answers in turn."""

    answers: list[Output | SourceError]
    asked: list[str] = field(default_factory=list)
    where: str = "rpi01"

    def run(self, command: str, stdin: bytes = b"") -> Output:
        self.asked.append(command)
        answer = self.answers[len(self.asked) - 1]
        if isinstance(answer, SourceError):
            raise answer
        return answer


def said(status: int | None, stderr: bytes = b"") -> Output:
    return Output(b"", stderr, status)


OK = said(0)


@pytest.mark.parametrize("answer", [OK, said(None), said(143), said(255), SourceUnreachable("the link broke")])
def test_a_link_that_ends_while_the_system_goes_down_is_the_expected_answer(answer: Output | SourceError) -> None:
    node = Node([OK, answer])
    ask_for_reboot(cast(Session, node))
    assert "systemctl reboot" in node.asked[1]
    assert "sudo -n" in node.asked[1]


def test_a_session_that_does_not_work_is_told_before_anything_is_asked() -> None:
    node = Node([SourceUnreachable("the link broke")])
    with pytest.raises(SourceUnreachable):
        ask_for_reboot(cast(Session, node))
    assert len(node.asked) == 1


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (said(1, b"sudo: a password is required\n"), "sudo wants a password"),
        (said(127, b"sh: 1: sudo: not found\n"), "refused: sh: 1: sudo: not found"),
        (said(1), "exit status 1"),
    ],
)
def test_a_reboot_that_may_not_be_says_why(answer: Output, words: str) -> None:
    with pytest.raises(SourceRefused, match=words):
        ask_for_reboot(cast(Session, Node([OK, answer])))
