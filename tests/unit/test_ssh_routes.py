"""The way to a node, as ssh would go it."""

import getpass
import stat
from pathlib import Path

import pytest

from homelab_tui.config.model import SshConfig
from homelab_tui.domain.errors import SourceRefused
from homelab_tui.domain.nodes import Node
from homelab_tui.sources.ssh_routes import Route, Routes, printable
from tests.servers import require_binary

NODE = Node(name="nuc01", host="nuc01.home")


@pytest.fixture(params=["ssh -G", "without an ssh client"])
def client(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Every simple question must be answered the same with and without ssh."""
    if request.param == "ssh -G":
        require_binary("ssh")
    else:
        monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    return str(request.param)


@pytest.fixture
def real_ssh() -> None:
    require_binary("ssh")


def route(tmp_path: Path, text: str, node: Node = NODE, bastion: str | None = None) -> Route:
    config = tmp_path / "ssh_config"
    config.write_text(text)
    return Routes(SshConfig(config=config, bastion=bastion)).route(node)


def ways(found: Route) -> list[str]:
    return [f"{hop.user}@{hop.host}:{hop.port}" for hop in found.hops]


def test_a_node_without_configuration_is_reached_by_its_name(client: str, tmp_path: Path) -> None:
    hop = route(tmp_path, "").target
    assert (hop.host, hop.port, hop.user) == ("nuc01.home", 22, getpass.getuser())
    assert (hop.key_name, hop.key_port) == ("nuc01.home", 22)
    assert tmp_path / ".ssh" / "id_ed25519" in hop.identity_files
    assert not hop.identities_only


def test_what_the_node_declares_goes_before_the_ssh_configuration(client: str, tmp_path: Path) -> None:
    text = "Host nuc01.home\n  HostName 10.0.0.9\n  User them\n  Port 99\n"
    assert ways(route(tmp_path, text)) == ["them@10.0.0.9:99"]
    assert ways(route(tmp_path, text, Node(name="n", host="nuc01.home", user="me", port=2222))) == ["me@10.0.0.9:2222"]


def test_a_host_key_alias_stands_for_name_and_port(client: str, tmp_path: Path) -> None:
    hop = route(tmp_path, "Host *\n  HostKeyAlias Stable\n  Port 2222\n").target
    assert (hop.key_name, hop.key_port, hop.port) == ("stable", 22, 2222)


def test_a_command_of_the_configuration_decides(
    client: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SHELL", "/bin/sh")
    text = 'Match exec "false"\n  HostName 10.0.0.1\nMatch exec "echo said; true"\n  HostName 10.0.0.2\n'
    assert route(tmp_path, text).target.host == "10.0.0.2"
    assert capfd.readouterr().out == ""


def test_a_shell_that_is_not_there_is_told_with_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("SHELL", "/nowhere/sh")
    with pytest.raises(SourceRefused, match="ssh_config cannot be read"):
        route(tmp_path, 'Match exec "true"\n  HostName 10.0.0.2\n')


def test_identity_files_of_the_configuration_replace_the_usual_ones(client: str, tmp_path: Path) -> None:
    hop = route(tmp_path, "Host *\n  IdentityFile ~/.ssh/lab\n  IdentitiesOnly yes\n").target
    assert hop.identity_files == (tmp_path / ".ssh" / "lab",)
    assert hop.identities_only


def test_jump_hosts_are_passed_in_their_order_and_each_is_resolved(client: str, tmp_path: Path) -> None:
    text = (
        "Host nuc01.home\n  User k\n  ProxyJump a,them@b:2022\n"
        "Host a\n  HostName 10.0.0.1\n  User alice\n  ProxyJump first\n"
        "Host first\n  User f\n  HostName 10.0.0.7\n"
    )
    assert ways(route(tmp_path, text)) == ["f@10.0.0.7:22", "alice@10.0.0.1:22", "them@b:2022", "k@nuc01.home:22"]


def test_a_circle_of_jump_hosts_is_said_and_not_walked(client: str, tmp_path: Path) -> None:
    with pytest.raises(SourceRefused, match=r"lead in a circle \(nuc01 → a → b → a\)"):
        route(tmp_path, "Host nuc01.home\n  ProxyJump a\nHost a\n  ProxyJump b\nHost b\n  ProxyJump a\n")


def test_the_common_proxy_command_is_a_jump_host(client: str, tmp_path: Path) -> None:
    text = "Host nuc01.home\n  User k\n  ProxyCommand ssh -q -W %h:%p jumper\nHost jumper\n  User j\n"
    assert ways(route(tmp_path, text)) == ["j@jumper:22", "k@nuc01.home:22"]


def test_any_other_proxy_command_is_refused(client: str, tmp_path: Path) -> None:
    with pytest.raises(SourceRefused, match="nuc01: its ssh configuration has a ProxyCommand"):
        route(tmp_path, "Host *\n  ProxyCommand nc -X 5 %h %p\n")


def test_the_bastion_is_before_every_node_but_itself(client: str, tmp_path: Path) -> None:
    assert ways(route(tmp_path, "Host *\n  User u\n", bastion="gate:2200")) == ["u@gate:2200", "u@nuc01.home:22"]
    itself = Node(name="gate", host="gate", port=2200)
    assert ways(route(tmp_path, "Host *\n  User u\n", itself, bastion="gate:2200")) == ["u@gate:2200"]
    own = "Host *\n  User u\nHost nuc01.home\n  ProxyJump other\n"
    assert ways(route(tmp_path, own, bastion="gate")) == ["u@other:22", "u@nuc01.home:22"]


@pytest.mark.parametrize("bastion", ["", "a b@c", "host:port", "-oProxyCommand=evil"])
def test_a_bastion_that_is_none_is_refused(client: str, tmp_path: Path, bastion: str) -> None:
    with pytest.raises(SourceRefused):
        route(tmp_path, "", bastion=bastion)


@pytest.mark.parametrize("host", ["-oProxyCommand=touch /tmp/evil", ""])
def test_a_host_name_is_never_an_option(client: str, tmp_path: Path, host: str) -> None:
    with pytest.raises(SourceRefused, match="is not a host name"):
        route(tmp_path, "", Node(name="n", host=host))


@pytest.mark.usefixtures("real_ssh")
def test_includes_matches_and_tokens_are_ssh_s_own_to_resolve(tmp_path: Path) -> None:
    (tmp_path / "more").write_text("Host nuc*\n  HostName %h.lan\n")
    text = f"Include {tmp_path}/more\nMatch host *.lan\n  Port 2022 # why\nMatch user k\n  HostKeyAlias k-only\n"
    hop = route(tmp_path, text, Node(name="n", host="nuc01", user="k")).target
    assert (hop.host, hop.port, hop.key_name) == ("nuc01.lan", 2022, "k-only")


@pytest.mark.usefixtures("real_ssh")
def test_the_known_hosts_files_of_ssh_are_used_unless_ours_is_configured(tmp_path: Path) -> None:
    config = tmp_path / "ssh_config"
    config.write_text("Host *\n  UserKnownHostsFile /a /b\n  GlobalKnownHostsFile /c\n  HashKnownHosts yes\n")
    hop = Routes(SshConfig(config=config)).route(NODE).target
    assert hop.known_hosts == (Path("/a"), Path("/b"), Path("/c"))
    assert hop.hash_known_hosts
    mine = Routes(SshConfig(config=config, known_hosts=tmp_path / "kh")).route(NODE).target
    assert mine.known_hosts == (tmp_path / "kh", Path("/c"))


def test_a_question_is_asked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counter = tmp_path / "count"
    fake = tmp_path / "bin" / "ssh"
    fake.parent.mkdir()
    fake.write_text(f"#!/bin/sh\necho x >>{counter}\necho hostname 10.0.0.5\n")
    fake.chmod(fake.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{fake.parent}:/bin:/usr/bin")
    routes = Routes(SshConfig())
    assert {routes.route(NODE).target.host for _ in range(5)} == {"10.0.0.5"}
    assert counter.read_text().count("x") == 1


def test_a_strangers_words_are_one_clean_line() -> None:
    assert printable("a\x1b[31mb\r\n\tc\x00\u202ed") == "a [31mb c d"
    assert len(printable("x" * 1000)) == 200
