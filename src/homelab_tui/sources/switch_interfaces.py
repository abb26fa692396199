"""Which IF-MIB row a PoE port is. Pure: a mapping that is not certain is no mapping.

RFC 3621 calls the port's index "implementation specific", so nothing may be assumed of it. What counts as certain: the
vendor says so (and IF-MIB agrees), every index is an Ethernet row of IF-MIB, or there are exactly as many Ethernet rows
as PoE ports.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from homelab_tui.sources.snmp_values import Cells, PortKey, number, text
from homelab_tui.sources.switch_profiles import Oid, VendorProfile

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


@dataclass(frozen=True, slots=True)
class InterfaceRow:
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
        """Whether this is a socket on the front, as far as type and name tell."""
        return self.type in _ETHERNET_TYPES and not _NOT_A_PORT.search(self.name or "")

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


def candidates(keys: Sequence[PortKey], profile: VendorProfile) -> dict[PortKey, int]:
    """The ifIndex that each port would have by its vendor's rule, else by its own number; to be proven by `proven`."""
    if profile.if_index_offset is not None:
        return {(group, port): profile.if_index_offset + port for group, port in keys}
    if profile.if_index_group_factor is not None:
        return {(group, port): group * profile.if_index_group_factor + port for group, port in keys}
    if profile.index_is_if_index or all(group == 1 for group, _ in keys):
        return {(group, port): port for group, port in keys}
    return {}


def proven(
    wanted: Mapping[PortKey, int], rows: Mapping[int, InterfaceRow], profile: VendorProfile
) -> dict[PortKey, int]:
    """`wanted` if IF-MIB agrees, else nothing: one port that does not fit makes all the others doubtful.

    Every index must be an Ethernet port. Where the vendor computes it from the port's number, the interface's name has
    to end in that number; where the index is taken as it is, the names' numbers must run in step with the indexes.
    """
    found = {key: rows[index] for key, index in wanted.items() if index in rows and rows[index].is_ethernet_port}
    if not wanted or len(found) != len(wanted):
        return {}
    computed = profile.if_index_offset is not None or profile.if_index_group_factor is not None
    if computed and any(row.last_number not in (None, key[1]) for key, row in found.items()):
        return {}
    if not computed and not profile.index_is_if_index and not _in_step(list(found.values())):
        return {}
    return dict(wanted)


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
