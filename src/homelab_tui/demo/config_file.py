"""The ordinary configuration that points the product at the lab's ports."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from homelab_tui.demo.certificates import Authority
from homelab_tui.demo.hardware import UPLINK_PORT, DemoNode
from homelab_tui.demo.kubernetes_access import User
from homelab_tui.demo.secrets_on_disk import write_private

ADMIN = "kubernetes-admin"
CERTIFICATE_USER = f"{ADMIN}-certificate"
"""The kubeconfig user that shows a client certificate where `kubernetes-admin` shows a token."""


@dataclass(frozen=True, slots=True)
class ClusterAddress:
    """How one cluster is reached."""

    name: str
    url: str
    users: Mapping[str, User]
    authority: Authority | None
    prometheus_url: str


def write_key(directory: Path, stem: str, comment: str) -> str:
    """Make an ed25519 pair in OpenSSH files; returns the public line."""
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    write_private(directory / stem, private)
    line = f"{public.decode()} {comment}"
    write_private(directory / f"{stem}.pub", line + "\n")
    return line


def kubeconfig(clusters: list[ClusterAddress]) -> str:
    """One kubeconfig for all clusters: a context per user and cluster, `kubernetes-admin@<cluster>` first."""
    servers: list[str] = []
    contexts: list[str] = []
    users: list[str] = []
    for cluster in clusters:
        server = {"server": cluster.url}
        if cluster.authority is not None:
            server["certificate-authority-data"] = _base64(cluster.authority.certificate)
        servers += _named(cluster.name, "cluster", server)
        credentials: dict[str, dict[str, str]] = {name: {"token": user.token} for name, user in cluster.users.items()}
        if cluster.authority is not None:
            pair = cluster.authority.client(ADMIN, ("system:masters",))
            credentials[CERTIFICATE_USER] = {
                "client-certificate-data": _base64(pair.certificate),
                "client-key-data": _base64(pair.key),
            }
        for user, credential in credentials.items():
            name = f"{user}@{cluster.name}"
            contexts += _named(name, "context", {"cluster": cluster.name, "user": name})
            users += _named(name, "user", credential)
    current = f"{ADMIN}@{clusters[0].name}" if clusters else ""
    lines = ["apiVersion: v1", "kind: Config", "preferences: {}", f"current-context: {_quoted(current)}"]
    lines += ["clusters:", *servers, "contexts:", *contexts, "users:", *users]
    return "\n".join(lines) + "\n"


def _named(name: str, kind: str, values: Mapping[str, str]) -> list[str]:
    """One named entry of a kubeconfig list; written by hand, because importing a YAML library costs the start 40 ms."""
    return [
        f"- name: {_quoted(name)}",
        f"  {kind}:",
        *(f"    {key}: {_quoted(value)}" for key, value in values.items()),
    ]


def ssh_config(directory: Path, known_hosts: Path, bastion: tuple[str, int] | None = None) -> str:
    """An OpenSSH client configuration that knows nothing of this machine's own keys and agent.

    `bastion`: (user, port) of the jump host that the NUCs are reached through.
    """
    jump: list[str] = []
    if bastion is not None:
        jump += ["Host bastion", "  HostName 127.0.0.1", f"  User {bastion[0]}", f"  Port {bastion[1]}"]
        jump += ["Host nuc*", "  HostName 127.0.0.1", "  ProxyJump bastion"]
    lines = [
        *jump,
        "Host *",
        f"  UserKnownHostsFile {_quoted(known_hosts)}",
        "  GlobalKnownHostsFile /dev/null",
        f"  IdentityFile {_quoted(directory / 'id_ed25519')}",
        "  IdentitiesOnly yes",
        "  IdentityAgent none",
    ]
    return "\n".join(lines) + "\n"


def node_table(node: DemoNode, port: int, switch: str, by_name: bool = False) -> str:
    """`[[nodes]]` of one machine, with what the seed says about it, true or not.

    `by_name`: the ssh configuration knows where it is and how to get there.
    """
    nuc = node.kind == "nuc"
    groups = [node.kind if nuc else "rpi", node.role]
    model, memory, disk = (node.model, "16 GB", "500 GB") if nuc else ("Raspberry Pi 4 Model B", "4 GB", "64 GB")
    os = f'os = "{"Rocky Linux 9.1" if nuc else node.os_pretty}"'
    poe = [f'poe = "{switch}/{node.port}"'] if node.port is not None else []
    return "\n".join(
        [
            "[[nodes]]",
            f'name = "{node.name}"',
            f'host = "{node.name if by_name else "127.0.0.1"}"',
            f'user = "{node.user}"',
            f"port = {port}",
            f"groups = {_strings(groups)}",
            *poe,
            f'mac = "{node.mac}"',
            f'spec = {{ model = "{model}", cores = {node.cores}, memory = "{memory}", disk = "{disk}", {os} }}',
            "",
        ]
    )


Past = tuple[str, Mapping[str, str]]
"""Which Prometheus has the switch's series, and the labels that single them out."""


