"""How a vendor's PoE tables look, as frozen values: which column holds what, in which unit, under which index."""

from enum import Enum

from homelab_tui.domain.poe import Detection
from homelab_tui.domain.values import Frozen

Oid = tuple[int, ...]
"""An object identifier as its numbers."""


class PortIndex(Enum):
    """How the rows of a vendor's table are numbered."""

    GROUP_AND_PORT = 2
    """As pethPsePortTable: group, port."""
    PORT = 1
    """One number: the port; its group is 1."""


class Column(Frozen):
    """A numeric column: its value times `factor` is mW, mV or mA."""

    number: int
    factor: int = 1


class AdminColumn(Frozen):
    """The column that enables a port's power."""

    number: int
    on: tuple[int, ...]
    """Values that mean enabled; the first one is written to switch on."""
    off: tuple[int, ...]
    """Values that mean disabled; the first one is written to switch off."""
    writable: bool = False


class StatusColumn(Frozen):
    """The column that tells what a port does, as numbers or as text."""

    number: int
    codes: tuple[tuple[int, Detection], ...] = ()
    texts: tuple[tuple[str, Detection], ...] = ()
    """(beginning of the text in lower case, meaning), the first match counts."""


class ClassColumn(Frozen):
    """The column of the power class, as the plain class number."""

    number: int
    undefined: tuple[int, ...] = ()
    """Values that mean: no class."""


class PortTable(Frozen):
    """One vendor table with a row per PoE port. A column that the vendor lacks is None."""

    entry: Oid
    """The row's object; a cell is entry.column.index."""
    power: Column | None = None
    voltage: Column | None = None
    current: Column | None = None
    allocated: Column | None = None
    """What the switch keeps for the device, whatever that draws."""
    index: PortIndex = PortIndex.GROUP_AND_PORT
    admin: AdminColumn | None = None
    """Read only where the switch has no pethPsePortAdminEnable."""
    status: StatusColumn | None = None
    """Read only where the switch has no pethPsePortDetectionStatus."""
    power_class: ClassColumn | None = None
    if_index: int | None = None
    """Column with the port's own ifIndex."""
    name: int | None = None
    """Column with the port's name."""
    physical_entity: int | None = None
    """Column with the port's entPhysicalIndex, which ENTITY-MIB maps to an ifIndex."""


class SupplyTable(Frozen):
    """Where a vendor keeps the budget, when the switch has no pethMainPseTable. Factors lead to mW."""

    entry: Oid
    budget: Column
    drawn: Column
    scalar: bool = False
    """True: the cells are scalars (index 0) of the whole switch, shown as group 1."""


class VendorProfile(Frozen):
    """All that is special about the switches of one vendor."""

    vendor: str
    object_ids: tuple[Oid, ...] = ()
    """sysObjectID prefixes."""
    tables: tuple[PortTable, ...] = ()
    """Tried in this order; the first that has rows is this switch's."""
    supplies: SupplyTable | None = None
    has_rfc3621: bool = True
    """False: never ask for POWER-ETHERNET-MIB."""
    index_is_if_index: bool = False
    """The port's index is its ifIndex, in every group."""
    if_index_offset: int | None = None
    """ifIndex = offset + port."""
    if_index_group_factor: int | None = None
    """ifIndex = group × factor + port."""
    extra_detections: tuple[tuple[int, Detection], ...] = ()
    """Values outside RFC 3621's enumeration whose meaning this vendor documents."""
    max_repetitions: int = 25
    """Rows per GETBULK; small for agents that are known to be slow."""
