"""Fixtures that every directory of tests shares."""

from collections.abc import AsyncIterator

import pytest

from homelab_tui.demo.lab import DemoLab
from tests.labs import start_lab


@pytest.fixture
async def lab() -> AsyncIterator[DemoLab]:
    """A whole demo lab without its story: nothing happens in it that the test does not do."""
    async with start_lab() as running:
        yield running