def switch_table(name: str, port: int, secrets: Mapping[str, Path], user: str | None = None, *, past: Past) -> str:
    """`[[switches]]` of the lab's switch. `user`: SNMPv3's; None: v2c."""
    version = ['version = "2c"', *(f"{key}_file = {_quoted(secrets[key])}" for key in ("community", "write_community"))]
    if user is not None:
        keys = (f"{key}_file = {_quoted(secrets[key])}" for key in ("auth_key", "priv_key"))
        version = ['version = "3"', f'username = "{user}"', 'auth_protocol = "SHA"', 'priv_protocol = "AES"', *keys]
    return "\n".join(
        [
            "[[switches]]",
            f'name = "{name}"',
            'source = "snmp"',
            'host = "127.0.0.1"',
            f"port = {port}",
            *version,
            *_past_keys(past),
            f'protected_ports = ["1/{UPLINK_PORT}"]',
            "",
        ]
    )


def controller_table(name: str, source: str, url: str, user: str, files: Mapping[str, Path], *, past: Past) -> str:
    """`[[switches]]` of the lab's switch behind a UniFi console or as a MikroTik."""
    secret = (
        [f"api_key_file = {_quoted(files['api_key'])}"]
        if source == "unifi"
        else [f'username = "{user}"', f"password_file = {_quoted(files['password'])}"]
    )
    head = ["[[switches]]", f'name = "{name}"', f'source = "{source}"', f'url = "{url}"']
    return "\n".join([*head, *secret, *_past_keys(past), f'protected_ports = ["1/{UPLINK_PORT}"]', ""])


def _past_keys(past: Past) -> list[str]:
    server, labels = past
    pairs = ", ".join(f"{name} = {_quoted(value)}" for name, value in labels.items())
    return [f"prometheus = {_quoted(server)}", f"match = {{ {pairs} }}"]


def cluster_tables(cluster: ClusterAddress, kubeconfig_path: Path) -> str:
    """`[[clusters]]` and `[[prometheus]]` of one cluster."""
    return "\n".join(
        [
            "[[clusters]]",
            f'name = "{cluster.name}"',
            f"kubeconfig = {_quoted(kubeconfig_path)}",
            f'context = "{ADMIN}@{cluster.name}"',
            "",
            "[[prometheus]]",
            f'name = "{cluster.name}"',
            f'url = "{cluster.prometheus_url}"',
            f'cluster = "{cluster.name}"',
            "",
        ]
    )


def client_tables(ssh_config_path: Path, known_hosts: Path, keys: list[Path]) -> str:
    """`[ssh]` and `[keys]`: the lab's own files, never this machine's agent."""
    return "\n".join(
        [
            "[ssh]",
            f"config = {_quoted(ssh_config_path)}",
            f"known_hosts = {_quoted(known_hosts)}",
            "",
            "[keys]",
            f"paths = [{', '.join(_quoted(path) for path in keys)}]",
            "agent = false",
            "",
        ]
    )


def _quoted(value: Path | str) -> str:
    escaped = str(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _strings(values: list[str]) -> str:
    return "[" + ", ".join(_quoted(value) for value in values) + "]"


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
