"""What each vendor adds to POWER-ETHERNET-MIB, as data: watts per port, and how its ports relate to IF-MIB.

RFC 3621 has no power per port, so watts always come from a vendor's own table. The profile is chosen by sysObjectID;
a vendor's table is never tried on another vendor's switch (TP-Link stops answering for a while when asked the unknown).
"""

from homelab_tui.domain.poe import Detection
from homelab_tui.domain.values import replace
from homelab_tui.sources.vendor_tables import (
    AdminColumn,
    ClassColumn,
    Column,
    Oid,
    PortIndex,
    PortTable,
    StatusColumn,
    SupplyTable,
    VendorProfile,
)

_ENTERPRISES: Oid = (1, 3, 6, 1, 4, 1)


def _vendor(*numbers: int) -> Oid:
    return (*_ENTERPRISES, *numbers)


def _fastpath(*root: int) -> PortTable:
    """Broadcom FASTPATH's agentPethPsePortTable, which several vendors carry under their own number."""
    return PortTable(entry=_vendor(*root, 15, 1, 1, 1), power=Column(2), current=Column(3), voltage=Column(4, 1000))


_RADLAN_STATUS = StatusColumn(
    8,
    texts=(
        ("port is on", Detection.DELIVERING),
        ("port is off. user setting", Detection.DISABLED),
        ("port is off. detection", Detection.SEARCHING),
        ("detection is in process", Detection.SEARCHING),
        ("searching", Detection.SEARCHING),
        ("port is off. overload", Detection.FAULT),
        ("port is off. short", Detection.FAULT),
        ("port is off. power budget", Detection.FAULT),
    ),
)


def _radlan(*root: int) -> PortTable:
    """Radlan's (later Marvell's) rlPethPsePortTable."""
    return PortTable(
        entry=_vendor(*root, 108, 1, 1), power=Column(5), current=Column(4), voltage=Column(3), status=_RADLAN_STATUS
    )


_CISCO = PortTable(
    entry=_vendor(9, 9, 402, 1, 2, 1),
    power=Column(9),
    allocated=Column(7),
    admin=AdminColumn(1, on=(1, 2, 3), off=(4,)),
    physical_entity=11,
)

_HP = PortTable(
    entry=_vendor(11, 2, 14, 11, 1, 9, 1, 1, 1),
    power=Column(8),
    current=Column(1),
    voltage=Column(2, 100),
)

_ARUBA_CX = PortTable(
    entry=_vendor(47196, 4, 1, 1, 3, 8, 1, 1, 1),
    power=Column(7),
    current=Column(4),
    voltage=Column(5, 100),
)

_TP_LINK = PortTable(
    entry=_vendor(11863, 6, 56, 1, 1, 2, 1, 1),
    index=PortIndex.PORT,
    power=Column(7, 100),
    current=Column(8),
    voltage=Column(9, 100),
    admin=AdminColumn(2, on=(1,), off=(0,), writable=True),
    status=StatusColumn(
        11,
        codes=(
            (0, Detection.SEARCHING),
            (1, Detection.SEARCHING),
            (2, Detection.DELIVERING),
            (3, Detection.FAULT),
            (4, Detection.FAULT),
            (5, Detection.FAULT),
            (6, Detection.FAULT),
            (7, Detection.FAULT),
            (8, Detection.OTHER_FAULT),
            (9, Detection.OTHER_FAULT),
        ),
    ),
    power_class=ClassColumn(10, undefined=(7,)),
)

_MIKROTIK = PortTable(
    entry=_vendor(14988, 1, 1, 15, 1, 1),
    index=PortIndex.PORT,
    power=Column(6, 100),
    current=Column(5),
    voltage=Column(4, 100),
    admin=AdminColumn(3, on=tuple(range(2, 16)), off=(1,)),
    status=StatusColumn(
        3,
        codes=(
            (1, Detection.DISABLED),
            (2, Detection.SEARCHING),
            (3, Detection.DELIVERING),
            *((code, Detection.FAULT) for code in (4, 5, 6, 7, 9)),
            (8, Detection.SEARCHING),
            *((code, Detection.OTHER_FAULT) for code in range(10, 16)),
        ),
    ),
    if_index=1,
    name=2,
)

_HUAWEI = PortTable(
    entry=_vendor(2011, 5, 25, 195, 3, 1),
    index=PortIndex.PORT,
    power=Column(10),
    admin=AdminColumn(3, on=(1,), off=(2,), writable=True),
    status=StatusColumn(
        7,
        texts=(
            ("powered", Detection.DELIVERING),
            ("delivering", Detection.DELIVERING),
            ("disabled", Detection.DISABLED),
            ("searching", Detection.SEARCHING),
            ("detecting", Detection.SEARCHING),
        ),
    ),
    name=2,
)

GENERIC = VendorProfile(vendor="generic")
"""RFC 3621 alone: every port without watts."""

