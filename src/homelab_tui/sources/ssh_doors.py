"""Doors that are left open for a moment: whoever has just looked at a host key mostly logs in right after it.

A connection costs a server and us a key exchange; the second one would tell nothing that the first did not. Only a
door with a trusted host key, where nobody has knocked yet, is left open, one for each server. A proof never comes
this way: it is worth something because its connection is its own.
"""

import asyncio
import threading

from homelab_tui.domain.keys import HostKeyState
from homelab_tui.domain.values import Frozen
from homelab_tui.sources.ssh_connection import Arrival, Dialer
from homelab_tui.sources.ssh_routes import Route
from homelab_tui.sources.ssh_threads import Scope
from homelab_tui.sources.threads import start_daemon

LEFT_OPEN_S = 5.0
"""Far below sshd's LoginGraceTime (120 s): until then it counts among the MaxStartups."""


class Door(Frozen):
    """A connection that nobody has logged in on, and everything that it stands on."""

    route: Route
    dialer: Dialer
    arrival: Arrival


class Doors:
    """The open ones. Safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: dict[tuple[str, int], Door] = {}
        self._closed = False

    def leave(self, door: Door, scope: Scope, loop: asyncio.AbstractEventLoop) -> bool:
        """Leave it open for a while; False when it has to be closed now. Called by the work that opened it."""
        if door.arrival.host_key.state is not HostKeyState.TRUSTED or not door.arrival.transport.is_active():
            return False
        key = _key(door.route)
        with self._lock:
            if self._closed or key in self._open or not scope.let_go():
                return False
            self._open[key] = door
        try:
            loop.call_soon_threadsafe(loop.call_later, LEFT_OPEN_S, self._forget, key, door)
        except RuntimeError:  # the loop is gone, and with it whoever could come
            self._take(key)
            return False
        return True

    def enter(self, route: Route, scope: Scope) -> Door | None:
        """The door on this way, from now on held by `scope`; None where none is open. Another way's is closed."""
        door = self._take(_key(route))
        if door is None:
            return None
        if door.route.hops != route.hops or not door.arrival.transport.is_active():
            door.dialer.close()
            return None
        door.dialer.hand_over(scope)
        return door

    def shut(self, route: Route) -> None:
        """Close the door at this server, so that a fresh connection is the only one."""
        door = self._take(_key(route))
        if door is not None:
            door.dialer.close()

    def close(self) -> None:
        """Close all of them, now and from now on; does not wait for it."""
        with self._lock:
            self._closed = True
            doors, self._open = tuple(self._open.values()), {}
        for door in doors:
            start_daemon(door.dialer.close, "homelab-ssh-door")

    def _take(self, key: tuple[str, int]) -> Door | None:
        with self._lock:
            return self._open.pop(key, None)

    def _forget(self, key: tuple[str, int], door: Door) -> None:
        with self._lock:
            if self._open.get(key) is not door:
                return
            del self._open[key]
        start_daemon(door.dialer.close, "homelab-ssh-door")  # closing may wait for the other side


def _key(route: Route) -> tuple[str, int]:
    return route.target.host.lower(), route.target.port
