"""Who said no a moment ago. Asking again at once tells nothing new, and an sshd holds it against this address.

OpenSSH 9.8 and later count 5 s for every connection on which nothing was opened, and take none at all from an address
with more than 15 s on its account (PerSourcePenalties). Several readings of an account that no key of mine opens,
and the first try of the push that is going to change that, came to more with one wrong password (tried by hand against
OpenSSH 10.5).
"""

import re
import threading
import time
from collections.abc import Callable, Sequence

from homelab_tui.domain.errors import CredentialsNeeded, SourceUnreachable
from homelab_tui.sources.ssh_routes import Hop

CLOSED_FOR_S = 30.0
"""So long an account counts as closed to my keys. Also how late one that somebody else has opened may be noticed."""
BARRED_FOR_S = 5.0
"""So long a server that takes no connection from here is not asked for another one."""
_REFUSED_S = 5.0
"""What such a server holds against an address for a connection on which nothing that was tried opened anything."""
_UNUSED_S = 1.0
"""The same for one on which nobody tried."""
_AT_MOST_S = 9.0
"""With more than this on our account the next connection waits: one more refusal stays below the 15 s."""
_VERSION = re.compile(r"OpenSSH_(\d+)\.(\d+)")
_FIRST = (9, 8)


class Barred(SourceUnreachable):
    """The server says that it takes no connection from where we come, just now."""

    def __init__(self, message: str, hop: Hop) -> None:
        super().__init__(message)
        self.hop = hop


class Refusals:
    """Accounts that took none of my keys, and servers that take no connection. Safe to use from any thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._owed: dict[tuple[str, int], tuple[float, float]] = {}
        """Server → seconds that it holds against us, and when that was."""
        self._closed: dict[tuple[str, int, str], tuple[float, CredentialsNeeded]] = {}
        self._barred: dict[tuple[str, int], tuple[float, Barred]] = {}

    def closed(self, hop: Hop, error: CredentialsNeeded) -> None:
        """No key of mine opened the account."""
        self._closed[account_of(hop)] = (self._clock() + CLOSED_FOR_S, error)

    def opened(self, hop: Hop) -> None:
        """The account was opened."""
        self._closed.pop(account_of(hop), None)

    def barred(self, error: Barred) -> None:
        """A server takes no connection."""
        self._barred[_server(error.hop)] = (self._clock() + BARRED_FOR_S, error)

    def left_unopened(self, hop: Hop, version: str, *, tried: bool) -> None:
        """A connection ends on which nobody was logged in. `version`: the server's greeting."""
        found = _VERSION.search(version)
        if found is None or (int(found[1]), int(found[2])) < _FIRST:
            return
        with self._lock:
            self._owed[_server(hop)] = (self._owed_s(hop) + (_REFUSED_S if tried else _UNUSED_S), self._clock())

    def pause_s(self, hops: Sequence[Hop]) -> float:
        """How long to wait before the next connection on a way, so that no server on it bars us."""
        with self._lock:
            return max(0.0, *(self._owed_s(hop) - _AT_MOST_S for hop in hops))

    def _owed_s(self, hop: Hop) -> float:
        owed, since = self._owed.get(_server(hop), (0.0, 0.0))
        return max(0.0, owed - (self._clock() - since))

    def forget(self) -> None:
        """Everybody may be asked again: there are other keys, or somebody wants to know."""
        self._closed.clear()
        self._barred.clear()

    def demand_not_closed(self, hop: Hop) -> None:
        """Raises CredentialsNeeded where no key of mine opened the account a moment ago."""
        until, error = self._closed.get(account_of(hop), (0.0, None))
        if error is not None and self._clock() < until:
            raise CredentialsNeeded(str(error), password_possible=error.password_possible)

    def demand_not_barred(self, hops: Sequence[Hop]) -> None:
        """Raises Barred where a server of this way took no connection a moment ago."""
        for hop in hops:
            until, error = self._barred.get(_server(hop), (0.0, None))
            if error is not None and self._clock() < until:
                raise Barred(str(error), hop)


def account_of(hop: Hop) -> tuple[str, int, str]:
    """Whose login it is."""
    return hop.host, hop.port, hop.user


def _server(hop: Hop) -> tuple[str, int]:
    return hop.host.lower(), hop.port
