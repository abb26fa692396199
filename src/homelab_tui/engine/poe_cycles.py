"""A port's power cut and given back: the part of a power-cycle that must end with the power on."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

from homelab_tui.domain.errors import ActionRefused, HomelabError, SourceError, SourceMissing, SourceRefused
from homelab_tui.domain.operations import Result
from homelab_tui.domain.poe import Detection, PoePort, PortRef
from homelab_tui.engine.journal import REFUSED, Journal, JournalView
from homelab_tui.engine.operations import Operations, Progress
from homelab_tui.engine.ports import Clock, CyclesPoe, SwitchesPoe

T = TypeVar("T")
log = logging.getLogger(__name__)
KIND = "poe.cycle"
ON_TRIES = 60
_ON_TRIES_CLOSING = 4
_READ_BACK_S = 0.5
_READ_BACK_TRIES = 12
_READ_ERRORS = 3
LEFT_OFF = (
    "IT COULD NOT BE SWITCHED ON AGAIN: restore it as soon as the switch can be reached; the next start offers that"
)


class _Untouched(Exception):
    """The first step did nothing: the port is as it was."""


class _Disobeyed(SourceError):
    """The switch accepted a command, and did not do it."""


@dataclass(slots=True)
class _Story:
    """What happened to the port so far."""

    was_accepted: bool = False
    """The switch accepted the command: unless it says otherwise, the port was off."""
    was_off: bool = False
    """The switch itself said that it was off."""
    problem: str | None = None
    stopped: bool = False
    """Somebody wanted the task to end while the port was off."""


class PortPower:
    """Switches ports and proves it by reading back. Knows nothing of safeguards, but of journal and closing."""

    def __init__(self, operations: Operations, journal: Journal, clock: Clock) -> None:
        self._operations = operations
        self._journal = journal
        self._clock = clock

    async def off_and_on(
        self, switch: SwitchesPoe, ref: PortRef, name: str, progress: Progress, *, off_s: float, interval_s: float
    ) -> Result:
        """Off, wait, on until the switch confirms it. Whatever happens after the first step, it ends with on.

        The journal has it before the first step, and lets it go only when nothing was touched or the port was seen on.
        Raises: ActionRefused when it may not begin.
        """
        if self._operations.closing.is_set():
            raise ActionRefused("not cycled: the program is closing")
        entry = self._begin(ref, interval_s)
        story = _Story()
        try:
            await self._cut(switch, ref, progress, story, off_s)
        except _Untouched as error:
            self._close_entry(entry, REFUSED)
            return Result(name, ok=False, changed=False, detail=f"not cycled: {error}")
        except asyncio.CancelledError:
            story.stopped = True
        except HomelabError as error:
            story.problem = str(error)
            story.was_accepted &= not isinstance(error, _Disobeyed)
        except Exception:
            log.exception("%s: cycling: internal error", ref)
            story.problem = "internal error, see the log"
        port = await _surely(lambda: self.switch_on(switch, ref, progress))
        if port is None:
            self.leave(entry, "it could not be switched on")
            detail = f"switched off; {LEFT_OFF}" if story.problem is None else f"{story.problem}; {LEFT_OFF}"
            return Result(name, ok=False, changed=True, detail=detail)
        self._close_entry(entry, "on")
        return _told(name, story)

    async def switch_on(self, switch: SwitchesPoe, ref: PortRef, progress: Progress) -> PoePort | None:
        """On, again and again until it is read back as on; None when it never was."""
        for attempt in range(1, ON_TRIES + 1):
            progress.stage("switching on…" if attempt == 1 else f"switching on, try {attempt} of {ON_TRIES}")
            try:
                await switch.set_admin(ref, on=True)
                return await self.read_back(switch, ref, on=True)
            except HomelabError as error:
                log.info("%s: try %d to switch it on: %s", ref, attempt, error)
            except Exception:
                log.exception("%s: switching on: internal error", ref)
            if self._operations.closing.is_set() and attempt >= _ON_TRIES_CLOSING:
                break
            await self._operations.rest(min(0.5 * attempt, 5.0))
        return None

    async def read_back(self, switch: SwitchesPoe, ref: PortRef, *, on: bool) -> PoePort:
        """The port once the switch says that it is on (or off). Raises SourceError when it does not say so in time."""
        errors = 0
        for _ in range(_ON_TRIES_CLOSING if self._operations.closing.is_set() else _READ_BACK_TRIES):
            try:
                port = (await switch.read()).port(ref)
            except SourceError:
                errors += 1
                if errors >= _READ_ERRORS:
                    raise
            else:
                if port is not None and _is_on(port) is on:
                    return port
            await self._operations.rest(_READ_BACK_S)
        raise _Disobeyed(f"{ref}: the switch accepted {'on' if on else 'off'}, but still reads the other way")

    def leave(self, entry: str, why: str) -> None:
        """The entry stays to be repaired, although this process goes on."""
        try:
            self._journal.leave(entry, why)
        except OSError as error:
            log.warning("the journal cannot be written: %s", error.strerror)  # the next start finds it all the same

    async def restore(self, switch: SwitchesPoe, ref: PortRef, progress: Progress, entry: str) -> Result:
        """On again, for an interrupted cycle; closes its journal entry when the switch confirms it."""
        port = await _surely(lambda: self.switch_on(switch, ref, progress))
        if port is None:
            return Result(str(ref), ok=False, changed=False, detail="could not be switched on; it stays in the journal")
        self._close_entry(entry, "restored")
        return Result(str(ref), ok=True, changed=True, detail="restored: the switch says it is on")

    def _begin(self, ref: PortRef, interval_s: float) -> str:
        def check(view: JournalView) -> None:
            if view.under_way(str(ref)):
                raise ActionRefused(f"not cycled: another homelab is just cycling {ref}")
            last = view.last(KIND, str(ref))
            if last is not None and self._clock.now() - last < timedelta(seconds=interval_s):
                raise ActionRefused(f"not cycled: {ref} was cycled less than {interval_s:g} s ago")

        place = {"switch": ref.switch, "group": str(ref.group), "port": str(ref.port)}
        try:
            return self._journal.begin(KIND, str(ref), place, check=check)
        except OSError as error:
            why = error.strerror or str(error)
            raise ActionRefused(
                f"not cycled: the journal cannot be written ({why}), and without it a crash could leave the port off"
            ) from error

    def _close_entry(self, entry: str, outcome: str) -> None:
        try:
            self._journal.end(entry, outcome)
        except OSError as error:
            # Harmless: the next start offers to switch a port on that is on.
            log.warning("the journal cannot be written: %s", error.strerror)

    async def _cut(self, switch: SwitchesPoe, ref: PortRef, progress: Progress, story: _Story, off_s: float) -> None:
        """Off, and stay so for `off_s` or until the program closes. Raises _Untouched when nothing happened at all."""
        if isinstance(switch, CyclesPoe) and switch.cycles_by_itself:
            await self._have_it_cycled(switch, ref, progress, story, off_s)
            return
        try:
            await switch.set_admin(ref, on=False)
        except (SourceRefused, SourceMissing) as error:
            raise _Untouched(str(error)) from error
        except SourceError as error:
            # No answer: a lost packet, or a wrong write community. Only the port itself can tell.
            if await self._stays_on(switch, ref):
                raise _Untouched(str(error)) from error
            raise
        story.was_accepted = True
        await self.read_back(switch, ref, on=False)
        story.was_off = True
        left_s = off_s
        while left_s > 0 and not self._operations.closing.is_set():
            progress.stage(f"off, on again in {left_s:.0f} s" if left_s >= 1 else "off")
            await self._operations.rest(min(1.0, left_s))
            left_s -= 1.0
        if self._operations.closing.is_set():
            return
        with contextlib.suppress(SourceError):
            port = (await switch.read()).port(ref)
            if port is not None and port.detection is Detection.DELIVERING:
                story.problem = "the switch said off, but went on delivering power: the node was never cut off"

    async def _have_it_cycled(
        self, switch: CyclesPoe, ref: PortRef, progress: Progress, story: _Story, off_s: float
    ) -> None:
        """The switch's own command, and the time it takes. Raises as `_cut` does."""
        try:
            await switch.power_cycle(ref)
        except (SourceRefused, SourceMissing) as error:
            raise _Untouched(str(error)) from error
        except SourceError as error:
            raise SourceError(f"{error}; whether the switch cycled the port is not known") from error
        story.was_off = True
        progress.stage("the switch is cycling the port")
        await self._operations.rest(off_s)

    async def _stays_on(self, switch: SwitchesPoe, ref: PortRef) -> bool:
        for _ in range(2):
            await self._operations.rest(_READ_BACK_S)
            try:
                port = (await switch.read()).port(ref)
            except SourceError:
                return False
            if port is None or _is_on(port) is not True:
                return False
        return True


