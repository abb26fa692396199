"""A first configuration as text: every value with the place it comes from, what is not known as a comment."""

from collections.abc import Iterable
from pathlib import Path

from homelab_tui.config.load import parse_config
from homelab_tui.domain.drafts import Draft, FoundCluster, FoundNode, Given
from homelab_tui.domain.errors import ConfigError
from homelab_tui.domain.values import replace

_WIDTH = 36
"""Where the origin of a value begins."""

AFTERWARDS = """\
# What no file could tell. config.example.toml has every key, docs/config.md explains each; then: homelab check

#[[switches]]
#name = "sw1"
#host = "192.168.10.2"
#community_file = "~/.config/homelab/sw1-community"
#protected_ports = ["1/8"]          # the uplink
# and with each node that it feeds: poe = "sw1/3"

#[[prometheus]]
#name = "main"
#url = "http://192.168.10.121:9090"
#cluster = "nuc"                    # which of [[clusters]] its kube_* series speak of
"""


def usable(draft: Draft) -> Draft:
    """The draft without what the loader would refuse, each told in a note. What is left loads."""
    notes = list(draft.notes)
    nodes = []
    for node in draft.nodes:
        kept = _usable_node(node, notes)
        if kept is not None:
            nodes.append(kept)
    bastion = draft.bastion
    if bastion is not None and _complaints(f"[ssh]\n{_value('bastion', bastion)}"):
        notes.append(f"{bastion.origin}: the bastion {bastion.value!r} is left out: it must be [user@]host[:port]")
        bastion = None
    return replace(draft, nodes=tuple(nodes), bastion=bastion, notes=tuple(notes))


def config_text(draft: Draft, sources: Iterable[str], head: str) -> str:
    """The file. `sources` says what was read, `head` when and by whom."""
    lines = [_comment(head), *(_comment(f"  {source}") for source in sources), ""]
    for node in draft.nodes:
        lines += [*_node(node), ""]
    for cluster in draft.clusters:
        lines += [*_cluster(cluster), ""]
    if draft.bastion or draft.ssh_config:
        lines.append("[ssh]")
        if draft.ssh_config:
            lines.append(f"config = {_quoted(draft.ssh_config)}")
        if draft.bastion:
            lines.append(_value("bastion", draft.bastion))
        lines.append("")
    return "\n".join([*lines, AFTERWARDS])


def _usable_node(node: FoundNode, notes: list[str]) -> FoundNode | None:
    """The node without the values that the loader refuses; None when it refuses the name."""
    for key, message in _complaints("\n".join(_node(node))):
        given: object = getattr(node, key, None)
        if key == "name":
            notes.append(f"{node.origin}: {node.name!r} is left out: {message}")
            return None
        origin = given.origin if isinstance(given, Given) else node.origin
        notes.append(f"{origin}: {key} of {node.name} is left out: {message}")
        if key == "host":
            node = replace(node, host=None, address=None)
        elif key == "user":
            node = replace(node, user=None)
        elif key == "port":
            node = replace(node, port=None)
        else:
            node = replace(node, groups=())
    return node


def _complaints(table: str) -> list[tuple[str, str]]:
    """(key, message) of each problem that the loader has with one table."""
    try:
        parse_config(table, Path("config.toml"))
    except ConfigError as error:
        return [(problem.key.rpartition(".")[2], problem.message) for problem in error.problems]
    return []


def _node(node: FoundNode) -> list[str]:
    lines = ["[[nodes]]", _line(f"name = {_quoted(node.name)}", node.origin)]
    if node.host is not None and node.address is not None and node.address != node.host.value:
        origin = f"{node.host.origin}: an ssh alias, which knows the way to {node.address}"
        lines.append(_line(f"host = {_quoted(node.host.value or '')}", origin))
    elif node.host is not None:
        lines.append(_value("host", node.host))
    if node.user is not None:
        lines.append(_value("user", node.user))
    if node.port is not None:
        lines.append(_value("port", node.port, is_number=True))
    if node.groups:
        lines.append(f"groups = [{', '.join(_quoted(group) for group in node.groups)}]")
    return lines


def _cluster(cluster: FoundCluster) -> list[str]:
    lines = ["[[clusters]]", f"name = {_quoted(cluster.name)}"]
    lines.append(_line(f"kubeconfig = {_quoted(cluster.kubeconfig)}", cluster.origin))
    lines.append(f"context = {_quoted(cluster.context)}")
    return lines + [f"#context = {_quoted(other)}" for other in cluster.other_contexts]


def _value(key: str, given: Given, *, is_number: bool = False) -> str:
    if given.value is None:
        return _comment(f"{key}: {given.origin} has {given.why_unknown} there: fill it in")
    is_plain = is_number and given.value.isascii() and given.value.isdigit() and len(given.value) < 10
    return _line(f"{key} = {str(int(given.value)) if is_plain else _quoted(given.value)}", given.origin)


def _line(text: str, origin: str) -> str:
    return f"{text.ljust(_WIDTH - 1)} {_comment(origin)}"


def _comment(text: str) -> str:
    """A comment of one line: TOML allows no control characters in it, and neither does a terminal."""
    return f"# {''.join(char if char.isprintable() else '?' for char in text)}"


def _quoted(text: str) -> str:
    escaped = (char if char.isprintable() and char not in '"\\' else _escape(char) for char in text)
    return f'"{"".join(escaped)}"'


def _escape(char: str) -> str:
    if char in '"\\':
        return f"\\{char}"
    # A lone surrogate (a file name that is no UTF-8) has no escape in TOML.
    return f"\\U{ord(char):08x}" if not 0xD800 <= ord(char) <= 0xDFFF else "?"