PROFILES = (
    VendorProfile(
        vendor="TP-Link JetStream",
        object_ids=(_vendor(11863),),
        tables=(_TP_LINK,),
        supplies=SupplyTable(_vendor(11863, 6, 56, 1, 1, 1), Column(1, 100), Column(3, 100), scalar=True),
        has_rfc3621=False,
        if_index_offset=49152,
        max_repetitions=10,
    ),
    VendorProfile(
        vendor="Cisco Small Business",
        object_ids=(_vendor(9, 6, 1),),
        tables=(_radlan(9, 6, 1, 101),),
        index_is_if_index=True,
    ),
    VendorProfile(vendor="Cisco", object_ids=(_vendor(9),), tables=(_CISCO,)),
    VendorProfile(
        vendor="Linksys", object_ids=(_vendor(3955),), tables=(_radlan(3955, 89), _radlan(89)), index_is_if_index=True
    ),
    VendorProfile(vendor="Eltex", object_ids=(_vendor(35265),), tables=(_radlan(89),), index_is_if_index=True),
    # Several makers' small switches show Radlan's own number instead of theirs.
    VendorProfile(vendor="Radlan", object_ids=(_vendor(89),), tables=(_radlan(89),), index_is_if_index=True),
    VendorProfile(vendor="D-Link", object_ids=(_vendor(171),), tables=(_radlan(171, 10, 94, 89, 89), _radlan(89))),
    VendorProfile(
        vendor="Netgear",
        object_ids=(_vendor(4526),),
        tables=(_fastpath(4526, 10), _fastpath(4526, 11)),
        max_repetitions=20,
    ),
    VendorProfile(vendor="Ubiquiti EdgeSwitch", object_ids=(_vendor(4413),), tables=(_fastpath(4413, 1, 1),)),
    VendorProfile(
        vendor="Dell",
        object_ids=(_vendor(674),),
        tables=(_fastpath(674, 10895, 5000, 2, 6132, 1, 1), _radlan(89)),
    ),
    VendorProfile(
        vendor="HP ProCurve",
        object_ids=(_vendor(11, 2),),
        # Older firmware has no hpicfPoePethPsePortActualPower (8), only hpicfPoePethPsePortPower (3).
        tables=(_HP, replace(_HP, power=Column(3))),
        supplies=SupplyTable(_vendor(11, 2, 14, 11, 1, 9, 1, 6, 1), Column(4, 1000), Column(8, 1000)),
    ),
    VendorProfile(vendor="Aruba CX", object_ids=(_vendor(47196),), tables=(_ARUBA_CX,)),
    VendorProfile(
        vendor="Zyxel",
        object_ids=(_vendor(890),),
        tables=(PortTable(entry=_vendor(890, 1, 15, 3, 59, 2, 1, 1), index=PortIndex.PORT, power=Column(1)),),
        max_repetitions=10,
    ),
    VendorProfile(
        vendor="MikroTik",
        object_ids=(_vendor(14988),),
        tables=(_MIKROTIK,),
        has_rfc3621=False,
        max_repetitions=10,
    ),
    VendorProfile(
        vendor="Extreme",
        object_ids=(_vendor(1916),),
        tables=(PortTable(entry=_vendor(1916, 1, 27, 2, 1, 1), power=Column(6)),),
        if_index_group_factor=1000,
        extra_detections=((0, Detection.DISABLED),),
    ),
    VendorProfile(
        vendor="H3C / HPE Comware",
        object_ids=(_vendor(25506),),
        tables=(PortTable(entry=_vendor(25506, 2, 14, 1, 1), power=Column(5)),),
    ),
    VendorProfile(
        vendor="Enterasys",
        object_ids=(_vendor(5624),),
        tables=(PortTable(entry=_vendor(5624, 1, 2, 50, 1, 5, 1, 1), power=Column(2)),),
    ),
    VendorProfile(
        vendor="Avaya",
        object_ids=(_vendor(45), _vendor(2272)),
        tables=(
            PortTable(entry=_vendor(45, 5, 8, 1, 1, 1), power=Column(7), current=Column(6), voltage=Column(5, 100)),
        ),
    ),
    VendorProfile(vendor="Huawei", object_ids=(_vendor(2011),), tables=(_HUAWEI,), index_is_if_index=True),
)
"""Every vendor whose watts are known, in no order: the longest matching prefix wins."""


def profile_for(object_id: Oid | None) -> VendorProfile:
    """The profile of the switch that answered with this sysObjectID; GENERIC when nobody's, or when it told none."""
    matches = [
        (len(prefix), profile)
        for profile in PROFILES
        for prefix in profile.object_ids
        if object_id is not None and object_id[: len(prefix)] == prefix
    ]
    return max(matches, key=lambda match: match[0])[1] if matches else GENERIC