def _is_on(port: PoePort) -> bool | None:
    """Whether the port is switched on; by its detection status where the switch does not tell."""
    if port.admin_on is not None:
        return port.admin_on
    return None if port.detection is None else port.detection is not Detection.DISABLED


def _told(name: str, story: _Story) -> Result:
    """How a cycle went that ended with the port on."""
    again = "the switch says it is on again"
    if story.stopped:
        done = f"stopped early; {again}" if story.was_off else f"stopped; {again}"
        return Result(name, ok=story.was_off, changed=story.was_off or story.was_accepted, detail=done)
    if story.problem is None:
        return Result(name, ok=True, changed=True, detail=f"power-cycled, {again}")
    cut = "cycled, but: " if story.was_off else "switched off, but: " if story.was_accepted else "not cycled: "
    changed = story.was_off or story.was_accepted
    return Result(name, ok=False, changed=changed, detail=f"{cut}{story.problem}; {again}")


async def _surely(make: Callable[[], Coroutine[object, object, T]]) -> T:
    """The result of `make()`, whoever wants this task to stop meanwhile.

    A loop that shuts down cancels every task once, and then waits for them: so one more begins.
    """
    task = asyncio.ensure_future(make())
    while True:
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.cancelled():
                task = asyncio.ensure_future(make())
