"""The configuration's nodes as other programs want them: hosts file, Ansible and kubespray inventories, ssh_config.

Pure. What cannot be written in a format is left out, and said in a note. `homelab init` reads all of them back.
"""

import ast
import ipaddress
import json
import re
import shlex
from collections.abc import Iterable, Sequence

from homelab_tui.config.model import Config
from homelab_tui.domain.nodes import Node
from homelab_tui.domain.values import Frozen

KINDS = ("hosts", "kubespray", "ansible", "ssh-config")
_HEAD = "Written by `homelab export {kind}`: change the configuration, and export again."
_CONTROL_PLANE = "kube_control_plane"
_TODAY = {
    "control_plane": _CONTROL_PLANE,
    "controlplane": _CONTROL_PLANE,
    "kube_master": _CONTROL_PLANE,
    "master": _CONTROL_PLANE,
    "worker": "kube_node",
    "workers": "kube_node",
}
"""Words that people use, and kubespray's own."""
_RESERVED = ("all", "ungrouped", "bastion", "k8s_cluster")
_PLAIN = re.compile(r"[A-Za-z0-9._:-]+")


class Export(Frozen):
    """One file, and what is not in it."""

    text: str
    nodes: tuple[str, ...]
    """Names of the nodes that are in it."""
    notes: tuple[str, ...] = ()


def export(kind: str, config: Config) -> Export:
    """The file of that kind. Raises: KeyError for a kind that is none of KINDS."""
    makers = {"hosts": hosts, "kubespray": kubespray, "ansible": ansible, "ssh-config": ssh_config}
    return makers[kind](config)


def hosts(config: Config) -> Export:
    """Lines for /etc/hosts: the nodes that are declared with an address."""
    lines, names, notes = [f"# {_HEAD.format(kind='hosts')}"], [], []
    for node in config.nodes:
        try:
            address = ipaddress.ip_address(node.host.partition("%")[0])
        except ValueError:
            notes.append(f"{node.name} is left out: {node.host} is a name, and not an address")
            continue
        lines.append(f"{address}\t{node.name}")
        names.append(node.name)
    return Export("\n".join([*lines, ""]), tuple(names), tuple(notes))


def kubespray(config: Config) -> Export:
    """An INI inventory with kubespray's groups of today."""
    nodes, notes = _safe(config.nodes)
    members: dict[str, list[str]] = {_CONTROL_PLANE: [], "etcd": [], "kube_node": []}
    for node in nodes:
        groups = _groups(node, notes)
        for group in groups or ["kube_node"]:
            members.setdefault(group, []).append(node.name)
        if groups and not {_CONTROL_PLANE, "etcd", "kube_node"} & set(groups):
            members["kube_node"].append(node.name)
    if not members[_CONTROL_PLANE]:
        notes.append("no node is in a group `control-plane`: kubespray needs one in [kube_control_plane]")
    lines = [f"# {_HEAD.format(kind='kubespray')}", "[all]"]
    lines += [" ".join([node.name, *_ini(_variables(node))]) for node in nodes]
    if config.ssh.bastion:
        # A host named as its group: Ansible warns, and kubespray looks for exactly that.
        lines += ["", "[bastion]", " ".join(["bastion", *_ini(_bastion(config.ssh.bastion))])]
    for group, names in members.items():
        if group == "etcd" and not names:
            lines += ["", "[etcd:children]", _CONTROL_PLANE]
        else:
            lines += ["", f"[{group}]", *names]
    return Export("\n".join([*lines, ""]), tuple(node.name for node in nodes), tuple(dict.fromkeys(notes)))


def ansible(config: Config) -> Export:
    """A YAML inventory with the groups as they are declared."""
    nodes, notes = _safe(config.nodes)
    lines = [f"# {_HEAD.format(kind='ansible')}", "all:", "  hosts:"]
    for node in nodes:
        lines += _yaml_host(node.name, _variables(node), "    ")
    members: dict[str, list[str]] = {}
    for node in nodes:
        for group in _names(node.groups, notes):
            members.setdefault(group, []).append(node.name)
    if members or config.ssh.bastion:
        lines.append("  children:")
    for group, names in members.items():
        lines += [f"    {group}:", "      hosts:", *(f"        {_quoted(name)}: {{}}" for name in names)]
    if config.ssh.bastion:
        lines += ["    bastion:", "      hosts:", *_yaml_host("bastion-host", _bastion(config.ssh.bastion), "        ")]
    if not nodes:
        lines[2] = "  hosts: {}"
    return Export("\n".join([*lines, ""]), tuple(node.name for node in nodes), tuple(dict.fromkeys(notes)))


