"""Ending tasks so that they have ended, also where a cancellation was lost on its way."""

import asyncio
from collections.abc import Iterable

AGAIN_S = 0.5
"""When a task that is still there is told again."""


async def end(tasks: Iterable["asyncio.Task[None]"], within_s: float) -> tuple[str, ...]:
    """Cancel tasks and wait until they have ended; the names of those that would not within `within_s`.

    A library may swallow a cancellation (python/cpython#86296): a loop around it goes on as if nothing had been said.
    """
    left = set(tasks)
    deadline = asyncio.get_running_loop().time() + within_s
    while left:
        for task in left:
            task.cancel()
        wait_s = min(AGAIN_S, deadline - asyncio.get_running_loop().time())
        if wait_s <= 0:
            break
        ended, left = await asyncio.wait(left, timeout=wait_s)
        await asyncio.gather(*ended, return_exceptions=True)  # or their errors are told as never looked at
    return tuple(sorted(task.get_name() for task in left))
