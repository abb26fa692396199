"""First contact and changed host keys, in words that fit into a narrow terminal."""

from rich.text import Text

from homelab_tui.domain.keys import HostKey, HostKeyState
from homelab_tui.domain.nodes import Node
from homelab_tui.domain.public_keys import key_of_blob, randomart
from homelab_tui.present.table import printable

_FILES = {"ssh-rsa": "rsa"}


def first_contact(node: Node, key: HostKey, way: tuple[str, ...] | None) -> Text:
    """Whose key it is, its fingerprint and picture, and how to compare it: 13 lines, at most 72 columns."""
    text = Text()
    text.append(f"{printable(key.fingerprint, 70)}\n", "bold")
    beside = _beside(node, key, way)
    picture = randomart(key.blob) if key.blob else ()
    for number in range(max(len(picture), len(beside))):
        left = picture[number] if number < len(picture) else ""
        words, style = beside[number] if number < len(beside) else ("", "")
        text.append(f"{left:<21}" if picture else "")
        text.append(f"{printable(words, 48)}\n", style)
    text.append(f"ssh-keygen -lvf /etc/ssh/ssh_host_{_file(key.key_type)}_key.pub")
    return text


def _beside(node: Node, key: HostKey, way: tuple[str, ...] | None) -> list[tuple[str, str]]:
    """What stands beside the picture, a line and its style each."""
    place = f"{node.host} port {node.port or 22}" if key.jump_host is None else key.host
    hops = "directly" if not way else f"by way of {', '.join(way)}"
    lines = [(place, ""), (hops if way is not None else "", "dim"), (_kind(key), "")]
    if key.jump_host is not None:
        lines[1] = (f"JUMP HOST on the way to {node.name}", "yellow")
    if key.state is HostKeyState.NEW_TYPE:
        lines.append(("It is known by a key of another type.", "yellow"))
    lines += [("", "")] * (5 - len(lines))
    return [
        *lines,
        ("Nothing secret has been sent yet.", "dim"),
        ("", ""),
        ("Compare it on the console of that machine,", ""),
        ("not over the network. This shows it there:", ""),
    ]


def _kind(key: HostKey) -> str:
    bits = key_of_blob(key.blob).bits if key.blob else None
    return f"{key.key_type} {bits} bits" if bits else key.key_type


def _file(key_type: str) -> str:
    """How sshd calls the file of a key type."""
    return "ecdsa" if key_type.startswith("ecdsa") else _FILES.get(key_type, "ed25519")


def hard_stop(node: Node, key: HostKey) -> str:
    """A changed or revoked host key: both fingerprints, where the known one stands, and what to do. No way around."""
    whose = node.name if key.jump_host is None else f"the jump host {key.jump_host}, on the way to {node.name}"
    if key.state is HostKeyState.REVOKED:
        return (
            f"The host key of {whose} is revoked:\n"
            "somebody marked it as never to be trusted again.\n\n"
            f"shown now   {key.fingerprint}\n"
            f"marked in   {key.known_at}\n\n"
            "Nothing was sent. Do not log in."
        )
    return (
        f"The {key.key_type} host key of {whose} is not the known one.\n\n"
        f"shown now   {key.fingerprint}\n"
        f"known       {key.known_fingerprint}\n"
        f"known at    {key.known_at or 'known_hosts'}\n\n"
        "Nothing was sent. It was installed anew (a reflashed Pi), its address\n"
        "went to another machine, or somebody sits in between. Look on its console:\n\n"
        f"  ssh-keygen -lf /etc/ssh/ssh_host_{_file(key.key_type)}_key.pub\n\n"
        "Only when that shows the new one, take the old one out yourself, and\n"
        "meet it anew (t):\n\n"
        f"  {key.removal_command}"
    )
