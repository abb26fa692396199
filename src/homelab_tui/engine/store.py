"""The one place where the state lives, and how its change is made known."""

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import TypeVar

from homelab_tui.domain.reading import Reading
from homelab_tui.domain.state import LabState
from homelab_tui.domain.values import replace

T = TypeVar("T")
Listener = Callable[[LabState], None]
log = logging.getLogger(__name__)
_COALESCE_S = 0.05
_HURRY_S = 0.02
_QUIET_S = 0.5
_AT_ONCE_S = 0.002
"""After a quiet time the first change is told this soon: what belongs together arrives together."""


class _Subscription:
    """A listener, and the state it knows: what it subscribed to, or was told last."""

    def __init__(self, listener: Listener, known: LabState) -> None:
        self.listener = listener
        self.known = known


class Store:
    """Holds a frozen `LabState`. Listeners hear of a change at most 20 times a second, and of no change never."""

    def __init__(
        self,
        state: LabState,
        derive: Callable[[LabState], LabState] = lambda state: state,
        is_settled: Callable[[], bool] = lambda: True,
    ) -> None:
        """`is_settled`: False when `derive` has left something for its next call."""
        self._derive = derive
        self._is_settled = is_settled
        self._state = state
        self._dirty = True
        self._derive_problem: str | None = None
        self._subscriptions: list[_Subscription] = []
        self._timer: asyncio.TimerHandle | None = None
        self._told_at = float("-inf")
        """When listeners were told last, in the loop's own time."""

    @property
    def state(self) -> LabState:
        """The state right now, derived parts included."""
        if self._dirty:
            self._dirty = False
            self._state = self._derived()
        return self._state

    @property
    def told(self) -> LabState:
        """The state as its sources have told it: what is derived may be older. It costs nothing."""
        return self._state

    def settled(self) -> LabState:
        """The state with everything derived, however long that takes."""
        state = self.state
        while not self._is_settled():
            self._dirty = True
            state = self.state
        return state

    def update(self, **changes: object) -> None:
        """Replace fields of the state. Listeners are told within 50 ms, in one go with whatever else changes."""
        changed = replace(self._state, **changes)  # type: ignore[arg-type]
        if changed == self._state:
            return
        self._state = changed
        self.touch()

    def put(self, field: str, name: str, value: object) -> None:
        """Set one entry of a field that is made of (name, value) pairs. Derives nothing: that waits for a reader."""
        self.update(**{field: with_entry(getattr(self._state, field), name, value)})

    def touch(self) -> None:
        """Derive anew and tell the listeners if that made a difference: for time passing or a tombstone set."""
        self._dirty = True
        if self._timer is None:
            self._tell_after(_COALESCE_S)

    def hurry(self) -> None:
        """Tell what is not told yet almost at once: a Job has failed, and somebody waits for just that."""
        if self._timer is not None:
            self._timer.cancel()
            self._tell_after(_HURRY_S)

    def _tell_after(self, pause_s: float) -> None:
        """Tell soon, but no sooner than so long after the last time."""
        if self._subscriptions:
            loop = asyncio.get_running_loop()
            at = max(loop.time() + _AT_ONCE_S, self._told_at + pause_s)
            self._timer = loop.call_at(at, self._tell)

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` with every state that differs from the present one or the last it was told.

        Returns what ends it.
        """
        subscription = _Subscription(listener, self.state)
        self._subscriptions.append(subscription)

        def end() -> None:
            if subscription in self._subscriptions:
                self._subscriptions.remove(subscription)

        return end

    def close(self) -> None:
        """Tell nobody any more."""
        self._subscriptions.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _tell(self) -> None:
        self._timer = None
        now = asyncio.get_running_loop().time()
        was_quiet, self._told_at = now - self._told_at > _QUIET_S, now
        state = self.state
        for subscription in tuple(self._subscriptions):
            if subscription not in self._subscriptions or state == subscription.known:
                continue
            subscription.known = state
            try:
                subscription.listener(state)
            except Exception:
                # One screen's bug is not to keep the news from the others.
                log.exception("a listener of the state failed")
        if not self._is_settled() and self._timer is None:
            # Room for keys, and for what is told first to be seen.
            self._dirty = True
            self._tell_after(_COALESCE_S if was_quiet else _HURRY_S)

    def _derived(self) -> LabState:
        """The state with its derived parts; with the old ones where deriving fails, so that reading goes on."""
        try:
            state = self._derive(self._state)
        except Exception as error:
            problem = repr(error)
            if problem != self._derive_problem:
                self._derive_problem = problem
                log.exception("the state cannot be derived: internal error")
            return self._state
        self._derive_problem = None
        return state


def entry(entries: Iterable[tuple[str, T]], name: str) -> T | None:
    """The value of `name` among (name, value) pairs."""
    return next((value for key, value in entries if key == name), None)


def with_entry(entries: tuple[tuple[str, T], ...], name: str, value: T) -> tuple[tuple[str, T], ...]:
    """The pairs with `name` set; its place is kept, a new name goes to the end."""
    if any(key == name for key, _ in entries):
        return tuple((key, value if key == name else old) for key, old in entries)
    return (*entries, (name, value))


def reading_of(entries: Iterable[tuple[str, Reading[T]]], name: str) -> Reading[T]:
    """The reading of `name`, or an empty one."""
    return entry(entries, name) or Reading()
