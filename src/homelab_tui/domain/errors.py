"""The one tree of expected errors.

A source maps whatever its library raises to one of these (`raise … from error`); nothing above a source knows the
library. A message says what happened, to what, and what next. None of them ever carries a secret.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from homelab_tui.domain.keys import HostKey


class HomelabError(Exception):
    """Any error that is shown to a person as a sentence, never as a traceback."""


@dataclass(frozen=True, slots=True)
class ConfigProblem:
    """One thing that is wrong in a configuration file."""

    file: str
    """Path as the user gave it."""
    line: int | None
    """1-based; None when the place has no line of its own (a missing file, a missing key)."""
    key: str
    """Dotted key, e.g. `nodes[2].port`; empty for the whole file."""
    message: str

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        return f"{place}: {self.key}: {self.message}" if self.key else f"{place}: {self.message}"


class ConfigError(HomelabError):
    """The configuration cannot be used. Carries every problem at once; exit status 2, nothing was contacted."""

    def __init__(self, problems: tuple[ConfigProblem, ...]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


class UsageError(HomelabError):
    """The command cannot be carried out as asked (bad target, question without a terminal): exit 2, nothing changed."""


class ActionRefused(HomelabError):
    """A safeguard said no: the plan names why, and nothing was sent."""


class SourceError(HomelabError):
    """A source (one wire to one server) did not give what was asked."""


class SourceTimeout(SourceError):
    """No answer in time."""


class SourceUnreachable(SourceError):
    """No connection: refused, no route, name not found, TLS not agreed."""


class SourceRefused(SourceError):
    """The server answered, and said no: credentials, permissions, policy."""


class SourceForbidden(SourceRefused):
    """Known to the server, but not allowed (HTTP 403). `verb` and `resource` name the missing permission."""

    def __init__(self, message: str, *, verb: str | None = None, resource: str | None = None) -> None:
        super().__init__(message)
        self.verb = verb
        self.resource = resource


class SourceGarbled(SourceError):
    """The answer cannot be understood: not the protocol, cut short, or the wrong shape."""


class SourceMissing(SourceError):
    """The thing asked for is not there (HTTP 404, an object that was deleted in the meantime)."""


class SourceConflict(SourceError):
    """The thing changed since it was read (HTTP 409, compare-and-swap lost): read again and decide anew."""


class HostKeyUnknown(SourceRefused):
    """The server's host key is in no known_hosts file: a person has to decide, and nothing secret was sent."""

    def __init__(self, message: str, shown: "HostKey") -> None:
        super().__init__(message)
        self.shown = shown
        """What the server shows, as it was judged."""


class HostKeyChanged(SourceRefused):
    """The server shows another host key than the known one, or a revoked one: a hard stop."""

    def __init__(self, message: str, shown: "HostKey") -> None:
        super().__init__(message)
        self.shown = shown
        """What the server shows, as it was judged."""


class CredentialsNeeded(SourceRefused):
    """No key of ours opened the account. `password_possible` tells whether the server would take a password."""

    def __init__(self, message: str, *, password_possible: bool) -> None:
        super().__init__(message)
        self.password_possible = password_possible


class PasswordExpired(SourceRefused):
    """The account takes the login, and wants a new password before anything else (a fresh Ubuntu, `chage -d 0`)."""
