"""Who may log in to a demo node: its real authorized_keys files, read the way sshd reads them."""

import base64
import binascii
import ipaddress
import os
import re
import stat
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

KEY_TYPES = (
    "ssh-ed25519",
    "ssh-rsa",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
)
_SWITCHES = ("port-forwarding", "agent-forwarding", "x11-forwarding", "pty", "user-rc", "touch-required")
_FLAGS = ("restrict", "cert-authority", "verify-required", *_SWITCHES, *(f"no-{name}" for name in _SWITCHES))
_ONCE = ("command", "from", "principals", "expiry-time")
_VALUES = (*_ONCE, "environment", "permitopen", "permitlisten", "tunnel")
_FILE_LIMIT = 8 << 20


@dataclass(frozen=True, slots=True)
class Grant:
    """What a login may do."""

    command: str | None = None
    """Runs instead of whatever the client asks for; None: the client's choice."""
    port_forwarding: bool = True
    pty: bool = True
    permit_open: tuple[str, ...] = ()
    """`host:port` that a forwarding may go to; empty: anywhere."""


@dataclass(frozen=True, slots=True)
class AuthorizedLine:
    """One line of authorized_keys that sshd can use."""

    type: str
    blob: bytes
    options: tuple[tuple[str, str | None], ...]
    """(name in lower case, value or None for a flag), in the order of the line."""

    def values(self, name: str) -> list[str]:
        """Every value of an option."""
        return [value for option, value in self.options if option == name and value is not None]

    def has(self, name: str) -> bool:
        """True if the flag is set."""
        return any(option == name for option, _ in self.options)


def parse_line(line: bytes) -> AuthorizedLine | None:
    """The key of one line, or None where sshd would skip it: blank, comment, broken, unknown option, glued."""
    # latin-1 keeps every byte as one character: comments may hold anything.
    text = line.decode("latin-1").rstrip("\r\n").lstrip(" \t")
    if not text or text.startswith("#"):
        return None
    key = _key(text)
    if key is not None:
        return AuthorizedLine(*key, options=())
    end = _options_end(text)
    key = _key(text[end:].lstrip(" \t"))
    options = _options(text[:end])
    if key is None or options is None:
        return None
    return AuthorizedLine(*key, options=options)


def find_grant(home: Path, files: tuple[str, ...], key: tuple[str, bytes], *, peer: str, now: datetime) -> Grant | None:
    """What `key` (type, blob) may do for the account of `home`; None: it may not log in.

    `files`: AuthorizedKeysFile, relative to home. The first line that matches and whose options allow wins; a `from=`
    that refuses does not stop the search. Refused by StrictModes as sshd's upstream code does (no group exception).
    """
    for name in files:
        content = _read_strictly(home / name, home)
        if content is None:
            continue
        for raw in content.split(b"\n"):
            line = parse_line(raw)
            if line is None or (line.type, line.blob) != key or line.has("cert-authority"):
                continue
            if _allows(line, peer, now):
                return _grant(line)
    return None


# -- StrictModes ---------------------------------------------------------------------------------------------------


def _read_strictly(path: Path, home: Path) -> bytes | None:
    """The file's bytes, or None when it cannot be read or StrictModes says that somebody else could have written it."""
    try:
        real, real_home = path.resolve(strict=True), home.resolve(strict=True)
        for place in (real, *real.parents):
            if not _is_safe(place.stat(), directory=place != real):
                return None
            if place == real_home:
                break
        # Non-blocking: a FIFO in its place must not hang the server.
        descriptor = os.open(real, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            return file.read(_FILE_LIMIT)
    except (OSError, RuntimeError):
        return None


def _is_safe(info: os.stat_result, *, directory: bool) -> bool:
    right_type = stat.S_ISDIR(info.st_mode) if directory else stat.S_ISREG(info.st_mode)
    return right_type and info.st_uid in (0, os.geteuid()) and not info.st_mode & 0o022


# -- the line ------------------------------------------------------------------------------------------------------


def _key(text: str) -> tuple[str, bytes] | None:
    parts = re.split(r"[ \t]+", text, maxsplit=2)
    if len(parts) < 2 or parts[0] not in KEY_TYPES:
        return None
    try:
        blob = base64.b64decode(parts[1], validate=True)
    except (binascii.Error, ValueError):
        return None
    length = int.from_bytes(blob[:4], "big")
    if len(blob) < 4 + length or blob[4 : 4 + length] != parts[0].encode("ascii"):
        return None
    return parts[0], blob


def _options_end(text: str) -> int:
    quoted = False
    position = 0
    while position < len(text) and (quoted or text[position] not in " \t"):
        if text[position : position + 2] == '\\"':
            position += 1
        elif text[position] == '"':
            quoted = not quoted
        position += 1
    return position


def _options(text: str) -> tuple[tuple[str, str | None], ...] | None:
    found: list[tuple[str, str | None]] = []
    position = 0
    pattern = re.compile(r'([A-Za-z0-9-]+)(?:="((?:\\"|[^"])*)")?(,|$)')
    while position < len(text):
        match = pattern.match(text, position)
        if match is None:
            return None
        name, value = match[1].lower(), match[2]
        if name not in (_FLAGS if value is None else _VALUES):
            return None
        if name in _ONCE and any(option == name for option, _ in found):
            return None
        if name == "expiry-time" and _expiry(value or "") is None:
            return None
        found.append((name, None if value is None else value.replace('\\"', '"')))
        position = match.end()
        if match[3] == "," and position == len(text):
            return None
    return tuple(found)


# -- what the options say ------------------------------------------------------------------------------------------


def _allows(line: AuthorizedLine, peer: str, now: datetime) -> bool:
    patterns = line.values("from")
    if patterns and not _matches(patterns[0], peer):
        return False
    return all((expiry := _expiry(value)) is not None and now < expiry for value in line.values("expiry-time"))


def _expiry(value: str) -> datetime | None:
    # The nodes' time zone is UTC, so the optional Z changes nothing.
    digits = value.removesuffix("Z")
    layout = {8: "%Y%m%d", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}.get(len(digits))
    if layout is None or not (digits.isascii() and digits.isdigit()):
        return None
    try:
        return datetime.strptime(digits, layout).replace(tzinfo=UTC)
    except ValueError:
        return None


def _matches(patterns: str, peer: str) -> bool:
    matched = False
    for pattern in patterns.split(","):
        negated, bare = pattern.startswith("!"), pattern.removeprefix("!")
        if not _matches_one(bare, peer):
            continue
        if negated:
            return False
        matched = True
    return matched


def _matches_one(pattern: str, peer: str) -> bool:
    if "/" in pattern:
        try:
            return ipaddress.ip_address(peer) in ipaddress.ip_network(pattern)
        except ValueError:
            return False
    expression = "".join(".*" if c == "*" else "." if c == "?" else re.escape(c) for c in pattern.lower())
    return re.fullmatch(expression, peer) is not None


def _grant(line: AuthorizedLine) -> Grant:
    forwarding = pty = True
    for name, _ in line.options:
        if name == "restrict":
            forwarding = pty = False
        elif name in ("port-forwarding", "no-port-forwarding"):
            forwarding = name == "port-forwarding"
        elif name in ("pty", "no-pty"):
            pty = name == "pty"
    commands = line.values("command")
    return Grant(commands[0] if commands else None, forwarding, pty, tuple(line.values("permitopen")))
