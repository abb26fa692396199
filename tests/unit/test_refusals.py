"""How long the next connection to a server waits, so that it does not bar this address."""

import pytest

from homelab_tui.sources.ssh_refusals import Refusals
from homelab_tui.sources.ssh_routes import Hop

NEW = "SSH-2.0-OpenSSH_9.8p1 Debian-1"
BARS_AT_S = 15.0
"""OpenSSH's own default, `PerSourcePenalties min:15s`."""


class Time:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def hop(host: str = "rpi01", user: str = "ubuntu") -> Hop:
    return Hop(name=host, host=host, port=22, user=user, key_name=host, key_port=22, known_hosts=())


def test_whatever_is_refused_a_server_never_holds_enough_against_us_to_bar_us() -> None:
    time = Time()
    refusals, held, began = Refusals(time), 0.0, time.now
    for number in range(20):
        pause = refusals.pause_s((hop(),))
        assert pause <= 6.0
        time.now += pause
        held = max(0.0, held - pause)
        tried = number % 4 != 3
        held += 5.0 if tried else 1.0
        assert held < BARS_AT_S
        refusals.left_unopened(hop(user=f"user{number}"), NEW, tried=tried)
    assert time.now - began < 20 * 5.0  # it waits no longer than the server forgets


def test_the_first_two_refusals_cost_no_time() -> None:
    refusals = Refusals(Time())
    assert refusals.pause_s((hop(),)) == 0.0
    refusals.left_unopened(hop(), NEW, tried=True)
    assert refusals.pause_s((hop(),)) == 0.0
    refusals.left_unopened(hop(), NEW, tried=True)
    assert refusals.pause_s((hop(),)) == 1.0
    assert refusals.pause_s((hop("jump"), hop())) == 1.0
    assert refusals.pause_s((hop("other"),)) == 0.0


@pytest.mark.parametrize(
    ("version", "waits"),
    [
        ("SSH-2.0-OpenSSH_9.8", True),
        ("SSH-2.0-OpenSSH_10.0p2 Debian-7", True),
        ("SSH-2.0-OpenSSH_9.7p1 Ubuntu-7ubuntu4", False),
        ("SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u7", False),
        ("SSH-2.0-dropbear_2022.83", False),
        ("", False),
    ],
)
def test_only_servers_that_count_are_waited_for(version: str, waits: bool) -> None:
    refusals = Refusals(Time())
    for _ in range(4):
        refusals.left_unopened(hop(), version, tried=True)
    assert (refusals.pause_s((hop(),)) > 0) is waits


def test_to_be_asked_anew_does_not_make_the_server_forget() -> None:
    refusals = Refusals(Time())
    for _ in range(3):
        refusals.left_unopened(hop(), NEW, tried=True)
    refusals.forget()
    assert refusals.pause_s((hop(),)) == 6.0
