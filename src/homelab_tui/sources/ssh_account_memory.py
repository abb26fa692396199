"""What an account's last reading told, for as long as that spares the node a question and misleads nobody."""

import time
from collections.abc import Callable

from homelab_tui.sources.ssh_account import AccountReading
from homelab_tui.sources.ssh_login import LoggedIn

SUDO_KNOWN_S = 600.0
"""How long an answer about sudo holds."""
METHODS_KNOWN_S = 600.0
"""How long a server's offer of methods holds, for those who only show it."""
RECENT_S = 30.0
"""How long a reading may be written from: a plan that is confirmed at once has just been made of it."""


class AccountMemory:
    """One account's. Safe to use from any thread: one session at a time goes to a node.

    Asking whether sudo works without a password costs the node more than all else that is read, leaves a line in its
    log, and from some a mail to root. So the answer holds as long as the files that decide about it look the same, and
    for ten minutes at most: a rule that is edited in place, or comes from a directory server, changes none of them.
    """

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        self._now_s = now_s
        self._sudo = ""
        self._asked_at = 0.0
        self._recent: tuple[AccountReading, float] | None = None
        self._login: tuple[LoggedIn, float] | None = None

    def known_sudo(self) -> str:
        """The answer and how those files looked, for `read_account_script`; empty when it is to be asked again."""
        if self._now_s() - self._asked_at > SUDO_KNOWN_S:
            self._sudo = ""
        return self._sudo

    def learn(self, reading: AccountReading) -> None:
        """Take in what a reading says of sudo."""
        known = "" if reading.sudo_seen is None else f"{'yes' if reading.sudo else 'no'} {reading.sudo_seen}"
        if known != self._sudo:
            self._sudo, self._asked_at = known, self._now_s()

    def take_login(self) -> tuple[LoggedIn, float] | None:
        """What opened the account, and when its server was asked what it offers; None when that is to be asked again.

        It is forgotten until it is kept: it may not open the account any more, or what is done now may change what is
        offered. To ask costs two answers of the server, an eighth of a login.
        """
        taken, self._login = self._login, None
        return taken if taken is not None and self._now_s() - taken[1] <= METHODS_KNOWN_S else None

    def keep_login(self, login: LoggedIn, asked_at: float | None = None) -> None:
        """A key of mine has opened the account; without `asked_at` the server was asked just now."""
        if login.signer is not None:
            self._login = (login, self._now_s() if asked_at is None else asked_at)

    def keep(self, reading: AccountReading) -> None:
        """The account stands like this, and nothing is done to it yet."""
        self._recent = (reading, self._now_s())

    def take_recent(self) -> AccountReading | None:
        """What was kept a moment ago, once: whoever logs in now may change it."""
        recent, self._recent = self._recent, None
        return recent[0] if recent is not None and self._now_s() - recent[1] <= RECENT_S else None
