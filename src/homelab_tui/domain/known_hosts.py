"""known_hosts, read and judged as ssh does it (OpenSSH's hostfile.c and sshconnect.c).

A line that cannot be read is passed over; it never keeps the others from being read.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable
from enum import StrEnum

from homelab_tui.domain.key_blobs import KEY_TYPES, BadKeyBlob, blob_bits, blob_type, decode_base64
from homelab_tui.domain.keys import HostKeyState
from homelab_tui.domain.values import Frozen

DEFAULT_PORT = 22

_MARKER = re.compile(r"@([^ \t]{1,30})[ \t]+")


class Marker(StrEnum):
    """What stands before the host names of a line."""

    NONE = ""
    CA = "@cert-authority"
    REVOKED = "@revoked"


class KnownHost(Frozen):
    """One line that ssh can read."""

    file: str
    line: int
    """1-based."""
    marker: Marker
    names: str
    """The first field as it stands: names and patterns with commas between them, or one hashed name."""
    key_type: str
    blob: bytes

    @property
    def place(self) -> str:
        """`file:line`, for a person."""
        return f"{self.file}:{self.line}"


class Judgement(Frozen):
    """How an offered host key stands, and which line says so."""

    state: HostKeyState
    entry: KnownHost | None = None
    """The line that agrees (TRUSTED, REVOKED) or contradicts (CHANGED, NEW_TYPE); None for UNKNOWN."""


class KnownHosts:
    """The lines of known_hosts files, in order. Which of them are about a server is found out once for each name.

    A hashed line costs an HMAC to compare, and a home with a thousand of them is asked about every node it has.
    """

    def __init__(self, entries: Iterable[KnownHost]) -> None:
        self._entries = tuple(entries)
        self._about: dict[str, tuple[KnownHost, ...]] = {}

    def about(self, name: str) -> tuple[KnownHost, ...]:
        """The lines whose first field is about a server. `name` is a lookup_name()."""
        found = self._about.get(name)
        if found is None:
            found = tuple(entry for entry in self._entries if names_match(entry.names, name))
            self._about[name] = found
        return found


def parse_known_hosts(data: bytes, file: str) -> tuple[KnownHost, ...]:
    """Every line that ssh can read, in the file's order. `file` is only remembered."""
    lines = enumerate(data.split(b"\n"), 1)
    entries = (_parse_line(raw, file, number) for number, raw in lines)
    return tuple(entry for entry in entries if entry is not None)


def lookup_name(host: str, port: int) -> str:
    """The name that a server is looked up by: `[host]:port` where the port is not 22; always lower case."""
    return host.lower() if port == DEFAULT_PORT else f"[{host.lower()}]:{port}"


def judge(entries: Iterable[KnownHost] | KnownHosts, host: str, port: int, key_type: str, blob: bytes) -> Judgement:
    """What ssh would say of this key from this server.

    A server on another port than 22 is also trusted (or revoked) when the key is so for its plain name; a plain name
    with another key says nothing about it. `@cert-authority` lines are about certificates, which are not offered here.
    """
    every = entries if isinstance(entries, KnownHosts) else KnownHosts(entries)
    judgement = _judge_name(every, lookup_name(host, port), key_type, blob)
    if judgement.state is HostKeyState.UNKNOWN and port != DEFAULT_PORT:
        fallback = _judge_name(every, host.lower(), key_type, blob)
        if fallback.state in (HostKeyState.TRUSTED, HostKeyState.REVOKED):
            return fallback
    return judgement


def known_types(entries: Iterable[KnownHost] | KnownHosts, host: str, port: int) -> tuple[str, ...]:
    """Types of the keys that this server is known by, to ask it for these first."""
    every = entries if isinstance(entries, KnownHosts) else KnownHosts(entries)
    for name in dict.fromkeys((lookup_name(host, port), host.lower())):
        found = tuple(dict.fromkeys(entry.key_type for entry in every.about(name) if entry.marker is Marker.NONE))
        if found:
            return found
    return ()


