"""Which IF-MIB row a PoE port is. Pure: a mapping that is not certain is no mapping.

RFC 3621 calls the port's index "implementation specific", so nothing may be assumed of it. What counts as certain: the
vendor says so (and IF-MIB agrees), every index is an Ethernet row of IF-MIB, or there are exactly as many Ethernet rows
as PoE ports.
"""

import re
from collections.abc import Mapping, Sequence

from homelab_tui.domain.values import Frozen
from homelab_tui.sources.snmp_values import Cells, PortKey, number, text
from homelab_tui.sources.vendor_tables import Oid, VendorProfile

IF_ENTRY: Oid = (1, 3, 6, 1, 2, 1, 2, 2, 1)
IF_X_ENTRY: Oid = (1, 3, 6, 1, 2, 1, 31, 1, 1, 1)
IF_DESCR: Oid = (*IF_ENTRY, 2)
IF_TYPE: Oid = (*IF_ENTRY, 3)
IF_OPER_STATUS: Oid = (*IF_ENTRY, 8)
IF_NAME: Oid = (*IF_X_ENTRY, 1)
IF_HIGH_SPEED: Oid = (*IF_X_ENTRY, 15)
IF_ALIAS: Oid = (*IF_X_ENTRY, 18)
ENT_ALIAS_MAPPING: Oid = (1, 3, 6, 1, 2, 1, 47, 1, 3, 2, 1, 2)
"""entAliasMappingIdentifier.entity.0: the object identifier of the entity's ifIndex."""

_ETHERNET_TYPES = frozenset({6, 62, 117})
"""ethernetCsmacd, and the obsolete fastEther and gigabitEthernet that some agents still use."""
_NOT_A_PORT = re.compile(
    r"vlan|\blag|port-?channel|\bpo\d|\btrk|trunk|loop|cpu|mgmt|management|stack|null|tunnel|bridge|oob|internal|virtual",
    re.IGNORECASE,
)
_LAST_NUMBER = re.compile(r"(\d+)\D*$")


class InterfaceRow(Frozen):
    """What IF-MIB says of one interface. None: it does not say."""

    index: int
    type: int | None = None
    name: str | None = None
    """ifName, else ifDescr."""
    alias: str | None = None
    """ifAlias: what the operator called it."""
    link_up: bool | None = None
    speed_mbps: int | None = None

    @property
    def is_ethernet_port(self) -> bool:
        """Whether this is a socket on the front, as far as type and name tell; without both it is not."""
        is_ethernet = self.type in _ETHERNET_TYPES if self.type is not None else bool(self.name)
        return is_ethernet and not _NOT_A_PORT.search(self.name or "")

    @property
    def last_number(self) -> int | None:
        """The last number of the name: 3 of "GigabitEthernet1/0/3"."""
        match = _LAST_NUMBER.search(self.name or "")
        return int(match[1]) if match else None


def interface_rows(cells: Cells) -> dict[int, InterfaceRow]:
    """Every interface that the cells speak of, by ifIndex."""
    columns = {IF_DESCR, IF_TYPE, IF_OPER_STATUS, IF_NAME, IF_HIGH_SPEED, IF_ALIAS}
    indexes = {oid[-1] for oid in cells if oid[:-1] in columns}
    rows = {}
    for index in indexes:
        status = number(cells.get((*IF_OPER_STATUS, index)))
        speed = number(cells.get((*IF_HIGH_SPEED, index)))
        rows[index] = InterfaceRow(
            index=index,
            type=number(cells.get((*IF_TYPE, index))),
            name=text(cells.get((*IF_NAME, index))) or text(cells.get((*IF_DESCR, index))),
            alias=text(cells.get((*IF_ALIAS, index))),
            # 1 up, 2 down, 6 notPresent, 7 lowerLayerDown; testing, unknown and dormant are none of both.
            link_up=True if status == 1 else False if status in (2, 6, 7) else None,
            speed_mbps=speed or None,
        )
    return rows


