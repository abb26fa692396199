"""Work beside the loop leaves nothing behind."""

import gc
import weakref

from homelab_tui.sources.threads import in_daemon_thread
from tests.labs import until


class _Held:
    """What a piece of work holds: an answer of 16 MB, a password."""


async def test_what_the_work_held_is_free_when_it_is_done_without_the_next_work() -> None:
    held = _Held()
    alive = weakref.ref(held)

    def work(held: _Held = held) -> str:
        return type(held).__name__

    assert await in_daemon_thread(work, name="test") == "_Held"
    del held, work

    def is_free() -> bool:
        gc.collect()
        return alive() is None

    await until(is_free)
