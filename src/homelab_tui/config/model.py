"""The configuration, typed. Names are the file's own; units are in the names; defaults are here and nowhere else.

`docs/config.md` is made from these classes: a field's docstring is its documentation. A field `timeout_s` is the key
`timeout`, a field of type SecretRef stands for four keys. None means: not given.
"""

from dataclasses import dataclass, field
from pathlib import Path

from homelab_tui.domain.nodes import Node
from homelab_tui.domain.poe import PortRef


@dataclass(frozen=True, slots=True)
class SecretRef:
    """Where a secret comes from. It is read at the first use, never at load, and never shown."""

    inline: str | None = field(default=None, repr=False)
    """The secret itself, as `X = "…"`; the loader warns when others can read the file."""
    file: Path | None = None
    """`X_file`: first line of that file."""
    env: str | None = None
    """`X_env`: an environment variable."""
    command: tuple[str, ...] | None = None
    """`X_command`: an argv list; first line of its output."""


@dataclass(frozen=True, slots=True)
class SwitchConfig:
    """`[[switches]]`: one PoE switch."""

    name: str
    """Its name everywhere in the program, as in `sw1/3`."""
    source: str = "snmp"
    """The wire: `snmp`, `unifi` (a UniFi controller), `routeros` (MikroTik's REST API), `command` (your programs) or
    `prometheus` (what snmp_exporter or unpoller scraped; it switches nothing)."""
    host: str | None = None
    """snmp: name or address of the agent. Required there."""
    port: int = 161
    """snmp: UDP port of the agent."""
    version: str = "2c"
    """snmp: `2c` or `3`."""
    community: SecretRef | None = None
    """SNMP 2c: what reads. Without it the switch is DOWN."""
    write_community: SecretRef | None = None
    """SNMP 2c: what switches ports. Loaded for an action only; without it ports can be seen and not switched."""
    username: str | None = None
    """SNMP 3: the user, required there. unifi, routeros: who logs in, with a password."""
    auth_protocol: str | None = None
    """SNMP 3: MD5, SHA (the default with a key), SHA224, SHA256, SHA384 or SHA512."""
    auth_key: SecretRef | None = None
    """SNMP 3: the authentication pass phrase."""
    priv_protocol: str | None = None
    """SNMP 3: DES, AES (the default with a key), AES192 or AES256."""
    priv_key: SecretRef | None = None
    """SNMP 3: the privacy pass phrase; it needs an auth_key."""
    url: str | None = None
    """unifi, routeros: address of the controller or the router. Required there."""
    api_key: SecretRef | None = None
    """unifi: an API key (Network, Integrations), instead of username and password."""
    password: SecretRef | None = None
    """unifi, routeros: with `username`."""
    site: str = "default"
    """unifi: the site, as the controller's URLs name it."""
    device: str | None = None
    """unifi: the switch's name, MAC address or address in the controller. Not given: the one that has `name`, else the
    only one with PoE ports."""
    ca_file: Path | None = None
    """unifi, routeros: PEM file of the authority that signed the certificate. Not given: the system's authorities."""
    verify: bool = True
    """unifi, routeros: whether the certificate is checked. These boxes come with one that nobody signed."""
    list: tuple[str, ...] = ()
    """command: an argv list that prints every port, as JSON or as a table (docs/switch-commands.md). Required there."""
    on: tuple[str, ...] = ()
    """command: an argv list that switches port `{port}` of group `{group}` on. No shell is involved."""
    off: tuple[str, ...] = ()
    """command: the same, off. Without `on` and `off`, ports can be seen and not switched."""
    cycle: tuple[str, ...] = ()
    """command: power-cycles a port in one step, for switches that cut the power only so. Not given: off, then on."""
    prometheus: str | None = None
    """The name of one of [[prometheus]]: where source = "prometheus" reads, and where snmp, unifi and routeros find
    what their ports gave before this session. Not given: the only one; for the past, each of them."""
    match: tuple[tuple[str, str], ...] = ()
    """Labels that single out this switch's series in a Prometheus, like `{ instance = "192.168.10.2" }` (snmp_exporter)
    or `{ name = "usw" }` (unpoller). prometheus: required. snmp: not given, an `instance` that is its `host`. unifi,
    routeros: without it the curve of a port begins with this session."""
    protected_ports: tuple[PortRef, ...] = ()
    """Ports that are never switched, as "group/port" or "port": the uplink, the router."""
    timeout_s: float = 1.0
    """How long one request waits for its answer. unifi, routeros and command: 5s when it is not given."""
    retries: int = 1
    """snmp: how often a request is sent again."""


@dataclass(frozen=True, slots=True)
class ClusterConfig:
    """`[[clusters]]`: one Kubernetes cluster."""

    name: str
    """Its name everywhere in the program, as in `nuc/backup/restic`."""
    kubeconfig: str | None = None
    """A path, or several joined by `:`. Not given: KUBECONFIG, else ~/.kube/config, else in-cluster."""
    context: str | None = None
    """Not given: the file's current context."""
    namespaces: tuple[str, ...] = ()
    """Which to look at; empty: all."""
    connect_timeout_s: float = 3.0
    """How long a connection may take."""
    read_timeout_s: float = 5.0
    """How long an answer may take."""


