"""What was found lying around (inventories, hosts files, ssh and kube configurations) for a first configuration."""

from collections.abc import Sequence

from homelab_tui.domain.values import Frozen, replace


class Given(Frozen):
    """A value, and where it comes from."""

    value: str | None
    """None: there is one, and it cannot be known without executing or decrypting something."""
    origin: str
    """`file:line`, or the file alone."""
    why_unknown: str = ""
    """With value None: `a template`, `an encrypted value`."""


class FoundNode(Frozen):
    """One machine, as one source names it."""

    name: str
    origin: str
    host: Given | None = None
    user: Given | None = None
    port: Given | None = None
    groups: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    """Other names of the same machine in that source."""
    address: str | None = None
    """What `host` leads to where it is an ssh alias."""

    @property
    def place(self) -> tuple[str | None, str | None]:
        """Address and port: two names that lead to the same place are one machine."""
        return self.address or (self.host.value if self.host else None), self.port.value if self.port else None


class FoundCluster(Frozen):
    """One cluster of a kubeconfig."""

    name: str
    origin: str
    kubeconfig: str
    context: str
    other_contexts: tuple[str, ...] = ()
    """Further ways to the same cluster."""


class Found(Frozen):
    """What one file gave."""

    kind: str
    """`kubespray inventory`, `ssh configuration`, `hosts file`, `kubeconfig`."""
    file: str
    nodes: tuple[FoundNode, ...] = ()
    clusters: tuple[FoundCluster, ...] = ()
    bastion: Given | None = None
    ssh_config: str | None = None
    """The ssh configuration that its aliases need, where that is not the usual one."""
    notes: tuple[str, ...] = ()
    """What was left out, and why: sentences."""


class Draft(Frozen):
    """All of it, merged."""

    nodes: tuple[FoundNode, ...] = ()
    clusters: tuple[FoundCluster, ...] = ()
    bastion: Given | None = None
    ssh_config: str | None = None
    notes: tuple[str, ...] = ()


def merge(founds: Sequence[Found]) -> Draft:
    """One draft of several files, the most trusted first: it keeps its values, the others fill its gaps."""
    nodes: list[FoundNode] = []
    notes: list[str] = []
    for found in founds:
        notes += found.notes
        earlier = len(nodes)
        for node in found.nodes:
            # Within one file two names are two machines, unless its reader says otherwise.
            number = _named(nodes, node.name)
            number = _same(nodes[:earlier], node) if number is None else number
            if number is None:
                nodes.append(node)
            else:
                nodes[number], disagreements = _filled(nodes[number], node)
                notes += disagreements
    return Draft(
        nodes=tuple(nodes),
        clusters=_named_apart([cluster for found in founds for cluster in found.clusters]),
        bastion=next((found.bastion for found in founds if found.bastion), None),
        ssh_config=next((found.ssh_config for found in founds if found.ssh_config), None),
        notes=tuple(notes),
    )


def _named_apart(clusters: Sequence[FoundCluster]) -> tuple[FoundCluster, ...]:
    """kubeadm calls every cluster `kubernetes`: those of several files get a number."""
    found: dict[str, FoundCluster] = {}
    for cluster in clusters:
        numbered = (f"{cluster.name}-{number}" for number in range(2, len(clusters) + 2))
        name = next(name for name in (cluster.name, *numbered) if name not in found)
        found[name] = replace(cluster, name=name)
    return tuple(found.values())


def _named(nodes: Sequence[FoundNode], name: str) -> int | None:
    return next((number for number, known in enumerate(nodes) if known.name == name), None)


def _same(nodes: Sequence[FoundNode], node: FoundNode) -> int | None:
    """Which of the nodes it is: by one of its names, else by its place."""
    for name in (node.name, *node.aliases):
        for number, known in enumerate(nodes):
            if name == known.name or name in known.aliases:
                return number
    address, port = node.place
    for number, known in enumerate(nodes):
        known_address, known_port = known.place
        if address is not None and (address, port or known_port) == (known_address, known_port or port):
            return number
    return None


def _filled(known: FoundNode, node: FoundNode) -> tuple[FoundNode, list[str]]:
    """The better known node with its gaps filled, and where the two disagree."""
    notes = []
    if node.name != known.name and node.name not in known.aliases:
        notes.append(f"{node.origin}: {node.name} is {known.name} ({known.origin}): same address or name")
    values: dict[str, Given | None] = {}
    for key, mine, other in (
        ("host", known.host, node.host),
        ("user", known.user, node.user),
        ("port", known.port, node.port),
    ):
        values[key] = other if mine is None or (mine.value is None and other is not None) else mine
        ours, theirs = mine.value if mine else None, other.value if other else None
        if key == "host":
            ours, theirs = known.address or ours, node.address or theirs
        if mine is not None and ours is not None and theirs is not None and ours != theirs:
            notes.append(f"{known.name}: {key} {mine.value} ({mine.origin}) kept; {node.origin} says {theirs}")
    is_alias = node.host is not None and node.address not in (None, node.host.value)
    if is_alias and known.host is not None and node.address == known.host.value:
        # The alias leads to the same place, and knows the way: jump host, identity file.
        return replace(known, host=node.host, user=values["user"], port=values["port"], address=node.address), notes
    groups = tuple(dict.fromkeys((*known.groups, *node.groups)))
    address = known.address or (node.address if values["host"] is node.host else None)
    merged = replace(
        known, host=values["host"], user=values["user"], port=values["port"], groups=groups, address=address
    )
    return merged, notes
