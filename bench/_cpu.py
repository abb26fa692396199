"""CPU time of one step of a screen."""

import asyncio
import gc
import time
from collections.abc import Callable


async def cpu_ms(work: Callable[[], object]) -> float:
    """CPU time of this process from the call until a tenth of a second passed with nothing to do."""
    gc.collect()  # what the steps before left behind is not this step's work
    started = time.process_time()
    work()
    spent = time.process_time()
    while True:
        await asyncio.sleep(0.1)
        now = time.process_time()
        if now - spent < 0.002:
            return (spent - started) * 1000
        spent = now