def ssh_config(config: Config) -> Export:
    """Host blocks for ~/.ssh/config (or a file that it includes)."""
    lines, notes = [f"# {_HEAD.format(kind='ssh-config')}"], []
    for node in config.nodes:
        if re.search(r'["\\]', node.host + (node.user or "")):
            notes.append(f"{node.name} is left out: a quote or backslash cannot be written")
            continue
        lines += ["", f"Host {node.name}"]
        if node.host != node.name:
            lines.append(f"    HostName {node.host.replace('%', '%%')}")
        if node.user:
            lines.append(f"    User {_ssh_word(node.user)}")
        if node.port is not None:
            lines.append(f"    Port {node.port}")
        if config.ssh.bastion:
            lines.append(f"    ProxyJump {config.ssh.bastion}")
        if config.ssh.known_hosts:
            lines.append(f"    UserKnownHostsFile {_ssh_word(str(config.ssh.known_hosts).replace('%', '%%'))}")
    left_out = {note.partition(" ")[0] for note in notes}
    names = tuple(node.name for node in config.nodes if node.name not in left_out)
    return Export("\n".join([*lines, ""]), names, tuple(notes))


def _safe(nodes: Iterable[Node]) -> tuple[list[Node], list[str]]:
    """The nodes without those that Ansible would take for a template, and execute."""
    kept, notes = [], []
    for node in nodes:
        if re.search(r"\{[{%#]", node.host + (node.user or "")):
            notes.append(f"{node.name} is left out: Ansible would run its host or user as a template")
        else:
            kept.append(node)
    return kept, notes


def _variables(node: Node) -> dict[str, str | int]:
    found: dict[str, str | int] = {}
    if node.host != node.name:
        found["ansible_host"] = node.host
    if node.user:
        found["ansible_user"] = node.user
    if node.port is not None:
        found["ansible_port"] = node.port
    return found


def _bastion(text: str) -> dict[str, str | int]:
    """`[user@]host[:port]` as variables."""
    user, _, place = text.rpartition("@")
    host, port = place, ""
    if re.fullmatch(r"\[.*\](?::[0-9]+)?", place):
        host, _, port = place[1:].partition("]")
    elif place.count(":") == 1:
        host, _, port = place.partition(":")
    found: dict[str, str | int] = {"ansible_host": host}
    if user:
        found["ansible_user"] = user
    if port.strip(":").isdigit():
        found["ansible_port"] = int(port.strip(":"))
    return found


def _groups(node: Node, notes: list[str]) -> list[str]:
    """A node's groups in kubespray's words, each once."""
    return list(dict.fromkeys(_TODAY.get(group, group) for group in _names(node.groups, notes)))


def _names(groups: Sequence[str], notes: list[str]) -> list[str]:
    """Groups as Ansible allows them: letters, digits, underscores."""
    found = []
    for group in groups:
        name = re.sub(r"[^A-Za-z0-9_]", "_", group)
        if name in _RESERVED or not re.match(r"[A-Za-z_]", name):
            notes.append(f"the group {group!r} is left out: Ansible has another use for that name")
        else:
            found.append(name)
    return found


def _ini(variables: dict[str, str | int]) -> list[str]:
    """Words of a line. Ansible takes a value for a Python literal where it can, so a text that is one is quoted."""
    return [f"{key}={value if isinstance(value, int) else _ini_text(value)}" for key, value in variables.items()]


def _ini_text(text: str) -> str:
    try:
        ast.literal_eval(text)
    except (ValueError, SyntaxError):
        if _PLAIN.fullmatch(text):
            return text
    return shlex.quote(repr(text))


def _yaml_host(name: str, variables: dict[str, str | int], indent: str) -> list[str]:
    """JSON's strings are YAML's too."""
    inner = ", ".join(f"{key}: {_quoted(value)}" for key, value in variables.items())
    return [f"{indent}{_quoted(name)}: {{{inner}}}"]


def _ssh_word(text: str) -> str:
    return f'"{text}"' if re.search(r"\s", text) else text


def _quoted(text: str | int) -> str:
    """A YAML scalar. Not in ASCII: JSON's surrogate pairs are two broken characters to YAML."""
    return json.dumps(text, ensure_ascii=False)
