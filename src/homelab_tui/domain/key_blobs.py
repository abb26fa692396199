"""What is inside the base64 of an SSH public key: read as strictly as OpenSSH reads it, so that we never call a key
good that sshd would pass over.
"""

import base64
import binascii
import hashlib

from homelab_tui.domain.values import Frozen

RSA_MIN_BITS = 1024
"""OpenSSH's SSH_RSA_MINIMUM_MODULUS_SIZE: a smaller key is no key to it."""
RSA_MAX_BITS = 16384

_C_SPACE = b"\t\n\v\f\r "
"""What C's isspace() skips, and so OpenSSH's base64 reader too."""


class BadKeyBlob(ValueError):
    """Bytes that OpenSSH would not take for a public key. The message is a phrase, not a sentence."""


class _Curve(Frozen):
    """y² = x³ − 3x + b over the prime field p."""

    name: str
    bits: int
    p: int
    b: int


_CURVES = {
    curve.name: curve
    for curve in (
        _Curve(
            "nistp256",
            256,
            2**256 - 2**224 + 2**192 + 2**96 - 1,
            0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B,
        ),
        _Curve(
            "nistp384",
            384,
            2**384 - 2**128 - 2**96 + 2**32 - 1,
            0xB3312FA7E23EE7E4988E056BE3F82D19181D9C6EFE8141120314088F5013875AC656398D8A2ED19D2A85C8EDD3EC2AEF,
        ),
        _Curve(
            "nistp521",
            521,
            2**521 - 1,
            0x0051953EB9618E1C9A1F929A21A0B68540EEA2DA725B99B315F3B8B489918EF109E156193951EC7E937B1652C0BD3BB1BF073573DF883D2C34F1EF451FD46B503F00,
        ),
    )
}

_ECDSA = {f"ecdsa-sha2-{name}": curve for name, curve in _CURVES.items()}

TYPE_WORDS = {
    "ssh-ed25519": "ED25519",
    "ssh-rsa": "RSA",
    "ecdsa-sha2-nistp256": "ECDSA",
    "ecdsa-sha2-nistp384": "ECDSA",
    "ecdsa-sha2-nistp521": "ECDSA",
    "sk-ssh-ed25519@openssh.com": "ED25519-SK",
    "sk-ecdsa-sha2-nistp256@openssh.com": "ECDSA-SK",
    "ssh-dss": "DSA",
}
"""Every key type that OpenSSH reads -> the word that `ssh-keygen -l` prints for it."""

KEY_TYPES = frozenset(TYPE_WORDS)


def decode_base64(text: bytes) -> bytes:
    """The bytes behind one base64 word, white space inside it skipped as OpenSSH does. Raises BadKeyBlob."""
    packed = text.translate(None, _C_SPACE)
    try:
        blob = base64.b64decode(packed, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadKeyBlob("the key is not base64") from error
    if not blob or base64.b64encode(blob) != packed:
        raise BadKeyBlob("the key is not base64")
    return blob


def fingerprint(blob: bytes) -> str:
    """`SHA256:…`, as `ssh-keygen -l` prints it."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).rstrip(b"=").decode("ascii")


def blob_type(blob: bytes) -> str:
    """The type that a key says it is of, in its own first field. Raises BadKeyBlob."""
    name, _ = _string(blob, 0)
    return name.decode("ascii", "replace")


def blob_bits(blob: bytes) -> int:
    """Checks a key through and through, and gives its size in bits as `ssh-keygen -l` does. Raises BadKeyBlob."""
    key_type = blob_type(blob)
    name, position = _string(blob, 0)
    if name.decode("ascii", "replace") not in KEY_TYPES:
        raise BadKeyBlob("the key's own type is not one that ssh knows")
    if key_type == "ssh-rsa":
        bits, position = _rsa_bits(blob, position)
    elif key_type == "ssh-dss":
        bits, position = _dss_bits(blob, position)
    elif key_type in ("ssh-ed25519", "sk-ssh-ed25519@openssh.com"):
        point, position = _string(blob, position)
        if len(point) != 32:
            raise BadKeyBlob("the ed25519 key is not 32 bytes long")
        bits = 256
    elif key_type == "sk-ecdsa-sha2-nistp256@openssh.com":
        bits, position = _ecdsa_bits(blob, position, _CURVES["nistp256"])
    else:
        bits, position = _ecdsa_bits(blob, position, _ECDSA[key_type])
    if key_type.startswith("sk-"):
        _, position = _string(blob, position)  # the application, usually "ssh:"
    if position != len(blob):
        raise BadKeyBlob("there are bytes after the key's end")
    return bits


def _string(blob: bytes, position: int) -> tuple[bytes, int]:
    """One length-prefixed field, and where the next one starts."""
    end = position + 4
    if end > len(blob):
        raise BadKeyBlob("the key is cut short")
    length = int.from_bytes(blob[position:end], "big")
    if end + length > len(blob):
        raise BadKeyBlob("the key is cut short")
    return blob[end : end + length], end + length


def _number(blob: bytes, position: int) -> tuple[int, int]:
    """One multi-precision integer; OpenSSH takes no negative one."""
    raw, position = _string(blob, position)
    if raw and raw[0] & 0x80:
        raise BadKeyBlob("the key holds a negative number")
    if len(raw.lstrip(b"\0")) > RSA_MAX_BITS // 8:
        raise BadKeyBlob("the key holds a number that is too large")
    return int.from_bytes(raw, "big"), position


def _rsa_bits(blob: bytes, position: int) -> tuple[int, int]:
    _, position = _number(blob, position)
    modulus, position = _number(blob, position)
    if modulus.bit_length() < RSA_MIN_BITS:
        raise BadKeyBlob(f"the RSA key has {modulus.bit_length()} bits, and sshd takes none below {RSA_MIN_BITS}")
    return modulus.bit_length(), position


def _dss_bits(blob: bytes, position: int) -> tuple[int, int]:
    prime, position = _number(blob, position)
    for _ in range(3):
        _, position = _number(blob, position)
    return prime.bit_length(), position


def _ecdsa_bits(blob: bytes, position: int, curve: _Curve) -> tuple[int, int]:
    name, position = _string(blob, position)
    if name != curve.name.encode("ascii"):
        raise BadKeyBlob("the key's curve is not the one of its type")
    point, position = _string(blob, position)
    size = (curve.bits + 7) // 8
    if len(point) != 1 + 2 * size or point[0] != 4:
        raise BadKeyBlob("the key's point is not an uncompressed one")
    x, y = int.from_bytes(point[1 : 1 + size], "big"), int.from_bytes(point[1 + size :], "big")
    if x >= curve.p or y >= curve.p or (y * y - (x * x * x - 3 * x + curve.b)) % curve.p != 0:
        raise BadKeyBlob("the key's point is not on its curve")
    return curve.bits, position
