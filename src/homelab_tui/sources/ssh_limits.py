"""How long each stage of an SSH connection may take, how much it may say, and how often it is tried."""

import time

from homelab_tui.config.model import SshConfig
from homelab_tui.domain.values import Frozen

MAX_OUTPUT_BYTES = 2_000_000
"""Per stream; a command that says more is cut off, and its answer refused."""
MAX_AUTH_TRIES = 5
"""One below sshd's default MaxAuthTries: reaching it ends the connection with no reason given."""
PASSWORD_METHODS = frozenset({"password", "keyboard-interactive"})
"""What a server calls the methods that a password may open."""
MAX_CONNECT_TRIES = 3
"""Tries when a server hangs up before its banner (MaxStartups, a burst of logins)."""


class Limits(Frozen):
    """Seconds per stage."""

    connect_s: float
    """TCP, and the same again for banner and key exchange."""
    auth_s: float
    command_s: float

    @classmethod
    def of(cls, config: SshConfig) -> "Limits":
        """The configured ones."""
        return cls(config.connect_timeout_s, config.auth_timeout_s, config.command_timeout_s)

    def overall_s(self, commands: int = 1) -> float:
        """What everything together may take: every try, every stage, and a little more."""
        return 2 * self.connect_s * MAX_CONNECT_TRIES + self.auth_s + commands * self.command_s + 5.0


class Deadline:
    """A moment after which nothing is waited for any more."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    @property
    def left_s(self) -> float:
        """Seconds left, never below 0."""
        return max(0.0, self._end - time.monotonic())

    @property
    def has_passed(self) -> bool:
        """Whether it is too late."""
        return self.left_s <= 0.0
