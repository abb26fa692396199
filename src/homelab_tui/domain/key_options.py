"""The options in front of a key in authorized_keys, judged as sshd judges them (OpenSSH's auth-options.c).

One unknown or broken option makes sshd pass over the whole line, so "has options" is not enough to know.
"""

import re
from datetime import UTC, datetime, timedelta, timezone

from homelab_tui.domain.values import Frozen

_FLAGS = ("restrict", "cert-authority")
_NEGATABLE_FLAGS = (
    "port-forwarding",
    "agent-forwarding",
    "x11-forwarding",
    "touch-required",
    "verify-required",
    "pty",
    "user-rc",
)
_VALUES = ("command", "principals", "from", "expiry-time", "environment", "permitopen", "permitlisten", "tunnel")
_ONCE = frozenset({"command", "principals", "from"})

_ENVIRONMENT_NAME = re.compile(r"[A-Za-z0-9_]+=")
_TUNNEL = re.compile(r"any|\d{1,9}(:(any|\d{1,9}))?", re.IGNORECASE)
_PERMIT = re.compile(r"(\[[^\]]+\]|[^:\[\]]+):(\*|\d{1,5})")
_ABSOLUTE_TIME = re.compile(r"(\d{8}|\d{12}|\d{14})(Z|UTC)?", re.IGNORECASE)


class BadKeyOptions(ValueError):
    """Options that make sshd pass over the line. The message is a phrase."""


class KeyOptions(Frozen):
    """What the options of one line say, as far as homelab tells it apart."""

    is_ca: bool = False
    """`cert-authority`: the key signs certificates; it does not log in itself."""
    expires_at: datetime | None = None
    """Aware; the earliest expiry-time of the line. A time without `Z` is in the node's time zone."""


def options_end(text: str) -> int | None:
    """Where the options at the start of a line end (the first blank outside quotes); None for an open quote."""
    quoted = False
    position = 0
    while position < len(text) and (quoted or text[position] not in " \t"):
        if text[position] == "\\" and text[position + 1 : position + 2] == '"':
            position += 1
        elif text[position] == '"':
            quoted = not quoted
        position += 1
    return None if quoted else position


def parse_key_options(text: str, utc_offset: timedelta) -> KeyOptions:
    """The options of one line, without the blank after them. Raises BadKeyOptions.

    `utc_offset` is the node's, for an expiry-time without a zone.
    """
    is_ca = False
    expires_at: datetime | None = None
    seen: set[str] = set()
    rest = text
    while rest:
        name, value, rest = _next_option(rest)
        if name == "cert-authority":
            is_ca = True
        if value is not None:
            if name in _ONCE and name in seen:
                raise BadKeyOptions(f"the option {name}= stands there twice")
            seen.add(name)
            moment = _check_value(name, value, utc_offset)
            if moment is not None and (expires_at is None or moment < expires_at):
                expires_at = moment
        if rest:
            if rest[0] != ",":
                raise BadKeyOptions(f"after the option {name} there is no comma")
            rest = rest[1:]
            if not rest:
                raise BadKeyOptions("the options end with a comma (a blank after it?)")
    return KeyOptions(is_ca, expires_at)


def _next_option(text: str) -> tuple[str, str | None, str]:
    """One option from the front: its name, its value (None for a flag) and what is left."""
    lowered = text.lower()
    for flag in _FLAGS:
        if lowered.startswith(flag):
            return flag, None, text[len(flag) :]
    bare = lowered.removeprefix("no-")
    for flag in _NEGATABLE_FLAGS:
        if bare.startswith(flag):
            return flag, None, text[len(text) - len(bare) + len(flag) :]
    for name in _VALUES:
        if lowered.startswith(f"{name}="):
            value, rest = _dequote(text[len(name) + 1 :], name)
            return name, value, rest
    raise BadKeyOptions("there is an option that sshd does not know")


def _dequote(text: str, name: str) -> tuple[str, str]:
    r"""The quoted value at the front, `\"` undone, and what follows its closing quote."""
    if not text.startswith('"'):
        raise BadKeyOptions(f"the value of {name}= has no opening quote")
    value: list[str] = []
    position = 1
    while position < len(text) and text[position] != '"':
        if text[position] == "\\" and text[position + 1 : position + 2] == '"':
            position += 1
        value.append(text[position])
        position += 1
    if position >= len(text):
        raise BadKeyOptions(f"the value of {name}= has no closing quote")
    return "".join(value), text[position + 1 :]


def _check_value(name: str, value: str, utc_offset: timedelta) -> datetime | None:
    """Refuses what sshd refuses; gives the moment of an expiry-time."""
    if name == "expiry-time":
        return _absolute_time(value, utc_offset)
    if name == "environment" and not _ENVIRONMENT_NAME.match(value):
        raise BadKeyOptions("the value of environment= is not NAME=value")
    if name == "tunnel" and not _TUNNEL.fullmatch(value):
        raise BadKeyOptions("the value of tunnel= is no tunnel device")
    if name == "permitopen" and not _PERMIT.fullmatch(value):
        raise BadKeyOptions("the value of permitopen= is not host:port")
    if name == "permitlisten" and not (_PERMIT.fullmatch(value) or re.fullmatch(r"\*|\d{1,5}", value)):
        raise BadKeyOptions("the value of permitlisten= is not [host:]port")
    return None


def _absolute_time(text: str, utc_offset: timedelta) -> datetime:
    match = _ABSOLUTE_TIME.fullmatch(text)
    if match is None:
        raise BadKeyOptions("the value of expiry-time= is no time (YYYYMMDD[HHMM[SS]][Z])")
    digits, zone = match.group(1), match.group(2)
    layout = "%Y%m%d%H%M%S"[: {8: 6, 12: 10, 14: 12}[len(digits)]]
    try:
        moment = datetime.strptime(digits, layout).replace(tzinfo=UTC if zone else timezone(utc_offset))
    except ValueError as error:
        raise BadKeyOptions("the value of expiry-time= is no time (YYYYMMDD[HHMM[SS]][Z])") from error
    if moment.timestamp() <= 0:
        raise BadKeyOptions("the value of expiry-time= lies before 1970")
    return moment
