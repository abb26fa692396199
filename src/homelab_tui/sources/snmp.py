"""A PoE switch over SNMP v2c or v3: POWER-ETHERNET-MIB, the vendor's watts, and the ports' names.

Only the columns that are shown are asked for, and a vendor's table only on that vendor's switch (by sysObjectID).
"""

import asyncio
import time
from collections.abc import Callable

from homelab_tui.config.model import SwitchConfig
from homelab_tui.domain.errors import SourceError, SourceMissing, SourceRefused, SourceTimeout
from homelab_tui.domain.poe import PoePort, PortRef, SwitchReading
from homelab_tui.domain.values import replace
from homelab_tui.sources import power_ethernet as peth
from homelab_tui.sources.snmp_credentials import open_session
from homelab_tui.sources.snmp_engines import SnmpEngineHolder, new_engine
from homelab_tui.sources.snmp_interfaces import Links, PortInterfaces, read_interfaces, refresh_links
from homelab_tui.sources.snmp_sessions import STATUS_NAMES, SnmpSession, StatusError
from homelab_tui.sources.snmp_tables import SwitchIdentity, identify, read_figures, read_states
from homelab_tui.sources.snmp_topologies import Topology, read_topology
from homelab_tui.sources.snmp_values import PortKey, Value
from homelab_tui.sources.vendor_tables import Oid, PortIndex

_NAMES_LAST_S = 60.0
"""How long names and the mapping to interfaces are believed."""
_TOPOLOGY_LASTS_S = 60.0
_TOPOLOGY_RETRY_S = 600.0
"""After failures, at last: agents that choke on the bridge's table shall not do so at every reading."""
_TOPOLOGY_BUDGET_S = 3.0

_NOT_ALLOWED = {"noAccess", "readOnly", "authorizationError", "notWritable", "noSuchName", "noCreation"}
_BAD_VALUE = {"wrongValue", "badValue", "inconsistentValue", "wrongType", "wrongLength", "wrongEncoding"}


