"""known_hosts files and what they say about one server: judged by us (unit) and by ssh itself (real).

Every text is a template: HOST and PORT are the server, KEY is the `type base64` that it shows, OTHER another key of
the same type, RSA a key of another type, HASH(name) a hashed name.
"""

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass

from homelab_tui.domain.keys import HostKeyState

S = HostKeyState


@dataclass(frozen=True, slots=True)
class Case:
    name: str
    text: str | bytes
    expected: HostKeyState
    ssh_says: HostKeyState | None = None
    """Where ssh has no word of its own for it: it calls a new type of a known host CHANGED."""

    def data(self, *, host: str, port: int, key: str, other: str, rsa: str) -> bytes:
        """The file's bytes for one server."""
        raw = self.text.encode() if isinstance(self.text, str) else self.text
        text = raw.decode("latin-1").replace("HOST", host).replace("PORT", str(port))
        text = re.sub(r"HASH\(([^)]*)\)", lambda match: hashed(match[1]), text)
        for word, value in (("OTHER", other), ("RSA", rsa), ("KEY", key)):
            text = text.replace(word, value)
        return text.encode("latin-1")


def hashed(name: str) -> str:
    """OpenSSH's |1|salt|hash, built here a second time."""
    salt = hashlib.sha1(name.encode()).digest()
    digest = hmac.new(salt, name.encode(), hashlib.sha1).digest()
    return f"|1|{base64.b64encode(salt).decode()}|{base64.b64encode(digest).decode()}"


CASES = (
    Case("empty", "", S.UNKNOWN),
    Case("plain", "[HOST]:PORT KEY\n", S.TRUSTED),
    Case("no final newline", "[HOST]:PORT KEY", S.TRUSTED),
    Case("crlf", "[HOST]:PORT KEY\r\n", S.TRUSTED),
    Case("comment after the key", "[HOST]:PORT KEY me@home\n", S.TRUSTED),
    Case("latin-1 comment", b"[HOST]:PORT KEY caf\xe9\n", S.TRUSTED),
    Case("tabs and blanks", "  [HOST]:PORT\t  KEY\n", S.TRUSTED),
    Case("commented out", "#[HOST]:PORT KEY\n", S.UNKNOWN),
    Case("another host", "[10.9.9.9]:PORT KEY\n", S.UNKNOWN),
    Case("another port", "[HOST]:1 KEY\n", S.UNKNOWN),
    Case("plain name falls back", "HOST KEY\n", S.TRUSTED),
    Case("plain name with another key says nothing", "HOST OTHER\n", S.UNKNOWN),
    Case("plain name revoked", "@revoked HOST KEY\n", S.REVOKED),
    Case("port known otherwise, plain name right", "[HOST]:PORT OTHER\nHOST KEY\n", S.CHANGED),
    Case("changed", "[HOST]:PORT OTHER\n", S.CHANGED),
    Case("old and new", "[HOST]:PORT OTHER\n[HOST]:PORT KEY\n", S.TRUSTED),
    Case("other type only", "[HOST]:PORT RSA\n", S.NEW_TYPE, S.CHANGED),
    Case("several types", "[HOST]:PORT RSA\n[HOST]:PORT KEY\n", S.TRUSTED),
    Case("other type right, this one wrong", "[HOST]:PORT RSA\n[HOST]:PORT OTHER\n", S.CHANGED),
    Case("list of names", "nas,[HOST]:PORT,10.1.1.1 KEY\n", S.TRUSTED),
    Case("star", "* KEY\n", S.TRUSTED),
    Case("star in brackets", "[127.*]:PORT KEY\n", S.TRUSTED),
    Case("question marks", "[127.?.?.1]:PORT KEY\n", S.TRUSTED),
    Case("question mark that does not fit", "[127.??.0.1]:PORT KEY\n", S.UNKNOWN),
    Case("brackets are no character class", "[12][27].0.0.1 KEY\n", S.UNKNOWN),
    Case("negated", "*,![HOST]:PORT KEY\n", S.TRUSTED),  # the plain name is not negated, and ssh falls back to it
    Case("negated both ways", "*,!*HOST* KEY\n", S.UNKNOWN),
    Case("negated alone", "![10.0.0.1]:PORT KEY\n", S.UNKNOWN),
    Case("hashed", "HASH([HOST]:PORT) KEY\n", S.TRUSTED),
    Case("hashed plain name", "HASH(HOST) KEY\n", S.TRUSTED),
    Case("hashed other name", "HASH([10.0.0.1]:PORT) KEY\n", S.UNKNOWN),
    Case("hashed and changed", "HASH([HOST]:PORT) OTHER\n", S.CHANGED),
    Case("hashed in a list", "HASH([HOST]:PORT),nas KEY\n", S.UNKNOWN),
    Case("broken hash", "|1|AAAA|BBBB KEY\n", S.UNKNOWN),
    Case("revoked", "@revoked [HOST]:PORT KEY\n", S.REVOKED),
    Case("revoked everywhere", "@revoked * KEY\n[HOST]:PORT KEY\n", S.REVOKED),
    Case("another key revoked", "@revoked * OTHER\n[HOST]:PORT KEY\n", S.TRUSTED),
    Case("certificate authority only", "@cert-authority * KEY\n", S.UNKNOWN),
    Case("certificate authority beside it", "@cert-authority * OTHER\n[HOST]:PORT KEY\n", S.TRUSTED),
    Case("unknown marker", "@made-up [HOST]:PORT KEY\n", S.UNKNOWN),
    Case("two markers", "@revoked @revoked [HOST]:PORT KEY\n", S.UNKNOWN),
    Case("marker alone", "@revoked\n[HOST]:PORT KEY\n", S.TRUSTED),
    Case("truncated line before it", "[HOST]:PORT ssh-rsa\n[HOST]:PORT KEY\n", S.TRUSTED),
    Case("bad base64 before it", "[HOST]:PORT ssh-rsa AA*A\n[HOST]:PORT KEY\n", S.TRUSTED),
    Case("one word before it", "gibberish\n[HOST]:PORT KEY\n", S.TRUSTED),
    Case("unknown type before it", "[HOST]:PORT ssh-moon AAAA\n[HOST]:PORT KEY\n", S.TRUSTED),
    Case("bad base64 of the same type", "[HOST]:PORT ssh-ed25519 AAAA\n", S.UNKNOWN),
    Case("nul in the comment", b"[HOST]:PORT KEY a\0b\n", S.TRUSTED),
    Case("blank lines", "\n\n \t\n[HOST]:PORT KEY\n", S.TRUSTED),
    Case("binary rubbish around it", b"\xff\xfe\x00\x01\n[HOST]:PORT KEY\n\x80\x81", S.TRUSTED),
)