def known_host_line(host: str, port: int, key_type: str, blob: bytes, *, salt: bytes | None = None) -> bytes:
    """A new line, with its LF, in OpenSSH's own form; with 20 random bytes of `salt` the name is hashed."""
    name = lookup_name(host, port)
    field = name if salt is None else _hashed(name, salt)
    return f"{field} {key_type} {base64.b64encode(blob).decode('ascii')}\n".encode()


def names_match(names: str, name: str) -> bool:
    """Whether the first field of a line is about a server. `name` is a lookup_name().

    Patterns know `*`, `?` and `!`; one negated pattern that matches decides against the whole line.
    """
    if names.startswith("|"):
        parts = names.split("|")
        if len(parts) != 4 or parts[1] != "1":
            return False
        try:
            salt = base64.b64decode(parts[2], validate=True)
        except ValueError:
            return False
        return len(salt) == 20 and hmac.compare_digest(_hashed(name, salt).encode(), names.encode("utf-8", "replace"))
    matched = False
    for pattern in names.lower().split(","):
        if pattern.startswith("!"):
            if _pattern_matches(pattern[1:], name):
                return False
        elif _pattern_matches(pattern, name):
            matched = True
    return matched


def _judge_name(entries: KnownHosts, name: str, key_type: str, blob: bytes) -> Judgement:
    matching = entries.about(name)
    for entry in matching:
        if entry.marker is Marker.REVOKED and entry.blob == blob:
            return Judgement(HostKeyState.REVOKED, entry)
    plain = [entry for entry in matching if entry.marker is Marker.NONE]
    for entry in plain:
        if entry.blob == blob:
            return Judgement(HostKeyState.TRUSTED, entry)
    for entry in plain:
        if entry.key_type == key_type:
            return Judgement(HostKeyState.CHANGED, entry)
    return Judgement(HostKeyState.NEW_TYPE, plain[0]) if plain else Judgement(HostKeyState.UNKNOWN)


def _parse_line(raw: bytes, file: str, number: int) -> KnownHost | None:
    """One line without its LF; None for what ssh passes over."""
    text = raw.split(b"\0", 1)[0].decode("latin-1").lstrip(" \t")
    if not text or text.startswith("#"):
        return None
    marker = Marker.NONE
    if text.startswith("@"):
        match = _MARKER.match(text)
        if match is None or f"@{match[1]}" not in (Marker.CA, Marker.REVOKED):
            return None
        marker, text = Marker(f"@{match[1]}"), text[match.end() :]
        if text.startswith("@"):  # ssh takes one marker a line
            return None
    fields = re.split(r"[ \t]+", text, maxsplit=3)
    if len(fields) < 3 or fields[1] not in KEY_TYPES:
        return None
    try:
        blob = decode_base64(fields[2].encode("latin-1"))
        if blob_type(blob) != fields[1]:
            return None
        blob_bits(blob)
    except BadKeyBlob:
        return None
    return KnownHost(file, number, marker, fields[0], fields[1], blob)


def _hashed(name: str, salt: bytes) -> str:
    """`|1|salt|hash`: HMAC-SHA1 is the format's own, and hides names, not secrets."""
    digest = hmac.new(salt, name.encode("utf-8", "surrogateescape"), hashlib.sha1).digest()
    return f"|1|{base64.b64encode(salt).decode('ascii')}|{base64.b64encode(digest).decode('ascii')}"


def _pattern_matches(pattern: str, name: str) -> bool:
    """OpenSSH's match_pattern(): `*` and `?` are special, brackets are not (so fnmatch will not do)."""
    if not pattern:
        return False
    if "*" not in pattern and "?" not in pattern:  # nearly every name in a file: no expression is made of it
        return pattern == name
    parts = (".*" if char == "*" else "." if char == "?" else re.escape(char) for char in re.sub(r"\*+", "*", pattern))
    return re.fullmatch("".join(parts), name, re.DOTALL) is not None
