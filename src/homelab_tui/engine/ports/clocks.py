"""What tells the time, and what waits."""

from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Protocol

Sleep = Callable[[float], Coroutine[object, object, None]]
"""Waits that many seconds: `asyncio.sleep`, or a test's own that takes none."""


class Clock(Protocol):
    """The time, so that a test can stand still."""

    def now(self) -> datetime:
        """Aware UTC."""
        ...
