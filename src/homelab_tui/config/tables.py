"""One function per table of the configuration, from TOML values to the typed model; servers and switches next door."""

import re
from collections.abc import Sequence

from homelab_tui.config.keymap import keymap_problems
from homelab_tui.config.model import KeysConfig, SafetyConfig, SshConfig, UiConfig
from homelab_tui.config.reader import Table
from homelab_tui.domain.nodes import Node, NodeSpec
from homelab_tui.domain.poe import PortRef

_MAC = re.compile(r"[0-9a-f]{2}(?::[0-9a-f]{2}){5}")


def read_node(table: Table) -> Node | None:
    """`[[nodes]]`."""
    name = table.name("name")
    host = table.host("host")
    user = table.text("user")
    if user is not None and (user.startswith("-") or re.search(r"[\s@/]", user)):
        table.problem("user", f"{user!r} is not an account name")
    port = table.integer("port", None, low=1, high=65535)
    groups = table.strings("groups")
    poe = _port(table, "poe", table.text("poe"))
    mac = table.text("mac")
    mac = None if mac is None else mac.lower().replace("-", ":")
    if mac is not None and not _MAC.fullmatch(mac):
        table.problem("mac", f'{mac!r} is not a MAC address like "1c:69:7a:00:00:01"')
    spec = _read_spec(table.table("spec"))
    if name is None:
        return None
    return Node(name, host or name, user=user, port=port, groups=groups, poe=poe, mac=mac, spec=spec)


def _read_spec(table: Table) -> NodeSpec:
    spec = NodeSpec(
        model=table.text("model"),
        cores=table.integer("cores", None, low=1, high=4096),
        memory_bytes=table.size("memory"),
        disk_bytes=table.size("disk"),
        os=table.text("os"),
    )
    table.finish()
    return spec


def read_ssh(table: Table) -> SshConfig:
    """`[ssh]`."""
    default = SshConfig()
    bastion = table.text("bastion")
    if bastion is not None and not re.fullmatch(r"(?:[^@\s/-][^@\s/]*@)?[^@\s:/-][^@\s/]*", bastion):
        table.problem("bastion", f'{bastion!r} must be "[user@]host[:port]"')
    return SshConfig(
        config=table.path_to("config"),
        known_hosts=table.path_to("known_hosts"),
        bastion=bastion,
        connect_timeout_s=table.duration("connect_timeout", default.connect_timeout_s, low=0.1, high=60.0),
        auth_timeout_s=table.duration("auth_timeout", default.auth_timeout_s, low=0.5, high=120.0),
        command_timeout_s=table.duration("command_timeout", default.command_timeout_s, low=1.0, high=600.0),
        max_parallel=table.integer("max_parallel", default.max_parallel, low=1, high=256),
    )


def read_keys(table: Table) -> KeysConfig:
    """`[keys]`."""
    texts = table.strings("paths")
    for text in texts:
        if not text.endswith(".pub"):
            table.problem("paths", f"{text!r} does not end in .pub: name public keys only")
    paths = [table.expanded("paths", text) for text in texts]
    return KeysConfig(paths=tuple(filter(None, paths)), agent=table.boolean("agent", KeysConfig().agent))


def read_ui(table: Table) -> UiConfig:
    """`[ui]`."""
    keymap = table.pairs("keymap", empty=True)
    for command_id, message in keymap_problems(keymap):
        table.problem("keymap", message, inner=command_id)
    return UiConfig(
        theme=table.text("theme"),
        refresh_s=table.duration("refresh", UiConfig().refresh_s, low=1.0, high=3600.0),
        keymap=keymap,
    )


def read_safety(table: Table) -> SafetyConfig:
    """`[safety]`."""
    default = SafetyConfig()
    return SafetyConfig(
        read_only=table.boolean("read_only", default.read_only),
        boot_grace_s=table.duration("boot_grace", default.boot_grace_s, low=1.0, high=3600.0),
        cycle_off_s=table.duration("cycle_off", default.cycle_off_s, low=1.0, high=120.0),
        cycle_interval_s=table.duration("cycle_interval", default.cycle_interval_s, low=0.0, high=3600.0),
    )


def _port(table: Table, key: str, text: str | None) -> PortRef | None:
    if text is None:
        return None
    switch, *numbers = text.split("/")
    ref = port_ref(switch, numbers) if switch else None
    if ref is None:
        table.problem(key, f'{text!r} is not a port: write "switch/port" or "switch/group/port"')
    return ref


def port_ref(switch: str, numbers: Sequence[str]) -> PortRef | None:
    """The port of `["8"]` or `["1", "8"]`, as the MIB counts groups and ports; None for anything else."""
    if len(numbers) not in (1, 2) or not all(re.fullmatch(r"[0-9]{1,9}", number) for number in numbers):
        return None
    group, port = (1, int(numbers[0])) if len(numbers) == 1 else (int(numbers[0]), int(numbers[1]))
    return PortRef(switch, group, port)
