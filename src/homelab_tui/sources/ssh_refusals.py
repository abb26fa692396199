"""Who said no a moment ago. Asking again at once tells nothing new, and an sshd holds it against this address.

OpenSSH 9.8 and later count 5 s for every connection on which nothing was opened, and take none at all from an address
with more than 15 s on its account (PerSourcePenalties). Several readings of an account that no key of mine opens,
and the first try of the push that is going to change that, came to more with one wrong password (tried by hand against
OpenSSH 10.5).
"""

import time
from collections.abc import Sequence

from homelab_tui.domain.errors import CredentialsNeeded, SourceUnreachable
from homelab_tui.sources.ssh_routes import Hop

CLOSED_FOR_S = 30.0
"""So long an account counts as closed to my keys. Also how late one that somebody else has opened may be noticed."""
BARRED_FOR_S = 5.0
"""So long a server that takes no connection from here is not asked for another one."""


class Barred(SourceUnreachable):
    """The server says that it takes no connection from where we come, just now."""

    def __init__(self, message: str, hop: Hop) -> None:
        super().__init__(message)
        self.hop = hop


class Refusals:
    """Accounts that took none of my keys, and servers that take no connection. Safe to use from any thread."""

    def __init__(self) -> None:
        self._closed: dict[tuple[str, int, str], tuple[float, CredentialsNeeded]] = {}
        self._barred: dict[tuple[str, int], tuple[float, Barred]] = {}

    def closed(self, hop: Hop, error: CredentialsNeeded) -> None:
        """No key of mine opened the account."""
        self._closed[account_of(hop)] = (time.monotonic() + CLOSED_FOR_S, error)

    def opened(self, hop: Hop) -> None:
        """The account was opened."""
        self._closed.pop(account_of(hop), None)

    def barred(self, error: Barred) -> None:
        """A server takes no connection."""
        self._barred[_server(error.hop)] = (time.monotonic() + BARRED_FOR_S, error)

    def forget(self) -> None:
        """Everybody may be asked again: there are other keys, or somebody wants to know."""
        self._closed.clear()
        self._barred.clear()

    def demand_not_closed(self, hop: Hop) -> None:
        """Raises CredentialsNeeded where no key of mine opened the account a moment ago."""
        until, error = self._closed.get(account_of(hop), (0.0, None))
        if error is not None and time.monotonic() < until:
            raise CredentialsNeeded(str(error), password_possible=error.password_possible)

    def demand_not_barred(self, hops: Sequence[Hop]) -> None:
        """Raises Barred where a server of this way took no connection a moment ago."""
        for hop in hops:
            until, error = self._barred.get(_server(hop), (0.0, None))
            if error is not None and time.monotonic() < until:
                raise Barred(str(error), hop)


def account_of(hop: Hop) -> tuple[str, int, str]:
    """Whose login it is."""
    return hop.host, hop.port, hop.user


def _server(hop: Hop) -> tuple[str, int]:
    return hop.host.lower(), hop.port