class Candidate(Frozen):
    """An ifIndex for every port, not proven yet."""

    if_index: Mapping[PortKey, int]
    is_computed: bool = False
    """It follows from the port's number by the vendor's rule; else the number itself is the index."""
    is_documented: bool = False
    """The vendor says that the port's number is the index."""


def candidates(keys: Sequence[PortKey], profile: VendorProfile) -> tuple[Candidate, ...]:
    """What each port's ifIndex may be: by its vendor's rule, else its own number. Each is to be proven, in order."""
    found = []
    if profile.if_index_offset is not None:
        found.append(Candidate({(group, port): profile.if_index_offset + port for group, port in keys}, True))
    if profile.if_index_group_factor is not None:
        factor = profile.if_index_group_factor
        found.append(Candidate({(group, port): group * factor + port for group, port in keys}, True))
    if profile.index_is_if_index or (not found and all(group == 1 for group, _ in keys)):
        found.append(Candidate({(g, port): port for g, port in keys}, is_documented=profile.index_is_if_index))
    elif profile.if_index_group_factor is not None:
        # Some of these vendors' agents index the ports by the interface itself.
        found.append(Candidate({(group, port): port for group, port in keys}))
    return tuple(found)


def proven(wanted: Candidate, rows: Mapping[int, InterfaceRow]) -> dict[PortKey, int]:
    """The candidate's indexes if IF-MIB agrees, else nothing: one port that does not fit makes all the others doubtful.

    Every index must be an Ethernet port. Where the vendor computes it from the port's number, the interface's name has
    to end in that number; where the index is taken as it is, the names' numbers must run in step with the indexes. An
    agent that tells no types must have such names.
    """
    indexes = wanted.if_index
    found = {key: rows[index] for key, index in indexes.items() if index in rows and rows[index].is_ethernet_port}
    if not indexes or len(found) != len(indexes):
        return {}
    if wanted.is_computed:
        fits = all(row.last_number in (None, key[1]) for key, row in found.items())
    else:
        fits = wanted.is_documented or _in_step(list(found.values()))
    untyped = any(row.type is None for row in found.values())
    if not fits or (untyped and any(row.last_number is None for row in found.values())):
        return {}
    return dict(indexes)


def _in_step(rows: Sequence[InterfaceRow]) -> bool:
    """Whether the names count as the indexes do; also true when the names have no numbers."""
    steps = {row.index - row.last_number for row in rows if row.last_number is not None}
    return len(steps) <= 1


def zipped(keys: Sequence[PortKey], rows: Mapping[int, InterfaceRow]) -> dict[PortKey, int]:
    """Ports and Ethernet interfaces side by side, when there are exactly as many of both; else nothing."""
    indexes = sorted(index for index, row in rows.items() if row.is_ethernet_port)
    return dict(zip(sorted(keys), indexes, strict=True)) if keys and len(indexes) == len(keys) else {}


def by_entity(entities: Mapping[PortKey, int], cells: Cells) -> dict[PortKey, int]:
    """Ports by ENTITY-MIB: the vendor names each port's physical entity, entAliasMapping that entity's ifIndex."""
    found = {}
    for key, entity in entities.items():
        target = cells.get((*ENT_ALIAS_MAPPING, entity, 0))
        if isinstance(target, tuple) and target[:-1] == (*IF_ENTRY, 1):
            found[key] = target[-1]
    return found if len(set(found.values())) == len(found) else {}


def by_vendor_column(
    told: Mapping[PortKey, int], names: Mapping[PortKey, str], rows: Mapping[int, InterfaceRow]
) -> tuple[dict[PortKey, int], tuple[PortKey, ...]]:
    """Ports whose row, index column and name agree with IF-MIB, and those that contradict themselves."""
    found, odd = {}, []
    for key, index in told.items():
        row = rows.get(index)
        if index == key[1] and row is not None and names.get(key) in (None, row.name):
            found[key] = index
        else:
            odd.append(key)
    return found, tuple(odd)
