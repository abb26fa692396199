"""Ansible's own reader takes our inventories, and understands them as they are meant."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from homelab_tui.config.model import Config, SshConfig
from homelab_tui.domain.nodes import Node
from homelab_tui.present.exports import ansible, kubespray
from tests.servers import require_binary

NODES = (
    Node("nuc01", "192.168.10.121", user="kkato", groups=("nuc", "control-plane")),
    Node("nuc02", "192.168.10.122", user="007", port=2222, groups=("nuc",)),
    Node("rpi01", "fd00::31", groups=("pi",)),
    Node("rpi02", "rpi02.home", user="it's me"),
)
CONFIG = Config(nodes=NODES, ssh=SshConfig(bastion="jump@bastion.home:2022"))


def listing(text: str, path: Path) -> Any:
    """What `ansible-inventory --list` prints of an inventory."""
    path.write_text(text)
    environment = {"PATH": os.environ["PATH"], "HOME": str(path.parent), "LC_ALL": "C.UTF-8"}
    done = subprocess.run(
        [require_binary("ansible-inventory"), "-i", path, "--list"],
        env=environment,
        cwd=path.parent,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said = done.stderr.replace(
        "[WARNING]: Found both group and host with same name: bastion", ""
    )  # kubespray's own way
    assert "[WARNING]" not in said, said
    return json.loads(done.stdout)


@pytest.mark.parametrize(("text", "name"), [(kubespray(CONFIG).text, "i.ini"), (ansible(CONFIG).text, "i.yaml")])
def test_ansible_finds_the_hosts_as_they_were_declared(text: str, name: str, tmp_path: Path) -> None:
    found = listing(text, tmp_path / name)["_meta"]["hostvars"]
    assert found["nuc01"] == {"ansible_host": "192.168.10.121", "ansible_user": "kkato"}
    assert found["nuc02"] == {"ansible_host": "192.168.10.122", "ansible_user": "007", "ansible_port": 2222}
    assert found["rpi01"] == {"ansible_host": "fd00::31"}
    assert found["rpi02"] == {"ansible_host": "rpi02.home", "ansible_user": "it's me"}
    bastion = found["bastion" if name.endswith(".ini") else "bastion-host"]
    assert bastion == {"ansible_host": "bastion.home", "ansible_user": "jump", "ansible_port": 2022}


def test_kubespray_finds_its_groups(tmp_path: Path) -> None:
    found = listing(kubespray(CONFIG).text, tmp_path / "inventory.ini")
    assert found["kube_control_plane"]["hosts"] == ["nuc01"]
    assert found["etcd"]["children"] == ["kube_control_plane"]
    assert found["kube_node"]["hosts"] == ["nuc02", "rpi01", "rpi02"]
