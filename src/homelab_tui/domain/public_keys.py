"""Public keys as people keep them: the one line of a `.pub` file, its fingerprint and its picture."""

import base64
import hashlib
import re

from homelab_tui.domain.key_blobs import (
    KEY_TYPES,
    TYPE_WORDS,
    BadKeyBlob,
    blob_bits,
    blob_type,
    decode_base64,
    fingerprint,
)
from homelab_tui.domain.keys import PublicKey
from homelab_tui.domain.values import replace

MAX_PUBLIC_KEY_BYTES = 16 * 1024
"""Longest `.pub` file that is read. A 16,384-bit RSA key takes 2.8 KiB."""

_PICTURE_WIDTH, _PICTURE_HEIGHT = 17, 9
_PICTURE_GLYPHS = " .o+=*BOX@%&#/^SE"

_SEPARATOR = re.compile(rb"[ \t]+")


class BadPublicKey(ValueError):
    """A text that is no public key. The message says why, as the end of a sentence that starts with the file's name."""


def parse_public_key(data: bytes) -> PublicKey:
    """The key of a `.pub` file: exactly one line, a known type, and a blob that says the same type.

    Raises BadPublicKey; the message holds nothing of the data, because it may be a private key.
    """
    if b"PRIVATE KEY" in data:
        raise BadPublicKey("is a private key; name the .pub file beside it")
    if len(data) > MAX_PUBLIC_KEY_BYTES:
        raise BadPublicKey(f"is longer than {MAX_PUBLIC_KEY_BYTES // 1024} KiB, which no public key is")
    if b"\0" in data:
        raise BadPublicKey("holds a NUL byte")
    if data.startswith(b"\xef\xbb\xbf"):
        raise BadPublicKey("starts with a byte order mark; save it as plain text")
    lines = [line for line in data.replace(b"\r\n", b"\n").split(b"\n") if line.strip(b" \t")]
    if len(lines) != 1:
        raise BadPublicKey("is empty" if not lines else f"holds {len(lines)} lines, and a public key is one")
    return parse_key_line(lines[0])


def parse_key_line(line: bytes) -> PublicKey:
    """The key of one `type base64 [comment]` line without options. Raises BadPublicKey."""
    if b"\n" in line or b"\r" in line:
        raise BadPublicKey("has a line break inside the key")
    words = _SEPARATOR.split(line.strip(b" \t"), maxsplit=2)
    key_type = words[0].decode("ascii", "replace")
    if "-cert-v01@" in key_type:
        raise BadPublicKey("is a certificate, not a key")
    if key_type not in KEY_TYPES:
        raise BadPublicKey("does not start with a key type that ssh knows (ssh-ed25519, ssh-rsa, …)")
    if len(words) < 2:
        raise BadPublicKey("has a key type, but no key after it")
    comment = words[2].decode("utf-8", "replace").rstrip() if len(words) == 3 else ""
    try:
        blob = decode_base64(words[1])
        if blob_type(blob) != key_type:
            raise BadPublicKey(f"says {key_type}, but the key itself says another type")
        return key_of_blob(blob, comment)
    except BadKeyBlob as error:
        raise BadPublicKey(f"cannot be read as a key: {error}") from error


def key_of_blob(blob: bytes, comment: str = "") -> PublicKey:
    """A key from its decoded blob, as an agent gives it. Raises BadKeyBlob."""
    bits = blob_bits(blob)
    return PublicKey(blob_type(blob), blob, comment, bits=bits, fingerprint=fingerprint(blob))


def key_line(key: PublicKey) -> bytes:
    """The line that goes into an authorized_keys file, without a line end.

    The comment loses its control characters: it is the only part that a stranger may have written.
    """
    comment = "".join(char for char in key.comment if char.isprintable()).strip()
    line = f"{key.type} {base64.b64encode(key.blob).decode('ascii')}"
    return f"{line} {comment}".encode() if comment else line.encode("ascii")


def is_same_key(one: PublicKey, other: PublicKey) -> bool:
    """Whether sshd would take the two for one: comment and file do not count."""
    return one.type == other.type and one.blob == other.blob


def with_private_half(key: PublicKey, *, path: str | None, private_path: str | None) -> PublicKey:
    """The key as it lies on this machine."""
    return replace(key, path=path, private_path=private_path)


def randomart(blob: bytes) -> tuple[str, ...]:
    """The picture that `ssh-keygen -lv` draws of a key (the drunken bishop's walk over its SHA-256), line by line.

    Raises BadKeyBlob when the blob is no key.
    """
    visits = _walk(hashlib.sha256(blob).digest())
    bits, word = blob_bits(blob), TYPE_WORDS[blob_type(blob)]
    title = f"[{word} {bits}]"
    if len(title) > _PICTURE_WIDTH:
        title = f"[{word}]"
    rows = ("".join(_PICTURE_GLYPHS[visits[x][y]] for x in range(_PICTURE_WIDTH)) for y in range(_PICTURE_HEIGHT))
    return (_border(title), *(f"|{row}|" for row in rows), _border("[SHA256]"))


def _walk(digest: bytes) -> list[list[int]]:
    """How often each field was visited; start and end have glyphs of their own."""
    last = len(_PICTURE_GLYPHS) - 1
    field = [[0] * _PICTURE_HEIGHT for _ in range(_PICTURE_WIDTH)]
    x, y = _PICTURE_WIDTH // 2, _PICTURE_HEIGHT // 2
    for byte in digest:
        for pair in range(4):
            step = byte >> (2 * pair)
            x = min(max(x + (1 if step & 1 else -1), 0), _PICTURE_WIDTH - 1)
            y = min(max(y + (1 if step & 2 else -1), 0), _PICTURE_HEIGHT - 1)
            if field[x][y] < last - 2:
                field[x][y] += 1
    field[_PICTURE_WIDTH // 2][_PICTURE_HEIGHT // 2] = last - 1
    field[x][y] = last
    return field


def _border(title: str) -> str:
    left = (_PICTURE_WIDTH - len(title)) // 2
    return f"+{'-' * left}{title}{'-' * (_PICTURE_WIDTH - len(title) - left)}+"
