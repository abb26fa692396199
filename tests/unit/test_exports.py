"""`homelab export` writes what `homelab init` reads back, and what Ansible's own reader accepts."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homelab_tui.cli import main
from homelab_tui.config.model import Config, SshConfig
from homelab_tui.domain.drafts import Found, Given
from homelab_tui.domain.nodes import Node
from homelab_tui.present.exports import KINDS, Export, ansible, export, hosts, kubespray, ssh_config
from homelab_tui.sources.hosts_files import read_hosts
from homelab_tui.sources.inventories import read_inventory
from homelab_tui.sources.ssh_configs import read_ssh_config

NODES = (
    Node("nuc01", "192.168.10.121", user="kkato", groups=("nuc", "control-plane")),
    Node("nuc02", "192.168.10.122", user="007", port=2222, groups=("nuc",)),
    Node("rpi01", "fd00::31", groups=("pi", "etcd", "kube_node")),
    Node("rpi02", "rpi02.home", user="it's me"),
    Node("rpi03", "rpi03"),
)
CONFIG = Config(nodes=NODES, ssh=SshConfig(bastion="jump@bastion.home:2022"))


def values(found: Found) -> dict[str, tuple[str | None, str | None, str | None]]:
    """(host, user, port) of each node that was read."""

    def plain(given: Given | None) -> str | None:
        return given.value if given else None

    return {node.name: (plain(node.host), plain(node.user), plain(node.port)) for node in found.nodes}


DECLARED = {
    "nuc01": ("192.168.10.121", "kkato", None),
    "nuc02": ("192.168.10.122", "007", "2222"),
    "rpi01": ("fd00::31", None, None),
    "rpi02": ("rpi02.home", "it's me", None),
    "rpi03": (None, None, None),
}


@pytest.mark.parametrize(("make", "name"), [(kubespray, "inventory.ini"), (ansible, "hosts.yaml")])
def test_an_inventory_is_read_back_as_it_was_declared(make: Any, name: str, tmp_path: Path) -> None:
    made: Export = make(CONFIG)
    path = tmp_path / name
    path.write_text(made.text)
    found = read_inventory(path)
    assert values(found) == DECLARED
    assert found.bastion is not None
    assert found.bastion.value == "jump@bastion.home:2022"
    assert made.nodes == tuple(DECLARED)


def test_kubespray_gets_its_own_groups_and_everybody_has_a_place(tmp_path: Path) -> None:
    path = tmp_path / "inventory.ini"
    path.write_text(kubespray(CONFIG).text)
    groups = {node.name: set(node.groups) for node in read_inventory(path).nodes}
    assert groups["nuc01"] == {"nuc", "kube_control_plane"}
    assert groups["nuc02"] == {"nuc", "kube_node"}
    assert groups["rpi01"] == {"pi", "etcd", "kube_node"}
    assert groups["rpi02"] == {"kube_node"}


def test_etcd_is_where_the_control_plane_is_unless_somebody_says_otherwise() -> None:
    assert "[etcd:children]\nkube_control_plane" in kubespray(Config(nodes=NODES[:2])).text
    assert "[etcd]\nrpi01" in kubespray(CONFIG).text
    assert any("control-plane" in note for note in kubespray(Config(nodes=NODES[3:])).notes)


def test_a_hosts_file_holds_addresses_only(tmp_path: Path) -> None:
    made = hosts(CONFIG)
    path = tmp_path / "hosts"
    path.write_text(made.text)
    assert {name: host for name, (host, _, _) in values(read_hosts(path)).items()} == {
        "nuc01": "192.168.10.121",
        "nuc02": "192.168.10.122",
        "rpi01": "fd00::31",
    }
    assert [note.partition(" ")[0] for note in made.notes] == ["rpi02", "rpi03"]


def test_an_ssh_configuration_leads_to_the_same_places(tmp_path: Path) -> None:
    path = tmp_path / "config"
    nodes = tuple(node for node in NODES if node.name != "rpi02")
    path.write_text(ssh_config(Config(nodes=nodes)).text)
    found = {node.name: node for node in read_ssh_config(path).nodes}
    assert [found[name].place[0] or name for name in ("nuc01", "nuc02", "rpi01", "rpi03")] == [
        "192.168.10.121",
        "192.168.10.122",
        "fd00::31",
        "rpi03",
    ]
    assert "ProxyJump jump@bastion.home:2022" in ssh_config(CONFIG).text


def test_what_ansible_would_execute_is_left_out_and_named() -> None:
    bad = Config(nodes=(Node("a", "{{lookup('pipe','id')}}"), Node("b", "10.0.0.1", user="{%x%}"), NODES[0]))
    for made in (kubespray(bad), ansible(bad)):
        assert made.nodes == ("nuc01",)
        assert "{" not in made.text.replace("{}", "").replace("{ansible_", "")
        assert len([note for note in made.notes if "template" in note]) == 2


def test_groups_that_ansible_cannot_have_are_renamed_or_named() -> None:
    made = ansible(Config(nodes=(Node("a", "10.0.0.1", groups=("my-rack", "all", "3rd floor")),)))
    assert "my_rack:" in made.text
    assert len(made.notes) == 2


@given(
    host=st.from_regex(r"[^-\s/{][^\s/{]*", fullmatch=True), user=st.from_regex(r"[^-\s@/{][^\s@/{]*", fullmatch=True)
)
def test_any_host_and_user_that_the_loader_takes_comes_back(
    host: str, user: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    if not (host + user).isprintable():
        return
    config = Config(nodes=(Node("n1", host, user=user),))
    directory = tmp_path_factory.mktemp("any")
    for make, name in ((kubespray, "inventory.ini"), (ansible, "hosts.yaml")):
        (directory / name).write_text(make(config).text, encoding="utf-8")
        assert values(read_inventory(directory / name))["n1"][:2] == (host, user)


def test_the_command_writes_prints_and_never_overwrites(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config, output = tmp_path / "c.toml", tmp_path / "out" / "inventory.ini"
    config.write_text('[[nodes]]\nname = "n1"\nhost = "10.0.0.1"\ngroups = ["control-plane"]\n')
    for kind in KINDS:
        assert main(["--config", str(config), "export", kind]) == 0
        assert "10.0.0.1" in capsys.readouterr().out
    words = ["--config", str(config), "export", "kubespray", "--output", str(output), "--json"]
    assert main(words) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["path"] == str(output)
    assert found["nodes"] == ["n1"]
    assert (
        output.read_text()
        == export("kubespray", Config(nodes=(Node("n1", "10.0.0.1", groups=("control-plane",)),))).text
    )
    assert main(words) == 2
    assert main([*words, "--force"]) == 0
