"""A PoE switch, as the engine reads and switches it."""

from typing import Protocol, runtime_checkable

from homelab_tui.domain.poe import PortRef, SwitchReading


class SwitchesPoe(Protocol):
    """One PoE switch."""

    @property
    def name(self) -> str:
        """Its name in the configuration."""
        ...

    @property
    def kind(self) -> str:
        """snmp, unifi, routeros, prometheus or command."""
        ...

    async def read(self) -> SwitchReading:
        """Every PoE port now."""
        ...

    async def set_admin(self, ref: PortRef, *, on: bool) -> None:
        """Switch the port's power. Returns when the switch accepted it; whether it happened is read back.

        Raises: SourceRefused for a read-only credential or port.
        """
        ...

    async def close(self) -> None:
        """Let go of every connection."""
        ...


@runtime_checkable
class CyclesPoe(Protocol):
    """A PoE switch with a command of its own that power-cycles a port, where off and on may not cut the power."""

    @property
    def cycles_by_itself(self) -> bool:
        """Whether this one, as it is configured, has such a command."""
        ...

    async def power_cycle(self, ref: PortRef) -> None:
        """Have the switch cycle the port. Returns when it accepted the command.

        Raises: SourceRefused or SourceMissing when it did not, and nothing was touched.
        """
        ...
