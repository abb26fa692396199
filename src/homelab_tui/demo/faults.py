"""Faults of the demo lab: what is broken right now, per server and target, switchable while running."""

from collections.abc import Callable, Iterable, Mapping
from threading import RLock

HTTP_FAULTS = (
    *("refuse", "hang", "slow", "reset", "garbage", "401", "403", "429", "500", "503", "partial"),
    "clock-skew",
)
FAULTS: Mapping[str, tuple[str, ...]] = {
    "prometheus": (*HTTP_FAULTS, "disk-full"),
    "kubernetes": (*HTTP_FAULTS, "disk-full"),
    "alertmanager": HTTP_FAULTS,
    "unifi": HTTP_FAULTS,
    "routeros": HTTP_FAULTS,
    "ssh": (
        "refuse",
        "hang",
        "slow",
        "reset",
        "garbage",
        "401",
        "partial",
        "wrong-host-key",
        "disk-full",
        "clock-skew",
    ),
    "snmp": ("refuse", "hang", "slow", "reset", "garbage", "401", "403", "500", "503", "429", "partial"),
}
"""Which faults each server can play.

refuse: nothing listens · hang: accepts, never answers · slow: answers after `SLOW_S` · reset: cut off half-way ·
garbage: an answer that no parser likes · 4xx, 5xx: that HTTP status (ssh 401: every login refused; snmp: 401 wrong
community, 403 no write access, else an errored answer) · partial: half of the answer · wrong-host-key: another key than
known_hosts has · disk-full: a node's writes end in ENOSPC, a cluster's etcd takes no write, a Prometheus stores no
sample · clock-skew: the server's clock is 7 minutes fast.
"""
SLOW_S = 1.5
"""How long `slow` holds each answer back."""
CLOCK_SKEW_S = 420.0
"""How fast a server's clock runs under `clock-skew`."""
EVERY = "*"
"""The target that means every target of a server."""

GRAMMAR = (
    "a fault is server[:target]=fault, e.g. ssh:rpi03=hang or prometheus=503; "
    "servers: "
    + ", ".join(FAULTS)
    + "; faults: "
    + ", ".join(dict.fromkeys(fault for faults in FAULTS.values() for fault in faults))
    + " or none"
)


def parse_spec(spec: str) -> tuple[str, str, str | None]:
    """(server, target or EVERY, fault or None for "none") of `server[:target]=fault`.

    Raises: ValueError that names the grammar.
    """
    where, equals, fault = spec.strip().partition("=")
    server, colon, target = where.strip().partition(":")
    if not equals or not server or not fault.strip() or (colon and not target):
        raise ValueError(f"{spec!r} is not a fault: {GRAMMAR}")
    _check(server, fault.strip())
    return server, target or EVERY, None if fault.strip() == "none" else fault.strip()


def _check(server: str, fault: str) -> None:
    if server not in FAULTS:
        raise ValueError(f"no server {server!r} in the lab: {GRAMMAR}")
    if fault != "none" and fault not in FAULTS[server]:
        raise ValueError(f"{server} cannot play {fault!r} (it can: {', '.join(FAULTS[server])}): {GRAMMAR}")


class Faults:
    """The switches. Thread-safe: HTTP servers read them on the loop, SSH servers in threads."""

    def __init__(self, targets: Mapping[str, Iterable[str]] | None = None) -> None:
        """`targets`: the names each server has; a server that is not in it takes any name."""
        self._targets = {server: tuple(names) for server, names in (targets or {}).items()}
        self._active: dict[tuple[str, str], str] = {}
        self._listeners: list[Callable[[str, str], None]] = []
        self._lock = RLock()

    def set(self, server: str, target: str, fault: str | None) -> None:
        """Switch a fault on, or off with None. `target` EVERY reaches every target of the server.

        Raises: ValueError for a server, target or fault that the lab does not have.
        """
        _check(server, fault or "none")
        known = self._targets.get(server)
        if target != EVERY and known is not None and target not in known:
            raise ValueError(f"{server} has no target {target!r} (it has: {', '.join(known)}): {GRAMMAR}")
        with self._lock:
            if fault is None:
                self._active.pop((server, target), None)
                if target == EVERY:
                    for key in [key for key in self._active if key[0] == server]:
                        del self._active[key]
            else:
                self._active[server, target] = fault
            listeners = tuple(self._listeners)
        for listener in listeners:
            listener(server, target)

    def apply(self, spec: str) -> None:
        """Set the fault that a SPEC names. Raises: ValueError, as `parse_spec` and `set`."""
        self.set(*parse_spec(spec))

    def get(self, server: str, target: str) -> str | None:
        """The fault that `target` plays now; its own before one of the whole server."""
        with self._lock:
            return self._active.get((server, target)) or self._active.get((server, EVERY))

    def skew_s(self, server: str, target: str) -> float:
        """How far a server's clock is ahead of the lab's now."""
        return CLOCK_SKEW_S if self.get(server, target) == "clock-skew" else 0.0

    def active(self) -> tuple[str, ...]:
        """Every fault that is on, as SPECs."""
        with self._lock:
            return tuple(
                f"{server}={fault}" if target == EVERY else f"{server}:{target}={fault}"
                for (server, target), fault in sorted(self._active.items())
            )

    def subscribe(self, callback: Callable[[str, str], None]) -> Callable[[], None]:
        """Hear (server, target) of each switch, in the thread that switched it; returns the unsubscriber."""
        with self._lock:
            self._listeners.append(callback)

        def unsubscribe() -> None:
            with self._lock:
                if callback in self._listeners:
                    self._listeners.remove(callback)

        return unsubscribe
