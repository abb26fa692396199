"""A reading over SNMP that is to end, whatever comes in at that moment."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from homelab_tui.config.model import SwitchConfig
from homelab_tui.sources.snmp_engines import SnmpEngine
from homelab_tui.sources.snmp_sessions import SnmpSession


class Api:
    """As much of pysnmp as a GET needs; it answers when the gate is opened, once."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.asked = asyncio.Event()

    def ContextData(self) -> None:  # noqa: N802  pysnmp's own name
        """Nothing."""

    async def get_cmd(self, *_bindings: Any, **_options: Any) -> tuple[None, int, int, list[Any]]:
        """An answer without a variable."""
        self.asked.set()
        await self.gate.wait()
        self.gate.clear()
        return None, 0, 0, []


class Engine(SnmpEngine):
    """Without the MIB in which pysnmp counts."""

    def unreadable(self) -> int:
        """None."""
        return 0


@pytest.mark.parametrize("turns", range(6))
async def test_a_reading_that_is_cancelled_in_the_moment_of_its_answer_ends(turns: int) -> None:
    api = Api()
    target = SimpleNamespace(transport_address=("127.0.0.1", 161))
    session = SnmpSession(SwitchConfig("sw1"), Engine(api, None, lambda oid: oid, {}), None, target)

    async def read_for_ever() -> None:
        while True:
            await session.get([(1, 3, 6, 1)])

    reading = asyncio.create_task(read_for_ever())
    await api.asked.wait()
    api.gate.set()
    for _ in range(turns):
        await asyncio.sleep(0)
    reading.cancel()
    await asyncio.wait({reading}, timeout=5)
    assert reading.cancelled(), "its cancellation was lost"