@dataclass(frozen=True, slots=True)
class PrometheusConfig:
    """`[[prometheus]]`: one Prometheus-compatible server."""

    name: str
    """Its name everywhere in the program. Not given: `prometheus`."""
    url: str | None = None
    """Its address; a path prefix is kept. Required, except with `via`."""
    cluster: str | None = None
    """The name of one of [[clusters]]: which its kube_* series speak of. Not given: a cluster of its own name."""
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    """Sent with every request."""
    bearer_token: SecretRef | None = None
    """For a server that wants a token."""
    username: str | None = None
    """For a server that wants a password (basic authentication)."""
    password: SecretRef | None = None
    """With `username`."""
    ca_file: Path | None = None
    """PEM file of the authority that signed its certificate. Not given: the system's authorities."""
    verify: bool = True
    """Whether its certificate is checked."""
    via: str | None = None
    """`kubernetes`: through the API server's service proxy of `cluster`, instead of `url`."""
    service: str | None = None
    """With `via`: `namespace/service:port`."""
    connect_timeout_s: float = 3.0
    """How long a connection may take."""
    read_timeout_s: float = 5.0
    """How long an answer may take."""


@dataclass(frozen=True, slots=True)
class AlertmanagerConfig:
    """`[[alertmanagers]]`: one Alertmanager."""

    url: str
    """Its address; a path prefix is kept."""
    name: str = "alertmanager"
    """Its name everywhere in the program."""
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    """Sent with every request."""
    bearer_token: SecretRef | None = None
    """For a server that wants a token."""
    username: str | None = None
    """For a server that wants a password (basic authentication)."""
    password: SecretRef | None = None
    """With `username`."""
    ca_file: Path | None = None
    """PEM file of the authority that signed its certificate. Not given: the system's authorities."""
    verify: bool = True
    """Whether its certificate is checked."""


@dataclass(frozen=True, slots=True)
class SshConfig:
    """`[ssh]`: how nodes are reached."""

    config: Path | None = None
    """OpenSSH client configuration. Not given: ~/.ssh/config."""
    known_hosts: Path | None = None
    """Where host keys are known from and written to. Not given: what `ssh -G` says, else ~/.ssh/known_hosts."""
    bastion: str | None = None
    """Jump host for every node: `[user@]host[:port]`."""
    connect_timeout_s: float = 3.0
    """How long a connection may take."""
    auth_timeout_s: float = 8.0
    """How long the key exchange and the login may take."""
    command_timeout_s: float = 20.0
    """How long a command on a node may take."""
    max_parallel: int = 16
    """How many nodes are spoken to at once."""


@dataclass(frozen=True, slots=True)
class KeysConfig:
    """`[keys]`: which keys are mine."""

    paths: tuple[Path, ...] = ()
    """Public key files (`.pub`). Empty: ~/.ssh/id_*.pub."""
    agent: bool = True
    """Whether the SSH agent's keys are mine too."""


@dataclass(frozen=True, slots=True)
class UiConfig:
    """`[ui]`: looks and keys."""

    theme: str | None = None
    """A theme's name, as the command palette lists them. Not given: the default one."""
    refresh_s: float = 5.0
    """How often Prometheus is asked, and whether nodes answer."""
    keymap: tuple[tuple[str, str], ...] = ()
    """Command id → keys, comma separated; "" takes a command its keys. docs/keys.md lists ids and keys."""


@dataclass(frozen=True, slots=True)
class SafetyConfig:
    """`[safety]`: what the program may do."""

    read_only: bool = False
    """true: every action is refused."""
    boot_grace_s: float = 180.0
    """How long a node may take to come back before it is called down or hung."""
    cycle_off_s: float = 5.0
    """How long a port stays off in a power-cycle."""
    cycle_interval_s: float = 60.0
    """Least time between two cycles of one port."""


@dataclass(frozen=True, slots=True)
class Config:
    """The whole configuration. Every table is optional."""

    path: Path | None = None
    """The file it was read from; None for defaults."""
    nodes: tuple[Node, ...] = ()
    switches: tuple[SwitchConfig, ...] = ()
    clusters: tuple[ClusterConfig, ...] = ()
    prometheus: tuple[PrometheusConfig, ...] = ()
    alertmanagers: tuple[AlertmanagerConfig, ...] = ()
    ssh: SshConfig = SshConfig()
    keys: KeysConfig = KeysConfig()
    ui: UiConfig = UiConfig()
    safety: SafetyConfig = SafetyConfig()
    warnings: tuple[str, ...] = ()
    """What the loader noticed and did not refuse (an inline secret that others can read)."""
