"""Fixtures that every directory of tests shares."""

from collections.abc import AsyncIterator

import pytest
from hypothesis import settings

from homelab_tui.demo.lab import DemoLab
from tests.labs import start_lab

# The same examples each time, and no stop-watch: a test must not fail by luck or by a busy machine.
settings.register_profile("steady", deadline=None, derandomize=True)
settings.load_profile("steady")


@pytest.fixture
async def lab() -> AsyncIterator[DemoLab]:
    """A whole demo lab without its story: nothing happens in it that the test does not do."""
    async with start_lab() as running:
        yield running