class SnmpSwitch:
    """One PoE switch over SNMP. Satisfies the engine's SwitchesPoe.

    Every method raises: SourceTimeout, SourceUnreachable, SourceRefused, SourceGarbled.
    """

    def __init__(
        self,
        config: SwitchConfig,
        engines: SnmpEngineHolder | None = None,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._config = config
        self._engines = engines or SnmpEngineHolder()
        self._engines.join()
        self._monotonic = monotonic
        self._reading = asyncio.Lock()
        self._session: SnmpSession | None = None
        self._identity: SwitchIdentity | None = None
        self._identified_at = 0.0
        self._interfaces: PortInterfaces | None = None
        self._interfaces_at = 0.0
        self._topology = Topology()
        self._topology_findings: tuple[str, ...] = ()
        self._topology_due_at: float | None = None
        self._topology_failures = 0
        self._closed = False

    @property
    def name(self) -> str:
        """The switch's name in the configuration."""
        return self._config.name

    @property
    def kind(self) -> str:
        """snmp"""
        return "snmp"

    async def read(self) -> SwitchReading:
        """Every PoE port and supply, with the ports' names, links and (less often) what is behind them.

        Once the ports' states are read, what else fails is a finding of the reading, not an error.
        """
        async with self._reading:
            try:
                return await self._read()
            except SourceError:
                # The next try starts afresh: secret, address and kind of switch may have been put right meanwhile.
                self._session = self._identity = None
                raise

    async def read_topology(self) -> Topology:
        """The bridge's MAC table and the LLDP neighbours, read now."""
        session = await self._open()
        identity = await self._identify(session)
        return await read_topology(session, lambda _: None, if_index_offset=identity.profile.if_index_offset)

    async def set_admin(self, ref: PortRef, *, on: bool) -> None:
        """Write AdminEnable of one port, and compare what the switch says it is now.

        Raises: SourceMissing for a port that this switch does not have; SourceRefused for a missing or read-only write
        credential, for a port or a switch that cannot be switched over SNMP, and for an answer without effect.
        """
        if self._config.version != "3" and self._config.write_community is None:
            raise SourceRefused(
                f"{self.name}: write_community is not configured (write_community_file, _env or _command), so nothing "
                "can be switched"
            )
        try:
            oid, value = await self._admin_object(ref, on=on)
        except SourceError:
            self._session = None
            raise
        if self._config.version == "3":
            await self._write(await self._open(), ref, oid, value)
            return
        # An engine of its own, so that nothing keeps the write community once this is done.
        engine = await new_engine()
        try:
            await self._write(await open_session(self._config, engine, write=True), ref, oid, value)
        finally:
            engine.close()

    async def close(self) -> None:
        """Close the sockets. The switch is left as it is."""
        if not self._closed:
            self._closed = True
            self._session = None
            self._engines.leave()

    async def _open(self) -> SnmpSession:
        if self._session is None:
            engine = await self._engines.engine(self.name if self._config.version == "3" else "")
            self._session = await open_session(self._config, engine)
        return self._session

    async def _identify(self, session: SnmpSession) -> SwitchIdentity:
        """What kind of switch this is; asked again now and then, because a box can be replaced under its address."""
        now, known = self._monotonic(), self._identity
        if known is not None and now - self._identified_at <= _NAMES_LAST_S:
            return known
        told = await identify(session)
        if known is not None and known.profile is told.profile and known.table is not None:
            told = replace(told, table=known.table, table_known=True)
        self._identity, self._identified_at = told, now
        return told

    async def _read(self) -> SwitchReading:
        session = await self._open()
        identity = await self._identify(session)
        notes: dict[str, None] = {}
        cells: dict[Oid, Value] = {}

        def note(sentence: str) -> None:
            notes[sentence] = None

        await read_states(session, identity, cells, note)
        problem: SourceError | None = None
        try:
            await read_figures(session, identity, cells, note)
        except SourceError as error:
            problem = error
        reading = peth.read_switch(self.name, cells, identity.profile, table=identity.table, model=identity.model)
        if problem is not None and not reading.ports:
            raise problem
        if problem is None:
            try:
                reading = await self._add_interfaces(session, identity, reading, note)
                await self._refresh_topology(session, identity)
            except SourceError as error:
                problem = error
        if problem is not None:
            # The ports' states are fresh; their names and places are believed a little longer.
            reading = _with_interfaces(reading, self._interfaces, {})
        for finding in (session.bulk_problem, *self._topology_findings):
            if finding is not None:
                note(finding)
        if problem is not None:
            note(f"not everything was read: {problem}")
        return replace(
            reading,
            findings=(*reading.findings, *notes),
            mac_ports=self._topology.mac_ports,
            neighbours=self._topology.neighbours,
        )

    async def _add_interfaces(
        self, session: SnmpSession, identity: SwitchIdentity, reading: SwitchReading, note: Callable[[str], object]
    ) -> SwitchReading:
        keys = _keys(reading)
        known, now = self._interfaces, self._monotonic()
        if known is None or known.keys != keys or now - self._interfaces_at > _NAMES_LAST_S:
            known = await read_interfaces(session, keys, identity.profile, identity.table)
            self._interfaces, self._interfaces_at = known, now
        for finding in known.findings:
            note(finding)
        return _with_interfaces(reading, known, await refresh_links(session, known))

    async def _refresh_topology(self, session: SnmpSession, identity: SwitchIdentity) -> None:
        now = self._monotonic()
        if self._topology_due_at is not None and now < self._topology_due_at:
            return
        findings: dict[str, None] = {}
        try:
            async with asyncio.timeout(_TOPOLOGY_BUDGET_S):
                self._topology = await read_topology(
                    session, findings.setdefault, if_index_offset=identity.profile.if_index_offset
                )
        except (TimeoutError, SourceError):
            findings[f"the MAC table and the LLDP neighbours were not told within {_TOPOLOGY_BUDGET_S:g} s"] = None
            self._topology_due_at = now + min(_TOPOLOGY_RETRY_S, _TOPOLOGY_LASTS_S * 2**self._topology_failures)
            self._topology_failures += 1
        else:
            self._topology_failures = 0
            self._topology_due_at = now + _TOPOLOGY_LASTS_S
        self._topology_findings = tuple(findings)

    async def _admin_object(self, ref: PortRef, *, on: bool) -> tuple[Oid, int]:
        """The object that switches a port, and the value to write; proven to exist."""
        session = await self._open()
        identity = await self._identify(session)
        objects: list[tuple[Oid, int, bool]] = []
        if identity.profile.has_rfc3621:
            objects.append(((*peth.PORT_ENTRY, peth.ADMIN, ref.group, ref.port), 1 if on else 2, True))
        for table in identity.profile.tables:
            if (admin := table.admin) is not None:
                index = (ref.group, ref.port) if table.index is PortIndex.GROUP_AND_PORT else (ref.port,)
                value = (admin.on if on else admin.off)[0]
                objects.append(((*table.entry, admin.number, *index), value, admin.writable))
        has_group = all(table.index is PortIndex.GROUP_AND_PORT for table in identity.profile.tables)
        known = await session.get([oid for oid, _, _ in objects]) if ref.switch == self.name else {}
        for oid, value, writable in objects:
            if oid in known and (has_group or ref.group == 1 or oid[:-3] == peth.PORT_ENTRY):
                if writable:
                    return oid, value
                raise SourceRefused(
                    f"{ref}: a {identity.profile.vendor} switch tells its ports over SNMP but takes no command that "
                    "way; use another source for it (routeros, unifi, command)"
                )
        raise SourceMissing(f"{ref}: {self._config.host} has no such PoE port")

    async def _write(self, session: SnmpSession, ref: PortRef, oid: Oid, value: int) -> None:
        try:
            said = await session.set_integer(oid, value)
        except StatusError as error:
            raise SourceRefused(f"{ref}: {self._refusal(error.status)}") from error
        except SourceTimeout as error:
            raise SourceTimeout(
                f"{ref}: no answer to the command (wrong write credential, or the switch is gone: these look the "
                "same); whether it was carried out is not known"
            ) from error
        if said != value:
            told = "no such port" if said is None else f"{said!r}"
            raise SourceRefused(
                f"{ref}: the switch answered without an error, but says {told} instead of {value}: nothing was switched"
            )

    def _refusal(self, status: int) -> str:
        name = STATUS_NAMES[status] if 0 <= status < len(STATUS_NAMES) else f"error status {status}"
        if name in _NOT_ALLOWED:
            who = "this user" if self._config.version == "3" else "this write_community"
            return f"the switch refused ({name}): give {who} write access to POWER-ETHERNET-MIB, or switch elsewhere"
        if name in _BAD_VALUE:
            return f"the switch refused the value ({name}); the port was left as it is"
        return f"the switch refused ({name}); try again, and look at its own log"


def _keys(reading: SwitchReading) -> tuple[PortKey, ...]:
    return tuple((port.ref.group, port.ref.port) for port in reading.ports)


def _with_interfaces(reading: SwitchReading, known: PortInterfaces | None, links: Links) -> SwitchReading:
    """A reading with what IF-MIB says of its ports; as it is when that was read for other ports."""
    if known is None or known.keys != _keys(reading):
        return reading
    return replace(reading, ports=tuple(_named(port, known, links) for port in reading.ports))


def _named(port: PoePort, known: PortInterfaces, links: Links) -> PoePort:
    """A port with what IF-MIB says of it."""
    key: PortKey = (port.ref.group, port.ref.port)
    if key in known.contradicted:
        return replace(port, label=None)
    index = known.if_index.get(key)
    if index is None:
        return port
    link_up, speed = links.get(index, (None, None))
    label = known.labels.get(index) or port.label
    return replace(port, label=label, if_index=index, link_up=link_up, speed_mbps=speed)
