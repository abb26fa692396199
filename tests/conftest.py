"""Fixtures that every directory of tests shares."""

import signal
from collections.abc import AsyncIterator

import pytest
from hypothesis import settings

from homelab_tui.cli.collecting import collect_seldom, keep_for_good
from homelab_tui.demo.lab import DemoLab
from tests.labs import start_lab, still_clock

# The same examples each time, and no stop-watch: a test must not fail by luck or by a busy machine.
settings.register_profile("steady", deadline=None, derandomize=True)
settings.load_profile("steady")

# `nohup make test`, or a script's `make test &`, hands SIGHUP or SIGINT down as ignored: what the tests start would
# inherit that, and never hear the signal that a test is about.
signal.signal(signal.SIGHUP, signal.SIG_DFL)
signal.signal(signal.SIGINT, signal.default_int_handler)

collect_seldom()


def pytest_collection_finish() -> None:
    """As the program does once it is up: what was imported is no garbage. A fifth of the journeys' time went there."""
    keep_for_good()


@pytest.fixture
async def lab() -> AsyncIterator[DemoLab]:
    """A whole demo lab without its story: nothing happens in it that the test does not do."""
    async with start_lab() as running:
        yield running


@pytest.fixture
async def still_lab() -> AsyncIterator[DemoLab]:
    """The same in a world whose clock stands: no CronJob's tick and no Job's end of life comes in between."""
    async with start_lab(clock=still_clock()) as running:
        yield running
