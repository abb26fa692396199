"""kubespray inventories, INI and YAML → nodes for a first configuration."""

import re
from pathlib import Path

from homelab_tui.domain.drafts import Found, FoundNode, Given
from homelab_tui.domain.errors import ConfigError, ConfigProblem
from homelab_tui.sources.inventory_groups import Inventory
from homelab_tui.sources.inventory_ini import read_ini
from homelab_tui.sources.inventory_yaml import read_yaml
from homelab_tui.sources.text_files import read_text

KIND = "kubespray inventory"
_TODAY = {
    "kube-master": "kube_control_plane",
    "kube_master": "kube_control_plane",
    "kube-control-plane": "kube_control_plane",
    "kube-node": "kube_node",
    "k8s-cluster": "k8s_cluster",
    "calico-rr": "calico_rr",
}
"""kubespray's older group names."""
_SAY_NOTHING = ("all", "ungrouped", "k8s_cluster", "bastion")
_FILES = ("hosts.yaml", "hosts.yml", "inventory.ini", "hosts.ini", "inventory.yaml", "inventory.yml")


def read_inventory(path: Path) -> Found:
    """Nodes and bastion of an inventory; of a directory, its usual file. Raises: ConfigError with file and line."""
    if path.is_dir():
        path = next((path / name for name in _FILES if (path / name).is_file()), path)
    text = read_text(path)
    if text.startswith("#!"):
        raise _refused(path, "is a program, and none is executed here: give the output as a file")
    if text.startswith("$ANSIBLE_VAULT"):
        raise _refused(path, "is encrypted: give it decrypted")
    inventory = (read_yaml if _is_yaml(path, text) else read_ini)(text, str(path))
    return _found(inventory)


def _refused(path: Path, message: str) -> ConfigError:
    return ConfigError((ConfigProblem(str(path), 1, "", message),))


def _is_yaml(path: Path, text: str) -> bool:
    if path.suffix in (".yaml", ".yml", ".json"):
        return True
    lines = (line for line in text.split("\n") if line.strip() and not line.lstrip().startswith(("#", ";")))
    return path.suffix != ".ini" and bool(re.match(r"---|\{|[\w-]+:\s*(?:#.*)?$", next(lines, "")))


def _found(inventory: Inventory) -> Found:
    nodes, notes = [], []
    bastion: Given | None = None
    for host in inventory.hosts:
        groups = [_TODAY.get(group, group) for group in inventory.groups_of(host)]
        node = _node(inventory, host, tuple(group for group in dict.fromkeys(groups) if group not in _SAY_NOTHING))
        if "bastion" in groups and not node.groups:
            if bastion is None:
                bastion = _bastion(node)
            else:
                notes.append(f"{node.origin}: {host} is one more bastion: only the first is used")
        elif _connection(inventory, host) == "local" and (node.host is None or node.host.value in ("localhost", None)):
            notes.append(f"{node.origin}: {host} is left out: Ansible reaches it without SSH")
        else:
            nodes.append(node)
    return Found(KIND, inventory.file, nodes=tuple(nodes), bastion=bastion, notes=tuple(notes))


def _node(inventory: Inventory, host: str, groups: tuple[str, ...]) -> FoundNode:
    return FoundNode(
        name=host,
        origin=inventory.origin(inventory.first_lines[host]),
        # The older name wins where both are set: so does Ansible's ssh plugin.
        host=inventory.value(host, "ansible_ssh_host", "ansible_host"),
        user=inventory.value(host, "ansible_ssh_user", "ansible_user"),
        port=inventory.value(host, "ansible_ssh_port", "ansible_port"),
        groups=groups,
    )


def _connection(inventory: Inventory, host: str) -> str | None:
    given = inventory.value(host, "ansible_connection")
    return given.value if given else None


def _bastion(node: FoundNode) -> Given:
    """`[user@]host[:port]`; unknown as soon as one part of it is."""
    unknown = next((part for part in (node.host, node.user, node.port) if part and part.value is None), None)
    if unknown is not None:
        return unknown
    host = node.host.value if node.host and node.host.value else node.name
    user = f"{node.user.value}@" if node.user else ""
    port = f":{node.port.value}" if node.port else ""
    return Given(user + host + port, node.host.origin if node.host else node.origin)
