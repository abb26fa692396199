"""The loops of a lab: who begins first, and that none of them ever ends by itself."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping

from homelab_tui.engine.endings import end

log = logging.getLogger(__name__)
Loop = Callable[[], Awaitable[None]]

_CLOSE_S = 2.0
_FIRST_S = 0.5
_SHOWN_S = 0.1
"""What the clusters told is drawn meanwhile: what a Prometheus says of 10,000 Jobs takes half a second to read."""
_HEAD_START_S = 1.0
_DRAWN_S = 0.25
"""What the light sources told is drawn meanwhile: loading paramiko and pysnmp would keep the screen from it."""
_UPDATES_AFTER_S = 20.0
"""Not while everything else is asked for the first time."""
_LOGIN_EVERY_S = 0.04
_LOGINS_WITHIN_S = 2.0
_WEIGHTS = {"prometheus": 0, "alertmanager": 0, "probe": 2, "account": 3, "logins": 4, "updates": 5}


class _Voices:
    """Sources, until each of them has answered or failed for the first time."""

    def __init__(self, names: Iterable[str]) -> None:
        self._silent = set(names)
        self._all = asyncio.Event()
        self.hear("")

    def hear(self, name: str) -> None:
        self._silent.discard(name)
        if not self._silent:
            self._all.set()

    @property
    def all_heard(self) -> bool:
        return self._all.is_set()

    async def all_within(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._all.wait()


class Loops:
    """Everything that goes on while a lab is open. Names are those of `hear`."""

    def __init__(self, first: Iterable[str], light: Iterable[str]) -> None:
        """`first`: the clusters, whose failed Jobs are waited for; `light`: who speaks before anybody logs in."""
        self._tasks: list[asyncio.Task[None]] = []
        self._first = _Voices(first)
        self._light = _Voices(light)

    def start(self, at_once: Iterable[Loop], pollers: Mapping[str, Loop]) -> None:
        """Begin. Pollers begin by what they cost, the logins spread over a second or two."""
        self._tasks += [asyncio.create_task(_forever(loop)) for loop in at_once]
        logins = 0
        for name in sorted(pollers, key=_weight):
            run, weight = pollers[name], _weight(name)
            logins += weight > 1
            later_s = logins * min(_LOGIN_EVERY_S, _LOGINS_WITHIN_S / len(pollers))
            later_s += _UPDATES_AFTER_S if weight == _WEIGHTS["updates"] else 0.0
            loop = self._after_the_light(run, later_s) if weight else self._after_the_first(run)
            self._tasks.append(asyncio.create_task(loop, name=name))

    async def close(self) -> None:
        """End all of them (2 s); one that will not is left behind, and named in the log."""
        deaf = await end(self._tasks, _CLOSE_S)
        if deaf:
            log.warning("these loops did not end within %g s, and are left behind: %s", _CLOSE_S, ", ".join(deaf))

    def hear(self, name: str) -> None:
        """A source has answered, or failed, for the first time."""
        self._first.hear(name)
        self._light.hear(name)

    async def _after_the_first(self, loop: Loop) -> None:
        """A loop that lets the clusters speak first, half a second at most, and what they said be drawn."""
        if not self._first.all_heard:
            await self._first.all_within(_FIRST_S)
            await asyncio.sleep(_SHOWN_S)
        await _forever(loop)

    async def _after_the_light(self, loop: Loop, later_s: float) -> None:
        """A loop that lets the light sources speak first, and `later_s` more.

        A dozen logins at once would keep the event loop from hearing what the others say. It waits until each of those
        has answered, or failed, for the first time, at most a second; and until that is on the screen.
        """
        await self._light.all_within(_HEAD_START_S)
        await asyncio.sleep(_DRAWN_S + later_s)
        await _forever(loop)


def _weight(name: str) -> int:
    """How much a poller of that name costs: 0 an HTTP request, 1 a wire that only some panes need, more: a login."""
    return _WEIGHTS.get(name.partition(":")[0], 1)


async def _forever(loop: Loop) -> None:
    """A loop that ends by cancellation only. Whatever it dies of is a bug: it is logged, and begun again."""
    while True:
        try:
            await loop()
        except Exception:
            log.exception("a reading loop broke: internal error")
        await asyncio.sleep(5.0)
