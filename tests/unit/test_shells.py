"""The ssh command that opens a shell."""

from pathlib import Path

import pytest

from homelab_tui.config.model import SshConfig
from homelab_tui.domain.keys import AccountKeys, PublicKey
from homelab_tui.domain.nodes import Node
from homelab_tui.domain.reading import Reading
from homelab_tui.domain.state import LabState
from homelab_tui.domain.values import replace
from homelab_tui.engine.shells import in_words, shell_argv
from tests.fakes import START

NODE = Node("rpi01", "10.0.0.1", user="pi", port=2222)


def test_a_plain_node_is_reached_as_ssh_would_by_itself() -> None:
    assert shell_argv(SshConfig(), LabState(), Node("rpi01", "rpi01")) == ("ssh", "--", "rpi01")


def test_everything_that_homelab_was_told_is_passed_on() -> None:
    key = PublicKey("ssh-ed25519", b"k", fingerprint="SHA256:k", private_path="/keys/my key")
    account = AccountKeys("pi", "/home/pi", login_fingerprint="SHA256:k")
    state = LabState(my_keys=(key,), accounts=(("rpi01", Reading(account, START)),))
    config = SshConfig(config=Path("/c"), known_hosts=Path("/my known"), bastion="me@gate:22")
    argv = shell_argv(config, state, NODE)
    assert argv[:7] == ("ssh", "-F", "/c", "-o", 'UserKnownHostsFile="/my known"', "-J", "me@gate:22")
    assert argv[7:] == ("-i", "/keys/my key", "-p", "2222", "-l", "pi", "--", "10.0.0.1")
    assert "-i '/keys/my key'" in in_words(argv)


@pytest.mark.parametrize("bastion", ["10.0.0.1", "me@10.0.0.1:22", "RPI01"])
def test_the_way_to_the_jump_host_does_not_lead_over_itself(bastion: str) -> None:
    assert "-J" not in shell_argv(SshConfig(bastion=bastion), LabState(), replace(NODE, port=None))
